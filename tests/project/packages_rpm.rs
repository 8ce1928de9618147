//! The packages for Fedora, RHEL, openSUSE, Arch and Alpine: what can be seen of them without building them. `make rpm` builds
//! those for the first three.

use std::path::Path;
use std::process::{Command, Output};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");
const SPEC: &str = "packaging/rpm/pam_totp.spec";
/// The systems as their own rpm names them, and a rpm that knows none of their macros.
const SYSTEMS: [&[&str]; 4] = [&[], &["fedora 43"], &["rhel 10"], &["suse_version 1699"]];

fn rpmspec(system: &[&str], arguments: &[&str]) -> String {
    let mut command = Command::new("rpmspec");
    for define in system {
        command.args(["--define", define]);
    }
    said(command.args(arguments).arg(SPEC))
}

fn said(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.current_dir(PACKAGE).output().expect("it starts");
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("UTF-8")
}

#[test]
fn rpm_understands_the_spec_on_each_system() {
    for system in SYSTEMS {
        let named = rpmspec(system, &["--query", "--queryformat", "%{name} %{version}\n"]);
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(named.lines().next(), Some(&*format!("pam_totp {version}")), "{system:?}");
        let whole = rpmspec(system, &["--parse"]);
        let left: Vec<_> = whole.lines().filter(|line| line.contains("%{") && !line.contains("%{_")).collect();
        assert!(left.is_empty(), "{system:?} has no such macro: {left:?}");
    }
}

#[test]
fn messages_name_the_command_that_installs_the_package_again() {
    for (system, command) in [(SYSTEMS[1], "dnf reinstall pam_totp"), (SYSTEMS[3], "zypper install --force pam_totp")] {
        let whole = rpmspec(system, &["--parse"]);
        assert!(whole.contains(&format!("PAM_TOTP_INSTALL='{command}'")), "{system:?}");
    }
}

#[test]
fn the_bundled_crates_are_those_of_the_lock() {
    said(&mut Command::new(Path::new(PACKAGE).join("packaging/rpm/bundled")));
    let provided = rpmspec(&[], &["--query", "--provides"]);
    assert!(provided.lines().any(|line| line.starts_with("bundled(crate(hmac)) = ")), "{provided}");
    assert!(!provided.contains("crate(proptest)"), "what only tests use is in no package: {provided}");
}

/// What a shell sets that reads the description of a package.
fn set_by(description: &str, name: &str) -> String {
    said(Command::new("sh").args(["-c", &format!(". packaging/{description} && printf %s \"${name}\"")]))
}

#[test]
fn arch_and_alpine_have_the_version_and_the_licenses_of_the_others() {
    let license = rpmspec(&[], &["--query", "--queryformat", "%{license}\n"]);
    let license = license.lines().next().expect("a license");
    let arch =
        said(Command::new("bash").args(["-c", ". packaging/arch/PKGBUILD; printf '%s\\n' \"$pkgver\" \"$license\""]));
    let alpine = ["pkgver", "license"].map(|name| set_by("alpine/APKBUILD", name));
    let expected = [env!("CARGO_PKG_VERSION"), license];
    assert_eq!(arch.lines().collect::<Vec<_>>(), expected);
    assert_eq!(alpine, expected);
}

#[test]
fn scripts_of_the_packages_are_scripts() {
    for script in [
        "alpine/APKBUILD",
        "alpine/pam_totp.post-install",
        "alpine/pam_totp.pre-deinstall",
        "arch/pam_totp.install",
        "arch/before-removal",
    ] {
        said(Command::new("sh").args(["-n", &format!("packaging/{script}")]));
    }
    said(Command::new("bash").args(["-n", "packaging/arch/PKGBUILD"]));
}
