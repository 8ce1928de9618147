//! How hard a test tries: a little at each check, long under torture.

/// `long` where `make torture` runs, else `short`; of rounds, cases, processes.
pub fn effort(short: usize, long: usize) -> usize {
    if std::env::var_os("PAM_TOTP_TORTURE").is_some() { long } else { short }
}
