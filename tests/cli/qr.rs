//! The QR code on a screen: a phone that sees nothing else can enroll.

use crate::support::codes;
use crate::support::system::throw_away;
use crate::support::tmux::{Tmux, scan};

/// With it and a key of 32 characters, a URI of 101 bytes.
const ISSUER: &str = "host.example.com";

/// Everything that somebody needs stands on one screen, and no line is broken by the terminal.
fn whole_screen(screen: &str, columns: usize) {
    for text in ["Two-factor authentication", "Authenticator", "Ctrl-C", "Account: alice at ", "Key:     "] {
        assert!(screen.contains(text), "{text} is missing:\n{screen}");
    }
    assert!(screen.lines().all(|line| line.chars().count() <= columns - 2), "{screen}");
    // The code first, words under it or beside it.
    assert!(screen.find('█') < screen.find("Account: "), "{screen}");
}

#[test]
fn a_usual_terminal_shows_code_words_and_prompt_on_one_screen_and_a_phone_reads_it_on_every_theme() {
    throw_away(|system| {
        system.user("alice");
        for (columns, rows) in [(80, 24), (80, 25), (100, 40)] {
            let command = ["pam-totp", "enroll", "alice", "--issuer", ISSUER, "--qr", "utf8"];
            let terminal = Tmux::start(columns, rows, &command);
            let screen = terminal.asks("code: ");
            whole_screen(&screen, 80);
            let expected = format!("otpauth://totp/{ISSUER}:alice?secret={}&issuer={ISSUER}", key_on(&screen));
            for theme in ["dark", "light"] {
                assert_eq!(scan(&terminal.picture(theme)), expected, "on a {theme} theme:\n{screen}");
            }
        }
    });
}

/// Said twice, such an issuer would need 26 rows.
#[test]
fn an_issuer_of_ordinary_length_is_said_once_where_there_is_no_room() {
    throw_away(|system| {
        system.user("alice");
        let issuer = "host1.hosting.example-company.com";
        let terminal = Tmux::start(80, 24, &["pam-totp", "enroll", "alice", "--issuer", issuer, "--qr", "utf8"]);
        let screen = terminal.asks("code: ");
        whole_screen(&screen, 80);
        let key = key_on(&screen);
        assert_eq!(scan(&terminal.picture("dark")), format!("otpauth://totp/{issuer}:alice?secret={key}"), "{screen}");
        terminal.types(&codes::fresh_code(&key));
        terminal.ends(0);
        let screen = terminal.shows("Backup codes");
        assert!(screen.contains("Two-factor authentication is on for alice. The next login needs the next code."));
    });
}

#[test]
fn an_ascii_code_is_read_too() {
    throw_away(|system| {
        system.user("al");
        let terminal = Tmux::start(100, 60, &["pam-totp", "enroll", "al", "--issuer", "h", "--qr", "ascii"]);
        let key = key_on(&terminal.asks("code: "));
        for theme in ["dark", "light"] {
            let expected = format!("otpauth://totp/h:al?secret={key}&issuer=h");
            assert_eq!(scan(&terminal.picture(theme)), expected, "on a {theme} theme");
        }

        let terminal = Tmux::start(80, 24, &["pam-totp", "enroll", "al", "--issuer", ISSUER, "--qr", "ascii"]);
        let screen = terminal.asks("code: ");
        key_on(&screen);
        for text in ["82 columns and 52 rows, this one has 80 and 24", "--qr-file FILE.png", "use --qr utf8", "by hand"]
        {
            let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(text), "{text} is missing:\n{screen}");
        }
    });
}

#[test]
fn a_small_terminal_is_told_how_many_rows_would_do() {
    throw_away(|system| {
        system.user("alice");
        let terminal = Tmux::start(80, 20, &["pam-totp", "enroll", "alice", "--issuer", ISSUER, "--qr", "utf8"]);
        let screen = terminal.asks("code: ");
        assert!(screen.contains("24 rows, this one has 20"), "{screen}");
        // The key is there to be typed instead.
        key_on(&screen);
    });
}

/// The key as it stands on the screen, in groups of four.
fn key_on(screen: &str) -> String {
    let is_group = |word: &&str| word.len() == 4 && word.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
    let keys = screen.lines().map(|line| line.split_whitespace().filter(is_group).collect::<String>());
    let mut keys = keys.filter(|key| key.len() == 32);
    keys.next().unwrap_or_else(|| panic!("no key on this screen:\n{screen}"))
}
