//! The files that are installed on a host, as a release would have them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program, which cargo built beside the tests.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_pam-totp"))
}

/// And what serves those who are not root.
pub fn daemon() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_pam-totpd"))
}

/// The module with the features and the optimization of a release: `cargo test` itself builds neither.
pub fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = package.join("target/module");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--lib", "--quiet"])
            .args(["--no-default-features", "--features", "module"])
            .arg("--target-dir")
            .arg(&target)
            .current_dir(package)
            .status()
            .expect("cargo starts");
        assert!(built.success(), "the module does not build");
        target.join("release/libpam_totp.so")
    })
}

/// The script that drives a browser, with what it needs from npm beside it.
pub fn browser() -> &'static Path {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = make("browser").status().expect("make starts");
        assert!(made.success(), "the browser's script does not install");
    });
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/browser"))
}

/// `make TARGET`, without the settings of a `make check` around the tests.
pub fn make(target: &str) -> Command {
    let mut make = Command::new("make");
    make.arg(target).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    make
}
