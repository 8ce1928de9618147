//! Real programs that log somebody in.

mod across;
mod again;
mod cockpit;
mod cockpit_page;
mod daemons;
mod fail2ban;
mod first_login;
mod lockers;
mod logcheck;
mod login;
mod origin;
mod remember;
mod rules_at_work;
mod sshd;
mod su;
pub mod sudo;
mod transfers;
mod vsftpd;
