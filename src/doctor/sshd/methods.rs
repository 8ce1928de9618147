//! `AuthenticationMethods`: lists of methods, one of which must succeed as a whole. Pure.

use crate::doctor::stacks::shape::StackShape;

const KEY: &str = "publickey";
const ASKS: &str = "keyboard-interactive";
const PAM: &str = "keyboard-interactive:pam";
const PASSWORD: &str = "password";
/// What asks PAM for nothing, so for no code.
const FREE: [&str; 4] = [KEY, "hostbased", "gssapi-with-mic", "gssapi-keyex"];

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(|word| word.split(':').next().unwrap_or(word))
}

/// Does it ask for a code? A password alone does where it takes the code along.
pub fn asks(list: &str, shape: StackShape) -> bool {
    words(list).any(|word| word == ASKS || (word == PASSWORD && shape == StackShape::OneField))
}

/// Do those who have all of it get in without PAM having been asked?
pub fn is_free(list: &str) -> bool {
    words(list).all(|word| FREE.contains(&word))
}

/// Key first, then code.
pub fn is_key_and_code(list: &str) -> bool {
    let place = |method: &str| words(list).position(|word| word == method);
    matches!((place(KEY), place(ASKS)), (Some(key), Some(code)) if key < code)
}

/// Is this method, or one that begins like it, among them?
pub fn names(list: &str, method: &str) -> bool {
    words(list).any(|word| word.starts_with(method))
}

/// The same lists, none of them easier, so that codes are asked for; with `keys` also behind a key alone.
pub fn asking(value: &str, shape: StackShape, keys: bool) -> String {
    let value = if value == "any" && shape == StackShape::Key { KEY } else { value };
    let mut lists: Vec<String> = Vec::new();
    for list in value.split_whitespace() {
        let list = longer(list, shape, keys);
        if !lists.contains(&list) {
            lists.push(list);
        }
    }
    lists.join(" ")
}

fn longer(list: &str, shape: StackShape, keys: bool) -> String {
    // A second answer to one question becomes a second question, where that is not asked anyway.
    let becomes = shape != StackShape::OneField && words(list).any(|word| word == PASSWORD);
    let mut own: Vec<&str> = Vec::new();
    for word in list.split(',') {
        let asks = word.starts_with(ASKS) || word == PASSWORD;
        match becomes && asks {
            true if own.contains(&PAM) => {}
            true => own.push(PAM),
            false => own.push(word),
        }
    }
    match shape {
        StackShape::Key if !is_key_and_code(list) => {
            own.retain(|word| !word.starts_with(ASKS));
            if !own.contains(&KEY) {
                own.insert(0, KEY);
            }
            own.push(PAM);
        }
        StackShape::Key => {}
        _ if is_free(list) && (keys || list != KEY) => own.push(PAM),
        _ => {}
    }
    own.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_get_longer_and_never_easier() {
        let (questions, one, key) = (StackShape::Questions, StackShape::OneField, StackShape::Key);
        for (value, shape, keys, expected) in [
            ("any", questions, true, "any"),
            ("any", key, true, "publickey,keyboard-interactive:pam"),
            ("publickey", questions, true, "publickey,keyboard-interactive:pam"),
            ("publickey", one, true, "publickey,keyboard-interactive:pam"),
            ("publickey", key, true, "publickey,keyboard-interactive:pam"),
            ("publickey,password", questions, true, "publickey,keyboard-interactive:pam"),
            ("publickey,password", one, true, "publickey,password"),
            ("publickey,password", key, true, "publickey,keyboard-interactive:pam"),
            ("password,keyboard-interactive", questions, true, "keyboard-interactive:pam"),
            ("password keyboard-interactive:pam", questions, true, "keyboard-interactive:pam"),
            ("publickey hostbased", questions, false, "publickey hostbased,keyboard-interactive:pam"),
            ("gssapi-with-mic,publickey", questions, false, "gssapi-with-mic,publickey,keyboard-interactive:pam"),
            ("publickey keyboard-interactive", questions, false, "publickey keyboard-interactive"),
            ("keyboard-interactive,publickey", key, true, "publickey,keyboard-interactive:pam"),
            ("publickey,publickey", key, true, "publickey,publickey,keyboard-interactive:pam"),
            (
                "publickey,hostbased,keyboard-interactive hostbased",
                key,
                true,
                "publickey,hostbased,keyboard-interactive publickey,hostbased,keyboard-interactive:pam",
            ),
        ] {
            let asking = asking(value, shape, keys);
            assert_eq!(asking, expected, "{value} {shape:?}");
            // And once is enough.
            assert_eq!(super::asking(&asking, shape, keys), asking);
        }
    }
}
