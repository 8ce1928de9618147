//! Dovecot, by the words of 2.3 and of 2.4: whom else it asks, and what it remembers. Pure.

use super::elsewhere::{self, ABOUT, elsewhere};
use super::remember;
use super::texts::{Text, dovecot, setting};
use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::doctor::stacks::files::StackFiles;
use crate::text::clean;

/// What asks by a service of its own where none is named once for all.
const PROTOCOLS: [&str; 6] = ["imap", "pop3", "smtp", "submission", "sieve", "lmtp"];

/// Drivers that know the password that PAM's `pam_unix` knows.
const SAME_PASSWORD: [&str; 2] = ["shadow", "bsdauth"];

/// A database of Dovecot's that knows passwords.
#[derive(Debug, Default)]
struct PassDb {
    path: String,
    driver: String,
    /// Of 2.3: options, and a service among them. Of 2.4: the service.
    args: String,
    result_failure: String,
    /// It refuses users, or names masters: no password of theirs gets in by it.
    is_special: bool,
}

/// `is_there`: is this file of a program's installed?
pub fn check(files: &StackFiles, texts: &[Text], is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    if !is_there("/usr/sbin/dovecot") {
        return Vec::new();
    }
    [asks_elsewhere(files, texts), remembers(files, texts)].into_iter().flatten().collect()
}

/// Of its databases each is asked after the one that refused, unless that one says otherwise.
fn asks_elsewhere(files: &StackFiles, texts: &[Text]) -> Option<Finding> {
    let databases = databases(&dovecot(texts));
    let at = databases.iter().position(|db| db.driver == "pam")?;
    let pam = databases.get(at)?;
    if !services(&pam.args).iter().any(|service| files.stack_of(service).is_some()) {
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
                 sed -i -E '/^[[:blank:]]*(driver *= *pam|passdb +pam *\\{{)/a\\  result_failure = return-fail' {path}"
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
        Finding::warning(ABOUT, elsewhere::CODE, what).fixed_by(fix)
    })
}

/// For so long a password and code get in again, which PAM is not asked about.
fn remembers(files: &StackFiles, texts: &[Text]) -> Option<Finding> {
    let texts = dovecot(texts);
    let databases = databases(&texts);
    let named = databases.iter().filter(|db| db.driver == "pam").flat_map(|db| services(&db.args));
    if !named.chain(["dovecot", "imap", "pop3"]).any(|service| files.stack_of(service).is_some()) {
        return None;
    }
    let mut sized = texts.iter().filter_map(|text| Some((text, setting(&text.text, "auth_cache_size", '=')?)));
    let (text, _) = sized.next_back().filter(|(_, size)| size.starts_with(|c: char| c.is_ascii_digit() && c != '0'))?;
    let what = format!(
        "Dovecot: `auth_cache_size` in {} can make it remember a right password and code for an hour, even after the \
         enrollment was removed or the key was replaced",
        clean(&text.path)
    );
    let change =
        format!("sed -i 's/^[[:blank:]]*auth_cache_size[[:blank:]]*=.*/auth_cache_size = 0/' {}", quoted(&text.path));
    Some(Finding::warning(ABOUT, remember::CODE, what).fixed_by([change, "systemctl restart dovecot".to_owned()]))
}

/// What PAM's database calls itself.
fn services(args: &str) -> Vec<&str> {
    let name = args.split_whitespace().rfind(|word| !word.contains('=') && !word.starts_with('-') && *word != "yes");
    match name {
        Some("*" | "%s" | "%Ls" | "%{service}" | "%{protocol}") => PROTOCOLS.to_vec(),
        Some(name) => vec![name],
        None => vec!["dovecot"],
    }
}

/// In the order in which they are asked.
fn databases(texts: &[&Text]) -> Vec<PassDb> {
    let of_file = texts.iter().flat_map(|text| of_file(text));
    let mut all: Vec<PassDb> = of_file.filter(|db| !db.is_special).collect();
    // Where it is said once for all of them.
    let named = texts.iter().find_map(|text| setting(&text.text, "passdb_pam_service_name", '='));
    for db in all.iter_mut().filter(|db| db.args.is_empty()) {
        db.args = named.clone().unwrap_or_default();
    }
    all
}

fn of_file(text: &Text) -> Vec<PassDb> {
    let (mut found, mut open): (Vec<PassDb>, Option<PassDb>) = (Vec::new(), None);
    for line in text.text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(rest) = line.strip_prefix("passdb").filter(|rest| rest.ends_with('{')) {
            // From 2.4 on a name, which is the driver's where no other is named.
            let driver = rest.trim_end_matches('{').trim().to_owned();
            open = Some(PassDb { path: text.path.clone(), driver, ..PassDb::default() });
        } else if line == "}" {
            found.extend(open.take());
        } else if let (Some(db), Some((key, value))) = (&mut open, line.split_once('=')) {
            let (key, value) = (key.trim(), value.trim().to_owned());
            match key.strip_prefix("passdb_").unwrap_or(key) {
                "driver" => db.driver = value,
                "args" | "pam_service_name" | "service_name" => db.args = value,
                "result_failure" => db.result_failure = value,
                "deny" | "master" => db.is_special |= value == "yes",
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    const PAM: &str = "passdb {\n  driver = pam\n}\n";
    const PAM_OF_2_4: &str = "passdb pam {\n}\n";

    fn files(service: &str) -> StackFiles {
        let mut files = StackFiles::default();
        let stack = "auth requisite pam_unix.so\nauth requisite pam_totp.so\n";
        files.add(service, &format!("/etc/pam.d/{service}"), stack);
        files
    }

    fn texts(system: &str) -> Vec<Text> {
        let text = |path: &str, text: &str| Text { path: path.into(), text: text.into() };
        let auth = text("/etc/dovecot/conf.d/10-auth.conf", "!include auth-system.conf.ext\n");
        vec![auth, text("/etc/dovecot/conf.d/auth-system.conf.ext", system)]
    }

    fn level(finding: Option<Finding>) -> Option<Severity> {
        finding.map(|finding| finding.level)
    }

    #[test]
    fn each_database_is_asked_after_the_one_that_refused() {
        let judged = |text: &str| level(asks_elsewhere(&files("dovecot"), &texts(text)));
        for (pam, shadow) in
            [(PAM, "passdb {\n  driver = shadow\n}\n"), (PAM_OF_2_4, "passdb x {\n  driver = bsdauth\n}\n")]
        {
            let ends = pam.replace('}', "  result_failure = return-fail\n}");
            assert_eq!(judged(pam), None);
            assert_eq!(judged(&format!("{pam}{shadow}")), Some(Severity::Fault));
            assert_eq!(judged(&format!("{ends}{shadow}")), None);
            assert_eq!(judged(&format!("{}{shadow}", ends.replace("result", "passdb_result"))), None);
            assert_eq!(judged(&format!("{shadow}{ends}")), Some(Severity::Fault), "it is asked first");
            assert_eq!(judged(&format!("{pam}#passdb {{\n#  driver = shadow\n#}}\n")), None);
        }
        assert_eq!(judged(&format!("{PAM}passdb {{\n  driver = passwd-file\n}}\n")), Some(Severity::Warning));
        assert_eq!(judged(&format!("{PAM}passdb {{\n  driver = passwd-file\n  deny = yes\n}}\n")), None);
    }

    #[test]
    fn the_service_is_found_in_the_words_of_either_version() {
        let cache = "auth_cache_size = 10M\n";
        let judged = |service: &str, pam: &str| level(remembers(&files(service), &texts(&format!("{cache}{pam}"))));
        let warning = Some(Severity::Warning);
        assert_eq!((judged("dovecot", PAM), judged("dovecot", PAM_OF_2_4)), (warning, warning));
        assert_eq!(judged("mail", PAM), None);
        for named in [
            "passdb {\n driver = pam\n args = session=yes mail\n}\n",
            "passdb pam {\n service_name = mail\n}\n",
            "passdb x {\n driver = pam\n passdb_pam_service_name = mail\n}\n",
            "passdb_pam_service_name = mail\npassdb pam {\n}\n",
        ] {
            assert_eq!(judged("mail", named), warning, "{named}");
        }
        assert_eq!(judged("sieve", "passdb pam {\n pam_service_name = %{protocol}\n}\n"), warning);
        assert_eq!(level(remembers(&files("dovecot"), &texts(&format!("auth_cache_size = 0\n{PAM}")))), None);
    }
}
