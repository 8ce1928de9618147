//! The lines that give sshd what its stack needs: they put values where they win, and bring nothing else into force. Pure.

use super::super::diagnose::Shape;
use super::super::quoted;
use super::config::{Config, MAIN, Setting, Texts};
use super::{Sshd, methods, value};

/// It sorts before what the distributions ship: for sshd the first value wins.
const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-pam_totp.conf";
/// For where the other one means something to a block alone.
const BESIDE: &str = "/etc/ssh/pam_totp.conf";

/// A keyword as people write it, and what it should be.
pub type Wanted = (&'static str, String);

/// What sshd has to be told; what is right already is left out.
pub fn wanted(settings: &str, shape: Shape, codes: &[&str]) -> Vec<Wanted> {
    let methods = value(settings, "authenticationmethods").unwrap_or("any");
    let keys = codes.iter().any(|code| ["authentication_methods", "without_code"].contains(code));
    let mut wanted = vec![
        ("AuthenticationMethods", methods::asking(methods, shape, keys)),
        ("KbdInteractiveAuthentication", "yes".to_owned()),
        ("UsePAM", "yes".to_owned()),
    ];
    if shape != Shape::OneField {
        wanted.push(("PasswordAuthentication", "no".into()));
    }
    // With lists, a longer one does.
    for (code, keyword) in [("hostbased", "HostbasedAuthentication"), ("gssapi", "GSSAPIAuthentication")] {
        if methods == "any" && codes.contains(&code) {
            wanted.push((keyword, "no".into()));
        }
    }
    let is_right = |(keyword, wanted): &Wanted| {
        let now = value(settings, &keyword.to_ascii_lowercase()).unwrap_or("any");
        now.eq_ignore_ascii_case(wanted)
    };
    wanted.retain(|line| !is_right(line));
    wanted
}

/// Outside of all blocks.
pub fn main(sshd: &Sshd, wanted: &[Wanted]) -> Vec<String> {
    let config = Config::read(&sshd.texts);
    let (target, kept) = target(&config, &sshd.texts, wanted);
    let lines: Vec<String> = wanted.iter().map(|(keyword, value)| format!("{keyword} {value}")).chain(kept).collect();
    let words: String = lines.iter().map(|line| format!(" {}", quoted(line))).collect();
    let mut fix = vec![format!("printf '%s\\n'{words} >{target}")];
    if target == DROP_IN {
        fix.insert(0, "install -d -m 755 /etc/ssh/sshd_config.d".into());
    }
    let off = ["HostbasedAuthentication", "GSSAPIAuthentication"];
    let off = wanted.iter().map(|(keyword, _)| *keyword).filter(|keyword| off.contains(keyword));
    for keyword in off {
        fix.insert(0, format!("# without {keyword} users need password and code; to keep it, leave its line out"));
    }
    let mut texts = sshd.texts.clone();
    texts.insert(target.into(), lines.join("\n"));
    if !wins(&texts, target, wanted) {
        fix.push(first_line(&sshd.texts, target));
    }
    fix.push(reload(sshd));
    fix
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

/// The file to write, and what stands in it beside.
fn target(config: &Config, texts: &Texts, wanted: &[Wanted]) -> (&'static str, Vec<String>) {
    let is_read = |block: bool| config.files.iter().any(|(path, outer)| path == DROP_IN && outer.is_some() == block);
    let is_replaced = |line: usize| {
        let sets = |setting: &&Setting| setting.path == DROP_IN && setting.line == line;
        let setting = config.settings.iter().find(sets).filter(|setting| {
            let outer = config.files.iter().find(|(path, _)| path == DROP_IN).and_then(|(_, outer)| *outer);
            setting.block == outer
        });
        setting.is_some_and(|setting| wanted.iter().any(|(own, _)| own.eq_ignore_ascii_case(&setting.keyword)))
    };
    let lines = (1..).zip(texts.get(DROP_IN).map(String::as_str).unwrap_or_default().lines());
    let kept = lines.filter(|(line, text)| !text.trim().is_empty() && !is_replaced(*line));
    let kept: Vec<String> = kept.map(|(_, text)| text.to_owned()).collect();
    match (is_read(false), is_read(true)) {
        (true, _) => (DROP_IN, kept),
        (false, true) if kept.iter().any(|line| !line.trim().starts_with('#')) => (BESIDE, Vec::new()),
        _ => (DROP_IN, Vec::new()),
    }
}

fn wins(texts: &Texts, target: &str, wanted: &[Wanted]) -> bool {
    let config = Config::read(texts);
    let is_ours = |(keyword, _): &Wanted| {
        config.main(&keyword.to_ascii_lowercase()).is_some_and(|setting| setting.path == target)
    };
    wanted.iter().all(is_ours)
}

/// In a block: the very lines, wherever they stand by then.
pub fn inside(sshd: &Sshd, config: &Config, changes: &[(&Setting, Wanted)]) -> Vec<String> {
    let mut lines: Vec<String> = changes.iter().map(|(setting, wanted)| changed(config, setting, wanted)).collect();
    lines.push(reload(sshd));
    lines
}

fn changed(config: &Config, setting: &Setting, (keyword, value): &Wanted) -> String {
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

fn reload(sshd: &Sshd) -> String {
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
