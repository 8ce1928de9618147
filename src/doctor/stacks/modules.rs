//! What is known of other modules. Pure.

use super::line::{Facility, MODULE, StackLine};
use super::run::ModuleAnswer;
use super::services;

/// Directories: modules that know their users by a password, or stand for one that does.
const DIRECTORIES: [&str; 36] = [
    "pam_unix.so",
    "pam_sss.so",
    "pam_ldap.so",
    "pam_winbind.so",
    "pam_krb5.so",
    "pam_userdb.so",
    "pam_pwdfile.so",
    "pam_mysql.so",
    "pam_pgsql.so",
    "pam_sqlite.so",
    "pam_sqlite3.so",
    "pam_htpasswd.so",
    "pam_imap.so",
    "pam_radius_auth.so",
    "pam_radius.so",
    "pam_tacplus.so",
    "pam_systemd_home.so",
    "pam_himmelblau.so",
    "pam_aad.so",
    "pam_authd.so",
    "pam_authd_exec.so",
    "pam_kanidm.so",
    "pam_extrausers.so",
    "pam_tcb.so",
    "pam_lsass.so",
    "pam_oslogin_login.so",
    "pam_unix2.so",
    "pam_unix_auth.so",
    "pam_pwdb.so",
    "pam_vas3.so",
    "pam_centrifydc.so",
    "pam_smb_auth.so",
    "pam_url.so",
    "pam_oauth2.so",
    "pam_python.so",
    "pam_script.so",
];
/// Modules that know the user by something else.
pub const FACTORS: [&str; 29] = [
    "pam_fprintd.so",
    "pam_fprint.so",
    "pam_thinkfinger.so",
    "pam_u2f.so",
    "pam_yubico.so",
    "pam_usb.so",
    "pam_ssh.so",
    "pam_ssh_agent_auth.so",
    "pam_rssh.so",
    "pam_ussh.so",
    "pam_pkcs11.so",
    "pam_p11.so",
    "pam_poldi.so",
    "pam_opensc.so",
    "pam_sss_gss.so",
    "pam_google_authenticator.so",
    "pam_oath.so",
    "pam_otpw.so",
    "pam_opie.so",
    "pam_duo.so",
    "pam_securid.so",
    "pam_privacyidea.so",
    "pam_barada.so",
    "pam_authy.so",
    "pam_howdy.so",
    "pam_facerec.so",
    "pam_blue.so",
    "pam_beid.so",
    "pam_cockpit_cert.so",
];
/// Modules that give no opinion on who it is: PAM_IGNORE, or a word that nothing should hang on.
const SILENT: [&str; 23] = [
    "pam_env.so",
    "pam_faildelay.so",
    "pam_motd.so",
    "pam_keyinit.so",
    "pam_group.so",
    "pam_cap.so",
    "pam_ssh_add.so",
    "pam_warn.so",
    "pam_echo.so",
    "pam_issue.so",
    "pam_mail.so",
    "pam_tmpdir.so",
    "pam_systemd_loadkey.so",
    "pam_gdm.so",
    "pam_gnome_keyring.so",
    "pam_kwallet.so",
    "pam_kwallet5.so",
    "pam_kwallet6.so",
    "pam_mount.so",
    "pam_ecryptfs.so",
    "pam_fscrypt.so",
    "pam_zfs_key.so",
    "pam_afs_session.so",
];
/// Those of them that never say anything else for `auth`, however it is with the user.
const MUTE: [&str; 7] =
    ["pam_env.so", "pam_faildelay.so", "pam_warn.so", "pam_keyinit.so", "pam_group.so", "pam_mail.so", "pam_issue.so"];
/// Modules that know not who it is, but whether they may: by group, place, time, shell.
const CONDITIONS: [&str; 28] = [
    "pam_abl.so",
    "pam_access.so",
    "pam_alreadyloggedin.so",
    "pam_console.so",
    "pam_exec.so",
    "pam_faillock.so",
    "pam_ftp.so",
    "pam_geoip2.so",
    "pam_geoip.so",
    "pam_lastlog.so",
    "pam_limits.so",
    "pam_listfile.so",
    "pam_localuser.so",
    "pam_nologin.so",
    "pam_rhosts.so",
    "pam_rootok.so",
    "pam_securetty.so",
    "pam_selinux_permit.so",
    "pam_sepermit.so",
    "pam_shells.so",
    "pam_shield.so",
    "pam_succeed_if.so",
    "pam_tally.so",
    "pam_tally2.so",
    "pam_time.so",
    "pam_timestamp.so",
    "pam_usertype.so",
    "pam_wheel.so",
];
/// Those that count failures, and must go on being asked.
const COUNTERS: [&str; 6] =
    ["pam_faillock.so", "pam_tally.so", "pam_tally2.so", "pam_abl.so", "pam_shield.so", "pam_fail2ban.so"];
/// What a module is to a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ours.
    Ours,
    /// It knows its users by a password. Two lines of one module are one directory.
    Directory,
    /// It knows the user by something else than a password.
    Factor,
    /// It answers the same to everybody.
    Fixed(ModuleAnswer),
    /// It answers one way or the other; so, where nothing is said against it.
    Condition(Option<ModuleAnswer>),
}

/// That of a line's module, asked for `kind` by this service.
pub fn role(service: &str, kind: Facility, line: &StackLine) -> Role {
    let says = |word: &str| line.arguments.iter().any(|argument| argument == word);
    let usual = |answer| Role::Condition(Some(answer));
    match line.module_name() {
        MODULE => Role::Ours,
        "pam_permit.so" => Role::Fixed(ModuleAnswer::Success),
        "pam_deny.so" => Role::Fixed(ModuleAnswer::Refuse),
        "pam_exec.so" if says("expose_authtok") && kind == Facility::Auth => Role::Directory,
        name if DIRECTORIES.contains(&name) => Role::Directory,
        name if FACTORS.contains(&name) => Role::Factor,
        "pam_rootok.so" if services::runs_as_root(service) => Role::Fixed(ModuleAnswer::Success),
        // The caller is no root yet.
        "pam_rootok.so" => Role::Fixed(ModuleAnswer::Refuse),
        "pam_succeed_if.so" if says("use_uid") && is_of_root(line) => Role::Fixed(ModuleAnswer::Refuse),
        "pam_faillock.so" if says("authfail") => usual(ModuleAnswer::Ignore),
        "pam_faillock.so" | "pam_echo.so" | "pam_cap.so" => usual(ModuleAnswer::Success),
        // They keep the password for the session.
        "pam_gnome_keyring.so" | "pam_mount.so" if kind == Facility::Auth => usual(ModuleAnswer::Success),
        // Of members of the group it says nothing.
        "pam_wheel.so" if !says("trust") => usual(ModuleAnswer::Ignore),
        "pam_nologin.so" if says("successok") => usual(ModuleAnswer::Success),
        "pam_nologin.so" | "pam_sepermit.so" | "pam_selinux_permit.so" => usual(ModuleAnswer::Ignore),
        name if MUTE.contains(&name) && kind == Facility::Auth => Role::Fixed(ModuleAnswer::Ignore),
        _ if is_silent(line) => usual(ModuleAnswer::Ignore),
        _ => Role::Condition(None),
    }
}

/// Does it keep some out, and say nothing of all others?
pub fn never_says_yes(line: &StackLine) -> bool {
    let says = |word: &str| line.arguments.iter().any(|argument| argument == word);
    match line.module_name() {
        "pam_nologin.so" => !says("successok"),
        "pam_wheel.so" => !says("trust"),
        _ => false,
    }
}

/// Does this second factor say nothing of users who have not set it up?
pub fn may_be_missing(line: &StackLine) -> bool {
    let says = |word: &str| line.arguments.iter().any(|argument| argument == word);
    says("nullok") || says("nouserok") || line.module_name() == "pam_cockpit_cert.so"
}

/// What a directory says of a user who is not one of its own.
pub fn not_known(line: &StackLine) -> ModuleAnswer {
    let ignores =
        line.arguments.iter().any(|argument| ["ignore_unknown_user", "unknown_ok"].contains(&argument.as_str()));
    let of_authd = ["pam_authd.so", "pam_authd_exec.so"].contains(&line.module_name());
    if ignores || of_authd { ModuleAnswer::Ignore } else { ModuleAnswer::Unknown }
}

/// `uid = 0`, in one of the ways to write it.
fn is_of_root(line: &StackLine) -> bool {
    let words = line.arguments.join(" ");
    ["uid = 0", "uid eq 0", "uid =0", "user = root"].iter().any(|test| words.contains(test))
}

/// Is this a module of which is known what it does?
pub fn is_known(line: &StackLine) -> bool {
    let name = line.module_name();
    role("", Facility::Auth, line) != Role::Condition(None) || CONDITIONS.contains(&name)
}

/// Does it say nothing of whether somebody may?
pub fn is_silent(line: &StackLine) -> bool {
    SILENT.contains(&line.module_name())
}

/// Must it go on being asked after a wrong password?
pub fn counts_failures(line: &StackLine) -> bool {
    COUNTERS.contains(&line.module_name())
}

/// Is this a module that knows who it is?
pub fn is_credential(line: &StackLine) -> bool {
    matches!(role("", Facility::Auth, line), Role::Directory | Role::Factor)
}

/// Is this a module that knows who it is by a password?
pub fn is_password(line: &StackLine) -> bool {
    role("", Facility::Auth, line) == Role::Directory
}

/// Does it ask nothing that a code could be?
pub fn asks_nothing(line: &StackLine) -> bool {
    let silent = ["pam_permit.so", "pam_deny.so", MODULE];
    let name = line.module_name();
    silent.contains(&name) || is_silent(line) || CONDITIONS.contains(&name)
}
