//! Every sentence that a user or a log gets, once, by who reads it. Pure.

use crate::factor::record::LaneKey;
use crate::factor::source::Source;

pub mod enrolling;
pub mod log;
pub mod refusal;
pub mod user;

/// Where wrong codes came from, in one word or two.
pub fn from(source: Source) -> String {
    match source {
        Source::Local | Source::Door => "this host".into(),
        Source::Judge | Source::Unknown => "an unknown place".into(),
        Source::Net(address) => address.to_string(),
    }
}

/// Where the wrong codes of a lane came from.
pub fn place(lane: LaneKey) -> String {
    match lane {
        LaneKey::Local => "this host".into(),
        LaneKey::Door => "programs that run without root".into(),
        LaneKey::Judges => "programs with an account of their own".into(),
        LaneKey::Net(network) => network.to_string(),
        LaneKey::Other(_) => "places without a login before".into(),
    }
}
