//! What the packages do when they are installed, upgraded and removed: their own scripts, run as dpkg runs them.

use super::profile::{install, stacks, update};
use crate::support::system::{System, pam_folder, throw_away};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SOURCES: &str = "/mnt/sources/packaging";
const POLICY: &str = "/etc/security/pam_totp.toml";
const KEYS: &str = "/var/lib/pam_totp/secrets/alice.toml";

/// What the scripts find once the packages are unpacked.
fn unpack(system: &System) {
    install(system);
    for (file, to) in [
        ("debian/named-in-stacks", "/usr/libexec/libpam-totp"),
        ("debian/removal.sh", "/usr/share/libpam-totp"),
        ("pam_totp.toml", "/usr/share/libpam-totp"),
    ] {
        fs::create_dir_all(to).expect("a folder");
        system.runs(Command::new("cp").arg(format!("{SOURCES}/{file}")).arg(to));
    }
    for package in ["libpam-totp", "pam-totp"] {
        let templates = format!("{SOURCES}/debian/{package}.templates");
        // po-debconf's mark of what can be translated.
        let text = fs::read_to_string(templates).expect("templates").replace("_Description:", "Description:");
        system.file(&format!("/var/lib/dpkg/info/{package}.templates"), &text);
    }
}

fn script(system: &System, package: &str, name: &str, arguments: &[&str]) -> Output {
    // The name tells debconf whose questions they are.
    let path = format!("/var/lib/dpkg/info/{package}.{name}");
    system.runs(Command::new("install").args(["-m", "755", &format!("{SOURCES}/debian/{package}.{name}"), &path]));
    let mut command = Command::new(&path);
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").env("DPKG_MAINTSCRIPT_PACKAGE", package);
    system.tries(&mut command, "")
}

fn runs(system: &System, package: &str, name: &str, arguments: &[&str]) -> String {
    let output = script(system, package, name, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{package}.{name} {arguments:?}: {said}");
    said
}

fn says_yes(system: &System, package: &str, question: &str) {
    system
        .reads(&mut Command::new("debconf-set-selections"), &format!("{package} {package}/{question} boolean true\n"));
}

#[test]
fn the_policy_is_made_once_and_is_the_administrators_from_then_on() {
    throw_away(|system| {
        unpack(system);
        runs(system, "libpam-totp", "postinst", &["configure", ""]);
        assert_eq!(fs::read_to_string(POLICY).expect("a policy"), include_str!("../../../packaging/pam_totp.toml"));
        system.policy("window = 2\n");
        runs(system, "libpam-totp", "postinst", &["configure", "0.0.1-1"]);
        runs(system, "libpam-totp", "postinst", &["configure", ""]);
        assert_eq!(fs::read_to_string(POLICY).expect("a policy"), "window = 2\n");
        fs::remove_file(POLICY).expect("a policy");
        runs(system, "libpam-totp", "postinst", &["configure", "0.0.1-1"]);
        assert!(!Path::new(POLICY).exists(), "it was removed, and came back");
    });
}

#[test]
fn removal_takes_the_profile_out_and_an_upgrade_does_not() {
    throw_away(|system| {
        unpack(system);
        update(system, &["--package"]);
        let before = stacks();
        update(system, &["--enable", "pam-totp"]);
        let enabled = stacks();
        assert_ne!(before, enabled);
        for package in ["pam-totp", "libpam-totp"] {
            runs(system, package, "prerm", &["upgrade", "9.9-1"]);
        }
        runs(system, "libpam-totp", "postinst", &["configure", "0.0.1-1"]);
        assert_eq!(stacks(), enabled, "an upgrade keeps what was switched on");
        for package in ["pam-totp", "libpam-totp"] {
            runs(system, package, "prerm", &["remove"]);
        }
        assert_eq!(stacks(), before);
    });
}

#[test]
fn removal_stops_while_a_stack_names_the_module() {
    throw_away(|system| {
        unpack(system);
        update(system, &["--enable", "pam-totp"]);
        system.stack("su", "#auth required pam_totp.so\nauth required pam_unix.so\n");
        system.stack("su.dpkg-old", "auth required pam_totp.so\n");
        fs::create_dir_all("/usr/lib/pam.d").expect("a folder");
        system.file("/usr/lib/pam.d/polkit-1", "auth required pam_totp.so\n");
        system.stack("sshd", "@include common-auth\nauth requisite pam_totp.so explain\n");
        let before = stacks();
        for package in ["pam-totp", "libpam-totp"] {
            let stopped = script(system, package, "prerm", &["remove"]);
            assert!(!stopped.status.success(), "{package}");
            let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
            assert!(said.contains(&format!("{package} is not removed.")), "{said}");
            for file in ["/etc/pam.d/sshd", "/usr/lib/pam.d/polkit-1"] {
                assert!(said.contains(&format!("\n    {file}\n")), "{said}");
            }
            assert!(said.contains("\n    pam-totp stack remove sshd\n"), "{said}");
            assert!(!said.contains("/etc/pam.d/su\n") && !said.contains("su.dpkg-old"), "{said}");
            assert!(!said.contains("common-auth"), "what pam-auth-update takes out is nobody's work: {said}");
            assert_eq!(stacks(), before, "what was stopped has changed nothing");
        }

        // Whoever says so beforehand is believed, once.
        for package in ["pam-totp", "libpam-totp"] {
            says_yes(system, package, "remove-in-use");
            runs(system, package, "prerm", &["remove"]);
            assert!(!script(system, package, "prerm", &["remove"]).status.success(), "{package}");
        }
    });
}

/// pam-auth-update leaves such a file as it is, and so the lines stay.
#[test]
fn removal_stops_where_somebody_has_edited_what_the_profile_wrote() {
    throw_away(|system| {
        unpack(system);
        update(system, &["--enable", "pam-totp"]);
        let text = fs::read_to_string("/etc/pam.d/common-auth").expect("common-auth");
        let edited = text.replace("# here's the fallback", "auth optional pam_permit.so\n# here's the fallback");
        assert_ne!(edited, text);
        system.stack("common-auth", &edited);
        let stopped = script(system, "libpam-totp", "prerm", &["remove"]);
        let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
        assert!(!stopped.status.success() && said.contains("\n    /etc/pam.d/common-auth\n"), "{said}");
    });
}

/// Whoever had `make install` first installs the packages over it, and then takes away what is left of it.
#[test]
fn make_uninstall_leaves_a_package_alone() {
    throw_away(|system| {
        let module = pam_folder().join("pam_totp.so");
        let uninstall = || {
            let mut command = Command::new("/mnt/sources/scripts/uninstall");
            let folder = module.parent().expect("a folder");
            system.tries(command.env("PREFIX", "/usr/local").env("MODULEDIR", folder), "")
        };
        system.stack("su", "auth required pam_totp.so\n");
        assert!(!uninstall().status.success(), "nobody could become another user");

        system.file("/var/lib/dpkg/info/libpam-totp.list", &format!("/.\n{}\n", module.display()));
        let entry =
            "Package: libpam-totp\nStatus: install ok installed\nMaintainer: x\nArchitecture: all\nVersion: 1\n";
        let status = fs::read_to_string("/var/lib/dpkg/status").expect("dpkg's status");
        system.file("/var/lib/dpkg/status", &format!("{status}\n{entry}Description: x\n"));
        system.file("/usr/local/bin/pam-totp", "");
        let output = uninstall();
        assert!(output.status.success(), "{output:?}");
        assert!(module.exists() && Path::new("/var/spool/pam_totp").exists());
        assert!(!Path::new("/usr/local/bin/pam-totp").exists());
    });
}

#[test]
fn purge_keeps_the_keys_and_the_policy_unless_told() {
    const CONFMODULE: &str = "/usr/share/debconf/confmodule";
    const AWAY: &str = "/usr/share/debconf/confmodule.away";
    throw_away(|system| {
        unpack(system);
        system.enrolled("alice");
        system.policy("window = 2\n");
        let kept = || Path::new(KEYS).exists() && Path::new(POLICY).exists();
        runs(system, "libpam-totp", "postrm", &["remove"]);
        let said = runs(system, "libpam-totp", "postrm", &["purge"]);
        assert!(
            kept() && said.contains("kept /var/lib/pam_totp\n") && said.contains(&format!("kept {POLICY}\n")),
            "{said}"
        );
        assert!(!Path::new("/var/spool/pam_totp").exists());

        fs::rename(CONFMODULE, AWAY).expect("debconf");
        let said = runs(system, "libpam-totp", "postrm", &["purge"]);
        assert!(kept() && said.contains("kept /var/lib/pam_totp\n"), "{said}");
        fs::rename(AWAY, CONFMODULE).expect("debconf");

        says_yes(system, "libpam-totp", "purge-keys");
        runs(system, "libpam-totp", "postrm", &["purge"]);
        assert!(!Path::new("/var/lib/pam_totp").exists() && !Path::new(POLICY).exists());
    });
}
