//! pam_oath with its own module, and what only its file has.

use super::*;

const FILE: &str = "/etc/users.oath";
const HEX: &str = "3132333435363738393031323334353637383930";
const OTHER: &str = "3132333435363738393031323334353637383931";

fn file(system: &System, text: &str) {
    system.file(FILE, text);
    fs::set_permissions(FILE, fs::Permissions::from_mode(0o600)).expect("chmod");
}

fn totp(key: &str, time: u64) -> String {
    oathtool(&["--totp", "--now", &format!("@{time}"), key])
}

fn hotp(key: &str, counter: u64) -> String {
    oathtool(&["--hotp", "--counter", &counter.to_string(), key])
}

#[test]
fn codes_used_just_before_the_move_stay_used_and_the_next_ones_get_in() {
    throw_away(|system| {
        theirs(system, &format!("pam_oath.so usersfile={FILE} window=20"));
        for name in ["alice", "bob", "carol"] {
            system.user(name);
        }
        let minutes = |time: u64| oathtool(&["--totp", "-s", "60", "-d", "8", "--now", &format!("@{time}"), HEX]);
        file(system, &format!("# ours\nHOTP/T30\talice\t-\t{HEX}\nHOTP bob - {HEX} 4\nHOTP/T60/8 carol + {HEX}\n"));
        assert_eq!(there(system, T, "alice", &totp(HEX, T)), SUCCESS);
        assert_eq!(there(system, T, "bob", &hotp(HEX, 6)), SUCCESS);
        assert_eq!(there(system, T, "carol", &minutes(T)), SUCCESS);
        let (exit, said) = imports(system, T, &["oath", FILE]);
        assert_eq!((exit, &said["modified"]), (0, &json!(["alice", "bob", "carol"])), "{said}");
        assert_eq!((&said["notes"], &said["warnings"]), (&json!({}), &json!({})), "{said}");
        assert_eq!(said["stacks"], json!(["theirs"]));

        assert_eq!(login_at(system, T, "alice", &totp(HEX, T)), AUTH_ERR, "used there");
        assert_eq!(login_at(system, T + 30, "alice", &totp(HEX, T + 30)), SUCCESS);
        assert_eq!(login_at(system, T, "bob", &hotp(HEX, 6)), AUTH_ERR, "used there");
        assert_eq!(login_at(system, T, "bob", &hotp(HEX, 7)), SUCCESS);
        assert_eq!(login_at(system, T, "carol", &minutes(T)), AUTH_ERR, "used there");
        assert_eq!(login_at(system, T + 60, "carol", &minutes(T + 60)), SUCCESS);

        // And what is used there until the stacks are switched over.
        assert_eq!(there(system, T + 300, "alice", &totp(HEX, T + 300)), SUCCESS);
        assert_eq!(imports(system, T + 300, &["oath", FILE]).1["already"], json!(["alice", "bob", "carol"]));
        assert_eq!(login_at(system, T + 300, "alice", &totp(HEX, T + 300)), AUTH_ERR);
        assert_eq!(login_at(system, T + 330, "alice", &totp(HEX, T + 330)), SUCCESS);
    });
}

/// Their times are local, and do not say where.
#[test]
fn a_used_code_is_found_in_whatever_zone_its_time_was_written() {
    throw_away(|system| {
        theirs(system, &format!("pam_oath.so usersfile={FILE} window=20"));
        system.user("alice");
        for (zone, time) in [("XXX-14", T), ("XXX12", T + 600), ("XXX-5:45", T + 1200)] {
            file(system, &format!("HOTP/T30 alice - {HEX}\n"));
            let mut login = application();
            let code = only_code(system, at(time, login.args(["theirs", "alice"])).env("TZ", zone), &totp(HEX, time));
            assert_eq!(code, SUCCESS, "{zone}");
            let (_, said) = imports(system, time, &["oath", FILE]);
            assert_eq!(words(&said, "notes", "alice"), [""; 0], "{zone}: {said}");
            assert_eq!(login_at(system, time, "alice", &totp(HEX, time)), AUTH_ERR, "{zone}");
            assert_eq!(login_at(system, time + 30, "alice", &totp(HEX, time + 30)), SUCCESS, "{zone}");
        }
    });
}

#[test]
fn several_lines_are_several_devices_and_a_pin_is_said_loudly() {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        system.user("bob");
        let lines = [
            format!("HOTP/T30 alice 1234 {HEX}"),
            format!("HOTP/E/6 alice 1234 {OTHER} 3"),
            format!("HOTP/T30/8 alice - {HEX}32"),
            "HOTP/X alice - 00".into(),
            format!("HOTP mallory - {HEX}"),
            "HOTP/T30 bob - 313233343536373839".into(),
        ];
        file(system, &lines.join("\n"));
        let (exit, said) = imports(system, T, &["oath", FILE]);
        assert_eq!((exit, &said["modified"]), (6, &json!(["alice"])), "{said}");
        assert_eq!(said["failed"]["mallory"]["code"], json!("no_such_user"));
        assert_eq!(
            said["failed"]["bob"]["message"],
            json!("/etc/users.oath: the key is shorter than 80 bits in line 6")
        );
        assert_eq!(words(&said, "warnings", "alice"), ["pin", "pin", "other_digits"], "{said}");
        assert_eq!(said["file_notes"][0]["code"], json!("unknown_line"), "{said}");
        assert!(!said.to_string().contains("1234"), "{said}");
        assert_eq!(login_at(system, T + 180, "alice", &totp(HEX, T + 180)), SUCCESS);
        assert_eq!(login_at(system, T, "alice", &hotp(OTHER, 3)), SUCCESS);

        let (_, stdout, _) = program(system, &["import", "oath", FILE, "--replace"], "");
        assert!(stdout.contains("alice: already imported"), "{stdout}");
    });
}

/// Whoever owns the file could give anybody a key that they know.
#[test]
fn a_file_of_many_users_is_roots() {
    throw_away(|system| {
        let alice = system.user("alice");
        let text = format!("HOTP/T30 root - {HEX}\n");
        let own = keeps(&alice, "users.oath", &text);
        system.file("/tmp/open", &text);
        fs::set_permissions("/tmp/open", fs::Permissions::from_mode(0o666)).expect("chmod");
        symlink(&own, "/tmp/link").expect("a link");
        nix::unistd::mkfifo("/tmp/fifo", nix::sys::stat::Mode::S_IRUSR).expect("a FIFO");
        let before = store();
        for path in [own.to_str().unwrap(), "/tmp/open", "/tmp/link", "/tmp/fifo", "/tmp", "/nonexistent", "/dev/zero"]
        {
            for kind in ["oath", "cpanel"] {
                assert_eq!(error_code(system, &["import", kind, path], ""), (2, "bad_file".into()), "{path}");
            }
        }
        assert_eq!(store(), before);
    });
}

#[test]
fn one_user_of_a_file_of_many_is_taken_alone() {
    throw_away(|system| {
        let (alice, _) = (system.user("alice"), system.user("bob"));
        file(system, &format!("HOTP/T30 alice - {HEX}\nHOTP/T30 bob - {OTHER}\nHOTP/X alice - 00\n"));
        let run = |arguments: &[&str]| imports(system, T, &[&["oath"], arguments].concat());
        let before = store();
        let (exit, said) = run(&[FILE, "--user", "bob", "--dry-run"]);
        assert_eq!((exit, &said["modified"]), (0, &json!(["bob"])), "{said}");
        assert_eq!(store(), before);
        let (exit, said) = run(&[FILE, "--user", "bob"]);
        assert_eq!((exit, &said["modified"], &said["failed"]), (0, &json!(["bob"]), &json!({})), "{said}");
        assert_eq!(words(&said, "notes", "bob"), ["use_unrecorded", "unknown_line"], "{said}");
        assert_eq!(run(&[FILE, "--user", "bob"]).1["already"], json!(["bob"]));
        assert_eq!(object(system, &["status", "alice"], "").1["enrolled"], false);
        let (exit, said) = run(&[FILE, "--user", "root"]);
        assert_eq!(exit, 2, "{said}");
        assert_eq!(said["failed"]["root"]["message"], json!("/etc/users.oath: it has no line of the user"));
        for (arguments, exit, code) in [
            (&[FILE, "--user", "nobody-here"][..], 3, "no_such_user"),
            (&["--user", "bob"], 2, "usage"),
            (&["--all", FILE], 2, "usage"),
            (&["--all", "--user", "bob"], 2, "usage"),
            (&["--all", "--file", "/etc/users.oath"], 2, "usage"),
            (&["--all", "--file", "../bob/x"], 2, "usage"),
            (&[], 2, "usage"),
        ] {
            let arguments = [&["import", "oath"], arguments].concat();
            assert_eq!(error_code(system, &arguments, ""), (exit, code.into()), "{arguments:?}");
        }
        // The user's own file says nothing of others.
        let own = keeps(&alice, "mine", format!("HOTP/T30 bob - {HEX}\nHOTP/T30 alice - {OTHER}\n"));
        let own = own.to_str().expect("UTF-8");
        assert_eq!(run(&[own, "--user", "bob", "--replace"]).1["failed"]["bob"]["code"], json!("bad_file"));
        assert_eq!(run(&[own, "--user", "alice"]).1["modified"], json!(["alice"]));
    });
}

/// `usersfile=${HOME}/...`: each file is read by its owner, and only its owner's lines count.
#[test]
fn files_in_homes_are_read_by_their_owners_and_say_nothing_of_others() {
    throw_away(|system| {
        application::build(system);
        let users = ["alice", "bob", "carol", "dave"].map(|name| system.user(name));
        let [alice, bob, carol, dave] = &users;
        keeps(
            alice,
            ".oath",
            format!("HOTP/T30 alice - {HEX}\nHOTP/T30 root - {HEX}\nHOTP/T30 carol - {HEX}\nB\u{fc}ro\n"),
        );
        keeps(bob, ".oath", format!("HOTP/T30 alice - {OTHER}\n"));
        fs::create_dir("/home/carol/keys").expect("a folder");
        keeps(carol, "keys/oath", format!("HOTP carol - {OTHER} 7\n"));
        symlink("/home/alice/.oath", Path::new(&dave.home()).join(".oath")).expect("a link");
        let (exit, said) = imports(system, T, &["oath", "--all"]);
        assert_eq!((exit, &said["modified"]), (6, &json!(["alice"])), "{said}");
        let failed = said["failed"].as_object().expect("an object");
        assert_eq!(failed["bob"]["message"], json!("/home/bob/.oath: it has no line of the user"));
        assert_eq!(failed["dave"]["message"], json!("/home/dave/.oath: it is not a regular file"));
        assert_eq!(failed.len(), 2, "{said}");
        assert_eq!(login_at(system, T + 180, "alice", &totp(HEX, T + 180)), SUCCESS);
        let (exit, said) = imports(system, T, &["oath", "--all", "--file", "keys/oath"]);
        assert_eq!((exit, &said["modified"]), (0, &json!(["carol"])), "{said}");
        assert_eq!(login_at(system, T, "carol", &hotp(OTHER, 7)), SUCCESS);
        assert_eq!(object(system, &["status", "root"], "").1["enrolled"], false);
        assert_eq!(object(system, &["status", "bob"], "").1["enrolled"], false);
    });
}

#[test]
fn cpanels_keys_of_80_bits_come_with_a_warning() {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        let text =
            r#"{"alice":{"secret":"QLLIU5WTY3UTJGNG"},"team@alice":{"secret":"QLLIU5WTY3UTJGNH"},"issuer":"ACME"}"#;
        system.file("/root/tfa_userdata.json", text);
        let (exit, said) = imports(system, T, &["cpanel", "/root/tfa_userdata.json"]);
        assert_eq!((exit, &said["modified"]), (6, &json!(["alice"])), "{said}");
        assert_eq!(said["failed"]["team@alice"]["code"], json!("no_such_user"));
        assert_eq!(words(&said, "warnings", "alice"), ["weak_key"]);
        assert_eq!(words(&said, "notes", "alice"), ["use_unrecorded"]);
        assert!(!said.to_string().contains("QLLI"), "{said}");
        let code = |time: u64| code_at("QLLIU5WTY3UTJGNG", time);
        assert_eq!(login_at(system, T, "alice", &code(T)), AUTH_ERR, "it may have been used there");
        assert_eq!(login_at(system, T + 180, "alice", &code(T + 180)), SUCCESS);
        assert_eq!(login_at(system, T + 180, "alice", &code(T + 180)), AUTH_ERR);
    });
}

/// For people at a terminal; what reads JSON, and what keeps a log, gets none.
#[test]
fn many_users_show_how_far_it_is() {
    throw_away(|system| {
        system.user("alice");
        file(system, &format!("HOTP/T30 alice - {HEX}\nHOTP/T30 bob - {HEX}\n"));
        let run = |arguments: &[&str]| {
            let mut command = Command::new("pam-totp");
            command.args(arguments).args(["import", "oath", FILE]).env("TERM", "xterm");
            Terminal::run(command).ends()
        };
        let (screen, exit) = run(&[]);
        assert!(screen.contains("1 of 2, ") && screen.contains("alice: imported"), "{screen}");
        assert_eq!(exit, 6, "there is no bob");
        assert!(!run(&["--json"]).0.contains("of 2, "));
        assert!(!program(system, &["import", "oath", FILE], "").2.contains("of 2, "));
    });
}
