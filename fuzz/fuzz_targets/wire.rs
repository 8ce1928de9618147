//! What comes through the door, in either direction, of any bytes: what is read is printed and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pam_totp::door::message::MAX;
use pam_totp::door::wire::{Reply, Request};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = Request::parse(bytes) {
        let printed = request.print();
        assert!(printed.len() <= MAX);
        let again = Request::parse(printed.as_bytes()).expect("what was printed is read");
        assert_eq!(again.print(), printed);
    }
    if let Ok(reply) = Reply::parse(bytes) {
        assert_eq!(Reply::parse(reply.print().as_bytes()), Ok(reply));
    }
});
