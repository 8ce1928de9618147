//! Is a stack what its writer meant? What ails it, in the words of findings, with what fixes it. Pure.

use std::collections::BTreeMap;

use super::diagnose::ills;
use super::files::Files;
use super::fix;
use super::problem::Circumstances;
use crate::doctor::finding::{Finding, Level};
use crate::policy::rules::Unenrolled;

/// Under which these findings are read.
pub const ABOUT: &str = "stacks";

/// What only the one who wrote a condition knows.
const KEEP_OR_MOVE: &str = "# if that is meant, leave it as it is; else put the line of pam_totp.so before that one";

/// Every stack that reaches us.
pub fn check(files: &Files, circumstances: &Circumstances) -> Vec<Finding> {
    let stacks = files.naming_us();
    if stacks.is_empty() {
        return vec![if circumstances.enabled {
            nothing_asks(circumstances)
        } else {
            Finding::fine(ABOUT, "no stack names pam_totp.so")
        }];
    }
    let mut found: BTreeMap<(Level, &'static str, String, String), Vec<&str>> = BTreeMap::new();
    let (mut well, mut faulty) = (Vec::new(), Vec::new());
    for stack in &stacks {
        let ills = ills(files, &stack.service, circumstances);
        if ills.iter().all(|ill| ill.level < Level::Warning) {
            well.push(stack.service.as_str());
        }
        faulty.extend(ills.iter().any(|ill| ill.level == Level::Fault).then_some(stack.service.as_str()));
        for ill in ills {
            found.entry((ill.level, ill.code, ill.place, ill.what)).or_default().push(&stack.service);
        }
    }
    let fixer = fix::Fixer::new(files, circumstances);
    let mut findings = Vec::new();
    if !well.is_empty() {
        findings.push(Finding::fine(ABOUT, format!("these ask for a code: {}", well.join(", "))));
    }
    for ((level, code, place, what), services) in found.into_iter().rev() {
        let message = match services.as_slice() {
            [service] if place.rsplit(['/', ':']).nth(1) == Some(service) => format!("{place}: {what}"),
            services => format!("{place}, in {}: {what}", services.join(", ")),
        };
        let service = services.first().copied().unwrap_or_default();
        // What is noted may be meant so.
        let lines = match level {
            Level::Note => Vec::new(),
            // Two changes of one stack, each made for what stands there now, may spoil each other.
            Level::Warning
                if ["strangers", "explain"].contains(&code)
                    && services.iter().any(|service| faulty.contains(service)) =>
            {
                vec!["# first fix what else is wrong with this stack, then look again: pam-totp doctor".into()]
            }
            _ => match (code, fixer.fix(service, code)) {
                ("condition", lines) if lines == fix::by_hand() => vec![KEEP_OR_MOVE.into()],
                (_, lines) => lines,
            },
        };
        findings.push(Finding::new(level, ABOUT, code, message).fixed_by(lines));
    }
    findings
}

/// The first line of a host must refuse nobody who has not heard of codes yet.
fn nothing_asks(circumstances: &Circumstances) -> Finding {
    const ADD: &str = "pam-totp stack add sshd";
    let what = "no stack names pam_totp.so: nobody is asked for a code, though the policy is on";
    let finding = Finding::warning(ABOUT, "no_stack", what);
    let Circumstances { refuses, requires, unenrolled, .. } = circumstances;
    // A directory need not list its accounts: that nobody who is listed would be refused is not enough.
    if matches!(unenrolled, Some(Unenrolled::Allow | Unenrolled::Enroll)) && !requires {
        return finding.fixed_by([ADD]);
    }
    if unenrolled.is_none() && *refuses && !requires {
        return finding.fixed_by([
            "# users who are not enrolled get in until the policy says otherwise: pam-totp enroll NAME".into(),
            format!("pam-totp policy set unenrolled allow && {ADD}"),
        ]);
    }
    finding.fixed_by([
        "pam-totp list --required --unenrolled   # they would be refused: pam-totp enroll NAME, yourself first".into(),
        format!("# then: {ADD}"),
    ])
}
