//! Bad input at every entry, as one table: a clear error or a harmless no, in time, with nothing changed and nothing of it
//! shown as more than its own text.

use crate::support::application::{self, AUTH_ERR, SERVICE, STACK, SUCCESS, Said, application, at, login_at};
use crate::support::codes::code_at;
use crate::support::door::{Door, knock};
use crate::support::effort::effort;
use crate::support::system::{KEY, System, User, throw_away};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

mod items;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const POLICY: &str = "/etc/security/pam_totp.toml";

/// What has broken programs before, one of each kind.
fn bad() -> Vec<(&'static str, Vec<u8>)> {
    let mut noise = 0x9e37_79b9_u32;
    let mut byte = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.to_be_bytes()[0]
    };
    let mut bad: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", b"".to_vec()),
        ("a blank", b" ".to_vec()),
        ("a line break", b"\n".to_vec()),
        ("three lines", b"alice\nroot\nALL".to_vec()),
        ("a carriage return", b"alice\r".to_vec()),
        ("a tab", b"al\tice".to_vec()),
        ("an escape", b"\x1b[2J\x1b]0;x\x07".to_vec()),
        ("a bell", b"\x07\x08\x7f".to_vec()),
        ("not UTF-8", b"\xff\xfe\xc3\x28".to_vec()),
        ("an overlong slash", b"\xc0\xaf".to_vec()),
        ("a turned name", "al\u{202e}eci".into()),
        ("a name of no width", "ali\u{200b}ce".into()),
        ("other letters", "аlice".into()),
        ("other digits", "１２３４５６".into()),
        ("a format", b"%s%n%p%x%1000000d".to_vec()),
        ("a shell", b"$(id)`id`;id|id&".to_vec()),
        ("a way out", b"../../../etc/shadow".to_vec()),
        ("a root", b"/etc/shadow".to_vec()),
        ("a dot", b".".to_vec()),
        ("a hidden one", b".alice".to_vec()),
        ("an option", b"--help".to_vec()),
        ("a dash", b"-".to_vec()),
        ("quotes", b"\"'\\\"".to_vec()),
        ("a table", b"x]\n[[device]]".to_vec()),
        ("a comment", b"#".to_vec()),
        ("a colon", b"a:b:c".to_vec()),
        ("minus one", b"-1".to_vec()),
        ("a huge number", b"99999999999999999999999999999999".to_vec()),
        ("a fraction", b"1e309".to_vec()),
        ("hexadecimal", b"0x7fffffff".to_vec()),
        ("not a number", b"NaN".to_vec()),
        ("yes", b"yes".to_vec()),
        ("300 bytes", vec![b'a'; 300]),
        ("5000 bytes", vec![b'A'; 5_000]),
        ("100,000 bytes", vec![b'7'; 100_000]),
        ("brackets", [b"[".repeat(3_000), b"]".repeat(3_000)].concat()),
    ];
    for _ in 0..effort(4, 200) {
        let length = 1 + usize::from(byte()) * 4;
        bad.push(("noise", (0..length).map(|_| byte()).collect()));
    }
    bad
}

/// A NUL ends an argument before any program sees it.
fn words() -> Vec<(&'static str, Vec<u8>)> {
    bad().into_iter().filter(|(_, bytes)| !bytes.contains(&0)).collect()
}

fn runs(command: &mut Command, input: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("the program ends");
    assert!(start.elapsed() < Duration::from_secs(20), "{command:?} took {:?}", start.elapsed());
    output
}

/// Everything that is kept of everybody, and the policy.
fn files() -> BTreeMap<String, Vec<u8>> {
    let folders = ["/var/lib/pam_totp/secrets", "/var/lib/pam_totp/state", "/run/pam_totp/state", "/etc/security"];
    let paths = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    paths
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a file")))
        .collect()
}

/// Text that only shows: no bytes that a terminal would obey.
fn is_plain(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    !text.chars().any(|letter| letter.is_control() && letter != '\n' || ('\u{200b}'..='\u{202e}').contains(&letter))
}

fn prepare(system: &System) -> User {
    application::build(system);
    system.user("bob");
    let alice = system.enrolled("alice");
    system.user("token");
    system.reads(Command::new("pam-totp").args(["set", "--no-code", "--type", "hotp", "token"]), &format!("{KEY}\n"));
    // Until now nothing was looked at by a login.
    assert_eq!(login_at(system, T, "alice", &code_at(KEY, T)), SUCCESS);
    alice
}

/// Where pam-totp takes a word or a line.
const WORDS: [&[&str]; 39] = [
    &["enroll", "@"],
    &["enroll", "bob", "--qr", "none", "--device", "@"],
    &["enroll", "bob", "--qr", "none", "--issuer", "@"],
    &["enroll", "bob", "--backup-codes", "@"],
    &["enroll", "bob", "--qr", "none", "--account", "@"],
    &["enroll", "bob", "--qr", "none", "--type", "hotp", "--counter", "@"],
    &["generate", "@"],
    &["generate", "bob", "--issuer", "@"],
    &["generate", "bob", "--algorithm", "@"],
    &["generate", "bob", "--qr-file", "@"],
    &["set", "@"],
    &["set", "alice", "--digits", "@"],
    &["set", "alice", "--period", "@"],
    &["backup-codes", "@"],
    &["backup-codes", "alice", "--count", "@"],
    &["resync", "@"],
    &["resync", "alice", "--device", "@"],
    &["resync", "token", "--counter", "@"],
    &["import", "google-authenticator", "@"],
    &["import", "google-authenticator", "--user", "@", "/etc/hostname"],
    &["import", "google-authenticator", "bob", "--file", "@"],
    &["import", "oath", "@"],
    &["import", "cpanel", "@"],
    &["remove", "@"],
    &["remove", "alice", "--device", "@"],
    &["unlock", "@"],
    &["rename", "alice", "@"],
    &["rename", "@", "bob"],
    &["verify", "@"],
    &["verify", "alice", "--from", "@"],
    &["verify", "alice", "--service", "@"],
    &["status", "@"],
    &["list", "--group", "@"],
    &["policy", "explain", "bob", "--from", "@"],
    &["policy", "explain", "bob", "--service", "@"],
    &["policy", "explain", "bob", "--ssh-auth", "@"],
    &["policy", "check", "@"],
    &["--config", "@", "list"],
    &["--root", "@", "list"],
];

#[test]
fn words_that_pam_totp_is_called_with() {
    throw_away(|system| {
        prepare(system);
        let before = files();
        for arguments in WORDS {
            for (what, word) in words() {
                says_what_is_wrong(what, arguments, &word);
                assert!(files() == before, "{arguments:?} {what} changed something");
            }
        }
    });
}

/// Runs pam-totp with the word for each `@`.
fn says_what_is_wrong(what: &str, arguments: &[&str], word: &[u8]) -> Output {
    let mut command = Command::new("pam-totp");
    command.args(arguments.iter().map(|a| if *a == "@" { OsStr::from_bytes(word) } else { OsStr::new(a) }));
    let output = runs(&mut command, b"");
    let exit = output.status.code().unwrap_or_else(|| panic!("{arguments:?} {what}: {output:?}"));
    assert!((0..=6).contains(&exit), "{arguments:?} {what}: {output:?}");
    // A page of help is no error; whatever else is asked for says what is wrong.
    assert!(exit == 0 || output.stderr.len() + output.stdout.len() > 10, "{arguments:?} {what}: {output:?}");
    assert!(is_plain(&output.stdout) && is_plain(&output.stderr), "{arguments:?} {what}: {output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{arguments:?} {what}");
    output
}

/// Where a right word is something that is done: a stack that runs, a name that is set.
#[test]
fn words_that_pam_totp_may_take() {
    throw_away(|system| {
        prepare(system);
        let before = files();
        // What is no service's name is judged by this.
        system.stack("other", "auth required pam_deny.so\n");
        let tries: [&[&str]; 4] = [
            &["try", "@"],
            &["try", SERVICE, "@"],
            &["try", SERVICE, "alice", "--from", "@"],
            &["try", SERVICE, "alice", "--ssh-auth", "@"],
        ];
        system.without_delays();
        for (what, word) in words() {
            for arguments in tries {
                says_what_is_wrong(what, arguments, &word);
                assert!(files() == before, "{arguments:?} {what} changed something");
            }
            let policy = "window = 2\n";
            system.policy(policy);
            let took = says_what_is_wrong(what, &["issuer", "@"], &word).status.success();
            let (check, now) = (["policy", "check"], fs::read_to_string(POLICY).expect("text"));
            system.runs(Command::new("pam-totp").args(check));
            assert!(now.contains(policy) && (took || now == policy), "issuer {what}: {now:?}");
            fs::remove_file(POLICY).expect("a policy");
        }
    });
}

/// A template with the word for each `@`.
fn filled(template: &str, word: &[u8]) -> Vec<u8> {
    template.split('@').map(str::as_bytes).collect::<Vec<_>>().join(word)
}

/// What pam-totp reads, be it in one object: keys, codes, a draft.
const LINES: [(&[&str], &str); 6] = [
    (&["set", "bob"], "@\n123456\n"),
    (&["set", "bob"], "JBSWY3DPEHPK3PXPGEZDGNBVGY3TQOJQ\n@\n"),
    (&["set", "alice", "--replace"], "@\n@\n"),
    (&["resync", "alice"], "@\n@\n"),
    (&["verify", "bob"], "@\n"),
    (&["policy", "check", "/dev/stdin"], "@"),
];

#[test]
fn lines_that_pam_totp_reads() {
    throw_away(|system| {
        prepare(system);
        let before = files();
        for (arguments, template) in LINES {
            for (what, word) in bad() {
                let output = runs(Command::new("pam-totp").arg("--json").args(arguments), &filled(template, &word));
                let object: serde_json::Value = serde_json::from_slice(&output.stdout)
                    .unwrap_or_else(|error| panic!("{arguments:?} {what}: {error}: {output:?}"));
                let exit = output.status.code().unwrap_or_else(|| panic!("{arguments:?} {what}: {output:?}"));
                assert!((0..=5).contains(&exit), "{arguments:?} {what}: {object}");
                assert!(is_plain(&output.stdout) && is_plain(&output.stderr), "{arguments:?} {what}: {output:?}");
                // What was typed may be a key.
                let shown =
                    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
                let typed = String::from_utf8_lossy(&word).into_owned();
                assert!(
                    arguments[0] == "policy" || typed.len() < 8 || !shown.contains(&typed),
                    "{arguments:?} {what}: {shown}"
                );
                // Whoever is enrolling is locked by a file of theirs, which stays.
                let mut after = files();
                after.retain(|path, bytes| !path.ends_with("state/bob") || !bytes.is_empty());
                assert!(after == before, "{arguments:?} {what} changed something");
            }
        }
    });
}

/// Where the module takes something: a name, an answer, its arguments, a policy, the files of a user.
#[test]
fn whatever_the_module_is_given() {
    throw_away(|system| {
        prepare(system);
        let secret = "/var/lib/pam_totp/secrets/alice.toml";
        let state = "/var/lib/pam_totp/state/alice";
        let whole = files();
        let restore = || {
            for path in [secret, state] {
                fs::write(path, &whole[path]).expect("writes");
            }
            system.file("/etc/pam.d/application", STACK);
            let _ = fs::remove_file(POLICY);
            if let Some(policy) = whole.get(POLICY) {
                fs::write(POLICY, policy).expect("writes");
            }
        };
        let refuses = |what: &str, user: &[u8], answer: &[u8]| {
            let mut command = application();
            let output =
                runs(at(T + 30, command.args(["--", SERVICE]).arg(OsStr::from_bytes(user))), &[answer, b"\n"].concat());
            let said = Said::read(&output);
            assert!(said.codes.len() == 1 && said.codes[0] != SUCCESS, "{what}: {output:?}");
            assert_eq!(said.errors, "", "{what}");
            assert!(is_plain(&output.stdout), "{what}: {output:?}");
        };
        let code = code_at(KEY, T + 30);
        for (what, input) in bad() {
            let argument = words().iter().any(|(_, word)| *word == input);
            if argument {
                refuses(&format!("user: {what}"), &input, code.as_bytes());
            }
            refuses(&format!("answer: {what}"), b"alice", &input);
            // As the whole, at the end, and in the middle of what was right.
            for path in [secret, POLICY] {
                let right = whole.get(path).cloned().unwrap_or_else(|| b"window = 1\n".to_vec());
                let (head, tail) = right.split_at(right.len() / 2);
                for damaged in [input.clone(), [&right[..], &input].concat(), [head, &input, tail].concat()] {
                    fs::write(path, &damaged).expect("writes");
                    let output = runs(at(T + 30, application().args([SERVICE, "bob"])), b"123456\n");
                    assert_eq!(Said::read(&output).codes, [AUTH_ERR], "{path}: {what}: who is not enrolled");
                    let output = runs(at(T + 30, application().args([SERVICE, "alice"])), b"000000\n");
                    let said = Said::read(&output);
                    assert!(
                        said.codes.len() == 1 && said.codes[0] != SUCCESS && said.errors.is_empty(),
                        "{path}: {what}: {output:?}"
                    );
                    restore();
                }
            }
            fs::write(state, &input).expect("writes");
            // The code that was used before it was damaged.
            refuses(&format!("state: {what}"), b"alice", code_at(KEY, T).as_bytes());
            restore();
            if argument && !input.contains(&b'\n') {
                // Each argument that does not exist refuses; those that are none are as if nothing was there.
                let line = [b"auth required pam_totp.so x", &input[..], b"\n"].concat();
                fs::write("/etc/pam.d/application", line).expect("writes");
                refuses(&format!("argument: {what}"), b"alice", code.as_bytes());
                restore();
            }
        }
        assert_eq!(login_at(system, T + 3_600, "alice", &code_at(KEY, T + 3_600)), SUCCESS, "after all that");
        assert_eq!(system.log.count("internal error"), 0);
        assert_eq!(system.log.count(KEY), 0);
    });
}

#[test]
fn whatever_comes_through_the_door() {
    throw_away(|system| {
        let alice = prepare(system);
        let _door = Door::open(T + 30);
        system.policy("unenrolled = \"allow\"\n");
        let before = files();
        let templates = [
            "@",
            "@\n\n",
            "pam_totp 1\n@\n\n",
            "pam_totp @\nstatus\nuser alice\n\n",
            "pam_totp 1\nstatus\nuser @\n\n",
            "pam_totp 1\nstatus\nuser alice\n@\n\n",
            "pam_totp 1\nverify\nuser alice\ncode @\n\n",
            "pam_totp 1\nset\nuser alice\ndevice @\nkey @\ncode @\n\n",
            "pam_totp 1\nset\nuser alice\ndevice totp 30 SHA1 6 @\nkey JBSWY3DPEHPK3PXP\ncode 123456\nbeside\n\n",
            "pam_totp 1\nremove\nuser alice\nof @\ncurrent @\n\n",
            "pam_totp 1\nresync\nuser alice\ncode @\nnext @\ncurrent @\n\n",
            "pam_totp 1\nbackup-codes\nuser alice\ncount @\n\n",
        ];
        // Each with some of the templates, the next one with others.
        let every = effort(4, 2);
        for (turn, (what, input)) in bad().into_iter().enumerate() {
            for template in templates.iter().skip(turn % every).step_by(every) {
                let message = filled(template, &input);
                let reply = knock(system, &alice, &message);
                let message = String::from_utf8_lossy(&message);
                assert!(is_plain(reply.as_bytes()) && reply.len() <= 4_096, "{what}: {message:?}: {reply:?}");
                assert!(!reply.starts_with("pam_totp 1\ndone"), "{what}: {message:?}: {reply:?}");
                assert!(!reply.contains(KEY), "{what}: {message:?}: {reply:?}");
            }
            let changed = files().into_iter().filter(|(path, bytes)| before.get(path) != Some(bytes));
            let changed: Vec<String> = changed.map(|(path, _)| path).collect();
            // A panic hangs up like a caller that said too little.
            assert_eq!(system.log.count("a request got no answer"), 0, "{what}");
            // Wrong codes are counted, and nothing else is written.
            assert!(changed.iter().all(|path| path.ends_with("state/alice")), "{what}: {changed:?}");
        }
    });
}
