//! Clocks that are set back and set forward.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said, application, at, login_at};
use crate::support::codes::code_at;
use crate::support::lanes;
use crate::support::sshd::{KEYBOARD_INTERACTIVE, ONCE, Sshd, prompt, ssh};
use crate::support::system::{KEY, PASSWORD, System, throw_away};
use std::process::Command;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const HOUR: u64 = 3_600;
const YEAR: u64 = 365 * 24 * HOUR;

fn login(system: &System, time: u64, code_of: u64) -> i32 {
    login_at(system, time, "alice", &code_at(KEY, code_of))
}

/// What an administrator reads.
fn unlock(system: &System, time: u64) -> String {
    let output = system.runs(at(time, Command::new("pam-totp").args(["unlock", "alice"])));
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn set_back_an_hour_no_code_counts_again_and_unlock_lets_the_owner_in() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        system.stack(SERVICE, "auth required pam_totp.so explain\n");
        assert_eq!(login(system, T, T), SUCCESS);
        let back = T - HOUR;
        for used in [back, back - 30, back + 30] {
            assert_eq!(login(system, back, used), AUTH_ERR, "a code of that time");
        }
        // Four steps of drift and one of the window are the owner's clock, not the host's.
        let line = "clock: this host's clock went back by 58 minutes or more since the last code of alice";
        system.log.line(line);
        let output =
            system.reads(at(back, application().args([SERVICE, "alice"])), &format!("{}\n", code_at(KEY, back)));
        let clock = "3 The clock of this host has gone back. Ask its administrator, or use a backup code.";
        assert!(Said::read(&output).messages.iter().any(|message| message == clock), "{output:?}");
        // What was typed is right but used: no guess.
        assert_eq!(system.log.count("wrong code"), 0);

        let told = unlock(system, back);
        assert!(told.contains("alice: Codes count again from 07:03 UTC (in 3 minutes).\n"), "{told}");
        assert!(told.contains("the last code was of 58 minutes later than the clock says."), "{told}");
        let seen = system.log.count(line);
        assert_eq!(login(system, back, back), AUTH_ERR, "whatever may have been used by then");
        assert_eq!(login(system, back + 150, back + 150), AUTH_ERR);
        assert_eq!(login(system, back + 180, back + 180), SUCCESS);
        assert_eq!(login(system, back + 180, back + 180), AUTH_ERR);
        assert_eq!(system.log.count(line), seen, "the clock is no matter any more");
    });
}

#[test]
fn set_back_by_a_little_only_used_codes_are_refused() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        assert_eq!(login(system, T, T), SUCCESS);
        for code_of in [T - 30, T] {
            assert_eq!(login(system, T - 30, code_of), AUTH_ERR);
        }
        unlock(system, T - 30);
        assert_eq!(login(system, T - 30, T), AUTH_ERR, "unlock gives no used code back");
        assert_eq!(login(system, T + 30, T + 30), SUCCESS);
        assert_eq!(system.log.count("clock: "), 0);
    });
}

#[test]
fn set_forward_and_back_again_the_codes_between_stay_refused() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        assert_eq!(login(system, T, T), SUCCESS);
        // Whoever types the code of the true time hears from the log how far the host is off.
        assert_eq!(login(system, T + 600, T + 90), AUTH_ERR);
        system.log.line("clock: the code of alice would be right if the device's clock, 510 s behind this host's");
        assert_eq!(login(system, T + HOUR, T + HOUR), SUCCESS);
        for time in [T + 120, T + HOUR - 30] {
            assert_eq!(login(system, time, time), AUTH_ERR, "{time}");
        }
        assert_eq!(login(system, T + HOUR + 30, T + HOUR + 30), SUCCESS, "the clock caught up by itself");
    });
}

#[test]
fn a_wait_does_not_outlast_a_clock_that_is_set_back() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        lanes::spent("alice", T);
        assert_eq!(login(system, T, T), AUTH_ERR, "waits four hours");
        let line = "had too many wrong codes, 4 hours left; the code was not looked at, 2 in a row are";
        system.log.line_where(line, |logged| logged.contains("waiting: alice from ") && logged.contains(line));
        // From there, and not from where the clock stood: because what was looked at was written.
        let back = T - 24 * HOUR;
        assert_eq!(login(system, back, back), AUTH_ERR);
        assert_eq!(login(system, back + 4 * HOUR - 1, back + 4 * HOUR - 1), AUTH_ERR);
        assert_eq!(login(system, back + 4 * HOUR, back + 4 * HOUR), SUCCESS);
    });
}

/// What `unlock` lets count again under a clock that is behind must not have been used before it went back.
#[test]
fn an_unlock_under_a_clock_that_is_behind_gives_no_used_code_back() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        let mut time = T;
        for behind in [240, HOUR, 24 * HOUR] {
            assert_eq!(login(system, time, time), SUCCESS, "{behind}");
            unlock(system, time - behind);
            // In the few minutes before the last code there is none that cannot have been used.
            let counts = if behind > 240 { SUCCESS } else { AUTH_ERR };
            assert_eq!(login(system, time - behind + 180, time - behind + 180), counts, "{behind}: counts again");
            for used in [time - 30, time, time + 30] {
                let told = if used > time { SUCCESS } else { AUTH_ERR };
                assert_eq!(login(system, time + 30, used), told, "{behind}: {used}");
            }
            time += 900;
        }
        // Not by two in a row either.
        let two = |time: u64| format!("{}-{}", code_at(KEY, time), code_at(KEY, time + 30));
        assert_eq!(login_at(system, time, "alice", &two(time)), SUCCESS);
        unlock(system, time - HOUR);
        assert_eq!(login_at(system, time + 60, "alice", &two(time)), AUTH_ERR);
        assert_eq!(login_at(system, time + 60, "alice", &two(time + 60)), SUCCESS);
    });
}

/// As after a boot without a battery.
#[test]
fn by_a_clock_that_is_certainly_wrong_unlock_lets_nothing_count_again_and_says_so() {
    throw_away(|system| {
        application::build(system);
        system.enrolled("alice");
        system.stack(SERVICE, "auth required pam_totp.so explain\n");
        assert_eq!(login(system, T, T), SUCCESS);
        let early = 1_000_020;
        lanes::spent("alice", T);
        let told = unlock(system, early);
        assert!(told.starts_with("alice: set the clock first (`timedatectl`), then unlock again: "), "{told}");
        let said = |time: u64| {
            let typed = format!("{}\n", code_at(KEY, time));
            Said::read(&system.reads(at(time, application().args([SERVICE, "alice"])), &typed))
        };
        let wrong = "3 The clock of this server is wrong, so codes of an app do not count. Use a backup code, or ask its \
                     administrator.";
        let now = said(early + 300);
        assert!(now.codes == [AUTH_ERR] && now.messages.iter().any(|message| message == wrong), "{now:?}");
        assert_eq!(login(system, T + 30, T), AUTH_ERR, "used");
        assert_eq!(login(system, T + 30, T + 30), SUCCESS, "once it is right");
    });
}

/// As before the clock was set by the network: whatever is typed, its owner hears why, and gets in by a backup code.
#[test]
fn before_the_clock_is_set_a_backup_code_gets_in_and_everybody_says_why() {
    throw_away(|system| {
        application::build(system);
        system.user("alice");
        system.stack(SERVICE, "auth required pam_totp.so explain\n");
        let mut set = Command::new("pam-totp");
        let set = at(T, set.args(["--json", "set", "--no-code", "--backup-codes", "2", "alice"]));
        let output = system.reads(set, &format!("{KEY}\n"));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an object");
        let backup = |n: usize| report["backup_codes"][n].as_str().expect("a code").to_owned();
        let said = |time: u64, typed: &str| {
            Said::read(&system.reads(at(time, application().args([SERVICE, "alice"])), &format!("{typed}\n")))
        };
        let why = "3 The clock of this server is wrong, so codes of an app do not count. Use a backup code, or ask its \
                   administrator.";
        let line = "clock: this host's clock stands before this program was made";
        // 1970, and 2000, where many boards begin.
        for (n, boot) in [600, 946_685_400].into_iter().enumerate() {
            for typed in [code_at(KEY, boot), code_at(KEY, T), code_at(KEY, boot + 6000)] {
                let logged = system.log.count(line);
                let refused = said(boot, &typed);
                assert_eq!(refused.codes, [AUTH_ERR], "{boot}: {refused:?}");
                assert!(refused.messages.iter().any(|message| message == why), "{boot}: {refused:?}");
                assert!(refused.messages.iter().all(|message| !message.contains("hours")), "{refused:?}");
                assert_eq!(system.log.count(line), logged + 1, "{boot}");
            }
            let accepted = said(boot, &backup(n));
            assert_eq!(accepted.codes, [SUCCESS], "{boot}: {accepted:?}");
            assert!(accepted.messages.iter().all(|message| message != why), "{accepted:?}");
            assert_eq!(said(boot, &backup(n)).codes, [AUTH_ERR], "{boot}: used");
            let doctor = system.tries(at(boot, Command::new("pam-totp").args(["--json", "doctor"])), "");
            let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
            assert!(doctor.contains("\"clock_is_wrong\""), "{boot}: {doctor}");
        }
        assert_eq!(login(system, T, T), SUCCESS, "once it is right");
        assert_eq!(login(system, T, T), AUTH_ERR);
    });
}

/// Do they get in, with the code of that time?
fn by_ssh(user: &str, code_of: u64) -> bool {
    let mut client = ssh(user, &ONCE);
    client.answers(&prompt(user, "Password: "), PASSWORD);
    client.answers(&prompt(user, "Verification code: "), &code_at(KEY, code_of));
    let (screen, status) = client.ends();
    let is_in = screen.contains(&format!("in as {user}"));
    assert_eq!(status, if is_in { 0 } else { 255 }, "{screen}");
    assert!(is_in || screen.contains("Permission denied"), "{screen}");
    is_in
}

/// Seconds, an hour and years, back and forward, and into the years in which seconds outgrow 31 and 32 bits.
#[test]
fn sshd_whose_clock_jumps_takes_each_code_once() {
    throw_away(|system| {
        system.stack("sshd", include_str!("../../pam.d/sshd"));
        system.without_delays();
        system.enrolled("alice");
        let mut last = 0;
        for (time, gets_in) in [
            (T, true),
            (T - 7, false),
            (T + 29, false),
            (T + 31, true),
            (T - HOUR, false),
            (T + HOUR, true),
            (T - 10 * YEAR, false),
            (0x7fff_ffff, true),
            (0x8000_0000, false),
            (0x8000_0000 + 30, true),
            (0xffff_ffff, true),
            (0x1_0000_0000 + 30, true),
            (T, false),
        ] {
            let _server = Sshd::start_at(system, KEYBOARD_INTERACTIVE, time);
            lanes::refilled("alice");
            assert_eq!(by_ssh("alice", time), gets_in, "{time}");
            assert!(!by_ssh("alice", time), "{time}: a second time");
            assert!(!by_ssh("alice", last), "{time}: the code of {last}");
            if gets_in {
                last = time;
            }
        }
        system.log.line("clock: this host's clock went back by 58 minutes or more since the last code of alice");
    });
}

/// The disk of an hour ago under a clock that is right, as after a restored backup.
#[test]
fn in_sshd_the_next_code_counts_on_a_store_that_was_put_back() {
    throw_away(|system| {
        system.stack("sshd", include_str!("../../pam.d/sshd"));
        system.without_delays();
        system.enrolled("alice");
        let gets_in = |time: u64, code_of: u64| {
            let _server = Sshd::start_at(system, KEYBOARD_INTERACTIVE, time);
            by_ssh("alice", code_of)
        };
        assert!(gets_in(T, T));
        system.runs(Command::new("cp").args(["-a", "/var/lib/pam_totp", "/root/snapshot"]));
        assert!(gets_in(T + HOUR, T + HOUR));
        system.runs(Command::new("rm").args(["-r", "/var/lib/pam_totp"]));
        system.runs(Command::new("mv").args(["/root/snapshot", "/var/lib/pam_totp"]));
        let now = T + HOUR + 90;
        assert_eq!([T, T + HOUR, now].map(|code_of| gets_in(now, code_of)), [false, false, true]);
    });
}

/// A second a day: a step a month.
#[test]
fn in_sshd_a_phone_that_goes_slow_or_fast_is_followed_for_months_and_then_named() {
    throw_away(|system| {
        const MONTH: u64 = 30 * 24 * HOUR;
        system.stack("sshd", include_str!("../../pam.d/sshd"));
        system.without_delays();
        for (user, a_month) in [("alice", -30), ("bob", 30)] {
            system.enrolled(user);
            let gets_in: Vec<bool> = (0..=6)
                .map(|months| {
                    let now = T + months * MONTH;
                    let _server = Sshd::start_at(system, KEYBOARD_INTERACTIVE, now);
                    by_ssh(user, now.saturating_add_signed(a_month * i64::try_from(months).unwrap()))
                })
                .collect();
            assert_eq!(gets_in, [true, true, true, true, true, true, false], "{user}");
        }
        system.log.line("clock: the code of alice would be right if the device's clock, 180 s behind this host's");
        system.log.line("clock: the code of bob would be right if the device's clock, 180 s ahead of this host's");
    });
}
