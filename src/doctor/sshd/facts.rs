//! What was found out about sshd. Pure.

use super::config::Texts;

pub(super) const METHODS: &str = "authenticationmethods";
pub(super) const QUESTIONS: &str = "kbdinteractiveauthentication";
pub(super) const PASSWORD: &str = "passwordauthentication";
pub(super) const HOSTBASED: &str = "hostbasedauthentication";
pub(super) const GSSAPI: &str = "gssapiauthentication";
pub(super) const KEYS: &str = "pubkeyauthentication";
/// What is judged: blocks that set none of it need no look.
pub const LOOKED_AT: [&str; 8] = [METHODS, QUESTIONS, PASSWORD, HOSTBASED, GSSAPI, KEYS, "usepam", "pamservicename"];

/// What was found out about sshd.
#[derive(Clone, Debug)]
pub struct SshdFacts {
    /// What `sshd -T` printed, or why it did not.
    pub settings: Result<String, String>,
    /// sshd_config, and every file that it includes.
    pub texts: Texts,
    /// What was found out about each `Match`, in the order of reading.
    pub blocks: Vec<BlockReport>,
    /// Is root enrolled?
    pub root_enrolled: bool,
    /// Is there a key for Kerberos?
    pub keytab: bool,
    /// Its unit, which Debian calls ssh.
    pub unit: &'static str,
}

/// What holds in a `Match` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockReport {
    /// What `sshd -T -C` printed of a connection that fits it.
    Settings(String),
    /// Nobody gets in there, or it sets nothing that is judged.
    Nobody,
    /// So many stand before it that it was not asked about.
    Beyond,
    /// No connection is known that fits it, and why.
    NoneFits(String),
    /// It was not asked, or did not answer, and why.
    Unread(String),
}

/// The PAM service that sshd runs under.
pub fn service(settings: &str) -> &str {
    value(settings, "pamservicename").unwrap_or("sshd")
}

pub(super) fn value<'a>(settings: &'a str, key: &str) -> Option<&'a str> {
    settings.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).map(str::trim)
}

pub(super) fn is(settings: &str, key: &str, wanted: &str) -> bool {
    value(settings, key).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
}
