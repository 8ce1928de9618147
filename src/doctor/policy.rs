//! The policy: is it in force, and what does it leave off? Pure.

use std::path::Path;

use crate::backend::PolicyFault;
use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::paths::STORE;
use crate::policy::Policy;
use crate::text::clean;

pub(super) const ABOUT: &str = "policy";

/// A path as it may be printed.
fn shown(path: &Path) -> String {
    clean(&path.display().to_string())
}

/// The policy, or why it is not in force.
pub fn check(path: &Path, text: &[u8], policy: &Policy, fault: Option<&PolicyFault>) -> Vec<Finding> {
    let file = quoted(&path.display().to_string());
    match fault {
        Some(PolicyFault::Text(_, bad)) => {
            let what = format!(
                "{}: {bad}: until it is fixed the policy is on, and users who are not enrolled are refused",
                shown(path)
            );
            let line = bad.at.map_or(1, |at| at.0);
            vec![Finding::fault(ABOUT, "policy_text", what).fixed_by(fixed(text, line, &file))]
        }
        Some(PolicyFault::File(error)) => {
            // Who could write to it may have: it is read before it counts.
            let fix = [format!("\"${{EDITOR:-vi}}\" {file} && chown root:root {file} && chmod 644 {file}")];
            vec![
                Finding::fault(ABOUT, "policy_file", format!("{error}: the strictest policy is in force"))
                    .fixed_by(fix),
            ]
        }
        Some(fault) => {
            // What is in force now, but readable: an empty one would let users change their enrollment.
            let fix = [format!(
                "install -m 644 /dev/null {file} && printf '%s\\n' 'unenrolled = \"deny\"' 'self_service = []' >{file}"
            )];
            vec![
                Finding::fault(ABOUT, "policy_absent", format!("{fault}: the strictest policy is in force"))
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
fn fixed(text: &[u8], line: usize, file: &str) -> Vec<String> {
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
        findings.push(Finding::warning(ABOUT, "policy_off", what).fixed_by(["pam-totp policy enable"]));
    }
    if !policy.has_default_store() {
        let (store, shown) = (quoted(&policy.store.display().to_string()), shown(&policy.store));
        let what = format!(
            "the keys are in {shown}: pam-totpd does not serve them, and everybody is refused while their \
                disk is read-only"
        );
        // Not where the usual place is a link to this one.
        let line = format!(
            "cp -a {store}/secrets {store}/state {STORE}/ && sed -i 's/^[[:blank:]]*store[[:blank:]]*=/#&/' {file}"
        );
        findings.push(Finding::warning(ABOUT, "other_store", what).fixed_by([line]));
    }
    if !policy.without_effect.is_empty() {
        let keys = policy.without_effect.join(" and ");
        let what = format!(
            "{}: {keys} of [throttle] have no effect any more: `free` and `every` say how many wrong codes are \
             looked at",
            shown(path)
        );
        let lines =
            policy.without_effect.iter().map(|key| format!("sed -i 's/^[[:blank:]]*{key}[[:blank:]]*=/#&/' {file}"));
        findings.push(Finding::warning(ABOUT, "throttle_keys", what).fixed_by(lines));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(ABOUT, "can be read, and is on"));
    }
    findings
}
