//! The reference of docs/json.md: which fields an object of `--json` has, and of what type.
//!
//! The tables are written anew from the structs that are serialized, so that no page says what no program prints; and each
//! object that a test gets is held to them.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::sync::OnceLock;

use super::documents::root;

const HEADING: &str = "## Reference";
const STRUCTS: &str = "src/bin/pam-totp/json";
/// Behind a type.
const NULL: &str = " or null";
const ABSENT: &str = ", may be absent";

/// A struct, or an enum whose variants stand for structs.
struct Shape {
    title: String,
    parts: Vec<Part>,
}

struct Part {
    key: String,
    kind: String,
    about: String,
    is_flat: bool,
    may_be_absent: bool,
}

/// The section as the structs have it.
pub fn from_structs() -> String {
    let shapes = shapes();
    let flat: Vec<&str> =
        shapes.values().flat_map(|shape| &shape.parts).filter(|p| p.is_flat).map(|p| base(&p.kind)).collect();
    let used = |name: &str| shapes.values().flat_map(|shape| &shape.parts).any(|p| !p.is_flat && base(&p.kind) == name);
    let shown =
        |(name, shape): &(&String, &Shape)| !shape.title.is_empty() && (!flat.contains(&name.as_str()) || used(name));
    let mut titles: Vec<(&String, &Shape)> = shapes.iter().filter(shown).collect();
    titles.sort_by_key(|(_, shape)| (!shape.title.starts_with('`'), shape.title.clone()));
    let mut text = format!("{HEADING}\n\nEach object has `version` besides, which is 1.\n");
    for (_, shape) in titles {
        text += &format!("\n### {}\n\n| Field | Type | |\n|---|---|---|\n", shape.title);
        rows(shape, &shapes, &mut text);
    }
    text
}

fn rows(shape: &Shape, shapes: &BTreeMap<String, Shape>, text: &mut String) {
    for part in &shape.parts {
        if part.is_flat {
            rows(&shapes[base(&part.kind)], shapes, text);
        } else {
            let absent = if part.may_be_absent { ABSENT } else { "" };
            *text += &format!("| `{}` | {}{absent} | {} |\n", part.key, shown(&part.kind, shapes), part.about);
        }
    }
}

/// The name in a type, without its lifetime.
fn base(kind: &str) -> &str {
    kind.split('<').next().unwrap_or(kind)
}

/// A type as people read it.
fn shown(kind: &str, shapes: &BTreeMap<String, Shape>) -> String {
    let inside = |name: &str| kind.strip_prefix(name)?.strip_prefix('<')?.strip_suffix('>');
    match kind {
        "String" | "str" | "PathBuf" | "IpAddr" => "string".into(),
        "bool" => "boolean".into(),
        "u8" | "u32" | "u64" | "usize" | "i8" | "i64" => "number".into(),
        "Value" => "as in the file".into(),
        "Failed" => shown("BTreeMap<String, ErrorReport>", shapes),
        "Map<String, Value>" => "by key: as in the file".into(),
        _ => match (inside("Option"), inside("Vec"), inside("BTreeMap")) {
            (Some(inner), ..) => shown(inner, shapes) + NULL,
            (_, Some(inner), _) => format!("list of {}", shown(inner, shapes)),
            (.., Some(inner)) => {
                let inner = inner.strip_prefix("String, ").expect("a map by name");
                format!("by name: {}", shown(inner, shapes))
            }
            _ if kind.starts_with('[') => format!("list of {}", shown(kind.trim_matches(['[', ']']), shapes)),
            _ => {
                let shape = shapes.get(base(kind)).unwrap_or_else(|| panic!("what is {kind}?"));
                match shape.title.as_str() {
                    "" => shape.parts.iter().map(|part| shown(&part.kind, shapes)).collect::<Vec<_>>().join(" or "),
                    title => format!("[{}](#{})", title.to_lowercase(), slug(title)),
                }
            }
        },
    }
}

/// As a heading's anchor is called.
fn slug(title: &str) -> String {
    let kept = title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

/// The structs, by their names.
fn shapes() -> BTreeMap<String, Shape> {
    let files = fs::read_dir(root().join(STRUCTS)).expect("the structs");
    let mut shapes = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(file.expect("a file").path()).expect("text");
        let (mut about, mut attributes, mut name) = (String::new(), String::new(), String::new());
        for line in text.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("/// ") {
                about += &format!("{comment} ");
            } else if line.starts_with("#[") {
                attributes += line;
            } else if let Some(rest) = line.strip_prefix("pub struct ").or(line.strip_prefix("pub enum ")) {
                name = rest.split(['<', ' ']).next().expect("a name").to_owned();
                shapes.insert(name.clone(), Shape { title: title(&about), parts: Vec::new() });
                (about, attributes) = (String::new(), String::new());
            } else if line == "}" {
                name.clear();
            } else if !name.is_empty() {
                let shape: &mut Shape = shapes.get_mut(&name).expect("it began");
                shape.parts.push(part(line, about.trim_end(), &attributes));
                (about, attributes) = (String::new(), String::new());
            } else {
                (about, attributes) = (String::new(), String::new());
            }
        }
    }
    shapes
}

/// `Whose they are.` or `A device.`: the first words of a comment, without an article.
fn title(about: &str) -> String {
    let first = about.split(['.', ':', ';']).next().unwrap_or_default();
    let name = ["A ", "An ", "The "].iter().find_map(|article| first.strip_prefix(article)).unwrap_or(first);
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

fn part(line: &str, about: &str, attributes: &str) -> Part {
    let line = line.trim_end_matches(',').replace("&'a ", "").replace("&'static ", "");
    let line = line.strip_prefix("pub ").unwrap_or(&line);
    // A variant holds its type in brackets.
    let (key, kind) =
        line.split_once(": ").or(line.trim_end_matches(')').split_once('(')).expect("a field or a variant");
    let may_be_absent = attributes.contains("skip_serializing_if");
    let is_bare = |kind: &str| kind.starts_with("Option<") && may_be_absent;
    let kind = if is_bare(kind) { &kind["Option<".len()..kind.len() - 1] } else { kind };
    let renamed = attributes.split_once("rename = \"").and_then(|(_, rest)| rest.split('"').next());
    Part {
        key: renamed.unwrap_or(key).to_owned(),
        kind: kind.to_owned(),
        about: about.to_owned(),
        is_flat: attributes.contains("flatten"),
        may_be_absent,
    }
}

/// The tables of the document: for each anchor its fields and their types.
fn tables() -> &'static BTreeMap<String, Vec<(String, String)>> {
    static TABLES: OnceLock<BTreeMap<String, Vec<(String, String)>>> = OnceLock::new();
    TABLES.get_or_init(|| {
        // Read while this is built: inside a throw-away system another disk may lie over where the page is.
        let text = include_str!("../../docs/json.md");
        let (_, reference) = text.split_once(HEADING).expect("the reference");
        let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for part in reference.split("\n### ").skip(1) {
            let (title, table) = part.split_once('\n').expect("a table");
            let cells = |row: &str| {
                let mut cells = row.strip_prefix("| `")?.split(" | ");
                Some((cells.next()?.trim_end_matches('`').to_owned(), cells.next()?.to_owned()))
            };
            let fields: Vec<_> = table.lines().filter_map(cells).collect();
            // One table may be that of several commands.
            for title in title.split(", ") {
                tables.insert(slug(title), fields.clone());
            }
        }
        tables
    })
}

/// Each field of an object is in the table of its command, with its type, and none is missing.
pub fn holds(arguments: &[&str], object: &Value) {
    let place = |name: &String| {
        let words: Vec<&str> = name.split('-').collect();
        let one = arguments.iter().position(|argument| *argument == name);
        one.or_else(|| arguments.windows(words.len()).position(|pair| pair == words))
            .map(|at| (at, std::cmp::Reverse(words.len())))
    };
    let mut fields = object.as_object().expect("an object").clone();
    assert_eq!(fields.remove("version"), Some(1.into()), "{arguments:?}");
    let table = if fields.contains_key("error") && fields.len() == 1 {
        "failure".to_owned()
    } else {
        let known = tables().keys().filter_map(|name| Some((place(name)?, name)));
        known.min().unwrap_or_else(|| panic!("no table for {arguments:?}")).1.clone()
    };
    if let Err(why) = is_in(&table, &fields) {
        panic!("{arguments:?}: {why}: {object}");
    }
}

/// A line of a user has the fields of a table.
pub fn is_one_of(tables: &[&str], line: &Value) {
    let fields = line.as_object().expect("an object");
    let tried: Vec<_> = tables.iter().map(|table| is_in(table, fields)).collect();
    assert!(tried.iter().any(Result::is_ok), "{tried:?}: {line}");
}

fn is_in(table: &str, fields: &Map<String, Value>) -> Result<(), String> {
    let known = tables().get(table).ok_or_else(|| format!("no table {table}"))?;
    for (key, value) in fields {
        let (_, kind) = known.iter().find(|(name, _)| name == key).ok_or_else(|| format!("{table} has no {key}"))?;
        fits(value, kind.strip_suffix(ABSENT).unwrap_or(kind)).map_err(|why| format!("{table}: {key}: {why}"))?;
    }
    match known.iter().find(|(name, kind)| !kind.ends_with(ABSENT) && !fields.contains_key(name)) {
        Some((missing, _)) => Err(format!("{table}: no {missing}")),
        None => Ok(()),
    }
}

fn fits(value: &Value, kind: &str) -> Result<(), String> {
    let no = || Err(format!("{value} is no {kind}"));
    if let Some(kind) = kind.strip_suffix(NULL) {
        return if value.is_null() { Ok(()) } else { fits(value, kind) };
    }
    if let Some(inner) = kind.strip_prefix("list of ") {
        let Some(list) = value.as_array() else { return no() };
        return list.iter().try_for_each(|value| fits(value, inner));
    }
    if let Some(inner) = kind.strip_prefix("by name: ").or(kind.strip_prefix("by key: ")) {
        let Some(object) = value.as_object() else { return no() };
        return object.values().try_for_each(|value| fits(value, inner));
    }
    match kind {
        "string" if value.is_string() => Ok(()),
        "number" if value.is_number() => Ok(()),
        "boolean" if value.is_boolean() => Ok(()),
        "as in the file" => Ok(()),
        _ if kind.starts_with('[') => {
            let Some(fields) = value.as_object() else { return no() };
            let tables = kind.split(" or ").filter_map(|link| link.split_once("](#")?.1.strip_suffix(')'));
            let tried: Vec<_> = tables.map(|table| is_in(table, fields)).collect();
            if tried.iter().any(Result::is_ok) { Ok(()) } else { Err(format!("{tried:?}")) }
        }
        _ => no(),
    }
}
