//! Programs that log people in, as Debian ships and starts them: what each of them makes of every answer.

mod cases;
mod daemons;
mod desktop;
mod dovecot;
mod extrausers;
mod ftp;
mod mail;
mod openvpn;
mod root;
mod ssh_clients;
mod webmin;

use crate::support::container::{Container, KEY, PASSWORD, Release, code, wrong_code};
use serde_json::Value;
use std::process::Command;
use std::thread;

/// Of the topic's packages none starts before its test.
const SERVICES: &str = "apache2 dovecot freeradius nginx postfix postgresql proftpd saslauthd squid";

/// Other hosts at the end of a cable: each address of 198.51.100.0/24 is a client's, 192.0.2.1 the host's own.
const CABLE: &str = "ip netns add far
    ip link add near type veth peer name far netns far
    ip addr add 192.0.2.1/32 dev near
    ip link set near up
    ip route add 198.51.100.0/24 dev near
    ip -n far link set lo up
    ip -n far link set far up
    ip -n far route add local 198.51.100.0/24 dev lo
    ip -n far route add default dev far src 198.51.100.1";

/// A host for customers, which has all of these programs and runs none of them.
fn host(release: Release) -> Container {
    let off = format!("systemctl --quiet disable {SERVICES} 2>/dev/null");
    let host = Container::with(release, "hosting", &format!("{off}\nsystemctl --quiet enable pam-totpd.socket"));
    host.runs(CABLE);
    host
}

/// Has a program with one field ask for a code. What is tried here has no need of the seconds behind a refusal.
fn asks(host: &Container, service: &str, options: &str) {
    let delays = format!("sed -i -E 's/pam_(unix|totp)[.]so/& nodelay/' /etc/pam.d/{service}");
    host.runs(&format!("pam-totp stack add --yes {service} --one-field {options} && {delays}"));
}

/// Adds those who have to give a code, and those who are not enrolled.
fn people(host: &Container, enrolled: &[String], others: &[String]) {
    let names = [enrolled, others].concat();
    let passwords: String = names.iter().map(|name| format!("{name}:{PASSWORD}\n")).collect();
    let hash = "chpasswd --crypt-method SHA256 --sha-rounds 1000";
    let add = "useradd --create-home --shell /bin/bash";
    host.reads(&format!("for name in {}; do {add} $name; done; {hash}", names.join(" ")), &passwords);
    let enroll = "pam-totp set --no-code";
    host.runs(&format!("for name in {}; do echo {KEY} | {enroll} $name; done", enrolled.join(" ")));
}

/// Those who log in by one program.
struct People {
    alice: String,
    bob: String,
    carol: String,
    dave: String,
    /// Not enrolled.
    erin: String,
}

impl People {
    fn of(program: &str) -> Self {
        let [alice, bob, carol, dave, erin] =
            ["alice", "bob", "carol", "dave", "erin"].map(|name| format!("{name}_{program}"));
        Self { alice, bob, carol, dave, erin }
    }

    fn all(&self) -> Vec<String> {
        [&self.alice, &self.bob, &self.carol, &self.dave, &self.erin].map(String::clone).to_vec()
    }

    fn add(&self, host: &Container) {
        let all = self.all();
        let (enrolled, others) = all.split_at(4);
        people(host, enrolled, others);
    }

    /// A program with one field lets in those who type password and code into it, once, and nobody else.
    fn need_both(&self, host: &Container, gets_in: impl Fn(&str, &str) -> bool + Sync) {
        self.need_both_unless_remembered(host, gets_in, || ());
    }

    /// The same of a program that remembers an answer until it is told to forget.
    fn need_both_unless_remembered(
        &self,
        host: &Container,
        gets_in: impl Fn(&str, &str) -> bool + Sync,
        forget: impl FnOnce(),
    ) {
        let (code, wrong) = (code(), wrong_code());
        assert!(gets_in(&self.alice, &both(&code)), "{} with password and code", self.alice);
        forget();
        let refused = [
            (&self.alice, both(&code), "used code: "),
            (&self.bob, both(&wrong), "wrong code: "),
            (&self.carol, PASSWORD.to_owned(), "no code: the answer of "),
            (&self.carol, String::new(), ""),
            (&self.erin, both(&code), "no enrollment: "),
            (&self.dave, code.clone(), ""),
            (&self.dave, format!("another{code}"), ""),
        ];
        // All at once, as some programs take seconds to refuse.
        thread::scope(|scope| {
            for (user, typed, _) in &refused {
                let gets_in = &gets_in;
                scope.spawn(move || assert!(!gets_in(user, typed), "{user} got in with {typed:?}"));
            }
        });
        // Strangers without the password have used up no code.
        assert!(gets_in(&self.dave, &both(&code)), "{} with a code that nobody has looked at", self.dave);
        let logged = refused.iter().filter(|(_, _, why)| !why.is_empty());
        for line in logged.map(|(user, _, why)| format!("{why}{user} from ")) {
            host.logs(&line);
        }
    }
}

fn both(code: &str) -> String {
    format!("{PASSWORD}{code}")
}

/// How curl ends: did it get in? Nothing but a refusal counts as a no.
fn gets_in(mut curl: Command) -> bool {
    const DENIED: i32 = 67;
    let output = curl.output().expect("curl starts");
    let status = output.status.code().expect("curl ends");
    assert!([0, DENIED].contains(&status), "{output:?}");
    status == 0
}

/// What doctor has to say of other programs and of daemons: codes.
fn found(host: &Container) -> Vec<String> {
    findings(host).into_iter().map(|finding| finding.0).collect()
}

/// Does what doctor says, and then it says nothing of that any more.
fn fix(host: &Container, code: &str) {
    let all = findings(host);
    let (_, lines) = all.iter().find(|finding| finding.0 == code).unwrap_or_else(|| panic!("no {code} in {all:?}"));
    host.runs(lines);
    let left = found(host);
    assert!(!left.iter().any(|left| left == code), "{lines}\ndid not fix {code}: {left:?}");
}

/// Each code, with the lines that fix it.
fn findings(host: &Container) -> Vec<(String, String)> {
    let output = host.tries("pam-totp --json doctor");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let findings = report["findings"].as_array().expect("findings").iter();
    let meant = findings.filter(|finding| {
        ["programs", "door", "stacks"].contains(&&*text(&finding["about"]))
            && !["fine", "note"].contains(&&*text(&finding["level"]))
    });
    let lines = |finding: &Value| finding["fix"].as_array().expect("lines").iter().map(text).collect::<Vec<_>>();
    meant.map(|finding| (text(&finding["code"]), lines(finding).join("\n"))).collect()
}
