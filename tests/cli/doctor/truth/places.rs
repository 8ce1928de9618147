//! Our line in every place of a shape, with everything that people write there.

use super::modules::OURS;
use super::shapes::{Shape, Texts};

/// What people write for us, beside what README says.
const CONTROLS: [(&str, &str); 15] = [
    ("requisite", " explain"),
    ("required", ""),
    ("requisite", ""),
    ("required", " explain"),
    ("sufficient", ""),
    ("optional", ""),
    ("required", " nullok"),
    ("[success=ok default=die]", ""),
    ("[success=ok ignore=ignore default=die]", ""),
    ("[success=ok default=ignore]", ""),
    ("[success=done new_authtok_reqd=done default=die]", ""),
    ("[success=done ignore=ignore default=die]", " explain"),
    ("[success=1 default=ignore]", ""),
    ("[success=1 ignore=ignore default=die]", ""),
    ("[success=ok ignore=1 default=bad]", ""),
];
/// Modules in whose place people put ours.
const PEERS: [&str; 5] = ["pam_duo.so", "pam_google_authenticator.so", "pam_oath.so", "pam_yubico.so", "pam_u2f.so"];
const ACCOUNT: &str = "account required pam_totp.so";

/// A shape with our lines in it.
#[derive(Clone, Debug)]
pub struct Stack {
    pub name: String,
    pub service: String,
    pub texts: Texts,
}

impl Stack {
    /// The same without our lines.
    pub fn without_us(&self) -> Texts {
        let is_theirs = |line: &String| !line.contains(OURS);
        let kept = |lines: &Vec<String>| lines.iter().filter(|line| is_theirs(line)).cloned().collect();
        self.texts.iter().map(|(name, lines)| (name.clone(), kept(lines))).collect()
    }

    /// Each of our lines for `auth` looks at a code of its own question.
    pub fn can_enroll(&self) -> bool {
        let lines = self.texts.values().flatten().filter(|line| line.contains(OURS));
        !lines.into_iter().any(|line| line.contains("forward_pass") || line.contains("use_first_pass"))
    }

    pub fn is_for_keys(&self) -> bool {
        self.texts.values().flatten().any(|line| line.contains("after=publickey"))
    }

    /// For people.
    pub fn print(&self) -> String {
        let mut text = format!("{} ({})\n", self.name, self.service);
        let shape = Shape { name: String::new(), service: self.service.clone(), texts: self.texts.clone() };
        for name in shape.reached() {
            let lines =
                self.texts[&name].iter().filter(|line| !line.contains("session") && !line.contains("password "));
            text.extend([format!("  - {name}\n")].into_iter().chain(lines.map(|line| format!("    {line}\n"))));
        }
        text
    }
}

/// Where the account line stands, if there is one.
#[derive(Clone, Copy)]
enum Account {
    None,
    First,
    Last,
    Shared,
}

/// Every stack, in a fixed order.
pub fn all(shapes: &[Shape]) -> impl Iterator<Item = Stack> + '_ {
    shapes.iter().flat_map(of_shape)
}

fn of_shape(shape: &Shape) -> Vec<Stack> {
    let mut stacks = Vec::new();
    for name in shape.reached() {
        for (number, line) in shape.texts[&name].iter().enumerate() {
            stacks.extend(in_place_of(shape, &name, number, line));
        }
        for at in places(&shape.texts[&name]) {
            for (control, arguments) in CONTROLS {
                let ours = format!("auth {control} {OURS}{arguments}");
                stacks.extend(at_place(shape, &name, at, &ours));
            }
        }
    }
    stacks.push(behind_a_key(shape, "required"));
    stacks.push(behind_a_key(shape, "sufficient"));
    let accounts = [Account::First, Account::None, Account::First, Account::Last, Account::Shared];
    let with_account = |(number, stack): (usize, Stack)| with_account(stack, accounts[number % accounts.len()]);
    stacks.into_iter().enumerate().map(with_account).collect()
}

/// Before each line for `auth`, and behind the last one; in a file without one at its top.
fn places(lines: &[String]) -> Vec<usize> {
    let is_auth = |line: &String| {
        let first = line.split_whitespace().next().unwrap_or_default();
        let is_include = first == "@include" && !line.contains("account") && !line.contains("session");
        first.trim_start_matches('-') == "auth" || is_include
    };
    let mut places: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| is_auth(line)).map(|(number, _)| number).collect();
    places.push(places.last().map_or(0, |last| last + 1));
    places
}

fn stack(shape: &Shape, how: &str, change: impl FnOnce(&mut Texts)) -> Stack {
    let mut texts = shape.texts.clone();
    change(&mut texts);
    Stack { name: format!("{}: {how}", shape.name), service: shape.service.clone(), texts }
}

fn at_place(shape: &Shape, name: &str, at: usize, ours: &str) -> Vec<Stack> {
    let lines = &shape.texts[name];
    let put = |lines: &mut Vec<String>| lines.insert(at, ours.to_owned());
    let mut stacks = vec![stack(shape, "put in", |texts| put(texts.get_mut(name).expect("a file")))];
    let longer = jumping_further(lines, at);
    if &longer != lines {
        stacks.push(stack(shape, "put in, jumps counted again", |texts| {
            let mut longer = longer;
            put(&mut longer);
            texts.insert(name.to_owned(), longer);
        }));
    }
    // One field for password and code.
    if ours.ends_with(OURS) && shape.reached()[0] == name && !ours.contains('[') {
        let split = format!("auth requisite {OURS} forward_pass");
        stacks.push(stack(shape, "one field", |texts| {
            let lines = texts.get_mut(name).expect("a file");
            put(lines);
            lines.insert(0, split);
        }));
    }
    stacks
}

/// Jumps over a place count the line that comes there.
fn jumping_further(lines: &[String], place: usize) -> Vec<String> {
    let further = |(number, line): (usize, &String)| {
        let mut line = line.clone();
        for count in (1..6).rev() {
            if number < place && number + count >= place {
                line = line.replace(&format!("={count} "), &format!("={} ", count + 1));
            }
        }
        line
    };
    lines.iter().enumerate().map(further).collect()
}

/// Ours instead of another second factor.
fn in_place_of(shape: &Shape, name: &str, number: usize, line: &str) -> Vec<Stack> {
    let peer = PEERS.iter().find(|peer| line.contains(**peer) && line.starts_with("auth"));
    let Some(peer) = peer else { return Vec::new() };
    let before = line.split(peer).next().expect("what is before it");
    let replaced = |arguments: &str| {
        let ours = format!("{before}{OURS}{arguments}");
        stack(shape, "in place of another", |texts| texts.get_mut(name).expect("a file")[number] = ours)
    };
    vec![replaced(""), replaced(" explain"), replaced(" nullok")]
}

/// Ours alone, after a key.
fn behind_a_key(shape: &Shape, control: &str) -> Stack {
    stack(shape, "behind a key", |texts| {
        let lines = texts.get_mut(&shape.service).expect("a file");
        lines.retain(|line| line.contains("account"));
        lines.insert(0, format!("auth {control} {OURS} after=publickey"));
    })
}

fn with_account(mut stack: Stack, account: Account) -> Stack {
    let is_account = |line: &String| line.contains("account");
    let shared =
        ["common-account", "base-account", "system-auth"].into_iter().find(|name| stack.texts.contains_key(*name));
    let name = match (account, shared) {
        (Account::None, _) => return stack,
        (Account::Shared, Some(shared)) => shared.to_owned(),
        _ => stack.service.clone(),
    };
    let lines = stack.texts.get_mut(&name).expect("a file");
    let at = match account {
        Account::Last => lines.iter().rposition(is_account).map_or(lines.len(), |last| last + 1),
        _ => lines.iter().position(is_account).unwrap_or(lines.len()),
    };
    lines.insert(at, ACCOUNT.to_owned());
    stack
}
