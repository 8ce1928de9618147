//! Does SELinux know what is ours, and is it labeled so? Pure.

use crate::doctor::finding::Finding;
use crate::paths::{RUN, SOCKETS, SPOOL, STORE, daemon, selinux_module};
use crate::text::clean;

pub(super) const ABOUT: &str = "labels";

/// What [`check`] has to see, each with the type that packaging/selinux/pam_totp.cil gives it, the inner before the outer.
/// Behind a slash: all that lies in that folder.
fn types() -> [(String, &'static str); 10] {
    let (secrets, state) = (format!("{STORE}/secrets"), format!("{STORE}/state"));
    [
        (format!("{secrets}/"), "var_auth_t"),
        (secrets, "var_auth_t"),
        (format!("{state}/"), "faillog_t"),
        (state, "faillog_t"),
        (format!("{RUN}/"), "faillog_t"),
        (RUN.to_owned(), "faillog_t"),
        (format!("{SPOOL}/"), "faillog_t"),
        (SPOOL.to_owned(), "faillog_t"),
        (SOCKETS.to_owned(), "pam_totp_runtime_t"),
        (daemon(), "pam_totpd_exec_t"),
    ]
}

/// SELinux: `stat -c '%C %n'` of what [`places`] names; only where SELinux is.
pub fn check(stat: &str) -> Finding {
    let types = types();
    let fits = |path: &str, place: &str| path == place || place.ends_with('/') && path.starts_with(place);
    let wrong = stat.lines().find_map(|line| {
        let (context, path) = line.split_once(' ')?;
        let (_, wanted) = types.iter().find(|(place, _)| fits(path, place))?;
        let kind = context.split(':').nth(2).unwrap_or("?");
        (kind != *wanted).then(|| format!("{} is {}, not {wanted}", clean(path), clean(kind)))
    });
    let Some(wrong) = wrong else { return Finding::fine(ABOUT, "as SELinux needs them") };
    Finding::fault(ABOUT, "label", format!("{wrong}: SELinux may stop login programs and pam-totpd from using it"))
        .fixed_by([
            format!("semodule -X 200 -i {}", selinux_module()),
            format!("restorecon -R {STORE} {SPOOL} {SOCKETS} {}", daemon()),
            // What runs keeps the label that it started with.
            "systemctl try-restart pam-totpd.socket pam-totpd-root.socket".to_owned(),
        ])
}

/// The folders, all of whose files need a label too, and what else needs one.
pub fn places() -> (Vec<String>, Vec<String>) {
    let (inside, places): (Vec<_>, Vec<_>) =
        types().into_iter().map(|(place, _)| place).partition(|place| place.ends_with('/'));
    (inside, places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn a_wrong_label_is_named() {
        let good = "system_u:object_r:var_lib_t:s0 /var/lib/pam_totp\nsystem_u:object_r:var_auth_t:s0 /var/lib/pam_totp/secrets\n\
                    system_u:object_r:var_auth_t:s0 /var/lib/pam_totp/secrets/alice.toml\n\
                    system_u:object_r:pam_totp_runtime_t:s0 /run/pam_totp\nsystem_u:object_r:faillog_t:s0 /run/pam_totp/state\n";
        assert_eq!(check(good).level, Severity::Fine);
        for (right, wrong, said) in [
            ("var_auth_t:s0 /var/lib/pam_totp/secrets/", "tmp_t:s0 /var/lib/pam_totp/secrets/", "alice.toml is tmp_t"),
            ("var_auth_t", "var_lib_t", "/var/lib/pam_totp/secrets is var_lib_t, not var_auth_t"),
            ("pam_totp_runtime_t", "var_run_t", "/run/pam_totp is var_run_t, not pam_totp_runtime_t"),
            ("faillog_t", "pam_totp_runtime_t", "/run/pam_totp/state is pam_totp_runtime_t, not faillog_t"),
        ] {
            let bad = check(&good.replace(right, wrong));
            assert_eq!((bad.level, bad.code), (Severity::Fault, "label"));
            assert!(bad.message.contains(said), "{}", bad.message);
            let lines = [
                "semodule -X 200 -i /usr/local/share/selinux/packages/pam_totp.cil",
                "restorecon -R /var/lib/pam_totp /var/spool/pam_totp /run/pam_totp /usr/local/sbin/pam-totpd",
                "systemctl try-restart pam-totpd.socket pam-totpd-root.socket",
            ];
            assert_eq!(bad.fix, lines);
        }
    }

    #[test]
    fn each_type_is_one_that_the_module_gives() {
        let module = include_str!("../../packaging/selinux/pam_totp.cil");
        for (place, kind) in types() {
            let (folder, inside) = place.strip_suffix('/').map_or((place.as_str(), ""), |folder| (folder, "(/.*)?"));
            let given = module.lines().any(|line| {
                line.starts_with(&format!("(filecon \"{folder}"))
                    && line.contains(inside)
                    && line.contains(&format!(" {kind} "))
            });
            assert!(given, "{place} {kind}");
        }
    }
}
