//! SMTP AUTH: Postfix, which asks saslauthd, which asks PAM.

use super::{People, asks, both, fix, found, host, people};
use crate::support::container::{Release, code, on_each_release};

on_each_release!(postfix_needs_both_once_saslauthd_remembers_nothing);

/// What Debian's saslauthd and Postfix have to be told, beside the doctor's.
const SET_UP: &str = "usermod --append --groups sasl postfix
    sed -i 's|/var/run/saslauthd|/var/spool/postfix&|; $a START=yes' /etc/default/saslauthd
    printf 'pwcheck_method: saslauthd\\nmech_list: PLAIN LOGIN\\n' >/etc/postfix/sasl/smtpd.conf
    postconf -e inet_protocols=ipv4 smtpd_sasl_auth_enable=yes smtpd_tls_auth_only=yes
    systemctl start saslauthd postfix";

fn postfix_needs_both_once_saslauthd_remembers_nothing(release: Release) {
    let host = host(release);
    let those = People::of("smtp");
    those.add(&host);
    people(&host, &["frank".to_owned()], &[]);
    asks(&host, "smtp", "--remote");
    host.runs(SET_UP);
    let sends = |user: &str, typed: &str| {
        let mut curl = host.command("ip");
        curl.args(["netns", "exec", "far", "curl", "--silent", "--show-error", "--insecure", "--ssl-reqd"]);
        curl.args(["--request", "NOOP", "--user", &format!("{user}:{typed}"), "smtp://192.0.2.1/client.example"]);
        super::gets_in(curl)
    };
    let typed = both(&code());
    assert!(sends("frank", &typed) && sends("frank", &typed), "as Debian ships it, one code gets in twice");
    fix(&host, "remembers");
    assert!(!sends("frank", &typed));
    assert_eq!(found(&host), [""; 0]);
    those.need_both(&host, sends);
}
