//! A disk on which files are not what they seem: too long, devices, pipes, links to this system.

use super::*;

/// Whatever is read of that disk, and a command that reads it.
const READ: [(&str, &[&str]); 8] = [
    ("/mnt/etc/passwd", &["list", "--unenrolled"]),
    ("/mnt/etc/group", &["list", "--group", "users"]),
    ("/mnt/etc/hostname", &["issuer"]),
    ("/mnt/etc/pam.d/sshd", &["doctor"]),
    ("/mnt/etc/security/pam_totp.toml", &["policy", "show"]),
    ("/mnt/var/lib/pam_totp/secrets/zoe.toml", &["status", "zoe"]),
    ("/mnt/var/lib/pam_totp/state/zoe", &["unlock", "zoe"]),
    ("/mnt/draft.toml", &["policy", "check", "/draft.toml"]),
];

const NO_NAME: &str = "There is none, and this host has no name to show.\n";

/// Within the memory and the time that a small rescue system has.
fn bounded(system: &System, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("timeout");
    command.args(["20", "/bin/sh", "-c", "ulimit -v 300000; exec pam-totp --root /mnt \"$@\"", "sh"]).args(arguments);
    let output = system.tries(&mut command, "");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), said)
}

/// Puts something else in a file's place.
fn put(system: &System, file: &str, command: &str) {
    system.runs(Command::new("/bin/sh").args(["-ec", &format!("rm -f {file}; {command}")]));
}

/// What is there again afterwards.
fn kept(test: impl Fn(&str, &[&str]) + Copy) {
    for (file, arguments) in READ {
        let before = fs::read(file).ok();
        test(file, arguments);
        fs::remove_file(file).expect("what was put there");
        let Some(before) = before else { continue };
        fs::write(file, before).expect("a file");
        let mode = if file.contains("/pam_totp/") { 0o600 } else { 0o644 };
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("a mode");
    }
}

#[test]
fn endless_files_cost_no_memory_and_are_named() {
    rescue(|system| {
        enrolls(system, "zoe");
        kept(|file, arguments| {
            put(system, file, &format!("truncate -s 1500M {file}; chmod 600 {file}"));
            let (exit, said) = bounded(system, arguments);
            assert!(exit.is_some_and(|exit| exit <= 5) && !said.contains("memory"), "{file}: {exit:?} {said}");
            // Where no name is the answer, none is given.
            let silent = file.ends_with("hostname");
            assert!(silent || said.contains(file.strip_prefix("/mnt").expect("of that disk")), "{file}: {said}");
            assert!(silent || said.contains("long"), "{file}: {said}");
        });
        // What was as long as it may be is read.
        let passwd = format!("{PASSWD}{}", "# a long one\n".repeat(1 << 20));
        system.file("/mnt/etc/passwd", &passwd);
        let (exit, said) = bounded(system, &["list", "--unenrolled"]);
        assert!(exit == Some(0) && said.contains("yann"), "{said}");
    });
}

#[test]
fn what_is_no_file_is_looked_at_and_not_opened() {
    rescue(|system| {
        enrolls(system, "zoe");
        let trace = "/tmp/opened";
        for kind in ["mkfifo", "mknod", "socket", "mkdir"] {
            kept(|file, arguments| {
                let made = match kind {
                    "mknod" => format!("mknod {file} c 1 3; chmod 600 {file}"),
                    "mkfifo" => format!("mkfifo -m 600 {file}"),
                    "mkdir" => format!("mkdir -m 600 {file}"),
                    _ => format!(
                        "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"{file}\")'; chmod 600 {file}"
                    ),
                };
                put(system, file, &made);
                let (path, mut strace) = (file.strip_prefix("/mnt").expect("of that disk"), Command::new("strace"));
                strace.args(["-f", "-o", trace, "-e", "trace=chroot,open,openat,openat2", "timeout", "20"]);
                let output = system.tries(strace.args(["pam-totp", "--root", "/mnt"]).args(arguments), "");
                assert!(output.status.code().is_some_and(|exit| exit <= 5), "{kind} {file}: {output:?}");
                let trace = fs::read_to_string(trace).expect("a trace");
                let (_, after) = trace.split_once("chroot(\".\")").expect("it went there");
                let opened = |line: &&str| line.contains(&format!("\"{path}\"")) && !line.contains("O_PATH");
                assert_eq!(after.lines().filter(opened).collect::<Vec<_>>(), [""; 0], "{kind} {file}: {output:?}");
                if kind == "mkdir" {
                    fs::remove_dir(file).expect("a folder");
                    fs::write(file, "").expect("something to take away");
                }
            });
        }
    });
}

#[test]
fn links_of_the_kernel_lead_nowhere_and_others_where_they_should() {
    rescue(|system| {
        // As people prepare a disk for a chroot.
        for folder in ["proc", "sys"] {
            fs::create_dir(format!("/mnt/{folder}")).expect("a folder");
            system.runs(Command::new("mount").args(["--bind", &format!("/{folder}"), &format!("/mnt/{folder}")]));
        }
        enrolls(system, "zoe");
        system.file("/etc/hostname", "of-this-system\n");
        system.file("/draft.toml", "enabled = of-this-system\n");
        let own = fs::read_to_string("/etc/passwd").expect("a file");
        system.file("/etc/passwd", &format!("{own}of-this-system:x:77:77::/:/bin/bash\n"));
        system.file("/etc/group", "users:x:100:of-this-system\n");
        system.file("/etc/pam.d/sshd", "auth required pam_totp.so of-this-system\n");
        system.policy("issuer = \"of-this-system\"\n");
        for leads in ["/proc/1/root", "/proc/self/root", "/proc/1/cwd", "../../../../../../proc/1/root/./"] {
            kept(|file, arguments| {
                let there = file.strip_prefix("/mnt").expect("of that disk");
                put(system, file, &format!("ln -s {leads}{there} {file}"));
                let (exit, said) = bounded(system, arguments);
                assert!(!said.contains("of-this-system"), "{leads} {file}: {exit:?} {said}");
            });
        }
        // A file of the kernel's, by links that are no trick.
        for leads in ["/proc/sys/kernel/hostname", "/proc/1/comm", "/sys/kernel/notes"] {
            put(system, "/mnt/etc/hostname", &format!("ln -s {leads} /mnt/etc/hostname"));
            assert_eq!(bounded(system, &["issuer"]).1, NO_NAME, "{leads}");
        }
        for (leads, back) in [("loop", "/etc/hostname"), ("hostname", "hostname"), ("nowhere", "/nowhere")] {
            put(system, "/mnt/etc/hostname", &format!("ln -s {leads} /mnt/etc/hostname; ln -sfn {back} /mnt/etc/loop"));
            assert_eq!(bounded(system, &["issuer"]).1, NO_NAME, "{leads}");
        }
        put(system, "/mnt/etc/hostname", "ln -s ../srv/name /mnt/etc/hostname; mkdir /mnt/srv");
        system.file("/mnt/srv/name", "web2.example.com\n");
        assert_eq!(bounded(system, &["issuer"]), (Some(0), "web2.example.com\n".into()));

        // The folder of a picture is one of that disk, too.
        symlink("/proc/1/root/tmp", "/mnt/srv/pictures").expect("a link");
        let picture = ["generate", "zoe", "--qr-file", "/srv/pictures/zoe.png"];
        assert!(bounded(system, &picture).0 != Some(0) && !Path::new("/tmp/zoe.png").exists());
    });
}

/// Before Linux 5.6.
#[test]
fn a_kernel_that_cannot_tell_links_apart_follows_none() {
    rescue(|system| {
        let old = |arguments: &[&str]| {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2", "-e", "inject=openat2:error=ENOSYS"]);
            let output = system.tries(strace.args(["pam-totp", "--root", "/mnt"]).args(arguments), "");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        assert_eq!(old(&["issuer"]), "web1.example.com\n");
        assert!(old(&["list", "--unenrolled"]).contains("yann "));
        fs::create_dir("/mnt/proc").expect("a folder");
        system.runs(Command::new("mount").args(["--bind", "/proc", "/mnt/proc"]));
        system.file("/etc/hostname", "of-this-system\n");
        for leads in ["/proc/1/root/etc/hostname", "/proc/sys/kernel/hostname", "hostname2"] {
            system.file("/mnt/etc/hostname2", "web3.example.com\n");
            put(system, "/mnt/etc/hostname", &format!("ln -s {leads} /mnt/etc/hostname"));
            assert_eq!(old(&["issuer"]), NO_NAME, "{leads}");
        }
        // Nor on the way to a file.
        system.file("/etc/pam.d/sshd", "auth required pam_totp.so of-this-system\n");
        fs::rename("/mnt/etc/pam.d", "/mnt/etc/old").expect("moves");
        symlink("/proc/1/root/etc/pam.d", "/mnt/etc/pam.d").expect("a link");
        let said = old(&["doctor"]);
        assert!(said.contains("/etc/pam.d/sshd: its links lead") && !said.contains("of-this-system"), "{said}");
    });
}
