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
        build("module", &["--release", "--lib", "--no-default-features", "--features", "module"], &[])
            .join("release/libpam_totp.so")
    })
}

/// The module as cargo built it beside the tests: nothing is optimized away, and every function can be found by its name.
pub fn named() -> PathBuf {
    let tests = std::env::current_exe().expect("a test has a file");
    tests.with_file_name("libpam_totp.so")
}

/// The module of a release with AddressSanitizer in it, which stable Rust has under a name that says what it thinks of that.
pub fn sanitized() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let of_this_machine = &format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let arguments = ["--release", "--lib", "--no-default-features", "--features", "module"];
        let arguments = [&arguments[..], &["--target", of_this_machine]].concat();
        build("asan", &arguments, &[("RUSTC_BOOTSTRAP", "1"), ("RUSTFLAGS", "-Zsanitizer=address")])
            .join(of_this_machine)
            .join("release/libpam_totp.so")
    })
}

/// Module and daemon that panic where a test wants them to.
pub fn panicking() -> [&'static Path; 2] {
    static BUILT: OnceLock<[PathBuf; 2]> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let arguments = ["--release", "--lib", "--bin", "pam-totpd"];
        // Nobody waits for an optimization that a panic does not feel.
        let hasty = [("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")];
        let target = build("panics", &arguments, &[&[("RUSTFLAGS", "--cfg forced_panic")], &hasty[..]].concat());
        ["libpam_totp.so", "pam-totpd"].map(|file| target.join("release").join(file))
    });
    built.each_ref().map(PathBuf::as_path)
}

/// Builds with a folder of its own under `target/`, which is returned.
fn build(folder: &str, arguments: &[&str], environment: &[(&str, &str)]) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = package.join("target").join(folder);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--quiet"]).args(arguments).arg("--target-dir").arg(&target);
    let built = cargo.envs(environment.iter().copied()).current_dir(package).status().expect("cargo starts");
    assert!(built.success(), "{folder} does not build");
    target
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
