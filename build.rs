//! Link settings of the module.

// Cargo reads these lines; the ban is for what runs inside a host.
#![allow(clippy::disallowed_macros)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // They go with the feature: cargo knows no link arguments for a C library that only its command line asks for. The
    // shipped programs are built without it.
    if cfg!(feature = "module") {
        // Never unloaded: std registers a pthread key destructor inside our image, and a host thread that
        // exits after dlclose would jump into unmapped memory (and each reload would use up a TLS key).
        println!("cargo::rustc-link-arg=-Wl,-z,nodelete");
        println!("cargo::rustc-link-arg=-Wl,-z,relro,-z,now");
    }
    // The unwinder, in our own image: libgcc_s is one more library that each login, and each request at the door, would look
    // for, map and bind, a third of what loading costs. Its names stay inside, and a host that has libgcc_s keeps its own.
    println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
}
