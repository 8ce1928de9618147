//! The lines that give sshd what its stack needs: they put values where they win, and bring nothing else into force. Pure.

use super::config::{Config, MAIN, Setting, Texts, keyword};
use super::facts::{LOOKED_AT, SshdFacts, value};
use super::methods;
use crate::doctor::shell::quoted;
use crate::doctor::stacks::shape::StackShape;

/// It sorts before what the distributions ship: for sshd the first value wins.
const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-pam_totp.conf";
/// For where the other one means something to a block alone.
const BESIDE: &str = "/etc/ssh/pam_totp.conf";

const METHODS: &str = "AuthenticationMethods";

/// A keyword as people write it, and what it should be.
pub type WantedSetting = (&'static str, String);

/// What sshd has to be told; what is right already is left out.
pub fn wanted(settings: &str, shape: StackShape, codes: &[&str]) -> Vec<WantedSetting> {
    let methods = value(settings, "authenticationmethods").unwrap_or("any");
    let keys = codes.iter().any(|code| ["authentication_methods", "without_code"].contains(code));
    let mut wanted = vec![
        (METHODS, methods::asking(methods, shape, keys)),
        ("KbdInteractiveAuthentication", "yes".to_owned()),
        ("UsePAM", "yes".to_owned()),
    ];
    if shape != StackShape::OneField {
        wanted.push(("PasswordAuthentication", "no".into()));
    }
    // With lists, a longer one does.
    for (code, keyword) in [("hostbased", "HostbasedAuthentication"), ("gssapi", "GSSAPIAuthentication")] {
        if methods == "any" && codes.contains(&code) {
            wanted.push((keyword, "no".into()));
        }
    }
    let is_right = |(keyword, wanted): &WantedSetting| {
        let now = value(settings, &keyword.to_ascii_lowercase()).unwrap_or("any");
        now.eq_ignore_ascii_case(wanted)
    };
    wanted.retain(|line| !is_right(line));
    wanted
}

/// Outside of all blocks.
pub fn main(sshd: &SshdFacts, wanted: &[WantedSetting]) -> Vec<String> {
    let (target, lines) = file(&sshd.texts, wanted);
    let words: String = lines.iter().map(|line| format!(" {}", quoted(line))).collect();
    let mut fix = Vec::new();
    let off = ["HostbasedAuthentication", "GSSAPIAuthentication"];
    for keyword in wanted.iter().map(|(keyword, _)| *keyword).filter(|keyword| off.contains(keyword)) {
        fix.push(format!("# leave out the line of {keyword} to keep it; without it users need password and code"));
    }
    if target == DROP_IN {
        fix.push("install -d -m 755 /etc/ssh/sshd_config.d".into());
    }
    fix.push(format!("printf '%s\\n'{words} >{target}"));
    if !wins(&sshd.texts, target, &lines, wanted) {
        fix.push(first_line(&sshd.texts, target));
    }
    if wanted.iter().any(|(keyword, _)| *keyword == METHODS) {
        fix.extend(without_any(&Config::read(&sshd.texts), target));
    }
    fix.push(reload(sshd));
    fix
}

/// Behind a line with lists sshd refuses one with `any`, in a block too.
fn without_any(config: &Config, target: &str) -> Vec<String> {
    let is_any = |setting: &&Setting| setting.keyword.eq_ignore_ascii_case(METHODS) && setting.value == "any";
    let stays = |setting: &&Setting| setting.path != target || setting.block.is_some();
    let comment = |setting: &Setting| {
        format!("sed -i {} {}", quoted(&format!("s/^{}$/#&/", escaped(&setting.text))), quoted(&setting.path))
    };
    let mut lines: Vec<String> = config.settings.iter().filter(is_any).filter(stays).map(comment).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// Only our own file: one of theirs may never have been in use.
fn first_line(texts: &Texts, target: &str) -> String {
    // sed puts no line before the first one of an empty file.
    let insert = match texts.get(MAIN).is_none_or(String::is_empty) {
        true => format!("echo 'Include {target}' >>{MAIN}"),
        false => format!("sed -i '1i Include {target}' {MAIN}"),
    };
    format!("head -n 1 {MAIN} | grep -qxF 'Include {target}' || {insert}")
}

/// The file to write, and its lines: ours, and what else it says. What has to be included once more says nothing that may
/// not be read twice, or that was not in force.
fn file(texts: &Texts, wanted: &[WantedSetting]) -> (&'static str, Vec<String>) {
    let config = Config::read(texts);
    let ours: Vec<String> = wanted.iter().map(|(keyword, value)| format!("{keyword} {value}")).collect();
    let with = |others: Vec<String>| [ours.clone(), others].concat();
    let reads: Vec<bool> =
        config.files.iter().filter(|(path, _)| path == DROP_IN).map(|(_, block)| block.is_none()).collect();
    let others = kept(&config, texts, DROP_IN, wanted);
    let is_in_force = |line: &String| match keyword(line) {
        Some(keyword) if LOOKED_AT.contains(&keyword.as_str()) => {
            config.main(&keyword).is_some_and(|setting| setting.path == DROP_IN && setting.text == *line)
        }
        keyword => keyword.is_none(),
    };
    match reads.contains(&true) && wins(texts, DROP_IN, &with(others.clone()), wanted) {
        _ if reads.is_empty() => (DROP_IN, ours),
        false if !others.iter().all(is_in_force) => (BESIDE, with(kept(&config, texts, BESIDE, wanted))),
        _ => (DROP_IN, with(others)),
    }
}

/// What it says of other things than are wanted now.
fn kept(config: &Config, texts: &Texts, target: &str, wanted: &[WantedSetting]) -> Vec<String> {
    let outer = config.files.iter().find(|(path, _)| path == target).and_then(|(_, outer)| *outer);
    let own = |setting: &&Setting| setting.path == target && setting.block == outer;
    let replaced: Vec<usize> = config
        .settings
        .iter()
        .filter(own)
        .filter(|setting| wanted.iter().any(|(keyword, _)| keyword.eq_ignore_ascii_case(&setting.keyword)))
        .map(|setting| setting.line)
        .collect();
    let lines = (1..).zip(texts.get(target).map(String::as_str).unwrap_or_default().lines());
    let kept = lines.filter(|(line, text)| !text.trim().is_empty() && !replaced.contains(line));
    kept.map(|(_, text)| text.to_owned()).collect()
}

/// Would these lines be in force there, as things are included now?
fn wins(texts: &Texts, target: &str, lines: &[String], wanted: &[WantedSetting]) -> bool {
    let mut texts = texts.clone();
    texts.insert(target.to_owned(), lines.join("\n"));
    let config = Config::read(&texts);
    let is_ours = |(keyword, _): &WantedSetting| {
        config.main(&keyword.to_ascii_lowercase()).is_some_and(|setting| setting.path == target)
    };
    wanted.iter().all(is_ours)
}

/// In a block: the very lines, wherever they stand by then.
pub fn inside(sshd: &SshdFacts, config: &Config, changes: &[(&Setting, WantedSetting)]) -> Vec<String> {
    let mut lines: Vec<String> = changes.iter().map(|(setting, wanted)| changed(config, setting, wanted)).collect();
    lines.push(reload(sshd));
    lines
}

fn changed(config: &Config, setting: &Setting, (keyword, value): &WantedSetting) -> String {
    let block = setting.block.and_then(|at| config.blocks.get(at)).filter(|block| block.path == setting.path);
    let Some(block) = block else {
        // That file may be included elsewhere too.
        return format!("# in {}, line {}, write: {keyword} {value}", quoted(&setting.path), setting.line);
    };
    let indent: String = setting.text.chars().take_while(|letter| letter.is_whitespace()).collect();
    let (block, old) = (escaped(&block.text), escaped(&setting.text));
    let new = escaped(&format!("{indent}{keyword} {value}"));
    let script = format!("/^{block}$/,/^[[:space:]]*match[[:space:]=]/Is/^{old}$/{new}/");
    format!("sed -i {} {}", quoted(&script), quoted(&setting.path))
}

fn reload(sshd: &SshdFacts) -> String {
    format!("sshd -t && systemctl reload {}", sshd.unit)
}

/// As sed takes it for what it is.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '\t' => "\\t".into(),
        c if r"\/.*[]^$&".contains(c) => format!("\\{c}"),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
