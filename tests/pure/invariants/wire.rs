//! What comes through the door, in either direction: what is read is printed and read again.

use pam_totp::door::message::MAX;
use pam_totp::door::wire::{Reply, Request};

pub fn hold(bytes: &[u8]) {
    if let Ok(request) = Request::parse(bytes) {
        let printed = request.print();
        assert!(printed.len() <= MAX);
        let again = Request::parse(printed.as_bytes()).expect("what was printed is read");
        assert_eq!(again.print(), printed);
    }
    if let Ok(reply) = Reply::parse(bytes) {
        assert_eq!(Reply::parse(reply.print().as_bytes()), Ok(reply));
    }
}
