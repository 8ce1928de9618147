//! Whole machines under qemu.

mod clock;
mod guest;
mod power;
mod read_only;
mod slow;
mod suspend;
