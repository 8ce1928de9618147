//! Who may enroll at the door, and who has to stay enrolled.

use super::*;

fn enrolls(system: &System, user: &User, key: &str) -> String {
    let code = code_at(key, T);
    let request = format!("set\nuser {}\ndevice totp 30 SHA1 6 phone\nkey {key}\ncode {code}", user.name);
    asks(system, user, &request)
}

#[test]
fn no_codes_are_made_for_who_has_proved_nothing() {
    throw_away(|system| {
        // Codes are made of random bytes: where there are none, an answer tells whether they were to be made.
        let _door = Door::with(|| {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-o", "/dev/null", "-e", "inject=getrandom:error=EIO"]);
            for (name, value) in application::clock(T) {
                strace.args(["-E", &format!("{name}={value}")]);
            }
            strace.arg("/usr/sbin/pam-totpd");
            strace
        });
        let alice = system.enrolled("alice");
        let codes = "backup-codes\nuser alice\ncount 20";
        assert_eq!(asks(system, &alice, codes), "refused code-needed");
        let no = |count: u32| format!("refused current {T} wrong {count} {}", 15 - count);
        assert_eq!(asks(system, &alice, &format!("{codes}\ncurrent {}", wrong())), no(1));
        let unproved = requests("alice", &wrong())[5].replace("replace", "count 20\nreplace");
        assert_eq!(asks(system, &alice, &unproved), no(2));
        assert_eq!(asks(system, &alice, &format!("{codes}\ncurrent {}", code(T))), "refused no-random");
    });
}

#[test]
fn a_first_enrollment_needs_the_right_a_shell_and_a_long_key() {
    throw_away(|system| {
        let _door = Door::open(T);
        let alice = system.user("alice");
        // A host for users only: what a daemon's account would get by itself.
        let service = User { name: "www-data" };
        let before = files();
        for policy in
            ["", "unenrolled = \"deny\"\n", "unenrolled = \"allow\"\nself_service = [\"replace\", \"remove\"]\n"]
        {
            system.policy(policy);
            assert_eq!(enrolls(system, &alice, KEY), "refused not-self", "{policy}");
        }
        system.policy("unenrolled = \"allow\"\nwindwo = 1\n");
        assert_eq!(enrolls(system, &alice, KEY), "refused not-self", "a policy that cannot be read");
        system.policy("unenrolled = \"allow\"\nenabled = false\n");
        assert_eq!(enrolls(system, &alice, KEY), "refused policy-off");
        system.policy("unenrolled = \"allow\"\nstore = \"/srv/totp\"\n");
        assert_eq!(enrolls(system, &alice, KEY), "refused fault", "a store that is not the door's");
        system.policy(ALLOW);
        assert_eq!(enrolls(system, &service, KEY), "refused no-login");
        assert_eq!(enrolls(system, &User { name: "root" }, KEY), "refused no-login");
        assert_eq!(enrolls(system, &alice, &KEY[..24]), "refused short-key");
        let unproved = format!("set\nuser alice\ndevice totp 30 SHA1 6 phone\nkey {KEY}\ncode {}", wrong());
        assert_eq!(asks(system, &alice, &unproved), "refused wrong none");
        let replaced = format!("{unproved}\nreplace");
        assert_eq!(asks(system, &alice, &replaced), "refused not-enrolled", "no way around the right to enroll");
        assert!(files().iter().all(|(path, _)| !path.contains("secrets")), "{before:?}");

        assert_eq!(enrolls(system, &alice, KEY), "done");
        system.log.line("enrolled alice (asked by uid ");
        let verify = format!("verify\nuser alice\ncode {}", code(T));
        assert!(asks(system, &alice, &verify).starts_with(&format!("verdict {T} used ")), "the proof is used up");
    });
}

#[test]
fn who_must_be_enrolled_stays_so() {
    throw_away(|system| {
        let door = Door::open(T);
        let (alice, bob) = (system.enrolled("alice"), system.enrolled("bob"));
        system.runs(Command::new("groupadd").arg("staff2"));
        system.runs(Command::new("gpasswd").args(["-a", "alice", "staff2"]));
        let remove = |name: &str, time| format!("remove\nuser {name}\ncurrent {}", code(time));
        // Where those who are not enrolled are refused, users who remove theirs lock themselves out.
        for deny in ["", "unenrolled = \"deny\"\n"] {
            system.policy(deny);
            assert_eq!(asks(system, &bob, &remove("bob", T)), "refused required");
        }
        system.policy(&format!("{ALLOW}[[require]]\ngroups = [\"staff2\"]\nservices = [\"sshd\"]\n"));
        assert_eq!(asks(system, &alice, &remove("alice", T)), "refused required");
        assert_eq!(asks(system, &bob, &remove("bob", T)), "done");
        system.policy(&format!("{ALLOW}[[require]]\nusers = [\"alice\"]\n"));
        assert_eq!(asks(system, &alice, &remove("alice", T)), "refused required");
        let replace = format!("key {OTHER_KEY}\ncode {}\nreplace\ncurrent {}", code_at(OTHER_KEY, T), code(T));
        let replace = format!("set\nuser alice\ndevice totp 30 SHA1 6 phone\n{replace}");
        assert_eq!(asks(system, &alice, &replace), "done", "another one for it");
        system.policy(ALLOW);
        door.at(T + 30);
        let remove = format!("remove\nuser alice\ncurrent {}", code_at(OTHER_KEY, T + 30));
        assert_eq!(asks(system, &alice, &remove), "done");
    });
}
