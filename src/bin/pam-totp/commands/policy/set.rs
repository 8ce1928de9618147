//! `policy set`: keys of the policy, set by scripts as by people, again and again with the same end.

use std::path::Path;

use clap::Args;
use nix::unistd::Uid;
use pam_totp::backend::PolicyFault;
use pam_totp::policy::Policy;
use pam_totp::policy::rules::Unenrolled;
use pam_totp::store;
use pam_totp::text::clean;
use serde_json::{Map, Value as Json};
use toml::Table;
use toml_edit::{Array, Datetime, Value};

use crate::consequences::{self, Off};
use crate::edit::{self, Key};
use crate::input::agrees;
use crate::log::log_change;
use crate::policy_file::{POLICY_CHANGED, path};
use crate::report::{Failure, NO, Report};
use crate::rollout::{Count, Rollout};
use crate::{accounts, hook, json};

#[derive(Args)]
pub struct PolicySetArgs {
    /// A key and its value, or several pairs: `unenrolled allow`, `throttle.every 7200`. A list has commas.
    #[arg(required = true, value_name = "KEY VALUE", allow_negative_numbers = true)]
    words: Vec<String>,
    /// Remove these keys: their defaults count again.
    #[arg(long)]
    unset: bool,
    /// Show the lines that would change; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking, also where users are refused by it.
    #[arg(long)]
    yes: bool,
}

/// What is written behind a key.
enum Shape {
    Flag,
    Number,
    Text,
    Day,
    List,
}

/// A key, its kind of value, and what that must be.
struct Known(&'static str, Shape, &'static str);

const KEYS: [Known; 14] = [
    Known("enabled", Shape::Flag, "true or false"),
    Known("issuer", Shape::Text, "one line of 1 to 128 bytes without a colon"),
    Known("unenrolled", Shape::Text, "deny, allow or enroll"),
    Known("enroll_by", Shape::Day, "a day like 2027-01-31"),
    Known("self_service", Shape::List, "a list of enroll, replace, remove and backup-codes, like replace,remove"),
    Known("notify", Shape::Text, "the absolute path of a program"),
    Known("window", Shape::Number, "0 to 3"),
    Known("prompt", Shape::Text, "one line of 1 to 128 bytes"),
    Known("support", Shape::Text, "one line of 1 to 256 bytes"),
    Known("throttle.free", Shape::Number, "1 to 20"),
    Known("throttle.every", Shape::Number, "600 to 86400"),
    Known("remember.hours", Shape::Number, "1 to 720"),
    Known("remember.services", Shape::List, "a list of services, like sshd,login"),
    Known("door.judges", Shape::List, "a list of accounts of daemons, like postgres,www-data"),
];

/// What decides who is refused.
const OF_PEOPLE: [&str; 3] = ["enabled", "unenrolled", "enroll_by"];

/// One key and its new value; `None`: it goes.
struct Step<'a> {
    key: &'a str,
    value: Option<Value>,
    must: &'static str,
}

/// What the steps make of the file.
struct Edited {
    before: Policy,
    after: Policy,
    text: String,
    lines: Vec<String>,
}

pub fn set(config: Option<&Path>, arguments: &PolicySetArgs, json: bool) -> Result<Report, Failure> {
    let steps = steps(arguments)?;
    let file = path(config);
    // Looked at before anything is locked: somebody may have to be asked.
    let bytes = store::read_policy(file)?;
    let first = edited(config, bytes.as_ref().map(|bytes| &***bytes), &steps)?;
    // Who may read the policy may see what would change, but not who is enrolled.
    let sees_people = Uid::effective().is_root() || !arguments.dry_run;
    let refuses = if sees_people { first.refuses(arguments.yes)? } else { None };
    let warnings = warnings(file, &first, &steps);
    if arguments.dry_run {
        let note = match (first.lines.is_empty(), refuses) {
            (true, _) => "Nothing would change.".into(),
            (false, None) => "Nothing was written.".into(),
            (false, Some(count)) => format!("Nothing was written. {count}"),
        };
        let counts = sees_people && steps.iter().any(|step| OF_PEOPLE.contains(&step.key));
        let people = if counts { Some(first.count()?.into()) } else { None };
        return Ok(report(file, &first.lines, &steps, &note, &warnings, Some(people)));
    }
    let off = (first.switches_off() && !arguments.yes).then(|| Off::of(file).question()).flatten();
    let count = refuses.map(|count| format!("With this change {count}\nChange the policy?"));
    for question in [off, count].into_iter().flatten() {
        if !agrees(&question, json)? {
            return Ok(Report::for_people("Nothing was changed.".into()).exiting(NO));
        }
    }
    let mut written = Vec::new();
    store::edit_policy(file, |bytes| {
        let Edited { text, lines, .. } = edited(config, bytes, &steps)?;
        written = lines;
        Ok::<_, Failure>(Some(text.into_bytes()).filter(|_| !written.is_empty()))
    })?;
    let note = if written.is_empty() { "That is what the policy says already." } else { "" };
    if !written.is_empty() {
        steps.iter().for_each(|step| log_change(&step.done()));
        hook::learn(&first.after);
        hook::tell(&POLICY_CHANGED);
    }
    Ok(report(file, &written, &steps, note, &warnings, None))
}

/// What will not work as it was set.
fn warnings(file: &Path, edited: &Edited, steps: &[Step<'_>]) -> Vec<String> {
    let is_set = |key: &str| steps.iter().any(|step| step.key == key && step.value.is_some());
    let notify = is_set("notify").then(|| hook::judge(file, &edited.after)).flatten();
    let enrolls = |policy: &Policy| policy.enabled && policy.unenrolled == Some(Unenrolled::Enroll);
    let begins = enrolls(&edited.after) && !enrolls(&edited.before);
    let unstored = if begins { consequences::unstored(file, &edited.after) } else { Vec::new() };
    notify.into_iter().map(|finding| finding.message).chain(unstored).collect()
}

/// `tried`: nothing was written, and so many would be refused, where that can be told.
fn report(
    file: &Path,
    lines: &[String],
    steps: &[Step<'_>],
    note: &str,
    warnings: &[String],
    tried: Option<Option<json::RefusedPeople>>,
) -> Report {
    let name = file.display().to_string();
    let head = Some(format!("{name}:")).filter(|_| !lines.is_empty());
    let note = Some(note.to_owned()).filter(|note| !note.is_empty());
    let said = warnings.iter().map(|warning| format!("warning: {warning}"));
    let text: Vec<String> = head.into_iter().chain(lines.iter().cloned()).chain(note).chain(said).collect();
    let set: Map<String, Json> = steps.iter().map(|step| (step.key.to_owned(), step.json())).collect();
    let (dry_run, people, changed) = (tried.is_some(), tried.flatten(), !lines.is_empty());
    let object = json::PolicySetReport { file: name, set, changed, lines, warnings, people, dry_run };
    Report::new(text.join("\n"), &object)
}

fn steps(arguments: &PolicySetArgs) -> Result<Vec<Step<'_>>, Failure> {
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    let pairs: Vec<(&str, Option<&str>)> = if arguments.unset {
        words.into_iter().map(|key| (key, None)).collect()
    } else {
        words.chunks(2).map(|pair| (pair[0], pair.get(1).copied())).collect()
    };
    let mut steps: Vec<Step<'_>> = Vec::new();
    for (key, text) in pairs {
        let step = Step::of(key, text, arguments.unset)?;
        if steps.iter().any(|other| other.key == key) {
            return Err(Failure::usage(format!("{} stands there twice", clean(key))));
        }
        steps.push(step);
    }
    Ok(steps)
}

impl<'a> Step<'a> {
    fn of(key: &'a str, text: Option<&str>, unset: bool) -> Result<Self, Failure> {
        let is_table = |Known(name, ..): &Known| name.split_once('.').is_some_and(|(table, _)| table == key);
        let known = KEYS.iter().find(|Known(name, ..)| *name == key);
        match (known, text) {
            (None, _) if unset && KEYS.iter().any(is_table) => Ok(Self { key, value: None, must: "" }),
            (None, _) => Err(no_such_key(key)),
            (Some(Known(_, _, must)), None) if unset => Ok(Self { key, value: None, must }),
            (Some(Known(_, _, must)), None) => {
                Err(Failure::usage(format!("say which value: {key} must be {must}; --unset removes the key")))
            }
            (Some(Known(_, shape, must)), Some(text)) => {
                let value = shape.read(text).ok_or_else(|| bad_value(key, must))?;
                Ok(Self { key, value: Some(value), must })
            }
        }
    }

    /// The text with this step done.
    fn edit(&self, text: &str) -> Option<String> {
        let wanted = self.tree(text)?;
        let means = |text: &str| tree(text).as_ref() == Some(&wanted);
        if means(text) {
            return Some(text.to_owned());
        }
        let is_table = self.value.is_none() && !KEYS.iter().any(|Known(name, ..)| *name == self.key);
        if is_table {
            return edit::without_table(text, self.key, means);
        }
        edit::with_key(text, Key::dotted(self.key), self.value.as_ref(), means)
    }

    /// What the file must mean then.
    fn tree(&self, text: &str) -> Option<Table> {
        let mut tree = tree(text)?;
        let Key { table, name } = Key::dotted(self.key);
        let siblings = match table {
            None => &mut tree,
            Some(table) => tree.entry(table).or_insert_with(|| Table::new().into()).as_table_mut()?,
        };
        match &self.value {
            None => siblings.remove(name),
            Some(value) => {
                siblings.insert(name.into(), toml::from_str::<Table>(&format!("it = {value}")).ok()?.remove("it")?)
            }
        };
        Some(without_empty(tree))
    }

    fn done(&self) -> String {
        match (self.key, self.value.as_ref()) {
            ("enabled", Some(value)) if value.as_bool() == Some(true) => "switched the policy on".into(),
            ("enabled", Some(_)) => "switched the policy off".into(),
            (key, Some(value)) => format!("set {key} of the policy to {}", clean(value.to_string().trim())),
            (key, None) => format!("removed {} from the policy", clean(key)),
        }
    }

    fn json(&self) -> Json {
        match &self.value {
            None => Json::Null,
            Some(Value::Boolean(flag)) => (*flag.value()).into(),
            Some(Value::Integer(number)) => (*number.value()).into(),
            Some(Value::String(text)) => text.value().as_str().into(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(other) => other.to_string().into(),
        }
    }
}

/// The file's meaning; a table in which nothing stands means nothing.
fn tree(text: &str) -> Option<Table> {
    toml::from_str(text).ok().map(without_empty)
}

fn without_empty(mut tree: Table) -> Table {
    tree.retain(|_, value| value.as_table().is_none_or(|table| !table.is_empty()));
    tree
}

impl Shape {
    fn read(&self, text: &str) -> Option<Value> {
        match self {
            Self::Flag => Some(text.parse::<bool>().ok()?.into()),
            Self::Number => Some(text.parse::<i64>().ok().filter(|number| *number >= 0)?.into()),
            Self::Text => Some(text.into()),
            Self::Day => Some(text.parse::<Datetime>().ok()?.into()),
            Self::List => {
                let words = text.split(',').map(str::trim).filter(|_| !text.is_empty());
                Some(Value::Array(words.collect::<Array>()))
            }
        }
    }
}

fn edited(config: Option<&Path>, bytes: Option<&[u8]>, steps: &[Step<'_>]) -> Result<Edited, Failure> {
    let file = path(config);
    if bytes.is_none() && config.is_some() {
        return Err((&PolicyFault::Absent(file.into())).into());
    }
    let bytes = bytes.unwrap_or_default();
    let before = Policy::parse(bytes);
    let mut text = std::str::from_utf8(bytes).unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    for step in steps {
        let Some(changed) = step.edit(&text) else {
            // What is no TOML says where; all else is written in a way that only its author can change.
            let by_hand = || Failure::host(format!("{}: change the key `{}` by hand", file.display(), step.key));
            return Err(match before {
                Err(bad) => (&PolicyFault::Text(file.into(), bad)).into(),
                Ok(_) => by_hand(),
            });
        };
        lines.extend(changed_lines(&text, &changed));
        text = changed;
        match (Policy::parse(text.as_bytes()), &before) {
            // What belongs to it may come with the next step.
            (Err(bad), Ok(_)) if !bad.what.starts_with(MISSING) => return Err(refused(step, &bad.what)),
            _ => {}
        }
    }
    match (Policy::parse(text.as_bytes()), before) {
        // A key that was the fault may be set right.
        (Ok(after), before) => {
            Ok(Edited { before: before.unwrap_or_else(|_| Policy::strictest(bytes)), after, text, lines })
        }
        (Err(_), Err(bad)) => Err((&PolicyFault::Text(file.into(), bad)).into()),
        (Err(_), Ok(_)) => Err(Failure::bad_input("bad_value", PAIR)),
    }
}

/// How the parser begins where a table lacks a key.
const MISSING: &str = "missing field";

const PAIR: &str = "hours and services of [remember] belong together: `policy set remember.hours 12 remember.services sshd`, \
                    or `policy set --unset remember`";

fn refused(step: &Step<'_>, what: &str) -> Failure {
    if step.must.is_empty() { Failure::bad_input("bad_value", what) } else { bad_value(step.key, step.must) }
}

fn bad_value(key: &str, must: &str) -> Failure {
    Failure::bad_input("bad_value", format!("{key} must be {must}"))
}

fn no_such_key(key: &str) -> Failure {
    let why = match key {
        "store" => "Another store would leave everybody without what they enrolled: to move it, edit the file".into(),
        "require" | "exempt" => format!("[[{key}]] is a list of rules: edit the file, then try it with `policy check`"),
        "throttle" | "remember" => format!(
            "{key} is a table: name its key, such as {key}.{}",
            if key == "throttle" { "free" } else { "hours" }
        ),
        _ => {
            let names: Vec<&str> = KEYS.iter().map(|Known(name, ..)| *name).collect();
            format!("the policy has no key {}. There are {}", clean(key), names.join(", "))
        }
    };
    Failure::bad_input("no_such_key", why)
}

/// Only what differs, as `diff` shows it.
fn changed_lines(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut old.iter().zip(&new));
    let tail = same(&mut old.iter().skip(head).rev().zip(new.iter().skip(head).rev()));
    let middle = |lines: &[&str], mark: char| {
        let length = lines.len().saturating_sub(head).saturating_sub(tail);
        lines.iter().skip(head).take(length).map(|line| format!("{mark}{line}")).collect::<Vec<_>>()
    };
    [middle(&old, '-'), middle(&new, '+')].concat()
}

impl Edited {
    fn switches_off(&self) -> bool {
        self.before.enabled && !self.after.enabled
    }

    /// Who is refused then, with the policy on.
    fn count(&self) -> Result<Count, Failure> {
        let (accounts, store) = (accounts::all()?, store::FileStore::open(&self.after.store)?);
        Ok(Rollout::under(self.after.clone(), &store, &accounts)?.count())
    }

    /// How many users are refused from then on, where they are more than before; not looked at where nobody is asked.
    fn refuses(&self, yes: bool) -> Result<Option<String>, Failure> {
        let matters = |policy: &Policy| (policy.enabled, policy.unenrolled, policy.rules.clone());
        if yes || matters(&self.before) == matters(&self.after) {
            return Ok(None);
        }
        let accounts = accounts::all()?;
        let store = store::FileStore::open(&self.after.store)?;
        let before = Rollout::under(self.before.clone(), &store, &accounts)?;
        let after = Rollout::under(self.after.clone(), &store, &accounts)?;
        let asked = |policy: &Policy, count: &Count| if policy.enabled { count.refused } else { 0 };
        let (old, new) = (before.count(), after.count());
        let more = asked(&self.after, &new) > asked(&self.before, &old);
        Ok((more && !after.stacks.is_empty()).then(|| new.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../../../packaging/pam_totp.toml");

    fn after(text: &str, pairs: &[(&str, Option<&str>)]) -> Result<Edited, Failure> {
        let steps = pairs.iter().map(|(key, value)| Step::of(key, *value, value.is_none()));
        edited(None, Some(text.as_bytes()), &steps.collect::<Result<Vec<_>, _>>()?)
    }

    fn without_notes(text: &str) -> Vec<&str> {
        text.lines().filter(|line| line.starts_with("# ")).collect()
    }

    #[test]
    fn each_key_is_set_where_the_example_explains_it_and_goes_again() {
        let values = [
            "false",
            "A \"B\"",
            "enroll",
            "2027-01-31",
            "replace,remove",
            "/usr/sbin/x",
            "3",
            "Code: ",
            "Call 42.",
            "3",
            "86400",
            "12",
            "sshd, login",
            "postgres",
        ];
        for (Known(key, ..), value) in KEYS.iter().zip(values) {
            // The two of [remember] are nothing without each other.
            let beside = KEYS
                .iter()
                .zip(values)
                .filter(|(Known(name, ..), _)| key.starts_with("remember.") && name.starts_with("remember."));
            let mut pairs: Vec<_> = beside.map(|(Known(name, ..), value)| (*name, Some(value))).collect();
            if pairs.is_empty() {
                pairs.push((key, Some(value)));
            }
            let set = after(EXAMPLE, &pairs).unwrap_or_else(|failure| panic!("{key}: {failure:?}"));
            assert_ne!(set.after, Policy::parse(EXAMPLE.as_bytes()).unwrap(), "{key}");
            assert_eq!(set.text.lines().count(), EXAMPLE.lines().count(), "{key} stands where its comment stood");
            assert_eq!(without_notes(&set.text), without_notes(EXAMPLE), "{key}");
            assert_eq!(after(&set.text, &pairs).unwrap().lines, [""; 0], "{key} again");
            let table = key.strip_suffix(".hours").or(key.strip_suffix(".services")).unwrap_or(key);
            let gone = after(&set.text, &[(table, None)]).unwrap();
            assert_eq!(gone.after, Policy::default(), "{key}");
            assert_eq!(without_notes(&gone.text), without_notes(EXAMPLE), "{key}");
        }
    }

    #[test]
    fn every_key_of_the_example_can_be_set_but_rules_and_store() {
        let keys = KEYS.iter().map(|Known(name, ..)| *name);
        let spoken = |line: &str| line.strip_prefix('#').filter(|key| !key.starts_with(' ')).unwrap_or(line).to_owned();
        let all: Table = toml::from_str(&EXAMPLE.lines().map(spoken).collect::<Vec<_>>().join("\n")).unwrap();
        let mut written = Vec::new();
        for (key, value) in all.iter().filter(|(key, _)| !["store", "require", "exempt"].contains(&key.as_str())) {
            match value.as_table() {
                None => written.push(key.clone()),
                Some(table) => written.extend(table.keys().map(|inner| format!("{key}.{inner}"))),
            }
        }
        let mut known: Vec<String> = keys.map(str::to_owned).collect();
        known.sort();
        written.sort();
        assert_eq!(known, written);
    }

    #[test]
    fn what_a_key_must_be_is_what_the_policy_says() {
        let values = ["maybe", "a:b", "ask", "tomorrow", "all", "x", "4", "", "", "0", "599", "721", "", ""];
        for (Known(key, _, must), value) in KEYS.iter().zip(values) {
            let text = "[remember]\nhours = 12\nservices = [\"sshd\"]\n";
            let failure = after(text, &[(key, Some(value))]).err().unwrap_or_else(|| panic!("{key} takes {value}"));
            assert_eq!((failure.code, failure.message), ("bad_value", format!("{key} must be {must}")));
        }
        for (key, table) in [("window", ""), ("throttle.free", "[throttle]\n"), ("throttle.every", "[throttle]\n")] {
            let name = key.rsplit('.').next().unwrap();
            let range = Policy::parse(format!("{table}{name} = 100000").as_bytes()).unwrap_err().what;
            let Known(_, _, must) = KEYS.iter().find(|Known(known, ..)| *known == key).unwrap();
            assert_eq!(range, format!("{name} must be {must}"));
        }
    }

    #[test]
    fn tables_are_found_however_they_are_written() {
        let cases = [
            ("[throttle]\nfree = 3 # few\n", "[throttle]\nfree = 9 # few\n"),
            ("throttle.free = 3\nwindow = 2\n", "throttle.free = 9\nwindow = 2\n"),
            ("throttle = { free = 3 }\n", "throttle = { free = 9 }\n"),
            ("[throttle]\nevery = 600\n", "[throttle]\nevery = 600\nfree = 9\n"),
            ("[[require]]\nusers = [\"a\"]\n", "[[require]]\nusers = [\"a\"]\n\n[throttle]\nfree = 9\n"),
            ("", "[throttle]\nfree = 9\n"),
        ];
        for (before, expected) in cases {
            let set = after(before, &[("throttle.free", Some("9"))]).unwrap();
            assert_eq!(set.text, expected, "{before}");
        }
    }
}
