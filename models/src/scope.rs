//! What a program sees and changes of its host.

use pam_totp::factor::enrollment::Enrollment;
use pam_totp::factor::healing;
use pam_totp::factor::record::Record;

use crate::host::Host;
use crate::keys::{MAX_DRIFT, WINDOW};
use crate::mutation::Mutation;
use crate::observer::{Ghost, Seen};

/// What a program sees and changes.
pub struct Scope<'a> {
    pub host: &'a mut Host,
    pub ghost: &'a mut Ghost,
    pub seen: &'a Seen,
    pub mutation: Option<Mutation>,
    pub in_use: &'a [u8],
    pub me: u8,
}

impl Scope<'_> {
    pub fn is(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }
}

/// The furthest step that can have been accepted by now, as the design says it.
fn furthest(clock: u64) -> u64 {
    clock + MAX_DRIFT + WINDOW
}

/// `healing::heal`, and what the observer must know of it.
pub fn heal(enrollment: &Enrollment, record: &mut Record, scope: &mut Scope<'_>) -> bool {
    let known: Vec<String> = record.devices.iter().map(|line| line.id.clone()).collect();
    let healed = healing::heal(enrollment, record, scope.host.now(), WINDOW);
    let made = record.devices.iter_mut().filter(|line| !known.contains(&line.id));
    for line in made {
        scope.seen.mark("a lost state was healed");
        match scope.mutation {
            Some(Mutation::DriftForgotten) => line.last = Some(scope.host.clock + WINDOW),
            Some(Mutation::HealedForEver) => line.last = Some(u64::MAX),
            Some(Mutation::HealedFromNothing) => line.last = Some(0),
            _ => {}
        }
        scope.ghost.healed(furthest(scope.host.clock));
    }
    healed
}
