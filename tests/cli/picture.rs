//! The QR code as a picture: a camera reads it, and nobody else gets it.

use crate::support::browser::{self, Browser};
use crate::support::codes::{fresh_code, now, wrong_code};
use crate::support::program::{error_code, object, program};
use crate::support::strace::calls;
use crate::support::system::{System, throw_away, throw_away_with};
use crate::support::terminal::Terminal;
use crate::support::tmux::scan;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

fn text<'a>(object: &'a serde_json::Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_else(|| panic!("no {field}: {object}"))
}

fn mode(path: &str) -> u32 {
    fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{path}: {error}")).permissions().mode() & 0o7777
}

/// Runs a shell command with pam-totp in it.
fn shell(system: &System, command: &str) -> (i32, String, String) {
    let output = system.tries(Command::new("/bin/bash").args(["-c", command]), "");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn a_browser_shows_the_svg_so_that_a_phone_reads_it_on_any_page() {
    throw_away_with(browser::files, |system| {
        system.user("alice");
        let issuer = "ACME & Söhne";
        let (exit, made) = object(system, &["generate", "alice", "--issuer", issuer, "--qr", "svg"], "");
        assert_eq!(exit, 0);
        let (svg, uri) = (text(&made, "qr_svg"), text(&made, "uri"));
        // One element that needs nothing from anywhere; the name space is no address that anybody visits.
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>") && !svg.contains('\n'), "{svg}");
        let without_namespace = svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
        for foreign in ["http", "href", "url(", "<script", "<style", "<image", " on", "&"] {
            assert!(!without_namespace.contains(foreign), "{foreign}: {svg}");
        }

        // In a page with colors of its own, and as a file.
        let style = "body { background: #000; color: #fff; margin: 40px }";
        system.file("/tmp/page.html", &format!("<!doctype html><style>{style}</style>{svg}<p>Scan it</p>"));
        let (_, made) =
            object(system, &["generate", "alice", "--issuer", "h", "--qr-file", "/tmp/alice.svg", "--qr", "none"], "");
        assert_eq!((text(&made, "qr_file"), made.get("qr_svg")), ("/tmp/alice.svg", None));
        let mut browser = Browser::start();
        browser.visits("file:///tmp/page.html");
        browser.sees("Scan it");
        browser.takes_picture("qr-svg-in-a-page");
        assert_eq!(scan(Path::new("/mnt/pictures/qr-svg-in-a-page.png")), uri);
        browser.visits("file:///tmp/alice.svg");
        browser.takes_picture("qr-svg-file");
        assert_eq!(scan(Path::new("/mnt/pictures/qr-svg-file.png")), text(&made, "uri"));
    });
}

#[test]
fn a_png_is_read_whatever_the_length_of_its_uri() {
    throw_away(|system| {
        system.user("alice");
        let long = "x".repeat(128);
        for (issuer, file) in [("h", "/tmp/short.png"), (&*long, "/tmp/long.png")] {
            let arguments = ["generate", "alice", "--issuer", issuer, "--account", issuer, "--qr-file", file];
            let (exit, made) = object(system, &arguments, "");
            assert_eq!((exit, scan(Path::new(file)).as_str()), (0, text(&made, "uri")), "{file}");
            // Another reader than zbarimg's, which checks every sum.
            let check = "import sys; from PIL import Image; i = Image.open(sys.argv[1]); i.load(); \
                         print(i.mode, i.size[0] == i.size[1], i.getpixel((0, 0)), i.getpixel((32, 32)))";
            let seen = system.runs(Command::new("/usr/bin/python3").args(["-c", check, file]));
            // White at the edge, black where four modules of quiet zone end.
            assert_eq!(String::from_utf8_lossy(&seen.stdout), "1 True 255 0\n");
        }
    });
}

#[test]
fn without_json_people_get_the_same() {
    throw_away(|system| {
        system.user("alice");
        let (exit, stdout, _) = program(system, &["generate", "alice", "--qr", "svg", "--qr-file", "/tmp/a.png"], "");
        assert_eq!(exit, 0);
        assert!(stdout.contains("QR code: /tmp/a.png (it is the key: delete it once it is scanned)\n"), "{stdout}");
        assert!(stdout.lines().last().is_some_and(|line| line.starts_with("<svg ")), "{stdout}");
        for (how, field) in [("utf8", "qr_utf8"), ("ascii", "qr_ascii")] {
            let (_, made) = object(system, &["generate", "alice", "--qr", how], "");
            assert!(text(&made, field).lines().count() > 20, "{made}");
            let (_, stdout, _) = program(system, &["generate", "alice", "--qr", how], "");
            assert!(stdout.contains("URI:     otpauth://") && stdout.contains("\x1b["), "{stdout}");
        }
    });
}

#[test]
fn the_file_is_new_and_its_owners_alone_whatever_the_umask() {
    throw_away(|system| {
        system.user("alice");
        for umask in ["000", "022", "077", "777"] {
            for ending in ["svg", "png"] {
                let path = format!("/tmp/{umask}.{ending}");
                let command = format!("umask {umask}; pam-totp generate alice --qr-file {path} --json");
                assert_eq!(shell(system, &command).0, 0, "{command}");
                assert_eq!((mode(&path), fs::metadata(&path).unwrap().uid()), (0o600, 0), "{path}");
            }
        }
        let program = ["pam-totp", "generate", "alice", "--qr-file", "/tmp/traced.png"];
        let (calls, _) = calls(system, now(), &program, "");
        let opened = calls.iter().find(|call| call.line.contains("\"traced.png\"")).expect("it is opened");
        assert_eq!(opened.name, "openat");
        assert!(opened.line.contains("O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600"), "{}", opened.line);
    });
}

#[test]
fn what_is_in_the_place_already_stays_as_it_is() {
    throw_away(|system| {
        let alice = system.user("alice");
        fs::create_dir("/tmp/there").expect("a folder");
        system.file("/tmp/there/file.png", "mine");
        system.file("/tmp/there/target", "mine");
        symlink("/tmp/there/target", "/tmp/there/link.png").expect("a link");
        symlink("/tmp/there/nowhere", "/tmp/there/dangling.svg").expect("a link");
        fs::create_dir("/tmp/there/folder.svg").expect("a folder");
        // A FIFO that nobody reads: whoever opens it for writing hangs.
        system.runs(Command::new("mkfifo").arg("/tmp/there/fifo.png"));
        for name in ["file.png", "link.png", "dangling.svg", "folder.svg", "fifo.png"] {
            let path = format!("/tmp/there/{name}");
            let (exit, object) = object(system, &["generate", "alice", "--qr-file", &path], "");
            let message = object["error"]["message"].as_str().expect("a message");
            assert_eq!((exit, message.contains("is there already, and is not written over")), (2, true), "{object}");
            assert!(object["secret"].is_null());
            // Nobody is shown a key either.
            let (exit, stdout, _) = program(system, &["enroll", "alice", "--qr-file", &path], "123456\n");
            assert_eq!((exit, stdout.as_str()), (2, ""), "{name}");
        }
        assert_eq!(fs::read_to_string("/tmp/there/file.png").unwrap(), "mine");
        assert_eq!(fs::read_to_string("/tmp/there/target").unwrap(), "mine");
        assert!(!fs::exists("/tmp/there/nowhere").unwrap());
        assert_eq!(fs::read_dir("/tmp/there").unwrap().count(), 6);

        // Before a key is made: the user does not even exist.
        for name in ["a.jpg", "a", "png", ".png", "a.PNG", ""] {
            let (exit, stdout, stderr) = program(system, &["generate", "nobody-here", "--qr-file", name], "");
            let said = stderr.contains("must end in .png or .svg") || stderr.contains("a value is required");
            assert_eq!((exit, stdout.as_str(), said), (2, "", true), "{name}: {stderr}");
        }
        assert_eq!(error_code(system, &["generate", "alice", "--qr-file", "/none/a.png"], ""), (2, "usage".into()));
        // A user's own, in a folder of their own.
        let output = system.tries(alice.command("pam-totp").args(["generate", "--qr-file", "mine.svg"]), "");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(mode("/home/alice/mine.svg"), 0o600);
        let output = system.tries(alice.command("pam-totp").args(["generate", "--qr-file", "/etc/mine.svg"]), "");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    });
}

#[test]
fn half_a_picture_is_taken_away() {
    throw_away(|system| {
        system.user("alice");
        fs::create_dir("/tmp/small").expect("a folder");
        system.runs(Command::new("mount").args(["-t", "tmpfs", "-o", "size=4k", "tmpfs", "/tmp/small"]));
        let failed = error_code(system, &["generate", "alice", "--qr-file", "/tmp/small/a.png"], "");
        assert_eq!(failed, (5, "host".into()));
        assert_eq!(fs::read_dir("/tmp/small").expect("the folder").count(), 0);
    });
}

#[test]
fn an_enrollment_keeps_the_picture_of_a_key_that_was_stored_and_no_other() {
    throw_away(|system| {
        system.user("alice");
        let enroll = |file: &str| {
            let mut command = Command::new("pam-totp");
            command.args(["enroll", "alice", "--issuer", "h", "--qr", "none", "--qr-file", file]);
            Terminal::run(command)
        };
        let mut terminal = enroll("/tmp/wrong.png");
        for _ in 0..3 {
            terminal.sees("Verification code: ");
            let uri = scan(Path::new("/tmp/wrong.png"));
            terminal.types(&wrong_code(key_of(&uri)));
        }
        assert_eq!(terminal.ends().1, 1);
        assert!(!fs::exists("/tmp/wrong.png").unwrap(), "a picture of a key that was thrown away");

        let mut terminal = enroll("/tmp/right.png");
        terminal.sees("QR code: /tmp/right.png (it is the key: delete it once it is scanned)");
        terminal.sees("Verification code: ");
        let uri = scan(Path::new("/tmp/right.png"));
        terminal.types(&fresh_code(key_of(&uri)));
        assert_eq!(terminal.ends().1, 0);
        assert_eq!(scan(Path::new("/tmp/right.png")), uri);
    });
}

fn key_of(uri: &str) -> &str {
    uri.split_once("secret=").and_then(|(_, rest)| rest.split('&').next()).unwrap_or_else(|| panic!("{uri}"))
}
