//! Commands that have a stack ask for a code: as another one does, or in the one field that a program has. Pure.

use super::add::{WantedStack, add};
use super::files::{StackFiles, lines};
use super::fix::by_hand;
use super::line::{Facility, StackLine};
use super::shape::{StackShape, shape};
use crate::doctor::shell::quoted;

/// Has `service` ask as `asker` does.
pub fn as_another(files: &StackFiles, service: &str, asker: &str) -> Vec<String> {
    let questions = shape(files, asker) == Some(StackShape::Questions);
    let like = Some(asker.to_owned()).filter(|_| questions && !asks_plainly(files, asker));
    let option = like.as_ref().map_or(String::new(), |like| format!(" --like {}", quoted(like)));
    // Who is not enrolled is refused at the other one, too.
    let option = option + " --yes";
    command(files, service, &WantedStack { shape: StackShape::Questions, remote: false, like }, &option)
}

/// Has `service` take password and code in one answer.
pub fn in_one_field(files: &StackFiles, service: &str) -> Vec<String> {
    let wanted = WantedStack { shape: StackShape::OneField, remote: false, like: None };
    command(files, service, &wanted, " --one-field")
}

/// Only where it would do what it should.
fn command(files: &StackFiles, service: &str, wanted: &WantedStack, options: &str) -> Vec<String> {
    match add(files, service, wanted) {
        Ok(_) => vec![format!("pam-totp stack add {}{options}", quoted(service))],
        Err(_) => by_hand(),
    }
}

/// With the arguments that are put where nothing else is said.
fn asks_plainly(files: &StackFiles, service: &str) -> bool {
    let steps = files.chain(service, Facility::Auth);
    let mut ours = lines(&steps).filter(|line| line.is_ours());
    let own_place = |argument: &&String| !["local", "remote"].contains(&argument.as_str());
    let is_plain = |line: &StackLine| line.arguments.iter().filter(own_place).eq(["explain"]);
    ours.next().is_some_and(is_plain)
}

#[cfg(test)]
mod tests {
    use super::super::files::STACKS;
    use super::*;

    fn files(texts: &[(&str, &str)]) -> StackFiles {
        let mut files = StackFiles::default();
        for (name, text) in texts {
            files.add(name, &format!("{STACKS}/{name}"), text);
        }
        files.add("common-auth", "/etc/pam.d/common-auth", "auth requisite pam_unix.so\n");
        files.add("common-account", "/etc/pam.d/common-account", "account required pam_unix.so\n");
        files
    }

    #[test]
    fn a_stack_asks_as_the_other_one_does() {
        let sudo = "@include common-auth\nauth requisite pam_totp.so explain\n";
        let stock = "session required pam_limits.so\n@include common-auth\n@include common-account\n";
        let host = files(&[("sudo", sudo), ("sudo-i", stock)]);
        assert_eq!(as_another(&host, "sudo-i", "sudo"), ["pam-totp stack add sudo-i --yes"]);
        let own = sudo.replace("explain", "explain config=/etc/x.toml");
        let said = as_another(&files(&[("sudo", &own), ("sudo-i", stock)]), "sudo-i", "sudo");
        assert_eq!(said, ["pam-totp stack add sudo-i --like sudo --yes"]);
        let no_password =
            files(&[("sudo", sudo), ("sudo-i", "session required pam_limits.so\nauth required pam_x.so\n")]);
        assert!(as_another(&no_password, "sudo-i", "sudo")[0].starts_with("# no change is known"));
    }

    #[test]
    fn one_field_takes_both() {
        let mut host =
            files(&[("vsftpd", "auth required pam_listfile.so\n@include common-account\n@include common-auth\n")]);
        *host.text_mut("/etc/pam.d/common-auth").unwrap() += "auth requisite pam_totp.so explain\n";
        assert_eq!(in_one_field(&host, "vsftpd"), ["pam-totp stack add vsftpd --one-field"]);
    }
}
