//! authselect's templates, as far as its profiles and ours use them: authselect-profiles(5).

use std::collections::BTreeSet;

/// The stack that a template gives with these features.
pub fn rendered(template: &str, features: &BTreeSet<&str>) -> String {
    let lines = template.lines().filter_map(|line| {
        let mut rest = line;
        let mut written = String::new();
        while let Some((before, inside)) = rest.split_once('{') {
            let (operation, after) = inside.split_once('}').expect("a closing brace");
            written += before;
            written += &value(operation, features)?;
            rest = after;
        }
        written += rest;
        Some(format!("{}\n", written.trim_end()))
    });
    lines.filter(|line| line != "\n").collect()
}

/// What stands for an operation; nothing where the line goes.
fn value(operation: &str, features: &BTreeSet<&str>) -> Option<String> {
    if let Some(expression) = operation.strip_prefix("include if ") {
        return holds(expression, features).then(String::new);
    }
    if let Some(expression) = operation.strip_prefix("exclude if ") {
        return (!holds(expression, features)).then(String::new);
    }
    // Of one feature by another: the tests choose each by itself.
    if operation.starts_with("imply ") {
        return None;
    }
    let (expression, values) = operation.strip_prefix("if ").and_then(|is| is.split_once(':')).expect("an operation");
    let (yes, no) = values.split_once('|').unwrap_or((values, ""));
    Some(if holds(expression, features) { yes } else { no }.to_owned())
}

/// `"a"`, `not "a"`, `not (...)`, `(...)`, joined by `and`.
fn holds(expression: &str, features: &BTreeSet<&str>) -> bool {
    let expression = expression.trim();
    if let Some((left, right)) = expression.split_once(" and ") {
        return holds(left, features) && holds(right, features);
    }
    if let Some(negated) = expression.strip_prefix("not ") {
        return !holds(negated, features);
    }
    if let Some(inner) = expression.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        return holds(inner, features);
    }
    let feature = expression.strip_prefix('"').and_then(|name| name.strip_suffix('"')).expect("a feature in quotes");
    features.contains(feature)
}
