//! Programs that ask elsewhere when PAM refuses, or do not ask PAM at all: there a password alone is enough. Pure.

use super::texts;
use super::texts::{Text, of, set, setting, settings};
use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::doctor::stacks::files::StackFiles;
use crate::text::clean;

pub(in crate::doctor) const ABOUT: &str = "programs";
const CODE: &str = "asks_elsewhere";

/// `is_there`: is this file of a program's installed?
pub fn check(files: &StackFiles, texts: &[Text], is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    let asks = |service: &str| files.stack_of(service).is_some();
    let mut findings = Vec::new();
    if is_there("/usr/sbin/proftpd") {
        findings.extend(proftpd(&of(texts, "/etc/proftpd"), asks, files.path("proftpd").is_some()));
    }
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
    for (folder, name) in [("/etc/webmin", "webmin"), ("/etc/usermin", "usermin")] {
        findings.extend(of(texts, folder).into_iter().filter_map(|text| webmin(text, name, asks)));
    }
    if is_there("/usr/sbin/dovecot") {
        findings.extend(dovecot(files, &texts::dovecot(texts)));
    }
    if is_there("/usr/sbin/smbd") && asks("samba") {
        let what = "Samba never asks PAM for a password (it has hashes of its own), so its stack asks nobody for a \
            code";
        findings.push(Finding::note(ABOUT, "never_asks", what));
    }
    findings
}

/// The services that clients of saslauthd name.
pub(super) const SASL: [&str; 9] = ["smtp", "smtpd", "submission", "imap", "pop", "pop3", "sieve", "ldap", "xmpp"];

fn elsewhere(program: &str, what: &str) -> Finding {
    Finding::fault(ABOUT, CODE, format!("{program}: {what}, so a password alone is enough"))
}

/// Its modules are asked one after the other, and that for /etc/shadow comes behind PAM's: a `*` ends it there.
fn proftpd(texts: &[&Text], asks: impl Fn(&str) -> bool, has_own: bool) -> Option<Finding> {
    let named = texts.iter().find_map(|text| setting(&text.text, "AuthPAMConfig", ' '));
    let service = named.unwrap_or_else(|| if has_own { "proftpd" } else { "ftp" }.to_owned());
    if !asks(&service) || texts.is_empty() {
        return None;
    }
    let off =
        texts.iter().find(|text| setting(&text.text, "AuthPAM", ' ').is_some_and(|on| on.eq_ignore_ascii_case("off")));
    if let Some(text) = off {
        let path = quoted(&text.path);
        let fix = [format!("sed -i -E 's/^[[:blank:]]*AuthPAM[[:blank:]]/#&/I' {path}"), RESTART_PROFTPD.to_owned()];
        return Some(elsewhere("ProFTPD", "`AuthPAM off` makes it check /etc/shadow itself").fixed_by(fix));
    }
    let orders: Vec<(&Text, Order)> = texts.iter().flat_map(|text| orders(text)).collect();
    let good = |order: &&(&Text, Order)| order.1.ends_at_pam;
    let everywhere = |place: OrderScope| orders.iter().filter(good).filter(|order| order.1.place == place).count();
    let hosts = texts.iter().map(|text| blocks(&text.text, "<virtualhost")).sum::<usize>();
    let covers = everywhere(OrderScope::Global) > 0
        || (everywhere(OrderScope::Server) > 0 && everywhere(OrderScope::Host) >= hosts);
    if covers && orders.iter().all(|order| order.1.ends_at_pam) {
        return None;
    }
    let mut bad: Vec<String> =
        orders.iter().filter(|order| !order.1.ends_at_pam).map(|order| quoted(&order.0.path)).collect();
    bad.dedup();
    let comment = bad.iter().map(|path| format!("sed -i -E 's/^[[:blank:]]*AuthOrder[[:blank:]]/#&/I' {path}"));
    let order = "printf '<Global>\\nAuthOrder mod_auth_pam.c* mod_auth_unix.c\\n</Global>\\n'";
    let put = match texts.iter().any(|text| text.text.contains("/etc/proftpd/conf.d")) {
        true => format!("{order} >/etc/proftpd/conf.d/zz-pam_totp.conf"),
        false => format!("{order} >>{}", quoted(&texts.first()?.path)),
    };
    let what = "when PAM refuses, it checks /etc/shadow itself (mod_auth_unix)";
    Some(elsewhere("ProFTPD", what).fixed_by(comment.chain([put, RESTART_PROFTPD.to_owned()])))
}

const RESTART_PROFTPD: &str = "proftpd -t && systemctl restart proftpd";

#[derive(Clone, Copy, PartialEq, Eq)]
enum OrderScope {
    Server,
    Global,
    Host,
}

struct Order {
    place: OrderScope,
    /// PAM's module comes first, and its no is the last word.
    ends_at_pam: bool,
}

fn orders(text: &Text) -> Vec<(&Text, Order)> {
    let (mut place, mut found) = (OrderScope::Server, Vec::new());
    for line in text.text.lines().map(|line| line.trim().to_ascii_lowercase()) {
        match line.split_whitespace().next().unwrap_or_default() {
            "<global>" => place = OrderScope::Global,
            "<virtualhost" => place = OrderScope::Host,
            "</global>" | "</virtualhost>" => place = OrderScope::Server,
            "authorder" => {
                let ends_at_pam = line.split_whitespace().nth(1) == Some("mod_auth_pam.c*");
                found.push((text, Order { place, ends_at_pam }));
            }
            _ => {}
        }
    }
    found
}

fn blocks(text: &str, start: &str) -> usize {
    text.lines().filter(|line| line.trim().to_ascii_lowercase().starts_with(start)).count()
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

fn webmin(text: &Text, name: &str, asks: impl Fn(&str) -> bool) -> Option<Finding> {
    let value = |key: &str| setting(&text.text, key, '=');
    if !asks(&value("pam").unwrap_or_else(|| name.to_owned())) {
        return None;
    }
    let (path, restart) = (quoted(&text.path), format!("systemctl restart {name}"));
    if value("no_pam").as_deref() == Some("1") {
        let change = format!("sed -i 's/^no_pam=1/no_pam=0/' {path}");
        return Some(elsewhere(name, "`no_pam=1` makes it check /etc/shadow itself").fixed_by([change, restart]));
    }
    if value("pam_only").as_deref() == Some("1") {
        return None;
    }
    let what = format!(
        "{name}: without Perl's Authen::PAM it checks /etc/shadow itself, and a password alone is enough. With \
         `pam_only=1` it does not start then"
    );
    let change = format!("sed -i '/^pam_only=/d' {path} && echo pam_only=1 >>{path}");
    Some(Finding::warning(ABOUT, CODE, what).fixed_by([change, restart]))
}

/// A database of Dovecot's that knows passwords.
#[derive(Debug, Default)]
struct PassDb {
    path: String,
    driver: String,
    args: String,
    result_failure: String,
    /// It refuses users, or names masters: no password of theirs gets in by it.
    is_special: bool,
}

/// Drivers that know the password that PAM's `pam_unix` knows.
const SAME_PASSWORD: [&str; 3] = ["shadow", "passwd", "bsdauth"];

/// Of its databases each is asked after the one that refused, unless that one says otherwise.
fn dovecot(files: &StackFiles, texts: &[&Text]) -> Option<Finding> {
    let databases: Vec<PassDb> = texts.iter().flat_map(|text| databases(text)).filter(|db| !db.is_special).collect();
    let at = databases.iter().position(|db| db.driver == "pam")?;
    let pam = databases.get(at)?;
    let asks = |service: &str| files.stack_of(service).is_some();
    if !dovecot_services(&pam.args).iter().any(|service| asks(service)) {
        return None;
    }
    let ends = ["return-fail", "return"].contains(&pam.result_failure.as_str());
    let others = databases.iter().enumerate().filter(|(place, db)| db.driver != "pam" && (*place < at || !ends));
    let (place, other) = others.min_by_key(|(_, db)| !SAME_PASSWORD.contains(&db.driver.as_str()))?;
    let (driver, path) = (clean(&other.driver), quoted(&pam.path));
    let fix = match place < at {
        true => {
            vec![format!("# remove the passdb of driver {driver} from {}, or put it behind PAM's", quoted(&other.path))]
        }
        false => vec![
            format!(
                "grep -q '^[[:blank:]]*result_failure' {path} || \
                 sed -i '/^[[:blank:]]*driver *= *pam/a\\  result_failure = return-fail' {path}"
            ),
            "doveadm reload".to_owned(),
        ],
    };
    let when = if place < at { "before it asks PAM" } else { "when PAM refuses" };
    Some(if SAME_PASSWORD.contains(&other.driver.as_str()) {
        elsewhere("Dovecot", &format!("{when}, it checks the password itself (passdb {driver})")).fixed_by(fix)
    } else {
        let what = format!(
            "Dovecot: {when}, it asks its passdb {driver}: a password that is right there is enough, without a code"
        );
        Finding::warning(ABOUT, CODE, what).fixed_by(fix)
    })
}

/// What PAM's database calls itself.
pub(super) fn dovecot_services(args: &str) -> Vec<&str> {
    let name = args.split_whitespace().rfind(|word| !word.contains('=') && !word.starts_with('-') && *word != "yes");
    match name {
        Some("*" | "%s" | "%Ls") => vec!["imap", "pop3", "smtp", "submission", "sieve", "lmtp"],
        Some(name) => vec![name],
        None => vec!["dovecot"],
    }
}

fn databases(text: &Text) -> Vec<PassDb> {
    let (mut found, mut open): (Vec<PassDb>, Option<PassDb>) = (Vec::new(), None);
    for line in text.text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(rest) = line.strip_prefix("passdb").filter(|rest| rest.ends_with('{')) {
            let driver = rest.trim_end_matches('{').trim().to_owned();
            open = Some(PassDb { path: text.path.clone(), driver, ..PassDb::default() });
        } else if line == "}" {
            found.extend(open.take());
        } else if let (Some(db), Some((key, value))) = (&mut open, line.split_once('=')) {
            let value = value.trim().to_owned();
            match key.trim() {
                "driver" => db.driver = value,
                "args" => db.args = value,
                "result_failure" => db.result_failure = value,
                "deny" | "master" => db.is_special |= value == "yes",
                _ => {}
            }
        }
    }
    found
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
    fn proftpd_ends_at_pam_only_with_a_star() {
        let main = "Include /etc/proftpd/conf.d/\n";
        let judged =
            |own: &str| found("proftpd", &[("/etc/proftpd/proftpd.conf", main), ("/etc/proftpd/conf.d/a.conf", own)]);
        let good = "AuthOrder mod_auth_pam.c* mod_auth_unix.c\n";
        for bad in [
            "",
            "#AuthOrder mod_auth_pam.c* mod_auth_unix.c\n",
            "AuthOrder mod_auth_pam.c mod_auth_unix.c\n",
            "AuthOrder mod_auth_unix.c mod_auth_pam.c*\n",
            "AuthPAM off\n",
            &format!("{good}<VirtualHost 127.0.0.2>\n</VirtualHost>\n"),
            &format!("{good}<VirtualHost 127.0.0.2>\nAuthOrder mod_auth_unix.c\n</VirtualHost>\n"),
        ] {
            assert_eq!(judged(bad), FAULT, "{bad}");
        }
        for fine in [good, &format!("<Global>\n  {good}</Global>\n<VirtualHost 127.0.0.2>\n</VirtualHost>\n")] {
            assert_eq!(judged(fine), [], "{fine}");
        }
        assert_eq!(found("proftpd", &[("/etc/proftpd/proftpd.conf", "AuthPAMConfig ftp2\n")]), [], "another stack");
    }

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
        let webmin = |text| found("webmin", &[("/etc/webmin/miniserv.conf", text)]);
        assert_eq!((webmin("no_pam=1\n").as_slice(), webmin("port=1\n").as_slice()), (&FAULT[..], &WARNING[..]));
        assert_eq!(webmin("pam_only=1\n"), []);
    }

    #[test]
    fn dovecot_asks_each_database_after_the_one_that_refused() {
        let judged = |text: &str| {
            let auth = ("/etc/dovecot/conf.d/10-auth.conf", "!include auth-system.conf.ext\n");
            found("dovecot", &[auth, ("/etc/dovecot/conf.d/auth-system.conf.ext", text)])
        };
        let (pam, shadow) = ("passdb {\n  driver = pam\n}\n", "passdb {\n  driver = shadow\n}\n");
        let ends = "passdb {\n  driver = pam\n  result_failure = return-fail\n}\n";
        assert_eq!(judged(pam), []);
        assert_eq!(judged(&format!("{pam}{shadow}")), FAULT);
        assert_eq!(judged(&format!("{ends}{shadow}")), []);
        assert_eq!(judged(&format!("{shadow}{ends}")), FAULT, "it is asked first");
        assert_eq!(judged(&format!("{pam}passdb {{\n  driver = passwd-file\n}}\n")), WARNING);
        assert_eq!(judged(&format!("{pam}passdb {{\n  driver = passwd-file\n  deny = yes\n}}\n")), []);
        assert_eq!(judged(&format!("{pam}#passdb {{\n#  driver = shadow\n#}}\n")), []);
    }
}
