//! The module in the profile of the tests: nothing is optimized away, and every function can be found by its name.

// Its entry points are in there.
extern crate pam_totp;
