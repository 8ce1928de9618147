//! The page of Cockpit, `packaging/cockpit/`, in a real browser.

mod visit;

use crate::support::artifacts;
use crate::support::browser::{self, Browser};
use crate::support::cockpit::URL;
use crate::support::system::{PASSWORD, System, User};
use std::process::Command;

const STACK: &str = include_str!("../../../pam.d/cockpit");

/// Where Cockpit looks for its pages.
const INSTALLED: &str = "/usr/share/cockpit/pam-totp";

/// Cockpit shows each page in a frame of its own.
const FRAME: &str = "cockpit1:localhost/pam-totp";

fn files() -> Vec<String> {
    [browser::files(), vec![format!("page={}", artifacts::cockpit_page().display())]].concat()
}

/// As the package does.
fn install(system: &System) {
    system.runs(Command::new("cp").args(["-r", "/mnt/page", INSTALLED]));
    system.stack("cockpit", STACK);
    system.without_delays();
}

/// Logs in to the page, where no code is asked for.
fn opens(browser: &mut Browser, user: &User) {
    browser.visits(&format!("{URL}pam-totp"));
    browser.types("User name", user.name);
    browser.types("Password", PASSWORD);
    browser.clicks("Log in");
    browser.enters(Some(FRAME));
}
