//! `pam-totp doctor` finds what is broken, says nothing of what is not, and what it says to paste fixes it.

mod accounts;
mod broken;
mod doors;
mod harm;
mod libpam;
mod measured;
mod programs;
mod room;
mod seen;
mod sshd;
mod sshd_read;
mod strangers;
mod truth;

use crate::support::application::at;
use crate::support::codes::code_at;
use crate::support::door::Door;
use crate::support::program::{object, program};
use crate::support::sshd::{KEY_AND_CODE, KEYBOARD_INTERACTIVE};
use crate::support::system::{KEY, System, throw_away};
use pam_totp::system::clock::now;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Says of the clock what stands in a file, as no daemon of systemd's runs here.
const TIMEDATECTL: &str =
    "#!/bin/sh\ncase $1 in show) cat /root/clock ;; set-ntp) echo NTPSynchronized=yes >/root/clock ;; esac\n";

/// A host in order: alice is enrolled, and sshd and sudo ask for codes as the README says.
fn in_order(system: &System) {
    system.file("/usr/bin/timedatectl", TIMEDATECTL);
    system.file("/root/clock", "NTPSynchronized=yes\n");
    fs::create_dir_all("/run/sshd").expect("/run/sshd");
    fs::copy("/usr/share/openssh/sshd_config", "/etc/ssh/sshd_config").expect("Debian's own sshd_config");
    system.file("/etc/ssh/sshd_config.d/00-pam_totp.conf", KEYBOARD_INTERACTIVE);
    system.runs(Command::new("ssh-keygen").arg("-A"));
    system.enrolled("alice");
    system.stack("sshd", include_str!("../../pam.d/sshd"));
    system.stack("sudo", include_str!("../../pam.d/sudo"));
    system.stack("sudo-i", include_str!("../../pam.d/sudo-i"));
    // Further ways in, which tests of their own are about.
    shell(
        system,
        "rm -rf /usr/lib/cockpit /usr/libexec/cockpit* /usr/bin/pkexec /usr/bin/run0 /usr/lib/polkit-1 /usr/libexec/polkit*",
    );
}

/// The findings, which the exit code goes with.
fn findings(system: &System) -> Vec<Value> {
    let (exit, report) = object(system, &["doctor"], "");
    let findings = report["findings"].as_array().expect("a list").clone();
    let faults = findings.iter().any(|finding| finding["level"] == "fault");
    assert_eq!(exit, i32::from(faults), "{findings:#?}");
    for finding in findings.iter().filter(|finding| ["fault", "warning"].contains(&text(finding, "level"))) {
        assert!(finding["fix"].as_array().is_some_and(|lines| !lines.is_empty()), "nothing to paste: {finding}");
    }
    findings
}

fn text<'a>(finding: &'a Value, key: &str) -> &'a str {
    finding[key].as_str().unwrap_or_else(|| panic!("{key}: {finding}"))
}

fn of_level(findings: &[Value], level: &str) -> Vec<String> {
    let found = findings.iter().filter(|finding| finding["level"] == level);
    found.map(|finding| format!("{}: {}", text(finding, "code"), text(finding, "message"))).collect()
}

fn codes(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| text(finding, "code")).collect()
}

fn shell(system: &System, command: &str) {
    system.runs(Command::new("/bin/sh").args(["-euc", command]));
}

/// Pastes the lines into a root shell that nobody sits at: what asks cannot be among them.
fn paste(system: &System, finding: &Value) -> String {
    let lines: Vec<&str> =
        finding["fix"].as_array().expect("lines").iter().map(|l| l.as_str().expect("a line")).collect();
    let output = system.tries(Command::new("/bin/bash").arg("-c").arg(lines.join("\n")).current_dir("/root"), "");
    format!("{lines:#?}\n{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const PLACES: &str =
    "etc/pam.d etc/ssh etc/security etc/passwd etc/shadow etc/sudoers.d var/lib/pam_totp run/pam_totp root";

/// Keeps what the host is now.
fn save(system: &System) {
    shell(system, &format!("cd / && tar -cpf /tmp/saved.tar {PLACES} $(ls usr/lib/*/security/pam_totp.so)"));
}

/// As it was then.
fn restore(system: &System) {
    let others = "var/lib/other var/big var/link usr/local/lib/security";
    // What holds a mount or the shell's own folder stays.
    let places = PLACES.replace(" root", "");
    shell(
        system,
        &format!(
            "cd / && rm -rf {places} {others} && find /root -mindepth 1 -delete && tar -xpf /tmp/saved.tar\n\
             mkdir -p /run/sshd"
        ),
    );
}

#[test]
fn a_host_in_order_has_nothing_to_fix() {
    throw_away(|system| {
        in_order(system);
        let found = findings(system);
        assert_eq!((of_level(&found, "fault"), of_level(&found, "warning")), (vec![], vec![]));
        let (exit, said, _) = program(system, &["doctor"], "");
        assert_eq!(exit, 0);
        for line in [
            "  fine     synchronized, by nothing that runs here",
            "  fine     these ask for a code: sshd, sudo, sudo-i",
            "  fine     asks PAM as its stack needs it",
            "  note     does not ask again for 15.0 minutes after a code",
            "This host is in order.",
        ] {
            assert!(said.lines().any(|said| said == line), "{line}: {said}");
        }
        let module = said.lines().find(|line| line.contains("pam_totp.so, version"));
        assert!(module.is_some_and(|line| line.ends_with(env!("CARGO_PKG_VERSION"))), "{said}");
    });
}

#[test]
fn no_example_of_ours_and_nothing_of_debians_is_called_broken() {
    throw_away(|system| {
        in_order(system);
        system.runs(Command::new("cp").args(["-a", "/etc/pam.d", "/root/stock"]));
        // As Debian ships it, it remembers what was right.
        shell(system, "rm /usr/sbin/saslauthd");
        let examples = [
            ("sshd", include_str!("../../pam.d/sshd"), KEYBOARD_INTERACTIVE),
            ("sshd", include_str!("../../pam.d/sshd-one-field"), "PasswordAuthentication yes\n"),
            ("sshd", include_str!("../../pam.d/sshd-publickey"), KEY_AND_CODE),
            ("sudo", include_str!("../../pam.d/sudo"), KEYBOARD_INTERACTIVE),
            ("sudo-i", include_str!("../../pam.d/sudo-i"), KEYBOARD_INTERACTIVE),
            ("su", include_str!("../../pam.d/su"), KEYBOARD_INTERACTIVE),
            ("su-l", include_str!("../../pam.d/su-l"), KEYBOARD_INTERACTIVE),
            ("login", include_str!("../../pam.d/login"), KEYBOARD_INTERACTIVE),
            ("cockpit", include_str!("../../pam.d/cockpit"), KEYBOARD_INTERACTIVE),
            ("polkit-1", include_str!("../../pam.d/polkit-1"), KEYBOARD_INTERACTIVE),
            ("vsftpd", include_str!("../../pam.d/vsftpd"), KEYBOARD_INTERACTIVE),
        ];
        for policy in ["", "unenrolled = \"allow\"\n", "unenrolled = \"enroll\"\n"] {
            system.policy(policy);
            for (service, stack, sshd) in examples {
                shell(system, "rm -r /etc/pam.d; cp -a /root/stock /etc/pam.d");
                system.stack("sshd", include_str!("../../pam.d/sshd"));
                system.stack("sudo", include_str!("../../pam.d/sudo"));
                system.stack("sudo-i", include_str!("../../pam.d/sudo-i"));
                system.stack(service, stack);
                system.file("/etc/ssh/sshd_config.d/00-pam_totp.conf", sshd);
                let found = findings(system);
                let bad = [of_level(&found, "fault"), of_level(&found, "warning")].concat();
                assert_eq!(bad, [""; 0], "{service} {policy}: {stack}");
            }
            // And the other way of docs/stacks.md: once for nearly all programs.
            shell(system, "rm -r /etc/pam.d; cp -a /root/stock /etc/pam.d; sed -i '/pam_totp\\.so/d' /etc/pam.d/*");
            shell(system, "echo 'auth requisite pam_totp.so explain' >>/etc/pam.d/common-auth");
            shell(system, "sed -i '0,/^[^#]/s//account required pam_totp.so\\n&/' /etc/pam.d/common-account");
            system.file("/etc/ssh/sshd_config.d/00-pam_totp.conf", KEYBOARD_INTERACTIVE);
            // Programs with one field are named, and then take both there.
            let found = findings(system);
            let one_field = found.iter().filter(|finding| finding["code"] == "one_field");
            assert!(one_field.clone().any(|finding| text(finding, "message").contains("vsftpd")), "{found:#?}");
            one_field.for_each(|finding| drop(paste(system, finding)));
            let found = findings(system);
            assert_eq!([of_level(&found, "fault"), of_level(&found, "warning")].concat(), [""; 0], "{policy}");
        }
    });
}

#[test]
fn who_is_not_root_is_told_what_could_not_be_looked_at() {
    throw_away(|system| {
        in_order(system);
        let bob = system.user("bob");
        let output = system.tries(bob.command("pam-totp").args(["--json", "doctor"]), "");
        let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
        let found = report["findings"].as_array().expect("a list");
        assert!(codes(found).contains(&"needs_root"), "{found:#?}");
        assert_eq!(of_level(found, "fault"), [""; 0]);
        let store = found.iter().filter(|finding| finding["about"] == "store");
        assert!(store.clone().count() > 0 && store.into_iter().all(|finding| finding["level"] != "fine"), "{found:#?}");
    });
}

/// PostgreSQL and nginx, which run as postgres and www-data.
#[test]
fn a_daemon_whose_codes_nobody_judges_is_named() {
    throw_away(|system| {
        in_order(system);
        let stack = include_str!("../../pam.d/postgresql");
        system.file("/etc/pam.d/postgresql", stack);
        let closed = findings(system);
        assert!(codes(&closed).contains(&"no_door"), "it needs the socket: {closed:#?}");
        let _door = Door::open(now());
        let no_judge = |found: &[Value]| found.iter().find(|finding| finding["code"] == "no_judge").cloned();
        let told = no_judge(&findings(system)).expect("a finding");
        assert!(told["message"].as_str().is_some_and(|text| text.contains("postgresql runs as postgres")), "{told}");
        assert_eq!(told["fix"][0], "pam-totp policy set door.judges postgres", "{told}");
        paste(system, &told);
        assert_eq!(no_judge(&findings(system)), None);
        // Whoever is there already stays there.
        system.file("/etc/pam.d/nginx", stack);
        let told = no_judge(&findings(system)).expect("a finding");
        assert_eq!(told["fix"][0], "pam-totp policy set door.judges postgres,www-data", "{told}");
        paste(system, &told);
        assert_eq!(no_judge(&findings(system)), None);
        // By other names, which their own files have.
        shell(system, "pam-totp policy set door.judges root; rm /etc/pam.d/postgresql /etc/pam.d/nginx");
        let places = [
            (
                "/etc/postgresql/15/main",
                "pg_hba.conf",
                "local all all trust\nhost all all all pam pamservice=data\n",
                "postgres",
            ),
            ("/etc/nginx/conf.d", "web.conf", "location / {\n  auth_pam_service_name \"data\";\n}\n", "www-data"),
            (
                "/etc/apache2/sites-enabled",
                "web.conf",
                "<Location />\n  AuthPAMService data\n</Location>\n",
                "www-data",
            ),
        ];
        system.file("/etc/pam.d/data", stack);
        assert_eq!(no_judge(&findings(system)), None, "nobody names it");
        for (folder, name, text, account) in places {
            fs::create_dir_all(folder).expect("a folder");
            system.file(&format!("{folder}/{name}"), text);
            let told = no_judge(&findings(system)).expect("a finding");
            assert!(
                told["message"].as_str().is_some_and(|said| said.contains(&format!("data runs as {account}"))),
                "{told}"
            );
            fs::remove_file(format!("{folder}/{name}")).expect("it goes");
        }
    });
}

#[test]
fn the_door_is_knocked_at() {
    throw_away(|system| {
        in_order(system);
        let closed = findings(system);
        assert!(codes(&closed).contains(&"door_closed"), "{closed:#?}");
        // People know it by its program's name.
        let said = program(system, &["doctor"], "").1;
        assert!(said.contains("\npam-totpd\n  note     closed: "), "{said}");
        let words: Vec<&str> = said.split_whitespace().collect();
        assert!(
            words.join(" ").contains("; a user who stops sudo in the middle can keep others from logging in"),
            "{said}"
        );
        system.file("/etc/pam.d/swaylock", "auth requisite pam_unix.so\nauth requisite pam_totp.so\n");
        assert!(codes(&findings(system)).contains(&"no_door"), "a locker runs without root");

        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let door = Door::open(now);
        let open = findings(system);
        assert!(open.iter().any(|f| f["about"] == "door" && f["level"] == "fine"), "{open:#?}");
        fs::set_permissions("/run/pam_totp/root.sock", fs::Permissions::from_mode(0o666)).expect("sets a mode");
        let found = findings(system);
        let wrong = found.iter().find(|finding| finding["code"] == "socket_mode").expect("a finding");
        paste(system, wrong);
        assert!(!codes(&findings(system)).contains(&"socket_mode"));
        fs::rename("/run/pam_totp/root.sock", "/run/elsewhere").expect("closes it for root");
        assert!(codes(&findings(system)).contains(&"no_root_door"), "sudo asks for codes");
        fs::rename("/run/elsewhere", "/run/pam_totp/root.sock").expect("opens it again");
        door.close();

        let silent = "import socket; s = socket.socket(socket.AF_UNIX); s.bind('/run/pam_totp/root.sock')";
        system.runs(Command::new("python3").args(["-c", silent]));
        fs::set_permissions("/run/pam_totp/root.sock", fs::Permissions::from_mode(0o600)).expect("sets a mode");
        let found = findings(system);
        let silent = found.iter().find(|finding| finding["code"] == "door_silent").expect("nobody listens there");
        let text = silent.to_string();
        assert!(
            text.contains("nobody listens at /run/pam_totp/root.sock, so su and sudo check codes themselves"),
            "{text}"
        );
        assert!(text.contains("systemctl reset-failed pam-totpd-root.service"), "{text}");
    });
}

#[test]
fn a_module_of_another_version_or_one_that_does_not_load_is_found() {
    throw_away(|system| {
        in_order(system);
        let folder = ["/usr/lib/x86_64-linux-gnu/security", "/usr/lib/aarch64-linux-gnu/security"];
        let folder = folder.into_iter().find(|folder| Path::new(folder).exists()).expect("Debian's folder");
        let path = format!("{folder}/pam_totp.so");
        let good = fs::read(&path).expect("the module");
        let mark = format!("pam_totp module {}\0", env!("CARGO_PKG_VERSION"));
        let at = good.windows(mark.len()).position(|w| w == mark.as_bytes()).expect("the mark is in the file");

        let mut other = good.clone();
        other[at + mark.len() - 2] ^= 1;
        fs::write(&path, &other).expect("writes");
        assert!(codes(&findings(system)).contains(&"other_version"));
        fs::write(&path, &good[..good.len() / 2]).expect("writes");
        let found = findings(system);
        assert!(codes(&found).contains(&"not_loadable"), "{found:#?}");
        fs::write(&path, &good).expect("writes");

        // A user's own file of that name tells nothing of the module.
        let maps = "import ctypes, os, sys\nctypes.CDLL('/tmp/pam_totp.so')\nos.unlink('/tmp/pam_totp.so')\n\
                    print('maps it', flush=True)\nsys.stdin.read()";
        fs::copy(&path, "/tmp/pam_totp.so").expect("copies");
        let (mut user, ended) = maps_it(maps);
        assert!(!codes(&findings(system)).contains(&"old_module"));
        drop(ended);
        user.wait().expect("it ends");

        // A program that was started before the module was replaced.
        let maps = format!("import ctypes, sys\nctypes.CDLL('{path}')\nprint('maps it', flush=True)\nsys.stdin.read()");
        let (mut old, ended) = maps_it(&maps);
        assert!(!codes(&findings(system)).contains(&"old_module"));
        shell(system, &format!("cp {path} {path}.new && mv {path}.new {path}"));
        let found = findings(system);
        let stale = found.iter().find(|finding| finding["code"] == "old_module").expect("a finding");
        assert!(text(stale, "message").contains(&format!("python3 ({})", old.id())), "{stale}");
        drop(ended);
        old.wait().expect("it ends");
        assert!(!codes(&findings(system)).contains(&"old_module"));
    });
}

/// A program that says when it maps a module, and does so until its input ends.
fn maps_it(script: &str) -> (Child, ChildStdin) {
    let mut python = Command::new("python3");
    let mut child =
        python.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 starts");
    let mut line = [0; 7];
    child.stdout.as_mut().expect("a pipe").read_exact(&mut line).expect("it maps it");
    let input = child.stdin.take().expect("a pipe");
    (child, input)
}

#[test]
fn what_cannot_be_known_of_the_clock_is_not_called_fine() {
    throw_away(|system| {
        in_order(system);
        system.file("/usr/bin/timedatectl", "#!/bin/sh\nexit 1\n");
        assert!(codes(&findings(system)).contains(&"unknown_clock"));
        system.file("/usr/bin/timedatectl", "#!/bin/sh\nexec sleep 60\n");
        assert!(codes(&findings(system)).contains(&"unknown_clock"), "nobody waits for it a minute");
    });
}

/// Unlocked under a clock that is wrong, nothing is gained; it is the clock that needs to be set.
#[test]
fn who_is_ahead_of_the_clock_is_unlocked_only_once_it_is_right() {
    throw_away(|system| {
        in_order(system);
        let (now, day) = (now(), 86_400);
        let verify =
            system.tries(at(now + day, Command::new("pam-totp").args(["verify", "alice"])), &code_at(KEY, now + day));
        assert!(verify.status.success(), "{verify:?}");
        let fix = |time: u64| {
            let output = system.tries(at(time, Command::new("pam-totp").args(["--json", "doctor"])), "");
            let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
            let findings = report["findings"].as_array().expect("a list").clone();
            let ahead = findings.iter().find(|finding| finding["code"] == "records_ahead").expect("it is found");
            assert!(text(ahead, "message").contains("Set the clock first."), "{ahead}");
            ahead["fix"].clone()
        };
        assert_eq!(fix(now), serde_json::json!(["timedatectl", "pam-totp unlock alice"]));
        // Before alice enrolled, and before this program was made.
        for time in [now - day, 1_000_000] {
            assert_eq!(fix(time), serde_json::json!(["timedatectl", "# pam-totp unlock alice"]), "{time}");
        }
    });
}
