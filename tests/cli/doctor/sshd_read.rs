//! What we read out of sshd_config is what sshd reads there.

use crate::support::system::{System, throw_away};
use pam_totp::doctor::sshd::config::{Config, MAIN, Texts};
use pam_totp::doctor::sshd::matches::{Fit, People, connection};
use pam_totp::doctor::sshd::patterns::{fits, list_fits};
use std::fs;
use std::process::Command;

/// The value that sshd says of a keyword, for a connection.
fn said(system: &System, connection: &str, keyword: &str) -> String {
    let output = system.runs(Command::new("/usr/sbin/sshd").args(["-T", "-C", connection]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = text.lines().find_map(|line| line.strip_prefix(keyword)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{keyword}: {text}")).to_owned()
}

fn prepared(system: &System) {
    let _ = fs::remove_dir_all("/etc/ssh");
    fs::create_dir_all("/etc/ssh/sshd_config.d").expect("/etc/ssh");
    fs::create_dir_all("/run/sshd").expect("/run/sshd");
    let key = ["-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/ssh_host_ed25519_key"];
    system.runs(Command::new("ssh-keygen").args(key));
}

/// Numbers that look like chance, and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// Lines of which each that sets something sets something of its own.
    fn text(&mut self, name: &str, includes: &[&str]) -> String {
        let line = |(number, dice): (u64, u64)| match dice {
            0 => "Match User x\n".to_owned(),
            1 => "match User=y\n".into(),
            2 => "Match all\n".into(),
            3 => "Match User *,!x\n".into(),
            4..=6 => includes.get(dice as usize - 4).map(|what| format!("Include {what}\n")).unwrap_or_default(),
            7 => format!("  Banner=/{name}/{number} # none\n"),
            8 => "# Banner none\n".into(),
            _ => format!("banner \"/{name}/{number}\"\n"),
        };
        let many = self.below(7);
        (0..many).map(|number| line((number, self.below(11)))).collect()
    }
}

/// What is in force for a user, as we read it.
fn read(texts: &Texts, user: &str) -> String {
    let config = Config::read(texts);
    let holds = |block: usize| {
        let mut criteria = config.criteria(block).into_iter();
        criteria.all(|(attribute, list)| attribute == "all" || list_fits(list, |pattern| fits(pattern, user)))
    };
    let banners = || config.settings.iter().filter(|setting| setting.keyword == "banner");
    let inside = banners().find(|setting| setting.block.is_some_and(holds));
    inside.or(config.main("banner")).map_or("none".into(), |setting| setting.value.clone())
}

#[test]
fn the_line_that_is_in_force_is_the_one_that_sshd_takes() {
    throw_away(|system| {
        prepared(system);
        let (mut dice, mut kinds) = (Dice(12), std::collections::BTreeSet::new());
        for _ in 0..150 {
            let places = [
                (
                    "sshd_config",
                    vec!["sshd_config.d/*.conf", "/etc/ssh/sshd_config.d/b.conf", "more sshd_config.d/[ab].*"],
                ),
                ("more", vec!["sshd_config.d/a.conf"]),
                ("sshd_config.d/a.conf", vec![]),
                ("sshd_config.d/b.conf", vec!["\"more*\" none"; usize::from(dice.below(4) == 0)]),
                ("sshd_config.d/.c.conf", vec![]),
            ];
            let mut texts = Texts::new();
            for (at, (path, includes)) in places.iter().enumerate() {
                let text = dice.text(&at.to_string(), includes);
                system.file(&format!("/etc/ssh/{path}"), &text);
                texts.insert(format!("/etc/ssh/{path}"), text);
            }
            for user in ["x", "y", "z"] {
                let told =
                    said(system, &format!("user={user},host=h,addr=192.0.2.4,laddr=127.0.0.1,lport=22"), "banner");
                assert_eq!(read(&texts, user), told, "{user}: {texts:#?}");
                kinds.insert(told.split('/').nth(1).map(ToOwned::to_owned));
            }
        }
        assert_eq!(kinds.len(), 5, "of each file but the hidden one, and of none: {kinds:?}");
    });
}

#[test]
fn a_connection_that_is_made_for_a_block_is_one_for_sshd_too() {
    throw_away(|system| {
        prepared(system);
        system.runs(Command::new("groupadd").arg("staff-of-it"));
        system.runs(Command::new("useradd").args(["-M", "-G", "staff-of-it", "erin"]));
        let groups = |name: &str| match name {
            "erin" => vec!["erin".to_owned(), "staff-of-it".to_owned()],
            name => vec![name.to_owned()],
        };
        let people = People { names: vec!["root", "erin"], groups: &groups };
        for criteria in [
            "all",
            "User alice",
            "User *,!root",
            "User r??t,!root",
            "Group staff-of-it",
            "Group *,!root",
            "User erin Group staff-*",
            "Host *.example.org,!x.example.org",
            "Address 10.0.0.0/8,!10.0.0.0/24",
            "Address 192.168.*",
            "Address 2001:db8:1::/48",
            "Address 198.51.100.7",
            "Address *,!192.0.2.0/24",
            "LocalAddress 10.1.2.0/30 LocalPort 2222",
            "RDomain blue*",
        ] {
            let text = format!("Match {criteria}\n  Banner /in\n");
            system.file(MAIN, &text);
            let config = Config::read(&[(MAIN.to_owned(), text)].into());
            let Fit::One(connection) = connection(&config, 0, &people) else { panic!("{criteria}") };
            assert_eq!(said(system, &connection, "banner"), "/in", "{criteria}: {connection}");
        }
    });
}
