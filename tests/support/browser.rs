//! Somebody at a browser: the real Chromium, told by `browser/browse.js` what to do.

use super::PATIENCE;
use super::artifacts;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Condvar, Mutex};

/// Browsers that run at once: more of them starve one another until pam-totpd answers too late.
const AT_ONCE: usize = 2;

static PLACES: Mutex<usize> = Mutex::new(AT_ONCE);
static LEFT: Condvar = Condvar::new();

thread_local! {
    /// Of the test that runs in this thread, until the thread ends.
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// What a throw-away system needs for a browser. Waits until a browser may run there.
pub fn files() -> Vec<String> {
    PLACE.with_borrow_mut(|place| drop(place.take()));
    PLACE.set(Some(Place::take()));
    let pictures = concat!(env!("CARGO_MANIFEST_DIR"), "/target/pictures");
    fs::create_dir_all(pictures).expect("a folder for pictures");
    vec![format!("browser={}", artifacts::browser().display()), format!("pictures+={pictures}")]
}

struct Place(());

impl Place {
    fn take() -> Self {
        let free = PLACES.lock().expect("nobody panics with it");
        *LEFT.wait_while(free, |free| *free == 0).expect("nobody panics with it") -= 1;
        Self(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *PLACES.lock().expect("nobody panics with it") += 1;
        LEFT.notify_one();
    }
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

    /// Opens a page in another tab, where somebody is logged in already.
    pub fn opens_tab(&mut self, url: &str) {
        self.does(json!({ "deed": "open", "url": url }));
    }

    /// Goes to a tab, counted from 0.
    pub fn switches_to(&mut self, tab: usize) {
        self.does(json!({ "deed": "switch", "to": tab }));
    }

    /// Chooses a language in Cockpit.
    pub fn speaks(&mut self, language: &str) {
        self.does(json!({ "deed": "speak", "language": language }));
    }

    /// Has a window of this size, on a light or a dark screen.
    pub fn looks(&mut self, width: u32, height: u32, dark: bool) {
        self.does(json!({ "deed": "look", "width": width, "height": height, "dark": dark }));
    }

    /// Presses a key, wherever the keyboard is.
    pub fn presses(&mut self, key: &str) {
        self.does(json!({ "deed": "press", "key": key }));
    }

    /// Types on, wherever the keyboard is.
    pub fn writes(&mut self, text: &str) {
        self.does(json!({ "deed": "write", "text": text }));
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

    /// Presses a key at what has this role and name.
    pub fn presses_at(&mut self, role: &str, name: &str, key: &str) {
        self.does(json!({ "deed": "press-at", "role": role, "name": name, "key": key }));
    }

    /// Waits until what has this role and name is checked.
    pub fn sees_checked(&mut self, role: &str, name: &str) {
        self.does(json!({ "deed": "checked", "role": role, "name": name }));
    }

    /// Waits until the page does not show `text` any more.
    pub fn misses(&mut self, text: &str) {
        self.does(json!({ "deed": "miss", "text": text }));
    }

    /// How many elements of this role there are.
    pub fn counts(&mut self, role: &str) -> usize {
        self.does(json!({ "deed": "count", "role": role })).parse().expect("a number")
    }

    /// The file that a button has the browser keep: its name, and what is in it.
    pub fn downloads(&mut self, button: &str) -> (String, String) {
        let file = self.does(json!({ "deed": "download", "button": button }));
        let (name, text) = file.split_once('\n').expect("a name and a text");
        (name.to_owned(), text.to_owned())
    }

    /// What of the frame a button has the browser print.
    pub fn prints(&mut self, button: &str) -> String {
        self.does(json!({ "deed": "print", "button": button }))
    }

    /// Waits until the page shows `text`.
    pub fn sees(&mut self, text: &str) {
        self.does(json!({ "deed": "see", "text": text }));
    }

    /// The page as it looks now, so high in a wide window and on a phone. In each look nothing keeps people from using the
    /// frame, by axe-core and by its width.
    pub fn pictures(&mut self, state: &str, [wide, narrow]: [u32; 2]) {
        for (look, width, height) in [("dark", 1280, wide), ("narrow", 320, narrow), ("light", 1280, wide)] {
            self.looks(width, height, look == "dark");
            let faults = self.does(json!({ "deed": "audit", "look": look }));
            assert!(faults.is_empty(), "{state}, {look}: {faults}");
            self.takes_picture(&format!("cockpit-page-{state}-{look}"));
        }
    }

    /// The Content-Security-Policy of the frame.
    pub fn policy(&mut self) -> String {
        self.does(json!({ "deed": "policy" }))
    }

    /// All that the browser has of this session: documents, addresses, storage, cookies, and what pages wrote.
    pub fn keeps(&mut self) -> String {
        self.does(json!({ "deed": "kept" }))
    }

    /// What pages wrote for their developers.
    pub fn written(&mut self) -> String {
        self.does(json!({ "deed": "written" }))
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
