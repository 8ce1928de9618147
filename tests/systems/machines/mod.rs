//! Whole machines under qemu.

mod guest;
mod ways;
