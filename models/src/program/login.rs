//! A login, as `verify.rs` makes it: what can never count is told, any other guess is charged, and only behind that judged.

use pam_totp::factor::attempt::{self, Attempt, GuessCharge};
use pam_totp::factor::source::Source;

use crate::host::Host;
use crate::keys::{Enrolled, Typed, WINDOW};
use crate::mutation::Mutation;
use crate::run::{Call, Guess, Held, LIMITS, Run, Said, Stage};
use crate::scope::{Scope, heal};
use crate::verdict::Verdict;

impl Run {
    /// `verify::judge`, up to the first call that writes.
    pub(super) fn judge(&mut self, enrolled: Enrolled, typed: Typed, source: Source, scope: &mut Scope<'_>) -> Call {
        let (enrollment, answer) = (enrolled.enrollment(), typed.answer());
        let mut record = self.record(scope.host, scope.mutation).unwrap_or_default();
        let healed = heal(&enrollment, &mut record, scope);
        let attempt = Attempt {
            enrollment: &enrollment,
            answer: &answer,
            stretched: typed.stretched(),
            source,
            now: scope.host.now(),
            window: WINDOW,
            limits: crate::mutation::limits(LIMITS, scope.mutation),
        };
        let honest = Verdict::of(&attempt, &record);
        let verdict = crate::mutation::judged(honest, scope.mutation, &attempt, &record, typed);
        self.said = Some(verdict.said);
        if let (Typed::Row(..), Said::Accepted) = (typed, verdict.said) {
            let wrong = Attempt { answer: &Typed::Wrong.answer(), ..attempt };
            if let GuessCharge::Told(_) = attempt::charge(&wrong, &record) {
                scope.seen.mark("two codes in a row were right where single ones waited");
            }
        }
        let door = source == Source::Door;
        let after = if door { Stage::Authorized } else { Stage::Over };
        let healed = healed && verdict.charge.is_none();
        match (verdict.charge, verdict.write.or(healed.then_some(record))) {
            (Some(charge), outcome) => {
                scope.ghost.pays(typed, enrolled, scope.host.clock);
                let call = self.commit(charge, after, scope);
                self.outcome = outcome.map(Held::new);
                let is_row = matches!(typed, Typed::Row(..) | Typed::Half(..));
                let is_wrong = verdict.said == Said::Wrong;
                self.guess = Some(Guess { lane: usize::from(door), is_row, is_wrong, is_judged: false });
                if scope.is(Mutation::JudgeBeforeCharge) {
                    self.is_judged(scope);
                }
                if call == Call::Write { Call::Charge } else { call }
            }
            (None, Some(record)) => self.commit(record, after, scope),
            (None, None) if verdict.said == Said::Accepted => unreachable!("a success is written"),
            (None, None) => Call::Answer,
        }
    }

    /// From here on a caller who can stop the program may know what it knows.
    fn is_judged(&mut self, scope: &mut Scope<'_>) {
        let has_aged = self.has_aged;
        if let Some(guess) = &mut self.guess {
            scope.ghost.judged(guess, has_aged);
        }
    }

    pub(super) fn charge(&mut self, scope: &mut Scope<'_>) -> Call {
        let next = self.write(scope);
        if next == Call::Answer && self.said == Some(Said::Error) {
            return next;
        }
        self.is_judged(scope);
        if self.outcome.is_some() { Call::Outcome } else { next }
    }

    /// Over the charge. Where that fails the charge stands, and is all that anybody hears of.
    pub(super) fn outcome(&mut self, scope: &mut Scope<'_>) -> Call {
        if scope.is(Mutation::OneSequence) && self.target(scope.host).is_none() {
            let inode = scope.host.run.unwrap_or_else(|| scope.host.create(scope.in_use, Host::empty_file()));
            (self.run, scope.host.run) = (Some(inode), Some(inode));
        }
        self.write(scope)
    }
}
