//! Does sshd ask as its stack needs it? Judges what `sshd -T` says. Pure.

use super::Finding;
use super::diagnose::Shape;
use crate::words::clean;

const ABOUT: &str = "sshd";
/// It sorts before what the distributions ship: for sshd the first value wins.
const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-pam_totp.conf";

/// What was found out about sshd.
#[derive(Clone, Debug)]
pub struct Sshd {
    /// What `sshd -T` printed, or why it did not.
    pub settings: Result<String, String>,
    /// Does sshd_config read the drop-ins?
    pub includes: bool,
    /// `FILE:LINE` of each `Match`, behind which other values hold.
    pub matches: Vec<String>,
    /// Has root a factor?
    pub root_enrolled: bool,
}

/// The PAM service that sshd runs under.
pub fn service(settings: &str) -> &str {
    value(settings, "pamservicename").unwrap_or("sshd")
}

fn value<'a>(settings: &'a str, key: &str) -> Option<&'a str> {
    settings.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).map(str::trim)
}

/// Where sshd's stack has this shape.
pub fn judge(sshd: &Sshd, shape: Shape) -> Vec<Finding> {
    let settings = match &sshd.settings {
        Ok(settings) => settings.as_str(),
        Err(why) => return vec![unread(why)],
    };
    let is = |key: &str, wanted: &str| value(settings, key).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
    let mut findings = Vec::new();
    let mut add = |finding: Finding| findings.push(finding.fixed_by(drop_in(sshd, settings, shape)));
    let (questions, password) = (is("kbdinteractiveauthentication", "yes"), is("passwordauthentication", "yes"));
    if !is("usepam", "yes") {
        add(Finding::fault(ABOUT, "use_pam", "UsePAM is no: sshd does not ask PAM, so nobody is asked for a code"));
    }
    if !questions && (shape != Shape::OneField || !password) {
        let what = "KbdInteractiveAuthentication is no: nobody can be asked for a code, and passwords are refused";
        add(Finding::fault(ABOUT, "kbd_interactive", what));
    } else if shape == Shape::Questions && password {
        let what = "PasswordAuthentication is yes: it has one answer for password and code, which is never right; \
                    clients that try it first are refused, and users who are not enrolled get in by it";
        add(Finding::warning(ABOUT, "password_authentication", what));
    }
    if let Some(what) = methods(value(settings, "authenticationmethods").unwrap_or("any"), shape) {
        add(Finding::fault(ABOUT, "authentication_methods", what));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(ABOUT, "asks PAM as its stack needs it"));
    }
    findings.extend(notes(sshd, settings, shape));
    findings
}

/// What is wrong with `AuthenticationMethods`: lists of methods that must all succeed.
fn methods(value: &str, shape: Shape) -> Option<&'static str> {
    let place = |list: &str, method: &str| list.split(',').position(|word| word.split(':').next() == Some(method));
    let mut lists = value.split_whitespace();
    match shape {
        Shape::Key => {
            let both = |list: &str| match (place(list, "publickey"), place(list, "keyboard-interactive")) {
                (Some(key), Some(code)) => key < code,
                _ => false,
            };
            let what = "AuthenticationMethods does not ask for key and code: a key alone lets in without a code";
            (!lists.all(both)).then_some(what)
        }
        _ if value == "any" => None,
        Shape::Questions | Shape::OneField => {
            let asks = |list: &str| {
                place(list, "keyboard-interactive").is_some()
                    || (shape == Shape::OneField && place(list, "password").is_some())
            };
            let what = "AuthenticationMethods has no way in by keyboard-interactive: nobody is asked for a code";
            (!lists.any(asks)).then_some(what)
        }
    }
}

fn notes(sshd: &Sshd, settings: &str, shape: Shape) -> Vec<Finding> {
    let mut notes = Vec::new();
    let root = value(settings, "permitrootlogin").unwrap_or("no");
    if sshd.root_enrolled && root != "yes" {
        let what =
            format!("PermitRootLogin is {}: by password or code root is refused, however right they are", clean(root));
        notes.push(Finding::note(ABOUT, "permit_root_login", what));
    }
    let any = value(settings, "authenticationmethods").is_none_or(|methods| methods == "any");
    if shape != Shape::Key && any && value(settings, "pubkeyauthentication") == Some("yes") {
        notes.push(Finding::note(ABOUT, "key_alone", "a login by key alone asks PAM for nothing, so for no code"));
    }
    if let Some(first) = sshd.matches.first() {
        let what = format!("behind `Match` ({}) other values may hold than those that were looked at", clean(first));
        let look = "sshd -T -C user=alice,host=localhost,addr=192.0.2.4 | grep -iE 'usepam|kbdinter|passwordauth|authenticationm'";
        notes.push(Finding::note(ABOUT, "match", what).fixed_by([look]));
    }
    notes
}

fn unread(why: &str) -> Finding {
    let said: String =
        why.chars().map(|letter| if crate::words::deceives(letter) { '?' } else { letter }).take(200).collect();
    let finding = Finding::warning(ABOUT, "sshd_unread", format!("`sshd -T` says nothing of its settings: {said}"));
    match () {
        () if why.contains("privilege separation") => finding.fixed_by(["install -d -m 755 /run/sshd"]),
        () if why.contains("hostkeys") => finding.fixed_by(["ssh-keygen -A"]),
        () => finding.fixed_by(["sshd -t"]),
    }
}

/// The lines that give sshd what this shape needs.
fn drop_in(sshd: &Sshd, settings: &str, shape: Shape) -> Vec<String> {
    let mut lines = Vec::new();
    let methods = value(settings, "authenticationmethods").filter(|methods| *methods != "any");
    match (shape, methods) {
        (Shape::Key, _) => lines.push("AuthenticationMethods publickey,keyboard-interactive:pam".to_owned()),
        // A second answer to one question becomes a second question.
        (Shape::Questions, Some(methods)) => {
            let words = methods.replace("password", "keyboard-interactive:pam");
            lines.push(format!("AuthenticationMethods {words}"));
        }
        _ => {}
    }
    lines.push("KbdInteractiveAuthentication yes".into());
    if shape != Shape::OneField {
        lines.push("PasswordAuthentication no".into());
    }
    if value(settings, "usepam") != Some("yes") {
        lines.push("UsePAM yes".into());
    }
    let quoted: String = lines.iter().map(|line| format!(" {}", super::quoted(line))).collect();
    let mut fix = Vec::new();
    if !sshd.includes {
        fix.push("sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config".into());
    }
    fix.push("install -d -m 755 /etc/ssh/sshd_config.d".into());
    fix.push(format!("printf '%s\\n'{quoted} >{DROP_IN}"));
    fix.push("sshd -t && systemctl reload ssh".into());
    fix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    const GOOD: &str = "usepam yes\nkbdinteractiveauthentication yes\npasswordauthentication no\n";

    fn codes(settings: &str, shape: Shape) -> Vec<&'static str> {
        let sshd = Sshd { settings: Ok(settings.into()), includes: true, matches: vec![], root_enrolled: false };
        judge(&sshd, shape)
            .into_iter()
            .filter(|finding| finding.level >= Level::Warning)
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn each_shape_has_its_own_needs() {
        let with = |line: &str| {
            let key = line.split(' ').next().unwrap();
            GOOD.lines().filter(|old| !old.starts_with(key)).map(|old| format!("{old}\n")).collect::<String>()
                + line
                + "\n"
        };
        let both = "authenticationmethods publickey,keyboard-interactive:pam";
        let (questions, one, key) = (Shape::Questions, Shape::OneField, Shape::Key);
        let cases: [(String, Shape, &[&str]); 13] = [
            (GOOD.into(), questions, &[]),
            (GOOD.into(), one, &[]),
            (GOOD.into(), key, &["authentication_methods"]),
            (with(both), key, &[]),
            (with(both), questions, &[]),
            (with("authenticationmethods keyboard-interactive,publickey"), key, &["authentication_methods"]),
            (with("authenticationmethods publickey,keyboard-interactive publickey"), key, &["authentication_methods"]),
            (with("authenticationmethods publickey,password"), questions, &["authentication_methods"]),
            (with("authenticationmethods publickey,password"), one, &[]),
            (with("passwordauthentication yes"), questions, &["password_authentication"]),
            (with("passwordauthentication yes"), one, &[]),
            (with("kbdinteractiveauthentication no"), questions, &["kbd_interactive"]),
            (with("usepam no"), one, &["use_pam"]),
        ];
        for (settings, shape, expected) in cases {
            assert_eq!(codes(&settings, shape), expected, "{settings} {shape:?}");
        }
        assert_eq!(codes("usepam yes\npasswordauthentication yes\nkbdinteractiveauthentication no\n", one), [""; 0]);
    }
}
