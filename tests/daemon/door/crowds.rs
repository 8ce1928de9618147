//! Callers who are slow, many, or silent, and a door that is.

use super::*;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;

#[test]
fn slow_silent_huge_and_malformed_requests_hold_up_nobody() {
    throw_away(|system| {
        let _door = Door::open(T);
        application::build(system);
        let alice = system.enrolled("alice");
        let before = files();
        let malformed = "pam_totp 1\nrefused malformed\n\n";
        let verify = format!("verify\nuser alice\ncode {}", code(T));
        for message in [
            "\n\n".into(),
            "GET / HTTP/1.0\r\n\r\n\n\n".into(),
            format!("pam_totp 2\n{verify}\n\n"),
            format!("pam_totp 1\n{verify}\nuid 0\n\n"),
            format!("pam_totp 1\n{verify}\nuser root\n\n"),
            format!("pam_totp 1\n{verify}{}\n\n", "1".repeat(100)),
            "x".repeat(4_096),
            "x\n\n".repeat(1 << 20),
        ] {
            let said = knock(system, &alice, &message);
            // A caller who sends on when nobody reads any more may be cut off before they hear it.
            let cut_off = message.len() > 4_096 && said.starts_with("[Errno ");
            assert!(said == malformed || cut_off, "{}: {said:?}", &message[..message.len().min(80)]);
        }
        // Half a request, and then nothing; and a byte now and then.
        for (message, pause) in [("", 0), ("pam_totp 1\n", 0), ("pam_totp 1\nverify\nuser alice\ncode 123456\n\n", 300)]
        {
            let start = Instant::now();
            let script = "
import socket, sys, time
door = socket.socket(socket.AF_UNIX)
door.connect(sys.argv[1])
door.settimeout(0.001)
for byte in sys.argv[2].encode():
    try:
        door.send(bytes([byte]))
        time.sleep(int(sys.argv[3]) / 1000)
    except OSError:
        break
door.settimeout(None)
try:
    print(door.recv(1))
except OSError:
    print(b'')
";
            let output =
                system.runs(alice.command("python3").args(["-c", script, VERIFY, message, &pause.to_string()]));
            assert_eq!(String::from_utf8_lossy(&output.stdout), "b''\n", "{message:?}");
            assert!(start.elapsed() < PATIENCE / 3, "{message:?}: {:?}", start.elapsed());
        }
        assert!(files() == before);
        assert_eq!(only_code(system, alice.command(&program()).args([SERVICE, "alice"]), &code(T)), SUCCESS);
    });
}

#[test]
fn two_hundred_connections_close_the_door_to_nobody() {
    throw_away(|system| {
        let door = Door::open(T);
        application::build(system);
        system.policy(ALLOW);
        let (alice, mallory) = (system.enrolled("alice"), system.user("mallory"));
        let script = "
import socket, sys
doors = [socket.socket(socket.AF_UNIX) for _ in range(200)]
for door in doors:
    door.connect(sys.argv[1])
print('all there', flush=True)
for door in doors:
    door.recv(1)
print('all gone', flush=True)
";
        let mut crowd = mallory.command("python3");
        crowd.args(["-c", script, VERIFY]).stdout(Stdio::piped());
        let mut crowd = crowd.spawn().expect("a crowd");
        let mut said = [0; 10];
        crowd.stdout.as_mut().expect("a pipe").read_exact(&mut said).expect("the crowd is there");
        assert_eq!(&said, b"all there\n");
        let mut times = (0..).map(|n| T + 30 * n);
        // A code whose answer came too late is used up: the next try has the next one.
        let start = Instant::now();
        loop {
            let time = times.next().expect("endless");
            door.at(time);
            if only_code(system, alice.command(&program()).args([SERVICE, "alice"]), &code(time)) == SUCCESS {
                break;
            }
            assert!(start.elapsed() < PATIENCE, "the door stays closed");
        }
        assert!(crowd.wait().expect("the crowd goes").success());
    });
}

fn door_of(system: &System) -> UnixListener {
    let listener = UnixListener::bind(VERIFY).expect("binds");
    system.runs(Command::new("chmod").args(["666", VERIFY]));
    listener
}

#[test]
fn a_door_that_does_not_answer_is_waited_for_no_longer_than_a_login_may_take() {
    throw_away(|system| {
        application::build(system);
        let alice = system.enrolled("alice");
        let silent = door_of(system);
        let start = Instant::now();
        assert_eq!(only_code(system, alice.command(&program()).args([SERVICE, "alice"]), &code(T)), AUTH_ERR);
        assert!(start.elapsed() < PATIENCE / 3, "{:?}", start.elapsed());
        system.log.line("pam-totpd did not answer in time");
        drop(silent);
        // One that has heard the whole question may have judged and died of it: it is asked no second time.
        fs::remove_file(VERIFY).expect("removes the last one");
        let listener = door_of(system);
        let hears = thread::spawn(move || {
            let (mut caller, _) = listener.accept().expect("a caller");
            let heard = caller.read(&mut [0; 4_096]).expect("a question");
            drop(caller);
            (heard, listener)
        });
        assert_eq!(only_code(system, alice.command(&program()).args([SERVICE, "alice"]), &code(T)), AUTH_ERR);
        let (heard, listener) = hears.join().expect("hangs up");
        assert_eq!(heard, "pam_totp 1\npreview\nuser alice\n\n".len());
        listener.set_nonblocking(true).expect("sets it");
        assert!(listener.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "asked again");
        // One with too many callers hangs up on each, and this one gives up in time.
        fs::remove_file(VERIFY).expect("removes the last one");
        let listener = door_of(system);
        let (stop, stops) = mpsc::channel();
        let hangs_up = thread::spawn(move || {
            listener.incoming().take_while(|caller| caller.is_ok() && stops.try_recv().is_err()).count()
        });
        let start = Instant::now();
        assert_eq!(only_code(system, alice.command(&program()).args([SERVICE, "alice"]), &code(T)), AUTH_ERR);
        assert!(start.elapsed() < PATIENCE / 3, "{:?}", start.elapsed());
        stop.send(()).expect("it listens");
        drop(UnixStream::connect(VERIFY).expect("wakes it"));
        assert!(hangs_up.join().expect("hangs up") > 1, "nobody knocked again");
        assert_eq!(system.log.count("pam-totpd hung up: try again; should it last, the host's log says why"), 2);
        // An answer that is cut off, or of another version, or to another question.
        for answer in ["pam_totp 1\nstanding 6\n", "pam_totp 2\nstanding 6\n\n", "pam_totp 1\ndone\n\n"] {
            fs::remove_file(VERIFY).expect("removes the last one");
            let listener = door_of(system);
            let answers = thread::spawn(move || {
                let (mut caller, _) = listener.accept().expect("a caller");
                let mut request = vec![0; 4_096];
                let length = caller.read(&mut request).expect("a request");
                caller.write_all(answer.as_bytes()).expect("an answer");
                String::from_utf8_lossy(&request[..length]).into_owned()
            });
            assert_eq!(only_code(system, alice.command(&program()).args([SERVICE, "alice"]), &code(T)), AUTH_ERR);
            assert_eq!(answers.join().expect("answers"), "pam_totp 1\npreview\nuser alice\n\n");
        }
        system.log.line("pam-totpd speaks another version: restart this service");
    });
}

/// Whether it closes at once, or with a part of the question read: nobody has heard it.
#[test]
fn who_is_hung_up_on_unheard_knocks_again() {
    throw_away(|system| {
        application::build(system);
        let alice = system.enrolled("alice");
        let listener = door_of(system);
        let answers = thread::spawn(move || {
            let mut requests = Vec::new();
            for reply in ["standing 6", "verdict 1800000000 device 00000000"] {
                drop(listener.accept().expect("a caller"));
                listener.accept().expect("a caller").0.read_exact(&mut [0]).expect("a byte");
                let (mut caller, _) = listener.accept().expect("a caller");
                let mut request = vec![0; 4_096];
                let length = caller.read(&mut request).expect("a request");
                caller.write_all(format!("pam_totp 1\n{reply}\n\n").as_bytes()).expect("an answer");
                requests.push(String::from_utf8_lossy(&request[..length]).into_owned());
            }
            requests
        });
        assert_eq!(only_code(system, alice.command(&program()).args([SERVICE, "alice"]), &code(T)), SUCCESS);
        let requests = answers.join().expect("answers");
        assert_eq!(requests[0], "pam_totp 1\npreview\nuser alice\n\n");
        assert!(requests[1].starts_with("pam_totp 1\nverify\nuser alice\ncode "), "{requests:?}");
    });
}
