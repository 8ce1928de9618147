//! Two ways to the same thing: where one of them asks for a code and the other does not. Pure.

use crate::doctor::finding::Finding;
use crate::doctor::stacks::asking::as_another;
use crate::doctor::stacks::check::ABOUT;
use crate::doctor::stacks::files::{STACKS, StackFiles};
use crate::text::clean;

/// A service of a program, and what people call it.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// PAM_SERVICE.
    pub service: &'static str,
    /// As people say it.
    pub name: &'static str,
    /// One of these is there where the program is installed.
    pub programs: &'static [&'static str],
}

const SUDO: Way = Way { service: "sudo", name: "sudo", programs: &["/usr/bin/sudo"] };
const SUDO_I: Way = Way { service: "sudo-i", name: "`sudo -i`", programs: &["/usr/bin/sudo"] };
/// It lets nobody in without its file.
const DOAS: Way = Way { service: "doas", name: "doas", programs: &["/etc/doas.conf"] };
const SU: Way = Way { service: "su", name: "su", programs: &["/usr/bin/su", "/bin/su"] };
const SU_L: Way = Way { service: "su-l", name: "`su -`", programs: &["/usr/bin/su", "/bin/su"] };
const SSHD: Way = Way { service: "sshd", name: "sshd", programs: &["/usr/sbin/sshd"] };
const LOGIN: Way = Way { service: "login", name: "login", programs: &["/usr/bin/login", "/bin/login"] };
/// What login calls itself when it is started for another host.
const REMOTE: Way = Way {
    service: "remote",
    name: "a login by telnet or rlogin",
    programs: &["/usr/sbin/telnetd", "/usr/sbin/in.telnetd", "/usr/sbin/in.rlogind", "/usr/sbin/inetutils-telnetd"],
};
/// run0 asks polkit; its own service, systemd-run0, opens a session and asks nobody.
const POLKIT: Way = Way {
    service: "polkit-1",
    name: "polkit (pkexec, run0, the dialogs of a desktop)",
    programs: &["/usr/bin/pkexec", "/usr/bin/run0", "/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd"],
};
const COCKPIT: Way = Way {
    service: "cockpit",
    name: "Cockpit",
    programs: &["/usr/lib/cockpit/cockpit-ws", "/usr/libexec/cockpit-ws", "/usr/lib/cockpit/cockpit-session"],
};

/// Who can take the one can take the other: to the same shell, or to root.
const PAIRS: [(Way, Way); 7] =
    [(SUDO, SUDO_I), (SUDO, DOAS), (SU, SU_L), (SUDO, POLKIT), (SSHD, COCKPIT), (COCKPIT, SUDO), (LOGIN, REMOTE)];

/// `is_there`: is this way installed?
pub fn check(files: &StackFiles, is_there: impl Fn(&Way) -> bool) -> Vec<Finding> {
    let asks = |way: &Way| files.stack_of(way.service).is_some();
    let mut silent: Vec<(Way, Vec<Way>)> = Vec::new();
    for (one, other) in PAIRS.into_iter().flat_map(|(one, other)| [(one, other), (other, one)]) {
        if asks(&one) || !asks(&other) || !is_there(&one) || !is_there(&other) {
            continue;
        }
        match silent.iter_mut().find(|(way, _)| way.service == one.service) {
            Some((_, askers)) => askers.push(other),
            None => silent.push((one, vec![other])),
        }
    }
    silent.iter().map(|(way, askers)| finding(files, way, askers)).collect()
}

fn finding(files: &StackFiles, way: &Way, askers: &[Way]) -> Finding {
    let names: Vec<&str> = askers.iter().map(|asker| asker.name).collect();
    let verb = if names.len() == 1 { "does" } else { "do" };
    let file = files.path(way.service).map_or_else(
        || {
            format!(
                "{STACKS}/{} does not exist, and {STACKS}/other, which is used instead, does not name pam_totp.so",
                way.service
            )
        },
        |path| format!("{} does not name pam_totp.so", clean(&path)),
    );
    let what = format!("{file}: {} asks for no code, but {} {verb}", way.name, names.join(" and "));
    let asker = askers.first().map_or("", |asker| asker.service);
    Finding::warning(ABOUT, "other_way", what).fixed_by(as_another(files, way.service, asker))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "auth requisite pam_totp.so explain";

    fn files(texts: &[(&str, &str)]) -> StackFiles {
        let mut files = StackFiles::default();
        for (name, text) in texts {
            files.add(name, &format!("{STACKS}/{name}"), &format!("{text}\n"));
        }
        files.add("common-auth", "/etc/pam.d/common-auth", "auth requisite pam_unix.so\n");
        files.add("common-account", "/etc/pam.d/common-account", "account required pam_unix.so\n");
        files
    }

    fn silent(files: &StackFiles) -> Vec<String> {
        check(files, |_| true).iter().map(|found| found.message.clone()).collect()
    }

    #[test]
    fn one_of_two_is_named_whichever_it_is() {
        let plain = "@include common-auth\n@include common-account";
        let asking = format!("@include common-auth\n{CODE}\n@include common-account");
        for (service, other) in
            [("sudo", "sudo-i"), ("sudo", "doas"), ("su", "su-l"), ("sshd", "cockpit"), ("sudo", "polkit-1")]
        {
            for (asks, does_not) in [(service, other), (other, service)] {
                let found = silent(&files(&[(asks, &asking), (does_not, plain)]));
                let one = found.iter().find(|found| found.starts_with(&format!("/etc/pam.d/{does_not} does not name")));
                assert!(one.is_some(), "{asks}, but not {does_not}: {found:?}");
                let both = silent(&files(&[(asks, &asking), (does_not, &asking)]));
                assert!(!both.iter().any(|found| found.contains(&format!("/{does_not} "))), "{both:?}");
            }
        }
    }

    #[test]
    fn what_includes_the_other_asks_as_it_does() {
        let su = format!("{CODE}\n");
        assert_eq!(silent(&files(&[("su", &su), ("su-l", "auth include su\naccount include su")])), [""; 0]);
        let found = silent(&files(&[("sudo", &su), ("sudo-i", "@include common-auth"), ("other", &su)]));
        assert_eq!(found.len(), 1, "who has no file has that of `other`: {found:?}");
        assert!(found.iter().all(|found| found.contains("sudo-i")));
        assert_eq!(silent(&files(&[("sudo", "@include common-auth"), ("sudo-i", "@include common-auth")])), [""; 0]);
    }

    #[test]
    fn what_is_not_installed_is_not_looked_at() {
        let found = check(&files(&[("sudo", CODE), ("polkit-1", "@include common-auth")]), |way| way.service == "sudo");
        assert_eq!(found, []);
    }
}
