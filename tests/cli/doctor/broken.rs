//! One broken thing after the other: it is found, and what is pasted fixes it.

use super::{codes, findings, in_order, of_level, paste, restore, save, shell};
use crate::support::system::{System, throw_away};
use serde_json::Value;
use std::process::Command;

const SECRET: &str = "/var/lib/pam_totp/secrets/alice.toml";
const POLICY: &str = "/etc/security/pam_totp.toml";

/// The code of the finding, and the commands that break the host.
type Row<'a> = (&'a str, String);

fn rows() -> Vec<Row<'static>> {
    [clock_and_store(), policy_and_module(), stacks(), arguments(), sshd_and_sudo()].concat()
}

fn clock_and_store() -> Vec<Row<'static>> {
    let store = "/var/lib/pam_totp";
    let state = format!("{store}/state/alice");
    let later = "export LD_PRELOAD='/usr/$LIB/faketime/libfaketime.so.1' FAKETIME=1900000000 FAKETIME_FMT=%s\n\
                 oathtool --totp -b JBSWY3DPEHPK3PXPGEZDGNBVGY3TQOJQ --now @1900000000 | pam-totp verify alice";
    vec![
        ("not_synchronized", "echo NTPSynchronized=no >/root/clock".into()),
        ("records_ahead", later.into()),
        ("missing", format!("rm -r {store}/state")),
        ("missing", "rm -r /run/pam_totp".into()),
        ("unsafe", format!("chmod 755 {store}/secrets")),
        ("unsafe", format!("chown alice {store}/state")),
        ("unsafe", format!("chmod 777 {store}")),
        ("watched", format!("chmod 755 {store}")),
        ("missing", format!("rm -r {store}")),
        ("unsafe", format!("chmod 644 {SECRET}")),
        ("unsafe", format!("chown alice {SECRET}")),
        ("unsafe", format!("ln {SECRET} {store}/copy")),
        ("unsafe", format!("touch {state} && chmod 666 {state}")),
        ("unsafe", format!("rm -f {state} && ln -s /etc/passwd {state}")),
        ("lost_record", format!("echo nothing >{state} && chmod 600 {state}")),
        ("unsafe", format!("rm -f {state} && mkdir -m 700 {state}")),
        ("foreign", format!("touch {store}/secrets/notes")),
        ("left_over", format!("touch {store}/secrets/.alice.toml.new")),
        ("not_theirs", "usermod -u 4242 alice".into()),
        ("named_otherwise", format!("sed -i 's/^user = .*/user = \"root\"/' {SECRET}")),
        ("orphans", "sed -i /^alice:/d /etc/passwd".into()),
    ]
}

fn policy_and_module() -> Vec<Row<'static>> {
    let folder =
        "$(dirname $(ls /usr/lib/*/security/pam_unix.so /usr/lib64/security/pam_unix.so 2>/dev/null | head -n 1))";
    let module = format!("{folder}/pam_totp.so");
    let store = "cp -a /var/lib/pam_totp /var/lib/other";
    vec![
        ("policy_text", format!("printf 'window = 1\\nenabled = ture\\n' >{POLICY}")),
        ("policy_text", format!("printf 'window = 1\\nunenroled = \"allow\"\\n' >{POLICY}")),
        ("policy_file", format!("echo 'window = 1' >{POLICY} && chmod 666 {POLICY}")),
        (
            "throttle_keys",
            format!("printf '[throttle]\\nfirst_wait = 30\\n  longest_wait = 900\\nfree = 9\\n' >{POLICY}"),
        ),
        ("policy_off", format!("printf 'enabled = false\\nunenrolled = \"allow\"\\n' >{POLICY}")),
        ("policy_absent", "sed -i 's#^auth.*pam_totp.so#& config=/etc/security/own.toml#' /etc/pam.d/sudo".into()),
        (
            "policy_text",
            "echo 'windo = 1' >/etc/security/own.toml\n\
                         sed -i 's#^auth.*pam_totp.so#& config=/etc/security/own.toml#' /etc/pam.d/sudo"
                .into(),
        ),
        ("other_store", format!("{store} && echo 'store = \"/var/lib/other\"' >{POLICY}")),
        ("no_module", format!("mkdir -p /usr/local/lib/security && mv {module} /usr/local/lib/security/")),
        ("module_writable", format!("chmod 666 {module}")),
        ("module_writable", format!("chown alice {module}")),
        ("module_unreadable", format!("chmod 600 {module}")),
        ("module_path", "sed -i 's#pam_totp.so#/usr/lib/security/pam_totp.so#' /etc/pam.d/sshd".into()),
    ]
}

/// A service with these lines.
fn stack(service: &str, lines: &[&str]) -> String {
    let quoted: String = lines.iter().map(|line| format!(" '{line}'")).collect();
    format!("printf '%s\\n'{quoted} >/etc/pam.d/{service}")
}

fn stacks() -> Vec<Row<'static>> {
    let (unix, ours, deny) = ("auth sufficient pam_unix.so", "auth requisite pam_totp.so", "auth required pam_deny.so");
    let plain = "sed -i '/pam_totp/d' /etc/pam.d/s*";
    let common = stack("common-auth", &["auth sufficient pam_unix.so", deny]);
    let key = "echo AuthenticationMethods publickey,keyboard-interactive >>/etc/ssh/sshd_config.d/00-pam_totp.conf";
    let both = "[success=1 default=ignore]";
    vec![
        ("no_stack", plain.into()),
        ("unreachable", stack("sshd", &[unix, ours, deny])),
        ("unreachable", stack("sshd", &[unix, deny, ours])),
        ("unreachable", stack("sshd", &["auth required pam_env.so", unix, "auth required pam_totp.so"])),
        ("unreachable", format!("{common}\n{}", stack("sudo", &["@include common-auth", "@include common-account"]))),
        ("unreachable", format!("{common}\n{}", stack("login", &["@include common-auth", ours]))),
        (
            "unreachable",
            format!("{plain}; {}", stack("common-auth", &[unix, deny, "auth requisite pam_totp.so explain"])),
        ),
        ("sufficient_before", stack("sshd", &["auth sufficient pam_sss.so", "auth requisite pam_unix.so", ours])),
        (
            "sufficient_before",
            stack("sshd", &["auth sufficient pam_sss.so", unix, ours, deny])[..]
                .replace(unix, "auth required pam_unix.so")
                .replace(&format!(" '{deny}'"), ""),
        ),
        (
            "sufficient_before",
            stack("sshd", &["auth required pam_unix.so", "auth sufficient pam_faillock.so authsucc", ours]),
        ),
        ("condition", stack("sshd", &["auth sufficient pam_u2f.so", "@include common-auth", ours])),
        ("nobody", stack("sshd", &[&format!("auth {both} pam_unix.so"), ours, deny, "auth required pam_permit.so"])),
        ("optional", stack("sshd", &["@include common-auth", "auth optional pam_totp.so explain"])),
        ("optional", stack("sshd", &["@include common-auth", "auth [success=ok default=ignore] pam_totp.so"])),
        ("sufficient", stack("sshd", &["auth sufficient pam_totp.so", "@include common-auth"])),
        ("password_optional", stack("login", &["auth optional pam_unix.so", ours])),
        ("permit", format!("{key}\n{}", stack("sshd", &["auth required pam_totp.so", "auth required pam_permit.so"]))),
        ("permit", stack("login", &["auth required pam_totp.so", "auth required pam_permit.so"])),
        ("code_alone", stack("login", &[ours])),
        ("strangers", stack("cockpit", &["auth substack common-auth", ours])),
        ("strangers", stack("sshd", &["auth required pam_unix.so", ours])),
        ("explain", stack("sshd", &["auth required pam_unix.so", "auth requisite pam_totp.so explain"])),
        ("strangers", stack("sshd", &[&format!("auth {both} pam_unix.so"), deny, "auth required pam_permit.so", ours])),
        ("no_code_due", stack("sshd", &[&format!("auth {both} pam_unix.so"), "auth requisite pam_deny.so", ours])),
        ("strangers", stack("login", &[ours, "auth requisite pam_unix.so"])),
        ("strangers", stack("login", &["auth required pam_totp.so", "auth required pam_unix.so"])),
        ("explain", stack("cockpit", &["auth substack common-auth", "auth requisite pam_totp.so explain"])),
        ("asked_twice", "echo 'auth requisite pam_totp.so explain' >>/etc/pam.d/common-auth".into()),
        ("asked_twice", "sed -i '/^auth.*pam_totp/{p;p}' /etc/pam.d/sshd".into()),
        (
            "no_account",
            format!("echo 'unenrolled = \"enroll\"' >{POLICY}; sed -i '/^account.*pam_totp/d' /etc/pam.d/sshd"),
        ),
        ("missing_include", "sed -i 's/^@include common-session$/@include common-auht\\n&/' /etc/pam.d/sshd".into()),
        ("bad_word", "sed -i 's/requisite/requisit/' /etc/pam.d/sshd".into()),
        ("bad_word", "sed -i 's/^auth.*pam_totp/atuh requisite pam_totp/' /etc/pam.d/sshd".into()),
        ("bad_word", "sed -i 's/^account.*pam_totp/account [success=fine] pam_totp/' /etc/pam.d/sshd".into()),
    ]
}

fn arguments() -> Vec<Row<'static>> {
    let to = |arguments: &str| format!("sed -i 's/pam_totp.so explain/pam_totp.so {arguments}/' /etc/pam.d/sudo");
    let (split, unix, ours) = (
        "auth requisite pam_totp.so forward_pass",
        "auth requisite pam_unix.so use_first_pass",
        "auth requisite pam_totp.so",
    );
    let nobody_else = "for name in $(getent passwd | grep 'sh$' | cut -d: -f1); do\n\
                       [ $name = alice ] || usermod -s /usr/sbin/nologin $name; done";
    vec![
        ("bad_argument", to("explian nullok")),
        ("bad_argument", to("use_first_pass forward_pass")),
        ("bad_argument", to("local explain remote")),
        ("bad_argument", "sed -i 's/^account.*pam_totp.so/& exlain/' /etc/pam.d/sudo".into()),
        ("use_first_pass", to("use_first_pass")),
        (
            "use_first_pass",
            stack("login", &["auth requisite pam_totp.so use_first_pass", "auth requisite pam_unix.so"]),
        ),
        ("after_publickey", to("after=publickey")),
        ("nullok", format!("{nobody_else}\n{}", to("explain nullok [prompt=Your code: ]"))),
        ("forward_pass", stack("vsftpd", &[split, unix])),
        ("forward_pass_order", stack("vsftpd", &[split, ours, unix])),
        ("forward_pass_order", stack("vsftpd", &[split, ours])),
        ("strangers", stack("vsftpd", &[split, "auth required pam_unix.so use_first_pass", ours])),
    ]
}

fn sshd_and_sudo() -> Vec<Row<'static>> {
    let drop_in = |line: &str| format!("printf '{line}\\n' >/etc/ssh/sshd_config.d/00-pam_totp.conf");
    let questions = "KbdInteractiveAuthentication yes\\nPasswordAuthentication no";
    vec![
        ("kbd_interactive", "rm /etc/ssh/sshd_config.d/00-pam_totp.conf".into()),
        ("kbd_interactive", "sed -i /^Include/d /etc/ssh/sshd_config".into()),
        ("password_authentication", drop_in("KbdInteractiveAuthentication yes\\nPasswordAuthentication yes")),
        ("use_pam", drop_in(&format!("{questions}\\nUsePAM no"))),
        (
            "authentication_methods",
            drop_in(&format!("{questions}\\nAuthenticationMethods publickey,password"))
                .replace("PasswordAuthentication no", "PasswordAuthentication yes"),
        ),
        (
            "authentication_methods",
            "sed -i -e '/^@include common-auth/d' -e 's/pam_totp.so explain/pam_totp.so after=publickey/' /etc/pam.d/sshd".into(),
        ),
        ("sshd_unread", "rmdir /run/sshd".into()),
        ("sshd_unread", "rm /etc/ssh/ssh_host_*".into()),
        ("sudo_ticket", "true".into()),
    ]
}

#[test]
fn what_is_broken_is_found_and_what_is_pasted_fixes_it() {
    throw_away(|system| {
        in_order(system);
        save(system);
        shell(system, "rm -f /usr/bin/vi && install -m 755 /dev/null /usr/bin/vi");
        system.file("/usr/bin/vi", EDITOR);
        let rows = rows();
        assert!(rows.len() > 60, "{}", rows.len());
        let failed: Vec<String> = rows.iter().filter_map(|row| fixed(system, row).err()).collect();
        assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), rows.len(), failed.join("\n\n"));
    });
}

/// As somebody pastes it who reads it, and knows that no disk is missing here, no directory, and no second factor on
/// its way.
fn read(finding: &Value) -> Value {
    let said = finding["fix"].as_array().expect("lines").iter().map(|line| line.as_str().expect("a line"));
    let known = ["# only if no disk of its own belongs there: ", "# then: ", "# if it is alice's own: "];
    let lines = said.map(|line| match known.iter().find_map(|known| line.strip_prefix(known)) {
        Some(line) => line.to_owned(),
        None => line.replace("remove --orphans", "remove --orphans --yes"),
    });
    serde_json::json!({ "fix": lines.collect::<Vec<_>>() })
}

/// In the place of vi: somebody who sees what was meant.
const EDITOR: &str = "#!/bin/sh\nfor file; do :; done\n\
                      exec sed -i -e 's/^unenroled /unenrolled /' -e 's/^windo /window /' \"$file\"\n";

fn fixed(system: &System, (code, breaks): &Row) -> Result<(), String> {
    restore(system);
    let broken = system.tries(Command::new("/bin/bash").args(["-ec", breaks]), "");
    if !broken.status.success() && !breaks.contains("verify") {
        return Err(format!("{code}: {breaks}: {broken:?}"));
    }
    let before = findings(system);
    let found: Vec<_> = before.iter().filter(|finding| finding["code"] == *code).collect();
    if found.is_empty() {
        return Err(format!("{code} is not found after {breaks}: {:?}", codes(&before)));
    }
    let said: String = found.iter().map(|finding| paste(system, &read(finding))).collect();
    let after = findings(system);
    let (was, is) = (of_level(&before, "fault"), of_level(&after, "fault"));
    if said.contains("no change is known") {
        return Err(format!("{code} after {breaks}: nothing better is known than {said}"));
    }
    let new: Vec<_> = is.iter().filter(|fault| !was.contains(fault)).collect();
    if codes(&after).contains(code) || !new.is_empty() {
        return Err(format!("{code} after {breaks}: {found:#?}\npasted: {said}\nthen: {is:#?}"));
    }
    Ok(())
}
