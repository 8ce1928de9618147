//! `pam-totp policy explain --service`: what it says of a stack is what the real libpam does with a login there.

use crate::support::application::{SERVICE, SUCCESS, build, login, login_at};
use crate::support::codes::{code_at, now};
use crate::support::program::{object, program};
use crate::support::system::{KEY, PASSWORD, System, User, throw_away};
use serde_json::Value;
use std::process::Command;

const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so nodelay\nauth requisite pam_deny.so\n\
                      auth required pam_permit.so\n";

/// Alice is enrolled, carol is not, and users who need no code get in by the policy.
fn host(test: impl FnOnce(&System, &User)) {
    throw_away(|system| {
        build(system);
        system.policy("unenrolled = \"allow\"\n");
        let alice = system.enrolled("alice");
        system.user("carol");
        system.runs(Command::new("groupadd").arg("mfa"));
        test(system, &alice);
    });
}

fn explained(system: &System, user: &str) -> (String, String, Vec<String>) {
    let (exit, said) = object(system, &["policy", "explain", user, "--service", SERVICE], "");
    assert_eq!(exit, 0, "{said}");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let notes = said["notes"].as_array().expect("a list").iter().map(text).collect();
    (text(&said["decision"]), text(&said["rule"]), notes)
}

/// What libpam makes of a login with a right password, so many minutes from now: `ask` where a code must be right.
fn real(system: &System, user: &User, minutes: u64) -> &'static str {
    let time = now() + 60 * minutes;
    let with = |code: &str| login_at(system, time, user.name, &format!("{PASSWORD}\n{code}"));
    if with(&user.wrong_code()) == SUCCESS {
        "pass"
    } else if with(&code_at(KEY, time)) == SUCCESS {
        "ask"
    } else {
        "refuse"
    }
}

#[test]
fn it_says_what_libpam_does() {
    host(|system, alice| {
        let carol = User { name: "carol" };
        let ours = "auth requisite pam_totp.so nodelay\n";
        let dies = "auth [success=done new_authtok_reqd=done default=die] pam_totp.so nodelay\n";
        let cases: [(&str, String, &str, &str, &str); 9] = [
            ("as README has it", format!("{COMMON}{ours}"), "ask", "pass", "enrolled"),
            ("no code due is a failure", format!("{COMMON}{dies}"), "ask", "refuse", "enrolled"),
            (
                "a password ends the stack",
                format!("auth sufficient pam_unix.so nodelay\n{ours}auth required pam_deny.so\n"),
                "pass",
                "pass",
                "the stack does not reach pam_totp.so: pam_unix.so (/etc/pam.d/application:1, sufficient) ends it, \
                 or jumps over that line; by the policy: enrolled",
            ),
            (
                "a jump goes over it",
                format!(
                    "auth [success=2 default=ignore] pam_unix.so nodelay\nauth requisite pam_deny.so\n{ours}auth required pam_permit.so\n"
                ),
                "pass",
                "pass",
                "the stack does not reach pam_totp.so: pam_unix.so (/etc/pam.d/application:1, [success=2 \
                 default=ignore]) ends it, or jumps over that line; by the policy: enrolled",
            ),
            (
                "behind it everybody is refused",
                format!("{COMMON}{ours}auth required pam_deny.so\n"),
                "refuse",
                "refuse",
                "refused by the stack: it ends at pam_deny.so (/etc/pam.d/application:5, required), though all is \
                 right; by the policy: enrolled",
            ),
            (
                "nothing says yes to the password",
                format!("auth [success=1 default=ignore] pam_unix.so nodelay\nauth requisite pam_deny.so\n{ours}"),
                "ask",
                "refuse",
                "enrolled",
            ),
            (
                "an argument that it does not know",
                format!("{COMMON}auth requisite pam_totp.so nodelay explian\n"),
                "refuse",
                "refuse",
                "refused by the stack: it ends at pam_totp.so (/etc/pam.d/application:4, requisite), \
                 though all is right; by the policy: enrolled",
            ),
            (
                "its answer is not heeded",
                format!("{COMMON}auth optional pam_totp.so nodelay\n"),
                "ask",
                "pass",
                "enrolled",
            ),
            ("the code is all", format!("{ours}auth required pam_permit.so\n"), "ask", "pass", "enrolled"),
        ];
        for (minutes, (what, stack, of_alice, of_carol, rule)) in (1..).zip(cases) {
            system.stack(SERVICE, &stack);
            let (decision, because, notes) = explained(system, "alice");
            assert_eq!((decision.as_str(), because.as_str()), (of_alice, rule), "{what}");
            let (others, because, _) = explained(system, "carol");
            assert_eq!(others, of_carol, "{what}: {because}");
            // Said in a note, as nobody can tell how often somebody types a wrong one.
            let is_free = notes.iter().any(|note| note.starts_with("a wrong code gets in too"));
            let of_alice = if is_free { "pass" } else { of_alice };
            if !what.contains("the code is all") {
                assert_eq!(
                    (real(system, alice, minutes), real(system, &carol, minutes)),
                    (of_alice, of_carol),
                    "{what}: libpam"
                );
            }
        }
    });
}

#[test]
fn why_the_stack_refuses_is_said_with_its_line_and_the_policy_s_word() {
    host(|system, _| {
        system.stack(SERVICE, &format!("{COMMON}auth [success=done default=die] pam_totp.so\n"));
        let (decision, rule, _) = explained(system, "carol");
        assert_eq!(decision, "refuse");
        assert_eq!(
            rule,
            "refused by the stack: pam_totp.so (/etc/pam.d/application:4, [success=done default=die]) also fails \
             where no code is due; by the policy: unenrolled = \"allow\""
        );
        let (exit, said, _) = program(system, &["policy", "explain", "carol", "--service", SERVICE], "");
        assert!(exit == 0 && said.starts_with("carol: refuse (refused by the stack:"), "{said}");
        system.policy("enabled = false\n");
        assert_eq!(explained(system, "alice").0, "refuse", "switched off, it is everybody");
        // A deny that nobody heeds.
        system.policy("unenrolled = \"deny\"\n");
        system.stack(SERVICE, "auth sufficient pam_unix.so nodelay\nauth requisite pam_totp.so\n");
        assert_eq!(explained(system, "carol").0, "pass", "the password alone gets in");
        assert_eq!(real(system, &User { name: "carol" }, 1), "pass");
    });
}

#[test]
fn on_what_it_depends_is_said() {
    host(|system, alice| {
        let group = "auth [default=1 success=ignore] pam_succeed_if.so user ingroup mfa\n";
        system.stack(SERVICE, &format!("{group}auth requisite pam_totp.so nodelay\n{COMMON}"));
        let (decision, _, notes) = explained(system, "alice");
        let note = "users whom pam_succeed_if.so (/etc/pam.d/application:1, [default=1 success=ignore]) refuses are \
                    not asked";
        assert_eq!((decision.as_str(), notes), ("ask", vec![note.to_owned()]));
        let only = |code: &str| login(system, "alice", &format!("{code}\n{PASSWORD}"));
        assert_eq!(login(system, "alice", PASSWORD), SUCCESS, "she is not in that group");
        system.runs(Command::new("gpasswd").args(["-a", "alice", "mfa"]));
        assert_ne!(only(&alice.wrong_code()), SUCCESS);
        assert_eq!(only(&alice.code()), SUCCESS);
        let (_, said, _) = program(system, &["policy", "explain", "alice", "--service", SERVICE], "");
        assert!(said.lines().count() > 1 && said.contains("are not asked."), "{said}");
    });
}

#[test]
fn an_enrollment_that_no_account_line_stores_is_said() {
    host(|system, _| {
        system.policy("unenrolled = \"enroll\"\n");
        let auth = format!("{COMMON}auth requisite pam_totp.so\n");
        let ours = "account required pam_totp.so\n";
        let stored = |account: &str| {
            system.stack(SERVICE, &format!("{auth}{account}"));
            let (decision, _, notes) = explained(system, "carol");
            assert_eq!(decision, "enroll");
            notes.join(" ")
        };
        assert_eq!(stored(&format!("{ours}account required pam_unix.so\n")), "");
        // What another directory says of her makes no difference.
        assert_eq!(
            stored(&format!("account [success=ok default=ignore] pam_sss.so\n{ours}account required pam_unix.so\n")),
            ""
        );
        assert_eq!(
            stored("account required pam_unix.so\n"),
            "what is enrolled at this login is not stored: the stack has no `account` line of pam_totp.so"
        );
        let sufficient = stored(&format!("account sufficient pam_localuser.so\n{ours}"));
        assert!(sufficient.contains("pam_localuser.so (/etc/pam.d/application:5, sufficient) ends"), "{sufficient}");
    });
}
