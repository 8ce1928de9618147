//! The hosts that are explored. Each has a few programs, a few codes and a budget of what may go wrong; together they have
//! all of it, and every mutation shows in one.

use crate::keys::{Enrolled, Phone, Phones};
use crate::model::{Plan, Scene, What};
use crate::mutation::{Exception, Mutation};
use crate::run::Where;
use crate::world::Budget;

const A: Option<Enrolled> = Some(Enrolled { phones: Phones::One(Phone::A), set: None });
const A_AND_CODES: Option<Enrolled> = Some(Enrolled { phones: Phones::One(Phone::A), set: Some(0) });

const fn login(phone: Phone, later: i8) -> Plan {
    Plan::Login(What::Shown(phone, later))
}

const NOW: Plan = login(Phone::A, 0);
const NEXT: Plan = login(Phone::A, 1);
const ROW: Plan = Plan::Login(What::Row(Phone::A, 0));
const WRONG: Plan = Plan::Login(What::Wrong);

const fn set(phone: Phone, place: Where) -> Plan {
    Plan::Set { phone, place, proved: true, owner: None }
}

/// By its owner, with a code of the phone that they have.
const fn set_with(what: What, phone: Phone, place: Where) -> Plan {
    Plan::Set { phone, place, proved: true, owner: Some(what) }
}

/// As large as a run of minutes allows, or of seconds.
pub fn all(long: bool) -> Vec<Scene> {
    let more = |short, more| if long { more } else { short };
    let none = Budget::default();
    vec![
        Scene {
            name: "logins",
            enrolled: A,
            ahead: &[0, 4, -4],
            programs: 2,
            plans: vec![NOW, NEXT, WRONG],
            budget: Budget { logins: 3, ticks: 1, kills: more(0, 1), power: 1, losses: 1, ..none },
            expected: &[
                "a code of phone A was accepted",
                "a used code was refused",
                "a lost state was healed",
                "the power went",
            ],
        },
        Scene {
            name: "guesses",
            enrolled: A,
            ahead: &[0],
            programs: 2,
            plans: vec![WRONG, NOW],
            budget: Budget { logins: 4, ticks: more(1, 2), kills: 1, power: 1, ..none },
            expected: &["somebody waited", "a record was synced for another one that died", "the power went"],
        },
        Scene {
            name: "three at once",
            enrolled: A,
            ahead: &[0],
            programs: 3,
            plans: vec![NOW, NEXT, WRONG],
            budget: Budget { logins: more(3, 4), kills: more(0, 1), power: 1, losses: 1, ..none },
            expected: &["a code of phone A was accepted", "a used code was refused", "a lost state was healed"],
        },
        Scene {
            name: "two in a row",
            enrolled: A,
            ahead: &[0],
            programs: 2,
            plans: vec![WRONG, NOW, ROW, NEXT, Plan::Login(What::Half(Phone::A, 0))],
            budget: Budget { logins: more(4, 5), ticks: more(0, 1), kills: 1, power: more(0, 1), ..none },
            expected: &[
                "somebody waited",
                "two codes in a row were accepted",
                "two codes in a row were right where single ones waited",
                "two codes in a row were refused as used",
                "a used code was refused",
            ],
        },
        Scene {
            name: "files",
            enrolled: A,
            ahead: &[0],
            programs: 2,
            plans: vec![NOW, WRONG],
            budget: Budget { logins: more(3, 4), ticks: 1, kills: 1, copies: 1, restores: 1, ..none },
            expected: &["a state file was replaced while a login waited for it"],
        },
        Scene {
            name: "another phone",
            enrolled: A,
            ahead: &[0],
            programs: 2,
            plans: vec![
                NOW,
                login(Phone::B, 0),
                set(Phone::B, Where::Instead),
                set_with(What::Shown(Phone::A, 0), Phone::B, Where::Instead),
                set_with(What::Wrong, Phone::B, Where::Instead),
            ],
            budget: Budget { logins: more(2, 3), changes: 1, ticks: 1, kills: 1, power: 1, ..none },
            expected: &["a code of phone B was accepted", "a change went through", "a change was refused"],
        },
        Scene {
            name: "a second phone",
            enrolled: A,
            ahead: &[0],
            programs: 2,
            plans: vec![
                NOW,
                login(Phone::B, 0),
                set(Phone::B, Where::Beside),
                set_with(What::Shown(Phone::A, 0), Phone::B, Where::Beside),
            ],
            budget: Budget { logins: 2, changes: more(1, 2), ticks: 1, kills: 1, power: 1, losses: more(0, 1), ..none },
            expected: &["a code of phone B was accepted", "a change went through"],
        },
        Scene {
            name: "there and back",
            enrolled: A,
            ahead: &[0],
            programs: 2,
            plans: vec![NOW, set(Phone::B, Where::Instead), set(Phone::A, Where::Instead)],
            budget: Budget { logins: 2, changes: more(2, 3), ticks: 1, kills: more(0, 1), ..none },
            expected: &["a change went through", "a change was refused"],
        },
        Scene {
            name: "first enrollments",
            enrolled: None,
            ahead: &[0],
            programs: 2,
            plans: vec![NOW, login(Phone::B, 0), set(Phone::A, Where::First), set(Phone::B, Where::First)],
            budget: Budget { logins: more(1, 2), changes: 2, ticks: 1, kills: 1, power: 1, ..none },
            expected: &["a change went through", "two enrolled at once, and the second one was told"],
        },
        Scene {
            name: "taken off and set again",
            enrolled: A,
            ahead: &[0],
            programs: 2,
            plans: vec![NOW, Plan::Remove, set(Phone::A, Where::First)],
            budget: Budget { logins: 2, changes: 2, ticks: 1, kills: 1, power: more(0, 1), losses: 1, ..none },
            expected: &["a change went through"],
        },
        Scene {
            name: "backup codes",
            enrolled: A_AND_CODES,
            ahead: &[0],
            programs: 2,
            plans: vec![
                Plan::Login(What::Backup),
                WRONG,
                Plan::Renew { owner: None },
                Plan::Renew { owner: Some(What::Backup) },
                Plan::Renew { owner: Some(What::Shown(Phone::A, 0)) },
            ],
            budget: Budget { logins: 2, changes: more(1, 2), kills: 1, power: 1, losses: more(0, 1), ..none },
            expected: &["a backup code was accepted", "a change went through"],
        },
        Scene {
            name: "the clock",
            enrolled: A,
            ahead: &[0, 4],
            programs: 2,
            plans: vec![NOW, NEXT, WRONG, Plan::Unlock],
            budget: Budget { logins: more(2, 3), changes: 1, ticks: more(2, 4), back: 1, losses: 1, ..none },
            expected: &["unlock brought a state back from the future", "a lost state was healed"],
        },
        Scene {
            name: "behind, and set right",
            enrolled: A,
            ahead: &[0, 4],
            programs: 1,
            plans: vec![NOW, NEXT, ROW, Plan::Unlock],
            budget: Budget { logins: 3, changes: more(1, 2), ticks: more(1, 2), behind: 1, losses: more(0, 1), ..none },
            expected: &["unlock brought a state back from the future", "a used code was refused"],
        },
        Scene {
            name: "late",
            enrolled: A,
            ahead: &[0, 4, -4],
            programs: 2,
            plans: vec![NOW, login(Phone::A, -1), login(Phone::A, -2)],
            budget: Budget { logins: more(3, 4), ticks: more(2, 4), power: more(0, 1), losses: 1, ..none },
            expected: &["a code of phone A was accepted", "a used code was refused", "a lost state was healed"],
        },
        Scene {
            name: "a read-only disk",
            enrolled: A,
            ahead: &[0],
            programs: 2,
            plans: vec![NOW, WRONG],
            budget: Budget { logins: 3, ticks: 1, kills: more(0, 1), power: 1, losses: 1, flips: 2, ..none },
            expected: &[
                "a record continued in /run",
                "a record came back from /run to the disk",
                "a commit failed and said nothing",
                "a state file was made while a login locked the one in /run",
            ],
        },
        Scene {
            name: "a sandbox",
            enrolled: A,
            ahead: &[0],
            programs: 2,
            plans: vec![NOW, WRONG, Plan::Sandboxed(What::Shown(Phone::A, 0)), Plan::Sandboxed(What::Wrong)],
            budget: Budget { logins: 3, ticks: 1, kills: more(0, 1), power: more(0, 1), losses: 1, ..none },
            expected: &[
                "a record continued in /run",
                "a record came back from /run to the disk",
                "a lost state was healed",
                "a state file was made while a login locked the one in /run",
            ],
        },
    ]
}

const TWICE: &str = "no code is accepted twice";
const OLDER: &str = "no code is accepted behind a later one";
const COUNTED: &str = "no guess is judged that is not counted";
const BOUNDED: &str = "no more guesses than the buckets have";
const FOR_NOTHING: &str = "a used code costs nothing";
const WHOLE: &str = "the secret is whole";
const UNASKED: &str = "no enrollment is voided unasked";
const LOCKED_OUT: &str = "nobody is locked out";
const SINGLE: &str = "single codes do where none waits";

/// Each mutation, where it shows, and the promise that it breaks there.
pub const MUTATIONS: &[(Mutation, &str, &str)] = &[
    (Mutation::NoLock, "logins", TWICE),
    (Mutation::NoLock, "guesses", COUNTED),
    (Mutation::NoRecheck, "logins", TWICE),
    (Mutation::NoInodeCheck, "files", TWICE),
    (Mutation::NoSecondLook, "first enrollments", UNASKED),
    (Mutation::DriftForgotten, "logins", TWICE),
    (Mutation::HealedForEver, "logins", LOCKED_OUT),
    (Mutation::HealedFromNothing, "logins", TWICE),
    (Mutation::SecretBeforeState, "another phone", LOCKED_OUT),
    (Mutation::PrunedBeforeSecret, "another phone", LOCKED_OUT),
    (Mutation::VoidKeysForgotten, "there and back", TWICE),
    (Mutation::RenameBeforeSync, "another phone", WHOLE),
    (Mutation::SecretInPlace, "another phone", WHOLE),
    (Mutation::AnswerBeforeSync, "logins", TWICE),
    (Mutation::AnswerBeforeSync, "guesses", COUNTED),
    (Mutation::NoSyncBefore, "guesses", TWICE),
    (Mutation::NotWrittenAgain, "guesses", TWICE),
    (Mutation::BothSlots, "logins", LOCKED_OUT),
    (Mutation::NewestSlot, "logins", TWICE),
    (Mutation::JudgeBeforeCharge, "guesses", COUNTED),
    (Mutation::JudgeBeforeCharge, "another phone", COUNTED),
    (Mutation::RightUncharged, "guesses", COUNTED),
    (Mutation::OutcomeInOtherSlot, "logins", LOCKED_OUT),
    (Mutation::OneSequence, "a read-only disk", TWICE),
    (Mutation::UsedCharged, "logins", FOR_NOTHING),
    (Mutation::SuccessRefills, "guesses", COUNTED),
    (Mutation::WaitIgnored, "guesses", BOUNDED),
    (Mutation::RowsWait, "guesses", LOCKED_OUT),
    (Mutation::SecondHalfFresh, "two in a row", TWICE),
    (Mutation::FirstHalfUsed, "two in a row", TWICE),
    (Mutation::ResyncAtLogin, "logins", TWICE),
    (Mutation::ClockOutOfReach, "late", SINGLE),
    (Mutation::FailureIgnored, "guesses", COUNTED),
    (Mutation::RunForgotten, "a read-only disk", TWICE),
    (Mutation::LeftOverStays, "a read-only disk", TWICE),
    (Mutation::NoLock, "a sandbox", TWICE),
    (Mutation::RunForgotten, "a sandbox", TWICE),
    (Mutation::LeftOverUnlocked, "a sandbox", COUNTED),
    (Mutation::NoLookBehindRun, "a sandbox", COUNTED),
    (Mutation::NoLookBehindRun, "a read-only disk", COUNTED),
    (Mutation::UnlockToNow, "the clock", TWICE),
    (Mutation::UnlockWithoutBand, "the clock", TWICE),
    (Mutation::UnlockWithoutBand, "behind, and set right", TWICE),
];

/// What is not promised, and where that shows.
pub const EXCEPTIONS: &[(Exception, &str, &str)] = &[
    (Exception::Restored, "files", TWICE),
    (Exception::LostAndBack, "the clock", OLDER),
    (Exception::LostAndSet, "taken off and set again", TWICE),
    (Exception::RunLost, "a read-only disk", TWICE),
    (Exception::NameLost, "first enrollments", LOCKED_OUT),
    (Exception::FastAndLate, "late", SINGLE),
];
