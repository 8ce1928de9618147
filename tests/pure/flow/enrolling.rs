//! Enrollment at login: shown and proved in `auth`, stored in `account`.

use nix::errno::Errno;
use pam_totp::factor::change::ChangeError;
use pam_totp::factor::otp::{Algorithm, hotp, step};
use pam_totp::factor::record::Proving;
use pam_totp::factor::secret::Secret;
use pam_totp::manage::Pending;
use pam_totp::pam::enrolling::store;
use pam_totp::system::clock::now;
use pam_totp::system::hostname::hostname;

use super::*;
use crate::pure::invariants::script::BACKUP_CODES;

const TOLD: &str = "This server asks for a verification code after your password. Set up an\n\
                    authenticator app (Google Authenticator, Authy, Duo Mobile, ...) now.\n";
const HOW: &str = "Add this account and key to the app, then type the code that it shows.\n";
const INVALID: &str =
    "The security code is invalid.\nCheck this account and key in the app, and type the code that it shows now.\n";
const PROVED: &str = "enrolling: alice has proved a new key";
const NOT_PROVED: &str = "no code proved the new key";
const ELSEWHERE: &str = "this program shows its prompts where others may see them";
const ENROLLED: &str = "enrolled alice at a login, proved by a code";
const CODES_COUNT: &str = "alice has typed back a backup code: the set counts";
const NO_CODES: &str = "alice has typed back no backup code: there are none";
const HAVE_NONE: &str = "You have no backup codes. Make some with `pam-totp backup-codes`.\n\
                         The next login needs the next code of the app.";
const CODES_ARE_ON: &str = "Your backup codes are on. The next login needs the next code of the app.";

/// A first login under `unenrolled = "enroll"`.
fn first(arguments: &[&CStr]) -> Line {
    line(arguments).with(|line| {
        line.clerk.policy.issuer = Some("ACME".into());
        line.clerk.preview = Preview::Enroll { account: alice(), required: false };
        line.script.phone = Some(phone);
    })
}

impl Line {
    /// The account line.
    fn stores(&mut self, pending: Pending, steps: &[Step]) -> Exit {
        self.script.plays(steps, |script| store(script, &self.clerk, &self.options, pending))
    }

    /// The key that was proved in the `auth` half.
    fn proved(&mut self) -> Pending {
        self.runs(&[asks(PROMPT, PHONE), proves()]);
        self.script.kept.take().expect("kept")
    }
}

fn proves() -> Step {
    Step::Logs(LogLevel::Info, PROVED.into())
}

fn key(asked: &str) -> Secret {
    let line = asked.lines().rev().find_map(|line| line.strip_prefix("Key:     ")).expect("a key");
    Secret::from_base32(line).expect("base32")
}

/// Types the key that was shown, and reads the code.
fn phone(screen: &str) -> String {
    let code = hotp(key(screen).as_bytes(), step(now(), 30), Algorithm::Sha1, Digits::SIX);
    String::from_utf8(code.as_bytes().to_vec()).unwrap()
}

/// Asked to type a backup code back.
fn types_back(reply: Option<&str>) -> Step {
    Step::Asks("Backup code: ".into(), true, reply.map(|reply| reply.as_bytes().to_vec()))
}

fn refusals(why: &str) -> Vec<Step> {
    let noted = [notes(FAILURE), notes(&format!("no enrollment: alice must enroll, and {why}"))];
    let said = Some(nothing_stored()).filter(|_| why == NOT_PROVED);
    noted.into_iter().chain(said).collect()
}

fn nothing_stored() -> Step {
    let said = "Nothing was stored: two-factor authentication is still off. Log in again to try again.";
    Step::Says(Tone::Error, said.into())
}

#[test]
fn what_is_proved_is_kept_and_stored_by_the_account_line_alone() {
    let mut line = first(&[]);
    assert_eq!(line.runs(&[asks(PROMPT, PHONE), proves()]), Exit::Ignore, "a key of one's own making lets nobody in");
    assert!(line.clerk.enrolled.borrow().is_empty(), "auth stores nothing");
    let pending = line.script.kept.take().expect("kept");
    let groups = pending.device.secret.to_groups();
    assert_eq!(line.script.asked, format!("{TOLD}{HOW}Account: alice at ACME.\nKey:     {}", *groups));
    assert!(pending.line.last.is_some_and(|last| last + 2 > step(now(), 30)), "the proving code is used up");
    let id = pending.device.id.clone();
    let steps = [notes(ENROLLED), types_back(Some(BACKUP_CODES[9])), notes(CODES_COUNT), says(CODES_ARE_ON)];
    assert_eq!(line.stores(pending, &steps), Exit::Ignore, "the rest of the stack decides");
    for (number, code) in (1..).zip(BACKUP_CODES) {
        assert!(line.script.asked.contains(&format!("\n({number}) {code}\n")), "{}", line.script.asked);
    }
    assert_eq!(*line.clerk.enrolled.borrow(), ["alice"]);
    assert_eq!(*line.clerk.added.borrow(), [("alice".to_owned(), id)]);
}

#[test]
fn backup_codes_count_once_one_of_them_was_typed_back_and_the_enrollment_anyhow() {
    let wrong = || types_back(Some("zzzz-efgh-jkmn-pqrs"));
    let six_digits = || types_back(Some("123456"));
    let none: [&[Step]; 5] = [
        &[types_back(Some(""))],
        // Its user has left, or it cannot ask.
        &[types_back(None)],
        &[wrong(), types_back(Some(""))],
        &[wrong(), six_digits(), types_back(None)],
        &[wrong(), six_digits(), types_back(Some(&BACKUP_CODES.join(" ")))],
    ];
    for typed in none {
        let mut line = first(&[]);
        let pending = line.proved();
        let steps = [&[notes(ENROLLED)], typed, &[notes(NO_CODES), says(HAVE_NONE)]].concat();
        assert_eq!(line.stores(pending, &steps), Exit::Ignore);
        assert_eq!((line.clerk.enrolled.borrow().len(), line.clerk.added.borrow().len()), (1, 0));
    }
    // The third try, as somebody spells it who copies by hand.
    for spelled in ["3BCD EFGH JKMN PQRS", "3bcdefghjkmnpqrs"] {
        let mut line = first(&[]);
        let pending = line.proved();
        let steps = [notes(ENROLLED), wrong(), six_digits(), types_back(Some(spelled)), notes(CODES_COUNT)];
        line.stores(pending, &[&steps[..], &[says(CODES_ARE_ON)]].concat());
        assert!(line.script.asked.starts_with("This is none of your backup codes. Write down these:\n(1) abcd-"));
        assert_eq!(line.clerk.added.borrow().len(), 1);
    }
}

#[test]
fn backup_codes_that_cannot_be_made_or_stored_are_said_to_be_none() {
    let full = || Err(ManageError::from(StoreError::Busy));
    let mut line = first(&[]).with(|line| line.clerk.codes = Err(ManageError::Refused(ChangeError::NoRandom)));
    let pending = line.proved();
    let failed = |why: &str| error(&format!("the backup codes of alice are not stored: {why}"));
    let steps = [notes(ENROLLED), failed(&ManageError::Refused(ChangeError::NoRandom).to_string()), says(HAVE_NONE)];
    assert_eq!(line.stores(pending, &steps), Exit::Ignore);
    let changed = "the enrollment has changed since".to_owned();
    for (adds, why) in [(full(), StoreError::Busy.to_string()), (Ok(false), changed)] {
        let mut line = first(&[]).with(|line| line.clerk.adds = adds);
        let pending = line.proved();
        let steps = [notes(ENROLLED), types_back(Some(BACKUP_CODES[0])), failed(&why), says(HAVE_NONE)];
        assert_eq!(line.stores(pending, &steps), Exit::Ignore);
    }
}

/// A script fails if one of its prompts is longer than every program shows.
#[test]
fn no_name_is_too_long_for_a_prompt() {
    let long = |text: &str| text.repeat(128 / text.len());
    let names = ["alice".to_owned(), "x".repeat(240), "ü".repeat(120), "x".to_owned() + &"ü".repeat(60)];
    for (name, issuer, prompt) in
        names.iter().flat_map(|name| [(name, "ACME".to_owned(), None), (name, long("Ü"), Some(long("p")))])
    {
        let mut line = first(&[]).with(|line| line.clerk.policy.enroll_by = Some(now() + 60));
        line.clerk.policy.issuer = Some(issuer);
        line.clerk.policy.prompt = prompt.clone();
        let account = Account { name: name.clone(), ..alice() };
        line.clerk.preview = Preview::Enroll { account, required: false };
        let proved = format!("enrolling: {} has proved a new key", pam_totp::text::clean(name));
        let prompt = prompt.as_deref().unwrap_or(PROMPT);
        let steps = [asks(prompt, "12345x"), asks(prompt, PHONE), Step::Logs(LogLevel::Info, proved)];
        assert_eq!(line.runs(&steps), Exit::Ignore);
        assert!(line.script.kept.take().is_some_and(|kept| kept.device.secret == key(&line.script.asked)));
        // The beginning of the name at least is there.
        let start: String = name.chars().take(12).collect();
        assert!(line.script.screen.contains(&format!("\nAccount: {start}")), "{}", line.script.screen);
    }
}

#[test]
fn three_wrong_codes_end_it_and_nothing_is_kept() {
    let mut line = first(&[]);
    let slip = || asks(PROMPT, "12345x");
    let steps = [vec![slip(), slip(), slip()], refusals(NOT_PROVED)];
    assert_eq!(line.runs(&steps.concat()), Exit::Refuse);
    assert!(line.script.kept.is_none());
}

/// A page shows one question alone.
#[test]
fn a_slip_is_forgiven_for_the_same_key_which_is_there_again() {
    let steps = [asks(PROMPT, "12345x"), asks(PROMPT, PHONE), proves()];
    let mut line = first(&[]);
    assert_eq!(line.runs(&steps), Exit::Ignore);
    let kept = line.script.kept.take().expect("kept");
    assert_eq!(kept.device.secret, key(&line.script.screen[..line.script.screen.find(INVALID).expect("a slip")]));
    assert!(line.script.asked.starts_with(&format!("{INVALID}Account: alice at ACME.\nKey:     ")));
    assert_eq!(kept.device.secret, key(&line.script.asked));
    let mut with_key = first(&[c"after=publickey"]);
    with_key.script.items.ssh_auth_info = Some("publickey ssh-ed25519 AAAA".into());
    assert_eq!(with_key.runs(&steps), Exit::Success, "the key was the credential");
}

/// Too few or too many digits are no code. But a program may give one answer for ever.
#[test]
fn digits_that_are_too_few_cost_no_try_as_long_as_somebody_reads_that() {
    let short = || asks(PROMPT, "12345");
    let mut line = first(&[]);
    assert_eq!(line.runs(&[short(), short(), short(), asks(PROMPT, PHONE), proves()]), Exit::Ignore);
    let asked = "That is 5 digits; a code has 6.\nAccount: alice at ACME.\nKey:     ";
    assert!(line.script.asked.starts_with(asked), "{}", line.script.asked);
    let steps = [vec![short(); 12], refusals(NOT_PROVED)].concat();
    assert_eq!(first(&[]).runs(&steps), Exit::Refuse);
}

#[test]
fn enter_puts_it_off_until_the_day_and_not_after_and_not_where_a_rule_requires_it() {
    let until = |by: u64| move |line: &mut Line| line.clerk.policy.enroll_by = Some(by);
    let steps = [asks(PROMPT, ""), notes("enrolling: alice put it off")];
    let mut line = first(&[]).with(until(4_102_444_799));
    assert_eq!(line.runs(&steps), Exit::Ignore);
    let day = "You can put this off until 2099-12-31 23:59 UTC: just press Enter.\nAccount: ";
    assert!(line.script.asked.contains(day), "{}", line.script.asked);
    let mut with_key = first(&[c"after=publickey"]).with(until(now() + 60));
    with_key.script.items.ssh_auth_info = Some("publickey ssh-ed25519 AAAA".into());
    assert_eq!(with_key.runs(&steps), Exit::Success, "the key was the credential");
    let empty = || asks(PROMPT, "");
    let steps = [vec![empty(), empty(), empty()], refusals(NOT_PROVED)].concat();
    for (by, required) in [(Some(now() - 60), false), (None, false), (Some(now() + 60), true)] {
        let mut line = first(&[]).with(|line| line.clerk.policy.enroll_by = by);
        line.clerk.preview = Preview::Enroll { account: alice(), required };
        assert_eq!(line.runs(&steps), Exit::Refuse);
        assert!(!line.script.screen.contains("put this off"));
    }
}

/// Where the program asks, and what it says to nobody else.
struct Place {
    tty: &'static str,
    rhost: String,
    ids: (u32, u32),
    silent: bool,
}

impl Place {
    fn first(self) -> (Line, String) {
        let Self { tty, rhost, ids: (uid, euid), silent } = self;
        let failure = format!(
            "authentication failure; logname= uid={uid} euid={euid} tty={tty} ruser=carol rhost={rhost}  user=alice"
        );
        let line = first(&[]).with(|line| {
            (line.script.items.tty, line.script.items.rhost) = (tty.into(), rhost);
            (line.script.ids, line.script.silent) = ((uid, euid), silent);
        });
        (line, failure)
    }
}

fn place(tty: &'static str, rhost: &str, uid: u32, silent: bool) -> Place {
    Place { tty, rhost: rhost.into(), ids: (uid, 0), silent }
}

fn presses_enter() -> Step {
    Step::Asks("Press Enter to see account and key: ".into(), true, Some(Vec::new()))
}

/// sudo -A hands a prompt to another program in its arguments, where every process reads them.
#[test]
fn a_program_that_asks_elsewhere_enrolls_nobody() {
    let own_name = hostname().expect("this host has a name");
    let why = notes(&format!("no enrollment: alice must enroll, and {ELSEWHERE}"));
    for without_terminal in [
        place("", "", 1000, true),
        place("", "", 0, true),
        place(":0", "", 0, true),
        place("ssh", "192.0.2.4", 0, true),
        // sudo under `Defaults !pam_silent`, and under `Defaults pam_rhost`.
        place("", "", 1000, false),
        place("", &own_name, 1000, false),
        place("", "localhost", 1000, false),
    ] {
        let (mut line, failure) = without_terminal.first();
        assert_eq!(line.runs(&[notes(&failure), why.clone()]), Exit::Refuse);
    }
    for silent in [true, false] {
        let (mut line, failure) = place("/dev/pts/1", "", 1000, silent).first();
        line.script.askpass = true;
        assert_eq!(line.runs(&[presses_enter(), notes(&failure), why.clone()]), Exit::Refuse);
        assert_eq!(format!("{}\n", line.script.asked), TOLD);
    }
}

#[test]
fn sudo_on_a_terminal_and_programs_of_the_network_enroll() {
    let (mut line, _) = place("/dev/pts/1", "", 1000, true).first();
    assert_eq!(line.runs(&[presses_enter(), asks(PROMPT, PHONE), proves()]), Exit::Ignore);
    assert!(line.script.asked.starts_with(HOW), "{}", line.script.asked);
    // Cockpit, and sshd.
    for program in [place("", "192.0.2.4", 101, false), place("", "", 0, false)] {
        assert_eq!(program.first().0.runs(&[asks(PROMPT, PHONE), proves()]), Exit::Ignore);
    }
}

#[test]
fn a_terminal_gets_a_qr_code_and_nothing_else_does() {
    /// The first line of the drawing, with the words beside it.
    const CODE: &str = "\u{1b}[0;38;5;16;48;5;231m";
    let slip = || asks(PROMPT, "12345x");
    let all = |first: &[Step], failure: &str| {
        let why = format!("no enrollment: alice must enroll, and {NOT_PROVED}");
        [first, &[slip(), slip(), slip(), notes(failure), notes(&why), nothing_stored()]].concat()
    };
    // login, whose standard output may go elsewhere: then the key is typed.
    let shown = |taken| Step::Shows(CODE.into(), taken);
    let login = || place("/dev/tty1", "", 0, false).first();
    let (mut line, failure) = login();
    assert_eq!(line.runs(&all(&[shown(true)], &failure)), Exit::Refuse);
    assert!(!line.script.screen.contains(TOLD), "said once");
    let Some(Step::Shows(text, _)) = line.script.steps.first() else { panic!("nothing shown") };
    // On 24 lines, with the two of the question.
    assert!(text.ends_with("\nAccount: alice at ACME.") && text.lines().count() <= 22, "{text}");
    let words = |text: &str| {
        text.split('\n').filter_map(|line| Some(line.split_once("\u{1b}[0m")?.1.trim())).collect::<Vec<_>>().join(" ")
    };
    assert!(words(text).contains("This server asks for a verification code after your password. Set up an"), "{text}");
    assert!(words(text).contains("Scan this QR code, or add the account and the key below it by hand."), "{text}");
    let (mut line, failure) = login();
    assert_eq!(line.runs(&all(&[shown(false)], &failure)), Exit::Refuse);
    assert!(line.script.screen.starts_with(&format!("{TOLD}{HOW}")));
    // su, and sudo, which wants no messages.
    let (mut line, failure) = place("/dev/pts/1", "", 1000, false).first();
    let steps = [presses_enter(), shown(true)];
    assert_eq!(line.runs(&all(&steps, &failure)), Exit::Refuse);
    let (mut line, failure) = place("/dev/pts/1", "", 1000, true).first();
    assert_eq!(line.runs(&all(&steps[..1], &failure)), Exit::Refuse);
}

#[test]
fn a_line_that_shows_nothing_refuses() {
    let refused = refusals("this program cannot show a key");
    assert_eq!(first(&[c"quiet"]).runs(&refused), Exit::Refuse);
    assert_eq!(
        lost(&[c"explain", c"quiet"], "sshd").runs(&refused),
        Exit::Refuse,
        "nor says what became of another one"
    );
}

#[test]
fn a_quiet_account_line_stores_and_asks_and_says_nothing() {
    let mut line = first(&[]);
    let pending = line.proved();
    line.options = Arguments::parse(&[c"quiet"]).unwrap();
    let steps = [notes(ENROLLED), types_back(Some(BACKUP_CODES[0])), notes(CODES_COUNT)];
    assert_eq!(line.stores(pending.clone(), &steps), Exit::Ignore);
    line.clerk.enrolls = Err(ManageError::Refused(ChangeError::AlreadyEnrolled));
    let failed = "enrolling alice failed: already enrolled: --replace makes a new key and voids the old one";
    assert_eq!(line.stores(pending, &[error(failed)]), Exit::Refuse);
}

#[test]
fn one_field_for_both_shows_no_key() {
    let mut line = first(&[c"forward_pass"]);
    assert_eq!(line.runs(&[asks(BOTH, "hunter2123456")]), Exit::Ignore);
    assert_eq!(line.script.password.as_deref(), Some(&b"hunter2"[..]));
    // The line that checks what the first one split off asks nothing, and refuses like anybody who is not enrolled.
    line.options = Arguments::parse(&[]).unwrap();
    line.clerk.verdict = Ok(None);
    let why = "no enrollment: alice from 192.0.2.4 is not enrolled, and the policy refuses those";
    assert_eq!(line.runs_again(&[notes(FAILURE), notes(why)]), Exit::Refuse);
    assert_eq!(line.answers(), ["123456"]);
}

#[test]
fn where_nothing_is_asked_nobody_enrolls() {
    let mut line = first(&[c"use_first_pass"]).with(|line| line.script.password = Some(b"123456".to_vec()));
    line.clerk.verdict = Ok(None);
    let why = "no enrollment: alice from 192.0.2.4 is not enrolled, and the policy refuses those";
    assert_eq!(line.runs(&[notes(FAILURE), notes(why)]), Exit::Refuse);
    assert_eq!(line.answers(), ["123456"]);
}

#[test]
fn a_user_who_leaves_is_a_failed_conversation() {
    let left = Step::Asks(PROMPT.into(), false, None);
    let logged = notes("no answer: the application could not ask for a code, or its user left");
    assert_eq!(first(&[]).runs(&[left, logged]), Exit::ConversationFailed);
}

#[test]
fn what_cannot_be_kept_or_stored_is_refused_and_said() {
    let mut line = first(&[]).with(|line| line.script.takes_key = false);
    let refused = refusals("the key could not be kept for the account line");
    assert_eq!(line.runs(&[vec![asks(PROMPT, PHONE)], refused].concat()), Exit::Refuse);

    let mut line = first(&[]).with(|line| line.clerk.enrolls = Err(ManageError::Refused(ChangeError::AlreadyEnrolled)));
    let pending = line.proved();
    let failed = "enrolling alice failed: already enrolled: --replace makes a new key and voids the old one";
    let told = "Your enrollment could not be stored. Tell your administrator, and try again.";
    assert_eq!(line.stores(pending.clone(), &[error(failed), complains(told)]), Exit::Refuse);

    line.script.user = Ok(Some("mallory".into()));
    let changed = error("enrolling: the key that alice proved is not stored: PAM_USER has changed");
    assert_eq!(line.stores(pending, &[changed]), Exit::Refuse);
    assert_eq!(line.clerk.enrolled.borrow().len(), 1, "only the first try reached the backend");
}

/// Proved at this service before, and not stored.
fn lost(arguments: &[&CStr], service: &str) -> Line {
    let mark = Proving::at(service, 1_795_287_600, None);
    first(arguments).with(|line| *line.clerk.proving.borrow_mut() = Ok(Some(mark)))
}

fn lost_at(service: &str) -> Step {
    error(&format!(
        "the enrollment that alice proved at {service} at 2026-11-21 19:00 UTC was not stored: no account line ran; put \
         `account required pam_totp.so` before the other account lines of /etc/pam.d/{service}, then run `pam-totp unlock \
         alice`"
    ))
}

#[test]
fn where_no_account_line_ran_who_must_enroll_is_refused_the_next_time() {
    let told = complains("Your enrollment at an earlier login was not stored. Tell your administrator.");
    let why = refusals("what they proved before was not stored");
    let refused = [&[lost_at("sshd"), told][..], &why].concat();
    let mut line = lost(&[c"explain"], "sshd");
    assert_eq!(line.runs(&refused), Exit::Refuse);
    assert!(line.script.kept.is_none() && line.script.asked.is_empty());
    let mut required = lost(&[c"explain"], "sshd");
    required.clerk.policy.enroll_by = Some(now() + 60);
    required.clerk.preview = Preview::Enroll { account: alice(), required: true };
    assert_eq!(required.runs(&refused), Exit::Refuse);
    // Who can put it off, and who comes to another service, tries again.
    let mut put_off = lost(&[c"explain"], "sshd").with(|line| line.clerk.policy.enroll_by = Some(now() + 60));
    assert_eq!(put_off.runs(&[lost_at("sshd"), asks(PROMPT, PHONE), proves()]), Exit::Ignore);
    let mut elsewhere = lost(&[c"explain"], "login");
    assert_eq!(elsewhere.runs(&[lost_at("login"), asks(PROMPT, PHONE), proves()]), Exit::Ignore);
    // Without `explain` nothing says that there was a password.
    assert_eq!(lost(&[], "sshd").runs(&[asks(PROMPT, PHONE), proves()]), Exit::Ignore);
}

#[test]
fn a_record_that_cannot_be_read_or_marked_refuses_who_must_enroll_and_a_full_disk_nobody() {
    let fault = || StoreError::Busy;
    let told = complains("Your enrollment at an earlier login was not stored. Tell your administrator.");
    let mut line = first(&[c"explain"]).with(|line| *line.clerk.proving.borrow_mut() = Err(fault()));
    let logged = error(&format!("store error for alice: {}", fault()));
    let steps = [&[logged, told][..], &refusals("what they proved before was not stored")].concat();
    assert_eq!(line.runs(&steps), Exit::Refuse);
    let full = || StoreError::Io("/var".into(), Errno::ENOSPC);
    // What a caller of su can bring about must not get them in with a new key each time.
    let limit = || StoreError::Io("/var".into(), Errno::EFBIG);
    for (fault, exit) in [(full(), Exit::Ignore), (limit(), Exit::Refuse), (fault(), Exit::Refuse)] {
        let logged = error(&format!("enrolling: that alice has proved a key could not be noted: {fault}"));
        let mut line = first(&[c"explain"]).with(|line| line.clerk.marks = Err(fault));
        let refused = refusals("that they proved a key could not be noted");
        let more = if exit == Exit::Refuse { &refused[..] } else { &[] };
        let steps = [&[asks(PROMPT, PHONE), proves(), logged][..], more].concat();
        assert_eq!(line.runs(&steps), exit);
    }
}

#[test]
fn the_account_line_takes_the_mark_away_whatever_comes_of_it() {
    let marked = |line: &Line| line.clerk.proving.borrow().clone().expect("a record").map(|mark| mark.service);
    let mut line = first(&[]);
    line.proved();
    assert_eq!(marked(&line), None, "only with explain");
    for (user, enrolls) in [("mallory", Ok(())), ("alice", Err(ManageError::Refused(ChangeError::AlreadyEnrolled)))] {
        let mut line = first(&[c"explain"]).with(|line| line.clerk.enrolls = enrolls);
        let pending = line.proved();
        assert_eq!(marked(&line).as_deref(), Some("sshd"));
        line.script.user = Ok(Some(user.into()));
        let failed = "enrolling alice failed: already enrolled: --replace makes a new key and voids the old one";
        let told = "Your enrollment could not be stored. Tell your administrator, and try again.";
        let changed = "enrolling: the key that alice proved is not stored: PAM_USER has changed";
        let steps = if user == "alice" { vec![error(failed), complains(told)] } else { vec![error(changed)] };
        assert_eq!(line.stores(pending, &steps), Exit::Refuse);
        assert_eq!(marked(&line), None, "{user}");
    }
}
