//! This host's own name: the issuer that apps show where the policy names none.

/// `None` where the kernel has none, or one that no app could show.
pub fn hostname() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    crate::uri::valid_label(&name).then_some(name)
}
