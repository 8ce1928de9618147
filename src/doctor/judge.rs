//! Is a stack what its writer meant? Each is run in thought, with right and wrong passwords and codes. Pure.

use std::collections::BTreeMap;

use super::modules::{FACTORS, SILENT, beside, is_credential, is_password, is_plain, runs_without_root};
use super::run::{Answer, Run, run};
use super::stacks::{Action, Files, Kind, Line, Step, What};
use super::{Finding, Level, fix};
use crate::options::Options;
use crate::policy::{PATH, Unenrolled};
use crate::words::clean;

/// Under which these findings are read.
pub const ABOUT: &str = "stacks";

/// What the policy says, as far as it matters to stacks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// `enabled`.
    pub enabled: bool,
    /// `unenrolled`, where the policy says it.
    pub unenrolled: Option<Unenrolled>,
    /// Everybody with a login shell has a factor.
    pub all_enrolled: bool,
    /// Somebody with a login shell is refused, or would be, for want of one.
    pub refuses: bool,
    /// Rules name those who must have one.
    pub requires: bool,
}

/// What ails a stack, before it is known how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ill {
    /// How bad.
    pub level: Level,
    /// For programs.
    pub code: &'static str,
    /// The line that it is about.
    pub place: String,
    /// What is wrong, and what happens because of it.
    pub what: String,
}

/// How a stack asks, which sshd has to go with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One question after the other.
    Questions,
    /// Password and code in one answer.
    OneField,
    /// The code alone, behind a key.
    Key,
}

/// That of a service; `None` where it does not name us.
pub fn shape(files: &Files, service: &str) -> Option<Shape> {
    let steps = files.chain(service, Kind::Auth);
    let ours: Vec<Options> = steps
        .iter()
        .filter_map(Step::line)
        .filter(|line| line.is_ours())
        .filter_map(|line| line.options().ok())
        .collect();
    match () {
        () if ours.is_empty() => None,
        () if ours.iter().any(|options| options.forward_pass) => Some(Shape::OneField),
        () if ours.iter().any(|options| options.after_publickey) => Some(Shape::Key),
        () => Some(Shape::Questions),
    }
}

/// Every stack that reaches us.
pub fn judge(files: &Files, circumstances: &Circumstances) -> Vec<Finding> {
    let stacks = files.naming_us();
    if stacks.is_empty() {
        return vec![if circumstances.enabled {
            nothing_asks(circumstances)
        } else {
            Finding::fine(ABOUT, "no stack names pam_totp.so")
        }];
    }
    let mut found: BTreeMap<(Level, &'static str, String, String), Vec<&str>> = BTreeMap::new();
    let mut well = Vec::new();
    for stack in &stacks {
        let ills = ills(files, &stack.service, circumstances);
        if ills.iter().all(|ill| ill.level < Level::Warning) {
            well.push(stack.service.as_str());
        }
        for ill in ills {
            found.entry((ill.level, ill.code, ill.place, ill.what)).or_default().push(&stack.service);
        }
    }
    let has_fault = |service: &&str| ills(files, service, circumstances).iter().any(|ill| ill.level == Level::Fault);
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
            Level::Warning if ["strangers", "explain"].contains(&code) && services.iter().any(has_fault) => {
                vec!["# first fix what else is wrong with this stack, then look again: pam-totp doctor".into()]
            }
            _ => fix::fix(files, service, code, circumstances),
        };
        findings.push(Finding::new(level, ABOUT, code, message).fixed_by(lines));
    }
    findings
}

/// The first line of a host must refuse nobody who has not heard of codes yet.
fn nothing_asks(circumstances: &Circumstances) -> Finding {
    const KEEP: &str = "{ [ -e /root/pam.d-sshd.before ] || cp -a /etc/pam.d/sshd /root/pam.d-sshd.before; }";
    const LINES: &str = "sed -i -e '/^@include common-auth/a auth       requisite    pam_totp.so explain' \
         -e '/^@include common-account/a account    required     pam_totp.so' /etc/pam.d/sshd";
    let what = "no stack names pam_totp.so: nobody is asked for a code, though the policy is on";
    let finding = Finding::warning(ABOUT, "no_stack", what);
    let Circumstances { refuses, requires, unenrolled, .. } = circumstances;
    // A directory need not list its accounts: that nobody who is listed would be refused is not enough.
    if matches!(unenrolled, Some(Unenrolled::Allow | Unenrolled::Enroll)) && !requires {
        return finding.fixed_by([format!("{KEEP} && {LINES}")]);
    }
    if unenrolled.is_none() && *refuses && !requires {
        // sed puts no line before the first one of an empty file.
        let allow = format!("{{ [ -s {PATH} ] || echo >>{PATH}; }} && sed -i '1i unenrolled = \"allow\"' {PATH}");
        return finding.fixed_by([
            "# users who are not enrolled get in until the policy says otherwise: pam-totp enroll NAME".into(),
            format!("{KEEP} && {allow} && {LINES}"),
        ]);
    }
    finding.fixed_by([
        "pam-totp list --required --unenrolled   # they would be refused: pam-totp enroll NAME, yourself first".into(),
        format!("# then: {KEEP} && {LINES}"),
    ])
}

/// What ails one stack.
pub fn ills(files: &Files, service: &str, circumstances: &Circumstances) -> Vec<Ill> {
    let steps = files.chain(service, Kind::Auth);
    let account = files.chain(service, Kind::Account);
    let mut ills: Vec<Ill> = steps.iter().chain(&account).flat_map(unreadable).collect();
    // In a stack that refuses everybody, nothing else can be told.
    if ills.is_empty() {
        let stack = Auth::new(service, &steps);
        ills.extend(stack.ways_past_us());
        ills.extend(stack.ways_in());
        ills.extend(stack.questions());
        ills.extend(stack.arguments(circumstances));
        ills.extend(stack.lacks_account(&account, circumstances));
    }
    let mut seen = Vec::new();
    ills.retain(|ill| {
        let is_new = !seen.contains(&(ill.code, ill.place.clone()));
        seen.push((ill.code, ill.place.clone()));
        is_new
    });
    ills
}

/// What libpam, or our module, refuses everybody for.
fn unreadable(step: &Step) -> Vec<Ill> {
    let fault = |code, line: &Line, what: String| vec![Ill { level: Level::Fault, code, place: line.place(), what }];
    match &step.what {
        What::Substack => Vec::new(),
        What::Missing(line) => {
            let name = if line.kind_word == "@include" { &line.control.text } else { &line.module };
            fault(
                "missing_include",
                line,
                format!("includes {}, which is not there: libpam refuses everybody", clean(name)),
            )
        }
        What::Module(line) if !line.is_ours() => Vec::new(),
        What::Module(line) if !line.has_kind() || !line.control.is_understood => {
            let word = if line.has_kind() { &line.control.text } else { &line.kind_word };
            fault("bad_word", line, format!("'{}' is no word of libpam's: the line refuses everybody", clean(word)))
        }
        What::Module(line) => match line.options() {
            Ok(_) => Vec::new(),
            Err(bad) => fault("bad_argument", line, bad.to_string()),
        },
    }
}

/// Whose passwords are right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    All,
    Nobodys,
    /// The user is known to the module at this place alone.
    At(usize),
}

struct Auth<'a> {
    service: &'a str,
    steps: &'a [Step],
    /// Where the user is known by something else than our code.
    credentials: Vec<usize>,
}

impl<'a> Auth<'a> {
    fn new(service: &'a str, steps: &'a [Step]) -> Self {
        let known = |step: &Step| step.line().is_some_and(is_credential);
        let credentials = steps.iter().enumerate().filter(|step| known(step.1)).map(|step| step.0).collect();
        Self { service, steps, credentials }
    }

    fn line(&self, at: usize) -> Option<&'a Line> {
        self.steps.get(at)?.line()
    }

    /// A login with these passwords, our module answering `code`, and the condition at `met` holding.
    fn run(&self, right: Right, code: Answer, met: Option<usize>) -> Run {
        run(self.steps, |at, line| {
            let options = if line.is_ours() { line.options().ok() } else { None };
            match options {
                _ if met == Some(at) => Answer::Success,
                // Asks and splits; the line after it judges.
                Some(Options { forward_pass: true, .. }) => Answer::Ignore,
                // Of those who have proved nothing at all, nobody has shown a key.
                Some(Options { after_publickey: true, .. }) if right == Right::Nobodys => Answer::Refuse,
                Some(Options { after_publickey: true, .. }) if code == Answer::Ignore => Answer::Success,
                Some(_) => code,
                None if is_credential(line) && right == Right::Nobodys => Answer::Refuse,
                None if is_password(line) => match right {
                    Right::All => Answer::Success,
                    Right::Nobodys => Answer::Refuse,
                    Right::At(known) if known == at => Answer::Success,
                    Right::At(_) => Answer::Unknown,
                },
                None => beside(line),
            }
        })
    }

    /// Logins of users with a right password: known to all modules, or to one alone.
    fn logins(&self) -> impl Iterator<Item = Right> + '_ {
        let known = self.credentials.iter().copied().filter(|at| self.line(*at).is_some_and(is_password));
        std::iter::once(Right::All).chain(known.map(Right::At))
    }

    /// Our lines among those that a login reached, without those that only split.
    fn asked(&self, run: &Run) -> Vec<(usize, &'a Line, Options)> {
        let ours = run.reached.iter().filter_map(|at| Some((*at, self.line(*at)?))).filter(|(_, line)| line.is_ours());
        let parsed = ours.filter_map(|(at, line)| Some((at, line, line.options().ok()?)));
        parsed.filter(|(.., options)| !options.forward_pass).collect()
    }

    fn ours(&self) -> impl Iterator<Item = (usize, &'a Line)> {
        self.steps
            .iter()
            .enumerate()
            .filter_map(|(at, step)| Some((at, step.line()?)))
            .filter(|(_, line)| line.is_ours())
    }

    fn first_place(&self) -> String {
        self.ours().next().map(|(_, line)| line.place()).unwrap_or_default()
    }

    /// Right passwords that never come to our line.
    fn ways_past_us(&self) -> Vec<Ill> {
        let runs: Vec<Run> = self.logins().map(|right| self.run(right, Answer::Success, None)).collect();
        let (past, asked): (Vec<&Run>, Vec<&Run>) =
            runs.iter().filter(|run| run.succeeds).partition(|run| self.asked(run).is_empty());
        let place = self.first_place();
        if past.is_empty() && asked.is_empty() {
            let what = "nobody gets in through this stack, whatever is typed: some line refuses always".into();
            return vec![Ill { level: Level::Fault, code: "nobody", place, what }];
        }
        let forwards = self.ours().any(|(_, line)| line.options().is_ok_and(|options| options.forward_pass));
        if let (Some(run), false) = (past.first(), forwards && asked.is_empty()) {
            let first = self.ours().next().map_or(0, |(at, _)| at);
            let end = run.reached.iter().rfind(|at| **at < first).and_then(|at| self.line(*at));
            let by = end.map_or(String::new(), |line| {
                format!("{} ({}, {})", clean(line.module_name()), line.place(), clean(&line.control.text))
            });
            let (code, what) = match asked.is_empty() {
                true => (
                    "unreachable",
                    format!("never reached: after a right password {by} ends the stack, so nobody is asked for a code"),
                ),
                false => ("sufficient_before", format!("left out for some: whom {by} knows is not asked for a code")),
            };
            return vec![Ill { level: Level::Fault, code, place, what }];
        }
        self.conditions()
    }

    /// Lines before ours that let somebody by when a condition holds.
    fn conditions(&self) -> Vec<Ill> {
        let mut ills = Vec::new();
        for (at, line) in self.steps.iter().enumerate().filter_map(|(at, step)| Some((at, step.line()?))) {
            let is_factor = FACTORS.contains(&line.module_name());
            if line.is_ours() || line.module_name() == "pam_rootok.so" || (is_credential(line) && !is_factor) {
                continue;
            }
            let run = self.run(Right::All, Answer::Success, Some(at));
            if run.succeeds && self.asked(&run).is_empty() {
                let what = format!("users who pass {} are not asked for a code", clean(line.module_name()));
                let level = if is_factor { Level::Warning } else { Level::Note };
                ills.push(Ill { level, code: "condition", place: line.place(), what });
            }
        }
        ills
    }

    /// What lets somebody in who should not get in.
    fn ways_in(&self) -> Vec<Ill> {
        let mut ills = Vec::new();
        let fault = |code, place: String, what: &str| Ill { level: Level::Fault, code, place, what: what.into() };
        let wrong_code = self.logins().map(|right| self.run(right, Answer::Refuse, None));
        let passed =
            wrong_code.filter(|run| run.succeeds).find_map(|run| self.asked(&run).first().map(|asked| asked.1));
        let code_alone = self.run(Right::Nobodys, Answer::Success, None);
        let by_code = self.asked(&code_alone).first().map(|asked| asked.1).filter(|_| code_alone.succeeds);
        let is_sufficient = |line: &&Line| line.control.action("success") == Action::Done;
        if let Some(line) = passed.or(by_code.filter(|_| !self.credentials.is_empty())).filter(is_sufficient) {
            let what = "a right code alone, or a right password alone, is enough";
            ills.push(fault("sufficient", line.place(), what));
        } else if let Some(line) = passed {
            ills.push(fault("optional", line.place(), "a wrong code lets in"));
        } else if let Some(line) = by_code.filter(|_| !self.credentials.is_empty()) {
            ills.push(fault("password_optional", line.place(), "a right code lets in, whatever the password is"));
        }
        if self.run(Right::Nobodys, Answer::Ignore, None).succeeds {
            let permit = self.steps.iter().filter_map(Step::line).find(|line| line.module_name() == "pam_permit.so");
            let place = permit.map_or(self.first_place(), Line::place);
            let what = "users who need no code get in without any credential: no password has to be right here";
            ills.push(fault("permit", place, what));
        } else if self.credentials.is_empty() && by_code.is_some_and(|line| !after_publickey(line)) {
            let what = "nothing but the code is asked for: anybody who holds the phone gets in";
            ills.push(Ill { level: Level::Warning, ..fault("code_alone", self.first_place(), what) });
        }
        ills
    }

    /// What is asked, and what is told.
    fn questions(&self) -> Vec<Ill> {
        let mut ills = Vec::new();
        let login = self.run(Right::All, Answer::Success, None);
        let asked = self.asked(&login);
        if let Some((_, second, _)) = asked.get(1) {
            let what = "asks a second time in one login: the code that the first line used up is refused here";
            ills.push(Ill { level: Level::Fault, code: "asked_twice", place: second.place(), what: what.into() });
        }
        let stranger = self.run(Right::Nobodys, Answer::Refuse, None);
        for (at, line, options) in self.asked(&stranger).into_iter().filter(|(.., options)| !options.after_publickey) {
            let (code, what) = match options.explain {
                true => ("explain", self.for_strangers(&stranger, at, ", and learns from `explain` who is enrolled")),
                false if self.credentials.is_empty() => continue,
                false => ("strangers", self.for_strangers(&stranger, at, "")),
            };
            ills.push(Ill { level: Level::Warning, code, place: line.place(), what });
        }
        ills
    }

    /// Why codes of strangers are looked at, and what to do about it.
    fn for_strangers(&self, stranger: &Run, ours: usize, learns: &str) -> String {
        let level = |at: usize| self.steps.get(at).map_or(0, |step| step.level);
        let failed = self.credentials.iter().copied().rfind(|at| *at < ours && stranger.reached.contains(at));
        let ends = |at: &usize| self.line(*at).is_some_and(|line| line.control.action("success") == Action::Done);
        let then = match failed {
            None => "Put it behind the password",
            // Included, a right password too would end the stack before our line.
            Some(at) if level(at) > level(ours) && self.credentials.iter().any(ends) => {
                "Put it where a wrong password ends the stack"
            }
            Some(at) if level(at) > level(ours) => {
                "Use `include` instead of `substack`, so that a wrong password ends the stack"
            }
            Some(_) => "Use `requisite` for the password, so that a wrong one ends the stack",
        };
        let when = if failed.is_some() { "after a wrong password too" } else { "before the password" };
        format!("asks for a code {when}: a stranger who knows a user's name can make that user wait{learns}. {then}")
    }

    /// Arguments that the rest of the stack, or the policy, does not go with.
    fn arguments(&self, circumstances: &Circumstances) -> Vec<Ill> {
        let login = self.run(Right::All, Answer::Success, None);
        let mut ills = Vec::new();
        for (at, line) in self.ours() {
            let Ok(options) = line.options() else { continue };
            let mut say =
                |level, code, what: &str| ills.push(Ill { level, code, place: line.place(), what: what.into() });
            if line.kind_word.starts_with('-') {
                say(
                    Level::Warning,
                    "may_be_missing",
                    "the leading `-` lets everybody by without a code once the module is missing",
                );
            }
            if options.forward_pass {
                self.forwarded(at, &login, &mut say);
            }
            let before = login.reached.iter().filter(|reached| **reached < at).filter_map(|at| self.line(*at));
            let mut askers = before.filter(|line| !SILENT.contains(&line.module_name()) && !is_plain(line)).peekable();
            if options.use_first_pass && askers.peek().is_none() {
                say(
                    Level::Fault,
                    "use_first_pass",
                    "`use_first_pass`, but no module before it asks: everybody is refused",
                );
            } else if options.use_first_pass && askers.all(is_password) {
                say(
                    Level::Fault,
                    "use_first_pass",
                    "`use_first_pass` takes the password for the code: everybody is refused",
                );
            }
            if options.after_publickey && !self.service.starts_with("sshd") {
                say(
                    Level::Fault,
                    "after_publickey",
                    "`after=publickey` is for sshd: here nobody has shown a key, and all are refused",
                );
            }
            if options.nullok && circumstances.all_enrolled && circumstances.unenrolled.is_none() {
                say(
                    Level::Warning,
                    "nullok",
                    "`nullok`, though everybody with a shell is enrolled: it lets in accounts that are made later",
                );
            }
        }
        ills
    }

    fn forwarded(&self, at: usize, login: &Run, say: &mut impl FnMut(Level, &'static str, &str)) {
        let judge = self.asked(login).into_iter().map(|asked| asked.0).find(|judge| *judge > at);
        let checked = |judge: &usize| self.credentials.iter().any(|check| (at..*judge).contains(check));
        match judge {
            None => say(
                Level::Fault,
                "forward_pass",
                "`forward_pass` without a second line behind the password: no code is checked",
            ),
            Some(judge) if !checked(&judge) => {
                say(
                    Level::Fault,
                    "forward_pass_order",
                    "nothing checks the password between `forward_pass` and the line that takes the code",
                );
            }
            Some(_) => {}
        }
    }

    /// Where users make their factor at the login, the account line stores it.
    fn lacks_account(&self, account: &[Step], circumstances: &Circumstances) -> Vec<Ill> {
        let enrolls = circumstances.enabled && circumstances.unenrolled == Some(Unenrolled::Enroll);
        let one_field = self.ours().any(|(_, line)| line.options().is_ok_and(|o| o.forward_pass || o.use_first_pass));
        if !enrolls || one_field || runs_without_root(self.service) {
            return Vec::new();
        }
        let login = run(account, |_, line| beside(line));
        if login.reached.iter().any(|at| account.get(*at).and_then(Step::line).is_some_and(Line::is_ours)) {
            return Vec::new();
        }
        let what = "no `account` line of pam_totp.so: what users enroll at a login is never stored".into();
        vec![Ill { level: Level::Fault, code: "no_account", place: self.first_place(), what }]
    }
}

fn after_publickey(line: &Line) -> bool {
    line.options().is_ok_and(|options| options.after_publickey)
}

/// Who gets in through a stack: with a right password and no code due, and with nothing right at all.
pub fn opens(files: &Files, service: &str) -> (Vec<bool>, bool) {
    let steps = files.chain(service, Kind::Auth);
    let stack = Auth::new(service, &steps);
    let by = |code| stack.logins().map(|right| stack.run(right, code, None).succeeds).collect::<Vec<_>>();
    let known = by(Answer::Success).into_iter().chain(by(Answer::Ignore)).collect();
    (known, stack.run(Right::Nobodys, Answer::Ignore, None).succeeds)
}
