//! The files that are installed on a host, as a release would have them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What makes the library a module, as in the Makefile.
const OF_A_RELEASE: [&str; 6] = ["--lib", "--crate-type", "cdylib", "--no-default-features", "--features", "module"];

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
        build("module", &[&["rustc", "--release"], &OF_A_RELEASE[..]].concat(), &[]).join("release/libpam_totp.so")
    })
}

/// The module in the profile of the tests: nothing is optimized away, and every function can be found by its name.
pub fn named() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| build("", &["build", "--example", "named"], &[]).join("debug/examples/libnamed.so"))
}

/// The module of a release with AddressSanitizer in it, which stable Rust has under a name that says what it thinks of that.
pub fn sanitized() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let of_this_machine = &format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let arguments = [&["rustc", "--release", "--target", of_this_machine], &OF_A_RELEASE[..]].concat();
        build("asan", &arguments, &[("RUSTC_BOOTSTRAP", "1"), ("RUSTFLAGS", "-Zsanitizer=address")])
            .join(of_this_machine)
            .join("release/libpam_totp.so")
    })
}

/// Module and daemon that panic where a test wants them to.
pub fn panicking() -> [&'static Path; 2] {
    static BUILT: OnceLock<[PathBuf; 2]> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        // Every crate but ours is taken as the tests have it, and what is built of ours stays apart from what they run. A cargo
        // older than 1.91 knows no folder for that, and builds all again.
        let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
        let wrapper = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/forced-panic");
        let settings = [("RUSTC_WORKSPACE_WRAPPER", wrapper), ("CARGO_BUILD_BUILD_DIR", shared)];
        // The example too: it is the module, and has cargo choose the features of the tests.
        let target = build("panics", &["build", "--bin", "pam-totpd", "--example", "named"], &settings).join("debug");
        ["examples/libnamed.so", "pam-totpd"].map(|file| target.join(file))
    });
    built.each_ref().map(PathBuf::as_path)
}

/// Builds with a folder of its own under `target/`, which is returned.
fn build(folder: &str, arguments: &[&str], environment: &[(&str, &str)]) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = package.join("target").join(folder);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args(["--locked", "--quiet", "--target-dir"]).arg(&target);
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

/// The page of Cockpit.
pub fn cockpit_page() -> &'static Path {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = make("cockpit").status().expect("make starts");
        assert!(made.success(), "the page of Cockpit does not build");
    });
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/cockpit"))
}

/// `make TARGET`, without the settings of a `make check` around the tests.
pub fn make(target: &str) -> Command {
    let mut make = Command::new("make");
    make.arg(target).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    make
}
