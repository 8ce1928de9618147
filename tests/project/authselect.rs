//! The profile for authselect: whatever other features are on, every password leads to a code, and nothing else does.

mod template;

use crate::support::application::{AUTH_ERR, SUCCESS, Said, application, build};
use crate::support::system::{PASSWORD, System, throw_away};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use template::rendered;

/// In the shape of authselect's profile sssd, with the features that change its auth lines.
const PROFILE: &str = include_str!("../data/authselect/profile");
const FEATURES: [&str; 9] = [
    "with-faillock",
    "with-fingerprint",
    "with-gssapi",
    "with-pam-gnome-keyring",
    "with-pam-u2f",
    "with-pam-u2f-2fa",
    "with-smartcard",
    "with-smartcard-required",
    "with-systemd-homed",
];

/// What the recipe makes of a profile.
fn changed(profile: &str) -> Output {
    let mut awk = Command::new("awk");
    let awk = awk
        .arg(include_str!("../../packaging/authselect/with-totp.awk"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut awk = awk.spawn().expect("awk starts");
    awk.stdin.take().expect("a pipe").write_all(profile.as_bytes()).expect("awk reads");
    awk.wait_with_output().expect("awk ends")
}

fn with_totp(profile: &str) -> String {
    let output = changed(profile);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Each choice of the other features.
fn choices() -> impl Iterator<Item = BTreeSet<&'static str>> {
    (0..1_usize << FEATURES.len())
        .map(|bits| (0..FEATURES.len()).filter(|bit| bits >> bit & 1 == 1).map(|bit| FEATURES[bit]).collect())
}

/// The auth lines: control and module with its arguments.
fn auth(stack: &str) -> Vec<(String, String)> {
    let lines = stack.lines().filter_map(|line| line.strip_prefix("auth"));
    let split = lines.map(|line| {
        let line = line.trim();
        let end =
            if line.starts_with('[') { line.find(']').expect("an end") + 1 } else { line.find(' ').expect("a module") };
        (line[..end].to_owned(), line[end..].split_whitespace().collect::<Vec<_>>().join(" "))
    });
    split.collect()
}

/// Where the jumps of a control lead to.
fn jumps(control: &str) -> Vec<(String, usize)> {
    let pairs = control.trim_matches(['[', ']']).split(' ').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(on, to)| Some((on.to_owned(), to.parse().ok()?))).collect()
}

#[test]
fn without_the_feature_every_stack_is_the_one_of_the_base() {
    let profile = with_totp(PROFILE);
    for features in choices() {
        assert_eq!(rendered(&profile, &features), rendered(PROFILE, &features), "{features:?}");
    }
}

#[test]
fn with_it_every_password_leads_to_the_code_and_nothing_else_does() {
    let profile = with_totp(PROFILE);
    for mut features in choices() {
        let base = auth(&rendered(PROFILE, &features));
        features.insert("with-totp");
        let stack = auth(&rendered(&profile, &features));
        let deny = stack.iter().position(|(_, module)| module == "pam_deny.so").expect("a refusal");
        // A wrong password ends here, a right one comes behind it.
        assert_eq!(stack[deny].0, "requisite", "{features:?}");
        let mut behind = vec![("requisite", "pam_totp.so explain nullok"), ("required", "pam_permit.so")];
        if features.contains("with-faillock") {
            behind.insert(0, ("requisite", "pam_faillock.so preauth silent"));
        }
        let found: Vec<_> = stack[deny + 1..].iter().map(|(control, module)| (&**control, &**module)).collect();
        assert_eq!(found, behind, "{features:?}");
        for (at, (control, module)) in stack.iter().enumerate() {
            assert_ne!(control, "sufficient", "{features:?}: {module} ends the stack");
            if control.contains("new_authtok_reqd=") {
                let to = jumps(control).into_iter().map(|(on, lines)| (on, at + lines + 1)).collect::<Vec<_>>();
                let right = ["success", "new_authtok_reqd"].map(|on| (on.to_owned(), deny + 1));
                assert_eq!(to, right, "{features:?}: {module}");
            }
        }
        others_are_as_they_were(&base, &stack[..=deny], &features);
    }
}

/// But for our jumps and for what stands in, the order is the base's, and its own jumps lead to the same lines.
fn others_are_as_they_were(base: &[(String, String)], stack: &[(String, String)], features: &BTreeSet<&str>) {
    let stands_in = |line: &(String, String)| *line == ("[default=ignore]".to_owned(), "pam_permit.so".to_owned());
    let kept: Vec<usize> = (0..stack.len()).filter(|at| !stands_in(&stack[*at])).collect();
    let modules = |lines: &[(String, String)]| lines.iter().map(|(_, module)| module.clone()).collect::<Vec<_>>();
    let left: Vec<_> = kept.iter().map(|at| stack[*at].clone()).collect();
    assert_eq!(modules(&left), modules(base), "{features:?}");
    for (number, (control, module)) in base.iter().enumerate() {
        for (on, lines) in jumps(control) {
            let to = kept[number] + lines + 1;
            // What stands in does nothing: the jump leads to what comes behind it.
            let to = (to..stack.len()).find(|at| !stands_in(&stack[*at])).expect("a line");
            assert_eq!(to, kept[number + lines + 1], "{features:?}: {on} of {module}");
        }
    }
}

#[test]
fn the_account_line_stands_before_those_that_end_the_stack() {
    let stack = rendered(&with_totp(PROFILE), &BTreeSet::from(["with-totp", "with-faillock"]));
    let first = stack.lines().find(|line| line.starts_with("account")).expect("an account line");
    assert_eq!(first.split_whitespace().collect::<Vec<_>>(), ["account", "required", "pam_totp.so"]);
}

#[test]
fn a_profile_of_another_shape_is_refused() {
    let deny = "auth        required                   pam_deny.so\n";
    let shapes = [
        (
            "its own jump behind the next password",
            PROFILE.replace("[default=1 ignore=ignore success=ok] pam_usertype", "[default=4] pam_usertype"),
        ),
        ("no refusal at its end", PROFILE.replace(&format!("{deny}\n"), "")),
        (
            "a line behind the refusal",
            PROFILE.replace(&format!("{deny}\n"), &format!("{deny}auth optional pam_echo.so\n")),
        ),
        (
            "an auth line from another file",
            PROFILE.replace(
                "auth        sufficient                 pam_unix",
                "auth include other\nauth sufficient pam_unix",
            ),
        ),
        ("ours already", PROFILE.replace("pam_fprintd.so", "pam_totp.so")),
        (
            "a line on which it ends",
            PROFILE.replace(
                "auth        required                   pam_env",
                "{stop if \"with-smartcard\"}\nauth required pam_env",
            ),
        ),
    ];
    for (shape, profile) in shapes {
        assert_ne!(profile, PROFILE, "{shape}");
        let output = changed(&profile);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{shape}: {output:?}");
    }
}

const SERVICE: &str = "application";

/// What the application was asked, and what came of it.
fn login(system: &System, user: &str, answers: &[&str]) -> (bool, i32) {
    let output = system.tries(application().args([SERVICE, user]), &format!("{}\n", answers.join("\n")));
    let said = Said::read(&output);
    assert_eq!(said.errors, "", "{output:?}");
    let asked = said.messages.iter().any(|message| message.contains("Verification code: "));
    (asked, *said.codes.first().expect("a PAM code"))
}

/// Debian has the modules for it, but none of sssd's: a module that is missing is passed by.
#[test]
fn libpam_asks_for_a_code_after_a_right_password_alone() {
    throw_away(|system| {
        build(system);
        let features = BTreeSet::from(["with-totp", "with-faillock"]);
        system.file("/etc/pam.d/system-auth", &rendered(&with_totp(PROFILE), &features));
        system.file(
            &format!("/etc/pam.d/{SERVICE}"),
            "auth substack system-auth\nauth optional pam_echo.so\naccount include system-auth\n",
        );
        fs::create_dir_all("/var/run/faillock").expect("the folder of pam_faillock");
        let bob = system.enrolled("bob");
        system.user("carol");
        assert_eq!(login(system, "bob", &[PASSWORD, &bob.code()]), (true, SUCCESS));
        assert_eq!(login(system, "bob", &[PASSWORD, &bob.wrong_code()]), (true, AUTH_ERR));
        assert_eq!(login(system, "carol", &[PASSWORD]), (false, SUCCESS));
        for _ in 0..3 {
            let (asked, code) = login(system, "bob", &["wrong", &bob.wrong_code()]);
            assert!(!asked && code != SUCCESS, "asked: {asked}, {code}");
        }
        // Locked out by pam_faillock: nothing says that the password was right.
        let (asked, code) = login(system, "bob", &[PASSWORD, &bob.code()]);
        assert!(!asked && code != SUCCESS, "asked: {asked}, {code}");
        // Without a line but ours that says yes: whom no code is asked for gets in by the password, and nobody without it.
        let says_yes = ["pam_usertype.so", "pam_localuser.so", "pam_faillock.so"];
        let plain = PROFILE.lines().filter(|line| !says_yes.iter().any(|module| line.contains(module)));
        let plain = with_totp(&plain.map(|line| format!("{line}\n")).collect::<String>());
        system.file("/etc/pam.d/system-auth", &rendered(&plain, &BTreeSet::from(["with-totp"])));
        assert_eq!(login(system, "carol", &[PASSWORD]), (false, SUCCESS));
        let (asked, code) = login(system, "carol", &["wrong"]);
        assert!(!asked && code != SUCCESS, "asked: {asked}, {code}");
    });
}
