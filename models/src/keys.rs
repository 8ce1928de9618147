//! Two phones, their codes, and what a user's file may hold: made once, by the real code.

use std::sync::OnceLock;

use pam_totp::factor::backup::{BackupCodes, BackupShaped, Stretched, random_bytes};
use pam_totp::factor::enrollment::{Device, Enrollment};
use pam_totp::factor::otp::hotp;
use pam_totp::factor::secret::{Answer, Secret};

/// The step at which every run begins; the clock of the model counts steps.
pub const BEGIN: u64 = 60_000_000;
/// Seconds of a step.
pub const PERIOD: u64 = 30;
/// Steps each way that a policy allows by default.
pub const WINDOW: u64 = 1;
/// Steps that a phone's clock is followed away from the host's.
pub const MAX_DRIFT: u64 = 4;
/// Sets of backup codes that there can be.
const SETS: u8 = 4;
/// Behind the phones' numbers, those of the sets of backup codes.
pub const BACKUP: u8 = 100;

/// A phone. Its key is its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phone {
    A,
    B,
}

/// The phones of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phones {
    One(Phone),
    Both,
}

/// What the secret file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Enrolled {
    pub phones: Phones,
    /// Which set of backup codes.
    pub set: Option<u8>,
}

/// What somebody types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Typed {
    /// The code that a phone shows at this step.
    Code(Phone, u64),
    /// The code of this step and the next one.
    Row(Phone, u64),
    /// The code of this step, and behind it one that no phone shows.
    Half(Phone, u64),
    /// A code that no phone shows.
    Wrong,
    /// The first code of this set.
    Backup(u8),
}

struct Keys {
    phones: [Device; 2],
    sets: Vec<(BackupCodes, Answer, Stretched)>,
    wrong: Answer,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let phones =
            [(7, "a"), (8, "b")].map(|(n, name)| Device::with_key(Secret::from_bytes(vec![n; 20].into()), name, 0));
        let sets = (0..SETS).map(|n| {
            let random: Vec<u8> = (0..random_bytes(2)).map(|at| (at as u8).wrapping_mul(31).wrapping_add(n)).collect();
            let (set, codes) = BackupCodes::make(&random, 2, 0).expect("random bytes enough");
            let shaped = BackupShaped::recognize(codes[0].as_bytes()).expect("a backup code");
            let stretched = Stretched::new(&shaped, &set);
            (set, Answer::new(codes[0].as_bytes()), stretched)
        });
        let sets = sets.collect();
        let near = BEGIN - 60..BEGIN + 60;
        let shown: Vec<Vec<u8>> = phones.iter().flat_map(|phone| near.clone().map(|step| code(phone, step))).collect();
        let mut apart = shown.clone();
        apart.sort();
        apart.dedup();
        assert_eq!(apart.len(), shown.len(), "two steps with one code would be no counterexample");
        let mut codes = (0..).map(|n: u32| format!("{n:06}").into_bytes());
        let wrong = codes.find(|code| !shown.contains(code)).expect("a wrong code");
        Keys { phones, sets, wrong: Answer::new(&wrong) }
    })
}

fn code(device: &Device, step: u64) -> Vec<u8> {
    hotp(device.secret.as_bytes(), step, device.algorithm, device.digits).as_bytes().to_vec()
}

/// The set of this number.
pub fn set_of(number: u8) -> BackupCodes {
    keys().sets[usize::from(number)].0.clone()
}

impl Phone {
    pub fn device(self) -> &'static Device {
        &keys().phones[self as usize]
    }
}

impl Phones {
    pub fn all(self) -> Vec<Phone> {
        match self {
            Self::One(phone) => vec![phone],
            Self::Both => vec![Phone::A, Phone::B],
        }
    }
}

impl Enrolled {
    pub fn enrollment(self) -> Enrollment {
        let devices = self.phones.all().into_iter().map(|phone| phone.device().clone()).collect();
        let backup_codes = self.set.map(set_of);
        Enrollment { user: "alice".into(), uid: 1000, devices, backup_codes }
    }

    /// What an enrollment holds.
    pub fn of(enrollment: &Enrollment) -> Self {
        let has = |phone: Phone| enrollment.devices.iter().any(|device| device.id == phone.device().id);
        let phones = match [Phone::A, Phone::B].map(has) {
            [true, true] => Phones::Both,
            [_, false] => Phones::One(Phone::A),
            [false, true] => Phones::One(Phone::B),
        };
        let number = |set: &BackupCodes| (0..SETS).find(|n| set_of(*n).id == set.id).expect("a known set");
        Self { phones, set: enrollment.backup_codes.as_ref().map(number) }
    }

    /// The id of the set of backup codes, as the state names it.
    pub fn set_id(self) -> Option<String> {
        self.set.map(|n| keys().sets[usize::from(n)].0.id.clone())
    }
}

impl Typed {
    pub fn answer(self) -> Answer {
        match self {
            Self::Code(phone, step) => Answer::new(&code(phone.device(), step)),
            Self::Row(phone, step) => {
                Self::Code(phone, step).answer().joined(&Self::Code(phone, step.saturating_add(1)).answer())
            }
            Self::Half(phone, step) => Self::Code(phone, step).answer().joined(&Self::Wrong.answer()),
            Self::Wrong => keys().wrong.clone(),
            Self::Backup(set) => keys().sets[usize::from(set)].1.clone(),
        }
    }

    /// The codes in it that count once: whose, and which.
    pub fn codes(self) -> Vec<(u8, u64)> {
        match self {
            Self::Code(phone, step) | Self::Half(phone, step) => vec![(phone as u8, step)],
            Self::Row(phone, step) => vec![(phone as u8, step), (phone as u8, step + 1)],
            Self::Backup(set) => vec![(BACKUP + set, 0)],
            Self::Wrong => Vec::new(),
        }
    }

    /// Stretched before the lock was taken.
    pub fn stretched(self) -> Option<&'static Stretched> {
        match self {
            Self::Backup(set) => Some(&keys().sets[usize::from(set)].2),
            _ => None,
        }
    }
}
