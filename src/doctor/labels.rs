//! Do keys and records have the labels that SELinux wants? Pure.

use crate::doctor::finding::Finding;
use crate::paths::{RUN, STORE};
use crate::text::clean;

const ABOUT: &str = "labels";

/// SELinux: `stat -c '%C %n'` of the folders and files; only where SELinux is.
pub fn check(stat: &str) -> Finding {
    let types = [(secrets(), "var_auth_t"), (state(), "faillog_t"), (RUN.to_owned(), "faillog_t")];
    let expected = |path: &str| types.iter().find(|(folder, _)| path.starts_with(folder)).map(|(_, wanted)| *wanted);
    let wrong = stat.lines().find_map(|line| {
        let (context, path) = line.split_once(' ')?;
        let (kind, wanted) = (context.split(':').nth(2).unwrap_or("?"), expected(path)?);
        (kind != wanted).then(|| format!("{} is {}, not {wanted}", clean(path), clean(kind)))
    });
    let Some(wrong) = wrong else { return Finding::fine(ABOUT, "as SELinux needs them") };
    Finding::fault(ABOUT, "label", format!("{wrong}: SELinux keeps login programs from it"))
        .fixed_by(types.iter().map(|(folder, wanted)| format!("semanage fcontext -a -t {wanted} '{folder}(/.*)?'")))
        .fixed_by([format!("restorecon -R {STORE} {}", RUN.trim_end_matches("/state"))])
}

/// The folders and files that need a label.
pub fn folders() -> [String; 3] {
    [secrets(), state(), RUN.to_owned()]
}

fn secrets() -> String {
    format!("{STORE}/secrets")
}

fn state() -> String {
    format!("{STORE}/state")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn a_wrong_label_is_named() {
        let good = "system_u:object_r:var_lib_t:s0 /var/lib/pam_totp\nsystem_u:object_r:var_auth_t:s0 /var/lib/pam_totp/secrets\n\
                    system_u:object_r:faillog_t:s0 /run/pam_totp/state\n";
        assert_eq!(check(good).level, Severity::Fine);
        let bad = check(&good.replace("var_auth_t", "var_lib_t"));
        assert_eq!((bad.level, bad.code), (Severity::Fault, "label"));
        assert!(bad.message.contains("/var/lib/pam_totp/secrets is var_lib_t"), "{}", bad.message);
        let lines = [
            "semanage fcontext -a -t var_auth_t '/var/lib/pam_totp/secrets(/.*)?'",
            "semanage fcontext -a -t faillog_t '/var/lib/pam_totp/state(/.*)?'",
            "semanage fcontext -a -t faillog_t '/run/pam_totp/state(/.*)?'",
            "restorecon -R /var/lib/pam_totp /run/pam_totp",
        ];
        assert_eq!(bad.fix, lines);
    }
}
