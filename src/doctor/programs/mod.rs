//! Programs that ask PAM, and what they make of its answer.

pub mod dovecot;
pub mod elsewhere;
pub mod one_field;
pub mod openvpn;
pub mod pairs;
pub mod proftpd;
pub mod remember;
pub mod texts;
pub mod webmin;
