//! Where an installation keeps things. A package sets what differs from `make install` when it is built, by the variables
//! named here.

/// The administrator's file.
pub const POLICY: &str = "/etc/security/pam_totp.toml";
/// Whom root lets look after others.
pub const DELEGATES: &str = "/etc/security/pam_totp.delegates.toml";
/// The parent of `secrets/` and `state/`, where the policy names no other.
pub const STORE: &str = "/var/lib/pam_totp";
/// Where a record continues while the disk is read-only.
pub const RUN: &str = "/run/pam_totp/state";
/// The folder of the door's sockets.
pub const SOCKETS: &str = "/run/pam_totp";
/// The door for everybody.
pub const VERIFY_SOCKET: &str = "/run/pam_totp/verify.sock";
/// The door for root.
pub const ROOT_SOCKET: &str = "/run/pam_totp/root.sock";
/// Lines for the policy's `notify` program.
pub const SPOOL: &str = "/var/spool/pam_totp";
/// The prefix of `make install`: `PAM_TOTP_PREFIX`.
pub const PREFIX: &str = or(option_env!("PAM_TOTP_PREFIX"), "/usr/local");
/// The command that installs what is missing: `PAM_TOTP_INSTALL`.
pub const INSTALL: &str = or(option_env!("PAM_TOTP_INSTALL"), "make install   # in the folder of pam_totp's sources");

/// The folder of the documents: `PAM_TOTP_DOCDIR`.
const DOCUMENTS: Option<&str> = option_env!("PAM_TOTP_DOCDIR");

/// The example stacks.
pub fn examples() -> String {
    let documents = DOCUMENTS.map_or_else(|| format!("{PREFIX}/share/doc/pam_totp"), str::to_owned);
    format!("{documents}/examples/pam.d")
}

/// pam-totpd's program.
pub fn daemon() -> String {
    format!("{PREFIX}/sbin/pam-totpd")
}

/// The policy module of SELinux.
pub fn selinux_module() -> String {
    format!("{PREFIX}/share/selinux/packages/pam_totp.cil")
}

const fn or(set: Option<&'static str>, default: &'static str) -> &'static str {
    match set {
        Some(set) => set,
        None => default,
    }
}
