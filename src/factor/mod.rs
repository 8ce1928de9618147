//! What a user has, how an answer is judged, and what a change of it writes. Pure.

pub mod attempt;
pub mod backup;
pub mod change;
pub mod devices;
pub mod enrollment;
pub mod healing;
pub mod judgment;
pub mod new_codes;
pub mod otp;
pub mod plan;
pub mod prove;
pub mod record;
pub mod remember;
pub mod resync;
pub mod secret;
pub mod source;
pub mod throttle;
pub mod uri;
