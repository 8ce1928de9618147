//! PAM stacks: the files in /etc/pam.d that say which modules a program asks. Each file imports only from lines above its
//! own:
//!
//! 1. [`line`], [`files`]: text to the chain of lines that a service runs.
//! 2. [`run`]: what libpam makes of a chain, once each module has answered.
//! 3. [`services`], [`modules`]: what is known of programs, and of other modules.
//! 4. [`model`], [`trial`]: every login through a chain, tried in thought.
//! 5. [`words`]: how lines and users are named in text.
//! 6. [`shape`], [`problem`], [`arguments`], [`diagnose`]: what is wrong.
//! 7. [`predict`]: what becomes of one user, for `policy explain`.
//! 8. [`harm`], `edits`, `candidates`, [`fix`]: changes that help and harm nobody.
//! 9. `marks`, [`plan`], [`add`], [`remove`], [`asking`]: `stack add` and `stack remove`.
//! 10. [`check`]: all of it, in findings.

pub mod add;
pub mod arguments;
pub mod asking;
mod candidates;
pub mod check;
pub mod diagnose;
mod edits;
pub mod files;
pub mod fix;
pub mod harm;
pub mod line;
mod marks;
pub mod model;
pub mod modules;
pub mod plan;
pub mod predict;
pub mod problem;
pub mod remove;
pub mod run;
pub mod services;
pub mod shape;
pub mod trial;
mod words;
