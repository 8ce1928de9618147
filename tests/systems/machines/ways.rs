//! The ways into a whole machine, with its own kernel and nothing of a container about it.

use super::guest::{self, WAYS, code, gets_in, is_refused, log, user};
use crate::support::machine::Options;

#[test]
fn ssh_su_and_sudo_of_debian_12_and_13_take_a_code_once() {
    for release in ["bookworm", "trixie"] {
        let machine = guest::boot(&Options { release, ..Options::default() });
        for way in WAYS {
            let code = code(&machine, 0);
            gets_in(&machine, way, &code);
            is_refused(&machine, way, &code);
            let line = format!("used code: {} from", user(way));
            assert!(log(&machine).contains(&line), "{way}: {}", log(&machine));
        }
    }
}
