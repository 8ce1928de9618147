//! What modules may answer, as it was measured: a table of its own, which knows nothing of the doctor's.

use super::code::{
    ACCT_EXPIRED, AUTH_ERR, AUTHINFO_UNAVAIL, IGNORE, MODULE_UNKNOWN, NEW_AUTHTOK_REQD, PERM_DENIED, SUCCESS,
    USER_UNKNOWN,
};

pub const OURS: &str = "pam_totp.so";

/// What a module is to somebody who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Our line that looks at the code.
    Code,
    /// It knows its users by a password.
    Directory,
    /// It knows them by something else.
    Factor,
    /// Whatever else.
    Condition,
}

/// What a line may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub role: Role,
    /// Lines with one name answer alike.
    pub name: String,
    /// The first is what it does where nothing is said.
    pub answers: Vec<i32>,
    /// It refuses everybody who has shown no key.
    pub needs_key: bool,
}

const DIRECTORIES: [&str; 18] = [
    "pam_unix.so",
    "pam_sss.so",
    "pam_krb5.so",
    "pam_ldap.so",
    "pam_winbind.so",
    "pam_kanidm.so",
    "pam_systemd_home.so",
    "pam_authd_exec.so",
    "pam_authd.so",
    "pam_extrausers.so",
    "pam_tcb.so",
    "pam_lsass.so",
    "pam_himmelblau.so",
    "pam_radius_auth.so",
    "pam_tacplus.so",
    "pam_pwdfile.so",
    "pam_mysql.so",
    "pam_userdb.so",
];
const FACTORS: [&str; 13] = [
    "pam_fprintd.so",
    "pam_u2f.so",
    "pam_yubico.so",
    "pam_duo.so",
    "pam_google_authenticator.so",
    "pam_oath.so",
    "pam_pkcs11.so",
    "pam_p11.so",
    "pam_sss_gss.so",
    "pam_ssh_agent_auth.so",
    "pam_rssh.so",
    "pam_howdy.so",
    "pam_cockpit_cert.so",
];
/// Programs that are root when they ask PAM, for all users.
const OF_ROOT: [&str; 9] =
    ["sshd", "login", "remote", "cockpit", "gdm-password", "gdm-fingerprint", "lightdm", "vsftpd", "sddm"];

/// That of a line.
pub fn part(service: &str, kind: &str, module: &str, arguments: &[&str]) -> Part {
    let says = |word: &str| arguments.contains(&word);
    let whole = || [&[module], arguments].concat().join(" ");
    let known = |role, answers: &[i32]| Part { role, name: module.into(), answers: answers.into(), needs_key: false };
    let depends = |answers: &[i32]| Part { name: whole(), ..known(Role::Condition, answers) };
    let is_auth = kind == "auth";
    match module {
        OURS if !is_auth => Part { name: "our account line".into(), ..known(Role::Code, &[IGNORE]) },
        OURS if says("forward_pass") => depends(&[IGNORE]),
        // Nobody has shown a key there.
        OURS if says("after=publickey") && service != "sshd" => depends(&[AUTH_ERR]),
        OURS => {
            let code = known(Role::Code, &[SUCCESS, AUTH_ERR, IGNORE]);
            Part { name: "code".into(), needs_key: says("after=publickey"), ..code }
        }
        // Whom they do not know they leave to others.
        "pam_authd.so" | "pam_authd_exec.so" if is_auth => {
            known(Role::Directory, &[IGNORE, AUTH_ERR, SUCCESS, AUTHINFO_UNAVAIL])
        }
        _ if DIRECTORIES.contains(&module) && is_auth && says("ignore_unknown_user") => {
            known(Role::Directory, &[IGNORE, AUTH_ERR, SUCCESS, AUTHINFO_UNAVAIL])
        }
        _ if DIRECTORIES.contains(&module) && is_auth => {
            known(Role::Directory, &[USER_UNKNOWN, AUTH_ERR, SUCCESS, AUTHINFO_UNAVAIL])
        }
        _ if DIRECTORIES.contains(&module) => {
            known(Role::Directory, &[SUCCESS, NEW_AUTHTOK_REQD, USER_UNKNOWN, ACCT_EXPIRED, AUTHINFO_UNAVAIL])
        }
        "pam_exec.so" if says("expose_authtok") && is_auth => known(Role::Directory, &[AUTH_ERR, SUCCESS]),
        "pam_script.so" | "pam_python.so" if is_auth => known(Role::Directory, &[AUTH_ERR, SUCCESS]),
        // Locked or not, for all of its lines.
        "pam_faillock.so" if is_auth => {
            let usual = if says("authfail") { IGNORE } else { SUCCESS };
            known(Role::Condition, &[usual, AUTH_ERR])
        }
        "pam_cockpit_cert.so" if is_auth => known(Role::Factor, &[IGNORE, SUCCESS]),
        // Of users who have none they say nothing.
        _ if FACTORS.contains(&module) && is_auth && (says("nullok") || says("nouserok")) => {
            known(Role::Factor, &[AUTH_ERR, SUCCESS, IGNORE, AUTHINFO_UNAVAIL])
        }
        _ if FACTORS.contains(&module) && is_auth => known(Role::Factor, &[AUTH_ERR, SUCCESS, AUTHINFO_UNAVAIL]),
        _ if FACTORS.contains(&module) => depends(&[MODULE_UNKNOWN]),
        _ => depends(condition(service, is_auth, module, &says)),
    }
}

/// Whatever knows nobody: the usual answer, then the others.
fn condition(service: &str, is_auth: bool, module: &str, says: &impl Fn(&str) -> bool) -> &'static [i32] {
    match module {
        "pam_permit.so" | "pam_echo.so" | "pam_lastlog.so" => &[SUCCESS],
        "pam_deny.so" => &[AUTH_ERR],
        "pam_rootok.so" if OF_ROOT.contains(&service) => &[SUCCESS],
        // The caller is somebody who wants to become root.
        "pam_rootok.so" => &[AUTH_ERR],
        "pam_succeed_if.so" if says("use_uid") && says("uid") && says("0") => &[AUTH_ERR],
        "pam_faillock.so" => &[SUCCESS],
        "pam_nologin.so" if says("successok") => &[SUCCESS, AUTH_ERR],
        "pam_nologin.so" => &[IGNORE, AUTH_ERR],
        "pam_cap.so" if is_auth => &[SUCCESS, IGNORE],
        "pam_sepermit.so" | "pam_selinux_permit.so" => &[IGNORE, SUCCESS, AUTH_ERR],
        "pam_env.so" | "pam_faildelay.so" | "pam_warn.so" | "pam_keyinit.so" | "pam_group.so" | "pam_mail.so"
        | "pam_issue.so" | "pam_tmpdir.so"
            if is_auth =>
        {
            &[IGNORE]
        }
        "pam_warn.so" => &[IGNORE],
        "pam_mount.so" if !is_auth => &[IGNORE],
        "pam_localuser.so" | "pam_access.so" | "pam_time.so" => &[SUCCESS, PERM_DENIED],
        "pam_wheel.so" if says("trust") => &[IGNORE, SUCCESS, PERM_DENIED],
        "pam_wheel.so" => &[IGNORE, PERM_DENIED],
        _ => &[SUCCESS, AUTH_ERR],
    }
}
