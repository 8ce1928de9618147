//! The page of Cockpit, `packaging/cockpit/`, in a real browser.

mod administrator;
mod delegate;
mod faults;
mod life;
mod many;
mod visit;

use crate::support::artifacts;
use crate::support::browser::{self, Browser};
use crate::support::cockpit::{Cockpit, URL};
use crate::support::door::Door;
use crate::support::system::{PASSWORD, System, User};
use std::process::Command;

const STACK: &str = include_str!("../../../pam.d/cockpit");

/// Where Cockpit looks for its pages.
const INSTALLED: &str = "/usr/share/cockpit/pam-totp";

/// Cockpit shows each page in a frame of its own.
const FRAME: &str = "cockpit1:localhost/pam-totp";

const ALLOW: &str = "unenrolled = \"allow\"\nissuer = \"ACME\"\n";

fn files() -> Vec<String> {
    [browser::files(), vec![format!("page={}", artifacts::cockpit_page().display())]].concat()
}

/// As the package does.
fn install(system: &System) {
    system.runs(Command::new("cp").args(["-r", "/mnt/page", INSTALLED]));
    system.stack("cockpit", STACK);
    system.without_delays();
    system.policy(ALLOW);
}

fn address() -> String {
    format!("{URL}pam-totp")
}

/// Logs in to the page, where no code is asked for.
fn opens(browser: &mut Browser, user: &User) {
    browser.visits(&address());
    browser.types("User name", user.name);
    browser.types("Password", PASSWORD);
    browser.clicks("Log in");
    browser.enters(Some(FRAME));
}

/// A user at the page, with a pam-totpd whose clock stands at `time`. The first two live as long as they are needed.
fn begun(system: &System, time: u64) -> (Door, Cockpit, Browser) {
    install(system);
    let alice = system.user("alice");
    let door = Door::open(time);
    let cockpit = Cockpit::start(&alice);
    let mut browser = Browser::start();
    opens(&mut browser, &alice);
    (door, cockpit, browser)
}

/// The page as it looks now, without scrolling.
fn pictures(browser: &mut Browser, state: &str) {
    browser.pictures(state, [900, 1400]);
}

/// The key that is shown, in groups of four.
fn key(browser: &mut Browser) -> String {
    browser.sees("Scan the QR code");
    let page = browser.reads();
    let (_, after) = page.split_once("Key\n").unwrap_or_else(|| panic!("no key: {page}"));
    after.split_whitespace().take(8).collect()
}

/// The ten backup codes that are shown.
fn backup_codes(browser: &mut Browser) -> Vec<String> {
    browser.sees("Do not close this page yet");
    let page = browser.reads();
    let is_code = |word: &&str| word.len() == 19 && word.matches('-').count() == 3;
    let codes: Vec<String> = page.split_whitespace().filter(is_code).map(str::to_owned).collect();
    assert_eq!(codes.len(), 10, "{page}");
    codes
}

/// However its letters are grouped.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// Neither documents nor addresses, storage, cookies or what pages wrote have one of these.
fn keeps_none<'a>(browser: &mut Browser, secrets: impl IntoIterator<Item = &'a String>) {
    let kept = plain(&browser.keeps());
    for secret in secrets {
        assert!(!kept.contains(&plain(secret)), "{secret} is still there: {kept}");
    }
}
