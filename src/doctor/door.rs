//! Does pam-totpd answer, and whom? Pure.

use crate::doctor::finding::Finding;
use crate::doctor::shell::quoted;
use crate::login::unavailable::DoorError;
use crate::paths;
use crate::text::clean;

/// What programs know pam-totpd by.
pub const ABOUT: &str = "door";

/// A socket of the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Whose.
    pub uid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// What was found of the door.
#[derive(Clone, Debug, Default)]
pub struct DoorFacts {
    /// `verify.sock`, everybody's.
    pub verify: Option<Socket>,
    /// `root.sock`.
    pub root: Option<Socket>,
    /// What root is answered there; `None`: not asked.
    pub answer: Option<Result<(), DoorError>>,
    /// Stacks of programs that run without root.
    pub needed_by: Vec<String>,
    /// Stacks of programs that are root by their set-uid bit: their callers can stop them.
    pub set_uid: Vec<String>,
    /// Stacks of daemons with an account of their own.
    pub daemons: Vec<Daemon>,
    /// The accounts that the policy's `[door] judges` names.
    pub judges: Vec<String>,
}

/// A daemon that runs PAM without root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Its service.
    pub service: String,
    /// Its account.
    pub account: String,
    /// Only pam_unix.so checks passwords there, and the account may not read them.
    pub sees_no_passwords: bool,
}

/// Is the door there, whose is it, and does it answer?
pub fn check(door: &DoorFacts) -> Vec<Finding> {
    const ENABLE: [&str; 1] = ["systemctl enable --now pam-totpd.socket"];
    let mut findings = Vec::new();
    let sockets = [(paths::VERIFY_SOCKET, door.verify, 0o666), (paths::ROOT_SOCKET, door.root, 0o600)];
    for (path, socket, mode) in sockets {
        let Some(found) = socket else { continue };
        if found.uid != 0 || found.mode & 0o777 != mode {
            let what = format!(
                "{path} has mode {:o} and belongs to uid {}: it must be root's, {mode:o}",
                found.mode & 0o777,
                found.uid
            );
            let fix = [format!("chown root:root {path}"), format!("chmod {mode:o} {path}")];
            findings.push(Finding::fault(ABOUT, "socket_mode", what).fixed_by(fix));
        }
    }
    if door.verify.is_none() && door.root.is_none() {
        let who = (!door.needed_by.is_empty()).then(|| format!("needed by {}", door.needed_by.join(", ")));
        findings.push(match who {
            Some(who) => {
                Finding::warning(ABOUT, "no_door", format!("closed, but {who}: everybody is refused")).fixed_by(ENABLE)
            }
            None => {
                let without = "programs without root refuse everybody, and users cannot change anything themselves";
                let what = [Some(without.to_owned()), shuts_out(door)].into_iter().flatten().collect::<Vec<_>>();
                Finding::note(ABOUT, "door_closed", format!("closed: {}", what.join("; "))).fixed_by(ENABLE)
            }
        });
    } else if let (None, Some(what)) = (door.root, shuts_out(door)) {
        let what = format!("{} is not there: {what}", paths::ROOT_SOCKET);
        let fix = ["systemctl enable --now pam-totpd-root.socket"];
        findings.push(Finding::warning(ABOUT, "no_root_door", what).fixed_by(fix));
    }
    findings.extend(no_judge(door));
    findings.extend(no_passwords(door));
    if let (Some(Err(error)), true) = (&door.answer, door.root.is_some()) {
        let what = match error {
            // systemd leaves the file of a socket that it closes.
            DoorError::Closed => format!(
                "nobody listens at {}, so su and sudo check codes themselves: it was stopped, or pam-totpd cannot start \
                 (`journalctl -u pam-totpd-root`)",
                paths::ROOT_SOCKET
            ),
            other => other.to_string(),
        };
        let fix = [
            "systemctl daemon-reload",
            // Who has started it too often in a minute starts it no more.
            "systemctl reset-failed pam-totpd-root.service",
            "systemctl restart pam-totpd.socket pam-totpd-root.socket",
        ];
        findings.push(Finding::fault(ABOUT, "door_silent", what).fixed_by(fix));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(ABOUT, "answers"));
    }
    findings
}

/// What callers of set-uid programs can do where root has no door.
fn shuts_out(door: &DoorFacts) -> Option<String> {
    let programs = door.set_uid.join(", ");
    (!programs.is_empty()).then(|| format!("a user who stops {programs} in the middle can keep others from logging in"))
}

/// Daemons whose codes nobody judges.
fn no_judge(door: &DoorFacts) -> Option<Finding> {
    let missing: Vec<&Daemon> = door.daemons.iter().filter(|daemon| !door.judges.contains(&daemon.account)).collect();
    let mut judges = door.judges.clone();
    for daemon in &missing {
        if !judges.contains(&daemon.account) {
            judges.push(daemon.account.clone());
        }
    }
    let what =
        format!("{}, which may not check codes of other users ([door] judges): it refuses everybody", run_as(&missing));
    let fix = format!("pam-totp policy set door.judges {}", quoted(&judges.join(",")));
    (!missing.is_empty()).then(|| Finding::warning(ABOUT, "no_judge", what).fixed_by([fix]))
}

/// Daemons whose stack cannot check a password.
fn no_passwords(door: &DoorFacts) -> Option<Finding> {
    let blind: Vec<&Daemon> = door.daemons.iter().filter(|daemon| daemon.sees_no_passwords).collect();
    let mut accounts: Vec<&str> = blind.iter().map(|daemon| daemon.account.as_str()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let what = format!(
        "{}, for which pam_unix.so checks nobody's password: it refuses everybody. In the group shadow it may, and can \
         read the hashes of all passwords. Modules such as pam_sss.so need no such group",
        run_as(&blind)
    );
    let join = accounts.into_iter().map(|account| format!("usermod --append --groups shadow {}", quoted(account)));
    let restart = "# and restart these programs".to_owned();
    (!blind.is_empty()).then(|| Finding::warning(ABOUT, "no_passwords", what).fixed_by(join).fixed_by([restart]))
}

fn run_as(daemons: &[&Daemon]) -> String {
    let named = daemons.iter().map(|daemon| format!("{} runs as {}", clean(&daemon.service), clean(&daemon.account)));
    named.collect::<Vec<_>>().join(", ")
}
