//! Webmin and Usermin, which can check passwords without PAM in three ways. Pure.

use super::elsewhere::{ABOUT, CODE, elsewhere};
use super::texts::{Text, of, setting};
use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::doctor::stacks::files::StackFiles;
use crate::text::clean;

/// Where their stacks ask for a code.
pub fn check(files: &StackFiles, texts: &[Text]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in ["webmin", "usermin"] {
        let file = |name_in| of(texts, &format!("/etc/{name}/{name_in}")).into_iter().next();
        let Some(settings) = file("miniserv.conf") else {
            continue;
        };
        let service = setting(&settings.text, "pam", '=').unwrap_or_else(|| name.to_owned());
        if files.stack_of(&service).is_some() {
            findings.extend(without_pam(settings, name));
            findings.extend(file("miniserv.users").and_then(|users| own_passwords(users, name)));
        }
    }
    findings
}

fn without_pam(text: &Text, name: &str) -> Option<Finding> {
    let is_set = |key: &str| setting(&text.text, key, '=').as_deref() == Some("1");
    let (path, restart) = (quoted(&text.path), format!("systemctl restart {name}"));
    if is_set("no_pam") {
        let change = format!("sed -i 's/^no_pam=1/no_pam=0/' {path}");
        return Some(elsewhere(name, "`no_pam=1` makes it check /etc/shadow itself").fixed_by([change, restart]));
    }
    if is_set("pam_only") {
        return None;
    }
    let what = format!(
        "{name}: without Perl's Authen::PAM it checks /etc/shadow itself, and a password alone is enough. With \
         `pam_only=1` it does not start then"
    );
    let change = format!("sed -i '/^pam_only=/d' {path} && echo pam_only=1 >>{path}");
    Some(Finding::warning(ABOUT, CODE, what).fixed_by([change, restart]))
}

/// `NAME:PASSWORD:...`, where `x` has PAM asked, `e` a program of the administrator's, and `*LK*` lets nobody in.
fn own_passwords(text: &Text, name: &str) -> Option<Finding> {
    let own = |line: &str| {
        let mut fields = line.split(':');
        let (user, password) = (fields.next()?, fields.next()?);
        let is_own = !["", "x", "e"].contains(&password) && !password.starts_with(['*', '!']);
        (is_own && !user.is_empty()).then(|| user.to_owned())
    };
    let users: Vec<String> = text.text.lines().filter_map(own).collect();
    let named = users.iter().map(|user| clean(user)).collect::<Vec<_>>().join(", ");
    (!users.is_empty()).then(|| {
        let path = quoted(&text.path);
        let what = format!("{} has passwords of its own, of {named}", clean(&text.path));
        let change = format!("# where that is a user of this host: sed -i 's/^NAME:[^:]*:/NAME:x:/' {path}");
        elsewhere(name, &what).fixed_by([change, format!("systemctl restart {name}")])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    fn found(settings: &str, users: &str) -> Vec<(Severity, &'static str)> {
        let mut files = StackFiles::default();
        files.add("webmin", "/etc/pam.d/webmin", "auth requisite pam_unix.so\nauth requisite pam_totp.so\n");
        let text = |name: &str, text: &str| Text { path: format!("/etc/webmin/{name}"), text: text.into() };
        let texts = [text("miniserv.conf", settings), text("miniserv.users", users)];
        check(&files, &texts).into_iter().map(|finding| (finding.level, finding.code)).collect()
    }

    #[test]
    fn it_must_ask_pam_and_nobody_else() {
        let all_by_pam = "root:x:0\n";
        assert_eq!(found("no_pam=1\n", all_by_pam), [(Severity::Fault, CODE)]);
        assert_eq!(found("port=1\n", all_by_pam), [(Severity::Warning, CODE)]);
        assert_eq!(found("pam_only=1\n", all_by_pam), []);
        assert_eq!(found("pam_only=1\npam=other-panel\n", "root:$6$a$b:0\n"), [], "a stack that asks for no code");
    }

    #[test]
    fn a_password_of_its_own_goes_around_pam() {
        for own in ["root:$6$salt$hash:0\n", "root:x:0\nshop:aXdesHash:0\n"] {
            assert_eq!(found("pam_only=1\n", own), [(Severity::Fault, CODE)], "{own}");
        }
        assert_eq!(found("pam_only=1\n", "root:x:0\nldap:e:0\ngone:*LK*:0\nnone::0\n\n"), []);
    }
}
