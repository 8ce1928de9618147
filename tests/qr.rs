//! The QR code on a screen: a phone that sees nothing else can enroll.

use super::support::codes;
use super::support::system::throw_away;
use super::support::tmux::{Tmux, scan};

/// With it and a key of 32 characters, a URI of 101 bytes.
const ISSUER: &str = "host.example.com";

#[test]
fn an_80x24_terminal_shows_a_code_that_a_phone_reads_on_every_theme() {
    throw_away(|system| {
        system.user("alice");
        let terminal = Tmux::start(80, 24, &["pam-totp", "enroll", "alice", "--issuer", ISSUER, "--qr", "utf8"]);
        let screen = terminal.asks("code: ");
        let key = key_on(&screen);
        let expected = format!("otpauth://totp/{ISSUER}:alice?secret={key}&issuer={ISSUER}");
        for theme in ["dark", "light"] {
            assert_eq!(scan(&terminal.picture(theme)), expected, "on a {theme} theme:\n{screen}");
        }
        // The whole conversation is on this one screen: nothing has scrolled away.
        assert!(screen.contains("alice"), "{screen}");
        terminal.types(&codes::fresh_code(&key));
        terminal.ends(0);
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
