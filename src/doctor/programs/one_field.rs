//! Programs that have one field for all answers, where their stack asks one question after the other. Pure.

use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::doctor::stacks::asking::in_one_field;
use crate::doctor::stacks::check::ABOUT;
use crate::doctor::stacks::files::{STACKS, StackFiles};
use crate::doctor::stacks::shape::{StackShape, shape};
use crate::paths::POLICY;
use crate::policy::rules::{Rule, Rules};
use crate::text::clean;

/// They answer each question with the one password that was typed. With the program, where a service without a file of
/// its own has that of `other`.
const PROGRAMS: [(&str, &str); 35] = [
    ("vsftpd", "/usr/sbin/vsftpd"),
    ("proftpd", "/usr/sbin/proftpd"),
    ("pure-ftpd", "/usr/sbin/pure-ftpd"),
    ("ftp", ""),
    ("ftpd", "/usr/sbin/ftpd"),
    ("dovecot", "/usr/sbin/dovecot"),
    ("imap", ""),
    ("imaps", ""),
    ("pop", ""),
    ("pop3", ""),
    ("pops", ""),
    ("sieve", ""),
    ("smtp", ""),
    ("smtpd", ""),
    ("submission", ""),
    ("courier", ""),
    ("esmtp", ""),
    ("exim", ""),
    ("exim4", ""),
    ("xmpp", ""),
    ("ejabberd", ""),
    ("cups", "/usr/sbin/cupsd"),
    ("xrdp-sesman", "/usr/sbin/xrdp-sesman"),
    ("ppp", ""),
    ("radiusd", ""),
    ("squid", ""),
    ("nginx", ""),
    ("apache2", ""),
    ("httpd", ""),
    ("netatalk", "/usr/sbin/afpd"),
    ("webmin", ""),
    ("usermin", ""),
    ("i3lock", "/usr/bin/i3lock"),
    ("swaylock", "/usr/bin/swaylock"),
    ("screen", "/usr/bin/screen"),
];

/// Has its program one field for all answers?
pub fn has_one_field(service: &str) -> bool {
    PROGRAMS.iter().any(|(name, _)| *name == service)
}

/// `is_there`: is this program installed?
pub fn check(files: &StackFiles, rules: &Rules, is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    let is_used =
        |service: &str, program: &str| files.path(service).is_some() || (!program.is_empty() && is_there(program));
    let exempt = |service: &str| rules.exempt.iter().any(|rule| is_for_all_of(rule, service));
    let asked = PROGRAMS.into_iter().filter(|(service, program)| {
        is_used(service, program) && shape(files, service) == Some(StackShape::Questions) && !exempt(service)
    });
    asked.map(|(service, _)| finding(files, service)).collect()
}

/// Is no user asked there, from any address?
fn is_for_all_of(rule: &Rule, service: &str) -> bool {
    let Rule { users, groups, services, networks, ssh_auth } = rule;
    let narrower = users.is_some() || groups.is_some() || networks.is_some() || ssh_auth.is_some();
    !narrower && services.as_ref().is_some_and(|services| services.iter().any(|name| name == service))
}

fn finding(files: &StackFiles, service: &str) -> Finding {
    let path = files.path(service).unwrap_or_else(|| format!("{STACKS}/other"));
    let what = format!(
        "{}: {service} asks for the code in a second prompt, but such programs have one field for password and code, \
         so all enrolled users are refused. Have it take the password with the code right behind it, or exempt the \
         service",
        clean(&path)
    );
    let rule = quoted(&format!("\n[[exempt]]\nservices = [\"{service}\"]\n"));
    let instead = format!("# or, if a password alone is enough there: printf {rule} >>{POLICY}");
    Finding::warning(ABOUT, "one_field", what).fixed_by(in_one_field(files, service)).fixed_by([instead])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(services: &[(&str, &str)], exempt: &str) -> Vec<String> {
        let mut files = StackFiles::default();
        for (name, text) in services {
            files.add(name, &format!("{STACKS}/{name}"), text);
        }
        files.add("common-auth", "/etc/pam.d/common-auth", "auth requisite pam_unix.so\nauth requisite pam_totp.so\n");
        let policy = crate::policy::Policy::parse(exempt.as_bytes()).unwrap();
        let found = check(&files, &policy.rules, |program| program == "/usr/bin/screen");
        found.iter().map(|finding| finding.message.split(' ').nth(1).unwrap().to_owned()).collect()
    }

    #[test]
    fn one_field_cannot_answer_two_questions() {
        let include = "@include common-auth\n";
        let split = "auth requisite pam_totp.so forward_pass\nauth requisite pam_unix.so\nauth requisite pam_totp.so\n";
        assert_eq!(found(&[("vsftpd", include), ("cups", include), ("sshd", include)], ""), ["vsftpd", "cups"]);
        assert_eq!(found(&[("vsftpd", split), ("cups", "auth required pam_unix.so\n")], ""), [""; 0]);
        assert_eq!(found(&[("other", include)], ""), ["screen"], "installed, and without a file of its own");
        let all = "[[exempt]]\nservices = [\"vsftpd\"]\n";
        assert_eq!(found(&[("vsftpd", include)], all), [""; 0]);
        assert_eq!(found(&[("vsftpd", include)], &format!("{all}users = [\"alice\"]\n")), ["vsftpd"]);
    }
}
