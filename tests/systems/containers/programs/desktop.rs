//! A print server, remote desktops, logins at a screen, and a locker: each with screens of its own, into which somebody types.

use super::cases::{Typed, holds, people};
use crate::support::container::{Container, Release, on_each_release};
use std::thread;

on_each_release!(one_field_for_both, a_greeter_shows_each_prompt, a_locker_unlocks_with_both_in_one_field);

const GREETD: &str = include_str!("desktop/greetd-login");
const UNLOCKS: &str = include_str!("desktop/unlocks");

/// None of them has started.
fn ready(release: Release) -> Container {
    let off = "systemctl --quiet disable cups.service cups.socket cups.path greetd xrdp xrdp-sesman 2>/dev/null";
    let container = Container::with(release, "desktop", &format!("{off}\nsystemctl --quiet enable pam-totpd.socket"));
    people(&container);
    for (name, text) in [("greetd-login", GREETD), ("unlocks", UNLOCKS)] {
        container.file(&format!("/usr/local/bin/{name}"), text);
        container.runs(&format!("chmod 755 /usr/local/bin/{name}"));
    }
    container
}

fn one_field_for_both(release: Release) {
    let container = ready(release);
    container
        .runs("pam-totp stack add --yes --one-field cups && pam-totp stack add --yes --one-field --remote xrdp-sesman");
    container.runs("systemctl start cups.service xrdp-sesman.service");
    // The log is for the group that may administer: others are not allowed to see it, once it is known who they are.
    let cups = |typed: Typed| {
        let url = "http://127.0.0.1:631/admin/log/access_log";
        let status = "curl --silent --output /dev/null --write-out '%{http_code}'";
        let said = container.runs(&format!("{status} --user '{}:{}' {url}", typed.user, typed.in_one_field()));
        assert!(["401", "403"].contains(&said.as_str()), "{said}");
        said == "403"
    };
    // Asks for a session as the server of RDP does; which X server that would start is not looked at here.
    let to = if release == Release::Debian12 { "-s 127.0.0.1" } else { "" };
    let xrdp = |typed: Typed| {
        let asks = format!("xrdp-sesrun {to} -t Xvnc -p '{}' {}", typed.in_one_field(), typed.user);
        let output = container.tries(&format!("{asks} </dev/null 2>&1 | sed '/Login failed/q'"));
        let said = String::from_utf8_lossy(&output.stdout);
        let is_in = said.contains("ok data=1") || said.contains("X server could not be started");
        assert_ne!(is_in, said.contains("Login failed") || said.contains("authentication error"), "{said}");
        is_in
    };
    thread::scope(|scope| {
        scope.spawn(|| holds(&container, "cups", "cups", cups));
        scope.spawn(|| holds(&container, "xrdp", "xrdp-sesman", xrdp));
    });
}

fn a_greeter_shows_each_prompt(release: Release) {
    let container = ready(release);
    container.runs("pam-totp stack add --yes greetd");
    holds(&container, "greetd", "greetd", |typed| {
        let answers = [("login: ", typed.user), ("Password: ", typed.password), ("code: ", typed.code)];
        let (screen, status) = container.terminal("greetd-login").answers_until_it_ends(&answers);
        assert_eq!(screen.lines().any(|line| line == typed.user), status == 0, "{screen}");
        status == 0
    });
}

/// It runs as its user, so pam-totpd looks at the codes.
fn a_locker_unlocks_with_both_in_one_field(release: Release) {
    let container = ready(release);
    container.runs("pam-totp stack add --yes --one-field i3lock");
    holds(&container, "i3lock", "i3lock", |typed| {
        let said = container.runs_as(typed.user, &format!("unlocks '{}'", typed.in_one_field()));
        assert!(!said.contains("ended"), "i3lock crashed");
        said == "unlocked\n"
    });
}
