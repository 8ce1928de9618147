//! Clients of sshd that are not ssh: those that show each prompt, and those that have one password to give.

use super::cases::{Typed, holds, people};
use crate::support::container::{Container, PASSWORD, Release, SSH, codes, on_each_release};
use std::thread;

/// Does a client get in with this password and code, by whatever name they go?
type LogsIn<'a> = dyn Fn(&str, &str) -> bool + Sync + 'a;

on_each_release!(clients_that_show_each_prompt, clients_with_one_field);

/// By each prompt, or with all that it has in one field.
const PARAMIKO: &str = r#"
import paramiko, sys
way, user, password, code = sys.argv[1:]
if way == "prompts":
    transport = paramiko.Transport(("127.0.0.1", 22))
    transport.start_client()
    def answers(title, instructions, prompts):
        return [code if "code" in prompt else password for prompt, _ in prompts]
    transport.auth_interactive(user, answers)
    session = transport.open_session()
    session.exec_command("id -un")
    print(session.makefile().read().decode(), end="")
else:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", username=user, password=password + code, look_for_keys=False, allow_agent=False)
    print(client.exec_command("id -un")[1].read().decode(), end="")
"#;

/// A host with a server that takes one guess a connection, so that each login ends.
fn ready(release: Release) -> Container {
    let container = Container::with(release, "administration", "");
    people(&container);
    container.file("/usr/local/bin/paramiko-client", PARAMIKO);
    // That of Debian 13 lets addresses wait that guess, and all of these are one.
    let waits = if release == Release::Debian13 { "PerSourcePenalties no\n" } else { "" };
    container.file("/etc/ssh/sshd_config.d/00-one-guess.conf", &format!("MaxAuthTries 1\nMaxStartups 100\n{waits}"));
    container
}

fn takes_one_field(container: &Container) {
    container.runs("pam-totp stack add --yes --one-field sshd");
    let drop_in = "KbdInteractiveAuthentication no\nPasswordAuthentication yes\n";
    container.file("/etc/ssh/sshd_config.d/00-pam_totp.conf", drop_in);
    container.runs("systemctl reload ssh");
}

/// Does a client get in that says who it has become?
fn says_who(container: &Container, user: &str, client: &str) -> bool {
    let output = container.tries(&format!("{client} </dev/null"));
    let is_in = String::from_utf8_lossy(&output.stdout).lines().any(|line| line == user);
    assert_eq!(is_in, output.status.success(), "{client}: {output:?}");
    is_in
}

fn paramiko(container: &Container, way: &str, Typed { user, password, code }: Typed) -> bool {
    let client = format!("python3 /usr/local/bin/paramiko-client {way} {user} '{password}' '{code}'");
    says_who(container, user, &client)
}

/// As PuTTY's client is told which server it meets.
fn plink(container: &Container) -> String {
    let said = container.runs("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    format!("plink -ssh -hostkey {}", said.split(' ').nth(1).expect("a fingerprint"))
}

fn clients_that_show_each_prompt(release: Release) {
    let container = ready(release);
    container.ssh_asks();
    let plink = plink(&container);
    let plink = |typed: Typed| {
        let client = container.terminal(&format!("{plink} -no-antispoof {}@127.0.0.1 id -un", typed.user));
        let (screen, _) = client.answers_until_it_ends(&[("assword: ", typed.password), ("code: ", typed.code)]);
        screen.lines().any(|line| line == typed.user)
    };
    thread::scope(|scope| {
        scope.spawn(|| holds(&container, "plink", "sshd", plink));
        scope.spawn(|| holds(&container, "paramiko", "sshd", |typed| paramiko(&container, "prompts", typed)));
    });
    // Those with one field never get in here, and use up no code: what they say to the first prompt is a wrong password.
    container.enrolled("alice");
    let [now, _] = codes();
    let typed = Typed { user: "alice", password: PASSWORD, code: &now };
    assert!(!paramiko(&container, "field", typed));
    assert!(paramiko(&container, "prompts", typed));
}

fn clients_with_one_field(release: Release) {
    let container = ready(release);
    takes_one_field(&container);
    // One connection for all that it does.
    let rclone = |user: &str, field: &str| {
        let remote = format!(":sftp,host=127.0.0.1,user={user},pass=$(rclone obscure '{field}'):copies");
        let once = "--retries 1 --low-level-retries 1 --transfers 1 --checkers 1";
        container.tries(&format!("rclone {once} copy /etc/pam.d \"{remote}\"")).status.success()
    };
    let lftp = |user: &str, field: &str| {
        let commands = "set net:max-retries 1; set sftp:auto-confirm yes; cls /; exit";
        let output = container.tries(&format!("lftp -e '{commands}' -u '{user},{field}' sftp://127.0.0.1"));
        String::from_utf8_lossy(&output.stdout).contains("/etc/")
    };
    let sshpass = |user: &str, field: &str| {
        says_who(&container, user, &format!("sshpass -p '{field}' ssh {SSH} {user}@127.0.0.1 id -un"))
    };
    let plink = plink(&container);
    let plink = |user: &str, field: &str| {
        says_who(&container, user, &format!("{plink} -batch -pw '{field}' {user}@127.0.0.1 id -un"))
    };
    let clients: [(&str, &LogsIn<'_>); 4] =
        [("rclone", &rclone), ("lftp", &lftp), ("sshpass", &sshpass), ("plink", &plink)];
    thread::scope(|scope| {
        for (name, client) in clients {
            let container = &container;
            scope.spawn(move || holds(container, name, "sshd", |typed| client(typed.user, &typed.in_one_field())));
        }
        scope.spawn(|| holds(&container, "paramiko", "sshd", |typed| paramiko(&container, "field", typed)));
    });
    container.runs("test -s /home/in-rclone/copies/sshd");
    ansible_becomes_root(&container);
}

/// One connection for the whole play. Its password is enough for sudo, which asks all others for a code.
fn ansible_becomes_root(container: &Container) {
    container.enrolled("deploy");
    container.sudo_for("deploy");
    container.runs("pam-totp stack add --yes sudo");
    let task = "command: id -un";
    let play = format!("- hosts: all\n  gather_facts: false\n  become: true\n  tasks: [{task}, {task}, {task}]\n");
    container.file("/srv/play.yml", &play.replace("command: id -un", "{command: id -un}"));
    let [now, _] = codes();
    let hosts = format!(
        "127.0.0.1 ansible_user=deploy ansible_password={PASSWORD}{now} ansible_become_password={PASSWORD} \
         ansible_python_interpreter=/usr/bin/python3 ansible_timeout=5\n"
    );
    container.file("/srv/hosts", &hosts);
    let plays = || {
        container.tries("cd /srv && ANSIBLE_HOST_KEY_CHECKING=false ANSIBLE_SSH_ARGS='-o ControlMaster=auto -o ControlPersist=10m' ansible-playbook -v -i hosts play.yml")
    };
    let without = plays();
    assert!(!without.status.success(), "sudo got no code: {without:?}");
    container.logs("pam_totp(sudo:auth): ");
    let rule = "\n[[exempt]]\nusers = [\"deploy\"]\nservices = [\"sudo\"]\n";
    container.reads("cat >>/etc/security/pam_totp.toml", rule);
    let with = plays();
    let said = String::from_utf8_lossy(&with.stdout);
    assert!(with.status.success() && said.matches("\"stdout\": \"root\"").count() == 3, "{with:?}");
    assert_eq!(container.journal("").matches("right code: deploy").count(), 1, "one code for both runs");
}
