//! Link settings of the module.

// Cargo reads these lines; the ban is for what runs inside a host.
#![allow(clippy::disallowed_macros)]

fn main() {
    // Never unloaded: std registers a pthread key destructor inside our image, and a host thread that
    // exits after dlclose would jump into unmapped memory (and each reload would use up a TLS key).
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
    println!("cargo::rerun-if-changed=build.rs");
}
