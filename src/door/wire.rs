//! What goes through the door: bytes to a [`Request`] or a [`Reply`] and back. Pure.
//!
//! A reply tells a caller no more than a login would: an outcome, never what would have been right.

use zeroize::Zeroizing;

use super::errand::Errand;
use super::listing::{self, Listed};
use super::message::{DoorMessage, Fields, Malformed, decoded, encoded, maybe, or_none, parsed, text};
use super::words::{self, MAX_NAME, device_name, kind_from, kind_words};
use crate::factor::attempt::{Outcome, Via};
use crate::factor::backup::{MAX_CODES, MIN_CODES};
use crate::factor::change::{Change, ChangeError, Place, Proof};
use crate::factor::enrollment::{Device, Kind, PERIODS};
use crate::factor::otp::{Algorithm, Digits};
use crate::factor::secret::{Answer, Secret};
use crate::factor::source::Source;
use crate::login::status::Status;
use crate::login::unavailable::DoorError;
use crate::manage::{ManageError, NewBackupCodes};
use crate::policy::access::Denied;
use crate::policy::delegates::DelegatedRight;

/// Bytes of a code; what is longer is no code, and goes as an empty one.
pub const MAX_CODE: usize = 64;

/// What is asked, and for whom.
#[derive(Debug)]
pub struct Request {
    /// The user's name; not yet an account's.
    pub user: String,
    /// What.
    pub ask: Ask,
}

/// What is asked.
#[derive(Debug)]
pub enum Ask {
    /// Is the user enrolled, and with how many digits?
    Preview,
    /// Judge this answer.
    Verify {
        /// What was typed.
        code: Answer,
        /// The login's origin; root's word alone counts.
        from: Source,
        /// The PAM service, where a right code may be remembered for it; root's word alone counts.
        service: Option<String>,
    },
    /// What has the user enrolled?
    Status,
    /// Change what the user has enrolled.
    Change {
        /// What, and no other.
        change: Change,
        /// A code of what they have.
        current: Option<Answer>,
    },
    /// What may the caller do for others?
    Rights,
    /// Do this for another user, as a delegate.
    Delegated {
        /// What.
        errand: Errand,
        /// The caller's own code.
        code: Answer,
    },
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The digits of their codes; `None`: the user is not enrolled.
    Preview(Option<Digits>),
    /// The outcome and the time at which it was judged; `None`: the user is not enrolled.
    Verdict(Option<(Outcome, u64)>),
    /// What the user has enrolled.
    Status(Status),
    /// Changed; with new backup codes, if any were made.
    Done(NewBackupCodes),
    /// New backup codes of a user of theirs, and until when they count, in seconds since 1970.
    Temporary {
        /// The codes.
        codes: NewBackupCodes,
        /// Until when.
        until: u64,
    },
    /// What the caller may do for others.
    Rights(Vec<DelegatedRight>),
    /// A delegate's users.
    Listed(Vec<Listed>),
    /// Not changed, or not told.
    Refused(Refusal),
}

/// Why a request comes to nothing, as far as its caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The change cannot be.
    Change(ChangeError),
    /// The caller may not ask this.
    Denied(Denied),
    /// The request is none.
    Malformed,
    /// The host cannot do it now. What is wrong with root's files is for root's log.
    Fault,
}

impl From<ManageError> for Refusal {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Refused(error) => Self::Change(error),
            ManageError::Denied(denied) => Self::Denied(denied),
            ManageError::Unavailable(_) => Self::Fault,
        }
    }
}

impl From<Refusal> for ManageError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Change(error) => Self::Refused(error),
            Refusal::Denied(denied) => Self::Denied(denied),
            Refusal::Malformed => DoorError::Garbled.into(),
            Refusal::Fault => DoorError::Fault.into(),
        }
    }
}

impl Ask {
    /// Is something to be changed, or only looked at?
    pub fn is_change(&self) -> bool {
        matches!(self, Self::Change { .. })
    }
}

impl Request {
    /// Reads a request that came at `now`, which is when a new device is made.
    pub fn parse(bytes: &[u8], now: u64) -> Result<Self, Malformed> {
        let mut fields = Fields::split(bytes)?;
        let verb = fields.head;
        let [user] = fields.one("user")?;
        let user = text(user, MAX_NAME)?;
        let ask = match verb {
            "preview" => Ask::Preview,
            "status" => Ask::Status,
            "verify" => Ask::Verify {
                code: fields.code("code")?.ok_or(Malformed)?,
                from: fields.take("from")?.map_or(Ok(Source::Local), |[word]| parsed(word))?,
                service: fields.take("service")?.map(|[word]| text(word, MAX_NAME)).transpose()?,
            },
            "rights" => Ask::Rights,
            "forget" => Ask::Change { change: Change::Forget, current: None },
            verb => match verb.strip_prefix("delegate ") {
                Some(word) => {
                    Ask::Delegated { errand: fields.errand(word)?, code: fields.code("code")?.ok_or(Malformed)? }
                }
                None => Ask::Change { change: fields.change(verb, now)?, current: fields.code("current")? },
            },
        };
        fields.end()?;
        Ok(Self { user, ask })
    }

    /// Writes a request; `None` for a change that is root's alone: no request says it.
    pub fn print(&self) -> Option<Zeroizing<String>> {
        let verb = match &self.ask {
            Ask::Preview => "preview",
            Ask::Verify { .. } => "verify",
            Ask::Status => "status",
            Ask::Change { change, .. } => verb(change)?,
            Ask::Rights => "rights",
            Ask::Delegated { errand, .. } => &format!("delegate {}", errand.right().word()),
        };
        let mut out = DoorMessage::new(verb);
        out.field("user", &[&encoded(self.user.as_bytes())]);
        match &self.ask {
            Ask::Preview | Ask::Status | Ask::Rights | Ask::Change { change: Change::Forget, .. } => {}
            Ask::Verify { code, from, service } => {
                out.code("code", Some(code));
                out.field("from", &[&from.to_string()]);
                // A longer one than any file has a name is no rule's.
                if let Some(service) = service.as_ref().filter(|service| service.len() <= MAX_NAME) {
                    out.field("service", &[&encoded(service.as_bytes())]);
                }
            }
            Ask::Change { change, current } => {
                out.change(change);
                out.code("current", current.as_ref());
            }
            Ask::Delegated { errand, code } => {
                out.errand(*errand);
                out.code("code", Some(code));
            }
        }
        Some(out.end())
    }
}

/// Root alone stores a key unproved, sets a counter, or gives out codes for a time.
fn verb(change: &Change) -> Option<&'static str> {
    match change {
        Change::Set { proof: Proof::Code(_), .. } => Some("set"),
        Change::BackupCodes(_) => Some("backup-codes"),
        Change::Forget => Some("forget"),
        Change::Remove | Change::RemoveDevice(_) => Some("remove"),
        Change::Resync { .. } => Some("resync"),
        Change::Set { proof: Proof::None | Proof::Before(_), .. }
        | Change::Counter { .. }
        | Change::TemporaryCodes { .. } => None,
    }
}

impl Reply {
    /// Reads a list, or the one reply that came in its place.
    pub fn parse_list(bytes: &[u8]) -> Result<Self, Malformed> {
        listing::parse(bytes)?.map_or_else(|| Self::parse(bytes), |users| Ok(Self::Listed(users)))
    }

    /// Reads a reply.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::split(bytes)?;
        let reply = match fields.head.split(' ').collect::<Vec<_>>().as_slice() {
            ["standing", "none"] => Self::Preview(None),
            ["standing", digits] => Self::Preview(Some(words::digits(digits)?)),
            ["verdict", "none"] => Self::Verdict(None),
            ["verdict", now, outcome @ ..] => {
                let outcome = outcome_from(outcome, &mut fields)?;
                Self::Verdict(Some((outcome, parsed(now)?)))
            }
            ["status", "none"] => Self::Status(fields.status(false)?),
            ["status", "enrolled"] => Self::Status(fields.status(true)?),
            ["done"] => Self::Done(fields.backup_codes()?),
            ["temporary", until] => Self::Temporary { codes: fields.backup_codes()?, until: parsed(until)? },
            ["rights"] => Self::Rights(fields.rights()?),
            ["refused", why @ ..] => Self::Refused(refusal_from(why, &mut fields)?),
            _ => return Err(Malformed),
        };
        // Fields that a later version has are left over: a reply says what happened already.
        Ok(reply)
    }

    /// Writes a reply.
    pub fn print(&self) -> Zeroizing<String> {
        match self {
            Self::Preview(digits) => DoorMessage::new(&format!("standing {}", or_none(digits.map(|d| d.get())))).end(),
            Self::Verdict(None) => DoorMessage::new("verdict none").end(),
            Self::Verdict(Some((outcome, now))) => {
                let mut out = DoorMessage::new(&format!("verdict {now} {}", outcome_words(outcome)));
                out.beside(outcome);
                out.end()
            }
            Self::Status(status) => {
                let mut out = DoorMessage::new(if status.enrolled { "status enrolled" } else { "status none" });
                out.status(status);
                out.end()
            }
            Self::Rights(rights) => {
                let mut out = DoorMessage::new("rights");
                rights.iter().for_each(|right| out.field("may", &[right.word()]));
                out.end()
            }
            Self::Listed(users) => listing::print(users),
            Self::Done(codes) => codes_message("done", codes),
            Self::Temporary { codes, until } => codes_message(&format!("temporary {until}"), codes),
            Self::Refused(error) => {
                let mut out = DoorMessage::new(&format!("refused {}", refusal_words(error)));
                if let Refusal::Change(ChangeError::CodeRefused { outcome, .. }) = error {
                    out.beside(outcome);
                }
                out.end()
            }
        }
    }
}

fn codes_message(head: &str, codes: &NewBackupCodes) -> Zeroizing<String> {
    let mut out = DoorMessage::new(head);
    codes.iter().for_each(|code| out.field("code", &[code]));
    out.end()
}

fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted { via: Via::Device(id), .. } => format!("device {id}"),
        Outcome::Accepted { via: Via::Backup { left }, .. } => format!("backup {left}"),
        Outcome::Accepted { via: Via::Temporary, .. } => "temporary".into(),
        Outcome::Used { next_in } => format!("used {next_in}"),
        Outcome::Later { at } => format!("later {at}"),
        Outcome::Wrong { since, left } => format!("wrong {since} {left}"),
        Outcome::Waiting { until, .. } => format!("waiting {}", or_none(*until)),
        Outcome::Twice { next_in } => format!("twice {}", or_none(*next_in)),
        Outcome::NotACode => "no-code".into(),
        Outcome::Accepted { via: Via::Untold, .. } => "accepted".into(),
        Outcome::Untold => "refused".into(),
    }
}

fn outcome_from(words: &[&str], fields: &mut Fields<'_>) -> Result<Outcome, Malformed> {
    Ok(match words {
        ["device", id] if id.bytes().all(|b| b.is_ascii_alphanumeric()) && id.len() <= 16 => {
            Outcome::Accepted { via: Via::Device((*id).into()), since: fields.since()? }
        }
        ["backup", left] => Outcome::Accepted { via: Via::Backup { left: parsed(left)? }, since: fields.since()? },
        ["temporary"] => Outcome::Accepted { via: Via::Temporary, since: fields.since()? },
        ["used", next_in] => Outcome::Used { next_in: parsed(next_in)? },
        ["later", at] => Outcome::Later { at: parsed(at)? },
        ["wrong", since, left] => Outcome::Wrong { since: parsed(since)?, left: parsed(left)? },
        ["waiting", until] => {
            let [need, next_in] = fields.one("codes")?;
            Outcome::Waiting { until: maybe(until)?, need: row(need)?, next_in: maybe(next_in)? }
        }
        ["twice", next_in] => Outcome::Twice { next_in: maybe(next_in)? },
        ["no-code"] => Outcome::NotACode,
        ["accepted"] => Outcome::Accepted { via: Via::Untold, since: fields.since()? },
        ["refused"] => Outcome::Untold,
        _ => return Err(Malformed),
    })
}

/// Each refusal that says all by its name.
const REFUSALS: [(&str, Refusal); 25] = [
    ("enrolled", Refusal::Change(ChangeError::AlreadyEnrolled)),
    ("not-enrolled", Refusal::Change(ChangeError::NotEnrolled)),
    ("device-exists", Refusal::Change(ChangeError::DeviceExists)),
    ("no-device", Refusal::Change(ChangeError::NoSuchDevice)),
    ("which-device", Refusal::Change(ChangeError::WhichDevice)),
    ("too-many", Refusal::Change(ChangeError::TooManyDevices)),
    ("only-device", Refusal::Change(ChangeError::OnlyDevice)),
    ("other-digits", Refusal::Change(ChangeError::OtherDigits)),
    ("same-key", Refusal::Change(ChangeError::SameKey)),
    ("not-consecutive", Refusal::Change(ChangeError::NotConsecutive)),
    ("no-counter", Refusal::Change(ChangeError::NoCounter)),
    ("too-many-pairs", Refusal::Change(ChangeError::TooManyPairs)),
    ("used", Refusal::Change(ChangeError::UsedCode)),
    ("code-needed", Refusal::Change(ChangeError::CodeNeeded)),
    ("no-random", Refusal::Change(ChangeError::NoRandom)),
    ("not-yours", Refusal::Denied(Denied::NotYours)),
    ("policy-off", Refusal::Denied(Denied::PolicyOff)),
    ("not-self", Refusal::Denied(Denied::NotSelf)),
    ("no-login", Refusal::Denied(Denied::NoLogin)),
    ("short-key", Refusal::Denied(Denied::ShortKey)),
    ("required", Refusal::Denied(Denied::Required)),
    ("not-delegated", Refusal::Denied(Denied::NotDelegated)),
    ("closed", Refusal::Denied(Denied::Closed)),
    ("malformed", Refusal::Malformed),
    ("fault", Refusal::Fault),
];

fn refusal_words(error: &Refusal) -> String {
    match error {
        Refusal::Change(ChangeError::WrongCode { clock_off }) => format!("wrong {}", or_none(*clock_off)),
        Refusal::Change(ChangeError::CodeRefused { outcome, now }) => {
            format!("current {now} {}", outcome_words(outcome))
        }
        Refusal::Denied(Denied::NotYoursToSee) => refusal_words(&Refusal::Denied(Denied::NotYours)),
        error => REFUSALS.iter().find(|(_, e)| e == error).map_or("fault", |(word, _)| word).into(),
    }
}

fn refusal_from(words: &[&str], fields: &mut Fields<'_>) -> Result<Refusal, Malformed> {
    Ok(match words {
        ["wrong", clock_off] => Refusal::Change(ChangeError::WrongCode { clock_off: maybe(clock_off)? }),
        ["current", now, outcome @ ..] => {
            Refusal::Change(ChangeError::CodeRefused { outcome: outcome_from(outcome, fields)?, now: parsed(now)? })
        }
        [word] => REFUSALS.iter().find(|(w, _)| w == word).map(|(_, error)| error.clone()).ok_or(Malformed)?,
        _ => return Err(Malformed),
    })
}

impl DoorMessage {
    fn code(&mut self, keyword: &str, code: Option<&Answer>) {
        if let Some(code) = code {
            let bytes = if code.as_bytes().len() > MAX_CODE { b"" } else { code.as_bytes() };
            self.field(keyword, &[&encoded(bytes)]);
        }
    }

    fn name(&mut self, keyword: &str, name: Option<&str>) {
        if let Some(name) = name {
            self.field(keyword, &[&encoded(name.as_bytes())]);
        }
    }

    /// What stands below the verb.
    fn change(&mut self, change: &Change) {
        match change {
            Change::Set { device, proof, place, backup_codes } => {
                self.new_device(device);
                if let Proof::Code(code) = proof {
                    self.code("code", Some(code));
                }
                match place {
                    Place::First => {}
                    Place::Beside => self.field("beside", &[]),
                    Place::InsteadOf(name) => {
                        self.field("replace", &[]);
                        self.name("of", name.as_deref());
                    }
                }
                self.field("count", &[&backup_codes.to_string()]);
            }
            Change::BackupCodes(count) => self.field("count", &[&count.to_string()]),
            Change::RemoveDevice(name) => self.name("of", Some(name)),
            Change::Resync { device, first, second } => {
                self.name("of", device.as_deref());
                self.code("code", Some(first));
                self.code("next", Some(second));
            }
            Change::Forget | Change::Remove | Change::Counter { .. } | Change::TemporaryCodes { .. } => {}
        }
    }

    fn new_device(&mut self, device: &Device) {
        let (kind, parameter) = kind_words(device.kind);
        let (digits, name) = (device.digits.get().to_string(), encoded(device.name.as_bytes()));
        self.field("device", &[kind, &parameter, device.algorithm.name(), &digits, &name]);
        self.field("key", &[&device.secret.to_base32()]);
    }

    /// What stands beside the words of an outcome.
    fn beside(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Accepted { since: Some(since), .. } => self.since(since),
            Outcome::Waiting { need, next_in, .. } => {
                self.field("codes", &[&need.to_string(), &or_none(*next_in)]);
            }
            _ => {}
        }
    }
}

impl Fields<'_> {
    fn code(&mut self, keyword: &str) -> Result<Option<Answer>, Malformed> {
        let Some([word]) = self.take(keyword)? else { return Ok(None) };
        let bytes = decoded(word)?;
        if bytes.len() > MAX_CODE { Err(Malformed) } else { Ok(Some(Answer::new(&bytes))) }
    }

    fn count(&mut self) -> Result<Option<u8>, Malformed> {
        let Some([word]) = self.take("count")? else { return Ok(None) };
        let count: u8 = parsed(word)?;
        let allowed = count == 0 || (MIN_CODES..=MAX_CODES).contains(&count.into());
        if allowed { Ok(Some(count)) } else { Err(Malformed) }
    }

    fn name(&mut self, keyword: &str) -> Result<Option<String>, Malformed> {
        self.take(keyword)?.map(|[word]| device_name(word)).transpose()
    }

    fn place(&mut self) -> Result<Place, Malformed> {
        Ok(match (self.take::<0>("beside")?, self.take::<0>("replace")?) {
            (None, None) => Place::First,
            (Some(_), None) => Place::Beside,
            (None, Some(_)) => Place::InsteadOf(self.name("of")?),
            (Some(_), Some(_)) => return Err(Malformed),
        })
    }

    fn change(&mut self, verb: &str, now: u64) -> Result<Change, Malformed> {
        Ok(match verb {
            "set" => Change::Set {
                device: self.new_device(now)?,
                proof: Proof::Code(self.code("code")?.ok_or(Malformed)?),
                place: self.place()?,
                backup_codes: self.count()?.unwrap_or_default(),
            },
            "backup-codes" => Change::BackupCodes(self.count()?.ok_or(Malformed)?),
            "remove" => self.name("of")?.map_or(Change::Remove, Change::RemoveDevice),
            "resync" => Change::Resync {
                device: self.name("of")?,
                first: self.code("code")?.ok_or(Malformed)?,
                second: self.code("next")?.ok_or(Malformed)?,
            },
            _ => return Err(Malformed),
        })
    }

    /// With what its key says, and no skew: that is found out, and not asked for.
    fn new_device(&mut self, now: u64) -> Result<Device, Malformed> {
        let [kind, parameter, algorithm, digits, name] = self.one("device")?;
        let [key] = self.one("key")?;
        let kind = kind_from(kind, parameter)?;
        // Codes that last for an hour are root's to allow.
        if matches!(kind, Kind::Totp { period } if !PERIODS.contains(&period)) {
            return Err(Malformed);
        }
        let secret = Secret::from_canonical(key).map_err(|_| Malformed)?;
        Ok(Device {
            kind,
            algorithm: Algorithm::from_name(algorithm).ok_or(Malformed)?,
            digits: words::digits(digits)?,
            ..Device::with_key(secret, &device_name(name)?, now)
        })
    }

    /// A right of a later version is none here.
    fn rights(&mut self) -> Result<Vec<DelegatedRight>, Malformed> {
        let mut rights = Vec::new();
        while let Some([word]) = self.take("may")? {
            rights.extend(DelegatedRight::ALL.into_iter().find(|right| right.word() == word));
        }
        Ok(rights)
    }

    fn backup_codes(&mut self) -> Result<NewBackupCodes, Malformed> {
        let plain = |word: &str| word.bytes().all(|b| b.is_ascii_graphic() && b != b'%');
        self.all(
            "code",
            MAX_CODES,
            |[word]| {
                if plain(word) { Ok(Zeroizing::new(word.to_owned())) } else { Err(Malformed) }
            },
        )
    }
}

/// How many codes in a row may be asked for.
fn row(word: &str) -> Result<u8, Malformed> {
    parsed(word).and_then(|need| if (2..=3).contains(&need) { Ok(need) } else { Err(Malformed) })
}
