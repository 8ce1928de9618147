//! A panic at any layer: a refusal and one line in the log, and nothing else that anybody could notice.

use crate::support::application::{AUTH_ERR, SUCCESS};
use crate::support::artifacts;
use crate::support::codes::{code_at, fresh_code, now};
use crate::support::door::Door;
use crate::support::host::{self, HOST, Once};
use crate::support::lanes;
use crate::support::needles::{Needles, leaves_nothing};
use crate::support::system::{KEY, PASSWORD, System, User, throw_away, throw_away_with};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

const FOLDER: &str = "/run/forced_panic";
const MODULE: &str = "/mnt/panicking.so";
const PROMPT: &str = "Verification code: ";

/// In the order in which a login comes by, each with the file that the log must name. The last four hold the lock; at the
/// last one the guess is written down.
const LAYERS: [(&str, &str); 9] = [
    ("options", "src/policy/arguments.rs"),
    ("host", "src/pam/handle.rs"),
    ("preview", "src/login/preview.rs"),
    ("flow", "src/pam/flow.rs"),
    ("backend", "src/backend.rs"),
    ("transact", "src/store/files/transact.rs"),
    ("charge", "src/factor/attempt.rs"),
    ("store", "src/store/files/locked.rs"),
    ("attempt", "src/factor/attempt.rs"),
];

fn panicking(test: impl FnOnce(&System)) {
    let files = || {
        let [module, daemon] = artifacts::panicking().map(|path| path.display());
        vec![format!("panicking.so={module}"), format!("panicking-totpd={daemon}")]
    };
    throw_away_with(files, |system| {
        host::build(system, &[]);
        let both = format!("auth required {MODULE} nodelay\naccount required {MODULE}\n");
        system.stack("plain", &format!("{both}account required pam_permit.so\n"));
        system.stack("enrolling", &format!("auth required pam_permit.so\n{both}"));
        let forward = format!("auth required {MODULE} nodelay forward_pass\n");
        system.stack("forward", &format!("{forward}auth required pam_deny.so\n"));
        fs::create_dir(FOLDER).expect("a folder");
        // Who is not root takes their file away, too.
        fs::set_permissions(FOLDER, fs::Permissions::from_mode(0o777)).expect("sets a mode");
        test(system);
    });
}

/// Makes the next login panic there.
fn force(system: &System, layer: &str) {
    system.file(&format!("{FOLDER}/{layer}"), "");
}

fn was_forced(layer: &str) -> bool {
    !fs::exists(format!("{FOLDER}/{layer}")).expect("a folder")
}

/// One login, as a caller starts it who would like to see more of a panic.
fn once(service: &str, user: &str, stages: &str) -> Once {
    Once::with(Command::new(HOST).args(["once", service, user, stages]).env("RUST_BACKTRACE", "full"))
}

/// Many logins in one process; what it said.
fn rounds(system: &System, command: &mut Command, script: &str) -> Output {
    system.file("/tmp/script", script);
    command.args([HOST, "rounds", "/tmp/script"]).env("RUST_BACKTRACE", "full");
    let output = system.tries(command, "");
    assert!(output.status.success(), "{output:?}");
    output
}

/// The one line in the log, which holds nothing but a place.
fn one_line(system: &System, service: &str, file: &str, before: usize) {
    let text = format!("panicking({service}): internal error at {file}:");
    assert_eq!(system.log.count("internal error"), before + 1, "{file}");
    let line = system.log.line(&text);
    let place = line.split_once(&text).expect("a place").1;
    let number = place.strip_suffix(": refused; please report it").expect("and no more");
    assert!(number.parse::<u32>().is_ok_and(|line| line > 0), "{line}");
}

#[test]
fn it_is_a_refusal_that_says_and_leaves_nothing() {
    panicking(|system| {
        system.enrolled("alice");
        for (panics, (layer, file)) in LAYERS.into_iter().enumerate() {
            force(system, layer);
            let code = fresh_code(KEY);
            let mut login = once("plain", "alice", "2");
            if !["options", "host", "preview"].contains(&layer) {
                login.answers(PROMPT, &code);
            }
            leaves_nothing(layer, login, AUTH_ERR, &Needles::new().key(KEY).codes(KEY, &code));
            assert!(was_forced(layer), "{layer}");
            one_line(system, "plain:auth", file, panics);
            // Not counted before the charge, counted from there on, and spent by none.
            let counted = lanes::record("alice").since.map_or(0, |since| since.count);
            assert_eq!(counted, u32::from(layer == "attempt"), "{layer}");
        }
        let mut login = once("plain", "alice", "2");
        login.answers(PROMPT, &fresh_code(KEY));
        assert_eq!(login.code(), SUCCESS);
    });
}

#[test]
fn the_next_login_in_the_same_process_finds_no_lock_and_no_descriptor_left() {
    panicking(|system| {
        system.enrolled("alice");
        for (layer, _) in LAYERS {
            force(system, layer);
        }
        let code = fresh_code(KEY);
        let login = format!("plain alice {code}\n\n");
        // Each panics at one layer more, the last at none.
        let script = format!("{login}held\n{}held\n{login}", login.repeat(LAYERS.len() - 1));
        let output = rounds(system, &mut Command::new("env"), &script);
        let said = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<&str> = said.lines().collect();
        let held: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("held ")).collect();
        let descriptors = |held: &str| held.rsplit(' ').next().expect("a count").to_owned();
        assert_eq!(descriptors(held[0]), descriptors(held[1]), "{said}");
        assert_eq!(lines.iter().filter(|line| **line == "= alice 7").count(), LAYERS.len(), "{said}");
        assert_eq!(*lines.last().expect("a line"), "= alice 0", "{said}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(system.log.count("holds the lock"), 0);
        assert!(LAYERS.iter().all(|(layer, _)| was_forced(layer)));
    });
}

/// As every program in C++ has it, and every one that has ended a thread.
#[test]
fn beside_an_unwinder_of_the_hosts_own_they_are_caught_in_threads() {
    panicking(|system| {
        system.enrolled("alice");
        for (layer, _) in LAYERS {
            force(system, layer);
        }
        let code = fresh_code(KEY);
        let login = format!("plain alice {code}\n");
        // All in one batch, at once: no two meet the same panic. Then one that meets none.
        let script = format!("{}\n{login}\n", login.repeat(LAYERS.len()));
        let output = rounds(system, Command::new("env").arg("LD_PRELOAD=libgcc_s.so.1"), &script);
        let said = String::from_utf8_lossy(&output.stdout);
        let codes: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("= alice ")).collect();
        assert_eq!(codes, [&["7"; LAYERS.len()][..], &["0"]].concat(), "{said}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(system.log.count("internal error"), LAYERS.len());
        assert!(LAYERS.iter().all(|(layer, _)| was_forced(layer)));
    });
}

#[test]
fn no_memory_is_lost_by_it() {
    panicking(|system| {
        system.enrolled("alice");
        for (layer, _) in LAYERS {
            force(system, layer);
        }
        let code = fresh_code(KEY);
        let mut valgrind = Command::new("valgrind");
        valgrind.args([
            "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect,possible",
            "--error-exitcode=9",
        ]);
        let output = rounds(system, &mut valgrind, &format!("plain alice {code}\n\n").repeat(LAYERS.len() + 1));
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.lines().filter(|line| *line == "= alice 7").count(), LAYERS.len(), "{said}");
        let report = String::from_utf8_lossy(&output.stderr);
        assert!(report.contains("ERROR SUMMARY: 0 errors"), "{report}");
        assert!(!report.contains("panicked"), "{report}");
    });
}

#[test]
fn an_enrollment_at_login_stores_and_leaves_nothing() {
    panicking(|system| {
        system.policy("unenrolled = \"enroll\"\nissuer = \"ACME\"\n");
        system.user("bob");
        for (panics, (layer, line)) in
            [("enrolling", "enrolling:auth"), ("storing", "enrolling:account")].iter().enumerate()
        {
            force(system, layer);
            let mut login = once("enrolling", "bob", "2");
            login.sees("Key:     ");
            let key = login.sees("\n").replace(' ', "");
            let code = fresh_code(&key);
            login.answers(PROMPT, &code);
            leaves_nothing(layer, login, AUTH_ERR, &Needles::new().key(&key).codes(&key, &code));
            one_line(system, line, "src/pam/enrolling.rs", panics);
            assert!(!fs::exists("/var/lib/pam_totp/secrets/bob.toml").expect("a folder"));
        }
    });
}

#[test]
fn what_waited_for_the_next_line_is_wiped_though_its_cleanup_panics() {
    panicking(|system| {
        system.enrolled("alice");
        force(system, "cleanup");
        let code = fresh_code(KEY);
        let mut login = once("forward", "alice", "1");
        login.answers("Password and verification code: ", &format!("{PASSWORD}{code}"));
        leaves_nothing("cleanup", login, AUTH_ERR, &Needles::new().key(KEY).codes(KEY, &code));
        assert!(was_forced("cleanup"));
    });
}

fn as_bob(bob: &User) -> Once {
    Once::with(bob.command("env").args(["RUST_BACKTRACE=full", HOST, "once", "plain", "bob", "1"]))
}

#[test]
fn on_either_side_of_the_door_it_refuses_the_caller() {
    panicking(|system| {
        let bob = system.enrolled("bob");
        let door = Door::open(now());
        force(system, "door");
        let code = fresh_code(KEY);
        let mut login = as_bob(&bob);
        // The question whether they are enrolled panics already.
        assert_eq!(login.code(), AUTH_ERR);
        assert_eq!(login.ends(), "");
        one_line(system, "plain:auth", "src/door/client.rs", 0);
        door.close();

        let daemon = || {
            let mut daemon = Command::new("/mnt/panicking-totpd");
            daemon
                .env("RUST_BACKTRACE", "full")
                .stderr(fs::File::options().append(true).create(true).open("/tmp/stderr").expect("a file"));
            daemon
        };
        let _door = Door::with(daemon);
        // With the request read, and under the lock.
        for (layer, file) in [("server", "src/daemon.rs"), ("store", "src/store/files/locked.rs")] {
            let mut login = as_bob(&bob);
            login.sees(PROMPT);
            force(system, layer);
            login.answers("", &code);
            assert_eq!((login.code(), login.ends()), (AUTH_ERR, String::new()), "{layer}");
            assert!(was_forced(layer), "{layer}");
            // In the journal: a place, and no more than that.
            let said = fs::read_to_string("/tmp/stderr").expect("a file");
            assert!(said.contains(file) && !said.contains(&code) && !said.contains(KEY), "{said}");
        }

        let mut login = as_bob(&bob);
        login.answers(PROMPT, &code_at(KEY, now()));
        assert_eq!(login.code(), SUCCESS);
    });
}

#[test]
fn the_shipped_module_knows_nothing_of_it() {
    throw_away(|system| {
        for shipped in ["/mnt/pam_totp.so", "/mnt/pam-totp", "/mnt/pam-totpd"] {
            let strings = system.runs(Command::new("strings").args(["-a", shipped])).stdout;
            let strings = String::from_utf8_lossy(&strings);
            assert!(strings.contains("pam_totp.toml"), "{shipped}: these are not its strings");
            assert!(!strings.contains("forced_panic"), "{shipped}");
        }
    });
}
