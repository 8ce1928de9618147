//! Cockpit in a real browser.

use crate::programs::sudo;
use crate::support::browser::{self, Browser};
use crate::support::cockpit::{Cockpit, URL};
use crate::support::codes::{fresh_code, fresh_codes};
use crate::support::lanes;
use crate::support::system::{PASSWORD, throw_away_with};
use crate::support::until;
use std::fs;

const STACK: &str = include_str!("../../pam.d/cockpit");

/// What the page shows to somebody who is in.
const IN: &str = "Limited access";

/// Opens the login page and logs in there.
fn answer(browser: &mut Browser, password: &str, code: &str) {
    browser.visits(URL);
    log_in(browser, password, code);
}

fn give_password(browser: &mut Browser, password: &str) {
    browser.types("User name", "alice");
    browser.types("Password", password);
    browser.clicks("Log in");
}

/// Answers both prompts, one after the other as Cockpit asks.
fn log_in(browser: &mut Browser, password: &str, code: &str) {
    give_password(browser, password);
    browser.types("Verification code:", code);
    browser.takes_picture("cockpit-code");
    browser.clicks("Log in");
}

/// Answers both prompts of sudo.
fn authenticate(browser: &mut Browser, code: &str) {
    browser.types("Password for alice:", PASSWORD);
    browser.clicks("Authenticate");
    browser.types("Verification code:", code);
    browser.takes_picture("cockpit-administrator");
    browser.clicks("Authenticate");
}

/// Nobody got in.
fn is_refused(browser: &mut Browser) {
    browser.sees("Authentication failed");
    browser.takes_picture("cockpit-refused");
    let page = browser.reads();
    assert!(!page.contains(IN), "{page}");
}

#[test]
fn password_then_code_gets_in_and_that_code_never_again() {
    throw_away_with(browser::files, |system| {
        system.stack("cockpit", STACK);
        system.without_delays();
        let alice = system.enrolled("alice");
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();

        answer(&mut browser, PASSWORD, &alice.wrong_code());
        is_refused(&mut browser);
        system.log.line("pam_totp(cockpit:auth): authentication failure; ");
        system.log.line("wrong code: alice from 127.0.0.1");

        let code = alice.code();
        answer(&mut browser, PASSWORD, &code);
        browser.sees(IN);
        browser.takes_picture("cockpit-in");
        system.log.line("right code: alice from 127.0.0.1");

        answer(&mut browser, PASSWORD, &code);
        is_refused(&mut browser);
        system.log.line("used code: alice from 127.0.0.1");
    });
}

/// Whoever guesses at an account keeps nobody out who has the phone: the page has a field for one code more.
#[test]
fn after_too_many_wrong_codes_the_page_asks_for_a_second_one() {
    throw_away_with(browser::files, |system| {
        system.stack("cockpit", STACK);
        system.without_delays();
        let alice = system.enrolled("alice");
        lanes::closed("alice");
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();
        let [now, next] = alice.codes();

        answer(&mut browser, PASSWORD, &now);
        browser.types_under("Too many wrong codes from here. Now the code that comes after it (in ", &next);
        browser.takes_picture("cockpit-second-code");
        browser.clicks("Log in");
        browser.sees(IN);
        system.log.line("waiting: alice from 127.0.0.1 had too many wrong codes");
        system.log.line("right code: alice from 127.0.0.1");
    });
}

/// Seven of these with a user's name, and that user would have to wait.
#[test]
fn nobody_without_the_password_is_asked_for_a_code() {
    throw_away_with(browser::files, |system| {
        system.stack("cockpit", STACK);
        system.without_delays();
        let alice = system.enrolled("alice");
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();
        let code = alice.code();

        browser.visits(URL);
        give_password(&mut browser, "wrong password");
        browser.sees("Wrong user name or password");
        let page = browser.reads();
        assert!(!page.contains("Verification code:") && !page.contains(IN), "{page}");
        assert_eq!(system.log.count("pam_totp(cockpit:auth)"), 0, "nobody was asked");

        answer(&mut browser, PASSWORD, &code);
        browser.sees(IN);
    });
}

#[test]
fn becoming_administrator_asks_for_a_code_of_its_own() {
    throw_away_with(browser::files, |system| {
        system.stack("cockpit", STACK);
        sudo::prepare(system);
        system.without_delays();
        let alice = system.enrolled("alice");
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();
        let [code, next] = alice.codes();
        answer(&mut browser, PASSWORD, &code);

        browser.clicks("Limited access");
        // The one that opened the page opens no second door.
        authenticate(&mut browser, &code);
        authenticate(&mut browser, &next);
        browser.sees("Administrative access");
        system.log.line("pam_totp(sudo:auth): used code: alice from local");
        system.log.line("pam_totp(sudo:auth): right code: alice from local");
        system.log.line("USER=root ; COMMAND=/usr/bin/cockpit-bridge --privileged");
    });
}

/// At the login of somebody who was administrator before, Cockpit answers sudo's prompts with the password that it knows.
#[test]
fn being_remembered_as_administrator_costs_no_try() {
    throw_away_with(browser::files, |system| {
        system.stack("cockpit", STACK);
        sudo::prepare(system);
        system.without_delays();
        // So that four codes in a row are good without waiting for them, and a second wrong guess would be felt.
        system.policy("window = 3\n[throttle]\nfree = 1\n");
        let alice = system.enrolled("alice");
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();
        let [first, second, third, fourth] = alice.codes();
        answer(&mut browser, PASSWORD, &first);
        browser.clicks("Limited access");
        authenticate(&mut browser, &second);
        browser.sees("Administrative access");
        browser.clicks("Session");
        browser.clicks("Log out");

        log_in(&mut browser, PASSWORD, &third);
        // That of Debian 12 answers each prompt of three tries, a later one the first prompt alone.
        let answers = ["no code: the answer of alice from local", "no answer: "]
            .map(|said| format!("pam_totp(sudo:auth): {said}"));
        system.log.line_where("of a prompt without a code", |line| answers.iter().any(|said| line.contains(said)));
        until("sudo has given up", || !runs("sudo"));
        browser.clicks("Limited access");
        authenticate(&mut browser, &fourth);
        browser.sees("Administrative access");
    });
}

/// Whether a program of this name runs. One that ended may stand there still: nobody waits for what its parent left.
fn runs(program: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let mut stats = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    stats.any(|stat| stat.contains(&format!("({program}) ")) && !stat.contains(") Z "))
}

/// The key as the page shows it, in groups of four.
fn key(page: &str) -> String {
    let (_, after) = page.split_once("Key:").unwrap_or_else(|| panic!("no key: {page}"));
    let key: String = after.split_whitespace().take_while(|group| group.len() == 4).collect();
    assert_eq!(key.len(), 32, "{page}");
    key
}

/// The ten backup codes.
fn backup_codes(page: &str) -> Vec<String> {
    let is_code = |word: &&str| word.len() == 19 && word.matches('-').count() == 3;
    let codes: Vec<String> = page.split_whitespace().filter(is_code).map(str::to_owned).collect();
    assert_eq!(codes.len(), 10, "{page}");
    codes
}

/// Enrolls at the login, as far as the account phase.
fn enroll(browser: &mut Browser) -> String {
    browser.visits(URL);
    give_password(browser, PASSWORD);
    browser.sees("Account: alice at ACME");
    let key = key(&browser.reads());
    browser.takes_picture("cockpit-enroll");
    browser.types_under("Verification code:", &fresh_code(&key));
    browser.clicks("Log in");
    key
}

/// However its letters are grouped.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[test]
fn users_who_are_not_enrolled_enroll_in_the_page() {
    throw_away_with(browser::files, |system| {
        system.stack("cockpit", STACK);
        system.without_delays();
        system.policy("unenrolled = \"enroll\"\nissuer = \"ACME\"\n");
        let alice = system.user("alice");
        let left = || {
            ["secrets/alice.toml", "state/alice"]
                .map(|file| fs::exists(format!("/var/lib/pam_totp/{file}")).expect("a folder"))
        };
        let cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();

        browser.visits(URL);
        give_password(&mut browser, "wrong password");
        browser.sees("Wrong user name or password");
        assert_eq!(left(), [false, false]);

        let key = enroll(&mut browser);
        browser.sees("Write down these backup codes");
        let codes = backup_codes(&browser.reads());
        browser.takes_picture("cockpit-backup-codes");
        browser.types_under("Backup code:", "no such code");
        browser.clicks("Log in");
        browser.sees("This is none of your backup codes.");
        assert_eq!(backup_codes(&browser.reads()), codes, "they are there again");
        browser.types_under("Backup code:", &codes[3]);
        browser.clicks("Log in");
        browser.sees(IN);
        assert_eq!(left(), [true, true]);

        // What its session process is told beside the prompts, it writes into the journal.
        system.log.line("alice has typed back a backup code: the set counts");
        let written = cockpit.errors();
        assert!(written.contains("Your backup codes are on."), "not where it writes: {written}");
        for log in [written, system.log.lines().join("\n")] {
            let log = plain(&log);
            for secret in codes.iter().chain([&key]) {
                assert!(!log.contains(&plain(secret)), "{log}");
            }
        }

        let [_, next] = fresh_codes(&key);
        for code in [&next, &codes[3]] {
            answer(&mut browser, PASSWORD, code);
            browser.sees(IN);
        }
    });
}
