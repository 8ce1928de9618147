//! Keys that come from elsewhere: the same one again changes nothing, a URI says what kind of codes it is for, and a counter
//! can be any.

use crate::support::application::{self, AUTH_ERR, SUCCESS, login_at};
use crate::support::codes::{fresh_code, key};
use crate::support::program::{error_code, object, program};
use crate::support::system::{KEY, System, throw_away};
use pam_totp::factor::otp::{Algorithm, Digits};
use pam_totp::factor::secret::{KeyError, Secret};
use pam_totp::factor::uri::parse::{Parsed, UriError, parse};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const T: u64 = 1_800_000_000;

/// The user's files and the time of their last change.
fn files(user: &str) -> Vec<(Vec<u8>, std::time::SystemTime)> {
    let paths = ["/var/lib/pam_totp/secrets/USER.toml", "/var/lib/pam_totp/state/USER"];
    let read = |path: &str| {
        let path = path.replace("USER", user);
        let changed = fs::metadata(&path).expect("a file").modified().expect("a time");
        (fs::read(&path).expect("a file"), changed)
    };
    paths.map(read).into()
}

fn set(system: &System, arguments: &[&str], input: &str) -> Value {
    let (exit, said) = object(system, &[&["set"], arguments].concat(), input);
    assert_eq!(exit, 0, "{arguments:?}: {said}");
    said
}

/// So that what sets keys can be run again and again; the codes on paper stay good.
#[test]
fn the_key_that_is_there_already_changes_nothing() {
    throw_away(|system| {
        system.user("bob");
        let made = set(system, &["bob", "--backup-codes", "3"], &format!("{KEY}\n{}\n", fresh_code(KEY)));
        assert_eq!(
            (&made["changed"], made["backup_codes"].as_array().map(Vec::len)),
            (&json!(true), Some(3)),
            "{made}"
        );
        let before = files("bob");
        let spelled = format!("{}=", KEY.to_lowercase().replace("pe", "p-e "));
        let uri = format!("otpauth://totp/ACME:bob?secret={KEY}&issuer=ACME&period=30");
        let unchanged = json!({ "version": 1, "user": "bob", "enrolled": true, "changed": false, "proved": false,
                                "warnings": [], "backup_codes": [] });
        for key in [KEY, &spelled, &uri] {
            for arguments in [
                &["--no-code"][..],
                &["--no-code", "--replace"],
                &["--no-code", "--replace", "--backup-codes", "5"],
                &["--no-code", "--device", "phone"],
                &["--no-code", "--device", "phone", "--replace", "--digits", "6", "--period", "30"],
                &[],
                &["--replace"],
            ] {
                // A code on the second line is not looked at, be it wrong or used, and need not be there.
                for code in ["", "000000\n", "nonsense\n"] {
                    let said = set(system, &[&["bob"], arguments].concat(), &format!("{key}\n{code}"));
                    assert_eq!(said, unchanged, "{arguments:?}");
                }
            }
        }
        let (exit, stdout, stderr) = program(system, &["set", "bob", "--replace"], KEY);
        assert_eq!((exit, stdout.as_str()), (0, "bob has this key already: nothing was changed.\n"), "{stderr}");
        assert_eq!(files("bob"), before);
        assert_eq!(system.log.count("enrolled bob"), 1);

        // Another key, another form or another device is another matter.
        let refused = |arguments: &[&str], key: &str| {
            error_code(system, &[&["set", "bob", "--no-code"], arguments].concat(), key)
        };
        assert_eq!(refused(&[], &key(1)), (1, "already_enrolled".into()));
        for form in [["--digits", "8"], ["--period", "60"], ["--algorithm", "SHA256"], ["--type", "hotp"]] {
            assert_eq!(refused(&form, KEY), (1, "already_enrolled".into()), "{form:?}");
        }
        assert_eq!(refused(&["--device", "tablet"], KEY), (2, "same_key".into()));
        assert_eq!(refused(&["--device", "tablet", "--replace"], KEY), (1, "no_such_device".into()));
        assert_eq!(files("bob"), before);

        // One of several, whose digits are theirs.
        assert_eq!(set(system, &["bob", "--no-code", "--replace", "--digits", "8"], KEY)["changed"], true);
        assert_eq!(set(system, &["bob", "--no-code", "--device", "tablet"], &key(1))["changed"], true);
        let before = files("bob");
        for arguments in
            [&["--device", "tablet"][..], &["--replace"], &["--device", "tablet", "--replace", "--digits", "8"]]
        {
            let said = set(system, &[&["bob", "--no-code"], arguments].concat(), &key(1));
            assert_eq!(said["changed"], false, "{arguments:?}");
        }
        assert_eq!(files("bob"), before);
    });
}

/// A file that cannot be used has no key; and who has no code learns of none.
#[test]
fn a_damaged_file_has_no_key_and_who_is_not_root_is_told_nothing() {
    throw_away(|system| {
        let bob = system.enrolled("bob");
        let path = "/var/lib/pam_totp/secrets/bob.toml";
        let text = fs::read_to_string(path).expect("a file");
        system.file(path, &text.replace("digits = 6", "digits = 5"));
        assert_eq!(set(system, &["bob", "--no-code", "--replace"], KEY)["changed"], true);
        let asked = |key: &str| {
            let mut set = bob.command("pam-totp");
            let output = system.tries(set.args(["--json", "set", "bob", "--replace"]), &format!("{key}\n"));
            (output.status.code(), output.stdout)
        };
        assert_eq!(asked(KEY), asked(&key(1)), "a guess at the key that is there");
        assert_ne!(asked(KEY).0, Some(0));
    });
}

/// Nothing here needs a host.
#[test]
fn what_a_uri_says() {
    let secret = Secret::from_base32(KEY).expect("a key");
    let plain = Parsed { secret, counts: false, algorithm: None, digits: None, period: None, counter: None };
    let token = Parsed { counts: true, ..plain.clone() };
    let read = |text: &str| parse(&text.replace('@', KEY)).expect("a URI");
    for (text, expected) in [
        ("otpauth://totp/bob?secret=@", plain.clone()),
        ("otpauth://totp?secret=@", plain.clone()),
        (" OTPAuth://ToTP/?secret=@&issuer=100%&digits&#digits=8\r\n", plain.clone()),
        ("otpauth://totp/?xsecret=1&secret=@&Digits=8&counter=x", plain.clone()),
        ("otpauth://totp/?secret=@&algorithm=sha1", Parsed { algorithm: Some(Algorithm::Sha1), ..plain.clone() }),
        ("otpauth://totp/?secret=@&algorithm=SHA512", Parsed { algorithm: Some(Algorithm::Sha512), ..plain.clone() }),
        ("otpauth://totp/?digits=%38&secret=@", Parsed { digits: Digits::new(8), ..plain.clone() }),
        ("otpauth://totp/?secret=@&period=15", Parsed { period: Some(15), ..plain.clone() }),
        ("otpauth://totp/?secret=@&period=120", Parsed { period: Some(120), ..plain.clone() }),
        ("otpauth://hotp/?secret=@&period=x", token.clone()),
        ("otpauth://hotp/?secret=@&counter=0", Parsed { counter: Some(0), ..token.clone() }),
        ("otpauth://hotp/?secret=@&counter=9223372036854775807", Parsed { counter: Some(i64::MAX as u64), ..token }),
    ] {
        assert_eq!(read(text), Ok(expected), "{text}");
    }
    for (text, expected) in [
        ("otpauth-migration://offline?data=@", UriError::Migration),
        ("otpauth:totp/?secret=@", UriError::Type),
        ("otpauth://motp/?secret=@", UriError::Type),
        ("otpauth://totp/", UriError::Key(KeyError::Empty)),
        ("otpauth://totp/?secret=", UriError::Key(KeyError::Empty)),
        ("otpauth://totp/?secret=@0", UriError::Key(KeyError::Letter(33))),
        ("otpauth://totp/?secret=@&secret=@", UriError::Twice("secret")),
        ("otpauth://totp/?secret=@&digits=6&digits=6", UriError::Twice("digits")),
        ("otpauth://totp/?secret=@%", UriError::Percent("secret")),
        ("otpauth://totp/?secret=@%4", UriError::Percent("secret")),
        ("otpauth://totp/?secret=@%4g", UriError::Percent("secret")),
        ("otpauth://totp/?secret=@&digits=%ff", UriError::Percent("digits")),
        ("otpauth://totp/?secret=@&digits=9", UriError::Value("digits")),
        ("otpauth://totp/?secret=@&digits=%2B6", UriError::Value("digits")),
        ("otpauth://totp/?secret=@&algorithm=SHA-1", UriError::Value("algorithm")),
        ("otpauth://totp/?secret=@&period=14", UriError::Value("period")),
        ("otpauth://totp/?secret=@&period=121", UriError::Value("period")),
        ("otpauth://hotp/?secret=@&counter=9223372036854775808", UriError::Value("counter")),
        ("otpauth://hotp/?secret=@&counter=", UriError::Value("counter")),
    ] {
        assert_eq!(read(text), Err(expected), "{text}");
        assert!(!expected.to_string().contains(&KEY[..4]));
    }
    for text in [KEY, "", "otpauth", "otpauths://totp/", "https://example.org/"] {
        assert_eq!(parse(text), None, "{text}");
    }
}

#[test]
fn a_uri_is_a_key_with_its_kind_of_codes() {
    throw_away(|system| {
        system.user("bob");
        let device = |uri: &str, options: &[&str]| {
            set(system, &[&["bob", "--no-code", "--replace"], options].concat(), &format!("{uri}\n"));
            let device = object(system, &["status", "bob"], "").1["devices"][0].clone();
            let text = fs::read_to_string("/var/lib/pam_totp/secrets/bob.toml").expect("a file");
            assert!(text.contains(&format!("\"{KEY}\"")) && !text.contains("ACME"), "{uri}");
            json!([device["type"], device["algorithm"], device["digits"], device["period"]])
        };
        let uri = format!("otpauth://totp/ACME:bob?secret={KEY}&issuer=ACME&algorithm=SHA256&digits=8&period=60");
        assert_eq!(device(&uri, &[]), json!(["totp", "SHA256", 8, 60]));
        assert_eq!(device(&uri, &["--digits", "8", "--period", "60"]), json!(["totp", "SHA256", 8, 60]));
        let plain = format!("  OTPAUTH://TOTP/?image=http%3a%2f%2fx&secret={}&x=%zz#top ", KEY.to_lowercase());
        assert_eq!(device(&plain, &[]), json!(["totp", "SHA1", 6, 30]));
        assert_eq!(device(&plain, &["--digits", "7", "--algorithm", "sha512"]), json!(["totp", "SHA512", 7, 30]));
        let token = format!("otpauth://hotp/bob?secret={}&counter=9&period=7", KEY.replace('J', "%4a"));
        assert_eq!(device(&token, &["--type", "hotp"]), json!(["hotp", "SHA1", 6, null]));
        assert!(fs::read_to_string("/var/lib/pam_totp/secrets/bob.toml").unwrap().contains("counter = 9\n"));
        let long = format!("otpauth://totp/{}:bob?secret={KEY}", "%C3%B6".repeat(500));
        assert_eq!(device(&long, &[]), json!(["totp", "SHA1", 6, 30]));
        // As our own program gives it away, and with the code that proves it.
        let made = object(system, &["generate", "bob", "--issuer", "ACME", "--digits", "6"], "").1;
        let (uri, key) = (made["uri"].as_str().expect("a URI"), made["secret"].as_str().expect("a key"));
        let said = set(system, &["bob", "--replace"], &format!("{uri}\n{}\n", fresh_code(key)));
        assert_eq!((&said["proved"], &said["changed"]), (&json!(true), &json!(true)));

        let refused = |uri: &str, options: &[&str]| {
            let (exit, stdout, stderr) =
                program(system, &[&["set", "bob", "--no-code", "--replace"], options].concat(), uri);
            assert_eq!((exit, stdout.as_str()), (2, ""), "{uri}");
            assert!(!stderr.contains(&KEY[..8]), "{stderr}");
            stderr
        };
        let base = format!("otpauth://totp/bob?secret={KEY}");
        for (options, what) in [
            (&["--type", "hotp"][..], "--type is not what the URI says"),
            (&["--digits", "6"], "--digits is not what the URI says"),
            (&["--algorithm", "SHA512"], "--algorithm is not what the URI says"),
            (&["--period", "30"], "--period is not what the URI says"),
            (&["--counter", "0"], "--counter is for --type hotp"),
        ] {
            let said = refused(&format!("{base}&digits=8&algorithm=SHA1&period=60"), options);
            assert!(said.contains(what), "{said}");
        }
        for (uri, what) in [
            (
                "otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4".into(),
                "not one key: give the otpauth:// URI",
            ),
            (format!("otpauth://steam/bob?secret={KEY}"), "neither otpauth://totp/ nor otpauth://hotp/"),
            (format!("otpauth:totp/bob?secret={KEY}"), "neither otpauth://totp/ nor otpauth://hotp/"),
            ("otpauth://totp/bob".into(), "there is no key"),
            (format!("{base}&secret={KEY}"), "more than one `secret`"),
            (format!("{base}%4"), "`secret` has a %"),
            (format!("{base}%zz"), "`secret` has a %"),
            (format!("{base}%ff"), "`secret` has a %"),
            (format!("{base}%31"), "letter 33 of the key"),
            ("otpauth://totp/bob?secret=JBSWY3DPEHPK3PXP".into(), "too short"),
            (format!("{base}&digits=5"), "`digits` is not one that pam_totp can do: 6 to 8"),
            (format!("{base}&digits="), "`digits` is not one"),
            (format!("{base}&digits=+6"), "`digits` is not one"),
            (format!("{base}&period=0"), "`period` is not one that pam_totp can do: 15 to 120 seconds"),
            (format!("{base}&algorithm=MD5"), "SHA1, SHA256 or SHA512"),
            (format!("{}&counter=9223372036854775808", base.replace("totp", "hotp")), "`counter` is not one"),
        ] {
            let said = refused(&uri, &[]);
            assert!(said.contains(what), "{uri}: {said}");
        }
    });
}

/// What is wrong with a key is told by its place: the letter itself may be of a key.
#[test]
fn a_key_that_is_refused_says_where() {
    throw_away(|system| {
        system.user("bob");
        let said = |key: &str| {
            let (exit, object) = object(system, &["set", "bob", "--no-code"], &format!("{key}\n"));
            assert_eq!((exit, &object["error"]["code"]), (2, &json!("bad_key")), "{object}");
            object["error"]["message"].as_str().expect("a message").to_owned()
        };
        assert!(
            said("JBSW Y3D1 EHPK3PXPGEZDGNBVGY").starts_with("letter 8 of the key is not one of A to Z and 2 to 7")
        );
        assert!(said("JBSWY3DPEHPK3PXPGEZDGNBVGY3").starts_with("the key is not complete: 27 letters"));
        assert!(said("JBSWY3DPEHPK3PXP").starts_with("the key is too short"));
        assert_eq!(said(""), "there is no key");
        assert!(said(&"A".repeat(600)).starts_with("the key is too long"));
        // 26 letters are 130 bits. The two that are over are nobody's.
        set(system, &["bob", "--no-code"], "OLBSWY3DPEHPK3PXPGEZDGNBVG\n");
        assert!(
            fs::read_to_string("/var/lib/pam_totp/secrets/bob.toml")
                .unwrap()
                .contains("\"OLBSWY3DPEHPK3PXPGEZDGNBVE\"")
        );
        assert_eq!(set(system, &["bob", "--no-code"], "OLBSWY3DPEHPK3PXPGEZDGNBVH\n")["changed"], false);
    });
}

fn hotp(key: &str, counter: u64) -> String {
    let mut tool = Command::new("oathtool");
    let output =
        tool.args(["--hotp", "--base32", "--counter", &counter.to_string(), key]).output().expect("oathtool starts");
    String::from_utf8(output.stdout).expect("digits").trim_end().to_owned()
}

#[test]
fn a_counter_can_be_any_below_2_to_the_63() {
    throw_away(|system| {
        application::build(system);
        system.user("bob");
        for (n, start) in [4_294_967_295, 1 << 40, i64::MAX as u64 - 20, i64::MAX as u64].into_iter().enumerate() {
            // What one key has used stays used.
            let (key, counter) = (key(n), start.to_string());
            let hotp = |counter| hotp(&key, counter);
            set(system, &["bob", "--no-code", "--replace", "--type", "hotp", "--counter", &counter], &key);
            assert_eq!(
                set(system, &["bob", "--no-code", "--type", "hotp", "--counter", &counter], &key)["changed"],
                false
            );
            assert_eq!(login_at(system, T, "bob", &hotp(start + 3)), SUCCESS, "{start}");
            assert_eq!(login_at(system, T, "bob", &hotp(start + 3)), AUTH_ERR, "{start}");
            assert_eq!(login_at(system, T, "bob", &hotp(start + 4)), SUCCESS, "{start}");
            assert_eq!(object(system, &["status", "bob"], "").1["devices"][0]["type"], "hotp");
            // Two codes in a row up to a thousand further on.
            let both = format!("{}\n{}\n", hotp(start + 900), hotp(start + 901));
            assert_eq!(object(system, &["resync", "bob"], &both).0, 0, "{start}");
            assert_eq!(login_at(system, T, "bob", &hotp(start + 902)), SUCCESS, "{start}");
        }
        assert_eq!(error_code(system, &["resync", "bob", "--counter", "9223372036854775808"], ""), (2, "usage".into()));
        let made = object(system, &["generate", "bob", "--type", "hotp", "--counter", "9223372036854775807"], "").1;
        assert!(made["uri"].as_str().expect("a URI").ends_with("&counter=9223372036854775807"), "{made}");
    });
}
