//! The role for Ansible, run by each release's own Ansible against a host that it reaches by ssh.

use crate::support::container::{Container, KEY, PASSWORD, Release, code, on_each_release};
use crate::support::terminal::Terminal;
use std::process::{Command, Stdio};

on_each_release!(
    twice_is_once_and_logins_ask_for_a_code,
    a_fault_stops_it_before_a_stack_is_touched,
    behind_a_key_ansible_itself_still_gets_in_and_all_can_be_put_back,
    sudo_that_asks_for_a_code_is_no_way_for_ansible,
);

const ROLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/ansible");

/// A container has no clock of its own to set, which doctor cannot know.
const CONTAINER: &str = "pam_totp_install: none\npam_totp_accepted_faults: [not_synchronized]\n";

/// All that the role may change.
const FILES: &str = "sha256sum /etc/pam.d/* /etc/ssh/sshd_config.d/* /etc/security/pam_totp.toml 2>/dev/null; \
                     ls /var/lib/pam_totp/secrets";

/// A host that has the program and nothing else, that root reaches by a key, and the role on it.
fn host(release: Release) -> Container {
    let prepare = "mkdir -p /root/.ssh
        ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
        cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys";
    let host = Container::with(release, "ansible", prepare);
    for user in ["alice", "bob"] {
        host.user(user);
    }
    let mut tar =
        Command::new("tar").args(["-C", ROLE, "-cf", "-", "."]).stdout(Stdio::piped()).spawn().expect("tar starts");
    let mut untar = host.command("tar");
    let files = tar.stdout.take().expect("a pipe");
    let unpacked = untar.args(["-C", "/srv", "-xf", "-"]).stdin(files).status().expect("tar starts");
    assert!(unpacked.success() && tar.wait().expect("tar ends").success());
    host
}

/// What a run said, and how many tasks it changed.
struct Run {
    said: String,
    changed: usize,
    failed: bool,
}

/// Runs the role with these variables, as root or as somebody else.
fn play_as(host: &Container, user: &str, variables: &str, options: &str) -> Run {
    host.file("/srv/play.yml", "- hosts: all\n  gather_facts: false\n  roles: [pam_totp]\n");
    host.file("/srv/vars.yml", &format!("{CONTAINER}{variables}"));
    let ssh = "-o StrictHostKeyChecking=no -i /root/.ssh/id_ed25519";
    let inventory = format!(
        "127.0.0.1 ansible_user={user} ansible_python_interpreter=/usr/bin/python3 ansible_ssh_common_args='{ssh}'\n"
    );
    host.file("/srv/hosts", &inventory);
    let ansible = "ANSIBLE_ROLES_PATH=roles ANSIBLE_NOCOLOR=1 ansible-playbook -i hosts -e @vars.yml play.yml";
    let output = host.tries(&format!("cd /srv && {ansible} {options} </dev/null"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let changed = said.split(" changed=").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    let changed = changed.unwrap_or_else(|| panic!("no recap: {said}"));
    Run { said, changed, failed: !output.status.success() }
}

fn play(host: &Container, variables: &str, options: &str) -> Run {
    play_as(host, "root", variables, options)
}

/// Runs it, and it must come to its end with so many changes.
fn changes(host: &Container, variables: &str, expected: usize) -> Run {
    let run = play(host, variables, "");
    assert!(!run.failed && run.changed == expected, "{:?}: not {expected} changes: {}", host.release, run.said);
    run
}

fn gets_in(mut ssh: Terminal, user: &str, code: Option<&str>) {
    ssh.answers("Password: ", PASSWORD);
    if let Some(code) = code {
        ssh.answers("Verification code: ", code);
    }
    ssh.sees(&format!("in as {user}"));
}

fn team(bob: &str, issuer: &str) -> String {
    format!(
        "pam_totp_users: [{{name: alice, key: {KEY}}}, {{name: bob, {bob}}}]
pam_totp_policy: {{issuer: {issuer}, unenrolled: allow, throttle.every: 7200, self_service: [replace, remove]}}
pam_totp_stacks: [{{service: sshd}}, {{service: sudo}}, {{service: sudo-i}}, {{service: polkit-1}}]
"
    )
}

fn twice_is_once_and_logins_ask_for_a_code(release: Release) {
    let host = host(release);
    let both = team(&format!("key: {KEY}"), "Example Hosting");
    let before = host.runs(FILES);
    let check = play(&host, &both, "--check");
    assert!(!check.failed && check.changed > 5, "{}", check.said);
    assert_eq!(host.runs(FILES), before, "--check changed something");

    let first = play(&host, &both, "");
    assert!(!first.failed && first.changed > 5, "{}", first.said);
    changes(&host, &both, 0);
    let check = play(&host, &both, "--check");
    assert!(!check.failed && check.changed == 0, "{}", check.said);
    gets_in(host.ssh("alice"), "alice", Some(&code()));

    // No log has the key, and no file that is not pam_totp's own, but those of this test's controller.
    assert!(!host.runs("journalctl --boot --no-pager --output=export").contains(KEY));
    let found = host.runs(&format!("grep -rlF {KEY} /etc /home /root /run /tmp /var --exclude-dir=secrets || :"));
    assert_eq!(found, "", "{found}");

    // What changes in the variables changes on the host, and nothing else.
    changes(&host, &team(&format!("key: {KEY}"), "Other"), 1);
    assert!(host.runs("pam-totp policy show").contains("Other"));
    changes(&host, &team("state: absent", "Other"), 1);
    changes(&host, &team("state: absent", "Other"), 0);
    gets_in(host.ssh("bob"), "bob", None);

    // Whose phone is another by now keeps it.
    let other = team("state: absent", "Other").replace(KEY, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    changes(&host, &other, 0);
    changes(&host, &other.replace("name: alice,", "name: alice, replace: true,"), 1);
}

fn a_fault_stops_it_before_a_stack_is_touched(release: Release) {
    let host = host(release);
    host.runs("chmod 755 /var/lib/pam_totp/secrets");
    let before = host.runs(FILES);
    let run = play(&host, &team("state: absent", "Example"), "");
    // With what fixes it.
    assert!(run.failed && run.said.contains("chmod 700 /var/lib/pam_totp/secrets"), "{}", run.said);
    assert_eq!(host.runs(FILES), before);

    // A key that is none is said without it.
    host.runs("chmod 700 /var/lib/pam_totp/secrets");
    let run = play(&host, "pam_totp_users: [{name: alice, key: NOTAKEY1}]\n", "");
    assert!(run.failed && run.said.contains("alice: ") && !run.said.contains("NOTAKEY1"), "{}", run.said);

    // Nobody who gets in today is refused, unless that is wanted.
    let stacks = "pam_totp_stacks: [{service: sshd}]\n";
    let run = play(&host, stacks, "");
    assert!(run.failed && !host.runs("cat /etc/pam.d/sshd").contains("pam_totp"), "{}", run.said);
    host.runs("pam-totp policy set unenrolled allow");
    let text = "pam_totp_policy_text: |\n  unenrolled = \"allow\"\n  [[require]]\n  users = [\"bob\"]\n";
    let run = play(&host, text, "");
    assert!(run.failed && run.said.contains("bob"), "{}", run.said);
    changes(&host, &format!("{text}pam_totp_refuse_unenrolled: true\n"), 1);
    changes(&host, &format!("{text}pam_totp_refuse_unenrolled: true\n"), 0);
    let run = play(&host, "pam_totp_policy_text: \"unenroled = 1\"\n", "");
    assert!(run.failed && run.said.contains("unenroled"), "{}", run.said);
}

fn behind_a_key_ansible_itself_still_gets_in_and_all_can_be_put_back(release: Release) {
    let host = host(release);
    let before = host.runs(FILES);
    let wanted = format!(
        "pam_totp_users: [{{name: alice, key: {KEY}}}]
pam_totp_policy: {{unenrolled: allow}}
pam_totp_stacks: [{{service: sshd, how: key}}]
pam_totp_sshd_key_alone: [root]
"
    );
    let run = play(&host, &wanted, "");
    assert!(!run.failed, "{}", run.said);
    // Over a connection of its own.
    host.runs("rm -rf /root/.ansible/cp");
    changes(&host, &wanted, 0);
    host.runs("install -d -o alice -m 700 /home/alice/.ssh && install -o alice /root/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys");
    let options = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i /root/.ssh/id_ed25519";
    let mut ssh = host.terminal(&format!("ssh {options} alice@127.0.0.1 'echo in as $(id -un)'"));
    ssh.answers("Verification code: ", &code());
    ssh.sees("in as alice");

    let gone = "pam_totp_state: absent\n";
    let run = play(&host, gone, "");
    assert!(!run.failed, "{}", run.said);
    let untouched = |files: &str| {
        files
            .lines()
            .filter(|line| line.contains("/etc/pam.d") || line.contains("/etc/ssh"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(untouched(&host.runs(FILES)), untouched(&before));
    changes(&host, gone, 0);
}

/// Ansible gives sudo one answer, the password, and sudo shows it the second prompt in the words of the first.
fn sudo_that_asks_for_a_code_is_no_way_for_ansible(release: Release) {
    let host = host(release);
    host.runs("usermod -aG sudo bob && install -d -o bob -m 700 /home/bob/.ssh && install -o bob /root/.ssh/id_ed25519.pub /home/bob/.ssh/authorized_keys");
    let wanted = format!(
        "pam_totp_users: [{{name: bob, key: {KEY}}}]
pam_totp_policy: {{unenrolled: allow}}
pam_totp_stacks: [{{service: sudo}}]
"
    );
    let run = play(&host, &wanted, "");
    assert!(!run.failed, "{}", run.said);
    host.file("/srv/become", &format!("ansible_become_password: {PASSWORD}\nansible_timeout: 5\n"));
    let by_sudo = |variables: &str| play_as(&host, "bob", variables, "--become -e @become");
    let run = by_sudo(&wanted);
    assert!(run.said.contains("failed=1") || run.said.contains("unreachable=1"), "{}", run.said);

    // The way that the documents show.
    let exempt = "pam_totp_policy_text: |\n  unenrolled = \"allow\"\n  [[exempt]]\n  users = [\"bob\"]\n  services = [\"sudo\"]\n";
    let run = play(&host, exempt, "");
    assert!(!run.failed, "{}", run.said);
    let run = by_sudo(exempt);
    assert!(!run.failed && run.changed == 0, "{}", run.said);
}
