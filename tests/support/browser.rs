//! Somebody at a browser: the real Chromium, told by `browser/browse.js` what to do.

use super::PATIENCE;
use super::artifacts;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What a throw-away system needs for a browser.
pub fn files() -> Vec<String> {
    let pictures = concat!(env!("CARGO_MANIFEST_DIR"), "/target/pictures");
    fs::create_dir_all(pictures).expect("a folder for pictures");
    vec![format!("browser={}", artifacts::browser().display()), format!("pictures+={pictures}")]
}

pub struct Browser {
    script: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Browser {
    pub fn start() -> Self {
        let mut script = Command::new("node")
            .arg("/mnt/browser/browse.js")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let orders = script.stdin.take().expect("a pipe");
        let answers = BufReader::new(script.stdout.take().expect("a pipe"));
        Self { script, orders, answers }
    }

    /// Opens a page, as somebody who was never there.
    pub fn visits(&mut self, url: &str) {
        self.does(json!({ "deed": "visit", "url": url, "patience": PATIENCE.as_millis() }));
    }

    /// Goes on in a frame of the page, or outside of all.
    pub fn enters(&mut self, frame: Option<&str>) {
        self.does(json!({ "deed": "enter", "name": frame }));
    }

    /// Types into a field.
    pub fn types(&mut self, field: &str, text: &str) {
        self.does(json!({ "deed": "type", "field": field, "exact": true, "text": text }));
    }

    /// Types into the field whose label holds these words among others.
    pub fn types_under(&mut self, words: &str, text: &str) {
        self.does(json!({ "deed": "type", "field": words, "exact": false, "text": text }));
    }

    pub fn clicks(&mut self, button: &str) {
        self.does(json!({ "deed": "click", "button": button }));
    }

    /// Waits until the page shows `text`.
    pub fn sees(&mut self, text: &str) {
        self.does(json!({ "deed": "see", "text": text }));
    }

    /// All the text of the page.
    pub fn reads(&mut self) -> String {
        self.does(json!({ "deed": "read" }))
    }

    /// Keeps what the page looks like, for people to look at, in `target/pictures`.
    pub fn takes_picture(&mut self, name: &str) {
        self.does(json!({ "deed": "picture", "file": format!("/mnt/pictures/{name}.png") }));
    }

    fn does(&mut self, order: Value) -> String {
        match self.tries(&order) {
            Ok(done) => done,
            Err(error) => {
                let page = self.tries(&json!({ "deed": "read" }));
                panic!("{order}: {error}\nthe page: {}", page.unwrap_or_else(|error| error));
            }
        }
    }

    fn tries(&mut self, order: &Value) -> Result<String, String> {
        writeln!(self.orders, "{order}").expect("the browser is there");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the browser answers");
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
        let text = |key: &str| answer[key].as_str().map(str::to_owned);
        text("done").ok_or_else(|| text("error").unwrap_or_default())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}
