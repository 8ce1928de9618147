//! Clock, module, labels, sudo and door: facts of the host, judged. Pure.

use super::store::INSTALL;
use super::{Finding, quoted};
use crate::door::DoorError;
use crate::text::{clean, counted};

const CLOCK: &str = "clock";
const MODULE: &str = "module";
const LABELS: &str = "labels";
const SUDO: &str = "sudo";
/// What programs know pam-totpd by.
pub const DOOR: &str = "door";

/// What programs and files say of the clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// `timedatectl show`.
    pub timedatectl: Option<String>,
    /// `chronyc -n tracking`.
    pub chronyc: Option<String>,
    /// `ntpq -c rv`.
    pub ntpq: Option<String>,
    /// systemd-timesyncd's mark that it has reached a server since the boot.
    pub timesync_mark: bool,
    /// The daemons that run, by their names.
    pub daemons: Vec<String>,
}

/// Is the clock synchronized, and by what? What nobody can say is no "yes".
pub fn clock(clock: &Clock) -> Finding {
    let by = match clock.daemons.as_slice() {
        [] => "by nothing that runs here".to_owned(),
        daemons => format!("by {}", daemons.join(", ")),
    };
    let fix = [
        "ls /lib/systemd/systemd-timesyncd /usr/sbin/chronyd /usr/sbin/ntpd 2>/dev/null | grep -q . || apt-get install -y systemd-timesyncd",
        "timedatectl set-ntp true",
    ];
    match synchronized(clock) {
        Some(true) => Finding::fine(CLOCK, format!("synchronized, {by}")),
        Some(false) => {
            let what = format!("not synchronized, {by}: once it is a minute off, every code is refused");
            Finding::fault(CLOCK, "not_synchronized", what).fixed_by(fix)
        }
        None => {
            let what = format!("whether it is synchronized cannot be known here ({by}): compare it with a phone's");
            Finding::warning(CLOCK, "unknown_clock", what).fixed_by(["date -u"])
        }
    }
}

fn synchronized(clock: &Clock) -> Option<bool> {
    let says = |text: &Option<String>, yes: &str, no: &str| match text {
        Some(text) if text.contains(yes) => Some(true),
        Some(text) if text.contains(no) => Some(false),
        _ => None,
    };
    let timesyncd = clock.timesync_mark && clock.daemons.iter().any(|daemon| daemon.starts_with("systemd-timesyn"));
    says(&clock.chronyc, "Leap status     : Normal", "Leap status     : Not synchronised")
        .or_else(|| says(&clock.ntpq, "sync_ntp", "sync_unspec"))
        .or(timesyncd.then_some(true))
        .or_else(|| says(&clock.timedatectl, "NTPSynchronized=yes", "NTPSynchronized=no"))
}

/// Users whose last code lies ahead of the clock.
pub fn ahead(names: &[String], clock_is_wrong: bool) -> Option<Finding> {
    let some: Vec<String> = names.iter().take(5).map(|name| clean(name)).collect();
    let more = if names.len() > some.len() { ", ..." } else { "" };
    let what = format!(
        "behind the last codes of {} ({}{more}): it went back, or was wrong before; their codes are refused until it \
         is right again. Set the clock first. Only if it is right now, unlock them",
        counted(names.len(), "user", "users"),
        some.join(", ")
    );
    let all: String = names.iter().map(|name| format!(" {}", quoted(name))).collect();
    // Not to be pasted while the clock is certainly wrong.
    let mark = if clock_is_wrong { "# " } else { "" };
    (!names.is_empty()).then(|| {
        let unlock = format!("{mark}pam-totp unlock{all}");
        Finding::fault(CLOCK, "records_ahead", what).fixed_by(["timedatectl".to_owned(), unlock])
    })
}

/// The module's file.
#[derive(Clone, Debug)]
pub struct ModuleFile {
    /// Whose.
    pub uid: u32,
    /// Permission bits.
    pub mode: u32,
    /// What the loader says; `None`: it was not asked.
    pub loads: Option<Result<(), String>>,
    /// The version inside.
    pub version: Option<String>,
}

/// A process that runs a module which is no longer there.
#[derive(Clone, Debug)]
pub struct Stale {
    /// Its name.
    pub name: String,
    /// Its id.
    pub pid: u32,
    /// The service that it is of.
    pub unit: Option<String>,
}

/// What was found of the module.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// Where the distribution's own modules are.
    pub folder: Option<String>,
    /// Ours in it.
    pub file: Option<ModuleFile>,
    /// Where else there is one.
    pub elsewhere: Vec<String>,
    /// Who still has an old one.
    pub stale: Vec<Stale>,
}

/// Is it in place, loadable, and of the same version as this program?
pub fn module(module: &Module, own: &str) -> Vec<Finding> {
    let Some(folder) = &module.folder else {
        let what = "no folder here holds pam_unix.so: where libpam looks for modules is not known";
        return vec![Finding::warning(MODULE, "no_folder", what).fixed_by(INSTALL)];
    };
    let path = format!("{folder}/pam_totp.so");
    let mut findings = match &module.file {
        None => vec![absent(&path, &module.elsewhere)],
        Some(file) => of_file(&path, file, own),
    };
    if findings.is_empty() {
        findings.push(Finding::fine(MODULE, format!("{path}, version {own}")));
    }
    findings.extend(stale(&module.stale));
    findings
}

fn absent(path: &str, elsewhere: &[String]) -> Finding {
    let finding =
        Finding::fault(MODULE, "no_module", format!("{path} is missing: a stack that names it refuses everybody"));
    match elsewhere.first() {
        Some(other) => finding.fixed_by([format!("install -m 644 {} {}", quoted(other), quoted(path))]),
        None => finding.fixed_by(INSTALL),
    }
}

fn of_file(path: &str, file: &ModuleFile, own: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.uid != 0 || file.mode & 0o022 != 0 {
        let what = format!("{path} can be changed by others than root, who are root then at the next login");
        let fix = [format!("chown root:root {}", quoted(path)), format!("chmod 644 {}", quoted(path))];
        findings.push(Finding::fault(MODULE, "module_writable", what).fixed_by(fix));
    } else if file.mode & 0o444 != 0o444 {
        let what = format!("{path} cannot be read by everybody: programs that run without root refuse everybody");
        findings
            .push(Finding::fault(MODULE, "module_unreadable", what).fixed_by([format!("chmod 644 {}", quoted(path))]));
    }
    if let Some(Err(why)) = &file.loads {
        let what = format!("{path} cannot be loaded, so everybody is refused: {why}");
        findings.push(Finding::fault(MODULE, "not_loadable", what).fixed_by(INSTALL));
    }
    if file.version.as_deref() != Some(own) {
        let theirs = file.version.as_deref().map_or("another one".into(), clean);
        let what = format!("{path} is version {theirs}, this program is {own}: one of them was not installed again");
        findings.push(Finding::fault(MODULE, "other_version", what).fixed_by(INSTALL));
    }
    findings
}

/// Does a process map a module that is no longer at `path`? Of a file elsewhere its owner chose the name.
pub fn is_old(maps: &str, path: &str) -> bool {
    let gone = format!("{path} (deleted)");
    maps.lines().any(|line| line.splitn(6, ' ').nth(5).is_some_and(|file| file.trim_start() == gone))
}

/// The host's own service that a process is of, from its `/proc/PID/cgroup`: the first one, below slices alone. The
/// names of those of a user's manager, of a container, and of what a service makes below its own, others chose.
pub fn unit(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| {
        let mut names = line.splitn(3, ':').nth(2)?.split('/').skip_while(|name| name.is_empty());
        let unit = names.find(|name| !name.ends_with(".slice") || *name == "user.slice")?;
        (unit.ends_with(".service") && !unit.starts_with("user@")).then_some(unit)
    })
}

fn stale(processes: &[Stale]) -> Option<Finding> {
    let names: Vec<String> = processes.iter().map(|p| format!("{} ({})", clean(&p.name), p.pid)).collect();
    let what = format!("these run a module that was replaced, until they are started again: {}", names.join(", "));
    let mut units: Vec<String> =
        processes.iter().filter_map(|p| Some(format!("systemctl restart {}", quoted(p.unit.as_ref()?)))).collect();
    units.sort();
    units.dedup();
    // A session is not ended for this: it ends by itself, and a screen locker that is ended may unlock.
    let pids: Vec<String> = processes.iter().filter(|p| p.unit.is_none()).map(|p| p.pid.to_string()).collect();
    if !pids.is_empty() {
        units.push(format!("ps -o pid,user,args -p {}   # end these when they can be spared", pids.join(",")));
    }
    (!processes.is_empty()).then(|| Finding::warning(MODULE, "old_module", what).fixed_by(units))
}

/// The version in a module's file: it is found without running anything of it.
pub fn version_in(file: &[u8]) -> Option<String> {
    let mark = crate::VERSION_MARK.as_bytes();
    let mark = mark.get(..mark.len().checked_sub(crate::VERSION.len())?.checked_sub(1)?)?;
    let at = file.windows(mark.len()).position(|window| window == mark)?;
    let rest = file.get(at.checked_add(mark.len())?..)?;
    let text = rest.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(text).ok().filter(|text| text.len() < 32).map(ToOwned::to_owned)
}

/// SELinux: `stat -c '%C %n'` of the folders and files; only where SELinux is.
pub fn labels(stat: &str) -> Finding {
    let expected = |path: &str| match () {
        () if path.starts_with("/var/lib/pam_totp/secrets") => Some("var_auth_t"),
        () if path.starts_with("/var/lib/pam_totp/state") || path.starts_with("/run/pam_totp/state") => {
            Some("faillog_t")
        }
        () => None,
    };
    let wrong = stat.lines().find_map(|line| {
        let (context, path) = line.split_once(' ')?;
        let (kind, wanted) = (context.split(':').nth(2).unwrap_or("?"), expected(path)?);
        (kind != wanted).then(|| format!("{} is {}, not {wanted}", clean(path), clean(kind)))
    });
    let Some(wrong) = wrong else { return Finding::fine(LABELS, "as SELinux needs them") };
    Finding::fault(LABELS, "label", format!("{wrong}: SELinux keeps login programs from it")).fixed_by([
        "semanage fcontext -a -t var_auth_t '/var/lib/pam_totp/secrets(/.*)?'",
        "semanage fcontext -a -t faillog_t '/var/lib/pam_totp/state(/.*)?'",
        "semanage fcontext -a -t faillog_t '/run/pam_totp/state(/.*)?'",
        "restorecon -R /var/lib/pam_totp /run/pam_totp",
    ])
}

/// What was found of sudo.
#[derive(Clone, Debug, Default)]
pub struct Sudo {
    /// `sudo -V`, as root.
    pub version: String,
    /// `FILE:LINE` of each `NOPASSWD`.
    pub nopasswd: Vec<String>,
    /// Its stack has `explain`.
    pub explains: bool,
}

/// Where sudo's stack names us: when it asks nobody.
pub fn sudo(sudo: &Sudo) -> Vec<Finding> {
    let said = |key: &str| sudo.version.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let mut findings = Vec::new();
    match said("Authentication timestamp timeout:") {
        Some("0.0 minutes" | "0 minutes") => findings.push(Finding::fine(SUDO, "asks each time")),
        Some(time) => {
            let what = format!("asks nobody again for {} after a code", clean(time).replace('?', " "));
            findings.push(Finding::note(SUDO, "sudo_ticket", what).fixed_by([
                "echo 'Defaults timestamp_timeout=0' >/etc/sudoers.d/pam_totp",
                "chmod 440 /etc/sudoers.d/pam_totp && visudo -c",
            ]));
        }
        None => findings.push(
            Finding::warning(SUDO, "sudo_unread", "`sudo -V` does not say how long a ticket lasts")
                .fixed_by(["sudo -V"]),
        ),
    }
    if let Some(first) = sudo.nopasswd.first() {
        let what = format!("under NOPASSWD ({}) it never asks, neither for a password nor for a code", clean(first));
        let look = ["grep -rn NOPASSWD /etc/sudoers /etc/sudoers.d"];
        findings.push(Finding::note(SUDO, "nopasswd", what).fixed_by(look));
    }
    if sudo.explains && said("Sudo version").is_some_and(|version| !shows_messages(version)) {
        let what = "this version shows users nothing of what `explain` tells; that begins with 1.9.16";
        findings.push(Finding::note(SUDO, "sudo_silent", what));
    }
    findings
}

/// From 1.9.16 on.
fn shows_messages(version: &str) -> bool {
    let numbers: Vec<u32> = version.split(['.', 'p']).map_while(|number| number.parse().ok()).collect();
    numbers.as_slice() >= [1, 9, 16].as_slice()
}

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
pub struct Door {
    /// `verify.sock`, everybody's.
    pub verify: Option<Socket>,
    /// `root.sock`.
    pub root: Option<Socket>,
    /// What root is answered there; `None`: not asked.
    pub answer: Option<Result<(), DoorError>>,
    /// Stacks of programs that run without root.
    pub needed_by: Vec<String>,
    /// The store's disk is read-only.
    pub read_only: bool,
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
}

/// Is the door there, whose is it, and does it answer?
pub fn door(door: &Door) -> Vec<Finding> {
    const ENABLE: [&str; 1] = ["systemctl enable --now pam-totpd.socket"];
    let mut findings = Vec::new();
    let sockets = [("/run/pam_totp/verify.sock", door.verify, 0o666), ("/run/pam_totp/root.sock", door.root, 0o600)];
    for (path, socket, mode) in sockets {
        let Some(found) = socket else { continue };
        if found.uid != 0 || found.mode & 0o777 != mode {
            let what = format!(
                "{path} has mode {:o} and belongs to uid {}: it must be root's, {mode:o}",
                found.mode & 0o777,
                found.uid
            );
            let fix = [format!("chown root:root {path}"), format!("chmod {mode:o} {path}")];
            findings.push(Finding::fault(DOOR, "socket_mode", what).fixed_by(fix));
        }
    }
    if door.verify.is_none() && door.root.is_none() {
        let who = match () {
            () if !door.needed_by.is_empty() => Some(format!("needed by {}", door.needed_by.join(", "))),
            () if door.read_only => Some("the disk with the keys is read-only".to_owned()),
            () => None,
        };
        findings.push(match who {
            Some(who) => {
                Finding::warning(DOOR, "no_door", format!("closed, but {who}: everybody is refused")).fixed_by(ENABLE)
            }
            None => Finding::note(
                DOOR,
                "door_closed",
                "closed: programs without root refuse everybody, and users do nothing by themselves",
            )
            .fixed_by(ENABLE),
        });
    }
    findings.extend(no_judge(door));
    if let (Some(Err(error)), true) = (&door.answer, door.root.is_some()) {
        let fix = ["systemctl restart pam-totpd.socket pam-totpd-root.socket"];
        findings.push(Finding::fault(DOOR, "door_silent", error.to_string()).fixed_by(fix));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(DOOR, "answers"));
    }
    findings
}

/// Daemons whose codes nobody judges.
fn no_judge(door: &Door) -> Option<Finding> {
    let missing: Vec<&Daemon> = door.daemons.iter().filter(|daemon| !door.judges.contains(&daemon.account)).collect();
    let named: Vec<String> =
        missing.iter().map(|daemon| format!("{} runs as {}", clean(&daemon.service), clean(&daemon.account))).collect();
    let mut judges = door.judges.clone();
    for daemon in &missing {
        if !judges.contains(&daemon.account) {
            judges.push(daemon.account.clone());
        }
    }
    let what = format!(
        "{}, which may not have codes judged for other users ([door] judges): it refuses everybody",
        named.join(", ")
    );
    let fix = format!("pam-totp policy set door.judges {}", quoted(&judges.join(",")));
    (!missing.is_empty()).then(|| Finding::warning(DOOR, "no_judge", what).fixed_by([fix]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn only_what_is_known_of_the_clock_is_fine() {
        let level = |facts: &Clock| clock(facts).level;
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(level(&Clock::default()), Level::Warning);
        assert_eq!(level(&Clock { timesync_mark: true, ..Clock::default() }), Level::Warning, "of an earlier daemon");
        let daemons = vec!["systemd-timesyn".to_owned()];
        assert_eq!(level(&Clock { timesync_mark: true, daemons, ..Clock::default() }), Level::Fine);
        assert_eq!(
            level(&Clock { timedatectl: told("NTP=yes\nNTPSynchronized=no\n"), ..Clock::default() }),
            Level::Fault
        );
        assert_eq!(level(&Clock { timedatectl: told("NTPSynchronized=yes\n"), ..Clock::default() }), Level::Fine);
        let lost = told("Leap status     : Not synchronised\n");
        assert_eq!(
            level(&Clock { chronyc: lost, timedatectl: told("NTPSynchronized=yes\n"), ..Clock::default() }),
            Level::Fault
        );
        assert_eq!(level(&Clock { ntpq: told("leap_none, sync_ntp, 1 event"), ..Clock::default() }), Level::Fine);
    }

    #[test]
    fn a_wrong_label_is_named() {
        let good = "system_u:object_r:var_lib_t:s0 /var/lib/pam_totp\nsystem_u:object_r:var_auth_t:s0 /var/lib/pam_totp/secrets\n\
                    system_u:object_r:faillog_t:s0 /run/pam_totp/state\n";
        assert_eq!(labels(good).level, Level::Fine);
        let bad = labels(&good.replace("var_auth_t", "var_lib_t"));
        assert_eq!((bad.level, bad.code), (Level::Fault, "label"));
        assert!(bad.message.contains("/var/lib/pam_totp/secrets is var_lib_t"), "{}", bad.message);
    }

    #[test]
    fn sudo_shows_messages_from_a_version_on() {
        assert!(shows_messages("1.9.16") && shows_messages("1.9.17p2") && shows_messages("2.0"));
        assert!(!shows_messages("1.9.13p3") && !shows_messages("1.8.31"));
    }

    #[test]
    fn an_old_module_is_one_that_lay_in_this_very_place() {
        let maps = |file: &str| format!("7f00-7f01 r-xp 00000000 08:01 1234                       {file}\n");
        let path = "/usr/lib/security/pam_totp.so";
        assert!(is_old(&maps(&format!("{path} (deleted)")), path));
        for other in [path, "/tmp/a /usr/lib/security/pam_totp.so (deleted)", "/tmp/pam_totp.so (deleted)"] {
            assert!(!is_old(&maps(other), path), "{other}");
        }
    }

    #[test]
    fn only_a_service_of_the_hosts_own_is_started_again() {
        let cases = [
            ("0::/system.slice/ssh.service\n", Some("ssh.service")),
            ("0::/system.slice/system-getty.slice/getty@tty1.service\n", Some("getty@tty1.service")),
            ("12:pids:/a.scope\n1:name=systemd:/system.slice/cron.service\n", Some("cron.service")),
            ("0::/system.slice/cockpit.service/systemd-reboot.service\n", Some("cockpit.service")),
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/systemd-reboot.service\n", None),
            ("0::/user.slice/user-1000.slice/systemd-reboot.service\n", None),
            ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
            ("0::/machine.slice/web.scope/payload/system.slice/ssh.service\n", None),
            ("0::/user@1000.service\n", None),
            ("0::/\n", None),
        ];
        for (groups, expected) in cases {
            assert_eq!(unit(groups), expected, "{groups}");
        }
    }

    #[test]
    fn a_version_is_read_from_the_file() {
        let file = [b"\x7fELF....", crate::VERSION_MARK.as_bytes(), b"more"].concat();
        assert_eq!(version_in(&file).as_deref(), Some(crate::VERSION));
        assert_eq!(version_in(b"\x7fELF"), None);
    }
}
