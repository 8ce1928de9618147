//! Whole machines under qemu.

mod apparmor;
mod clock;
mod guest;
mod power;
mod read_only;
mod selinux;
mod slow;
mod suspend;
