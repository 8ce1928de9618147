//! A source as the compiler's words, without comments, literals and tests.

#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// The words of a source, `::` as one of them; a literal is its first quote, so that nobody looks into it.
pub fn tokens(source: &str) -> Vec<Token> {
    let letters: Vec<char> = source.chars().collect();
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < letters.len() {
        let start = at;
        let rest = &letters[at..];
        let next = rest.get(1).copied().unwrap_or(' ');
        let mut text = None;
        at += if rest.starts_with(&['/', '/']) {
            rest.iter().position(|letter| *letter == '\n').unwrap_or(rest.len())
        } else if rest.starts_with(&['/', '*']) {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest) {
            text = Some("\"".into());
            length
        } else if rest[0] == '"' {
            text = Some("\"".into());
            quoted(rest, '"')
        } else if rest[0] == '\'' && (next == '\\' || rest.get(2) == Some(&'\'')) {
            text = Some("'".into());
            quoted(rest, '\'')
        } else if is_word(rest[0]) {
            let length = rest.iter().position(|letter| !is_word(*letter)).unwrap_or(rest.len());
            let word: String = rest[..length].iter().collect();
            // r#try is a name; the letter before a string belongs to the string.
            match rest.get(length) {
                Some('#') if word == "r" => 2,
                Some('"' | '\'') if ["b", "c"].contains(&word.as_str()) => length,
                _ => {
                    text = Some(word);
                    length
                }
            }
        } else if rest.starts_with(&[':', ':']) {
            text = Some("::".into());
            2
        } else {
            text = Some(rest[0].into()).filter(|_| !rest[0].is_whitespace());
            1
        };
        found.extend(text.map(|text| Token { text, line }));
        line += letters[start..at].iter().filter(|letter| **letter == '\n').count();
    }
    found
}

fn block_comment(text: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match text[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of `r"..."`, `br#"..."#` and the like, where one begins here.
fn raw_string(text: &[char]) -> Option<usize> {
    let before = text.iter().take_while(|letter| ['b', 'c'].contains(*letter)).count();
    let hashes = text.get(before + 1..)?.iter().take_while(|letter| **letter == '#').count();
    let open = before + 1 + hashes;
    if before > 1 || text.get(before) != Some(&'r') || text.get(open) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let inside = text[open + 1..].windows(end.len()).position(|some| some == end);
    Some(inside.map_or(text.len(), |inside| open + 1 + inside + end.len()))
}

fn quoted(text: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != quote {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// Where the bracket closes that opens at `open`.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len().saturating_sub(1)
}

/// What is built for tests alone may import whatever a test needs.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if !(token.text == "#" && is_test(&tokens[at..])) {
            kept.push(token.clone());
            at += 1;
            continue;
        }
        // Behind its attributes, an item ends with its block or with a semicolon.
        while tokens.get(at).is_some_and(|token| token.text == "#") {
            at = closing(tokens, at + 1) + 1;
        }
        while let Some(token) = tokens.get(at) {
            match token.text.as_str() {
                "{" => at = closing(tokens, at),
                "(" | "[" => {
                    at = closing(tokens, at) + 1;
                    continue;
                }
                ";" => {}
                _ => {
                    at += 1;
                    continue;
                }
            }
            at += 1;
            break;
        }
    }
    kept
}

fn is_test(attribute: &[Token]) -> bool {
    let words: Vec<&str> = attribute.iter().take(8).map(|token| token.text.as_str()).collect();
    words.starts_with(&["#", "[", "cfg", "(", "test"]) || words.starts_with(&["#", "[", "cfg", "(", "all", "(", "test"])
}

/// The names of the types that are defined there, but for those that belong to an implementation.
pub fn types(tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = Vec::new();
    let mut header: Vec<&str> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" => inside.push(!header.contains(&"fn") && (header.contains(&"impl") || header.contains(&"trait"))),
            "}" => drop(inside.pop()),
            kind @ ("struct" | "enum" | "trait" | "union" | "type") => {
                let is_associated = kind == "type" && inside.last() == Some(&true);
                let name = tokens.get(at + 1).filter(|name| name.text.starts_with(char::is_uppercase));
                found.extend(name.filter(|_| !is_associated).map(|name| name.text.clone()));
            }
            _ => {}
        }
        match token.text.as_str() {
            "{" | "}" | ";" => header.clear(),
            word => header.push(word),
        }
    }
    found
}

#[test]
fn types_are_found_and_those_of_implementations_are_not() {
    let source = "pub struct A<T>(T); enum B { C } impl X for B { type D = u8; fn f(x: impl E) { struct F; } }\n\
                  pub(crate) type G = u8; trait H { type I; } mod m { type J = u8; } fn union(x: u8) {}";
    assert_eq!(types(&tokens(source)), ["A", "B", "F", "G", "H", "J"]);
}

#[test]
fn comments_literals_and_tests_are_no_words() {
    let words = |source: &str| -> Vec<String> {
        without_tests(&tokens(source)).into_iter().map(|token| format!("{}{}", token.line, token.text)).collect()
    };
    let literals = "/* /* a */ b */ let x = \"use \\\" crate\"; // use y\nlet q = '\"'; let t: &'a str = r#\"\"use\"#;";
    let left = "1let 1x 1= 1\" 1; 2let 2q 2= 2' 2; 2let 2t 2: 2& 2' 2a 2str 2= 2\" 2;";
    assert_eq!(words(literals).join(" "), left);
    assert_eq!(words("b\"a\" br##\"b\"# c\"## c r#try '\\'' b'x'").join(" "), "1\" 1\" 1c 1try 1' 1'");
    let tests = "use a::b;\n#[cfg(test)]\n#[allow(x)]\nmod tests { use {c}; }\n#[cfg(all(test, y))] use d;\nfn e() {}";
    assert_eq!(words(tests).join(" "), "1use 1a 1:: 1b 1; 6fn 6e 6( 6) 6{ 6}");
    assert_eq!(words("#[cfg(not(test))] use a;").len(), 13);
}
