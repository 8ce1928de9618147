//! What systemd is told: its own tools read the units, and the service works within what they leave it.

use crate::support::codes::fresh_code;
use crate::support::door::{Door, asks, knock};
use crate::support::system::{KEY, System, throw_away};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

const FOLDER: &str = "/etc/systemd/system";
const SERVICE: &str = include_str!("../../packaging/systemd/pam-totpd.service");
const SOCKETS: [(&str, &str); 2] = [
    ("pam-totpd", include_str!("../../packaging/systemd/pam-totpd.socket")),
    ("pam-totpd-root", include_str!("../../packaging/systemd/pam-totpd-root.socket")),
];

/// What the service of root's socket has besides.
const START_LIMIT: &str = include_str!("../../packaging/systemd/pam-totpd-root.service.d/start-limit.conf");

fn install(system: &System) {
    system.runs(Command::new("mkdir").args(["-p", FOLDER]));
    for (name, socket) in SOCKETS {
        system.file(&format!("{FOLDER}/{name}.socket"), socket);
        system.file(&format!("{FOLDER}/{name}.service"), SERVICE);
    }
    system.runs(Command::new("mkdir").arg(format!("{FOLDER}/pam-totpd-root.service.d")));
    system.file(&format!("{FOLDER}/pam-totpd-root.service.d/start-limit.conf"), START_LIMIT);
}

fn analyze(system: &System, arguments: &[&str]) -> String {
    let output = system.runs(Command::new("systemd-analyze").args(arguments));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, "", "{arguments:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn systemd_understands_every_line() {
    throw_away(|system| {
        install(system);
        let units = SOCKETS.map(|(name, _)| [format!("{FOLDER}/{name}.socket"), format!("{FOLDER}/{name}.service")]);
        let mut arguments = vec!["verify", "--man=no"];
        arguments.extend(units.iter().flatten().map(String::as_str));
        let notify = ["path", "service"].map(|kind| format!("{FOLDER}/pam-totp-notify.{kind}"));
        system.file(&notify[0], include_str!("../../packaging/systemd/pam-totp-notify.path"));
        system.file(&notify[1], include_str!("../../packaging/systemd/pam-totp-notify.service"));
        arguments.extend(notify.iter().map(String::as_str));
        analyze(system, &arguments);
        // In tenths: what is left is that it sees who is who, and what time it is.
        analyze(system, &["security", "--offline=true", "--threshold=12", &units[0][1]]);
    });
}

/// Those who may connect must not be able to stop the socket or the service, or to fill a queue that all others then stand
/// behind.
#[test]
fn no_count_of_connections_shuts_the_door_for_others() {
    for (name, socket) in SOCKETS {
        for line in ["Accept=no", "TriggerLimitIntervalSec=0", "Backlog=16"] {
            assert!(socket.lines().any(|l| l == line), "{name}: {line}");
        }
        // The last one of a key counts.
        for key in ["Accept=", "TriggerLimit", "Backlog="] {
            assert_eq!(socket.lines().filter(|line| line.starts_with(key)).count(), 1, "{name}: {key}");
        }
    }
    assert_eq!(setting("StartLimitIntervalSec"), "0");
}

/// Where pam-totpd cannot start, su and sudo must find nobody at root's socket, instead of waiting for it in vain. A service that
/// ends because nobody comes, each thirty seconds, never gets there.
#[test]
fn a_service_that_cannot_start_closes_roots_socket_and_one_that_idles_does_not() {
    let lines: Vec<&str> = START_LIMIT.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let ["[Unit]", interval, burst, "[Service]", "ExecStopPost=", stop] = lines[..] else { panic!("{lines:?}") };
    let number = |line: &str, key: &str| line.strip_prefix(key).and_then(|value| value.parse::<u64>().ok());
    let (interval, burst) = (number(interval, "StartLimitIntervalSec="), number(burst, "StartLimitBurst="));
    let (interval, burst) = (interval.expect("seconds"), burst.expect("a number"));
    // Somebody stands at the socket, and waits for three seconds: each failure takes what ExecStopPost sleeps, and may take
    // systemd nearly as long again.
    assert!(
        stop.starts_with("ExecStopPost=+/bin/sh ") && stop.ends_with("|| sleep 0.5'") && burst <= 3,
        "{stop}: {burst} failures"
    );
    assert!(burst * 2 < interval, "{burst} failures");
    assert!(burst * 30 > 2 * interval, "{burst} ends");
    // Nobody's socket is closed, so its service is started again and again.
    assert!(setting("ExecStopPost").starts_with("+/bin/sh ") && setting("ExecStopPost").ends_with("|| sleep 1'"));
}

/// systemd 252 cannot set these up on a read-only disk, and the service does not start.
#[test]
fn nothing_in_the_sandbox_needs_a_disk_that_can_be_written() {
    for key in
        ["PrivateDevices=", "PrivateTmp=", "DynamicUser=", "StateDirectory=", "LogsDirectory=", "CacheDirectory="]
    {
        assert!(SERVICE.lines().all(|line| !line.starts_with(key)), "{key}");
    }
    assert_eq!(setting("DevicePolicy"), "closed");
}

/// The system calls that a set of systemd's stands for.
fn calls_in(system: &System, set: &str) -> BTreeSet<String> {
    let listed = analyze(system, &["syscall-filter", set]);
    let members = listed.lines().skip(1).map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    members
        .flat_map(|m| if m.starts_with('@') { calls_in(system, m) } else { BTreeSet::from([m.to_owned()]) })
        .collect()
}

/// What stands behind `key=` in the service.
fn setting(key: &str) -> &'static str {
    let value = SERVICE.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("the service says nothing of {key}"))
}

/// No systemd runs here, so its sandbox is made by hand: a disk that is read-only but for what the service may write, no
/// capability; and its system calls are written down.
fn sandbox(system: &System) -> Command {
    let writable: Vec<&str> = setting("ReadWritePaths").split(' ').map(|path| path.trim_start_matches('-')).collect();
    for path in &writable {
        system.runs(Command::new("mkdir").args(["-p", &format!("/mnt/writable{path}")]));
        system.runs(Command::new("mount").args(["--bind", path, &format!("/mnt/writable{path}")]));
    }
    system.runs(Command::new("mkdir").arg(CALLS));
    let script = format!(
        "for folder in /etc /home /root /run /tmp /usr /var; do mount --bind $folder $folder && mount -o remount,bind,ro $folder; done
         for path in {}; do mount --bind /mnt/writable$path $path; done
         exec strace -qq -ff -o {CALLS}/trace setpriv --no-new-privs --bounding-set=-all --inh-caps=-all pam-totpd",
        writable.join(" ")
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", &script]);
    command
}

const CALLS: &str = "/mnt/calls";

/// The system calls of pam-totpd itself, with their arguments.
fn calls() -> Vec<String> {
    let traces = fs::read_dir(CALLS).expect("a folder").map(|entry| entry.expect("an entry").path());
    let traces = traces.map(|path| fs::read_to_string(path).expect("a trace"));
    // Itself it starts again for each request.
    let is_before = |line: &str| line.starts_with("execve(") && !line.contains("/proc/self/exe");
    let own = |trace: String| trace.lines().map(str::to_owned).rev().take_while(|l| !is_before(l)).collect::<Vec<_>>();
    traces.flat_map(own).filter(|line| !line.starts_with(['+', '-'])).collect()
}

#[test]
fn the_service_does_its_work_in_its_sandbox() {
    throw_away(|system| {
        let _door = {
            let sandbox = sandbox(system);
            let arguments: Vec<_> = sandbox.get_args().map(ToOwned::to_owned).collect();
            Door::with(move || {
                let mut command = Command::new("unshare");
                command.args(&arguments);
                command
            })
        };
        let alice = system.user("alice");
        system.policy("unenrolled = \"allow\"\n");
        let set = format!("device totp 30 SHA1 6 phone\nkey {KEY}\ncode {}\ncount 2", fresh_code(KEY));
        let done = knock(system, &alice, &format!("pam_totp 1\nset\nuser alice\n{set}\n\n"));
        let codes: Vec<&str> = done.lines().filter_map(|line| line.strip_prefix("code ")).collect();
        assert_eq!(codes.len(), 2, "{done}");
        assert_eq!(asks(system, &alice, "status\nuser alice"), "status enrolled");
        let verify = format!("verify\nuser alice\ncode {}", codes[0]);
        assert!(asks(system, &alice, &verify).ends_with(" backup 1"));
        assert_eq!(asks(system, &alice, &format!("remove\nuser alice\ncurrent {}", codes[1])), "done");
        system.log.line("removed the enrollment of alice (asked by");

        let calls = calls();
        assert!(
            calls.iter().any(|call| call.starts_with("fdatasync(")) && calls.iter().any(|c| c.starts_with("rename"))
        );
        let mut allowed = calls_in(system, "@system-service");
        allowed.extend(calls_in(system, "@default"));
        for set in ["@privileged", "@resources"] {
            for denied in calls_in(system, set) {
                allowed.remove(&denied);
            }
        }
        for call in &calls {
            assert!(allowed.contains(call.split('(').next().expect("a name")), "{call}");
            assert!(!call.starts_with("socket(") || call.starts_with("socket(AF_UNIX"), "{call}");
            assert!(!call.contains("PROT_WRITE|PROT_EXEC"), "{call}");
        }
    });
}
