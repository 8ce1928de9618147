//! Debian 12 and 13 in containers, each booted in a second or so.

mod ansible;
mod boot;
mod packages;
