//! `pam-totpd`, asked by whoever can reach its socket.

mod door;
mod judges;
mod resident;
