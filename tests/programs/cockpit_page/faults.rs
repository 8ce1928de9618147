//! What goes wrong around the page.

use super::life::{comes_back, leaves};
use super::{FRAME, address, backup_codes, begun, files, install, keeps_none, key, opens, pictures};
use crate::support::browser::Browser;
use crate::support::cockpit::Cockpit;
use crate::support::codes::{code_at, now};
use crate::support::door::Door;
use crate::support::system::{System, throw_away_with};
use crate::support::until;
use std::process::Command;

/// Sets it up as far as the first code.
fn begins(browser: &mut Browser) -> String {
    browser.clicks("Set Up Two-Factor Authentication");
    key(browser)
}

#[test]
fn without_pam_totpd_the_page_says_so_and_goes_on_later() {
    throw_away_with(files, |system| {
        install(system);
        let alice = system.user("alice");
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();
        opens(&mut browser, &alice);
        browser.sees("The service pam-totpd does not run");
        pictures(&mut browser, "no-door");
        let time = now();
        let door = Door::open(time);
        browser.clicks("Try again");
        let key = begins(&mut browser);

        // It ends while somebody looks for their phone: the key in the phone is still good.
        door.close();
        browser.types("Verification code", &code_at(&key, time));
        browser.clicks("Configure Two-Factor Authentication");
        browser.sees("The service pam-totpd does not run");
        let _door = Door::open(time);
        browser.clicks("Configure Two-Factor Authentication");
        backup_codes(&mut browser);
    });
}

#[test]
fn a_second_tab_hears_that_the_first_was_faster() {
    throw_away_with(files, |system| {
        let time = now();
        let (_door, _cockpit, mut browser) = begun(system, time);
        let slow = begins(&mut browser);
        browser.opens_tab(&address());
        browser.enters(Some(FRAME));
        let fast = begins(&mut browser);
        browser.types("Verification code", &code_at(&fast, time));
        browser.clicks("Configure Two-Factor Authentication");
        let codes = backup_codes(&mut browser);

        browser.switches_to(0);
        browser.types("Verification code", &code_at(&slow, time));
        browser.clicks("Configure Two-Factor Authentication");
        browser.sees("Your account was changed elsewhere in the meantime");
        browser.sees("10 of 10 codes are left.");
        pictures(&mut browser, "changed-elsewhere");

        // The other tab is not disturbed.
        browser.switches_to(1);
        assert_eq!(backup_codes(&mut browser), codes);
    });
}

/// Has `pam-totp` wait until the returned file is there, whenever it is to store a key.
fn waits_to_store(system: &System) -> &'static str {
    const GO: &str = "/run/go";
    system.runs(Command::new("mv").args(["/usr/bin/pam-totp", "/usr/bin/pam-totp.real"]));
    let waits = format!("case \" $* \" in *' set '*) until [ -e {GO} ]; do sleep 0.05; done;; esac");
    system.file("/usr/bin/pam-totp", &format!("#!/bin/sh\n{waits}\nexec pam-totp.real \"$@\"\n"));
    system.runs(Command::new("chmod").args(["755", "/usr/bin/pam-totp"]));
    GO
}

#[test]
fn whoever_leaves_while_their_key_is_stored_finds_neither_key_nor_codes_when_they_are_back() {
    throw_away_with(files, |system| {
        let time = now();
        let (_door, _cockpit, mut browser) = begun(system, time);
        let key = begins(&mut browser);
        let go = waits_to_store(system);
        browser.types("Verification code", &code_at(&key, time));
        browser.clicks("Configure Two-Factor Authentication");
        leaves(&mut browser);
        until("the page has forgotten the key", || !browser.keeps().contains("Scan the QR code"));
        system.file(go, "");
        comes_back(&mut browser);
        // Stored or not: what is there now says which, and shows no code again.
        until("the page knows", || {
            let page = browser.reads();
            page.contains("is not set up") || page.contains("You have not confirmed your backup codes.")
        });
        keeps_none(&mut browser, [&key]);
        let shown = browser.keeps();
        let is_code = |word: &str| word.split('-').count() == 4 && word.split('-').all(|group| group.len() == 4);
        assert!(!shown.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(is_code), "{shown}");
    });
}

#[test]
fn a_session_that_ends_leaves_no_key_behind_its_curtain() {
    throw_away_with(files, |system| {
        let (_door, _cockpit, mut browser) = begun(system, now());
        let key = begins(&mut browser);
        end_sessions(system);
        until("the page has forgotten the key", || !browser.keeps().contains("Scan the QR code"));
        keeps_none(&mut browser, [&key]);
        browser.enters(None);
        browser.takes_picture("cockpit-page-session-ended");
    });
}

/// As an administrator does who ends all that a user runs.
pub fn end_sessions(system: &System) {
    system.runs(Command::new("pkill").args(["--signal", "KILL", "--euid", "alice", "cockpit-bridge"]));
}
