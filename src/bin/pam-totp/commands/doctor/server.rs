//! What sshd says of its settings, and the files that they stand in.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::path::Path;

use nix::unistd::{Gid, Group, getgrouplist};
use pam_totp::doctor::sshd::config::{Config, MAIN, Texts};
use pam_totp::doctor::sshd::facts::{BlockReport, LOOKED_AT, SshdFacts};
use pam_totp::doctor::sshd::matches::{Fit, MOST, People, connection};
use pam_totp::doctor::sshd::patterns::part_fits;
use pam_totp::system::account;
use pam_totp::system::disk;

use super::ask::ask;
use crate::accounts::Accounts;

/// Where the host's own key for Kerberos is.
const KEYTAB: &str = "/etc/krb5.keytab";
/// So many accounts are looked at for one that a block is for.
const ACCOUNTS: usize = 1000;
/// Files that include files, and so on.
const ROUNDS: usize = 16;

pub fn sshd(root_enrolled: bool, accounts: Option<&Accounts>) -> SshdFacts {
    let texts = texts();
    let config = Config::read(&texts);
    let settings = said(&["-T"]);
    let names = accounts.into_iter().flat_map(Accounts::names).take(ACCOUNTS);
    let known = RefCell::new(BTreeMap::new());
    let groups = |name: &str| known.borrow_mut().entry(name.to_owned()).or_insert_with(|| groups(name)).clone();
    let people = People { names: names.collect(), groups: &groups };
    let mut asked = 0_usize;
    let tell = |at: usize| {
        if !config.sets(at, &LOOKED_AT) {
            return BlockReport::Nobody;
        }
        let connection = match connection(&config, at, &people) {
            Fit::Nobody => return BlockReport::Nobody,
            Fit::Unknown(why) => return BlockReport::NoneFits(why),
            Fit::One(connection) => connection,
        };
        asked = asked.saturating_add(1);
        if asked > MOST || settings.is_err() {
            return BlockReport::Beyond;
        }
        said(&["-T", "-C", &connection]).map_or_else(BlockReport::Unread, BlockReport::Settings)
    };
    let blocks = (0..config.blocks.len()).map(tell).collect();
    let is_debians = ["/usr/lib/systemd/system/ssh.service", "/lib/systemd/system/ssh.service"];
    let is_debians = is_debians.iter().any(|unit| Path::new(unit).exists());
    let unit = if is_debians { "ssh" } else { "sshd" };
    SshdFacts { settings, texts, blocks, root_enrolled, keytab: Path::new(KEYTAB).exists(), unit }
}

fn said(arguments: &[&str]) -> Result<String, String> {
    match ask("sshd", arguments) {
        Some(said) if said.succeeded => Ok(said.stdout),
        Some(said) => Err(said.stderr.trim().to_owned()),
        None => Err("it did not answer".into()),
    }
}

/// sshd_config, and what it includes.
fn texts() -> Texts {
    let mut texts: Texts = disk::read(MAIN).map(|text| (MAIN.to_owned(), text)).into_iter().collect();
    for _ in 0..ROUNDS {
        let found = Config::read(&texts).includes.into_iter().flat_map(|pattern| expanded(&pattern));
        let new: Vec<String> = found.filter(|path| !texts.contains_key(path)).collect();
        let read: Vec<_> = new.into_iter().filter_map(|path| Some((path.clone(), disk::read(&path).ok()?))).collect();
        if read.is_empty() {
            break;
        }
        texts.extend(read);
    }
    texts
}

/// The files that a pattern means.
fn expanded(pattern: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    for part in pattern.split('/').skip(1) {
        let inside = |path: &String| -> Vec<String> {
            if !part.contains(['*', '?', '[']) {
                return vec![format!("{path}/{part}")];
            }
            let entries = fs::read_dir(format!("{path}/")).into_iter().flatten().flatten();
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            names.filter(|name| part_fits(part, name)).map(|name| format!("{path}/{name}")).collect()
        };
        paths = paths.iter().flat_map(inside).collect();
    }
    paths
}

/// The names of a user's groups.
fn groups(name: &str) -> Vec<String> {
    let own = || {
        let account = account::by_name(name).ok()??;
        getgrouplist(&CString::new(name).ok()?, Gid::from_raw(account.gid)).ok()
    };
    let ids = own().unwrap_or_default();
    ids.into_iter().filter_map(|id| Some(Group::from_gid(id).ok()??.name)).collect()
}
