//! Who does not know the password is not to reach the code: every stack in which they do is named, and no other.

use pam_totp::doctor::finding::Finding;
use pam_totp::doctor::stacks::check::check;
use pam_totp::doctor::stacks::files::StackFiles;
use pam_totp::doctor::stacks::problem::Circumstances;

/// Debian's, and Fedora's.
const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n\
                      auth required pam_permit.so\n";
const PASSWORD: &str = "auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n";
const OURS: &str = "auth requisite pam_totp.so\n";
const UNIX: &str = "auth requisite pam_unix.so\n";

fn looked_at(service: &str, stack: &str) -> Vec<Finding> {
    let mut files = StackFiles::default();
    for (name, text) in [(service, stack), ("common-auth", COMMON), ("password-auth", PASSWORD)] {
        files.add(name, &format!("/etc/pam.d/{name}"), text);
    }
    check(&files, &Circumstances { enabled: true, ..Circumstances::default() })
}

/// What is said of strangers, without the place, and the lines that fix it.
fn of_strangers(service: &str, stack: &str) -> Vec<(String, Vec<String>)> {
    let found = looked_at(service, stack).into_iter();
    let found = found.filter(|finding| ["strangers", "explain"].contains(&finding.code));
    found.map(|finding| (finding.message.split_once(": ").expect("a place").1.to_owned(), finding.fix)).collect()
}

#[test]
fn every_stack_that_asks_strangers_is_named_with_what_to_do() {
    const WAIT: &str = "a stranger who knows a user's name can make that user wait";
    let after = format!("asks for a code after a wrong password too: {WAIT}");
    let before = format!("asks for a code before the password: {WAIT}");
    let include = "Use `include` instead of `substack`, so that a wrong password ends the stack";
    let requisite = "Use `requisite` for the password, so that a wrong one ends the stack";
    let explain = "auth requisite pam_totp.so explain\n";
    let by_hand = "# no change is known that fixes this without harm: compare it with \
                   /usr/local/share/doc/pam_totp/examples/pam.d";
    let sed = |command: &str| format!("sed -i -e {command} /etc/pam.d/x");
    let cases = [
        (
            format!("auth substack common-auth\n{OURS}"),
            format!("{after}. {include}"),
            sed("'1c\\auth include common-auth'"),
        ),
        (
            format!("auth required pam_unix.so\n{OURS}"),
            format!("{after}. {requisite}"),
            sed("'1c\\auth requisite pam_unix.so'"),
        ),
        (
            format!("auth requisite pam_totp.so forward_pass\nauth required pam_unix.so use_first_pass\n{OURS}"),
            format!("{after}. {requisite}"),
            sed("'2c\\auth requisite pam_unix.so use_first_pass'"),
        ),
        (
            format!(
                "auth [success=1 default=ignore] pam_unix.so\nauth required pam_deny.so\nauth required pam_permit.so\n{OURS}"
            ),
            format!("{after}. {requisite}"),
            sed("'2c\\auth requisite pam_deny.so'"),
        ),
        (
            format!("{OURS}{UNIX}"),
            format!("{before}. Put it behind the password"),
            sed("1s/^/#/ -e '2a\\auth requisite pam_totp.so'").replace("1s/^/#/", "'1s/^/#/'"),
        ),
        // Included, `sufficient` would end the stack before us.
        (
            format!("auth substack password-auth\n{OURS}"),
            format!("{after}. Put it where a wrong password ends the stack"),
            by_hand.into(),
        ),
        (
            format!("auth substack password-auth\n{explain}"),
            format!("{after}, and learns from `explain` who is enrolled. Put it where a wrong password ends the stack"),
            sed("'2c\\auth requisite pam_totp.so'"),
        ),
        (
            format!("auth substack common-auth\n{explain}"),
            format!("{after}, and learns from `explain` who is enrolled. {include}"),
            sed("'1c\\auth include common-auth'"),
        ),
    ];
    for (stack, message, fix) in cases {
        assert_eq!(of_strangers("x", &stack), [(message, vec![fix])], "{stack}");
    }
}

#[test]
fn no_stack_is_named_that_ends_after_a_wrong_password() {
    let cases = [
        ("sshd", format!("@include common-auth\n{OURS}")),
        ("x", format!("auth include common-auth\n{OURS}")),
        ("x", format!("{UNIX}{OURS}")),
        ("x", format!("auth [success=ok default=die] pam_unix.so\n{OURS}")),
        ("x", format!("auth sufficient pam_rootok.so\n@include common-auth\n{OURS}")),
        // It asks and splits; what is split off is judged after a right password alone.
        ("x", format!("auth requisite pam_totp.so forward_pass\n{UNIX}{OURS}")),
        // The key came before the code.
        ("sshd", "auth requisite pam_totp.so after=publickey explain\n".into()),
        ("sshd", "auth required pam_unix.so\nauth requisite pam_totp.so after=publickey explain\n".into()),
        // That nothing but the code is asked for is said in words of its own.
        ("x", OURS.into()),
    ];
    for (service, stack) in cases {
        assert_eq!(of_strangers(service, &stack), [], "{stack}");
    }
}

/// Two fixes of one stack, pasted one after the other, could ask twice.
#[test]
fn where_something_worse_ails_the_stack_that_is_fixed_first() {
    let stack = format!("auth sufficient pam_unix.so\n{OURS}auth required pam_deny.so\n");
    let found = looked_at("x", &stack);
    let fix = |code: &str| found.iter().find(|f| f.code == code).expect("a finding").fix.concat();
    assert!(fix("unreachable").starts_with("sed -i "), "{found:#?}");
    assert_eq!(fix("strangers"), "# first fix what else is wrong with this stack, then look again: pam-totp doctor");
}
