//! Link settings of the module.

// Cargo reads these lines; the ban is for what runs inside a host.
#![allow(clippy::disallowed_macros, clippy::disallowed_methods)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Whoever asks for the module gets them: cargo has a word for libraries of C alone, but not for one that only its
    // command line asks for. The programs are built without this feature.
    if std::env::var_os("CARGO_FEATURE_MODULE").is_some() {
        // Never unloaded: std registers a pthread key destructor inside our image, and a host thread that
        // exits after dlclose would jump into unmapped memory (and each reload would use up a TLS key).
        println!("cargo::rustc-link-arg=-Wl,-z,nodelete");
        println!("cargo::rustc-link-arg=-Wl,-z,relro,-z,now");
    }
}
