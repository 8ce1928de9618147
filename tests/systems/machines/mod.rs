//! Whole machines under qemu.

mod apparmor;
mod asleep;
mod clock;
mod guest;
mod power;
mod read_only;
mod selinux;
mod slow;
