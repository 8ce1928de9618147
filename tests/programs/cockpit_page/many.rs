//! Ten thousand users in the table.

use super::administrator::{enters, prepare};
use super::files;
use crate::support::browser::Browser;
use crate::support::cockpit::Cockpit;
use crate::support::system::{System, throw_away_with};
use std::process::Command;
use std::time::Instant;

const MANY: usize = 10_000;
/// A page of the table, its head, and nothing of the rest.
const ROWS: usize = 21;

/// `tests/support/many.py`.
fn makes(system: &System, what: &str, users: usize) {
    let mut python = Command::new("python3");
    system.runs(python.args(["/mnt/sources/tests/support/many.py", what, &users.to_string()]));
}

#[test]
fn ten_thousand_users_are_found_and_only_a_page_of_them_is_drawn() {
    throw_away_with(files, |system| {
        let alice = prepare(system);
        makes(system, "accounts", MANY);
        makes(system, "enrolled", MANY - 1);
        let _cockpit = Cockpit::start(&alice);
        let mut browser = Browser::start();
        enters(&mut browser, &alice);
        let begin = Instant::now();
        browser.sees("Enrolled (10000)");
        println!("{MANY} users were listed after {:?}", begin.elapsed());
        browser.sees("user0000000");
        let drawn = browser.counts("row");
        assert!(drawn <= ROWS, "{drawn} rows");

        let begin = Instant::now();
        browser.types("Search users", "user0009999");
        browser.sees("1 user is shown.");
        browser.sees("Not enrolled");
        println!("one of them was found after {:?}", begin.elapsed());
        assert_eq!(browser.counts("row"), 2);
        browser.types("Search users", "USER000123");
        browser.sees("10 users are shown.");
        browser.clicks("Clear the search");
        // The last page, from the other end.
        browser.clicks("User");
        browser.misses("user0000000");
        let drawn = browser.counts("row");
        assert!(drawn <= ROWS, "{drawn} rows");
    });
}
