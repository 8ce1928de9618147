//! Who opens the page.

use super::{files, install, opens};
use crate::support::browser::Browser;
use crate::support::cockpit::Cockpit;
use crate::support::door::{DAEMON, Door};
use crate::support::system::throw_away_with;
use std::process::Command;

#[test]
fn a_user_finds_their_account_there() {
    throw_away_with(files, |system| {
        install(system);
        system.policy("unenrolled = \"allow\"\n");
        let alice = system.user("alice");
        let _door = Door::with(|| Command::new(DAEMON));
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();
        opens(&mut browser, &alice);
        browser.sees("Set Up Two-Factor Authentication");
        browser.takes_picture("cockpit-page");
        let page = browser.reads();
        assert!(!page.contains("Manage users"), "{page}");
    });
}
