//! SMTP AUTH: Postfix, which asks saslauthd, which asks PAM.

use super::{People, asks, both, fix, found, host, people};
use crate::support::container::{Release, code, on_each_release};

on_each_release!(postfix_needs_both_once_saslauthd_remembers_nothing);

const DOCUMENT: &str = include_str!("../../../../docs/stacks.md");

/// The commands of the documents.
fn set_up() -> &'static str {
    let section = DOCUMENT.split_once("### SMTP AUTH\n").expect("a section").1;
    let block = section.split_once("```sh\n").expect("a block").1;
    block.split_once("```").expect("its end").0
}

fn postfix_needs_both_once_saslauthd_remembers_nothing(release: Release) {
    let host = host(release);
    let those = People::of("smtp");
    those.add(&host);
    people(&host, &["frank".to_owned()], &[]);
    asks(&host, "smtp", "--remote");
    // As on a host without IPv6.
    host.runs(&format!("postconf -e inet_protocols=ipv4\n{}", set_up()));
    let sends = |user: &str, typed: &str| {
        let mut curl = host.command("ip");
        curl.args(["netns", "exec", "far", "curl", "--silent", "--show-error", "--insecure", "--ssl-reqd"]);
        curl.args(["--request", "NOOP", "--user", &format!("{user}:{typed}"), "smtp://192.0.2.1/client.example"]);
        super::gets_in(curl)
    };
    assert_eq!(found(&host), [""; 0]);
    those.need_both(&host, sends);

    host.runs("sed -i 's|^OPTIONS=\"|&-c |' /etc/default/saslauthd; systemctl restart saslauthd");
    let typed = both(&code());
    assert!(sends("frank", &typed) && sends("frank", &typed), "with Debian's own options one code gets in twice");
    fix(&host, "remembers");
    assert!(!sends("frank", &typed));
}
