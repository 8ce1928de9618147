//! Both ends of a connection make sure of the other one.

use super::*;

#[test]
fn a_socket_that_is_not_roots_is_told_nothing() {
    throw_away(|system| {
        application::build(system);
        system.policy(ALLOW);
        let (alice, mallory) = (system.enrolled("alice"), system.user("mallory"));
        let script = "
import os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.bind('/run/mallory/door')
os.chmod('/run/mallory/door', 0o777)
door.listen()
print('open', flush=True)
while True:
    caller, _ = door.accept()
    print('heard', caller.recv(4096), flush=True)
    try:
        caller.send(b'pam_totp 1\\nverdict 1 device 00000000\\n\\n')
    except OSError:
        pass
    caller.close()
";
        system.runs(Command::new("install").args(["-d", "-o", "mallory", "/run/mallory"]));
        let mut trap = mallory.command("python3");
        let mut trap = trap.args(["-c", script]).stdout(Stdio::piped()).spawn().expect("a trap");
        let mut heard = trap.stdout.take().expect("a pipe");
        heard.read_exact(&mut [0; 5]).expect("the trap is set");
        fs::rename("/run/mallory/door", VERIFY).expect("puts it in the door's place");
        assert_eq!(only_code(system, alice.command(&program()).args([SERVICE, "alice"]), &code(T)), AUTH_ERR);
        system.log.line("behind the door's socket is not root: refusing to tell it anything");
        let status = system.tries(alice.command("pam-totp").args(["remove"]), &code(T));
        assert_eq!(status.status.code(), Some(5), "{status:?}");
        trap.kill().expect("ends the trap");
        trap.wait().expect("ends the trap");
        let mut rest = String::new();
        heard.read_to_string(&mut rest).expect("what it heard");
        assert!(rest.lines().all(|line| line == "heard b''") && !rest.is_empty(), "{rest}");
    });
}

#[test]
fn without_a_connection_on_its_standard_input_it_serves_nobody() {
    throw_away(|system| {
        let pair = "import socket, subprocess, sys; a, b = socket.socketpair(*eval(sys.argv[1])); \
                    sys.exit(subprocess.run(['pam-totpd'], stdin=a).returncode)";
        let inet = "import socket, subprocess, sys; l = socket.create_server(('127.0.0.1', 0)); \
                    a = socket.create_connection(l.getsockname()); \
                    sys.exit(subprocess.run(['pam-totpd'], stdin=a).returncode)";
        let datagram = "(socket.AF_UNIX, socket.SOCK_DGRAM)";
        for mut command in [
            {
                let mut c = Command::new("pam-totpd");
                c.arg("--help");
                c
            },
            Command::new("pam-totpd"),
            {
                let mut c = Command::new("sh");
                c.args(["-c", "pam-totpd </dev/null"]);
                c
            },
            {
                let mut c = Command::new("sh");
                c.args(["-c", "pam-totpd <&-"]);
                c
            },
            {
                let mut c = Command::new("python3");
                c.args(["-c", pair, datagram]);
                c
            },
            {
                let mut c = Command::new("python3");
                c.args(["-c", inet]);
                c
            },
        ] {
            let output = system.tries(&mut command, "");
            assert_eq!(output.status.code(), Some(2), "{command:?}: {output:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("see pam-totpd(8)"), "{output:?}");
        }
    });
}
