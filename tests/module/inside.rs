//! Inside somebody else's process: loaded, used and unloaded without a trace.

use crate::support::application::{self, AUTH_ERR, SERVICE, SUCCESS, Said, application, at};
use crate::support::codes::code_at;
use crate::support::system::{KEY, throw_away};

/// More than a process has keys for thread-local data (1024): one lost each time would be missed.
const ROUNDS: usize = 1_100;
/// The beginning of a step.
const T: u64 = 1_800_000_000;

#[test]
fn a_thousand_threads_load_it_use_it_unload_it_and_end() {
    throw_away(|system| {
        application::build(system);
        system.stack(SERVICE, "auth required pam_totp.so nodelay\n");
        system.enrolled("alice");
        let code = code_at(KEY, T);
        let mut rounds = application();
        rounds.args(["-t", &ROUNDS.to_string(), SERVICE, "alice"]);
        let output = system.reads(at(T, &mut rounds), &format!("{code}\n").repeat(ROUNDS));
        let said = Said::read(&output);
        assert_eq!((said.count(SUCCESS), said.count(AUTH_ERR)), (1, ROUNDS - 1));
        assert_eq!(said.errors, "");
        let descriptors: Vec<&str> = said.messages.last().expect("the count").split(' ').collect();
        assert_eq!(descriptors[0], "descriptors");
        assert_eq!(descriptors[1], descriptors[2]);
    });
}
