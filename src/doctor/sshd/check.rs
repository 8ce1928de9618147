//! Does sshd ask as its stack needs it? Judges what `sshd -T` says, of all logins and of those that a `Match` is for. Pure.

use super::config::{Block, Config, Setting};
use super::facts::{BlockReport, GSSAPI, HOSTBASED, KEYS, METHODS, PASSWORD, QUESTIONS, SshdFacts, is, service, value};
use super::fix::WantedSetting;
use super::{fix, methods};
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::shell::quoted;
use crate::doctor::stacks::shape::StackShape;
use crate::text::{clean, deceives};

pub(in crate::doctor) const ABOUT: &str = "sshd";
/// What is wrong, unless it is meant so.
const MEANT: &str = "without_code";

/// What is wrong with the settings of one kind of login.
struct SshdProblem {
    level: Severity,
    code: &'static str,
    what: String,
    /// The keywords that it is about, that to change first.
    keys: &'static [&'static str],
}

fn problem(level: Severity, code: &'static str, keys: &'static [&'static str], what: impl Into<String>) -> SshdProblem {
    SshdProblem { level, code, what: what.into(), keys }
}

/// Where sshd's stack names us; of other services `shape` tells.
pub fn check(sshd: &SshdFacts, shape: impl Fn(&str) -> Option<StackShape>) -> Vec<Finding> {
    let settings = match &sshd.settings {
        Ok(settings) => settings.as_str(),
        Err(_) if shape("sshd").is_none() => return Vec::new(),
        Err(why) => return vec![unread(why)],
    };
    let Some(own) = shape(service(settings)) else { return Vec::new() };
    let problems = problems(settings, own, sshd.keytab);
    let mut findings: Vec<Finding> = Vec::new();
    let wrong: Vec<&str> =
        problems.iter().filter(|problem| problem.level >= Severity::Warning).map(|problem| problem.code).collect();
    let fix = fix::main(sshd, &fix::wanted(settings, own, &wrong));
    for SshdProblem { level, code, what, .. } in &problems {
        let fix = if *level >= Severity::Warning { fix.as_slice() } else { &[] };
        findings.push(Finding::new(*level, ABOUT, code, what).fixed_by(fix));
    }
    let config = Config::read(&sshd.texts);
    for (at, told) in sshd.blocks.iter().enumerate() {
        let Some(block) = config.blocks.get(at) else { continue };
        let place = format!("{}:{}, {}", clean(&block.path), block.line, shown(block.text.trim()));
        match told {
            BlockReport::Nobody | BlockReport::Beyond => {}
            BlockReport::NoneFits(why) => findings.push(Finding::note(ABOUT, "match", not_judged(&place, why))),
            BlockReport::Unread(why) => {
                findings.push(Finding::warning(ABOUT, "match", not_judged(&place, why)).fixed_by([LOOK]));
            }
            BlockReport::Settings(inside) => {
                let judged = MatchBlock { sshd, config: &config, at, block, place: &place, inside };
                findings.extend(judged.findings(&shape, service(settings), &problems));
            }
        }
    }
    let beyond = sshd.blocks.iter().filter(|told| **told == BlockReport::Beyond).count();
    if beyond > 0 {
        let what = format!("the last {beyond} of the Match lines were not checked: other values may hold there");
        findings.push(Finding::warning(ABOUT, "match", what).fixed_by([LOOK]));
    }
    if findings.iter().all(|finding| finding.level < Severity::Warning) {
        findings.insert(0, Finding::fine(ABOUT, "asks PAM as its stack needs it"));
    }
    findings.extend(root(sshd, settings));
    findings
}

const LOOK: &str =
    "sshd -T -C user=alice,host=localhost,addr=192.0.2.4,laddr=127.0.0.1,lport=22   # as somebody it is for";

fn not_judged(place: &str, why: &str) -> String {
    format!("{place}: not checked, though other values may hold there: {}", shown(why))
}

/// What is wrong with these settings, for a stack of this shape.
fn problems(settings: &str, shape: StackShape, keytab: bool) -> Vec<SshdProblem> {
    let (questions, password) = (is(settings, QUESTIONS, "yes"), is(settings, PASSWORD, "yes"));
    let methods = value(settings, METHODS).unwrap_or("any");
    let by_password = methods == "any" || methods.split_whitespace().any(|list| methods::names(list, "password"));
    let mut problems = Vec::new();
    if !is(settings, "usepam", "yes") {
        let what = "UsePAM is no: sshd does not ask PAM, so nobody is asked for a code";
        problems.push(problem(Severity::Fault, "use_pam", &["usepam"], what));
    }
    if !questions && (shape != StackShape::OneField || !password) {
        let what = "KbdInteractiveAuthentication is no: nobody can be asked for a code, and passwords are refused";
        problems.push(problem(Severity::Fault, "kbd_interactive", &[QUESTIONS, PASSWORD], what));
    } else if shape == StackShape::Questions && password && by_password {
        let what = "PasswordAuthentication is yes: it sends one answer to both prompts, so clients that try it first \
            are refused; users who are not enrolled get in by it";
        problems.push(problem(Severity::Warning, "password_authentication", &[PASSWORD], what));
    }
    problems.extend(of_methods(settings, shape, keytab));
    problems
}

/// What gets in by which list of methods.
fn of_methods(settings: &str, shape: StackShape, keytab: bool) -> Vec<SshdProblem> {
    let methods = value(settings, METHODS).unwrap_or("any");
    let fault = |what: &str| vec![problem(Severity::Fault, "authentication_methods", &[METHODS], what)];
    let mut lists: Vec<&str> = methods.split_whitespace().collect();
    match shape {
        StackShape::Key if lists.iter().all(|list| methods::is_key_and_code(list)) => return Vec::new(),
        StackShape::Key if methods == "any" || lists.iter().any(|list| methods::is_free(list)) => {
            return fault("AuthenticationMethods does not ask for key and code: a key alone is enough, without a code");
        }
        StackShape::Key => {
            return fault(
                "AuthenticationMethods does not ask for the key first: the stack refuses everybody who has \
                shown none",
            );
        }
        _ if methods == "any" => lists = vec!["publickey", "hostbased", "gssapi-with-mic"],
        _ if !lists.iter().any(|list| methods::asks(list, shape)) => {
            return fault("AuthenticationMethods has no way in by keyboard-interactive: nobody is asked for a code");
        }
        _ => {}
    }
    // A list with a method that is off is none.
    let is_on = |list: &&&str| {
        [("publickey", KEYS), ("hostbased", HOSTBASED), ("gssapi", GSSAPI)]
            .iter()
            .all(|(method, key)| !methods::names(list, method) || is(settings, key, "yes"))
    };
    let free: Vec<&str> = lists.iter().filter(|list| methods::is_free(list)).filter(is_on).copied().collect();
    free_ways(&free, keytab)
}

fn free_ways(free: &[&str], keytab: bool) -> Vec<SshdProblem> {
    let by = |method: &str| free.iter().any(|list| methods::names(list, method));
    let mut problems = Vec::new();
    if by("hostbased") {
        let what = "a login by hostbased does not ask PAM, so not for a code either: a trusted host is enough";
        problems.push(problem(Severity::Warning, "hostbased", &[HOSTBASED, METHODS], what));
    }
    if by("gssapi") && keytab {
        let what = "a login by GSSAPI does not ask PAM, so not for a code either: a Kerberos ticket is enough";
        problems.push(problem(Severity::Warning, "gssapi", &[GSSAPI, METHODS], what));
    } else if by("gssapi") {
        let what =
            "GSSAPIAuthentication is yes: a Kerberos ticket is enough, without a code, once this host has a keytab";
        problems.push(problem(Severity::Note, "gssapi", &[GSSAPI, METHODS], what));
    }
    if free.contains(&"publickey") {
        let what = "a login by key alone does not ask PAM, so not for a code either";
        problems.push(problem(Severity::Note, "key_alone", &[METHODS, KEYS], what));
    }
    problems
}

/// A `Match` block, and what holds in it.
struct MatchBlock<'a> {
    sshd: &'a SshdFacts,
    config: &'a Config,
    at: usize,
    block: &'a Block,
    place: &'a str,
    inside: &'a str,
}

impl MatchBlock<'_> {
    fn findings(
        &self,
        shape: impl Fn(&str) -> Option<StackShape>,
        main: &str,
        of_main: &[SshdProblem],
    ) -> Vec<Finding> {
        let Some(shape) = shape(service(self.inside)) else {
            let what = "its PAM stack does not name pam_totp.so: a password alone is enough";
            let problem = problem(Severity::Fault, "pam_service", &["pamservicename"], what);
            return self.finding(&problem, &[("PAMServiceName", main.to_owned())]).into_iter().collect();
        };
        let problems =
            problems(self.inside, shape, self.sshd.keytab).into_iter().map(|problem| self.meant(problem, shape));
        // What holds for all logins was said already.
        let is_old = |problem: &SshdProblem| {
            of_main
                .iter()
                .any(|old| problem.level == Severity::Note && old.code == problem.code && old.level == problem.level)
        };
        let problems: Vec<SshdProblem> = problems.filter(|problem| !is_old(problem)).collect();
        let (meant, wrong): (Vec<&SshdProblem>, Vec<&SshdProblem>) =
            problems.iter().partition(|problem| problem.code == MEANT);
        let wanted = |problems: &[&SshdProblem]| {
            let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
            fix::wanted(self.inside, shape, &codes)
        };
        let is_about = |problems: &[&SshdProblem], keyword: &str| {
            problems.iter().flat_map(|problem| problem.keys).any(|key| key.eq_ignore_ascii_case(keyword))
        };
        let (mut of_meant, mut of_wrong) = (wanted(&meant), wanted(&wrong));
        of_meant.retain(|(keyword, _)| is_about(&meant, keyword));
        of_wrong.retain(|(keyword, _)| !is_about(&meant, keyword));
        let findings = problems
            .iter()
            .filter_map(|problem| self.finding(problem, if problem.code == MEANT { &of_meant } else { &of_wrong }));
        findings.collect()
    }

    /// Somebody wrote the block for some: what lets only these in by a key may be meant so.
    fn meant(&self, mut problem: SshdProblem, shape: StackShape) -> SshdProblem {
        let methods = value(self.inside, METHODS).unwrap_or("any");
        let keys_alone = methods.split_whitespace().all(methods::is_free) && methods != "any";
        let no_questions = problem.code == "kbd_interactive" && !is(self.inside, PASSWORD, "yes");
        let is_meant = match problem.code {
            "authentication_methods" => keys_alone,
            "kbd_interactive" => no_questions && shape != StackShape::Key && (methods == "any" || keys_alone),
            _ => problem.code == "key_alone",
        };
        if is_meant {
            let by = if methods == "any" { "publickey" } else { methods };
            problem.what = format!("the logins that it is for get in by {} without a code", shown(by));
            (problem.level, problem.code) = (Severity::Warning, MEANT);
        }
        problem
    }

    /// The line in this block, or one around it, that is in force.
    fn setting(&self, keyword: &str) -> Option<&Setting> {
        let key = keyword.to_ascii_lowercase();
        let outer = |at: &usize| self.config.blocks.get(*at).and_then(|block| block.outer);
        let blocks = std::iter::successors(Some(self.at), outer);
        let setting = blocks.into_iter().find_map(|at| self.config.inside(at, &key))?;
        value(self.inside, &key)?.eq_ignore_ascii_case(&setting.value).then_some(setting)
    }

    /// `None` where another block, or none, is to blame. All that is wrong in the block is changed at once.
    fn finding(&self, problem: &SshdProblem, wanted: &[WantedSetting]) -> Option<Finding> {
        problem.keys.iter().find_map(|key| self.setting(key))?;
        let finding = Finding::new(problem.level, ABOUT, problem.code, format!("{}: {}", self.place, problem.what));
        if problem.level < Severity::Warning {
            return Some(finding);
        }
        let changes = wanted.iter().filter_map(|wanted| Some((self.setting(wanted.0)?, wanted.clone())));
        let changes: Vec<(&Setting, WantedSetting)> = changes.collect();
        let fix = fix::inside(self.sshd, self.config, &changes);
        Some(match problem.code {
            _ if changes.is_empty() => {
                let (path, line) = (&self.block.path, self.block.line);
                finding.fixed_by([format!(
                    "# decide what is meant there: {} +{line} {}",
                    "${EDITOR:-vi}",
                    quoted(path)
                )])
            }
            MEANT if fix.iter().any(|line| line.starts_with('#')) => {
                finding.fixed_by(fix.into_iter().filter(|line| line.starts_with('#')))
            }
            MEANT => finding.fixed_by([format!("# only if these users should be asked too: {}", fix.join(" && "))]),
            _ => finding.fixed_by(fix),
        })
    }
}

fn root(sshd: &SshdFacts, settings: &str) -> Option<Finding> {
    let root = value(settings, "permitrootlogin").unwrap_or("no");
    let what =
        format!("PermitRootLogin is {}: root is refused with password and code, even if both are right", clean(root));
    (sshd.root_enrolled && root != "yes").then(|| Finding::note(ABOUT, "permit_root_login", what))
}

fn unread(why: &str) -> Finding {
    let what = format!("`sshd -T` does not print its settings: {}", shown(why));
    let finding = Finding::warning(ABOUT, "sshd_unread", what);
    match () {
        () if why.contains("privilege separation") => finding.fixed_by(["install -d -m 755 /run/sshd"]),
        () if why.contains("hostkeys") => finding.fixed_by(["ssh-keygen -A"]),
        () => finding.fixed_by(["sshd -t"]),
    }
}

/// As it is, but for letters that deceive.
fn shown(text: &str) -> String {
    text.chars().map(|letter| if deceives(letter) { '?' } else { letter }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::super::config;
    use super::*;

    const GOOD: &str =
        "usepam yes\nkbdinteractiveauthentication yes\npasswordauthentication no\npubkeyauthentication yes\n";

    fn sshd(settings: &str, main: &str, blocks: &[&str]) -> SshdFacts {
        let texts = [(config::MAIN.to_owned(), main.to_owned())].into();
        let blocks = blocks.iter().map(|lines| BlockReport::Settings(with(GOOD, lines))).collect();
        SshdFacts { settings: Ok(with(GOOD, settings)), texts, blocks, root_enrolled: false, keytab: true, unit: "ssh" }
    }

    /// These settings, but for those of the lines.
    fn with(settings: &str, lines: &str) -> String {
        let key = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        let old = settings.lines().filter(|old| !lines.lines().any(|line| key(line) == key(old)));
        old.chain(lines.lines()).map(|line| format!("{line}\n")).collect()
    }

    fn codes(sshd: &SshdFacts, shape: StackShape) -> Vec<(Severity, &'static str)> {
        let of = |service: &str| (service == "sshd").then_some(shape);
        let bad = check(sshd, of).into_iter().filter(|finding| finding.level >= Severity::Warning);
        bad.map(|finding| (finding.level, finding.code)).collect()
    }

    #[test]
    fn each_shape_has_its_own_needs() {
        let (questions, one, key) = (StackShape::Questions, StackShape::OneField, StackShape::Key);
        let methods = Some((Severity::Fault, "authentication_methods"));
        let cases = [
            ("", questions, None),
            ("", one, None),
            ("", key, methods),
            ("authenticationmethods publickey,keyboard-interactive:pam", key, None),
            ("authenticationmethods publickey,keyboard-interactive:pam", questions, None),
            ("authenticationmethods keyboard-interactive,publickey", key, methods),
            ("authenticationmethods publickey,keyboard-interactive publickey", key, methods),
            ("authenticationmethods publickey,password", questions, methods),
            ("authenticationmethods publickey,password", one, None),
            ("authenticationmethods publickey", questions, methods),
            ("authenticationmethods publickey keyboard-interactive", questions, None),
            ("passwordauthentication yes", questions, Some((Severity::Warning, "password_authentication"))),
            ("passwordauthentication yes", one, None),
            // No list has it.
            ("passwordauthentication yes\nauthenticationmethods publickey,keyboard-interactive", questions, None),
            ("kbdinteractiveauthentication no", questions, Some((Severity::Fault, "kbd_interactive"))),
            ("passwordauthentication yes\nkbdinteractiveauthentication no", one, None),
            ("usepam no", one, Some((Severity::Fault, "use_pam"))),
            ("hostbasedauthentication yes", questions, Some((Severity::Warning, "hostbased"))),
            ("gssapiauthentication yes", one, Some((Severity::Warning, "gssapi"))),
            ("hostbasedauthentication yes\nauthenticationmethods publickey,keyboard-interactive", questions, None),
            (
                "hostbasedauthentication yes\nauthenticationmethods hostbased keyboard-interactive",
                questions,
                Some((Severity::Warning, "hostbased")),
            ),
            ("hostbasedauthentication no\nauthenticationmethods hostbased keyboard-interactive", questions, None),
        ];
        for (settings, shape, expected) in cases {
            let found = codes(&sshd(settings, "", &[]), shape);
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{settings} {shape:?}");
        }
        let mut bare = sshd("gssapiauthentication yes", "", &[]);
        bare.keytab = false;
        assert_eq!(codes(&bare, questions), []);
    }

    #[test]
    fn a_block_is_judged_by_what_stands_in_it() {
        let (methods, both) = ("authenticationmethods", "AuthenticationMethods publickey,keyboard-interactive");
        let cases = [
            ("AuthenticationMethods publickey", Some((Severity::Warning, "without_code"))),
            ("authenticationmethods=\"publickey\"", Some((Severity::Warning, "without_code"))),
            ("KbdInteractiveAuthentication no", Some((Severity::Warning, "without_code"))),
            ("AuthenticationMethods password", Some((Severity::Fault, "authentication_methods"))),
            ("PasswordAuthentication yes", Some((Severity::Warning, "password_authentication"))),
            ("PAMServiceName other", Some((Severity::Fault, "pam_service"))),
            ("HostbasedAuthentication yes", Some((Severity::Warning, "hostbased"))),
            ("X11Forwarding no", None),
            (both, None),
        ];
        for (line, expected) in cases {
            let inside = line.to_ascii_lowercase().replace(['=', '"'], " ").replace("  ", " ");
            let sshd = sshd("", &format!("Match User backup\n  {line}\n"), &[inside.trim()]);
            assert_eq!(codes(&sshd, StackShape::Questions), expected.into_iter().collect::<Vec<_>>(), "{line}");
        }
        // A key alone is everybody's way, or that of these.
        let any = "Match User backup\nAuthenticationMethods any\n";
        assert_eq!(codes(&sshd("", any, &[""]), StackShape::Questions), []);
        let strict = sshd(&format!("{methods} publickey,keyboard-interactive"), any, &["authenticationmethods any"]);
        assert_eq!(codes(&strict, StackShape::Questions), [(Severity::Warning, "without_code")]);
        // What another line sets is that line's.
        let other = sshd("", "Match User backup\nBanner x\n", &["authenticationmethods publickey"]);
        assert_eq!(codes(&other, StackShape::Questions), []);
    }

    #[test]
    fn a_block_that_was_not_judged_is_told_of() {
        let mut sshd = sshd("", "Match Group x\nMatch Version y\nMatch invalid-user\n", &[]);
        sshd.blocks =
            vec![BlockReport::NoneFits("none".into()), BlockReport::Unread("why".into()), BlockReport::Nobody];
        let found = check(&sshd, |_| Some(StackShape::Questions));
        let levels: Vec<_> = found.iter().filter(|f| f.code == "match").map(|f| (f.level, f.fix.len())).collect();
        assert_eq!(levels, [(Severity::Note, 0), (Severity::Warning, 1)]);
        assert!(found.iter().any(|finding| finding.message.contains("/etc/ssh/sshd_config:2, Match Version y: ")));
    }
}
