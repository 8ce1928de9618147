//! Wrong codes over whole lives, and any answer to any record: see `invariants/buckets.rs` and `invariants/answer.rs`,
//! which judge them.

use super::*;
use crate::pure::invariants::{answer, buckets};

proptest! {
    #[test]
    fn time_alone_gives_wrong_codes_back_whatever_happens(life in vec(any::<u8>(), 50..1_200)) {
        buckets::hold(&life);
    }

    /// Where nobody ever gets in, and nothing changes: the guesser who comes as often as they may.
    #[test]
    fn a_greedy_guesser_has_no_more_than_the_rule_says(
        guesser in any::<u8>(), pauses in vec((0..2_u8, any::<u8>(), 0..3_u8), 10..200),
    ) {
        let mut life = vec![guesser, 7];
        for (event, much, unit) in pauses {
            life.extend([event, much, unit]);
            life.extend((0..20_u8).flat_map(|_| [15, much]));
        }
        buckets::hold(&life);
    }

    #[test]
    fn whatever_is_answered_to_whatever_record(case in vec(any::<u8>(), 20..60)) {
        answer::hold(&case);
    }
}
