#![no_main]
#[path = "../../tests/pure/invariants/mod.rs"]
mod invariants;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| invariants::base32::hold(bytes));
