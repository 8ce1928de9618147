//! Changes of a stack that may fix what is wrong with it. Pure.

use super::edits::{Edit, Put};
use super::files::{ChainStep, STACKS, StackFiles, StepKind};
use super::line::{Control, ControlAction, Facility, StackLine};
use super::modules::{counts_failures, is_credential};
use super::run::distance;

/// Of one service.
pub(super) struct Candidates<'a> {
    pub(super) files: &'a StackFiles,
    pub(super) service: &'a str,
    pub(super) steps: &'a [ChainStep],
}

impl<'a> Candidates<'a> {
    fn lines(&self) -> impl Iterator<Item = (usize, &'a StackLine)> {
        self.steps.iter().enumerate().filter_map(|(at, step)| Some((at, step.line()?)))
    }

    fn ours(&self) -> impl Iterator<Item = (usize, &'a StackLine)> {
        self.lines().filter(|(_, line)| line.is_ours())
    }

    /// The least change first.
    pub(super) fn candidates(&self, code: &str) -> Vec<Vec<Edit>> {
        match code {
            "missing_include" => vec![self.without_missing()],
            "bad_word" => vec![self.readable()],
            "bad_argument" => vec![self.understood(), self.without_any(&["use_first_pass", "forward_pass"])],
            "nullok" => vec![self.without("nullok")],
            "use_first_pass" => vec![self.without("use_first_pass")],
            "after_publickey" => vec![self.without("after=publickey")],
            "strangers" => self.ending(),
            "explain" => [self.ending(), vec![self.without("explain")]].concat(),
            "may_be_missing" => vec![self.changed(|line| line.kind_word = line.kind_word.replace('-', ""))],
            "no_account" => self.with_account(),
            "asked_twice" => self.asking_once(),
            "forward_pass" | "forward_pass_order" => self.forwarding(),
            _ => self.rearranged(),
        }
    }

    fn rearranged(&self) -> Vec<Vec<Edit>> {
        let (ours, first) = (self.required(|line| line.is_ours()), self.first_without_explain());
        let (jumps, denies) = (self.jumping(), self.commented("pam_deny.so", true));
        let credentials = self.required(is_credential);
        let both = |one: &[Edit], other: &[Edit]| [one, other].concat();
        let mut candidates = vec![
            ours.clone(),
            credentials.clone(),
            both(&credentials, &denies),
            self.commented("pam_permit.so", false),
            self.going_on(),
            both(&self.with_argument("after=publickey"), &self.commented("pam_permit.so", false)),
            jumps.clone(),
            both(&jumps, &self.permitted()),
            both(&jumps, &denies),
            both(&ours, &credentials),
            both(&both(&ours, &credentials), &denies),
            self.moved_last(),
            self.moved_in_its_file(),
            self.account_as_usual(),
        ];
        if !self.lines().any(|(_, line)| is_credential(line)) {
            candidates.push(self.behind_passwords());
        }
        candidates.push(first);
        candidates
    }

    fn changed(&self, change: impl Fn(&mut StackLine)) -> Vec<Edit> {
        let account = self.files.chain(self.service, Facility::Account);
        let lines = self.steps.iter().chain(&account).filter_map(ChainStep::line).filter(|line| line.is_ours());
        let changed = lines.filter_map(|line| {
            let mut new = line.clone();
            change(&mut new);
            (new != *line).then(|| Edit::instead(line, &new))
        });
        let mut edits: Vec<Edit> = changed.collect();
        edits.dedup();
        edits
    }

    fn without(&self, word: &str) -> Vec<Edit> {
        self.without_any(&[word])
    }

    fn without_any(&self, words: &[&str]) -> Vec<Edit> {
        self.changed(|line| line.arguments.retain(|argument| !words.contains(&argument.as_str())))
    }

    fn with_argument(&self, word: &str) -> Vec<Edit> {
        if !self.service.starts_with("sshd") {
            return Vec::new();
        }
        self.changed(|line| line.arguments.insert(0, word.to_owned()))
    }

    /// Without the arguments that are not understood, each by itself, nor the one that contradicts another.
    fn understood(&self) -> Vec<Edit> {
        let alone =
            |line: &StackLine, argument: &String| StackLine { arguments: vec![argument.clone()], ..line.clone() };
        self.changed(|line| {
            let whole = line.clone();
            line.arguments.retain(|argument| alone(&whole, argument).options().is_ok());
            for (less, more) in [("use_first_pass", "forward_pass"), ("local", "remote")] {
                if line.arguments.iter().any(|argument| argument == more) {
                    line.arguments.retain(|argument| argument != less);
                }
            }
        })
    }

    fn readable(&self) -> Vec<Edit> {
        let account: Vec<ChainStep> = self.files.chain(self.service, Facility::Account);
        let is_account = |line: &StackLine| account.iter().filter_map(ChainStep::line).any(|other| other.at == line.at);
        self.changed(|line| {
            let account =
                line.kind_word.to_ascii_lowercase().starts_with("ac") || (line.has_kind() && is_account(line));
            if !line.has_kind() {
                line.kind_word = if account { "account" } else { "auth" }.into();
            }
            if !line.control.is_understood {
                line.control = Control::read(if account { "required" } else { "requisite" });
            }
        })
    }

    fn without_missing(&self) -> Vec<Edit> {
        let account = self.files.chain(self.service, Facility::Account);
        let mut edits: Vec<Edit> = self.steps.iter().chain(&account).filter_map(missing).map(Edit::comment).collect();
        edits.dedup();
        edits
    }

    fn required(&self, which: impl Fn(&StackLine) -> bool) -> Vec<Edit> {
        let loose = |line: &&StackLine| {
            matches!(line.control.action("auth_err"), ControlAction::Ignore | ControlAction::Ok)
                || line.control.action("success") == ControlAction::Done
        };
        let lines = self.lines().map(|(_, line)| line).filter(|line| which(line)).filter(loose);
        lines
            .map(|line| Edit::instead(line, &StackLine { control: Control::read("requisite"), ..line.clone() }))
            .collect()
    }

    /// So that a wrong password ends the stack.
    fn ending(&self) -> Vec<Vec<Edit>> {
        let is_deny = |line: &StackLine| line.module_name() == "pam_deny.so";
        let (included, denies) = (self.included(), self.requisite(is_deny));
        let (credentials, last) = (self.requisite(is_credential), self.moved_last());
        vec![included, denies, credentials.clone(), last.clone(), [credentials, last].concat()]
    }

    /// What counts failures goes on counting, and ends the stack no more.
    fn going_on(&self) -> Vec<Edit> {
        let ends = |line: &&StackLine| counts_failures(line) && line.control.action("success") == ControlAction::Done;
        let lines = self.lines().map(|(_, line)| line).filter(ends);
        lines
            .map(|line| Edit::instead(line, &StackLine { control: Control::read("optional"), ..line.clone() }))
            .collect()
    }

    fn included(&self) -> Vec<Edit> {
        let lines = self.files.lines_of(self.service).into_iter();
        let substacks = lines.filter(|line| line.is_auth() && line.control.text == "substack");
        let include = |line: &StackLine| StackLine { control: Control::read("include"), ..line.clone() };
        substacks.map(|line| Edit::instead(&line, &include(&line))).collect()
    }

    /// Those that fail and go on.
    fn requisite(&self, which: impl Fn(&StackLine) -> bool) -> Vec<Edit> {
        let lines = self.lines().map(|(_, line)| line).filter(|line| which(line));
        let failing = lines.filter(|line| line.control.action("auth_err") == ControlAction::Bad);
        failing
            .map(|line| Edit::instead(line, &StackLine { control: Control::read("requisite"), ..line.clone() }))
            .collect()
    }

    /// What ends the stack before us jumps to us instead.
    fn jumping(&self) -> Vec<Edit> {
        let Some((target, _)) = self.ours().next() else { return Vec::new() };
        let enders = self.lines().take_while(|(at, _)| *at < target);
        let enders =
            enders.filter(|(_, line)| line.control.action("success") == ControlAction::Done && is_credential(line));
        let jumps = enders.filter_map(|(at, line)| {
            let control = match distance(self.steps, at, target)? {
                0 => Control::read("requisite"),
                count => Control::read(&format!("[success={count} new_authtok_reqd={count} default=ignore]")),
            };
            Some(Edit::instead(line, &StackLine { control, ..line.clone() }))
        });
        jumps.collect()
    }

    /// What is jumped to, so that users who need no code get in by a right password: Debian's own way.
    fn permitted(&self) -> Vec<Edit> {
        let first = self.ours().next().map(|(_, line)| line);
        let permit = |line: &StackLine| Put::Before(format!("{} required pam_permit.so", line.kind_word));
        first.map(|line| Edit { path: line.path.clone(), at: line.at, put: permit(line) }).into_iter().collect()
    }

    fn commented(&self, module: &str, own: bool) -> Vec<Edit> {
        let lines = self.lines().map(|(_, line)| line).filter(|line| line.module_name() == module);
        lines.filter(|line| !own || line.path == self.path()).map(Edit::comment).collect()
    }

    fn moved_last(&self) -> Vec<Edit> {
        let ours: Vec<&StackLine> = self.ours().map(|(_, line)| line).collect();
        let last = self.last_line(|line| line.is_auth() || line.kind_word == "@include");
        let (Some(our), Some(last)) = (ours.first(), last.filter(|last| !ours.contains(&last))) else {
            return Vec::new();
        };
        let moved = StackLine { control: Control::read("requisite"), ..(*our).clone() };
        ours.iter().map(|line| Edit::comment(line)).chain([Edit::behind(&last, &moved.print())]).collect()
    }

    /// The same in the file that others share.
    fn moved_in_its_file(&self) -> Vec<Edit> {
        let Some((_, our)) = self.ours().next() else { return Vec::new() };
        let last = self.files.lines_at(&our.path).into_iter().rfind(StackLine::is_auth).filter(|last| last != our);
        let moved = StackLine { control: Control::read("requisite"), ..our.clone() };
        last.map(|last| vec![Edit::comment(our), Edit::behind(&last, &moved.print())]).unwrap_or_default()
    }

    /// Its answer is PAM_IGNORE, which nothing but `required` and the like take for none.
    fn account_as_usual(&self) -> Vec<Edit> {
        let account = self.files.chain(self.service, Facility::Account);
        let loose = account.iter().filter_map(ChainStep::line).filter(|line| line.is_ours());
        let loose = loose.filter(|line| line.control.action("ignore") != ControlAction::Ignore);
        loose
            .map(|line| Edit::instead(line, &StackLine { control: Control::read("required"), ..line.clone() }))
            .collect()
    }

    /// Asked first, the code is told nothing of.
    fn first_without_explain(&self) -> Vec<Edit> {
        let ours: Vec<&StackLine> = self.ours().map(|(_, line)| line).collect();
        let Some(our) = ours.first() else { return Vec::new() };
        let mut first = (*our).clone();
        first.control = Control::read("requisite");
        first.arguments.retain(|argument| argument != "explain");
        let top = Edit { path: our.path.clone(), at: (1, 1), put: Put::Before(first.print()) };
        ours.iter().map(|line| Edit::comment(line)).chain([top]).collect()
    }

    fn behind_passwords(&self) -> Vec<Edit> {
        vec![Edit { path: self.path(), at: (1, 1), put: Put::Before("@include common-auth".into()) }]
    }

    /// All of our lines but one; rather that of the service than one that others share.
    fn asking_once(&self) -> Vec<Vec<Edit>> {
        let mut lines: Vec<&StackLine> = self.ours().map(|(_, line)| line).collect();
        lines.sort_by_key(|line| (line.path != self.path(), std::cmp::Reverse(line.at)));
        let all = |count| lines.iter().take(count).map(|line| Edit::comment(line)).collect::<Vec<_>>();
        let singles = lines.iter().map(|line| vec![Edit::comment(line)]);
        singles.chain((2..lines.len()).map(all)).collect()
    }

    /// Before all other account lines: one of them may end the stack.
    fn with_account(&self) -> Vec<Vec<Edit>> {
        const LINE: &str = "account    required     pam_totp.so";
        let Some((_, auth)) = self.ours().next() else { return Vec::new() };
        let account = self.files.chain(self.service, Facility::Account);
        let ours: Vec<Edit> =
            account.iter().filter_map(ChainStep::line).filter(|line| line.is_ours()).map(Edit::comment).collect();
        let shared = auth.path.replace("-auth", "-account");
        let is_account = |line: &StackLine| {
            line.kind_word.trim_start_matches('-') == "account"
                || (line.kind_word == "@include" && line.control.text.ends_with("-account"))
        };
        let before = |line: &StackLine| [ours.clone(), vec![Edit::new(line, Put::Before(LINE.into()))]].concat();
        let first = |lines: Vec<StackLine>| lines.into_iter().filter(|line| !line.is_ours()).find(is_account);
        let in_shared = if shared == auth.path { None } else { first(self.files.lines_at(&shared)) };
        let own = first(self.files.lines_of(self.service));
        let at_end = self.files.length(&self.path());
        let at_end = at_end.map(|end| vec![Edit { path: self.path(), at: (end, end), put: Put::Behind(LINE.into()) }]);
        let candidates = [in_shared.as_ref().map(before), own.as_ref().map(before), at_end];
        candidates.into_iter().flatten().collect()
    }

    fn forwarding(&self) -> Vec<Vec<Edit>> {
        const LINE: &str = "auth requisite pam_totp.so";
        let split = |line: &StackLine| line.options().is_ok_and(|options| options.forward_pass);
        let Some((_, forward)) = self.ours().find(|(_, line)| split(line)) else { return Vec::new() };
        let judges: Vec<Edit> =
            self.ours().filter(|(_, line)| !split(line)).map(|(_, line)| Edit::comment(line)).collect();
        let check = self.lines().filter(|(_, line)| is_credential(line)).last().map(|(_, line)| line);
        let last = self.last_line(|line| line.kind_word == "auth" || line.kind_word == "@include");
        let behind = |line: &StackLine| [judges.clone(), vec![Edit::behind(line, LINE)]].concat();
        let password = Edit::behind(forward, "auth requisite pam_unix.so use_first_pass");
        let mut candidates: Vec<Vec<Edit>> =
            check.into_iter().filter(|line| line.path == self.path()).map(behind).collect();
        candidates.extend(last.as_ref().map(behind));
        candidates.extend([vec![password.clone()], vec![password, Edit::behind(forward, LINE)]]);
        candidates
    }

    fn path(&self) -> String {
        self.files.path(self.service).unwrap_or_else(|| format!("{STACKS}/{}", self.service))
    }

    fn last_line(&self, which: impl Fn(&StackLine) -> bool) -> Option<StackLine> {
        self.files.lines_of(self.service).into_iter().rev().find(which)
    }
}

fn missing(step: &ChainStep) -> Option<&StackLine> {
    match &step.what {
        StepKind::Missing(line) => Some(line),
        _ => None,
    }
}
