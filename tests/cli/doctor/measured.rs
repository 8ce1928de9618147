//! What other modules answer, as Debian's real ones answer through the real libpam: nothing here is remembered.

use crate::support::debian;
use crate::support::packages::unpacked;
use crate::support::system::{PASSWORD, System, throw_away_with};
use pam_totp::doctor::stacks::files::{ChainStep, StackFiles};
use pam_totp::doctor::stacks::line::Facility;
use pam_totp::doctor::stacks::modules::{Role, role};
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = "/usr/local/bin/answer";
const FOLDER: &str = "/usr/lib/x86_64-linux-gnu/security";

/// libpam's codes, and what they are called in the brackets of a stack.
const CODES: [(i32, &str); 14] = [
    (0, "success"),
    (3, "service_err"),
    (4, "system_err"),
    (6, "perm_denied"),
    (7, "auth_err"),
    (8, "cred_insufficient"),
    (9, "authinfo_unavail"),
    (10, "user_unknown"),
    (12, "new_authtok_reqd"),
    (13, "acct_expired"),
    (20, "authtok_err"),
    (25, "ignore"),
    (26, "abort"),
    (28, "module_unknown"),
];

/// What is done first, and then a question in each line: the kind, who logs in, what is answered, the module with its
/// arguments. `alice/wrong` types a wrong password; of `nobody-here` nobody knows anything.
struct Situation {
    first: &'static str,
    answers: &'static str,
}

/// As it is on a host where nothing is locked, closed or forbidden.
const USUAL: [Situation; 2] = [
    Situation {
        first: "",
        answers: "
auth    alice       success  pam_permit.so
auth    alice       auth_err pam_deny.so
account alice       success  pam_permit.so
account alice       auth_err pam_deny.so
auth    alice       success  pam_faillock.so preauth
auth    alice       ignore   pam_faillock.so authfail
auth    alice       success  pam_faillock.so authsucc
auth    alice       success  pam_faillock.so
account alice       success  pam_faillock.so
auth    alice       ignore   pam_nologin.so
auth    alice       success  pam_nologin.so successok
account alice       ignore   pam_nologin.so
account alice       success  pam_nologin.so successok
auth    alice       success  pam_echo.so hello
account alice       success  pam_echo.so hello
auth    alice       success  pam_cap.so
auth    alice       ignore   pam_env.so
auth    alice       ignore   pam_env.so envfile=/etc/nothing
auth    alice       ignore   pam_faildelay.so delay=1
auth    alice       ignore   pam_warn.so
account alice       ignore   pam_warn.so
auth    alice       ignore   pam_group.so
auth    alice       ignore   pam_keyinit.so
auth    alice       ignore   pam_keyinit.so force revoke
auth    alice       ignore   pam_mail.so
auth    alice       ignore   pam_issue.so
auth    alice       success  pam_lastlog.so
account alice       success  pam_lastlog.so
auth    alice       ignore   pam_sepermit.so
auth    alice       success  pam_gnome_keyring.so
auth    alice       success  pam_mount.so
account alice       ignore   pam_mount.so
auth    alice       success  pam_rootok.so
account alice       success  pam_rootok.so
auth    alice       ignore   pam_exec.so type=session /bin/false
",
    },
    Situation { first: "groupadd -f wheel && gpasswd -a root wheel", answers: "auth alice ignore pam_wheel.so\n" },
];

/// Modules that say yes to one user and no to another, or today and not tomorrow.
const CONDITIONS: [Situation; 15] = [
    Situation {
        first: "",
        answers: "
auth    alice       success      pam_localuser.so
auth    nobody-here perm_denied  pam_localuser.so
account alice       success      pam_localuser.so
account nobody-here perm_denied  pam_localuser.so
auth    alice       success      pam_usertype.so isregular
auth    alice       auth_err     pam_usertype.so issystem
auth    root        auth_err     pam_usertype.so isregular
auth    nobody-here user_unknown pam_usertype.so isregular
account alice       auth_err     pam_usertype.so issystem
auth    alice       success      pam_succeed_if.so user = alice
auth    bob         auth_err     pam_succeed_if.so user = alice
auth    alice       success      pam_succeed_if.so user ingroup alice
auth    bob         auth_err     pam_succeed_if.so user ingroup alice
auth    bob         auth_err     pam_succeed_if.so user ingroup no-such-group
auth    alice       success      pam_succeed_if.so uid >= 1000 quiet
auth    nobody-here user_unknown pam_succeed_if.so uid >= 1000 quiet
auth    alice       service_err  pam_succeed_if.so user no-such-word alice
account alice       auth_err     pam_succeed_if.so uid < 1000 quiet
auth    alice       success      pam_access.so
account alice       success      pam_access.so
auth    nobody-here user_unknown pam_access.so
account alice       success      pam_time.so
auth    alice       success      pam_shells.so
auth    alice       success      pam_securetty.so
auth    root        success      pam_securetty.so
auth    alice       success      pam_exec.so /bin/true
auth    alice       system_err   pam_exec.so /bin/false
auth    alice       success      pam_exec.so quiet expose_authtok /bin/true
auth    alice       system_err   pam_exec.so quiet /etc/nothing
account alice       success      pam_exec.so /bin/true
account alice       system_err   pam_exec.so /bin/false
auth    alice       auth_err     pam_rhosts.so
auth    alice       auth_err     pam_timestamp.so
auth    nobody-here ignore       pam_faillock.so preauth
auth    nobody-here ignore       pam_faillock.so authfail
auth    nobody-here ignore       pam_faillock.so authsucc
auth    nobody-here ignore       pam_faillock.so
account nobody-here ignore       pam_faillock.so
",
    },
    Situation {
        first: "echo '-:alice:ALL' >/etc/security/access.conf",
        answers: "
auth    alice       perm_denied  pam_access.so
account alice       perm_denied  pam_access.so
account bob         success      pam_access.so
",
    },
    Situation {
        first: "echo '*;*;alice;!Al0000-2400' >/etc/security/time.conf",
        answers: "
account alice       perm_denied  pam_time.so
account bob         success      pam_time.so
",
    },
    Situation {
        first: "usermod -s /bin/false bob",
        answers: "
auth    bob         auth_err     pam_shells.so
account bob         auth_err     pam_shells.so
",
    },
    Situation {
        first: "echo tty9 >/etc/securetty",
        answers: "
auth    root        auth_err     pam_securetty.so
auth    alice       success      pam_securetty.so
auth    nobody-here user_unknown pam_securetty.so
",
    },
    Situation {
        first: "echo alice >/etc/list",
        answers: "
auth    alice       success      pam_listfile.so item=user sense=allow file=/etc/list onerr=fail
auth    bob         auth_err     pam_listfile.so item=user sense=allow file=/etc/list onerr=fail
auth    alice       auth_err     pam_listfile.so item=user sense=deny file=/etc/list onerr=succeed
auth    bob         success      pam_listfile.so item=user sense=deny file=/etc/list onerr=succeed
auth    bob         success      pam_listfile.so item=user sense=allow file=/etc/nothing onerr=succeed
auth    bob         service_err  pam_listfile.so item=user sense=allow file=/etc/nothing onerr=fail
account bob         auth_err     pam_listfile.so item=user sense=allow file=/etc/list onerr=fail
",
    },
    Situation {
        first: "echo closed >/etc/nologin",
        answers: "
auth    alice       auth_err     pam_nologin.so
auth    alice       auth_err     pam_nologin.so successok
account alice       auth_err     pam_nologin.so
account alice       auth_err     pam_nologin.so successok
auth    root        ignore       pam_nologin.so
auth    root        success      pam_nologin.so successok
auth    nobody-here user_unknown pam_nologin.so
",
    },
    Situation { first: "rm -f /etc/nologin /etc/security/capability.conf", answers: "auth alice ignore pam_cap.so\n" },
    Situation {
        first: "printf 'cap_net_raw alice\\n' >/etc/security/capability.conf",
        answers: "
auth    alice       success      pam_cap.so
auth    bob         ignore       pam_cap.so
",
    },
    Situation {
        first: "printf 'cap_net_raw alice\\nnone *\\n' >/etc/security/capability.conf",
        answers: "auth bob success pam_cap.so\n",
    },
    Situation { first: "gpasswd -d root wheel || :", answers: "auth alice perm_denied pam_wheel.so\n" },
    // One failure is allowed; the second one locks.
    Situation {
        first: "",
        answers: "
auth    bob         ignore       pam_faillock.so authfail deny=2
auth    bob         success      pam_faillock.so preauth deny=2
auth    bob         ignore       pam_faillock.so authfail deny=2
auth    bob         auth_err     pam_faillock.so preauth deny=2
auth    bob         auth_err     pam_faillock.so deny=2
auth    bob         auth_err     pam_faillock.so authsucc deny=2
auth    bob         auth_err     pam_faillock.so authfail deny=2
account bob         success      pam_faillock.so deny=2
auth    bob         success      pam_faillock.so preauth deny=2
",
    },
    Situation {
        first: "usermod -e 1 bob",
        answers: "
auth    alice       success          pam_unix.so
auth    alice/wrong auth_err         pam_unix.so
auth    nobody-here user_unknown     pam_unix.so
account alice       success          pam_unix.so
account nobody-here user_unknown     pam_unix.so
account bob         acct_expired     pam_unix.so
",
    },
    Situation {
        first: "usermod -e '' bob; chage -d 0 bob",
        answers: "
account bob         new_authtok_reqd pam_unix.so
account bob         success          pam_unix.so no_pass_expiry
",
    },
    Situation {
        first: "usermod -p '' bob",
        answers: "
auth    bob         auth_err         pam_unix.so
auth    bob         success          pam_unix.so nullok
",
    },
];

/// Asked for what a module has no function for, libpam fails by itself; as for a module that is not there.
const WITHOUT_FUNCTION: [Situation; 1] = [Situation {
    first: "",
    answers: "
auth    alice module_unknown pam_no_such_module.so
auth    alice module_unknown pam_time.so
auth    alice module_unknown pam_limits.so
auth    alice module_unknown pam_motd.so
auth    alice module_unknown pam_loginuid.so
account alice module_unknown pam_group.so
account alice module_unknown pam_keyinit.so
account alice module_unknown pam_faildelay.so
account alice module_unknown pam_cap.so
account alice module_unknown pam_limits.so
account alice service_err    pam_env.so
",
}];

/// Those that Debian keeps in packages of their own.
const PACKAGES: [&str; 2] = ["libpam-gnome-keyring", "libpam-mount"];

fn measuring(test: impl FnOnce(&System)) {
    let files = || PACKAGES.map(|package| format!("{package}={}", unpacked(package).display())).to_vec();
    throw_away_with(files, |system| {
        system.file("/usr/local/src/answer.c", include_str!("answer.c"));
        let flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-o", PROGRAM, "/usr/local/src/answer.c", "-lpam"];
        system.runs(Command::new("cc").args(flags));
        let unpack = "for files in /mnt/libpam-*; do for tree in lib usr etc; do \
                      [ ! -d $files/$tree ] || cp -an $files/$tree/. $(readlink -f /$tree); done; done; ldconfig";
        system.runs(Command::new("/bin/sh").args(["-euc", unpack]));
        for name in ["alice", "bob"] {
            system.user(name);
        }
        test(system);
    });
}

/// What the module answers: alone in its stack, whatever it says is what libpam says.
fn answer(system: &System, kind: &str, user: &str, module: &str) -> String {
    system.file("/etc/pam.d/answer", &format!("{kind} [default=ok ignore=ok] {module}\n"));
    let (user, password) = user.split_once('/').unwrap_or((user, PASSWORD));
    let output = system.runs(Command::new(PROGRAM).args([kind, "answer", user, password]));
    let said = String::from_utf8_lossy(&output.stdout);
    let code = said.lines().last().and_then(|line| line.parse::<i32>().ok()).expect("a code");
    CODES.iter().find(|known| known.0 == code).map_or_else(|| said.clone().into_owned(), |known| known.1.to_owned())
}

/// Those answers that are not as they stand here, and how many modules were asked.
fn differences(system: &System, situations: &[Situation]) -> (Vec<String>, usize) {
    let (mut different, mut asked) = (Vec::new(), 0);
    for Situation { first, answers } in situations {
        system.runs(Command::new("/bin/sh").args(["-euc", first]));
        for line in answers.lines().filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (name, module) = (words[3], words[3..].join(" "));
            if !Path::new(FOLDER).join(name).exists() && !name.contains("no_such") {
                continue;
            }
            let answer = answer(system, words[0], words[1], &module);
            asked += 1;
            if answer != words[2] {
                different.push(format!("{first}: {line}: it is {answer}"));
            }
        }
    }
    (different, asked)
}

/// What the doctor takes for granted of a module: nothing, where it tries both ways alike.
fn granted(kind: &str, module: &str) -> Option<&'static str> {
    let mut files = StackFiles::default();
    files.add("sshd", "/etc/pam.d/sshd", &format!("{kind} required {module}\n"));
    let kind = if kind == "auth" { Facility::Auth } else { Facility::Account };
    let steps = files.chain("sshd", kind);
    let line = steps.first().and_then(ChainStep::line).expect("a line");
    let (Role::Fixed(answer) | Role::Condition(Some(answer))) = role("sshd", kind, line) else { return None };
    Some(answer.name())
}

#[test]
fn what_the_doctor_takes_for_granted_of_a_module_was_measured() {
    let lines = USUAL.iter().flat_map(|situation| situation.answers.lines()).filter(|line| !line.is_empty());
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>()).collect::<Vec<_>>();
    let granted = words.iter().filter_map(|words| Some((words, granted(words[0], &words[3..].join(" "))?)));
    let granted: Vec<_> = granted.collect();
    assert!(granted.len() > 25, "{}", granted.len());
    for (words, answer) in granted {
        assert_eq!(answer, words[2], "{words:?}");
    }
}

#[test]
fn what_other_modules_answer_is_measured() {
    measuring(|system| {
        // Two answers are those of pam_lastlog, which Debian 13 has no more.
        let usual = if debian() < 13 { 35 } else { 33 };
        for (situations, least) in [(&USUAL[..], usual), (&CONDITIONS[..], 70), (&WITHOUT_FUNCTION[..], 10)] {
            let (different, asked) = differences(system, situations);
            assert_eq!(different, [""; 0]);
            assert!(asked >= least, "{asked} were there");
        }
    });
}
