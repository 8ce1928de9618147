//! The life of an administrator in the page, from the first switch to the last user.

use super::faults::end_sessions;
use super::{FRAME, backup_codes, files, install, keeps_none};
use crate::programs::sudo;
use crate::support::browser::Browser;
use crate::support::cockpit::{Cockpit, URL};
use crate::support::codes::{code_at, now};
use crate::support::door::Door;
use crate::support::lanes;
use crate::support::system::{KEY, PASSWORD, System, User, throw_away_with};
use crate::support::until;
use std::fs;
use std::process::Command;

const POLICY: &str = "/etc/security/pam_totp.toml";
const SECRETS: &str = "/var/lib/pam_totp/secrets";

/// Logs in with a code, and becomes administrator with the next one.
pub fn enters(browser: &mut Browser, user: &User) {
    browser.visits(&format!("{URL}pam-totp#/users"));
    browser.types("User name", user.name);
    browser.types("Password", PASSWORD);
    browser.clicks("Log in");
    browser.sees("Verification code:");
    let [code, next] = user.codes();
    browser.types("Verification code:", &code);
    browser.clicks("Log in");
    browser.enters(Some(FRAME));
    browser.sees("To manage other users, click");
    browser.enters(None);
    browser.clicks("Limited access");
    browser.types(&format!("Password for {}:", user.name), PASSWORD);
    browser.clicks("Authenticate");
    browser.types("Verification code:", &next);
    browser.clicks("Authenticate");
    browser.sees("Administrative access");
    browser.enters(Some(FRAME));
    browser.sees("Check of this host");
}

pub fn prepare(system: &System) -> User {
    install(system);
    sudo::prepare(system);
    // On a busy machine it takes longer than a code lasts to become administrator.
    system.policy("unenrolled = \"allow\"\nwindow = 3\n");
    system.enrolled("alice")
}

fn policy() -> String {
    fs::read_to_string(POLICY).expect("a policy")
}

/// Waits until the policy says so.
fn policy_says(line: &str) {
    until(line, || policy().lines().any(|own| own == line));
}

/// Who is enrolled.
fn enrolled() -> Vec<String> {
    let names = fs::read_dir(SECRETS).expect("the keys").map(|entry| entry.expect("a file").file_name());
    let names = names.filter_map(|name| Some(name.to_str()?.strip_suffix(".toml")?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The whole of it in one picture, however far people would scroll.
fn is_shown(browser: &mut Browser, state: &str) {
    browser.pictures(state, [2600, 3600]);
}

#[test]
fn policy_and_programs_are_switched_and_what_that_does_to_people_is_said_before() {
    throw_away_with(files, |system| {
        let alice = prepare(system);
        system.user("bob");
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();
        enters(&mut browser, &alice);
        let (is_on, is_off) = (
            "The Two-Factor Authentication Security Policy is Enabled",
            "The Two-Factor Authentication Security Policy is Disabled",
        );
        browser.sees(is_on);
        browser.presses_at("switch", is_on, "Space");
        browser.sees("Nobody on this host is asked for a code any more.");
        browser.clicks("Cancel");
        browser.presses_at("switch", is_on, "Space");
        browser.clicks("Disable");
        browser.sees(is_off);
        policy_says("enabled = false");
        // With nobody refused by it, nothing is asked.
        browser.presses_at("switch", is_off, "Space");
        browser.sees(is_on);
        policy_says("enabled = true");

        browser.presses_at("radio", "Refuse them", "Space");
        browser.sees("of them are refused.");
        browser.takes_picture("cockpit-page-unenrolled");
        browser.clicks("Cancel");
        browser.misses("of them are refused.");
        policy_says("unenrolled = \"allow\"");
        browser.presses_at("radio", "Refuse them", "Space");
        browser.clicks("Change");
        policy_says("unenrolled = \"deny\"");
        browser.misses("of them are refused.");

        browser.presses_at("switch", is_on, "Space");
        browser.clicks("Disable");
        browser.sees(is_off);
        browser.presses_at("switch", is_off, "Space");
        browser.sees("of them are refused.");
        browser.sees("These programs ask for a code: cockpit, sudo.");
        browser.clicks("Enable");
        browser.sees(is_on);

        browser.types("Issuer", "a:b");
        browser.clicks("Save");
        browser.sees("1 to 128 characters without a colon.");
        browser.types("Issuer", "ACME Inc");
        browser.clicks("Save");
        browser.sees("Saved.");
        policy_says("issuer = \"ACME Inc\"");

        // A store that cannot be used is said, and the lines that fix it are there.
        system.runs(Command::new("chmod").args(["755", SECRETS]));
        browser.clicks("Check again");
        browser.sees("chmod 700 /var/lib/pam_totp/secrets");
        is_shown(&mut browser, "doctor");
        browser.presses_at("radio", "Let them in", "Space");
        browser.sees("The keys and records cannot be used.");
        browser.takes_picture("cockpit-page-fault");
        policy_says("unenrolled = \"deny\"");
        system.runs(Command::new("chmod").args(["700", SECRETS]));

        // A program.
        let stack = || fs::read_to_string("/etc/pam.d/su").expect("a stack");
        let before = stack();
        browser.presses_at("switch", "su", "Space");
        browser.sees("+ auth requisite pam_totp.so explain");
        is_shown(&mut browser, "stack");
        assert_eq!(stack(), before);
        browser.clicks("Ask for a code");
        until("su asks", || stack().contains("auth requisite pam_totp.so explain"));
        browser.sees_checked("switch", "su");
        browser.presses_at("switch", "su", "Space");
        browser
            .sees("Users can then log in there without a code, unless a file that this stack includes asks for one.");
        browser.clicks("Stop asking");
        until("su asks no more", || stack() == before);

        // Nothing can be answered any more once the session has ended.
        browser
            .misses("Users can then log in there without a code, unless a file that this stack includes asks for one.");
        browser.presses_at("switch", is_on, "Space");
        browser.sees("Nobody on this host is asked for a code any more.");
        end_sessions(system);
        browser.misses("Nobody on this host is asked for a code any more.");
        browser.enters(None);
        browser.takes_picture("cockpit-page-session-ended");
        policy_says("enabled = true");
    });
}

#[test]
fn users_are_disabled_and_unlocked_but_never_oneself() {
    throw_away_with(files, |system| {
        let alice = prepare(system);
        for name in ["bob", "carol", "dave", "erin"] {
            system.enrolled(name);
        }
        system.user("frank");
        lanes::spent("erin", now());
        lanes::closed("dave");
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();
        enters(&mut browser, &alice);
        browser.sees("You: see My account");
        browser.sees("From this host, until");
        browser.sees("Everywhere: only two codes in a row are accepted");
        is_shown(&mut browser, "users");

        browser.clicks("Unlock erin");
        browser.sees("1 user is unlocked: one code is enough again.");
        browser.misses("From this host, until");
        system.log.line("unlocked erin (by alice, uid ");

        browser.clicks("Disable bob");
        browser.sees("Disable two-factor authentication for bob?");
        browser.sees("They can then log in without a code.");
        is_shown(&mut browser, "disable-user");
        browser.clicks("Disable");
        browser.sees("Two-factor authentication is disabled for 1 user.");
        assert_eq!(enrolled(), ["alice", "carol", "dave", "erin"]);

        browser.presses_at("checkbox", "Select carol", "Space");
        browser.clicks("Disable Selected (1)");
        browser.sees("Disable two-factor authentication for 1 user?");
        browser.clicks("Disable");
        until("carol's is disabled", || enrolled() == ["alice", "dave", "erin"]);
        browser.sees("Enrolled (3)");

        browser.clicks("Disable All");
        browser.sees("Disable two-factor authentication for all 2 users, but not for yourself?");
        browser.clicks("Disable");
        browser.sees("Two-factor authentication is disabled for 2 users.");
        assert_eq!(enrolled(), ["alice"]);
        system.log.line("removed the enrollment of dave (by alice, uid ");

        // Codes that nobody has confirmed go with their part of the page, and the user is told.
        let time = now();
        let _door = Door::open(time);
        browser.presses_at("tab", "My account", "Enter");
        browser.clicks("Make new backup codes");
        browser.types("Current code", &code_at(KEY, time + 60));
        browser.presses("Enter");
        let codes = backup_codes(&mut browser);
        browser.presses_at("tab", "Manage users", "Enter");
        browser.sees("Check of this host");
        keeps_none(&mut browser, &codes);
        browser.presses_at("tab", "My account", "Enter");
        browser.sees("You have not confirmed your backup codes.");
        browser.presses_at("tab", "Manage users", "Enter");

        browser.enters(None);
        browser.speaks("de-de");
        browser.enters(Some(FRAME));
        // Not every Cockpit comes back to the part that was open.
        browser.presses_at("tab", "Benutzer verwalten", "Enter");
        browser.sees("Die Sicherheitsrichtlinie für Zwei-Faktor-Authentifizierung ist aktiviert");
        browser.sees("Prüfung dieses Rechners");
        is_shown(&mut browser, "german");
    });
}
