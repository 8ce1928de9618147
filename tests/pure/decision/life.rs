//! Devices of both kinds in one life, with all that happens to them: see `invariants/steps.rs`, which judges it.

use super::*;
use crate::pure::invariants::steps;

proptest! {
    #[test]
    fn no_step_comes_again_whatever_happens(life in vec(any::<u8>(), 20..200)) {
        steps::hold(&life);
    }

    /// A token whose counter is lost, found by root, run ahead and followed, over and over.
    #[test]
    fn a_token_goes_forward_whatever_happens(events in vec((prop::sample::select(vec![3_u8, 4, 6, 7, 8, 9]), any::<u8>()), 1..60)) {
        // Six digits, one device of kind HOTP.
        let mut life = vec![0, 0, 0, 20, 7, 0, 1];
        life.extend(events.into_iter().flat_map(|(event, choice)| [0, event, choice]));
        steps::hold(&life);
    }
}
