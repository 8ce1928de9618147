//! What people read who enroll, at a login and with `pam-totp enroll`. Pure.

use super::user::wrong_code;
use crate::factor::backup::BackupShaped;
use crate::factor::secret::Answer;
use crate::text::wrap::wrap;
use crate::text::{clean, counted, moment};

/// Lines of prompts and messages that we break ourselves.
const WIDTH: usize = 78;

const MUST_ENROLL: &str = "This server asks for a verification code after your password. Set up an \
                           authenticator app (Google Authenticator, Authy, Duo Mobile, ...) now.";

/// To somebody who enrolls at a login. Some programs show all that comes until the answer as one run of words.
pub fn must_enroll() -> String {
    lines(MUST_ENROLL)
}

/// Before anything secret is shown.
pub const PRESS_ENTER: &str = "Press Enter to see account and key: ";

fn lines(text: &str) -> String {
    wrap(text, WIDTH) + "\n"
}

/// Above a new key: what to do, and until when it can wait.
pub fn new_key(put_off: Option<u64>) -> String {
    let what = lines("Add this account and key to the app, then type the code that it shows.");
    [what, put_off.map_or(String::new(), |until| lines(&can_wait(until)))].concat()
}

fn can_wait(until: u64) -> String {
    format!("You can put this off until {}: just press Enter.", moment(until))
}

/// Beside or under a QR code on a console; the lines are broken where it is drawn. `first`: nothing was said before.
pub fn beside_qr(first: bool, put_off: Option<u64>) -> String {
    let scan =
        "Scan this QR code, or add the account and the key below it by hand. Then type the code that the app shows.";
    let paragraphs = [first.then(|| MUST_ENROLL.into()), Some(scan.into()), put_off.map(can_wait)];
    paragraphs.into_iter().flatten().collect::<Vec<String>>().join("\n\n")
}

/// After a code that does not prove the new key, above the key.
pub fn not_proved(clock_off: Option<i64>) -> String {
    let what = if clock_off.is_none() { "Check this account and key in the app, and type" } else { "Type" };
    format!("{}\n{what} the code that it shows now.\n", wrap(&wrong_code(clock_off), WIDTH))
}

/// What the app is to call it, in at most so many bytes and a line break: the end of a longer one is left out.
pub fn account_line(account: &str, issuer: &str, most: usize) -> String {
    let mut line = format!("Account: {account} at {issuer}.");
    if line.len() > most {
        let cut = most.saturating_sub(3);
        line.truncate((0..=cut).rev().find(|n| line.is_char_boundary(*n)).unwrap_or_default());
        line.push_str("...");
    }
    line.push('\n');
    line
}

/// To somebody whose key was proved at a login before, where no account line has stored it.
pub const NOT_STORED_BEFORE: &str = "Your enrollment at an earlier login was not stored. Tell your administrator.";
/// A device that was proved and could not be stored.
pub const NOT_STORED: &str = "Your enrollment could not be stored. Tell your administrator, and try again.";
/// After the last try at a login.
pub const NOT_ENROLLED: &str = "Nothing was stored: two-factor authentication is still off. Log in again to try again.";
/// Above the first backup codes.
pub const BACKUP_CODES: &str = "Two-factor authentication is on. Write down these backup codes, each good for\n\
                                one login without the phone. They are shown only now.\n";
/// The same, after an answer that is none of them.
pub const NOT_ONE_OF_THEM: &str = "This is none of your backup codes. Write down these:\n";
/// Under them.
pub const TYPE_ONE_BACK: &str = "To turn them on, type one now; it is not used up. Or press Enter: then you\n\
                                 have none until you run pam-totp backup-codes.\nBackup code: ";
/// One was typed back.
pub const BACKUP_CODES_ON: &str = "Your backup codes are on. The next login needs the next code of the app.";
/// None was.
pub const NO_BACKUP_CODES: &str = "You have no backup codes. Make some with `pam-totp backup-codes`.\n\
                                   The next login needs the next code of the app.";

/// What a new key is for, as far as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Two-factor authentication begins.
    First,
    /// One more device.
    Further,
    /// Another phone takes the place of one.
    Instead,
}

/// What to do with account and key, or with the QR code, of `pam-totp enroll`: paragraphs.
pub fn instructions(purpose: Purpose, qr: bool) -> String {
    const NEEDS: &str = "Two-factor authentication needs an authenticator app on the phone: Google Authenticator, Authy, \
                         Duo Mobile or another one.";
    const STOP: &str = "To stop, press Ctrl-C.";
    let (app, phone) = match purpose {
        Purpose::Instead => ("the app on the NEW phone", "the new phone"),
        Purpose::First | Purpose::Further => ("the app", "the app"),
    };
    let take = if qr {
        format!("Scan this QR code with {app}, or add the account and the key below to it by hand.")
    } else {
        format!("Add this account and key to {app} by hand.")
    };
    let until = match purpose {
        Purpose::First => "Nothing is stored until that code is right.",
        Purpose::Further => "The devices that you have keep working.",
        Purpose::Instead => "The old phone works until you are done.",
    };
    format!("{NEEDS}\n\n{take} Then type the code that {phone} shows.\n\n{until} {STOP}")
}

/// The prompt for the code that proves the new key, beside one for a code of what is there already.
pub const NEW_PHONE: &str = "Code on the NEW phone: ";
/// And for the other one.
pub const OLD_PHONE: &str = "Code on the OLD phone, or a backup code: ";
/// Where the other devices stay.
pub const OWN_DEVICE: &str = "Code on a device that you have, or a backup code: ";
/// Where it is one device whose codes are not accepted.
pub const OTHER_DEVICE: &str = "Code on another device, or a backup code: ";
/// Behind an enrollment on a host on which nothing would ask for its codes.
pub const NO_STACK: &str = "No PAM stack on this host asks for codes yet: `pam-totp doctor` says what to do.";

/// What is wrong with the shape of an answer, if anything: no code was judged, so nothing is used up or counted.
pub fn slip(answer: &Answer, digits: usize, backup_code_too: bool) -> Option<String> {
    if answer.as_codes(digits).is_some() || backup_code_too && BackupShaped::recognize(answer.as_bytes()).is_some() {
        return None;
    }
    Some(match digits_typed(answer) {
        Some(typed) => format!("That is {}; a code has {digits}.", counted(typed, "digit", "digits")),
        None if answer.as_bytes().is_empty() => format!("Type the {digits} digits that the app shows."),
        None if backup_code_too => {
            format!("That is neither a code of {digits} digits nor a backup code like abcd-efgh-jkmn-pqrs.")
        }
        None => format!("That is not a code; a code has {digits} digits."),
    })
}

/// How many, where an answer is digits and nothing else.
fn digits_typed(answer: &Answer) -> Option<usize> {
    let typed = answer.as_bytes().iter().filter(|byte| **byte != b' ');
    let count = typed.clone().count();
    (count > 0 && typed.clone().all(u8::is_ascii_digit)).then_some(count)
}

/// At a login: digits, but not as many as a code has. Whatever else is typed counts as a try.
pub fn wrong_length(answer: &Answer, digits: usize) -> Option<String> {
    digits_typed(answer).and_then(|_| slip(answer, digits, false))
}

/// After an enrollment that came to nothing.
pub fn nothing_stored(user: &str, purpose: Purpose) -> String {
    let state = if purpose == Purpose::First { "still off" } else { "as before" };
    format!("Nothing was stored: two-factor authentication for {} is {state}.", clean(user))
}

/// After one that was stored. `proved`: by a code, which is used up.
pub fn stored(user: &str, purpose: Purpose, device: &str, proved: bool, enabled: bool) -> String {
    let (user, device) = (clean(user), clean(device));
    let what = match purpose {
        Purpose::First => format!("Two-factor authentication is on for {user}."),
        Purpose::Further => format!("Two-factor authentication is on for {user}, now with {device} too."),
        Purpose::Instead => {
            format!("Two-factor authentication is on for {user} with the new key; the old one is void.")
        }
    };
    match (enabled, proved) {
        (true, true) => format!("{what} The next login needs the next code."),
        (true, false) => format!("{what} The next login needs a code."),
        (false, _) => format!(
            "{user} is enrolled. But two-factor authentication is switched off on this host: nobody is asked for a code \
             until root runs `pam-totp policy enable`."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_said_in_numbers() {
        let slip = |answer: &[u8], backup| slip(&Answer::new(answer), 6, backup);
        let said = [
            (b"12345".as_slice(), "That is 5 digits; a code has 6."),
            (b"1", "That is 1 digit; a code has 6."),
            (b"123 4567", "That is 7 digits; a code has 6."),
            (b"", "Type the 6 digits that the app shows."),
            (b"12345x", "That is not a code; a code has 6 digits."),
            (b"abcd-efgh-jkmn-pqrs", "That is not a code; a code has 6 digits."),
        ];
        for (answer, words) in said {
            assert_eq!(slip(answer, false).as_deref(), Some(words));
        }
        for code in ["123456", "123 456", " 123456 ", "123456-789012", "123456789012"] {
            assert_eq!(slip(code.as_bytes(), false), None, "{code}");
        }
        for backup in ["abcd-efgh-jkmn-pqrs", "1234 5678"] {
            assert_eq!(slip(backup.as_bytes(), true), None, "{backup}");
        }
        assert!(slip(b"hunter2", true).is_some_and(|said| said.contains("nor a backup code like")));
        let length = |answer: &[u8]| wrong_length(&Answer::new(answer), 6);
        assert_eq!(length(b"12345").as_deref(), Some("That is 5 digits; a code has 6."));
        assert_eq!([length(b"123456"), length(b""), length(b"12345x")], [None, None, None]);
    }

    #[test]
    fn no_line_at_a_login_is_broken_by_the_terminal() {
        let texts = [must_enroll(), new_key(Some(4_102_444_799)), not_proved(Some(-300)), not_proved(None)];
        let constants = [BACKUP_CODES, NOT_ONE_OF_THEM, TYPE_ONE_BACK].map(str::to_owned);
        for text in texts.iter().chain(&constants) {
            assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        }
    }
}
