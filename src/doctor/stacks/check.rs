//! Is a stack what its writer meant? What is wrong with it, in findings, with the commands that fix it. Pure.

use std::collections::BTreeMap;

use super::diagnose::problems;
use super::files::StackFiles;
use super::fix;
use super::problem::Circumstances;
use crate::doctor::finding::{Finding, Severity};
use crate::policy::rules::Unenrolled;

/// Under which these findings are read.
pub const ABOUT: &str = "stacks";

/// What only the one who wrote a condition knows.
const KEEP_OR_MOVE: &str = "# unless this is intended, put the line of pam_totp.so before that one";

/// Every stack that reaches us.
pub fn check(files: &StackFiles, circumstances: &Circumstances) -> Vec<Finding> {
    let stacks = files.naming_us();
    if stacks.is_empty() {
        return vec![if circumstances.enabled {
            nothing_asks(circumstances)
        } else {
            Finding::fine(ABOUT, "no stack names pam_totp.so")
        }];
    }
    let mut found: BTreeMap<(Severity, &'static str, String, String), Vec<&str>> = BTreeMap::new();
    let (mut well, mut faulty) = (Vec::new(), Vec::new());
    for stack in &stacks {
        let problems = problems(files, &stack.service, circumstances);
        if problems.iter().all(|problem| problem.level < Severity::Warning) {
            well.push(stack.service.as_str());
        }
        faulty
            .extend(problems.iter().any(|problem| problem.level == Severity::Fault).then_some(stack.service.as_str()));
        for problem in problems {
            found.entry((problem.level, problem.code, problem.place, problem.what)).or_default().push(&stack.service);
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
            Severity::Note => Vec::new(),
            // Two changes of one stack, each made for what stands there now, may spoil each other.
            Severity::Warning
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
