//! Hosting panels: what docs/panels.md says, a panel can do with `--json`, and each of its commands does it.

use serde_json::Value;

mod api;
mod ask;
mod help_desk;
mod life;
mod resellers;
mod tables;
mod web;

const DOCUMENT: &str = include_str!("../../docs/panels.md");
const LOGIN: &str = include_str!("../../packaging/examples/panel_login.py");

/// The block of the document that holds `mark`.
fn block(mark: &str) -> &'static str {
    let blocks = DOCUMENT.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let found: Vec<&str> = blocks.map(|(_, text)| text).filter(|text| text.contains(mark)).collect();
    let [block] = found[..] else { panic!("not one block with {mark}: {found:?}") };
    block
}

/// stdout is one object on one line, of version 1.
fn one_object(stdout: &[u8]) -> Value {
    let text = std::str::from_utf8(stdout).expect("UTF-8");
    assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{text:?}");
    let object: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(object.is_object() && object["version"] == 1, "{object}");
    object
}

/// The word of an error: that of the command, or of its only user.
fn word(object: &Value) -> &str {
    let failed = object["failed"].as_object().and_then(|failed| failed.values().next());
    let error = failed.unwrap_or(&object["error"]);
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{object}");
    error["code"].as_str().unwrap_or_else(|| panic!("no code: {object}"))
}
