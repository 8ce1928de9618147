//! `make install`: everything in its place, and nobody's place taken.

use crate::support::artifacts::{self, make};
use pam_totp::policy::Policy;
use pam_totp::policy::rules::Unenrolled;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const MODULE: &str = "/usr/lib/security/pam_totp.so";
const POLICY: &str = "/etc/security/pam_totp.toml";

struct Host(TempDir);

impl Host {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    fn mode(&self, path: &str) -> u32 {
        let metadata = fs::symlink_metadata(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        metadata.permissions().mode() & 0o7777
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes a folder");
        fs::write(path, text).expect("writes a file");
    }

    fn tries(&self, target: &str) -> Output {
        let mut destdir = OsString::from("DESTDIR=");
        destdir.push(self.0.path());
        let settings = ["PREFIX=/usr", "MODULEDIR=/usr/lib/security"];
        make(target).args(settings).arg(destdir).output().expect("make starts")
    }

    fn makes(&self, target: &str) -> String {
        let output = self.tries(target);
        assert!(output.status.success(), "make {target}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("make prints UTF-8")
    }

    /// Every regular file, without the folder that stands for the root.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(format!("/{}", path.strip_prefix(self.0.path()).expect("inside").display()));
                }
            }
        }
        found.sort();
        found
    }
}

#[test]
fn puts_each_thing_where_it_belongs() {
    let host = Host::new();
    host.makes("install");
    for (path, mode) in [
        (MODULE, 0o644),
        ("/usr/bin/pam-totp", 0o755),
        ("/usr/sbin/pam-totpd", 0o755),
        ("/usr/lib/systemd/system/pam-totpd.socket", 0o644),
        ("/usr/lib/systemd/system/pam-totpd.service", 0o644),
        ("/usr/lib/systemd/system/pam-totpd-root.socket", 0o644),
        ("/usr/lib/systemd/system/pam-totpd-root.service", 0o644),
        ("/usr/lib/systemd/system/pam-totpd-root.service.d/start-limit.conf", 0o644),
        (POLICY, 0o644),
        ("/usr/lib/systemd/system/pam-totp-notify.path", 0o644),
        ("/usr/lib/systemd/system/pam-totp-notify.service", 0o644),
        ("/var/spool/pam_totp", 0o700),
        ("/usr/lib/tmpfiles.d/pam_totp.conf", 0o644),
        ("/usr/share/selinux/packages/pam_totp.cil", 0o644),
        ("/usr/share/doc/pam_totp/LICENSE-MIT", 0o644),
        ("/usr/share/doc/pam_totp/docs/panels.md", 0o644),
        ("/usr/share/doc/pam_totp/examples/panel_login.py", 0o644),
        ("/usr/share/doc/pam_totp/examples/fail2ban/filter.d/pam_totp.conf", 0o644),
        ("/usr/share/doc/pam_totp/examples/fail2ban/jail.d/pam_totp.conf", 0o644),
        ("/usr/share/doc/pam_totp/examples/logcheck/ignore.d.server/pam_totp", 0o644),
        ("/usr/share/man/man1/pam-totp.1", 0o644),
        ("/usr/share/man/man5/pam_totp.toml.5", 0o644),
        ("/usr/share/man/man8/pam_totp.8", 0o644),
        ("/usr/share/man/man8/pam-totpd.8", 0o644),
        ("/usr/share/bash-completion/completions/pam-totp", 0o644),
        ("/usr/share/zsh/site-functions/_pam-totp", 0o644),
        ("/usr/share/fish/vendor_completions.d/pam-totp.fish", 0o644),
        ("/etc/shadow-maint/userdel-post.d/pam_totp", 0o755),
        ("/var/lib/pam_totp", 0o700),
        ("/var/lib/pam_totp/secrets", 0o700),
        ("/var/lib/pam_totp/state", 0o700),
    ] {
        assert_eq!(format!("{:o}", host.mode(path)), format!("{mode:o}"), "{path}");
    }
    assert!(!host.path("/run").exists(), "/run is the running host's, not a package's");

    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    for stack in fs::read_dir(package.join("pam.d")).expect("the example stacks") {
        let stack = stack.expect("an entry").path();
        let name = stack.file_name().expect("a name").to_str().expect("UTF-8");
        let installed = host.path("/usr/share/doc/pam_totp/examples/pam.d").join(name);
        assert_eq!(fs::read(&stack).expect("a stack"), fs::read(installed).expect("the same stack"), "{name}");
    }
    let temporary: Vec<_> = host.files().into_iter().filter(|path| path.ends_with(".new")).collect();
    assert!(temporary.is_empty(), "{temporary:?}");
}

#[test]
fn the_installed_module_and_program_are_those_of_a_release() {
    let host = Host::new();
    host.makes("install");
    let built = fs::read(artifacts::module()).expect("the module");
    assert!(fs::read(host.path(MODULE)).expect("the installed module") == built, "another module was installed");
    let version = Command::new(host.path("/usr/bin/pam-totp")).arg("--version").output().expect("the program starts");
    let expected = concat!("pam-totp ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8_lossy(&version.stdout), expected);
    // Each request starts it: it brings its own unwinder.
    let needs =
        Command::new("readelf").arg("-dW").arg(host.path("/usr/sbin/pam-totpd")).output().expect("readelf starts");
    let needs = String::from_utf8_lossy(&needs.stdout);
    assert!(needs.contains("[libc.so.6]") && !needs.contains("libgcc_s"), "{needs}");
}

#[test]
fn a_host_that_has_the_old_module_open_keeps_it_whole() {
    let host = Host::new();
    host.write(MODULE, "the old module");
    let mut open = File::open(host.path(MODULE)).expect("the old module");
    host.makes("install");
    assert_ne!(open.metadata().expect("metadata").ino(), fs::metadata(host.path(MODULE)).expect("metadata").ino());
    let mut seen = String::new();
    open.read_to_string(&mut seen).expect("the old module is text");
    assert_eq!(seen, "the old module");
}

#[test]
fn a_second_install_leaves_policy_and_keys_alone() {
    let host = Host::new();
    host.makes("install");
    host.write(POLICY, "window = 2\n");
    host.write("/var/lib/pam_totp/secrets/alice.toml", "alice's");
    // Those that an earlier version had.
    let services =
        ["pam-totpd@.service", "pam-totpd-root@.service"].map(|name| format!("/usr/lib/systemd/system/{name}"));
    services.iter().for_each(|path| host.write(path, "[Service]\n"));
    let said = host.makes("install");
    assert!(said.contains("systemctl daemon-reload && systemctl restart pam-totpd.socket"), "{said}");
    assert!(services.iter().all(|path| !host.path(path).exists()));
    assert!(said.contains("left as it is"), "{said}");
    assert_eq!(fs::read_to_string(host.path(POLICY)).expect("the policy"), "window = 2\n");
    assert!(host.path("/var/lib/pam_totp/secrets/alice.toml").exists());
}

#[test]
fn uninstall_keeps_what_belongs_to_the_people_of_the_host() {
    let host = Host::new();
    host.makes("install");
    host.write("/var/lib/pam_totp/secrets/alice.toml", "alice's");
    // As `systemctl enable` and a running host leave them.
    for unit in ["pam-totpd.socket", "pam-totpd-root.socket", "pam-totp-notify.path"] {
        host.write("/etc/systemd/system/sockets.target.wants/ssh.socket", "another's");
        let link = host.path("/etc/systemd/system/sockets.target.wants").join(unit);
        symlink(format!("/usr/lib/systemd/system/{unit}"), link).expect("a link");
    }
    for socket in ["verify.sock", "root.sock"] {
        host.write(&format!("/run/pam_totp/{socket}"), "");
    }
    fs::create_dir(host.path("/run/pam_totp/state")).expect("a folder");
    let said = host.makes("uninstall");
    assert!(said.contains("/var/lib/pam_totp"), "{said}");
    let others = "/etc/systemd/system/sockets.target.wants/ssh.socket";
    assert_eq!(host.files(), [POLICY, others, "/var/lib/pam_totp/secrets/alice.toml"]);
    assert!(!host.path("/run/pam_totp").exists() && !host.path("/etc/shadow-maint").exists());
    assert_eq!(host.mode("/var/lib/pam_totp/state"), 0o700);
}

#[test]
fn uninstall_keeps_a_record_that_continues_while_the_disk_is_read_only() {
    let host = Host::new();
    host.makes("install");
    host.write("/run/pam_totp/state/alice", "alice's");
    host.makes("uninstall");
    assert!(host.path("/run/pam_totp/state/alice").exists());
}

/// What `make` says, by somebody who has no Rust, an old one, no compiler, or who is not root; nothing is installed or built.
#[test]
fn make_says_at_once_what_is_missing_and_what_to_do() {
    let tools = tempfile::tempdir().expect("a folder");
    for tool in ["make", "sh", "sed", "sort", "head", "cat", "id", "dirname", "realpath", "find", "gcc", "cc"] {
        symlink(which(tool), tools.path().join(tool)).expect("a link");
    }
    let says = |target: &str| {
        let mut command = make(target);
        // As if a source were newer than what was built of it.
        command
            .args(["--what-if=src/lib.rs", "--no-print-directory"])
            .env("PATH", tools.path())
            .env("HOME", "/nowhere");
        let output = command.output().expect("make starts");
        assert!(!output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing else was done");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for target in ["all", "check", "demo", "bench"] {
        let said = says(target);
        assert!(said.contains("cargo is missing: Rust 1.85 or newer is needed"), "{target}: {said}");
        assert!(said.contains("rustup"), "{target}: {said}");
    }
    let cargo = tools.path().join("cargo");
    let pretends = |version: &str| {
        fs::write(&cargo, format!("#!/bin/sh\necho 'cargo {version} (00000000 2026-01-01)'\n")).expect("writes");
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("sets a mode");
    };
    pretends("1.84.1");
    assert!(says("all").contains("cargo 1.84 is too old: Rust 1.85 or newer is needed"));
    pretends("1.100.0");
    fs::remove_file(tools.path().join("cc")).expect("removes a link");
    assert!(says("all").contains("apt install gcc libpam0g-dev make"));
}

#[test]
fn make_check_demo_and_bench_say_at_once_that_they_need_root() {
    // Where this checkout lies, another user may have no way in.
    let copy = tempfile::tempdir().expect("a folder");
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o755)).expect("sets a mode");
    for file in ["Makefile", "Cargo.toml", "scripts/ready"] {
        let to = copy.path().join(file);
        fs::create_dir_all(to.parent().expect("a folder")).expect("makes a folder");
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), to).expect("copies");
    }
    fs::create_dir(copy.path().join("src")).expect("a folder");
    for target in ["check", "demo", "bench"] {
        let mut command = make(target);
        command.uid(65534).current_dir(copy.path());
        let output = command.output().expect("make starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("This needs root"), "{said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    }
}

fn which(tool: &str) -> PathBuf {
    let folders = ["/usr/local/bin", "/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
    folders.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("no {tool}"))
}

#[test]
fn uninstall_refuses_while_a_stack_names_the_module() {
    let host = Host::new();
    host.makes("install");
    host.write("/etc/pam.d/su", "# auth required pam_totp.so\n");
    host.write("/etc/pam.d/sshd", "@include common-auth\nauth required pam_totp.so explain\n");
    let refused = host.tries("uninstall");
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("/etc/pam.d/sshd") && !said.contains("/etc/pam.d/su\n"), "{said}");
    assert!(host.path(MODULE).exists());
}

#[test]
fn uninstall_finds_the_stacks_whatever_else_lies_there_and_where_distributions_keep_them() {
    for stack in ["/etc/pam.d/sshd", "/usr/lib/pam.d/login", "/usr/etc/pam.d/su"] {
        let host = Host::new();
        host.makes("install");
        host.write("/etc/pam.d/backup/sshd", "auth required pam_unix.so\n");
        symlink("nowhere", host.path("/etc/pam.d/dangling")).expect("a link");
        host.write(stack, "auth required pam_totp.so\n");
        let refused = host.tries("uninstall");
        assert!(!refused.status.success(), "{stack}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(stack), "{said}");
        assert!(host.path(MODULE).exists(), "{stack}");
    }
}

#[test]
fn the_example_policy_says_what_counts_without_it() {
    let example = include_str!("../../packaging/pam_totp.toml");
    assert_eq!(Policy::parse(example.as_bytes()).expect("the example is valid"), Policy::default());

    let is_key = |line: &str| line.starts_with("#[") || line.starts_with('#') && !line.starts_with("# ");
    let spoken = |line: &str| if is_key(line) { line[1..].to_owned() } else { line.to_owned() };
    let all_keys = example.lines().map(spoken).collect::<Vec<_>>().join("\n");
    let policy = Policy::parse(all_keys.as_bytes()).expect("each key of the example is valid");
    let default = Policy::default();
    assert_eq!(policy.prompt(), default.prompt());
    assert_eq!(policy.unenrolled, Some(Unenrolled::Deny));
    assert!(policy.issuer.is_some() && policy.enroll_by.is_some());
    let all = Policy { unenrolled: Some(Unenrolled::Allow), ..Policy::default() }.self_service();
    assert_eq!(policy.self_service, Some(all), "the example names every right");
    let [required, exempt] = [&policy.rules.require, &policy.rules.exempt].map(|rules| &rules[0]);
    assert!(required.groups.is_some() && exempt.users.is_some() && exempt.services.is_some());
    assert!(exempt.networks.is_some() && exempt.ssh_auth.is_some());
    assert_eq!(policy.remember.as_ref().map(|remember| remember.hours), Some(12));
    let silent = Policy { issuer: None, unenrolled: None, prompt: None, support: None, ..policy };
    let silent = Policy { enroll_by: None, self_service: None, ..silent };
    let silent = Policy { notify: None, judges: Vec::new(), ..silent };
    assert_eq!(Policy { rules: default.rules.clone(), remember: None, ..silent }, default);
}

#[test]
fn bash_completes_commands_and_their_options() {
    let host = Host::new();
    host.makes("install");
    let script = host.path("/usr/share/bash-completion/completions/pam-totp");
    let completed = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
        // What bash does at the Tab key.
        let press = format!(
            "source {}; COMP_WORDS=({line}); COMP_CWORD={}; _pam__totp pam-totp {last} {before}; echo ${{COMPREPLY[@]}}",
            script.display(),
            words.len() - 1,
        );
        let output = Command::new("bash").args(["-c", &press]).output().expect("bash starts");
        String::from_utf8(output.stdout).expect("UTF-8").split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(completed("pam-totp pol"), ["policy"]);
    assert_eq!(completed("pam-totp policy en"), ["enable"]);
    assert_eq!(completed("pam-totp list --un"), ["--unenrolled"]);
}
