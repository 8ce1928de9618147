//! A delegate on the page: their users, and nobody else's.

use super::{FRAME, files, install, keeps_none, opens};
use crate::support::browser::Browser;
use crate::support::cockpit::Cockpit;
use crate::support::codes::{code_at, now, wrong_code};
use crate::support::door::Door;
use crate::support::lanes;
use crate::support::system::{KEY, throw_away_with};
use std::fs;

const FILE: &str = "/etc/security/pam_totp.delegates.toml";

const DELEGATES: &str = "administrators = [\"sudo\"]\n[[delegate]]\nwho = \"alice\"\nusers = [\"bob\", \"carol\"]\n\
                         may = [\"list\", \"status\", \"unlock\", \"remove\", \"backup-codes\"]\n";

fn is_enrolled(user: &str) -> bool {
    fs::exists(format!("/var/lib/pam_totp/secrets/{user}.toml")).expect("looks")
}

#[test]
fn a_delegate_finds_unlocks_helps_and_disables_their_users_with_a_code_each_time() {
    throw_away_with(files, |system| {
        let time = now();
        install(system);
        system.policy("unenrolled = \"allow\"\n[[exempt]]\nservices = [\"cockpit\"]\n");
        let alice = system.enrolled("alice");
        for user in ["bob", "carol", "dave"] {
            system.enrolled(user);
        }
        system.file(FILE, DELEGATES);
        lanes::spent("carol", time);
        let door = Door::open(time);
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();
        opens(&mut browser, &alice);
        browser.clicks("Your users");
        browser.sees("has given these users into your care");

        browser.clicks("Show your users");
        browser.types("Current code", &wrong_code(KEY));
        browser.presses("Enter");
        browser.sees("The security code is invalid.");
        browser.types("Current code", &code_at(KEY, time));
        browser.presses("Enter");
        browser.sees("carol");
        browser.sees("From this host, until");
        assert!(!browser.reads().contains("dave"), "dave is nobody of theirs");
        browser.pictures("delegate", [900, 1400]);

        door.at(time + 30);
        browser.clicks("Unlock carol");
        browser.types("Current code", &code_at(KEY, time + 30));
        browser.presses("Enter");
        browser.sees("carol is unlocked: one code is enough again.");
        browser.misses("From this host, until");

        door.at(time + 60);
        browser.clicks("Backup code for bob");
        browser.types("Current code", &code_at(KEY, time + 60));
        browser.presses("Enter");
        browser.sees("A backup code for bob, good for one login until ");
        browser.pictures("delegate-backup-code", [900, 1400]);
        let is_code = |word: &&str| word.split('-').count() == 4 && word.split('-').all(|group| group.len() == 4);
        let page = browser.reads();
        let code = page.split_whitespace().find(is_code).expect("a code").to_owned();

        door.at(time + 90);
        browser.clicks("Disable bob");
        keeps_none(&mut browser, [&code]);
        browser.types("Current code", &code_at(KEY, time + 90));
        browser.presses("Enter");
        browser.sees("Two-factor authentication is disabled for bob.");
        assert!(!is_enrolled("bob") && is_enrolled("carol") && is_enrolled("alice"));
        system.log.line("removed the enrollment of bob, by the delegate alice (asked by uid ");

        browser.enters(None);
        browser.speaks("de-de");
        browser.enters(Some(FRAME));
        browser.presses_at("tab", "Ihre Benutzer", "Enter");
        browser.sees("Ihre Benutzer anzeigen");
    });
}
