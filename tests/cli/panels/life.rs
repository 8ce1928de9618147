//! An account from its first day to its last, through `--json` alone: no terminal, stdin and stdout, one object a call.

use super::{one_object, word};
use crate::support::application::clock;
use crate::support::browser::{self, Browser};
use crate::support::codes::{code_at, fresh_code};
use crate::support::program::program;
use crate::support::system::{KEY, System, throw_away, throw_away_with};
use crate::support::terminal::Terminal;
use crate::support::tmux::scan;
use serde_json::{Value, json};
use std::cell::Cell;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The beginning of a step.
const T: u64 = 1_800_000_000;

struct Panel<'a> {
    system: &'a System,
    time: Cell<u64>,
}

impl<'a> Panel<'a> {
    fn new(system: &'a System) -> Self {
        Self { system, time: Cell::new(T) }
    }

    /// Of a session without a terminal, at the panel's time.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("setsid");
        command.args(["--wait", "pam-totp", "--json"]).args(arguments).envs(clock(self.time.get()));
        command
    }

    fn asks(&self, arguments: &[&str], input: &str) -> (i32, Value) {
        let output = self.system.tries(&mut self.command(arguments), input);
        (output.status.code().expect("an exit code"), one_object(&output.stdout))
    }

    /// What must succeed.
    fn does(&self, arguments: &[&str], input: &str) -> Value {
        let (exit, object) = self.asks(arguments, input);
        assert_eq!(exit, 0, "{arguments:?}: {object}");
        object
    }

    /// What must not: its exit code, its word and its message.
    fn fails(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let (exit, object) = self.asks(arguments, input);
        let message = object["error"]["message"].as_str().unwrap_or_default();
        (exit, word(&object).to_owned(), message.to_owned())
    }

    /// A login by the panel's own form, from an address.
    fn login(&self, user: &str, from: &str, answer: &str) -> (i32, Value) {
        self.asks(&["verify", "--service", "panel", "--from", from, "--", user], &format!("{answer}\n"))
    }

    fn decision(&self, user: &str) -> Value {
        let due = self.does(&["policy", "explain", "--service", "panel", "--from", HOME, "--", user], "");
        json!([due["decision"], due["rule"], due["stack"]])
    }

    /// The code that a phone with this key shows now.
    fn code(&self, key: &str) -> String {
        code_at(key, self.time.get())
    }

    /// The next code comes.
    fn step(&self) {
        self.time.set(self.time.get() + 30);
    }
}

const HOME: &str = "192.0.2.4";
const STRANGER: &str = "203.0.113.9";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[test]
fn an_account_lives_by_json_alone() {
    throw_away_with(browser::files, |system| {
        for name in ["alice", "bob"] {
            system.user(name);
        }
        let panel = Panel::new(system);
        switches(&panel);
        let (key, backup_codes) = enrolls(&panel);
        logs_in(&panel, &key);
        uses_backup_codes(&panel, &key, &backup_codes);
        let key = changes_the_phone(&panel, &key);
        is_one_of_many(&panel);
        moves_and_goes(&panel, &key);
        let off = panel.does(&["policy", "disable"], "");
        assert_eq!((&off["enabled"], &off["changed"]), (&json!(false), &json!(true)));
        assert_eq!(panel.decision("bob"), json!(["pass", "enabled = false", null]));
    });
}

fn switches(panel: &Panel<'_>) {
    panel.system.policy("enabled = false\n# Ours.\nunenrolled = \"enroll\"\n");
    assert_eq!(panel.does(&["policy", "show"], "")["enabled"], false);
    let question = panel.asks(&["policy", "enable", "--yes"], "").1;
    assert_eq!((&question["enabled"], &question["changed"]), (&json!(true), &json!(true)), "{question}");
    assert_eq!(panel.does(&["policy", "show"], "")["enabled"], true);
    assert_eq!(panel.does(&["issuer"], "")["issuer"], "throwaway", "the name of the host");
    assert_eq!(panel.does(&["issuer", "ACME Inc"], "")["issuer"], "ACME Inc");
    assert_eq!(panel.does(&["issuer"], "")["system_wide_issuer"], "ACME Inc");
    assert_eq!(panel.fails(&["issuer", "a:b"], "").1, "bad_name");
    assert_eq!(panel.decision("alice"), json!(["enroll", "unenrolled = \"enroll\"", null]));
}

fn enrolls(panel: &Panel<'_>) -> (String, Vec<String>) {
    let made = panel.does(&["generate", "alice", "--qr", "svg"], "");
    let (key, uri) = (text(&made["secret"]), text(&made["uri"]));
    assert_eq!(uri, format!("otpauth://totp/ACME%20Inc:alice?secret={key}&issuer=ACME%20Inc"));
    panel.system.file("/tmp/enroll.html", &format!("<!doctype html><p>Scan it</p>{}", text(&made["qr_svg"])));
    let mut browser = Browser::start();
    browser.visits("file:///tmp/enroll.html");
    browser.sees("Scan it");
    browser.takes_picture("panel-enroll");
    assert_eq!(scan(Path::new("/mnt/pictures/panel-enroll.png")), uri);

    let set = |code: &str| format!("{key}\n{code}\n");
    let arguments = ["set", "alice", "--backup-codes", "3"];
    let plainly = panel.fails(&arguments, &set(&code_at(key, T + 864_000)));
    assert_eq!(plainly, (1, "wrong_code".into(), "The security code is invalid.".into()));
    // The message that panels show, and what it nearly always means.
    let (exit, code, message) = panel.fails(&arguments, &set(&code_at(key, T - 300)));
    assert_eq!((exit, code.as_str()), (1, "wrong_code"));
    let hint = message.strip_prefix("The security code is invalid.\n").expect("a hint on its own line");
    assert!(hint.contains("the phone's clock is 300 s behind this server's"), "{hint}");
    assert_eq!(panel.does(&["status", "alice"], "")["enrolled"], false, "a wrong code stores nothing");
    assert_eq!(panel.does(&["list"], "")["users"], json!([]));

    let set = panel.does(&arguments, &set(&panel.code(key)));
    assert_eq!((&set["enrolled"], &set["proved"]), (&json!(true), &json!(true)));
    let backup_codes: Vec<String> =
        set["backup_codes"].as_array().expect("a list").iter().map(|code| text(code).to_owned()).collect();
    assert_eq!(backup_codes.len(), 3);
    let status = panel.does(&["status", "alice"], "");
    assert_eq!((&status["enrolled"], &status["issuer"]), (&json!(true), &json!("ACME Inc")));
    assert_eq!(status["backup_codes"], json!({ "left": 3, "of": 3 }));
    let list = panel.does(&["list"], "");
    assert_eq!((&list["users"][0]["user"], list["users"].as_array().map(Vec::len)), (&json!("alice"), Some(1)));
    assert!(![status.to_string(), list.to_string()].iter().any(|told| told.contains(key)), "a key was shown");
    (key.to_owned(), backup_codes)
}

fn logs_in(panel: &Panel<'_>, key: &str) {
    assert_eq!(panel.decision("alice"), json!(["ask", "enrolled", null]));
    assert_eq!(panel.login("alice", HOME, &panel.code(key)).1["reason"], "used", "enrolling used it up");
    panel.step();
    let accepted = json!({ "version": 1, "user": "alice", "accepted": true, "reason": "ok", "retry_after": 0,
                           "via": "code" });
    assert_eq!(panel.login("alice", HOME, &panel.code(key)), (0, accepted));
    let (exit, again) = panel.login("alice", HOME, &panel.code(key));
    assert_eq!(
        (exit, &again["accepted"], &again["reason"], &again["retry_after"]),
        (1, &json!(false), &json!("used"), &json!(30))
    );
    let slow = panel.login("alice", HOME, &code_at(key, panel.time.get() - 600)).1;
    assert_eq!((&slow["reason"], &slow["clock_off"]), (&json!("wrong"), &json!(-600)));

    panel.step();
    for _ in 0..15 {
        let (exit, judged) = panel.login("alice", STRANGER, &code_at(key, T + 864_000));
        assert_eq!((exit, &judged["reason"], &judged["retry_after"]), (1, &json!("wrong"), &json!(0)));
    }
    let (exit, waits) = panel.login("alice", STRANGER, &panel.code(key));
    assert_eq!((exit, &waits["reason"], &waits["retry_after"]), (1, &json!("waiting"), &json!(14_400)));
    assert_eq!((&waits["codes"], &waits["next_in"]), (&json!(2), &json!(30)));
    // The stranger has closed their own lane.
    assert_eq!(panel.login("alice", HOME, &panel.code(key)).0, 0);
    // And alice gets in from there too, by two codes in a row.
    panel.step();
    let twice = format!("{0}-{0}", panel.code(key));
    assert_eq!(panel.login("alice", STRANGER, &twice).1["reason"], "same");
    let both = format!("{}-{}", panel.code(key), code_at(key, panel.time.get() + 30));
    assert_eq!(panel.login("alice", STRANGER, &both).0, 0);
    panel.step();
    assert_eq!(panel.does(&["unlock", "alice"], "")["modified"], json!(["alice"]));
    panel.step();
    assert_eq!(panel.login("alice", STRANGER, &panel.code(key)).0, 0, "one code is enough after unlock");
}

fn uses_backup_codes(panel: &Panel<'_>, key: &str, codes: &[String]) {
    let (exit, in_by) = panel.login("alice", HOME, &codes[0]);
    assert_eq!((exit, &in_by["via"], &in_by["backup_codes_left"]), (0, &json!("backup_code"), &json!(2)));
    assert_eq!(panel.login("alice", HOME, &codes[0]).1["accepted"], false, "each once");
    let new = panel.does(&["backup-codes", "alice", "--count", "2"], "");
    let new: Vec<&str> = new["backup_codes"].as_array().expect("a list").iter().map(text).collect();
    assert_eq!(panel.login("alice", HOME, &codes[1]).1["accepted"], false, "the old set is void");
    assert_eq!(panel.login("alice", HOME, new[1]).1["backup_codes_left"], 1);
    panel.step();
    assert_eq!(panel.login("alice", HOME, &panel.code(key)).0, 0);
}

fn changes_the_phone(panel: &Panel<'_>, old: &str) -> String {
    let made = panel.does(&["generate", "alice"], "");
    let new = text(&made["secret"]).to_owned();
    assert_ne!(new, old);
    let input = format!("{new}\n{}\n", panel.code(&new));
    assert_eq!(panel.fails(&["set", "alice"], &input).1, "already_enrolled");
    assert_eq!(panel.does(&["set", "alice", "--replace"], &input)["proved"], true);
    panel.step();
    assert_eq!(panel.login("alice", HOME, &panel.code(old)).1["reason"], "wrong", "the old key is dead");
    assert_eq!(panel.login("alice", HOME, &panel.code(&new)).0, 0);
    new
}

fn is_one_of_many(panel: &Panel<'_>) {
    let key = text(&panel.does(&["generate", "bob"], "")["secret"]).to_owned();
    panel.does(&["set", "bob", "--no-code"], &format!("{key}\n"));
    let (exit, removed) = panel.asks(&["remove", "bob", "nobody-here"], "");
    assert_eq!((exit, &removed["modified"]), (6, &json!(["bob"])));
    assert_eq!(removed["failed"]["nobody-here"]["code"], "no_such_user");
    // As the panel's own words have it.
    panel.does(&["set", "bob", "--no-code"], &format!("{key}\n"));
    assert_eq!(panel.does(&["disable", "bob"], "")["modified"], json!(["bob"]));
    assert_eq!(panel.fails(&["reconfigure", "bob"], ""), panel.fails(&["enroll", "bob", "--replace"], ""));
    assert_eq!(panel.fails(&["reconfigure", "bob"], "").0, 2);
    assert_eq!(panel.does(&["list", "--unenrolled"], "")["users"].to_string().matches("bob").count(), 1);
}

fn moves_and_goes(panel: &Panel<'_>, key: &str) {
    panel.system.runs(Command::new("usermod").args(["--login", "alicia", "alice"]));
    let orphan = &panel.does(&["list", "--orphans"], "")["users"][0];
    assert_eq!((&orphan["orphan"], &orphan["renamed_to"]), (&json!("renamed"), &json!("alicia")));
    let moved = panel.does(&["rename", "alice", "alicia"], "");
    assert_eq!((&moved["user"], &moved["renamed"]), (&json!("alicia"), &json!(true)));
    assert_eq!(panel.login("alicia", HOME, &panel.code(key)).1["reason"], "used", "used codes move along");
    panel.step();
    assert_eq!(panel.login("alicia", HOME, &panel.code(key)).0, 0);

    panel.system.runs(Command::new("userdel").arg("alicia"));
    assert_eq!(panel.does(&["list", "--orphans"], "")["users"][0]["user"], "alicia");
    assert_eq!(panel.fails(&["remove", "--orphans"], "").1, "needs_yes");
    assert_eq!(panel.does(&["remove", "--orphans", "--yes"], "")["modified"], json!(["alicia"]));
    assert_eq!(panel.does(&["list", "--orphans"], "")["users"], json!([]));
    assert_eq!(panel.fails(&["status", "alicia"], ""), (3, "no_such_user".into(), "there is no user alicia".into()));
}

#[test]
fn of_sixteen_forms_with_one_code_one_gets_in() {
    throw_away(|system| {
        let alice = system.enrolled("alice");
        let panel = Panel::new(system);
        for round in 0..4 {
            let code = panel.code(KEY);
            let arguments = ["verify", "--service", "panel", "--from", HOME, "--", alice.name];
            let mut forms: Vec<_> = (0..16)
                .map(|_| {
                    let mut command = panel.command(&arguments);
                    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts")
                })
                .collect();
            // All wait at their stdin: now they go.
            for form in &mut forms {
                writeln!(form.stdin.take().expect("a pipe"), "{code}").expect("it reads");
            }
            let answers: Vec<Value> =
                forms.into_iter().map(|form| one_object(&form.wait_with_output().expect("it ends").stdout)).collect();
            let count = |reason: &str| answers.iter().filter(|answer| answer["reason"] == reason).count();
            assert_eq!((count("ok"), count("used")), (1, 15), "round {round}: {answers:?}");
            panel.step();
        }
    });
}

/// For people at a panel's shell.
#[test]
fn disable_and_reconfigure_are_other_words_for_remove_and_enroll_replace() {
    throw_away(|system| {
        system.enrolled("alice");
        let secret = || std::fs::read_to_string("/var/lib/pam_totp/secrets/alice.toml").ok();
        assert!(secret().is_some_and(|secret| secret.contains(KEY)));
        let mut command = Command::new("pam-totp");
        command.args(["reconfigure", "alice", "--qr", "none", "--device", "phone", "--backup-codes", "0"]);
        let mut terminal = Terminal::run(command);
        terminal.sees("Key:     ");
        let key = terminal.sees("\n").replace([' ', '\r'], "");
        terminal.answers("Verification code: ", &fresh_code(&key));
        assert_eq!(terminal.ends().1, 0);
        let stored = secret().expect("a secret");
        assert!(stored.contains(&key) && !stored.contains(KEY), "{stored}");
        let (exit, said, _) = program(system, &["disable", "alice"], "");
        assert_eq!((exit, said.as_str(), secret()), (0, "alice: done\n", None));
        let (_, help, _) = program(system, &["--help"], "");
        assert!(["remove", "disable", "reconfigure", "completions"].iter().all(|word| help.contains(word)), "{help}");
    });
}
