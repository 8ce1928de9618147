//! sshd's settings, wherever they stand: what `sshd -T` says is judged, and what is pasted is in force then.

use super::{findings, in_order, paste, restore, save, shell, text};
use crate::support::sshd::{KEYBOARD_INTERACTIVE, Sshd, key_pair, prompt, ssh};
use crate::support::system::{PASSWORD, System, throw_away};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-pam_totp.conf";
const FOLDER: &str = "Include /etc/ssh/sshd_config.d/*.conf";
/// What a fix may change.
const OURS: [&str; 6] = [
    "usepam",
    "kbdinteractiveauthentication",
    "passwordauthentication",
    "authenticationmethods",
    "hostbasedauthentication",
    "gssapiauthentication",
];

/// What breaks sshd, and what is said of it.
struct Row {
    breaks: String,
    says: &'static [&'static str],
    /// The connection that it is about, and what `sshd -T -C` says of it afterwards.
    then: (&'static str, &'static [&'static str]),
}

fn row(breaks: &str, says: &'static [&'static str], then: &'static [&'static str]) -> Row {
    Row { breaks: breaks.into(), says, then: ("alice", then) }
}

/// What stands in the way of our drop-in, or is wrong in it.
fn places() -> Vec<Row> {
    let asked: &[&str] = &["kbdinteractiveauthentication yes", "passwordauthentication no", "permitrootlogin no"];
    let without = "sed -i /^Include/d /etc/ssh/sshd_config; echo PermitRootLogin no >>/etc/ssh/sshd_config";
    let unused = "echo PermitRootLogin yes >/etc/ssh/sshd_config.d/50-unused.conf";
    let with_main = |lines: &str| format!("{without}; {unused}; printf '{lines}\\n' >>/etc/ssh/sshd_config");
    let drop_in = |lines: &str| format!("printf '{lines}\\n' >/etc/ssh/sshd_config.d/00-pam_totp.conf");
    let key = |command: &str| {
        let shape = "-e '/^@include common-auth/d' -e 's/pam_totp.so explain/pam_totp.so after=publickey/'";
        format!("sed -i {shape} /etc/pam.d/sshd; {command}")
    };
    vec![
        row(&with_main(""), &["kbd_interactive"], asked),
        row(
            &format!("{without}; printf '{FOLDER}\\n' >>/etc/ssh/sshd_config"),
            &["kbd_interactive"],
            &["kbdinteractiveauthentication yes", "passwordauthentication no"],
        ),
        row(&with_main(&format!("Match User nobody\\n{FOLDER}")), &["kbd_interactive"], asked),
        row(
            &format!("{}; echo AllowUsers alice >>{DROP_IN}", with_main(&format!("Match User nobody\\n{FOLDER}"))),
            &["kbd_interactive"],
            &["kbdinteractiveauthentication yes", "permitrootlogin no"],
        ),
        row(
            &format!(
                "{without}; {unused}; sed -i '1i Include sshd_config.d/50-*.conf' /etc/ssh/sshd_config; \
                      echo Banner none >/etc/ssh/sshd_config.d/50-unused.conf"
            ),
            &["kbd_interactive"],
            asked,
        ),
        row(
            &format!("{without}; {unused}; sed -i '1i Include sshd_config.d/00-pam_totp.conf' /etc/ssh/sshd_config"),
            &[],
            asked,
        ),
        row(
            "echo KbdInteractiveAuthentication=no >/etc/ssh/sshd_config.d/00-a.conf",
            &["kbd_interactive"],
            &["kbdinteractiveauthentication yes"],
        ),
        row(
            "echo ChallengeResponseAuthentication no >/etc/ssh/sshd_config.d/00-a.conf; rm /etc/ssh/sshd_config.d/00-p*",
            &["kbd_interactive"],
            &["kbdinteractiveauthentication yes", "passwordauthentication no"],
        ),
        row(
            &drop_in(
                "# mine\\nPermitRootLogin no\\nKbdInteractiveAuthentication yes\\nPasswordAuthentication no\\nAuthenticationMethods publickey",
            ),
            &["authentication_methods"],
            &[
                "authenticationmethods publickey,keyboard-interactive:pam",
                "permitrootlogin no",
                "passwordauthentication no",
            ],
        ),
        row(
            &format!(
                "{}; echo KbdInteractiveAuthentication no >/etc/ssh/sshd_config.d/00-a.conf",
                drop_in("Subsystem own /bin/true\\nPermitRootLogin no\\nKbdInteractiveAuthentication yes")
            ),
            &["kbd_interactive"],
            &["kbdinteractiveauthentication yes", "passwordauthentication no", "permitrootlogin no"],
        ),
        // What is not in force in our file does not become so.
        row(
            &format!(
                "{}; printf '{}\\n' >/etc/ssh/sshd_config.d/00-a.conf",
                drop_in("PubkeyAuthentication yes\\nKbdInteractiveAuthentication yes\\nPasswordAuthentication no"),
                "PasswordAuthentication yes\\nPubkeyAuthentication no"
            ),
            &["password_authentication"],
            &["passwordauthentication no", "pubkeyauthentication no"],
        ),
        row(
            &key("echo AuthenticationMethods any >/etc/ssh/sshd_config.d/50-other.conf"),
            &["authentication_methods"],
            &["authenticationmethods publickey,keyboard-interactive:pam"],
        ),
        row(
            &key("printf 'Match User alice\\n  AuthenticationMethods any # mine\\n' >>/etc/ssh/sshd_config"),
            &["authentication_methods", "authentication_methods"],
            &["authenticationmethods publickey,keyboard-interactive:pam"],
        ),
        row(&drop_in(""), &["kbd_interactive"], &["kbdinteractiveauthentication yes", "passwordauthentication no"]),
    ]
}

/// What lets in without asking PAM.
fn free_ways() -> Vec<Row> {
    let other = |lines: &str| format!("printf '{lines}\\n' >/etc/ssh/sshd_config.d/50-other.conf");
    vec![
        row(&other("HostbasedAuthentication yes"), &["hostbased"], &["hostbasedauthentication no"]),
        row(
            &other(
                "HostbasedAuthentication yes\\nAuthenticationMethods hostbased publickey,keyboard-interactive publickey",
            ),
            &["hostbased"],
            &["authenticationmethods hostbased,keyboard-interactive:pam publickey,keyboard-interactive publickey"],
        ),
        row(
            &format!("touch /etc/krb5.keytab; {}", other("GSSAPIAuthentication yes")),
            &["gssapi"],
            &["gssapiauthentication no"],
        ),
        row(
            &format!("rm -f /etc/krb5.keytab; {}", other("GSSAPIAuthentication yes")),
            &[],
            &["gssapiauthentication yes"],
        ),
    ]
}

fn blocks() -> Vec<Row> {
    let main = |lines: &str| format!("printf '{lines}\\n' >>/etc/ssh/sshd_config");
    let of = |user, row: Row| Row { then: (user, row.then.1), ..row };
    vec![
        row(&main("Match User alice\\n  X11Forwarding no\\nMatch all\\n  Banner none"), &[], &["x11forwarding no"]),
        row(
            &main(
                "Match User alice\\n\\tKbdInteractiveAuthentication no\\n\\tPasswordAuthentication yes\\nMatch all\\n Banner none",
            ),
            &["kbd_interactive"],
            &["kbdinteractiveauthentication yes", "passwordauthentication no"],
        ),
        row(
            &main("Match Address 10.0.0.0/8,!10.0.0.0/24 User *\\nPasswordAuthentication yes"),
            &["password_authentication"],
            &["passwordauthentication no"],
        ),
        of(
            "backup",
            row(
                &main("Match Group backup\\n  AuthenticationMethods=password\\n  PasswordAuthentication yes"),
                &["authentication_methods", "password_authentication"],
                &["authenticationmethods keyboard-interactive:pam", "passwordauthentication no"],
            ),
        ),
        row(
            "printf 'Match all\\nHostbasedAuthentication yes\\n' >/etc/ssh/sshd_config.d/70-all.conf",
            &["hostbased", "hostbased"],
            &["hostbasedauthentication no"],
        ),
        // All of it at once: what is pasted first moves the lines of the other.
        row(
            &format!(
                "sed -i /^Include/d /etc/ssh/sshd_config; {}",
                main(
                    "Match User alice\\n AuthenticationMethods publickey,password\\nMatch User bob\\n AuthenticationMethods publickey,password"
                )
            ),
            &["kbd_interactive", "authentication_methods", "authentication_methods"],
            &["authenticationmethods publickey,keyboard-interactive:pam", "kbdinteractiveauthentication yes"],
        ),
    ]
}

/// What is wrong with sshd.
fn bad(system: &System) -> Vec<Value> {
    let is_bad = |finding: &Value| finding["about"] == "sshd" && ["fault", "warning"].contains(&text(finding, "level"));
    findings(system).into_iter().filter(is_bad).collect()
}

/// What holds for a user who comes from a network.
fn settings(system: &System, user: &str) -> BTreeMap<String, String> {
    let connection = format!("user={user},host=h.invalid,addr=10.2.3.4,laddr=127.0.0.1,lport=22");
    let output = system.runs(Command::new("/usr/sbin/sshd").args(["-T", "-C", &connection]));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().filter_map(|line| line.split_once(' ')).map(|(key, value)| (key.into(), value.into())).collect()
}

fn files(system: &System) -> String {
    let output = system.runs(Command::new("/bin/sh").args(["-c", "grep -r '' /etc/ssh/sshd_config* | sort"]));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn sorted<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut words = words.to_vec();
    words.sort_unstable();
    words
}

fn fixed(system: &System, row: &Row) -> Result<(), String> {
    restore(system);
    shell(system, &row.breaks);
    let (was, found) = (settings(system, row.then.0), bad(system));
    let said: Vec<&str> = found.iter().map(|finding| text(finding, "code")).collect();
    let told = |what: &str| Err(format!("{}\n{what}\n{found:#?}\n{}", row.breaks, files(system)));
    if sorted(&said) != sorted(row.says) {
        return told(&format!("said: {said:?}"));
    }
    let pasted: String = found.iter().map(|finding| paste(system, finding)).collect();
    let (is, once) = (settings(system, row.then.0), files(system));
    if let Some(left) = bad(system).first() {
        return told(&format!("left: {left}\npasted: {pasted}"));
    }
    let wrong = row.then.1.iter().find(|line| !is.iter().any(|(key, value)| format!("{key} {value}") == **line));
    let others = is.iter().find(|(key, value)| !OURS.contains(&key.as_str()) && was.get(*key) != Some(value));
    if wrong.is_some() || others.is_some() {
        return told(&format!("not {wrong:?}; nobody asked for {others:?}\npasted: {pasted}"));
    }
    found.iter().for_each(|finding| drop(paste(system, finding)));
    if files(system) != once { told("the second time it changed something") } else { Ok(()) }
}

fn all_are_fixed(rows: &[Row]) {
    throw_away(|system| {
        in_order(system);
        save(system);
        let failed: Vec<String> = rows.iter().filter_map(|row| fixed(system, row).err()).collect();
        assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), rows.len(), failed.join("\n\n"));
    });
}

#[test]
fn values_are_put_where_they_win_and_bring_no_other_drop_in_into_force() {
    all_are_fixed(&places());
}

#[test]
fn a_host_or_a_ticket_lets_nobody_in_without_a_code() {
    all_are_fixed(&free_ways());
}

#[test]
fn each_match_block_is_judged_and_fixed_in_its_place() {
    all_are_fixed(&blocks());
}

#[test]
fn a_block_that_cannot_be_judged_is_told_of() {
    throw_away(|system| {
        in_order(system);
        shell(system, "groupadd nobody-is-in-it");
        shell(
            system,
            "printf 'Match Group nobody-is-in-it\\n AuthenticationMethods publickey\\n' >>/etc/ssh/sshd_config",
        );
        let found = findings(system);
        let told = found.iter().find(|finding| finding["code"] == "match").expect("a note");
        assert!(text(told, "message").contains("Match Group nobody-is-in-it: "), "{told}");
        // Only so many are asked about.
        let many: String = (0..17).map(|user| format!("Match User u{user}\n PasswordAuthentication no\n")).collect();
        system.file("/etc/ssh/sshd_config.d/90-many.conf", &many);
        let found = bad(system);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(text(&found[0], "message").contains("the last 1 of the Match lines"), "{found:#?}");
        // Those that set nothing of what is judged are no matter.
        system.file("/etc/ssh/sshd_config.d/90-many.conf", &many.replace("PasswordAuthentication no", "Banner none"));
        assert_eq!(bad(system), Vec::<Value>::new());
    });
}

/// A block that lets alice in by her key alone: so it is, so doctor says, and so it ends.
#[test]
fn who_gets_in_without_a_code_by_a_block_is_said() {
    throw_away(|system| {
        in_order(system);
        let alice = system.user("backup-alice");
        let key = key_pair(system, &alice);
        system.enroll("backup-alice");
        let lines = format!("{KEYBOARD_INTERACTIVE}Match User backup-*\n  AuthenticationMethods publickey\n");
        let server = Sshd::start(system, &lines);
        let mut client = ssh("backup-alice", &["-i", &key]);
        client.sees("in as backup-alice");
        assert_eq!(client.ends().1, 0);
        let found = bad(system);
        let told = found.iter().find(|finding| finding["code"] == "without_code").expect("a warning");
        let said =
            format!("{DROP_IN}:3, Match User backup-*: the logins that it is for get in by publickey without a code");
        assert_eq!((text(told, "level"), text(told, "message")), ("warning", said.as_str()));
        // It may be meant so: nothing happens unless somebody decides it.
        paste(system, told);
        assert_eq!(fs::read_to_string(DROP_IN).expect("the drop-in"), lines);
        let line = told["fix"][0].as_str().expect("a line");
        let line = line.strip_prefix("# only if these users should be asked too: ").expect("a comment");
        paste(system, &json!({ "fix": [line] }));
        assert_eq!(bad(system), Vec::<Value>::new());
        drop(server);
        let _server = Sshd::start(system, &fs::read_to_string(DROP_IN).expect("the drop-in"));
        let mut client = ssh("backup-alice", &["-i", &key]);
        client.answers(&prompt("backup-alice", "Password: "), PASSWORD);
        client.answers(&prompt("backup-alice", "Verification code: "), &alice.code());
        client.sees("in as backup-alice");
        assert_eq!(client.ends().1, 0);
    });
}
