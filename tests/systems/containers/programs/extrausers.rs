//! Users who are in no file of /etc, whom the name service knows all the same: libnss-extrausers.

use super::dovecot::reads_mail;
use super::{asks, both, host};
use crate::support::container::{KEY, PASSWORD, Release, codes, on_each_release};

on_each_release!(users_whom_only_the_name_service_knows_log_in);

/// One who has mail and no shell, and one of a team; the hash of their password comes in by standard input.
const ADD: &str = "read -r hash
    sed -i -E '/^(passwd|group|shadow):/s/$/ extrausers/' /etc/nsswitch.conf
    cd /var/lib/extrausers
    echo 'mona:x:20001:20001::/home/mona:/usr/sbin/nologin' >>passwd
    echo 'tess:x:20002:20002::/home/tess:/bin/bash' >>passwd
    printf '%s\\n' mona:x:20001: tess:x:20002: >>group
    for name in mona tess; do echo \"$name:$hash:20000::::::\" >>shadow; done
    chgrp shadow shadow && chmod 640 shadow
    for name in mona tess; do install -d -o $name -g $name /home/$name; done";

fn users_whom_only_the_name_service_knows_log_in(release: Release) {
    let host = host(release);
    let hash = host.reads("openssl passwd -6 -stdin", &format!("{PASSWORD}\n"));
    host.reads(ADD, &hash);
    host.runs(&format!("for name in mona tess; do echo {KEY} | pam-totp set --no-code $name; done"));
    asks(&host, "dovecot", "");
    host.runs("systemctl start dovecot");
    host.ssh_asks();
    host.runs("! grep -E '^(mona|tess):' /etc/passwd /etc/shadow");

    let [now, _] = codes();
    let mona = |from: &str, typed: &str| reads_mail(&host, from, "imap", "mona", typed);
    assert!(mona("198.51.100.2", &both(&now)));
    assert!(!mona("198.51.100.3", &both(&now)), "used");
    assert!(!mona("198.51.100.4", PASSWORD));
    host.ssh_in("tess", &now);
    host.ssh_refused("tess", &now);
    assert!(host.runs_as("tess", "pam-totp status").contains("tess is enrolled."));

    // Who is taken out of the list is known to nobody, and root hears whose key is left.
    host.runs("sed -i /^mona:/d /var/lib/extrausers/passwd");
    assert!(!mona("198.51.100.5", &both(&now)));
    assert_eq!(host.runs("pam-totp list --orphans").split_whitespace().next(), Some("mona"));
}
