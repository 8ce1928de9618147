//! What is wrong with a stack, by what libpam did.

use super::code::{AUTH_ERR, IGNORE, SUCCESS};
use super::ways::{Way, Ways, can_be_rightful};

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrong {
    /// Somebody who is right in all else gets in without being asked for a code.
    Unasked,
    /// A wrong code gets in.
    AnyCode,
    /// A right code gets in, and nothing else has to be right.
    CodeAlone,
    /// With nothing right, and no code due, somebody gets in.
    Nothing,
    /// Who gets in with a right code is refused where none is due.
    NoneDue,
    /// Who would get in without our line does not with it, even with a right code.
    ShutOut,
    /// Nobody gets in.
    Nobody,
    /// Somebody with nothing right is asked for a code.
    Strangers,
    /// The code is asked for twice.
    Twice,
    /// An account is found good, and our account line was not asked.
    NotStored,
    /// An account is refused because of our account line, or always.
    AccountShutOut,
}

pub const ALL: [Wrong; 11] = [
    Wrong::Unasked,
    Wrong::AnyCode,
    Wrong::CodeAlone,
    Wrong::Nothing,
    Wrong::NoneDue,
    Wrong::ShutOut,
    Wrong::Nobody,
    Wrong::Strangers,
    Wrong::Twice,
    Wrong::NotStored,
    Wrong::AccountShutOut,
];

/// How much it takes that something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// It must be said.
    Must,
    /// It may be said: also where it takes a condition that would keep them out for a reason of its own.
    May,
}

/// What libpam did with a stack, and with the same one without our lines.
pub struct Seen {
    pub auth: Ways,
    pub account: Ways,
    pub auth_without: Ways,
    pub account_without: Ways,
    /// Our lines take a code, and not only a password with the code behind it.
    pub can_enroll: bool,
    pub is_for_keys: bool,
}

impl Seen {
    fn proofs(&self) -> Vec<usize> {
        let mut proofs = [self.auth.proofs(), self.auth_without.proofs()].concat();
        proofs.sort_unstable();
        proofs.dedup();
        proofs
    }

    pub fn has_credentials(&self) -> bool {
        !self.proofs().is_empty()
    }

    /// The login by which it is seen that this is so.
    pub fn example(&self, wrong: Wrong, measure: Measure) -> Option<String> {
        let may = measure == Measure::May;
        let proofs = self.proofs();
        let has_credentials = !proofs.is_empty();
        let rightful = |ways: &[&Way]| can_be_rightful(ways, &proofs);
        let auth = |holds: &dyn Fn(&Way) -> bool| self.auth.0.iter().find(|way| holds(way)).map(Way::print);
        match wrong {
            Wrong::Unasked => auth(&|way| way.is_in() && way.asked() == 0 && rightful(&[way])),
            Wrong::AnyCode => auth(&|way| way.is_in() && way.code_is(AUTH_ERR)),
            Wrong::CodeAlone => auth(&|way| has_credentials && way.is_in() && way.code_is(SUCCESS) && !way.has_proof()),
            Wrong::Nothing => {
                auth(&|way| way.is_in() && way.code.is_none_or(|code| code == IGNORE) && !way.has_proof())
            }
            Wrong::NoneDue => pair(&self.auth, &self.auth, |with, without| {
                let is = with.is_in() && with.code_is(SUCCESS) && without.code_is(IGNORE) && !without.is_in();
                is && has_credentials && rightful(&[with, without]) && (may || self.may_get_in(with, without))
            }),
            // A stack for keys is meant to keep passwords out.
            Wrong::ShutOut if self.is_for_keys => None,
            Wrong::ShutOut => pair(&self.auth, &self.auth_without, |with, without| {
                let is = !with.is_in() && with.code.is_none_or(|code| code == SUCCESS) && without.is_in();
                is && rightful(&[with, without]) && (may || with.asks_nothing_unusual_beside(without))
            }),
            Wrong::Nobody => {
                let gets_in = |way: &Way| way.is_in() && !way.code_is(AUTH_ERR);
                (!self.auth.0.iter().any(gets_in)).then(|| "nobody gets in".to_owned())
            }
            Wrong::Strangers => auth(&|way| way.asked() > 0 && !way.has_proof() && (may || self.somebody_like(way))),
            Wrong::Twice => auth(&|way| way.is_in() && way.asked() > 1 && way.code_is(SUCCESS)),
            Wrong::NotStored => {
                let past = self.account.0.iter().find(|way| way.is_well() && way.asked() == 0);
                past.filter(|_| self.can_enroll).map(Way::print)
            }
            Wrong::AccountShutOut => {
                let is_good = |way: &Way| way.is_well();
                if self.account.0.iter().any(is_good) {
                    pair(&self.account, &self.account_without, |with, without| !with.is_well() && without.is_well())
                } else {
                    Some("every account is refused".to_owned())
                }
            }
        }
    }

    /// Nobody who gets in with a code is asked for it.
    pub fn asks_nobody(&self) -> bool {
        let has_credentials = self.has_credentials();
        !self.auth.0.iter().any(|way| way.is_in() && way.code_is(SUCCESS) && (way.has_proof() || !has_credentials))
    }

    /// Who has no code to give may get in: they would without our line, or nothing unusual is in their way.
    fn may_get_in(&self, with: &Way, without: &Way) -> bool {
        let is_usual = with.is_usual() && without.is_usual();
        let like = |way: &&Way| way.is_in() && way.goes_with(with) && way.goes_with(without);
        is_usual || self.auth_without.0.iter().any(|way| like(&way))
    }

    /// As it is there, somebody could get in, if anybody can at all.
    fn somebody_like(&self, way: &Way) -> bool {
        let mut others = self.auth.0.iter().filter(|other| other.is_in()).peekable();
        others.peek().is_none() || others.any(|other| other.goes_as(way))
    }
}

/// One login that goes both ways.
fn pair(some: &Ways, others: &Ways, holds: impl Fn(&Way, &Way) -> bool) -> Option<String> {
    some.0.iter().find_map(|one| {
        let other = others.0.iter().find(|other| holds(one, other) && one.goes_with(other))?;
        Some(format!("{}\n    | {}", one.print(), other.print()))
    })
}
