//! Debian 12 and 13 in containers, each booted in a second or so.

mod ansible;
mod boot;
mod closed;
mod flood;
mod journal;
mod logins;
mod packages;
mod polkit;
mod programs;
mod read_only;
mod upgrade;
