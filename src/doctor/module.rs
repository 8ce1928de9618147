//! Is the module in place, and of this version? Pure.

use crate::doctor::finding::Finding;
use crate::doctor::shell::{INSTALL, quoted};
use crate::doctor::stacks::files::StackFiles;
use crate::doctor::stacks::line::StackLine;
use crate::text::clean;

pub(super) const ABOUT: &str = "module";

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
pub struct ModuleFacts {
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
pub fn check(module: &ModuleFacts, own: &str) -> Vec<Finding> {
    let Some(folder) = &module.folder else {
        let what = "no folder here holds pam_unix.so: where libpam looks for modules is not known";
        return vec![Finding::warning(ABOUT, "no_folder", what).fixed_by(INSTALL)];
    };
    let path = format!("{folder}/pam_totp.so");
    let mut findings = match &module.file {
        None => vec![absent(&path, &module.elsewhere)],
        Some(file) => of_file(&path, file, own),
    };
    if findings.is_empty() {
        findings.push(Finding::fine(ABOUT, format!("{path}, version {own}")));
    }
    findings.extend(stale(&module.stale));
    findings
}

fn absent(path: &str, elsewhere: &[String]) -> Finding {
    let finding =
        Finding::fault(ABOUT, "no_module", format!("{path} is missing: a stack that names it refuses everybody"));
    match elsewhere.first() {
        Some(other) => finding.fixed_by([format!("install -m 644 {} {}", quoted(other), quoted(path))]),
        None => finding.fixed_by(INSTALL),
    }
}

fn of_file(path: &str, file: &ModuleFile, own: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.uid != 0 || file.mode & 0o022 != 0 {
        let what = format!("{path} can be changed by others than root, who become root by it at the next login");
        let fix = [format!("chown root:root {}", quoted(path)), format!("chmod 644 {}", quoted(path))];
        findings.push(Finding::fault(ABOUT, "module_writable", what).fixed_by(fix));
    } else if file.mode & 0o444 != 0o444 {
        let what = format!("{path} cannot be read by everybody: programs that run without root refuse everybody");
        findings
            .push(Finding::fault(ABOUT, "module_unreadable", what).fixed_by([format!("chmod 644 {}", quoted(path))]));
    }
    if let Some(Err(why)) = &file.loads {
        let what = format!("{path} cannot be loaded, so everybody is refused: {why}");
        findings.push(Finding::fault(ABOUT, "not_loadable", what).fixed_by(INSTALL));
    }
    if file.version.as_deref() != Some(own) {
        let theirs = file.version.as_deref().map_or("another one".into(), clean);
        let what = format!("{path} is version {theirs}, this program is {own}: one of them was not updated");
        findings.push(Finding::fault(ABOUT, "other_version", what).fixed_by(INSTALL));
    }
    findings
}

/// Lines that name a module by a path where there is none.
pub fn no_such_path(files: &StackFiles, is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    let is_gone = |line: &StackLine| line.module.starts_with('/') && !is_there(&line.module);
    let finding = |line: StackLine| {
        let what = format!("{}: {} does not exist: the line refuses everybody", line.place(), clean(&line.module));
        let fix = format!("sed -i 's#{}#pam_totp.so#' {}", line.module, quoted(&line.path));
        Finding::fault(ABOUT, "module_path", what).fixed_by([fix])
    };
    files.our_lines().into_iter().filter(is_gone).map(finding).collect()
}

/// What `ldd -r` said: are all its libraries and symbols there?
pub fn loader_said(text: &str, succeeded: bool) -> Result<(), String> {
    let bad = text.lines().find(|line| line.contains("not found") || line.contains("undefined symbol"));
    match bad {
        Some(line) => Err(line.trim().to_owned()),
        None if succeeded => Ok(()),
        None => Err(text.trim().lines().last().unwrap_or_default().trim().to_owned()),
    }
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
    let what =
        format!("these still run a module that was replaced, until they are started again: {}", names.join(", "));
    let mut units: Vec<String> =
        processes.iter().filter_map(|p| Some(format!("systemctl restart {}", quoted(p.unit.as_ref()?)))).collect();
    units.sort();
    units.dedup();
    // A session is not ended for this: it ends by itself, and a screen locker that is ended may unlock.
    let pids: Vec<String> = processes.iter().filter(|p| p.unit.is_none()).map(|p| p.pid.to_string()).collect();
    if !pids.is_empty() {
        units.push(format!("ps -o pid,user,args -p {}   # end these when nobody needs them", pids.join(",")));
    }
    (!processes.is_empty()).then(|| Finding::warning(ABOUT, "old_module", what).fixed_by(units))
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_the_loader_misses_is_said() {
        let good = "\tlibpam.so.0 => /lib/libpam.so.0 (0x00007f00)\n\tlibc.so.6 => /lib/libc.so.6 (0x00007f01)\n";
        assert_eq!(loader_said(good, true), Ok(()));
        let cases = [
            ("\tlibpam.so.0 => not found\n\tlibc.so.6 => /lib/libc.so.6\n", true, "libpam.so.0 => not found"),
            ("undefined symbol: pam_end\t(./pam_totp.so)\n", true, "undefined symbol: pam_end\t(./pam_totp.so)"),
            ("\nldd: exited with unknown exit code (1)\n", false, "ldd: exited with unknown exit code (1)"),
        ];
        for (text, succeeded, why) in cases {
            assert_eq!(loader_said(text, succeeded), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_version_is_read_from_the_file() {
        let file = [b"\x7fELF....", crate::VERSION_MARK.as_bytes(), b"more"].concat();
        assert_eq!(version_in(&file).as_deref(), Some(crate::VERSION));
        assert_eq!(version_in(b"\x7fELF"), None);
    }
}
