//! Programs that remember an answer of PAM's: for so long one password and code get in again, also after the enrollment
//! was removed. Pure.

use super::elsewhere::{ABOUT, SASL, words_of};
use super::texts::{Text, of, set, setting};
use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::doctor::stacks::files::StackFiles;
use crate::text::clean;

pub(super) const CODE: &str = "remembers";

/// `is_there`: is this file of a program's installed?
pub fn check(files: &StackFiles, texts: &[Text], is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    let asks = |service: &str| files.stack_of(service).is_some();
    let mut findings = Vec::new();
    if is_there("/usr/sbin/saslauthd") && SASL.iter().any(|service| asks(service)) {
        let both = [of(texts, "/etc/default/saslauthd"), of(texts, "/etc/sysconfig/saslauthd")].concat();
        findings.extend(both.into_iter().filter_map(saslauthd));
    }
    let apache = [of(texts, "/etc/apache2/"), of(texts, "/etc/httpd/")].concat();
    findings.extend(apache.into_iter().filter_map(|text| socache(text, asks)));
    findings.extend(of(texts, "/etc/squid/").into_iter().filter_map(|text| squid(text, asks)));
    if asks("polkit-1") && is_there("/usr/bin/pkexec") {
        let what = "polkit does not ask again for about five minutes after a code, for actions with auth_admin_keep";
        findings.push(Finding::note(ABOUT, "polkit_keep", what));
    }
    findings
}

fn saslauthd(text: &Text) -> Option<Finding> {
    let key = if set(&text.text, "OPTIONS").is_some() { "OPTIONS" } else { "FLAGS" };
    let options = set(&text.text, key)?;
    let (caches, without) = without_cache(&options);
    if !caches {
        return None;
    }
    let what = format!(
        "saslauthd: `-c` in {} makes it remember a right password and code for hours, even after the enrollment was \
         removed or the key was replaced",
        clean(&text.path)
    );
    let change = format!("sed -i 's|^{key}=.*|{key}=\"{}\"|' {}", without.replace('|', "\\|"), quoted(&text.path));
    Some(Finding::warning(ABOUT, CODE, what).fixed_by([change, "systemctl restart saslauthd".to_owned()]))
}

/// The options without `-c`, be it among other letters; a word behind one that takes a value is none.
fn without_cache(options: &str) -> (bool, String) {
    const WITH_VALUE: &str = "aHmnOst";
    let (mut caches, mut is_value, mut kept) = (false, false, Vec::new());
    for word in options.split_whitespace() {
        let letters = word.strip_prefix('-').filter(|_| !is_value);
        is_value = false;
        let Some(letters) = letters else {
            kept.push(word.to_owned());
            continue;
        };
        // Behind a letter that takes a value comes that value.
        let end = letters.find(|letter| WITH_VALUE.contains(letter)).unwrap_or(letters.len());
        let (flags, rest) = letters.split_at(end);
        is_value = rest.chars().count() == 1;
        caches |= flags.contains('c');
        let left = format!("{}{rest}", flags.replace('c', ""));
        if !left.is_empty() {
            kept.push(format!("-{left}"));
        }
    }
    (caches, kept.join(" "))
}

fn socache(text: &Text, asks: impl Fn(&str) -> bool) -> Option<Finding> {
    let provided = words_of(&text.text, "AuthnCacheProvideFor");
    let by_pam = provided.iter().find(|name| ["pam", "external"].contains(&name.to_ascii_lowercase().as_str()))?;
    let service = setting(&text.text, "AuthPAMService", ' ').unwrap_or_else(|| "httpd".into());
    let asked = [service.as_str(), "apache2", "httpd"].into_iter().any(asks);
    asked.then(|| {
        let what = format!(
            "Apache: `AuthnCacheProvideFor {}` in {} makes it remember a right password and code",
            clean(by_pam),
            clean(&text.path)
        );
        let path = quoted(&text.path);
        let change = format!("sed -i -E 's/^[[:blank:]]*AuthnCacheProvideFor[[:blank:]]/#&/I' {path}");
        Finding::warning(ABOUT, CODE, what)
            .fixed_by([change, "systemctl reload apache2 || systemctl reload httpd".into()])
    })
}

/// Each request of a browser's brings the password: without a memory every one of them would need a code.
fn squid(text: &Text, asks: impl Fn(&str) -> bool) -> Option<Finding> {
    let basic = text.text.lines().map(str::trim).find(|line| line.starts_with("auth_param basic program"))?;
    if !basic.contains("pam_auth") {
        return None;
    }
    let service = basic.split_whitespace().skip_while(|word| *word != "-n").nth(1).unwrap_or("squid");
    asks(service).then(|| {
        let what = "Squid remembers a right password and code for two hours, or for `credentialsttl`: otherwise each \
             request would need a code";
        Finding::note(ABOUT, CODE, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_found_among_other_options() {
        let cases = [
            ("-c -m /var/run/saslauthd", (true, "-m /var/run/saslauthd")),
            ("-m /var/run/saslauthd", (false, "-m /var/run/saslauthd")),
            ("-m /var/spool/postfix -c", (true, "-m /var/spool/postfix")),
            ("-cV -n 0", (true, "-V -n 0")),
            ("-m -c", (false, "-m -c")),
            ("-a pam -rc", (true, "-a pam -r")),
            ("-t 60 -c -s 128", (true, "-t 60 -s 128")),
            ("", (false, "")),
        ];
        for (options, (caches, left)) in cases {
            assert_eq!(without_cache(options), (caches, left.to_owned()), "{options}");
        }
    }
}
