//! Whatever is pasted, without a thought: the host is no worse for it.

use super::{codes, findings, in_order, paste, restore, save, shell};
use crate::support::program::object;
use crate::support::system::{System, throw_away};
use serde_json::Value;
use std::fs;
use std::process::Command;

const POLICY: &str = "/etc/security/pam_totp.toml";

/// What a command says.
fn said(system: &System, command: &str) -> String {
    let output = system.runs(Command::new("/bin/sh").args(["-euc", command]));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Folders, stacks, policy, and what is root's own.
fn kept(system: &System) -> String {
    let folders = "/var/lib/pam_totp /var/big /var/link /var/lib/pam_totp/ /etc/pam.d /root";
    said(system, &format!("ls -lR --time-style=+ {folders} 2>&1 || :; grep -r '' /etc/pam.d {POLICY} 2>&1 || :"))
}

/// After `breaks` this is found, and what is to be pasted against it changes nothing.
fn is_left_alone(system: &System, code: &str, breaks: &str) {
    shell(system, breaks);
    let (found, before) = (findings(system), kept(system));
    assert!(codes(&found).contains(&code), "{code} after {breaks}: {found:#?}");
    let found = found.iter().filter(|finding| finding["code"] == code);
    let pasted: String = found.map(|finding| paste(system, finding)).collect();
    let after = kept(system);
    let lost: Vec<&str> = before.lines().filter(|line| !after.lines().any(|other| other == *line)).collect();
    let new: Vec<&str> = after.lines().filter(|line| !before.lines().any(|other| other == *line)).collect();
    assert!(after == before, "{breaks}: {pasted}\nlost: {lost:#?}\nnew: {new:#?}");
}

fn fix(found: &[Value], code: &str) -> String {
    let finding = found.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("{code}: {found:#?}"));
    finding["fix"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| line.as_str().expect("a line").to_owned() + "\n")
        .collect()
}

#[test]
fn a_store_behind_a_link_is_named_where_it_is_and_nothing_is_moved() {
    let link = "mv /var/lib/pam_totp /var/big && ln -s /var/big /var/lib/pam_totp";
    let above = "mkdir -p /var/big/lib && ln -s big/lib /var/link && cp -a /var/lib/pam_totp /var/link/totp\n\
                 echo 'store = \"/var/link/totp\"' >/etc/security/pam_totp.toml";
    let secrets = "mkdir /var/big && mv /var/lib/pam_totp/secrets /var/lib/pam_totp/state /var/big/\n\
                   ln -s /var/big/secrets /var/big/state /var/lib/pam_totp/";
    let in_the_way = "cd /var/lib/pam_totp && mv secrets /var/big && touch secrets";
    throw_away(|system| {
        in_order(system);
        system.policy("");
        save(system);
        for (breaks, real) in
            [(link, "/var/big"), (above, "/var/big/lib/totp"), (secrets, "/var/big"), (in_the_way, "")]
        {
            restore(system);
            is_left_alone(system, "unsafe", breaks);
            if !real.is_empty() {
                assert!(fix(&findings(system), "unsafe").contains("store = "), "{breaks}");
                // What a person does then.
                system.policy(&format!("store = \"{real}\"\n"));
                let found = findings(system);
                assert!(!codes(&found).contains(&"unsafe"), "{breaks}: {found:#?}");
                // Which is not copied onto itself.
                if breaks != above {
                    is_left_alone(system, "other_store", "true");
                }
            }
        }
    });
}

#[test]
fn no_folder_is_made_where_a_disk_may_belong() {
    throw_away(|system| {
        in_order(system);
        system.policy("unenrolled = \"allow\"\n");
        // Said to be absent without a fault, as those that `mount -a` is content without.
        fs::write("/etc/fstab", "/dev/disk/by-label/keys /var/lib/pam_totp ext4 noauto 0 0\n").expect("writes");
        is_left_alone(system, "missing", "rm -r /var/lib/pam_totp/secrets");
        is_left_alone(system, "missing", "rm -r /var/lib/pam_totp");
    });
}

#[test]
fn what_is_put_aside_takes_nothing_of_roots_with_it() {
    throw_away(|system| {
        in_order(system);
        system.file("/root/.bashrc", "umask 077\n");
        for round in ["first", "second"] {
            system.file("/var/lib/pam_totp/secrets/.bashrc", round);
            let found = findings(system);
            let foreign = found.iter().find(|finding| finding["code"] == "foreign").expect("a finding");
            paste(system, foreign);
            assert!(!codes(&findings(system)).contains(&"foreign"), "{round}");
        }
        assert_eq!(said(system, "cat /root/.bashrc"), "umask 077\n");
        let aside = said(system, "stat -c %a /root/pam_totp.aside; cat /root/pam_totp.aside/.bash*");
        assert!(aside.starts_with("700\n") && aside.contains("first") && aside.contains("second"), "{aside}");
    });
}

#[test]
fn a_record_is_no_key_whatever_its_name_is() {
    throw_away(|system| {
        in_order(system);
        shell(system, "mkdir -m 700 /var/lib/pam_totp/state/john.doe");
        let found = findings(system);
        let odd = found.iter().find(|finding| finding["code"] == "unsafe").expect("a finding");
        let pasted = paste(system, odd);
        assert!(!codes(&findings(system)).contains(&"unsafe"), "{pasted}");
        assert_eq!(said(system, "ls /root/pam_totp.aside"), "john.doe\n");
    });
}

#[test]
fn a_stack_that_no_known_change_fixes_is_left_to_its_writer() {
    let common = "sed -i '/pam_totp/d' /etc/pam.d/*\n\
                  echo 'auth requisite pam_totp.so explain' >>/etc/pam.d/common-auth\n\
                  echo 'account required pam_totp.so' >>/etc/pam.d/common-account\n";
    let free = "auth sufficient pam_succeed_if.so user ingroup nopasswdlogin";
    let shared = "@include common-auth";
    let deny = "auth requisite pam_deny.so";
    let problems = [
        ("condition", "lightdm", free),
        ("condition", "sshd", free),
        ("condition", "login", free),
        ("condition", "su", free),
        ("condition", "sudo", free),
        ("nobody", "sshd", deny),
        ("nobody", "kdm", deny),
    ];
    throw_away(|system| {
        in_order(system);
        system.policy("");
        save(system);
        for (code, service, line) in problems {
            restore(system);
            let stack = format!("printf '%s\\n' '{line}' '{shared}' '@include common-account' >/etc/pam.d/{service}");
            let breaks = match code {
                "nobody" => format!("{common}sed -i '1i {deny}' /etc/pam.d/common-auth\n{stack}"),
                _ => format!("{common}{stack}"),
            };
            is_left_alone(system, code, &breaks);
        }
    });
}

/// A host on which carol logs in by her password, and nothing was set up but the installation.
fn fresh(system: &System) {
    in_order(system);
    system.user("carol");
    shell(system, "rm /var/lib/pam_totp/secrets/alice.toml; sed -i '/pam_totp/d' /etc/pam.d/*");
}

#[test]
fn the_first_line_of_a_host_refuses_nobody_who_has_not_enrolled() {
    throw_away(|system| {
        fresh(system);
        save(system);
        for policy in [Some(include_str!("../../../packaging/pam_totp.toml")), Some(""), None] {
            restore(system);
            shell(system, &format!("rm -f {POLICY}"));
            policy.inspect(|policy| system.policy(policy));
            let stock = said(system, "cat /etc/pam.d/sshd");
            let found = findings(system);
            let nothing = found.iter().find(|finding| finding["code"] == "no_stack").expect("a finding");
            let pasted = paste(system, nothing);
            let (_, login) = object(system, &["policy", "explain", "carol", "--service", "sshd"], "");
            assert_eq!((&login["stack"], &login["decision"]), (&true.into(), &"pass".into()), "{login} {pasted}");
            // Also not of one that was changed since.
            shell(system, "sed -i -e '/pam_totp/d' -e '1i # ours' /etc/pam.d/sshd");
            findings(system).iter().filter(|finding| finding["code"] == "no_stack").for_each(|finding| {
                paste(system, finding);
            });
            assert!(said(system, "cat /etc/pam.d/sshd").starts_with("# ours\n"));
            shell(system, "pam-totp stack remove sshd; sed -i '/^# ours$/d' /etc/pam.d/sshd");
            assert_eq!(said(system, "cat /etc/pam.d/sshd"), stock);
            system.stack("sshd", include_str!("../../../pam.d/sshd"));
            assert!(!codes(&findings(system)).contains(&"no_stack"));
        }
    });
}

#[test]
fn where_the_policy_refuses_who_has_not_enrolled_the_first_line_waits() {
    let required = "unenrolled = \"allow\"\n[[require]]\nusers = [\"carol\"]\n";
    throw_away(|system| {
        fresh(system);
        // Somebody who closes the editor again.
        shell(system, "ln -sf /bin/true /usr/bin/vi");
        let at_sshd = "unenrolled = \"allow\"\n[[require]]\nservices = [\"sshd\"]\n";
        for policy in
            ["unenrolled = \"deny\"\n", required, at_sshd, "[[require]]\nusers = [\"carol\"]\n", "windo = 1\n"]
        {
            system.policy(policy);
            is_left_alone(system, "no_stack", "true");
            assert!(fix(&findings(system), "no_stack").contains("pam-totp enroll "), "{policy}");
        }
        // Whom a directory does not list is refused too.
        system.policy("");
        let without = "getent passwd | cut -d: -f1 | while read -r name; do\n\
                       echo KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU | pam-totp set --no-code -- \"$name\" || :\n\
                       done";
        shell(system, without);
        assert_eq!(object(system, &["list", "--unenrolled"], "").1["users"], Value::Array(vec![]));
        is_left_alone(system, "no_stack", "true");
    });
}

#[test]
fn no_line_of_a_policy_is_taken_away_whose_default_may_allow_more() {
    throw_away(|system| {
        in_order(system);
        // Somebody who closes the editor again.
        shell(system, "ln -sf /bin/true /usr/bin/vi");
        let lines = [
            "self_service = [\"replace\" \"backup-codes\"]",
            "self_servce = []",
            "window = O",
            "windo = 0",
            "store = /srv/x",
            "unenrolled = \"denny\"",
            "unenroled = \"deny\"",
            "throttle.free = 0",
            "enabled = true\nenabled = flase",
            "enabled = false\nenabled = true",
        ];
        for line in lines {
            is_left_alone(system, "policy_text", &format!("echo '{line}' >{POLICY}"));
        }
    });
}

#[test]
fn a_policy_that_others_could_write_counts_once_somebody_read_it() {
    throw_away(|system| {
        in_order(system);
        // Somebody who is not content with what is there.
        shell(system, "ln -sf /bin/false /usr/bin/vi");
        is_left_alone(system, "policy_file", &format!("echo 'enabled = false' >{POLICY}; chmod 666 {POLICY}"));
        assert!(codes(&findings(system)).contains(&"policy_file"), "it is in force");
    });
}

#[test]
fn an_absent_policy_is_made_one_that_allows_no_more() {
    throw_away(|system| {
        in_order(system);
        shell(system, "sed -i 's#^auth.*pam_totp.so#& nullok config=/etc/security/own.toml#' /etc/pam.d/sudo");
        let found = findings(system);
        let absent = found.iter().find(|finding| finding["code"] == "policy_absent").expect("a finding");
        paste(system, absent);
        assert!(!codes(&findings(system)).contains(&"policy_absent"));
        let (_, shown) = object(system, &["--config", "/etc/security/own.toml", "policy", "show"], "");
        assert_eq!((&shown["unenrolled"], &shown["self_service"]), (&"deny".into(), &Value::Array(vec![])), "{shown}");
    });
}

/// Whose it is, or on its way to whom, a person knows.
#[test]
fn an_enrollment_that_names_another_user_is_not_moved_unread() {
    throw_away(|system| {
        in_order(system);
        system.user("bob");
        let halfway = "sed -i 's/^user = .*/user = \"bob\"/' /var/lib/pam_totp/secrets/alice.toml";
        is_left_alone(system, "named_otherwise", halfway);
        let found = findings(system);
        assert!(fix(&found, "named_otherwise").contains("pam-totp rename alice bob\n"), "{found:#?}");
        shell(system, "sed -i /^alice:/d /etc/passwd");
        let found = findings(system);
        assert!(!codes(&found).contains(&"orphans") && codes(&found).contains(&"named_otherwise"), "{found:#?}");
    });
}

#[test]
fn users_whom_a_directory_does_not_know_today_stay_enrolled() {
    throw_away(|system| {
        in_order(system);
        shell(system, "sed -i /^alice:/d /etc/passwd");
        let (found, before) = (findings(system), kept(system));
        let orphans = found.iter().find(|finding| finding["code"] == "orphans").expect("a finding");
        let pasted = paste(system, orphans);
        assert!(pasted.contains("Is every directory service up?"), "{pasted}");
        assert_eq!(kept(system), before);
    });
}
