//! What comes through the door, in either direction: what is read is printed and read again.

use pam_totp::door::message::MAX;
use pam_totp::door::wire::{Reply, Request};

pub fn hold(bytes: &[u8]) {
    if let Ok(request) = Request::parse(bytes, 0) {
        let printed = request.print().expect("what was read is an owner's");
        assert!(printed.len() <= MAX);
        let again = Request::parse(printed.as_bytes(), 0).expect("what was printed is read");
        assert_eq!(again.print(), Some(printed));
    }
    if let Ok(reply) = Reply::parse(bytes) {
        assert_eq!(Reply::parse(reply.print().as_bytes()), Ok(reply));
    }
}
