//! Programs that ask elsewhere when PAM refuses, or do not ask PAM at all: there a password alone is enough. Pure.

use super::texts::{Text, of, set, setting, settings};
use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::doctor::stacks::files::StackFiles;
use crate::text::clean;

pub(in crate::doctor) const ABOUT: &str = "programs";
pub(super) const CODE: &str = "asks_elsewhere";

/// `is_there`: is this file of a program's installed?
pub fn check(files: &StackFiles, texts: &[Text], is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    let asks = |service: &str| files.stack_of(service).is_some();
    let mut findings = Vec::new();
    if is_there("/usr/sbin/pure-ftpd") && asks("pure-ftpd") {
        findings.extend(pure_ftpd(&of(texts, "/etc/pure-ftpd")));
    }
    if is_there("/usr/sbin/saslauthd") {
        findings.extend(of(texts, "/etc/default/saslauthd").into_iter().filter_map(|text| saslauthd(text, files)));
        findings.extend(of(texts, "/etc/sysconfig/saslauthd").into_iter().filter_map(|text| saslauthd(text, files)));
    }
    if SASL.iter().any(|service| asks(service)) {
        findings.extend(texts.iter().filter_map(cyrus));
    }
    findings.extend(of(texts, "/etc/courier/authdaemonrc").into_iter().filter_map(|text| courier(text, asks)));
    if DROPBEAR.into_iter().any(&is_there) && asks("sshd") {
        let what = "dropbear: it never asks PAM, but checks /etc/shadow and keys itself, so it asks nobody for a code";
        let fix = ["systemctl disable --now dropbear"];
        findings.push(Finding::warning(ABOUT, CODE, what).fixed_by(fix));
    }
    if is_there("/usr/sbin/smbd") && asks("samba") {
        let what = "Samba never asks PAM for a password (it has hashes of its own), so its stack asks nobody for a \
            code";
        findings.push(Finding::note(ABOUT, "never_asks", what));
    }
    findings
}

/// Its service, which a host that has it for the boot alone is without.
const DROPBEAR: [&str; 2] = ["/usr/lib/systemd/system/dropbear.service", "/lib/systemd/system/dropbear.service"];

/// The services that clients of saslauthd name.
pub(super) const SASL: [&str; 9] = ["smtp", "smtpd", "submission", "imap", "pop", "pop3", "sieve", "ldap", "xmpp"];

pub(super) fn elsewhere(program: &str, what: &str) -> Finding {
    Finding::fault(ABOUT, CODE, format!("{program}: {what}, so a password alone is enough"))
}

/// Whichever is asked first, the other one is asked when it refuses.
fn pure_ftpd(texts: &[&Text]) -> Option<Finding> {
    let says_yes = |text: &&&Text| match text.path.strip_suffix("/UnixAuthentication") {
        // Debian: a file for each key.
        Some(_) => text.text.trim().eq_ignore_ascii_case("yes"),
        None => setting(&text.text, "UnixAuthentication", ' ').is_some_and(|yes| yes.eq_ignore_ascii_case("yes")),
    };
    let text = texts.iter().find(says_yes)?;
    let path = quoted(&text.path);
    let change = match text.path.ends_with("/UnixAuthentication") {
        true => format!("echo no >{path}"),
        false => format!("sed -i -E 's/^[[:blank:]]*UnixAuthentication[[:blank:]].*/UnixAuthentication no/' {path}"),
    };
    let what = "`UnixAuthentication yes` makes it check /etc/shadow itself, beside PAM";
    Some(elsewhere("Pure-FTPd", what).fixed_by([change, "systemctl restart pure-ftpd".to_owned()]))
}

/// Where a stack of its clients was written for codes, but it asks another than PAM.
fn saslauthd(text: &Text, files: &StackFiles) -> Option<Finding> {
    let mechanisms = set(&text.text, "MECHANISMS").or_else(|| set(&text.text, "MECH"))?;
    let meant = |service: &&&str| files.path(service).is_some() && files.stack_of(service).is_some();
    let service = SASL.iter().find(meant)?;
    if mechanisms == "pam" {
        return None;
    }
    let what = format!("it asks {} instead of PAM, whose stack {service} asks for a code", clean(&mechanisms));
    let change = format!("sed -i -E 's/^(MECHANISMS|MECH)=.*/\\1=\"pam\"/' {}", quoted(&text.path));
    Some(elsewhere("saslauthd", &what).fixed_by([change, "systemctl restart saslauthd".to_owned()]))
}

/// Postfix, Cyrus and others: several ways to check a password are tried until one says yes.
fn cyrus(text: &Text) -> Option<Finding> {
    let key = if text.path.ends_with("/imapd.conf") { "sasl_pwcheck_method" } else { "pwcheck_method" };
    let methods = setting(&text.text, key, ':')?;
    if !methods.split_whitespace().any(|method| method == "saslauthd") || methods == "saslauthd" {
        return None;
    }
    let what = format!(
        "{}: `{key}: {}` also asks others than saslauthd: a password that one of them knows is enough, without a code",
        clean(&text.path),
        clean(&methods)
    );
    let change = format!("sed -i 's/^{key}:.*/{key}: saslauthd/' {}", quoted(&text.path));
    Some(Finding::warning(ABOUT, CODE, what).fixed_by([change]))
}

fn courier(text: &Text, asks: impl Fn(&str) -> bool) -> Option<Finding> {
    let modules = set(&text.text, "authmodulelist")?;
    let mut words = modules.split_whitespace();
    let by_pam = modules.split_whitespace().any(|module| module == "authpam");
    let by_itself = words.find(|module| ["authshadow", "authpwd"].contains(module))?;
    if !by_pam || !["imap", "pop3", "esmtp", "courier"].iter().any(|service| asks(service)) {
        return None;
    }
    let what = format!("when PAM refuses, its module {by_itself} checks the password itself");
    let change = format!("sed -i -E '/^authmodulelist=/s/ ?\\b(authshadow|authpwd)\\b//g' {}", quoted(&text.path));
    Some(elsewhere("Courier", &what).fixed_by([change, "systemctl restart courier-authdaemon".to_owned()]))
}

/// The lists of a key that may stand several times.
pub(super) fn words_of(text: &str, key: &str) -> Vec<String> {
    settings(text, key, ' ').iter().flat_map(|value| value.split_whitespace().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    const STACK: &str = "auth requisite pam_unix.so\nauth requisite pam_totp.so\n";

    fn found(service: &str, texts: &[(&str, &str)]) -> Vec<(Severity, &'static str)> {
        let mut files = StackFiles::default();
        files.add(service, &format!("/etc/pam.d/{service}"), STACK);
        let text = |(path, text): &(&str, &str)| Text { path: (*path).into(), text: (*text).into() };
        let texts: Vec<Text> = texts.iter().map(text).collect();
        check(&files, &texts, |_| true).into_iter().map(|finding| (finding.level, finding.code)).collect()
    }

    const FAULT: [(Severity, &str); 1] = [(Severity::Fault, CODE)];
    const WARNING: [(Severity, &str); 1] = [(Severity::Warning, CODE)];

    #[test]
    fn one_that_looks_at_the_password_itself_is_a_fault() {
        let pure = |text| found("pure-ftpd", &[("/etc/pure-ftpd/conf/UnixAuthentication", text)]);
        assert_eq!((pure("yes\n").as_slice(), pure("no\n").as_slice()), (&FAULT[..], &[][..]));
        let sasl = |text| found("smtp", &[("/etc/default/saslauthd", text)]);
        assert_eq!(sasl("MECHANISMS=\"shadow\"\n"), FAULT);
        assert_eq!(sasl("MECHANISMS=\"pam\"\n"), []);
        let methods = |text| found("smtp", &[("/etc/postfix/sasl/smtpd.conf", text)]);
        assert_eq!(
            (methods("pwcheck_method: saslauthd auxprop\n").len(), methods("pwcheck_method: saslauthd\n").len()),
            (1, 0)
        );
        let courier = |text| found("imap", &[("/etc/courier/authdaemonrc", text)]);
        assert_eq!(courier("authmodulelist=\"authpam authshadow\"\n"), FAULT);
        assert_eq!(courier("authmodulelist=\"authpam\"\n"), []);
        assert_eq!((found("sshd", &[]).as_slice(), found("sudo", &[]).as_slice()), (&WARNING[..], &[][..]), "dropbear");
    }
}
