//! Commands that have a stack ask for a code: as another one does, or in the one field that a program has. Pure.

use super::diagnose::{Circumstances, Shape, ills, shape};
use super::fix::{Edit, Put, applied, by_hand, shell};
use super::modules::is_credential;
use super::stacks::{Control, Files, Kind, Line, STACKS, lines};
use super::{Level, quoted};

const AUTH: &str = "auth requisite pam_totp.so explain";
const ACCOUNT: &str = "account required pam_totp.so";
/// Asks and splits, checks the password, and only after a right one checks the code.
const ONE_FIELD: [&str; 3] = [
    "auth requisite pam_totp.so forward_pass",
    "auth requisite pam_unix.so use_first_pass",
    "auth requisite pam_totp.so",
];

/// Has `service` ask as `asker` does. A second time it changes nothing.
pub fn as_another(files: &Files, service: &str, asker: &str) -> Vec<String> {
    let to = format!("{STACKS}/{service}");
    match (files.path(service), files.path(asker)) {
        (Some(from), _) => {
            let auth = auth_line(files, service, asker);
            let edits = behind_the_password(files, service, &auth);
            edits.map_or_else(by_hand, |edits| guarded(&edits, &from, &to, "^auth.*pam_totp\\.so"))
        }
        (None, Some(other)) => vec![format!("[ -e {to} ] || cp -a {} {to}", quoted(&other))],
        (None, None) => by_hand(),
    }
}

/// Has `service` take password and code in one answer. A second time it changes nothing.
pub fn in_one_field(files: &Files, service: &str) -> Vec<String> {
    let to = format!("{STACKS}/{service}");
    let Some(from) = files.path(service) else {
        let lines = ONE_FIELD.map(quoted).join(" ");
        return vec![format!("[ -e {to} ] || printf '%s\\n' {lines} '@include common-account' >{to}")];
    };
    let own = files.lines_of(service);
    let asks =
        |line: &&Line| included(line).is_some_and(|name| lines(&files.part(name, Kind::Auth)).any(Line::is_ours));
    let edits = own.iter().find(asks).map(|line| vec![Edit::new(line, Put::Instead(ONE_FIELD.join("\n")))]);
    let good = edits.filter(|edits| is_well(files, edits, service));
    good.map_or_else(by_hand, |edits| guarded(&edits, &from, &to, "forward_pass"))
}

/// The changes, unless a line like `mark` is there already; of a file that the distribution keeps, in a copy.
fn guarded(edits: &[Edit], from: &str, to: &str, mark: &str) -> Vec<String> {
    let moved: Vec<Edit> = edits.iter().map(|edit| edit.in_file(to)).collect();
    let copy = (from != to).then(|| format!("[ -e {to} ] || cp -a {} {to}", quoted(from)));
    let change = shell(&moved).into_iter().map(|command| format!("grep -q '{mark}' {to} || {command}"));
    copy.into_iter().chain(change).collect()
}

/// As that of the asker, but for what belongs to its own place.
fn auth_line(files: &Files, service: &str, asker: &str) -> String {
    let steps = files.chain(asker, Kind::Auth);
    let own = lines(&steps).find(|line| line.is_ours()).filter(|_| shape(files, asker) == Some(Shape::Questions));
    let line = own.map_or_else(|| AUTH.to_owned(), Line::print).replace(" local", "").replace(" remote", "");
    // polkit's helper tells neither an address nor a terminal.
    if service == "polkit-1" { line + " local" } else { line }
}

/// Behind what checks the password, and before whatever else decides about the account.
fn behind_the_password(files: &Files, service: &str, auth: &str) -> Option<Vec<Edit>> {
    let own = files.lines_of(service);
    let checks = |line: &&Line| {
        let by_another = |name| lines(&files.part(name, Kind::Auth)).any(is_credential);
        (line.is_auth() && is_credential(line)) || included(line).is_some_and(by_another)
    };
    let password = own.iter().rfind(checks)?;
    let stored = lines(&files.chain(service, Kind::Account)).any(Line::is_ours);
    let account = own.iter().find(|line| is_account(line)).filter(|_| !stored);
    let account = account.map(|line| Edit::new(line, Put::Before(ACCOUNT.into())));
    let plain: Vec<Edit> = [Edit::new(password, Put::Behind(auth.to_owned()))].into_iter().chain(account).collect();
    // A substack that fails does not end the stack: strangers would be asked for codes.
    let include = Line { control: Control::read("include"), ..password.clone() };
    let include = (password.control.text == "substack").then(|| Edit::new(password, Put::Instead(include.print())));
    let candidates = [plain.iter().cloned().chain(include).collect(), plain];
    candidates.into_iter().find(|edits: &Vec<Edit>| is_well(files, edits, service))
}

/// Does it ask with these changes, and does nothing ail it?
fn is_well(files: &Files, edits: &[Edit], service: &str) -> bool {
    let after = applied(files, edits);
    after.is_some_and(|after| {
        let ills = ills(&after, service, &Circumstances { enabled: true, ..Circumstances::default() });
        after.stack_of(service).is_some() && ills.iter().all(|ill| ill.level < Level::Warning)
    })
}

/// The stack that a line for `auth` takes in.
fn included(line: &Line) -> Option<&str> {
    match (line.kind_word.as_str(), line.control.text.as_str()) {
        ("@include", name) => Some(name),
        (_, "include" | "substack") if line.is_auth() => Some(&line.module),
        _ => None,
    }
}

fn is_account(line: &Line) -> bool {
    line.kind_word.trim_start_matches('-') == "account"
        || (line.kind_word == "@include" && line.control.text.ends_with("-account"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> Files {
        let mut files = Files::default();
        for (name, text) in texts {
            files.add(name, &format!("{STACKS}/{name}"), text);
        }
        files.add("common-auth", "/etc/pam.d/common-auth", "auth requisite pam_unix.so\n");
        files.add("common-account", "/etc/pam.d/common-account", "account required pam_unix.so\n");
        files
    }

    #[test]
    fn a_stack_asks_as_the_other_one_does() {
        let sudo = "@include common-auth\nauth requisite pam_totp.so explain config=/etc/x.toml\n";
        let stock = "session required pam_limits.so\n@include common-auth\n@include common-account\n";
        let said = as_another(&files(&[("sudo", sudo), ("sudo-i", stock)]), "sudo-i", "sudo");
        let expected = "grep -q '^auth.*pam_totp\\.so' /etc/pam.d/sudo-i || sed -i \
            -e '2a\\auth requisite pam_totp.so explain config=/etc/x.toml' -e '3i\\account required pam_totp.so' \
            /etc/pam.d/sudo-i";
        assert_eq!(said, [expected]);
        let said = as_another(&files(&[("sudo", sudo)]), "sudo-i", "sudo");
        assert_eq!(said, ["[ -e /etc/pam.d/sudo-i ] || cp -a /etc/pam.d/sudo /etc/pam.d/sudo-i"]);
    }

    #[test]
    fn what_the_distribution_keeps_is_copied_and_a_substack_becomes_an_include() {
        let sudo = "@include common-auth\nauth requisite pam_totp.so explain\n";
        let mut host = files(&[("sudo", sudo)]);
        host.add("polkit-1", "/usr/lib/pam.d/polkit-1", "@include common-auth\n@include common-account\n");
        host.add("cockpit", "/etc/pam.d/cockpit", "auth substack common-auth\naccount include common-account\n");
        let said = as_another(&host, "polkit-1", "sudo");
        assert_eq!(said[0], "[ -e /etc/pam.d/polkit-1 ] || cp -a /usr/lib/pam.d/polkit-1 /etc/pam.d/polkit-1");
        assert!(said[1].contains("'1a\\auth requisite pam_totp.so explain local'"), "{said:?}");
        let said = as_another(&host, "cockpit", "sudo").join("\n");
        assert!(said.contains("-e '1a\\auth requisite pam_totp.so explain'"), "{said}");
        assert!(said.contains("-e '1c\\auth include common-auth'"), "{said}");
    }

    #[test]
    fn one_field_takes_both() {
        let mut host =
            files(&[("vsftpd", "auth required pam_listfile.so\n@include common-account\n@include common-auth\n")]);
        *host.text_mut("/etc/pam.d/common-auth").unwrap() += "auth requisite pam_totp.so explain\n";
        let said = in_one_field(&host, "vsftpd").join("\n");
        assert!(
            said.starts_with("grep -q 'forward_pass' /etc/pam.d/vsftpd || sed -i -e '3c\\auth requisite"),
            "{said}"
        );
        assert!(said.contains("forward_pass\\nauth requisite pam_unix.so use_first_pass\\nauth"), "{said}");
        assert!(in_one_field(&host, "screen").join("\n").ends_with("'@include common-account' >/etc/pam.d/screen"));
    }
}
