//! A root file system that has become read-only, as after a fault of its disk.

use super::guest::{self, WAYS, code, gets_in, is_refused, log, next_code, user};
use crate::support::machine::Options;

fn users_get_in_and_nothing_replays(release: &str, systemd: &str) {
    let machine = guest::boot(&Options { release, ..Options::default() });
    let version = machine.runs("systemctl --version");
    assert!(version.starts_with(&format!("systemd {systemd} ")), "{version}");
    // A file that is open for writing would keep it writable. Only the journal has one, and another place to write to.
    machine.runs(
        "journalctl --relinquish-var && mount -o remount,ro / || { grep -l '^flags:.*[12]$' /proc/[0-9]*/fdinfo/* | sed s/fdinfo/fd/ | xargs ls -l; false; }",
    );
    assert_ne!(machine.tries("touch /var/lib/pam_totp/state/alice").0, 0, "the disk can be written");

    let used = code(&machine, 0);
    for way in WAYS {
        gets_in(&machine, way, &used);
        is_refused(&machine, way, &used);
        let line = format!("used code: {} from", user(way));
        assert!(log(&machine).contains(&line), "{way}: {}", log(&machine));
        assert_eq!(
            machine.tries(&format!("test -s /run/pam_totp/state/{}", user(way))).0,
            0,
            "{way}: {}",
            log(&machine)
        );
    }

    machine.runs("mount -o remount,rw /");
    // A pam-totpd that was started in between sees the disk as it was then, until nobody has come for a while.
    machine.until("! systemctl is-active pam-totpd-root.service");
    for way in WAYS {
        is_refused(&machine, way, &used);
        gets_in(&machine, way, &next_code(&machine, &used));
        // It goes on where it belongs, and nothing is left that could grow old.
        assert_ne!(machine.tries(&format!("test -e /run/pam_totp/state/{}", user(way))).0, 0, "{way}");
        is_refused(&machine, way, &used);
    }
}

#[test]
fn users_of_debian_12_get_in_and_no_code_counts_twice() {
    users_get_in_and_nothing_replays("bookworm", "252");
}

#[test]
fn users_of_debian_13_get_in_and_no_code_counts_twice() {
    users_get_in_and_nothing_replays("trixie", "257");
}
