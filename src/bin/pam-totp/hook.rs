//! The policy's `notify` program: told of each change, at once or from the spool.

use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use pam_totp::doctor::finding::Finding;
use pam_totp::doctor::shell::quoted;
use pam_totp::manage::notify::Event;
use pam_totp::policy::Policy;
use pam_totp::system::clock::now;
use pam_totp::system::disk;
use pam_totp::text::clean;

use crate::log;

/// It may mail; it may not keep anybody waiting.
const BOUND: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(10);

/// The program, as the policy of this call names it.
static PROGRAM: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Remembers whom to tell. Never of another system's disk: nothing of that is run.
pub fn learn(policy: &Policy) {
    if let Ok(mut program) = PROGRAM.lock() {
        program.clone_from(&policy.notify);
    }
}

/// Tells of a change that was made.
pub fn tell(event: &Event<'_>) {
    let Ok(mut program) = PROGRAM.lock() else { return };
    let Some(path) = program.as_deref().filter(|_| !disk::is_entered()) else { return };
    let (panel_user, person) = log::behind();
    let by = Some(panel_user.unwrap_or(&person));
    // The panel says who that is; who ran the program is known.
    let person = panel_user.map(|_| person.as_str());
    let line = Event { by, person, at: now(), ..event.clone() }.to_string();
    if hangs_at(path, &line) {
        // It hangs: with a thousand changes nobody waits for it a thousand times.
        *program = None;
    }
}

/// Tells one program of one change; whether it hung.
pub fn hangs_at(program: &Path, line: &str) -> bool {
    said(program, &run(program, line, BOUND))
}

/// What came of it.
enum HookRun {
    Ended(ExitStatus),
    Hung,
    Refused(String),
}

/// Logs what did not go well; whether it hung.
fn said(program: &Path, run: &HookRun) -> bool {
    let program = clean(&program.to_string_lossy());
    let what = match run {
        HookRun::Ended(status) if status.success() => return false,
        HookRun::Ended(status) => format!("{program} ended with {status}"),
        HookRun::Hung => format!("{program} took longer than {} s and was killed", BOUND.as_secs()),
        HookRun::Refused(why) => format!("{program} was not run: {why}"),
    };
    let _ = log::log(&format!("notify: {what}"));
    matches!(run, HookRun::Hung)
}

/// Runs it with one line on its stdin, alone: no environment, no output, no folder of the caller's.
fn run(program: &Path, line: &str, bound: Duration) -> HookRun {
    let real = match checked(program) {
        Ok(real) => real,
        Err(unusable) => return HookRun::Refused(unusable.why),
    };
    let mut command = Command::new(real);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return HookRun::Refused(error.to_string()),
    };
    // Shorter than a pipe, so nobody waits here; who does not read it needs none.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = writeln!(stdin, "{line}");
    }
    wait(&mut child, bound)
}

fn wait(child: &mut Child, bound: Duration) -> HookRun {
    let begin = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return HookRun::Ended(status),
            Ok(None) if begin.elapsed() < bound => thread::sleep(PAUSE),
            Ok(None) => break,
            Err(error) => return HookRun::Refused(error.to_string()),
        }
    }
    // With all that it has started.
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = child.wait();
    HookRun::Hung
}

/// Why a program is not run, and the command that helps.
#[derive(Debug)]
struct UnusableProgram {
    why: String,
    fix: String,
}

impl UnusableProgram {
    fn new(why: impl Into<String>, fix: String) -> Self {
        Self { why: why.into(), fix }
    }

    /// Nothing that can be run is there.
    fn no_program(why: impl Into<String>) -> Self {
        Self::new(why, "pam-totp policy set --unset notify   # or put a program there".into())
    }
}

/// Of a policy whose changes nobody is told of, as its program cannot be run. On another system's disk nothing is run.
pub fn judge(path: &Path, policy: &Policy) -> Option<Finding> {
    let program = policy.notify.as_deref().filter(|_| !disk::is_entered())?;
    let UnusableProgram { why, fix } = checked(program).err()?;
    let (path, program) = (clean(&path.to_string_lossy()), clean(&program.to_string_lossy()));
    let what = format!("{path}, notify: {program} is not run, and nobody is told of changes: {why}");
    Some(Finding::warning("policy", "notify", what).fixed_by([fix]))
}

/// Where it really is, if root alone can have written it. What others can write would be root for them.
fn checked(program: &Path) -> Result<PathBuf, UnusableProgram> {
    if !program.is_absolute() {
        return Err(UnusableProgram::no_program("its path is not absolute"));
    }
    let gone = |error: io::Error| UnusableProgram::no_program(error.to_string());
    let real = fs::canonicalize(program).map_err(gone)?;
    for path in real.ancestors() {
        let path_text = path.to_string_lossy();
        let (name, quoted) = (clean(&path_text), quoted(&path_text));
        let look =
            fs::symlink_metadata(path).map_err(|error| UnusableProgram::no_program(format!("{name}: {error}")))?;
        let sticky = look.is_dir() && look.mode() & 0o1000 != 0;
        if look.uid() != 0 {
            return Err(UnusableProgram::new(
                format!("{name} does not belong to root"),
                format!("chown root:root {quoted}"),
            ));
        }
        if look.mode() & 0o022 != 0 && !sticky {
            return Err(UnusableProgram::new(
                format!("{name} can be written by others"),
                format!("chmod go-w {quoted}"),
            ));
        }
    }
    let look = fs::metadata(&real).map_err(gone)?;
    match (look.is_file(), look.permissions().mode() & 0o111 != 0) {
        (true, true) => Ok(real),
        (true, false) => {
            let fix = format!("chmod 755 {}", quoted(&real.to_string_lossy()));
            Err(UnusableProgram::new("it is no program: it is not executable", fix))
        }
        (false, _) => Err(UnusableProgram::no_program("it is no program")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_hangs_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir_in("/root").expect("a folder of root's");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("a mode");
        let program = folder.path().join("hangs");
        fs::write(
            &program,
            "#!/bin/sh\nread line\necho \"$line\" >\"${0%/*}/said\"\nsleep 1000 & echo $! >\"${0%/*}/pid\"\nwait\n",
        )
        .expect("a program");
        let mode = |mode| fs::set_permissions(&program, fs::Permissions::from_mode(mode)).expect("a mode");
        mode(0o700);
        assert!(matches!(run(&program, "{}", Duration::from_millis(1_500)), HookRun::Hung));
        assert_eq!(fs::read_to_string(folder.path().join("said")).expect("it read the line"), "{}\n");
        let pid = fs::read_to_string(folder.path().join("pid")).expect("it started one more");
        // Nobody waits for that one: the kernel ends it when it next runs.
        let state = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        let lives = |state: &str| !state.is_empty() && !state.contains(") Z ");
        let begin = Instant::now();
        while lives(&state()) && begin.elapsed() < BOUND {
            thread::sleep(PAUSE);
        }
        assert!(!lives(&state()), "{}", state());

        for (bits, why) in [(0o722, "can be written by others"), (0o600, "no program")] {
            mode(bits);
            let HookRun::Refused(told) = run(&program, "{}", BOUND) else { panic!("{bits:o} was run") };
            assert!(told.contains(why), "{told}");
        }
        mode(0o700);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
        assert!(matches!(run(&program, "{}", BOUND), HookRun::Refused(_)), "who can replace it can write it");
    }
}
