//! The life of a user on the page.

use super::{FRAME, backup_codes, begun, files, keeps_none, key, pictures};
use crate::support::browser::Browser;
use crate::support::codes::{code_at, now, wrong_code};
use crate::support::lanes;
use crate::support::system::{System, throw_away_with};
use crate::support::until;
use pam_totp::factor::record::Trust;
use serde_json::Value;
use std::process::Command;

/// What root is told of alice.
fn status(system: &System) -> Value {
    let output = system.runs(Command::new("pam-totp").args(["status", "--json", "alice"]));
    serde_json::from_slice(&output.stdout).expect("an object")
}

/// What the camera of a phone reads.
fn scanned(system: &System, state: &str, look: &str) -> String {
    let picture = format!("/mnt/pictures/cockpit-page-{state}-{look}.png");
    let output = system.runs(Command::new("zbarimg").args(["--quiet", "--raw", &picture]));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// Opens another page of Cockpit's, which keeps this one in its frame.
pub fn leaves(browser: &mut Browser) {
    browser.enters(None);
    browser.clicks("Accounts");
}

pub fn comes_back(browser: &mut Browser) {
    browser.clicks("Two-Factor Authentication");
    browser.enters(Some(FRAME));
}

/// Types one of the codes back.
fn confirms(browser: &mut Browser, code: &str) {
    browser.types_under("Type one of the codes", code);
    browser.clicks("I have stored them");
    browser.sees("Two-factor authentication is set up. The next login needs the next code.");
}

#[test]
fn a_user_sets_it_up_changes_it_and_removes_it() {
    throw_away_with(files, |system| {
        let time = now();
        let (door, _cockpit, mut browser) = begun(system, time);
        browser.sees("Two-factor authentication is not set up");
        pictures(&mut browser, "not-set-up");

        // A user who goes to another page of Cockpit leaves nothing behind, and the next key is another one.
        browser.clicks("Set Up Two-Factor Authentication");
        let left = key(&mut browser);
        leaves(&mut browser);
        until("the key is gone", || !browser.keeps().contains("Scan the QR code"));
        keeps_none(&mut browser, [&left]);
        comes_back(&mut browser);
        browser.clicks("Set Up Two-Factor Authentication");
        let phone = key(&mut browser);
        assert_ne!(phone, left);
        pictures(&mut browser, "set-up");
        for look in ["light", "dark", "narrow"] {
            let uri = format!("otpauth://totp/ACME:alice?secret={phone}&issuer=ACME");
            assert_eq!(scanned(system, "set-up", look), uri, "{look}");
        }

        browser.types("Verification code", &wrong_code(&phone));
        browser.clicks("Configure Two-Factor Authentication");
        browser.sees("The security code is invalid.");
        browser.sees("The server's clock says ");
        pictures(&mut browser, "wrong-code");
        browser.types("Verification code", &code_at(&phone, time - 600));
        browser.clicks("Configure Two-Factor Authentication");
        browser.sees("The clock of your device is 10 minutes behind this server's.");
        browser.types("Verification code", &code_at(&phone, time));
        browser.clicks("Configure Two-Factor Authentication");

        let codes = backup_codes(&mut browser);
        pictures(&mut browser, "backup-codes");
        browser.clicks("Copy");
        browser.sees("Copied.");
        let (name, kept) = browser.downloads("Download");
        assert!(
            name == "backup-codes-alice.txt" && codes.iter().all(|code| kept.contains(code.as_str())),
            "{name}: {kept}"
        );
        let paper = browser.prints("Print");
        assert!(
            codes.iter().all(|code| paper.contains(code.as_str())) && !paper.contains("I have stored them"),
            "{paper}"
        );
        browser.types_under("Type one of the codes", "no such code");
        browser.clicks("I have stored them");
        browser.sees("This is none of your backup codes.");
        confirms(&mut browser, &codes[3].replace('-', "").to_uppercase());
        keeps_none(&mut browser, codes.iter().chain([&phone]));
        assert_eq!(status(system)["backup_codes"]["left"], 10, "none was used up");
        pictures(&mut browser, "enrolled");

        // A tablet beside the phone.
        door.at(time + 30);
        browser.clicks("Add a device");
        let tablet = key(&mut browser);
        browser.types("Name of the device", "tablet");
        browser.types("Verification code of the new device", &code_at(&tablet, time + 30));
        browser.types("Code of a device that you have already", &wrong_code(&phone));
        browser.clicks("Add the device");
        browser.sees("The security code is invalid.");
        pictures(&mut browser, "add");
        browser.types("Code of a device that you have already", &code_at(&phone, time + 30));
        browser.clicks("Add the device");
        browser.sees("The device was added.");
        pictures(&mut browser, "two-devices");
        keeps_none(&mut browser, [&tablet]);

        // A new phone, with a backup code of the old one's set.
        door.at(time + 60);
        browser.clicks("Reconfigure phone");
        let new = key(&mut browser);
        browser.sees("The old device stops working");
        browser.types("Verification code of the new device", &code_at(&new, time + 60));
        browser.clicks("Use a backup code instead");
        browser.types("A backup code", &codes[0]);
        pictures(&mut browser, "reconfigure");
        browser.clicks("Configure Two-Factor Authentication");
        let codes = backup_codes(&mut browser);
        confirms(&mut browser, &codes[0]);
        keeps_none(&mut browser, codes.iter().chain([&new]));

        door.at(time + 90);
        browser.clicks("Remove tablet");
        browser.types("Current code", &code_at(&new, time + 90));
        pictures(&mut browser, "remove-device");
        browser.presses("Enter");
        browser.sees("The device was removed.");
        assert_eq!(status(system)["devices"].as_array().map(Vec::len), Some(1));

        door.at(time + 120);
        browser.clicks("Make new backup codes");
        browser.types("Current code", &code_at(&new, time + 120));
        browser.presses("Enter");
        let codes = backup_codes(&mut browser);
        // Unconfirmed, they are gone all the same.
        leaves(&mut browser);
        until("the codes are gone", || !browser.keeps().contains("Do not close this page yet"));
        keeps_none(&mut browser, &codes);
        comes_back(&mut browser);
        browser.sees("You have not confirmed your backup codes.");

        lanes::changes("alice", |record| {
            let address = Some("192.0.2.4".parse().expect("an address"));
            record.trusts = vec![Trust { hash: "a".into(), until: time + 3_600, address }];
        });
        lanes::spent("alice", time + 150);
        door.at(time + 150);
        browser.opens_tab(&super::address());
        browser.enters(Some(FRAME));
        browser.sees("192.0.2.4, until ");
        pictures(&mut browser, "waiting");
        browser.clicks("Forget addresses");
        browser.clicks("Forget them");
        browser.sees("No address is remembered any more.");

        browser.clicks("Remove");
        browser.types("Current code", &code_at(&new, time + 150));
        browser.presses("Enter");
        browser.sees("Now 2 codes in a row are needed");
        browser.types("The code that comes after it", &code_at(&new, time + 180));
        pictures(&mut browser, "remove");
        browser.presses("Enter");
        browser.sees("Two-factor authentication was removed.");
        browser.sees("Two-factor authentication is not set up");
        assert_eq!(status(system)["enrolled"], false);
        let written = browser.written();
        assert!(!written.contains("Content Security Policy"), "{written}");
    });
}
