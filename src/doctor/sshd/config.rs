//! sshd_config as sshd reads it: which line a value comes from, and which `Match` blocks there are. What is in force, sshd
//! itself says. Pure.

use std::collections::BTreeMap;

use super::patterns::path_fits;

/// What sshd reads first.
pub const MAIN: &str = "/etc/ssh/sshd_config";
/// Where it looks for what an `Include` names without a folder.
const FOLDER: &str = "/etc/ssh";
/// Files in files, as deep as sshd itself goes.
const DEPTH: usize = 16;
/// So many files are read, those that are included again with each.
const FILES: usize = 1000;

/// Files by path.
pub type Texts = BTreeMap<String, String>;

/// A line that sets something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// In small letters, and by its usual name.
    pub keyword: String,
    /// Its words, with one blank between two.
    pub value: String,
    /// The file.
    pub path: String,
    /// Its number, from 1.
    pub line: usize,
    /// The line as it stands there.
    pub text: String,
    /// The `Match` block that it is in.
    pub block: Option<usize>,
}

/// What stands behind a `Match`, up to the next one or the end of that file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The file.
    pub path: String,
    /// Its number, from 1.
    pub line: usize,
    /// The line as it stands there.
    pub text: String,
    /// Attribute, in small letters, and patterns.
    pub criteria: Vec<(String, String)>,
    /// The block that its file is included in.
    pub outer: Option<usize>,
}

/// Everything, in the order of reading.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What is set.
    pub settings: Vec<Setting>,
    /// What stands behind `Match`.
    pub blocks: Vec<Block>,
    /// What is included, as a full path.
    pub includes: Vec<String>,
    /// Each file that was read, and in which block.
    pub files: Vec<(String, Option<usize>)>,
}

impl Config {
    /// Starts at sshd_config.
    pub fn read(texts: &Texts) -> Self {
        let mut config = Self::default();
        config.file(texts, MAIN, None, 0);
        config
    }

    fn file(&mut self, texts: &Texts, path: &str, outer: Option<usize>, depth: usize) {
        let may_be = depth <= DEPTH && self.files.len() < FILES;
        let Some(text) = texts.get(path).filter(|_| may_be) else { return };
        self.files.push((path.to_owned(), outer));
        let mut block = outer;
        for (line, text) in (1..).zip(text.lines()) {
            let Some((keyword, words)) = split(text) else { continue };
            match keyword.as_str() {
                "include" => words.iter().for_each(|word| self.include(texts, word, block, depth)),
                "match" => {
                    let criteria = criteria(&words);
                    block = Some(self.blocks.len());
                    self.blocks.push(Block { path: path.to_owned(), line, text: text.to_owned(), criteria, outer });
                }
                _ => {
                    let (path, value, text) = (path.to_owned(), words.join(" "), text.to_owned());
                    self.settings.push(Setting { keyword, value, path, line, text, block });
                }
            }
        }
    }

    fn include(&mut self, texts: &Texts, pattern: &str, block: Option<usize>, depth: usize) {
        let pattern = if pattern.starts_with('/') { pattern.to_owned() } else { format!("{FOLDER}/{pattern}") };
        for path in texts.keys().filter(|path| path_fits(&pattern, path)) {
            self.file(texts, path, block, depth.saturating_add(1));
        }
        self.includes.push(pattern);
    }

    /// What counts outside of all blocks: the first one wins.
    pub fn main(&self, keyword: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.block.is_none() && setting.keyword == keyword)
    }

    /// What counts in a block, as far as it stands there.
    pub fn inside(&self, block: usize, keyword: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.block == Some(block) && setting.keyword == keyword)
    }

    /// Does a line in it itself set one of these?
    pub fn sets(&self, block: usize, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.inside(block, keyword).is_some())
    }

    /// What all must hold for a block: its own criteria, and those of the blocks around it.
    pub fn criteria(&self, block: usize) -> Vec<&(String, String)> {
        let outer = |at: &usize| self.blocks.get(*at).and_then(|block| block.outer);
        let blocks = std::iter::successors(Some(block), outer).filter_map(|at| self.blocks.get(at));
        blocks.flat_map(|block| &block.criteria).collect()
    }
}

/// What a line is about; `None` where it says nothing.
pub fn keyword(line: &str) -> Option<String> {
    split(line).map(|(keyword, _)| keyword)
}

/// Keyword and words of a line; `None` where it says nothing.
fn split(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at_checked(end)?;
    let rest = rest.trim_start();
    let words = words(rest.strip_prefix('=').unwrap_or(rest));
    let keyword = keyword.trim_matches('"').to_ascii_lowercase();
    let usual = match keyword.as_str() {
        "challengeresponseauthentication" | "skeyauthentication" => "kbdinteractiveauthentication",
        "dsaauthentication" => "pubkeyauthentication",
        keyword => keyword,
    };
    (!usual.is_empty() && !usual.starts_with('#')).then(|| (usual.to_owned(), words))
}

/// With quotes; a `#` in front of a word ends the line.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = letters.peek().copied().filter(|next| letter == '\\' && matches!(next, '"' | '\'' | '\\'));
        match letter {
            '#' if word.is_none() => break,
            _ if escaped.is_some() => {
                word.get_or_insert_default().extend(escaped);
                letters.next();
            }
            '"' | '\'' if quote.is_none() => {
                word.get_or_insert_default();
                quote = Some(letter);
            }
            _ if quote == Some(letter) => quote = None,
            _ if quote.is_none() && letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// `User alice Address 192.0.2.0/24`, or with `=` between the two.
fn criteria(words: &[String]) -> Vec<(String, String)> {
    let mut criteria = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (attribute, patterns) = match word.split_once('=') {
            Some((attribute, patterns)) => (attribute, patterns.to_owned()),
            None if ["all", "invalid-user"].iter().any(|alone| word.eq_ignore_ascii_case(alone)) => {
                (word.as_str(), String::new())
            }
            None => (word.as_str(), words.next().cloned().unwrap_or_default()),
        };
        criteria.push((attribute.to_ascii_lowercase(), patterns));
    }
    criteria
}

#[cfg(test)]
mod tests {
    use super::*;

    type Files<'a> = &'a [(&'a str, &'a str)];

    fn read(files: &[(&str, &str)]) -> Config {
        Config::read(&files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn a_line_is_split_as_sshd_splits_it() {
        let cases: [(&str, &str, &[&str]); 9] = [
            ("UsePAM yes", "usepam", &["yes"]),
            ("  usepam=no # why", "usepam", &["no"]),
            ("UsePAM = \"no\"", "usepam", &["no"]),
            ("\tMatch User \"a b\",c Address *", "match", &["User", "a b,c", "Address", "*"]),
            ("Banner /a#b", "banner", &["/a#b"]),
            ("ChallengeResponseAuthentication no", "kbdinteractiveauthentication", &["no"]),
            ("Include 'a b' \"\"", "include", &["a b", ""]),
            ("Banner \\\"x", "banner", &["\"x"]),
            ("UsePAM", "usepam", &[]),
        ];
        for (line, keyword, words) in cases {
            assert_eq!(split(line), Some((keyword.into(), words.iter().map(|w| (*w).into()).collect())), "{line}");
        }
        assert!(["", "  ", "# UsePAM no", "  #"].iter().all(|line| split(line).is_none()));
    }

    #[test]
    fn the_first_value_wins_where_it_is_read() {
        let (yes, no) = ("UsePAM yes\n", "UsePAM no\n");
        let in_folder = "Include sshd_config.d/*.conf\n";
        let (ours, first) = ("/etc/ssh/sshd_config.d/00-pam_totp.conf", "/etc/ssh/sshd_config.d/00-a.conf");
        let ends = format!("UsePAM no\n{in_folder}");
        let behind = format!("Match User x\n{in_folder}Match all\n{in_folder}");
        let alone = format!("Include {ours}\n");
        let cases: [(&str, Files, Option<&str>); 6] = [
            (in_folder, &[(ours, yes)], Some(ours)),
            (in_folder, &[(ours, yes), (first, no)], Some(first)),
            (&ends, &[(ours, yes)], Some(MAIN)),
            (&behind, &[(ours, yes)], None),
            (&alone, &[(ours, yes), (first, no)], Some(ours)),
            ("Include sshd_config.d/*.cnf\n", &[(ours, yes)], None),
        ];
        for (main, files, expected) in cases {
            let config = read(&[&[(MAIN, main)], files].concat());
            assert_eq!(config.main("usepam").map(|setting| setting.path.as_str()), expected, "{main} {files:?}");
        }
    }

    #[test]
    fn a_block_ends_with_its_file() {
        let inner = "UsePAM no\nMatch Group b\nBanner c\n";
        let config =
            read(&[(MAIN, "Match User a\nInclude in\nBanner d\nmatch all\nBanner e\n"), ("/etc/ssh/in", inner)]);
        let blocks: Vec<_> = config.settings.iter().map(|setting| (setting.value.as_str(), setting.block)).collect();
        assert_eq!(blocks, [("no", Some(0)), ("c", Some(1)), ("d", Some(0)), ("e", Some(2))]);
        let criteria: Vec<_> = config.criteria(1).into_iter().map(|(attribute, _)| attribute.as_str()).collect();
        assert_eq!(criteria, ["group", "user"]);
        assert_eq!(config.criteria(2), [&("all".to_owned(), String::new())]);
        // One that includes itself ends, as sshd ends it.
        assert!(read(&[(MAIN, "Include sshd_config sshd_config sshd_config\n")]).settings.is_empty());
    }
}
