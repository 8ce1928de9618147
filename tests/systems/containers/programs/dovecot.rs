//! Dovecot: mail programs, which give password and code in one field, and open several connections at once.

use super::{People, asks, both, fix, found, host, people};
use crate::support::container::{Container, Release, code, on_each_release, wrong_code};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

on_each_release!(mail_programs_need_a_code_each_time_or_once_an_address);

/// A mail program at an address of the far end.
pub(super) fn reads_mail(host: &Container, from: &str, protocol: &str, user: &str, typed: &str) -> bool {
    let mut curl = host.command("ip");
    curl.args(["netns", "exec", "far", "curl", "--silent", "--show-error", "--insecure", "--ssl-reqd"]);
    curl.args(["--interface", from, "--user", &format!("{user}:{typed}"), &format!("{protocol}://192.0.2.1/")]);
    super::gets_in(curl)
}

fn mail_programs_need_a_code_each_time_or_once_an_address(release: Release) {
    let host = host(release);
    asks(&host, "dovecot", "");
    host.runs("systemctl start dovecot");
    assert_eq!(found(&host), [""; 0]);
    // Each one from an address of its own: after a refusal Dovecot makes an address wait.
    let clients = AtomicU8::new(10);
    let from = || format!("198.51.100.{}", clients.fetch_add(1, Ordering::Relaxed));
    let of_both = ["imap", "pop3"].map(|protocol| (protocol, People::of(protocol)));
    of_both.iter().for_each(|(_, people)| people.add(&host));
    thread::scope(|scope| {
        for (protocol, people) in &of_both {
            let (host, from) = (&host, &from);
            let reads = move |user: &str, typed: &str| reads_mail(host, &from(), protocol, user, typed);
            scope.spawn(move || people.need_both(host, reads));
        }
    });
    an_address_is_remembered(&host);
    another_database_lets_nobody_in(&host);
}

/// The mail program has the same answer for each of its connections, and later ones too.
fn an_address_is_remembered(host: &Container) {
    let (office, neighbor) = ("198.51.100.2", "198.51.100.3");
    people(host, &["frank".to_owned()], &[]);
    host.runs("pam-totp policy set remember.hours 12 remember.services dovecot");
    let typed = both(&code());
    let four = || {
        thread::scope(|scope| {
            let connections = [(); 4].map(|()| scope.spawn(|| reads_mail(host, office, "imap", "frank", &typed)));
            connections.map(|connection| connection.join().expect("a connection"))
        })
    };
    assert_eq!((four(), four()), ([true; 4], [true; 4]), "the first one has the address remembered");
    assert!(!reads_mail(host, neighbor, "imap", "frank", &typed), "a used code from another address");
    assert!(reads_mail(host, office, "imap", "frank", &typed));
    assert!(!reads_mail(host, neighbor, "imap", "frank", &both(&wrong_code())));
    assert!(!reads_mail(host, office, "imap", "frank", &typed), "a wrong code in its network ends it");
}

/// One that is asked when PAM has refused.
fn another_database_lets_nobody_in(host: &Container) {
    let driver = match host.release {
        Release::Debian12 => "passdb {\n  driver = passwd-file\n  args = /etc/dovecot/users\n}\n",
        Release::Debian13 => "passdb passwd-file {\n  passwd_file_path = /etc/dovecot/users\n}\n",
    };
    host.file("/etc/dovecot/users", "frank:{PLAIN}another\n");
    host.file("/etc/dovecot/conf.d/90-another.conf", driver);
    host.runs("systemctl restart dovecot");
    let by_another = |from: &str| reads_mail(host, from, "imap", "frank", "another");
    assert!(by_another("198.51.100.4"), "there it is right");
    fix(host, "asks_elsewhere");
    host.runs("systemctl restart dovecot");
    assert!(!by_another("198.51.100.5"));
}
