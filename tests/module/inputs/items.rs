//! What an application says of its user: refused, or taken for unknown, and one clean line of the log.

use super::*;

/// Whoever comes from anywhere is let in, and whoever has shown a key.
const EXEMPT: &str = "[[exempt]]\nnetworks = [\"0.0.0.0/0\", \"::/0\"]\n[[exempt]]\nssh_auth = [\"publickey\"]\n";
const PERMIT: &str = "auth required pam_permit.so\n";
const BY_KEY: &str = "key";
/// A log line of the audit that libpam itself writes takes no more, and where that cannot be written it refuses.
const AUDITED: usize = 8_000;

/// Where it says something, which stands behind the last of these.
const SAYS: [&[&str]; 5] = [
    &["-i", "rhost="],
    &["-i", "ruser="],
    &["-i", "tty="],
    &["-i", "tty=ssh", "-e", "SSH_CONNECTION="],
    &["-e", "SSH_AUTH_INFO_0="],
];

/// What nearly is something that counts.
fn nearly_right() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("64 KiB", vec![b'1'; 65_536]),
        ("an address and more", b"192.0.2.4 user=root".to_vec()),
        ("an address and a line", b"192.0.2.4\npam_totp(sshd:auth): accepted".to_vec()),
        ("an address and a byte", b"192.0.2.4\xff".to_vec()),
        ("four numbers", b"999.0.2.4".to_vec()),
        ("a way out of /dev", b"/dev/../../etc/shadow".to_vec()),
        ("a method that begins so", b"publickeys x".to_vec()),
        ("a method behind a blank", b" publickey x".to_vec()),
    ]
}

fn login(service: &str, time: u64, says: &[&str], value: &[u8], answer: &str) -> i32 {
    let mut command = application();
    let (item, before) = says.split_last().expect("an item");
    command.args(before).arg(OsStr::from_bytes(&[item.as_bytes(), value].concat())).args([service, "alice"]);
    let output = runs(at(time, &mut command), format!("{answer}\n").as_bytes());
    let said = Said::read(&output);
    assert!(said.codes.len() == 1 && said.errors.is_empty(), "{says:?}: {output:?}");
    said.codes[0]
}

/// What one wrong code left in the log.
fn is_clean(what: &str, lines: &[String]) {
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("authentication failure;"), count(" wrong code: alice from ")), (1, 1), "{what}: {lines:?}");
    for line in lines {
        assert!(is_plain(line.as_bytes()) && !line.contains('\n') && line.len() < 1_000, "{what}: {line:?}");
        assert!(!line.contains("authentication failure;") || line.ends_with("  user=alice"), "{what}: {line:?}");
        assert!(!line.contains(" user=root"), "{what}: {line:?}");
    }
}

#[test]
fn whatever_an_application_says_of_its_user() {
    throw_away(|system| {
        prepare(system);
        system.policy(EXEMPT);
        system.stack(SERVICE, &format!("{STACK}{PERMIT}"));
        system.stack(BY_KEY, &format!("auth required pam_totp.so after=publickey\n{PERMIT}"));
        // What is said as it should be is believed.
        assert_eq!(login(SERVICE, T, SAYS[0], b"192.0.2.4", "000000"), SUCCESS);
        assert_eq!(login(BY_KEY, T, SAYS[4], b"publickey x", "000000"), SUCCESS);
        let mut time = T;
        for (what, value) in words().into_iter().chain(nearly_right()) {
            for says in SAYS {
                let what = format!("{says:?} {what}");
                // A lane gets a wrong code back every four hours.
                time += 4 * 3_600;
                let (code, seen) = (code_at(KEY, time), system.log.lines().len());
                let refused = login(SERVICE, time, says, &value, "000000");
                is_clean(&what, &system.log.lines()[seen..]);
                let by_key = login(BY_KEY, time, says, &value, &code);
                let right = login(SERVICE, time, says, &value, &code);
                if value.len() <= AUDITED {
                    assert_eq!((refused, by_key, right), (AUTH_ERR, AUTH_ERR, SUCCESS), "{what}");
                }
                assert!(refused != SUCCESS && by_key != SUCCESS, "{what}");
            }
        }
        assert_eq!(system.log.count("internal error"), 0);
    });
}
