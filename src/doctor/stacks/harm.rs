//! What a change of stacks would do to those who log in: who is shut out by it, who is let in, and which protection of
//! another module goes. Pure.

use super::files::StackFiles;
use super::line::{Facility, StackLine};
use super::model::{LoginOutcome, StackModel, Variables, World};
use super::modules::{Role, counts_failures, is_silent, role};
use super::run::ModuleAnswer;
use crate::text::clean;

/// What is wrong with a change, in words; `None` where nobody is worse off.
pub fn harm(before: &StackFiles, after: &StackFiles) -> Option<String> {
    let mut services: Vec<&str> = before.own().chain(after.own()).collect();
    services.sort_unstable();
    services.dedup();
    services.into_iter().find_map(|service| of_service(before, after, service))
}

/// The same of one service.
pub fn of_service(before: &StackFiles, after: &StackFiles, service: &str) -> Option<String> {
    [Facility::Auth, Facility::Account].into_iter().find_map(|kind| of_kind(before, after, service, kind, false))
}

/// The same where our lines go on purpose: who has a right password gets in without a code then, and nobody else does.
pub fn of_removal(before: &StackFiles, after: &StackFiles, service: &str) -> Option<String> {
    [Facility::Auth, Facility::Account].into_iter().find_map(|kind| of_kind(before, after, service, kind, true))
}

struct Comparison {
    before: StackModel,
    after: StackModel,
    variables: Variables,
    kind: Facility,
    /// Our lines are meant to go.
    removes: bool,
}

fn of_kind(before: &StackFiles, after: &StackFiles, service: &str, kind: Facility, removes: bool) -> Option<String> {
    if before.chain(service, kind) == after.chain(service, kind) {
        return None;
    }
    let mut variables = Variables::default();
    let change = Comparison {
        before: StackModel::of(before, service, kind, &mut variables),
        after: StackModel::of(after, service, kind, &mut variables),
        variables,
        kind,
        removes,
    };
    let worlds = change.variables.worlds();
    worlds.iter().find_map(|world| change.harm(world)).map(|what| format!("{}: {what}", clean(service)))
}

impl Comparison {
    fn harm(&self, world: &World) -> Option<String> {
        let right = world.is_rightful() || self.kind == Facility::Account || !self.variables.has_credentials();
        for code in [ModuleAnswer::Success, ModuleAnswer::Ignore, ModuleAnswer::Refuse] {
            // Without our lines nobody is refused by them any more.
            if self.removes && code == ModuleAnswer::Refuse && (world.is_rightful() || self.kind == Facility::Account) {
                continue;
            }
            let (was, is) = (self.before.login(world, code), self.after.login(world, code));
            let rightly = right && code != ModuleAnswer::Refuse;
            if rightly && self.is_in(&was) && !self.is_in(&is) {
                return Some(format!("{} would get in no more", self.who(world)));
            }
            // Those who were shut out although all is right may be let in.
            let may = rightly && (world.is_rightful() || self.kind == Facility::Account);
            if self.is_in(&is) && !self.is_in(&was) && !may {
                return Some(format!("{} would get in, and do not now", self.who(world)));
            }
            let unasked = is.asked.is_empty() && !was.asked.is_empty() && !self.removes;
            if self.is_in(&is) && unasked && self.kind == Facility::Auth {
                return Some(format!("{} would not be asked for a code any more", self.who(world)));
            }
            if let Some(line) = self.unprotected(&was, &is) {
                return Some(format!("{} would be asked no more", clean(line.module_name())));
            }
        }
        None
    }

    fn is_in(&self, outcome: &LoginOutcome) -> bool {
        match self.kind {
            Facility::Account => matches!(outcome.told, Some(ModuleAnswer::Success | ModuleAnswer::NewPassword)),
            _ => outcome.is_in(),
        }
    }

    /// A condition that was looked at where somebody gets in, or a count of failures anywhere, and is not any more.
    fn unprotected(&self, was: &LoginOutcome, is: &LoginOutcome) -> Option<&StackLine> {
        let both_in = self.is_in(was) && self.is_in(is);
        let protects = |line: &&StackLine| {
            let is_condition = matches!(role("", self.kind, line), Role::Condition(_));
            is_condition && !is_silent(line) && (both_in || counts_failures(line))
        };
        let asked: Vec<&StackLine> = is.reached.iter().filter_map(|at| self.after.line(*at)).collect();
        let goes_on = |line: &StackLine| {
            asked.iter().any(|other| other.module_name() == line.module_name() && other.arguments == line.arguments)
        };
        let before = was.reached.iter().filter_map(|at| self.before.line(*at)).filter(protects);
        before.into_iter().find(|line| !goes_on(line))
    }

    fn who(&self, world: &World) -> String {
        let known = self.variables.0.iter().enumerate();
        let known = known.filter(|(number, _)| world.answer(*number) == ModuleAnswer::Success);
        let proofs = known.filter(|(_, variable)| !matches!(variable.role, Role::Condition(_)));
        let names: Vec<String> = proofs.map(|(_, variable)| clean(variable.line.module_name())).collect();
        match names.as_slice() {
            [] => "users".to_owned(),
            names => format!("users whom {} knows", names.join(" and ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "auth requisite pam_totp.so";

    fn files(lines: &[&str]) -> StackFiles {
        let mut files = StackFiles::default();
        files.add("x", "/etc/pam.d/x", &(lines.join("\n") + "\n"));
        files
    }

    fn said(before: &[&str], after: &[&str]) -> String {
        harm(&files(before), &files(after)).unwrap_or_default()
    }

    #[test]
    fn who_is_worse_off_is_said() {
        let (krb5, unix) =
            ("auth [success=2 default=ignore] pam_krb5.so", "auth [success=1 default=ignore] pam_unix.so");
        let end = ["auth requisite pam_deny.so", "auth required pam_permit.so"];
        let both = [&[krb5, unix][..], &end].concat();
        assert_eq!(said(&both, &[&both[..], &[CODE]].concat()), "");
        let between = [&[krb5, CODE, unix][..], &end].concat();
        assert_eq!(said(&both, &between), "x: users whom pam_krb5.so knows would get in no more");
        assert_eq!(said(&between, &both), "x: users whom pam_unix.so knows would not be asked for a code any more");
        let optional = [&both[..], &["auth optional pam_totp.so"]].concat();
        let asking = [&both[..], &[CODE]].concat();
        assert!(said(&asking, &optional).ends_with("would get in, and do not now"), "with a wrong code");
        assert_eq!(said(&optional, &asking), "");
    }

    #[test]
    fn what_protects_goes_on_doing_so() {
        let (pre, post) = ("auth required pam_faillock.so preauth", "auth [default=die] pam_faillock.so authfail");
        let before = [pre, "auth sufficient pam_unix.so", post, CODE];
        let without = [pre, "auth requisite pam_unix.so", CODE];
        assert_eq!(said(&before, &without), "x: pam_faillock.so would be asked no more");
        let access = ["auth required pam_access.so", "auth requisite pam_unix.so", CODE];
        assert_eq!(said(&access, &access[1..]), "x: pam_access.so would be asked no more");
    }

    #[test]
    fn who_takes_our_lines_out_opens_nothing() {
        let removed =
            |before: &[&str], after: &[&str]| of_removal(&files(before), &files(after), "x").unwrap_or_default();
        let (unix, permit) = ("auth requisite pam_unix.so", "auth required pam_permit.so");
        assert_eq!(removed(&[unix, CODE], &[unix]), "");
        assert_eq!(removed(&[CODE, permit], &[permit]), "x: users would get in, and do not now");
        let key = "auth requisite pam_totp.so after=publickey";
        assert!(removed(&[key], &[]).ends_with("would get in no more"));
        let jump = ["auth [success=1 default=ignore] pam_unix.so", CODE, "auth requisite pam_deny.so"];
        assert_eq!(removed(&jump, &[jump[0], jump[2]]), "");
        let ours = "auth [success=1 default=die] pam_totp.so";
        let deny = "auth required pam_deny.so";
        let over = ["auth [success=1 default=ignore] pam_unix.so", deny, ours, deny, "auth required pam_permit.so"];
        assert!(removed(&over, &[over[0], deny, deny, over[4]]).ends_with("would get in no more"));
        assert_eq!(removed(&[unix, "auth [success=ok default=die] pam_totp.so"], &[unix]), "");
    }

    #[test]
    fn an_account_line_shuts_nobody_out() {
        let account = ["auth requisite pam_unix.so", CODE, "account [success=1 default=ignore] pam_unix.so"];
        let end = ["account requisite pam_deny.so", "account required pam_permit.so"];
        let before = [&account[..], &end].concat();
        let front = [&account[..2], &["account required pam_totp.so"], &account[2..], &end].concat();
        assert_eq!(said(&before, &front), "");
        let between = [&account[..], &["account required pam_totp.so"], &end].concat();
        assert!(said(&before, &between).ends_with("would get in no more"));
    }
}
