//! Folders, keys and records: what the store refuses, in its own words, and how to mend it.

use std::path::Path;

use nix::errno::Errno;

use crate::backend::PolicyFault;
use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::login::messages::log;
use crate::policy::{PATH, Policy, STORE};
use crate::store::StoreError;
use crate::store::audit::{Flaw, FlawKind, Form};
use crate::text::clean;

const ABOUT: &str = "store";
const POLICY: &str = "policy";

/// What to do about a flaw of the store in this folder.
pub fn check(flaw: &Flaw, store: &Path) -> Finding {
    let path = quoted(&flaw.path.display().to_string());
    match &flaw.kind {
        FlawKind::LeftOver => {
            let what = format!("{}: a change was killed and left this behind; it may hold a key", shown(&flaw.path));
            Finding::warning(ABOUT, "left_over", what).fixed_by([format!("rm {path}")])
        }
        FlawKind::Foreign => {
            let what = format!("{}: nothing of pam_totp has such a name: see who put it there", shown(&flaw.path));
            Finding::warning(ABOUT, "foreign", what).fixed_by(aside(&path))
        }
        FlawKind::Lost => {
            let what = format!(
                "{}: no valid record: the next login makes a new one, up to three minutes late",
                shown(&flaw.path)
            );
            Finding::warning(ABOUT, "lost_record", what).fixed_by(aside(&path))
        }
        FlawKind::Named(other) => {
            let user = flaw.user.as_deref().unwrap_or_default();
            let what = format!("{} names {}: nobody gets in by it", shown(&flaw.path), clean(other));
            let (user, other) = (quoted(user), quoted(other));
            Finding::fault(ABOUT, "named_otherwise", what).fixed_by([
                format!("# if its move to {other} was ended halfway: pam-totp rename {user} {other}"),
                format!("# if it is {user}'s own: pam-totp rename {user} {user}"),
            ])
        }
        FlawKind::Copied { codes } => {
            let user = quoted(flaw.user.as_deref().unwrap_or_default());
            let what = format!(
                "{}: was put back from a copy: {}a device enrolled since is gone",
                shown(&flaw.path),
                if *codes { "backup codes that were used since may count again, and " } else { "" }
            );
            let done = if *codes { "backup-codes" } else { "unlock" };
            Finding::warning(ABOUT, "copied", what).fixed_by([
                format!("pam-totp status {user}   # are these their devices?"),
                format!("pam-totp {done} {user}"),
            ])
        }
        FlawKind::NotStored(proving) => {
            let user = flaw.user.as_deref().unwrap_or_default();
            let files: Vec<String> =
                proving.services().map(|service| format!("/etc/pam.d/{}", clean(service))).collect();
            Finding::fault(ABOUT, "not_stored", log::not_stored(user, proving)).fixed_by([
                format!(
                    "# first put \"account required pam_totp.so\" before the other account lines of {}",
                    files.join(" and ")
                ),
                format!("pam-totp unlock {}", quoted(user)),
            ])
        }
        FlawKind::Watched => {
            let what = format!("{}: others can see in it when somebody enrolls", shown(&flaw.path));
            Finding::warning(ABOUT, "watched", what).fixed_by([format!("chmod 700 {path}")])
        }
        FlawKind::Refused(error) => refused(flaw, error, &path, store),
    }
}

fn refused(flaw: &Flaw, error: &StoreError, path: &str, store: &Path) -> Finding {
    let fault = |code| Finding::fault(ABOUT, code, error.to_string());
    match (error, &flaw.user) {
        (StoreError::Io(_, Errno::EACCES | Errno::EPERM), _) => {
            Finding::warning(ABOUT, "needs_root", format!("{}: only root can look at this", shown(&flaw.path)))
        }
        (StoreError::Missing(_), _) => missing(flaw, error, path, store),
        (StoreError::Newer(_), _) => fault("newer").fixed_by(INSTALL),
        (StoreError::NotTheirs(..), Some(user)) => {
            fault("not_theirs").fixed_by([format!("pam-totp rename {0} {0}", quoted(user))])
        }
        (StoreError::Broken(..), Some(user)) => fault("damaged").fixed_by(again(user)),
        (StoreError::Unsafe(_, what), user) => fault("unsafe").fixed_by(match (flaw.form, user) {
            (Some(Form::Folder), None) => owned_folder(&flaw.path, path, store),
            (_, None) => elsewhere(what, path),
            (Some(Form::File), _) => vec![format!("chown root:root {path}"), format!("chmod 600 {path}")],
            (Some(Form::Linked), _) => {
                vec![
                    format!("cp -p {path} {path}.one && mv {path}.one {path}"),
                    format!("chown root:root {path}"),
                    format!("chmod 600 {path}"),
                ]
            }
            (_, Some(user)) if is_key(&flaw.path) => again(user),
            (_, Some(_)) => aside(path).into(),
        }),
        _ => fault("refused").fixed_by([format!("ls -ld {path}; dmesg | tail")]),
    }
}

/// A new key in place of one that cannot be used.
fn again(user: &str) -> Vec<String> {
    vec![format!("pam-totp enroll {} --replace", quoted(user))]
}

/// Out of the way, where it takes no file of root's with it.
fn aside(path: &str) -> [String; 2] {
    const ASIDE: &str = "/root/pam_totp.aside";
    [format!("mkdir -pm 700 {ASIDE}"), format!("mv --backup=numbered -- {path} {ASIDE}/")]
}

/// An empty folder where a disk did not come would say that nobody is enrolled, so a person looks first: `mount -a` is
/// content without the disks that need not come, and knows nothing of those that no fstab names.
fn missing(flaw: &Flaw, error: &StoreError, path: &str, store: &Path) -> Finding {
    let mode = if is_closed(&flaw.path, store) { "700" } else { "755" };
    let make = format!("install -d -o root -g root -m {mode} {path}");
    // No disk belongs under /run, and it is needed only while the one with the keys is read-only.
    if flaw.path.starts_with("/run") {
        return Finding::warning(ABOUT, "missing", error.to_string()).fixed_by([make]);
    }
    let above = quoted(&flaw.path.parent().unwrap_or(Path::new("/")).display().to_string());
    Finding::fault(ABOUT, "missing", error.to_string()).fixed_by([
        "mount -a".to_owned(),
        format!("findmnt -T {above}; grep -v '^#' /etc/fstab   # is the disk there that belongs there?"),
        format!("# only if no disk of its own belongs there: {make}"),
    ])
}

/// A link or something else is where a folder belongs: what that is good for only a person knows.
fn elsewhere(what: &str, path: &str) -> Vec<String> {
    if !what.contains("symbolic link") {
        return vec![format!("ls -ld {path}   # a folder belongs there: see what this is")];
    }
    vec![
        format!("readlink -f {path}"),
        format!("# then into {PATH}, above its tables: store = \"the real folder that secrets/ and state/ are in\""),
    ]
}

fn owned_folder(folder: &Path, path: &str, store: &Path) -> Vec<String> {
    let mode = if is_closed(folder, store) { "700" } else { "go-w" };
    vec![format!("chown root:root {path}"), format!("chmod {mode} {path}")]
}

/// Is it one that nobody but root may look into?
fn is_closed(folder: &Path, store: &Path) -> bool {
    folder == store || folder.ends_with("secrets") || folder.ends_with("state")
}

/// Is the file a user's key, and not his record?
fn is_key(file: &Path) -> bool {
    file.parent().is_some_and(|folder| folder.ends_with("secrets"))
}

/// In the folder that the sources are in.
pub const INSTALL: [&str; 1] = ["make install   # in the folder of pam_totp's sources"];

/// A path as it may be printed.
fn shown(path: &Path) -> String {
    clean(&path.display().to_string())
}

/// The policy, or why it is not in force.
pub fn policy(path: &Path, text: &[u8], policy: &Policy, fault: Option<&PolicyFault>) -> Vec<Finding> {
    let file = quoted(&path.display().to_string());
    match fault {
        Some(PolicyFault::Text(_, bad)) => {
            let what = format!(
                "{}: {bad}: until it is fixed all is on, and users who are not enrolled are refused",
                shown(path)
            );
            let line = bad.at.map_or(1, |at| at.0);
            vec![Finding::fault(POLICY, "policy_text", what).fixed_by(mended(text, line, &file))]
        }
        Some(PolicyFault::File(error)) => {
            // Who could write to it may have: it is read before it counts.
            let fix = [format!("\"${{EDITOR:-vi}}\" {file} && chown root:root {file} && chmod 644 {file}")];
            vec![
                Finding::fault(POLICY, "policy_file", format!("{error}: the strictest policy is in force"))
                    .fixed_by(fix),
            ]
        }
        Some(fault) => {
            // What is in force now, but readable: an empty one would let users change their factors.
            let fix = [format!(
                "install -m 644 /dev/null {file} && printf '%s\\n' 'unenrolled = \"deny\"' 'self_service = []' >{file}"
            )];
            vec![
                Finding::fault(POLICY, "policy_absent", format!("{fault}: the strictest policy is in force"))
                    .fixed_by(fix),
            ]
        }
        None => in_force(path, policy, &file),
    }
}

/// Without these lines a policy is as strict as with any value of theirs. Without others, `self_service` or `window`,
/// users may do more than their writer meant; and what an unknown key was to be, nobody knows.
const STRICT_WITHOUT: [&str; 5] = ["enabled", "enroll_by", "issuer", "prompt", "support"];

/// A line that stands by itself may go where the policy is no wider without it. All else must be read by a person:
/// without a part of it, a rule may exempt everybody.
fn mended(text: &[u8], line: usize, file: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let bad = line.checked_sub(1).and_then(|at| text.lines().nth(at)).unwrap_or_default();
    let key = |line: &str| line.split_once('=').map_or("", |(key, _)| key.trim()).to_owned();
    let above = text.lines().take(line).any(|line| line.trim_start().starts_with('['));
    // Of two lines with one key the other would count.
    let alone = text.lines().filter(|line| key(line) == key(bad)).count() == 1;
    let without = text.lines().zip(1..).map(|(text, at)| if at == line { format!("#{text}") } else { text.to_owned() });
    let is_policy = Policy::parse(without.collect::<Vec<_>>().join("\n").as_bytes()).is_ok();
    if STRICT_WITHOUT.contains(&key(bad).as_str()) && !above && alone && is_policy {
        return vec![format!("sed -i '{line}s/^/#/' {file}"), "pam-totp policy check".into()];
    }
    vec![format!("\"${{EDITOR:-vi}}\" +{line} {file} && pam-totp policy check")]
}

fn in_force(path: &Path, policy: &Policy, file: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !policy.enabled {
        let what = format!("{}: enabled = false: nobody is asked for a code", shown(path));
        findings.push(Finding::warning(POLICY, "policy_off", what).fixed_by(["pam-totp policy enable"]));
    }
    if !policy.has_default_store() {
        let (store, shown) = (quoted(&policy.store.display().to_string()), shown(&policy.store));
        let what =
            format!("the keys are in {shown}: pam-totpd does not serve them, and a read-only disk refuses everybody");
        // Not where the usual place is a link to this one.
        let line = format!(
            "cp -a {store}/secrets {store}/state {STORE}/ && sed -i 's/^[[:blank:]]*store[[:blank:]]*=/#&/' {file}"
        );
        findings.push(Finding::warning(POLICY, "other_store", what).fixed_by([line]));
    }
    if !policy.without_effect.is_empty() {
        let keys = policy.without_effect.join(" and ");
        let what = format!(
            "{}: {keys} of [throttle] have no effect any more: `free` and `every` say how many wrong codes are looked at",
            shown(path)
        );
        let lines =
            policy.without_effect.iter().map(|key| format!("sed -i 's/^[[:blank:]]*{key}[[:blank:]]*=/#&/' {file}"));
        findings.push(Finding::warning(POLICY, "throttle_keys", what).fixed_by(lines));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(POLICY, "can be read, and is on"));
    }
    findings
}
