//! A full disk, and one that cannot be written, are no place for keys.

use super::{codes, findings, in_order, paste, shell};
use crate::support::disk::on_disk;
use crate::support::system::System;

const FULL: &str = "cat /dev/zero >/var/lib/pam_totp/filler 2>/dev/null || :";
const NO_MORE_FILES: &str =
    "mkdir /var/lib/pam_totp/many; cd /var/lib/pam_totp/many; seq 20000 | xargs touch 2>/dev/null || :";

fn is_found(system: &System, code: &str) -> bool {
    let found = findings(system);
    found.iter().any(|finding| finding["code"] == code && finding["level"] == "fault" && finding["about"] == "store")
}

#[test]
fn a_full_disk_and_a_read_only_one_are_faults_until_they_are_not() {
    on_disk(Vec::new, |system| {
        in_order(system);
        assert!(!codes(&findings(system)).iter().any(|code| ["full", "read_only"].contains(code)));
        for (breaks, fixes) in [(FULL, "rm /var/lib/pam_totp/filler"), (NO_MORE_FILES, "rm -r /var/lib/pam_totp/many")]
        {
            shell(system, breaks);
            assert!(is_found(system, "full"), "{breaks}");
            shell(system, fixes);
            assert!(!is_found(system, "full"), "{fixes}");
        }
        shell(system, "mount -o remount,ro /var/lib/pam_totp");
        let found = findings(system);
        let finding = found.iter().find(|finding| finding["code"] == "read_only").expect("a finding");
        assert_eq!(finding["level"], "fault");
        let said = paste(system, finding);
        assert!(!is_found(system, "read_only"), "{said}");
        // Beside it, /run, in which logins continue.
        shell(system, "mount -t tmpfs -o size=8k,mode=755 tmpfs /run/pam_totp; mkdir -m 700 /run/pam_totp/state");
        let found = findings(system);
        assert!(found.iter().any(|finding| finding["code"] == "full" && finding["level"] == "warning"), "{found:#?}");
    });
}
