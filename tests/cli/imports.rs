//! Who comes from elsewhere brings along the key, what was used and the codes on paper, and nobody else's anything: files that
//! the other modules wrote themselves, files that nobody should write, and an end in the middle.

use crate::support::application::{self, AUTH_ERR, SUCCESS, application, at, login_at, only_code};
use crate::support::codes::{code_at, key};
use crate::support::program::{error_code, object, program};
use crate::support::reference;
use crate::support::strace::{calls, killed_at};
use crate::support::system::{KEY, System, User, throw_away};
use crate::support::terminal::Terminal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

mod again;
mod files;
mod google;
mod homes;
mod oath;

/// The beginning of a step of a minute.
const T: u64 = 1_800_000_000;

/// The other module's own stack.
fn theirs(system: &System, line: &str) {
    application::build(system);
    system.file("/etc/pam.d/theirs", &format!("auth required {line}\n"));
}

/// A login through it: the PAM code.
fn there(system: &System, time: u64, user: &str, answer: &str) -> i32 {
    only_code(system, at(time, application().args(["theirs", user])), answer)
}

fn imports(system: &System, time: u64, arguments: &[&str]) -> (i32, Value) {
    let output = system.tries(at(time, Command::new("pam-totp").args(["--json", "import"]).args(arguments)), "");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let object = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {text}"));
    reference::holds(&[&["import"], arguments].concat(), &object);
    (output.status.code().expect("an exit code"), object)
}

/// The words of the remarks on a user.
fn words(object: &Value, kind: &str, user: &str) -> Vec<String> {
    let all = object[kind][user].as_array().cloned().unwrap_or_default();
    all.iter().map(|remark| remark["code"].as_str().expect("a code").to_owned()).collect()
}

/// What a phone or token shows that is not like all others.
fn oathtool(arguments: &[&str]) -> String {
    let output = Command::new("oathtool").args(arguments).output().expect("oathtool starts");
    assert!(output.status.success(), "oathtool: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("digits").trim_end().to_owned()
}

/// Every file of the store, byte by byte.
fn tree(folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(tree(path.to_str().expect("UTF-8")));
        } else {
            files.insert(path.clone(), fs::read(&path).expect("a file"));
        }
    }
    files
}

fn store() -> BTreeMap<PathBuf, Vec<u8>> {
    [tree("/var/lib/pam_totp"), tree("/run/pam_totp")].into_iter().flatten().collect()
}

/// What a user keeps at home.
fn keeps(user: &User, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(&user.home()).join(name);
    fs::write(&path, content).expect("writes a file");
    let uid = fs::metadata(user.home()).map(|home| std::os::unix::fs::MetadataExt::uid(&home)).expect("a home");
    chown(&path, Some(uid), Some(uid)).expect("gives it away");
    path
}
