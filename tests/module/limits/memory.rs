//! A program that has no memory left, by its caller's limit or because others took it: the login is refused, and the
//! program goes on.

use super::*;
use crate::support::application::{self, SERVICE, SUCCESS, Said, application};
use crate::support::effort::effort;

const RECORD: &str = "/var/lib/pam_totp/state/alice";

/// Two logins of an application, the second with so many bytes left. Whatever comes of it, the application ends by itself.
fn starved(system: &System, left: usize, user: &str, answers: &str) -> Said {
    let mut command = application();
    command.args(["-a", &left.to_string(), "-i", "tty=/dev/tty", SERVICE, user]);
    let output = system.tries(&mut command, answers);
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{left} of {user}: {output:?}");
    Said::read(&output)
}

/// With more and more memory, until a right code gets in.
fn gets_in_at_last(system: &System, lefts: impl IntoIterator<Item = usize>) {
    let alice = User { name: "alice" };
    let record = fs::read(RECORD).expect("a record");
    let mut codes = Vec::new();
    for left in lefts {
        let answers = format!("{}\n{}\n", alice.wrong_code(), alice.code());
        codes.extend(starved(system, left, "alice", &answers).codes.last().copied());
        fs::write(RECORD, &record).expect("the same record for the next one");
    }
    assert!(codes.first() != Some(&SUCCESS) && codes.last() == Some(&SUCCESS), "{codes:?}");
}

#[test]
fn without_memory_a_login_is_refused_and_its_program_goes_on() {
    throw_away(|system| {
        application::build(system);
        system.stack(SERVICE, "auth required pam_totp.so\n");
        system.enrolled("alice");
        let fine = effort(512, 64);
        gets_in_at_last(system, (0..160 << 10).step_by(fine));
        system.log.line("out of memory: refused");
    });
}

#[test]
fn nor_does_it_end_by_a_long_policy() {
    throw_away(|system| {
        application::build(system);
        system.stack(SERVICE, "auth required pam_totp.so\n");
        system.enrolled("alice");
        // Nothing of its length takes more to read.
        system.policy(&"[[exempt]]\nusers=[\"x\"]\n".repeat(2_700));
        gets_in_at_last(system, (0..8 << 20).step_by(effort(256, 64) << 10));
        system.log.line("/etc/security/pam_totp.toml: Out of memory");
    });
}

/// As many members as the name service tells of, of whom each is copied.
#[test]
fn nor_by_a_long_group() {
    throw_away(|system| {
        application::build(system);
        system.stack(SERVICE, "auth required pam_totp.so\n");
        system.enrolled("alice");
        let groups = fs::read_to_string("/etc/group").expect("the groups");
        system.file("/etc/group", &format!("{groups}crowd:x:4711:{}nobody\n", "ab,".repeat(90_000)));
        system.policy("[[exempt]]\ngroups = [\"crowd\"]\n");
        gets_in_at_last(system, (0..16 << 20).step_by(effort(512, 128) << 10));
    });
}

#[test]
fn nor_by_a_drawing() {
    throw_away(|system| {
        application::build(system);
        system.stack(SERVICE, "auth required pam_totp.so\n");
        system.user("bob");
        // Three bytes a letter in the code, and the name stands in it twice.
        system.policy(&format!("unenrolled = \"enroll\"\nissuer = \"{}\"\n", "ÄÖÜß".repeat(16)));
        // Only a terminal is shown a drawing.
        let rows = |left: usize| {
            let program = application().get_program().to_str().expect("a path").to_owned();
            let login = format!("{program} -a {left} -i tty=$(tty) {SERVICE} bob");
            let output =
                system.tries(Command::new("script").args(["-qec", &login, "/dev/null"]), &"000000\n".repeat(8));
            assert_eq!(output.status.code(), Some(0), "{left}: {output:?}");
            String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.contains("48;5;231m")).count()
        };
        // A code's size hangs on its key, too, but not by half of it.
        let (one, two) = (30..60, 60..120);
        let drawn: Vec<usize> = (0..3 << 20).step_by(effort(256, 8) << 10).map(rows).collect();
        assert!(one.contains(&drawn[0]) && drawn.last().is_some_and(|rows| two.contains(rows)), "{drawn:?}");
    });
}
