//! Is this host in order? Facts in, findings out, each with the commands that fix it. Pure: the program gathers the facts.
//!
//! Each file imports only from lines above its own:
//!
//! 1. [`finding`], [`shell`]: what is said, and how commands are written.
//! 2. [`stacks`]: PAM stacks, from the text of a file to what is wrong with it, and the changes that fix it.
//! 3. [`sshd`], [`programs`]: what asks PAM, and whether it asks as its stack needs it.
//! 4. [`clock`], [`disk`], [`door`], [`labels`], [`module`], [`names`], [`policy`], [`store`], [`sudo`]: one subject each;
//!    and [`unseen`], what could not be looked at.
//! 5. [`delegates`]: who looks after others, whose names are looked up like those of the policy.
//! 6. [`sections`]: the subjects of all these.

pub mod clock;
pub mod delegates;
pub mod disk;
pub mod door;
pub mod finding;
pub mod labels;
pub mod module;
pub mod names;
pub mod policy;
pub mod programs;
pub mod sections;
pub mod shell;
pub mod sshd;
pub mod stacks;
pub mod store;
pub mod sudo;
pub mod unseen;
