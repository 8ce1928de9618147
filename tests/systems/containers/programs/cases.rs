//! What every recipe of docs/stacks.md has to hold, with the real program.

use crate::support::container::{Container, PASSWORD, codes, wrong_code};
use std::thread;

/// What somebody types at a login.
#[derive(Clone, Copy)]
pub struct Typed<'a> {
    pub user: &'a str,
    pub password: &'a str,
    pub code: &'a str,
}

impl Typed<'_> {
    /// Where there is one field for both.
    pub fn in_one_field(&self) -> String {
        format!("{}{}", self.password, self.code)
    }
}

/// Users of a container: `wrong` and `empty` are enrolled, `unenrolled` is not. Each program has one more, who gets in.
pub fn people(container: &Container) {
    container.enrolled("wrong");
    container.enrolled("empty");
    container.user("unenrolled");
}

/// A password and a code let in once. A code that was used, a wrong one, none, the code alone, a wrong password and a user
/// who is not enrolled are refused. `lets_in`: does the program, in the end?
///
/// Each refusal takes seconds, so all are waited for at once.
pub fn holds(container: &Container, program: &str, service: &str, lets_in: impl Fn(Typed) -> bool + Sync) {
    let user = &format!("in-{program}");
    container.enrolled(user);
    let ([now, next], wrong) = (&codes(), &wrong_code());
    let about = &format!("{:?}, {program}", container.release);
    let tries = &|user, password, code| lets_in(Typed { user, password, code });
    thread::scope(|scope| {
        scope.spawn(move || {
            assert!(tries(user, PASSWORD, now), "{about}: the right code");
            assert!(!tries(user, PASSWORD, now), "{about}: a used code");
            assert!(!tries(user, "another", next), "{about}: a wrong password");
            assert!(tries(user, PASSWORD, next), "{about}: the next code");
        });
        scope.spawn(move || assert!(!tries("wrong", PASSWORD, wrong), "{about}: a wrong code"));
        scope.spawn(move || {
            assert!(!tries("empty", PASSWORD, ""), "{about}: no code");
            assert!(!tries("empty", "", now), "{about}: the code alone");
        });
        scope.spawn(move || assert!(!tries("unenrolled", PASSWORD, wrong), "{about}: not enrolled"));
    });
    // Said by the module in that program, or by pam-totpd in its place.
    container.logs(&format!("used code: {user} from"));
    container.logs(&format!("pam_totp({service}:auth): "));
}
