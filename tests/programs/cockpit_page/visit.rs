//! Who opens the page: in which language, by which keys, and under which policy of the browser.

use super::{FRAME, begun, files, key, pictures};
use crate::support::codes::{code_at, now};
use crate::support::system::throw_away_with;

#[test]
fn a_user_sets_it_up_by_the_keyboard_alone() {
    throw_away_with(files, |system| {
        let time = now();
        let (_door, _cockpit, mut browser) = begun(system, time);
        browser.sees("Two-factor authentication is not set up");
        let page = browser.reads();
        assert!(!page.contains("Manage users"), "{page}");

        let policy = browser.policy();
        for directive in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'self'"] {
            assert!(policy.contains(directive), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("data:"), "{policy}");

        // From the top of the page.
        browser.clicks("Set Up Two-Factor Authentication");
        let key = key(&mut browser);
        browser.writes(&code_at(&key, time));
        browser.presses("Enter");
        let codes = super::backup_codes(&mut browser);
        for _ in 0..4 {
            browser.presses("Tab");
        }
        browser.writes(&codes[9]);
        browser.presses("Enter");
        browser.sees("Two-factor authentication is set up. The next login needs the next code.");
        let written = browser.written();
        assert!(
            !written.contains("Content Security Policy") && !written.contains("Content-Security-Policy"),
            "{written}"
        );
    });
}

#[test]
fn the_page_speaks_german() {
    throw_away_with(files, |system| {
        let (_door, _cockpit, mut browser) = begun(system, now());
        browser.sees("Two-factor authentication is not set up");
        browser.enters(None);
        browser.speaks("de-de");
        // So does the menu.
        browser.sees("Zwei-Faktor-Authentifizierung");
        browser.enters(Some(FRAME));
        browser.clicks("Zwei-Faktor-Authentifizierung einrichten");
        browser.sees("Lesen Sie den QR-Code");
        browser.types_under("Bestätigungscode", "123");
        browser.presses("Enter");
        browser.sees("Geben Sie die 6 Ziffern ein, die die App zeigt.");
        pictures(&mut browser, "german");
    });
}
