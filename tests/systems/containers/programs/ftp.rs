//! FTP servers, which have one field, and one that asks elsewhere when PAM refuses.

use super::{People, asks, fix, found, host};
use crate::support::container::{Container, PASSWORD, Release, on_each_release};

on_each_release!(proftpd_needs_both_once_pam_has_the_last_word, pure_ftpd_needs_both);

/// A client at an address of the far end, if there is one.
fn lists_files(host: &Container, by: &[&str], address: &str, user: &str, typed: &str) -> bool {
    let mut words = [by, &["curl", "--silent", "--show-error", "--user"]].concat().into_iter();
    let mut curl = host.command(words.next().expect("a program"));
    curl.args(words).args([&format!("{user}:{typed}"), &format!("ftp://{address}/")]);
    super::gets_in(curl)
}

fn proftpd_needs_both_once_pam_has_the_last_word(release: Release) {
    let host = host(release);
    let people = People::of("proftpd");
    people.add(&host);
    asks(&host, "proftpd", "");
    host.runs("echo '198.51.100.1 client.example' >>/etc/hosts; systemctl start proftpd");
    let far = ["ip", "netns", "exec", "far"];
    let lists = |user: &str, typed: &str| lists_files(&host, &far, "192.0.2.1", user, typed);
    assert!(lists(&people.bob, PASSWORD), "as Debian ships it the password alone gets in");
    host.logs(&format!("no code: the answer of {} from name", people.bob));
    fix(&host, "asks_elsewhere");
    fix(&host, "no_address");
    people.need_both(&host, lists);
    host.logs(&format!("right code: {} from 198.51.100.1 ", people.alice));
}

fn pure_ftpd_needs_both(release: Release) {
    let host = Container::with(release, "pure-ftpd", "");
    let people = People::of("pureftpd");
    people.add(&host);
    asks(&host, "pure-ftpd", "");
    assert_eq!(found(&host), [""; 0]);
    let lists = |user: &str, typed: &str| lists_files(&host, &[], "127.0.0.1", user, typed);
    people.need_both(&host, lists);
    host.runs("echo yes >/etc/pure-ftpd/conf/UnixAuthentication; systemctl restart pure-ftpd");
    assert!(lists(&people.bob, PASSWORD), "it looks into /etc/shadow itself");
    fix(&host, "asks_elsewhere");
    assert!(!lists(&people.bob, PASSWORD));
}
