//! The documents: what is there, they say, and what they say is so.

use crate::support::artifacts;
use crate::support::codes::{fresh_code, fresh_codes};
use crate::support::documents::{commands, document, manual, manuals, pages, section};
use crate::support::sshd::{KEY_AND_CODE, KEYBOARD_INTERACTIVE, Sshd, key_pair, prompt, ssh};
use crate::support::system::{KEY, PASSWORD, System, User, throw_away};
use crate::support::terminal::Terminal;
use pam_totp::policy::Policy;
use pam_totp::policy::arguments::Arguments;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const HOST: &str = "## First login";

/// Is `word` there, and not just as a part of another one?
fn says(text: &str, word: &str) -> bool {
    let part_of_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

#[test]
fn each_of_the_wishes_is_answered_by_something_that_is_there() {
    let wishes = section("docs/comparison.md", "## What people miss elsewhere");
    let rows: Vec<&str> = wishes.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert_eq!(rows.len(), 25);
    let output = Command::new(artifacts::program()).arg("--help").output().expect("it starts");
    let help = String::from_utf8(output.stdout).expect("help is text");
    for (number, row) in (1..).zip(rows) {
        assert!(row.starts_with(&format!("| {number} | ")) && row.matches(" | ").count() == 2, "{row}");
        let commands = row.split("`pam-totp ").skip(1).filter_map(|rest| rest.split([' ', '`']).next());
        for command in commands {
            assert!(help.contains(&format!("\n  {command} ")), "{row}");
        }
    }
}

/// The names of a struct's fields, those of structs in it too.
fn fields(value: &dyn std::fmt::Debug) -> BTreeSet<String> {
    let names = |line: &str| Some(line.trim().split_once(": ")?.0.to_owned());
    format!("{value:#?}").lines().filter_map(names).collect()
}

#[test]
fn every_page_can_be_read_and_is_named_by_another() {
    let names = manuals().into_iter().map(|page| page.file_name().expect("a name").to_str().expect("UTF-8").to_owned());
    let pages: Vec<(String, String)> = names.map(|name| (name.clone(), manual(&name))).collect();
    assert!(pages.len() >= 3, "{pages:?}");
    for (name, _) in &pages {
        let (title, section) = name.rsplit_once('.').expect("a section");
        let title = format!("{title}({section})");
        let mut others = pages.iter().filter(|(other, _)| other != name);
        assert!(others.any(|(_, text)| text.contains(&title)), "no page leads to {title}");
    }
}

/// A section of a man page; what stands elsewhere in it explains nothing.
fn part(name: &str, heading: &str) -> String {
    let page = manual(name);
    let after = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{name}: no {heading}")).1;
    let section = after.lines().take_while(|line| line.is_empty() || line.starts_with(' '));
    section.collect::<Vec<_>>().join("\n")
}

/// A list of a man page: what is explained in it, as its lines begin.
fn entries(part: &str) -> Vec<&str> {
    part.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_argument_of_the_module_is_explained() {
    let (page, part) = (manual("pam_totp.8"), part("pam_totp.8", "ARGUMENTS"));
    let arguments = fields(&Arguments::default());
    assert!(arguments.contains("explain"), "{arguments:?}");
    for argument in arguments {
        let argument = argument.replace("after_publickey", "after=publickey");
        assert!(says(&page, &argument), "pam_totp(8) lacks {argument}");
        assert!(entries(&part).iter().any(|line| line.starts_with(&argument)), "no entry explains {argument}");
    }
}

#[test]
fn every_key_of_the_policy_is_explained() {
    let (page, keys_part) = (manual("pam_totp.toml.5"), part("pam_totp.toml.5", "KEYS"));
    let part = keys_part + &part("pam_totp.toml.5", "RULES");
    let mut keys = fields(&Policy::default());
    assert!(keys.contains("every"), "{keys:?}");
    // What it is said of stands in the page alone: whoever has such a key meets doctor.
    assert!(keys.remove("without_effect"));
    assert!(["first_wait", "longest_wait"].iter().all(|key| says(&page, key)), "pam_totp.toml(5) lacks an old key");
    for key in &keys {
        assert!(says(&page, key), "pam_totp.toml(5) lacks {key}");
        assert!(says(&part, key), "no section explains {key}");
    }
    for (key, table) in [("window", ""), ("free", "[throttle]\n"), ("every", "[throttle]\n")] {
        let refused = Policy::parse(format!("{table}{key} = 100000\n").as_bytes()).expect_err("out of range");
        let range = refused.what.split_once(" must be ").expect("it says the range").1;
        let head = format!("{key} = ");
        let entry =
            part.lines().skip_while(|line| !line.trim_start().starts_with(&head)).take_while(|line| !line.is_empty());
        let entry = entry.collect::<Vec<_>>().join("\n");
        assert!(entry.contains(&format!(": {range}.")), "{key}: {entry:?} lacks {range}");
        assert!(page.contains(&format!(": {range}.")), "pam_totp.toml(5) lacks {key}'s {range}");
    }
}

#[test]
fn every_command_and_option_of_the_program_is_explained() {
    let help = |command: &[&str]| {
        let output = Command::new(artifacts::program()).arg("help").args(command).output().expect("it starts");
        String::from_utf8(output.stdout).expect("help is text")
    };
    let page = manual("pam-totp.1");
    let part = part("pam-totp.1", "DESCRIPTION") + &part("pam-totp.1", "OPTIONS");
    let top = help(&[]);
    let listed = top.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("commands");
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"enroll"), "{commands:?}");

    for command in commands.iter().filter(|&&command| command != "help") {
        let explained =
            |line: &&str| line.strip_prefix(command).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        assert!(entries(&part).iter().any(explained), "no entry explains {command}");
    }

    let mut words: BTreeSet<String> = commands.iter().map(|&command| command.to_owned()).collect();
    for text in commands.iter().map(|&command| help(&[command])).chain([top.clone()]) {
        let options = text.split_whitespace().filter(|word| word.starts_with("--"));
        words.extend(options.map(|option| option.trim_end_matches([',', '.', ':', '\'']).to_owned()));
    }
    assert!(words.contains("--no-code"), "{words:?}");
    for word in words {
        assert!(says(&page, &word), "pam-totp(1) lacks {word}");
        assert!(says(&part, &word), "no section explains {word}");
    }
}

/// The line of a stack or of sshd_config that stands in a line, be it in the middle of a command.
fn configuration(line: &str) -> Option<&str> {
    let first = line.split_whitespace().next()?;
    if first.ends_with("Authentication") || first == "auth" || first == "account" && line.contains("pam_totp.so") {
        return Some(line).filter(|line| !line.contains("[argument"));
    }
    let module = line.find("pam_totp.so")?;
    let from = ["auth ", "account "].iter().filter_map(|kind| line[..module].rfind(kind)).max()?;
    line[from..].split(['\'', '`', '\\']).next()
}

/// What stands in a stack was tried with the real program: the examples are, so nothing else may be shown.
#[test]
fn the_lines_for_pam_and_sshd_are_those_of_the_examples() {
    let folder = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("pam.d")).expect("the examples");
    let files = folder.map(|entry| fs::read_to_string(entry.expect("an example").path()).expect("a stack is text"));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let tried: BTreeSet<String> = files
        .flat_map(|file| file.lines().map(|line| words(line.trim_start_matches('#'))).collect::<Vec<_>>())
        .collect();
    // The stacks of docs/panels.md are tried by tests of their own, as they stand there.
    let others = pages().into_iter().filter(|name| name != "docs/panels.md");
    let mut texts: Vec<(String, String)> = others.map(|name| (name.clone(), document(&name))).collect();
    texts.extend([("README.md".to_owned(), document("README.md")), ("pam_totp(8)".to_owned(), manual("pam_totp.8"))]);
    for (name, text) in texts {
        let shown: Vec<&str> = text.lines().filter_map(configuration).collect();
        assert!(shown.len() >= 4 || !["docs/stacks.md", "pam_totp(8)"].contains(&&*name), "{name}: {shown:?}");
        for line in shown {
            assert!(tried.contains(&words(line)), "{name} shows what no example has: {line}");
        }
    }
}

/// The commands of one step, as they are pasted: the block of a section that holds `mark`.
fn pasted(system: &System, section: &str, mark: &str) -> String {
    let found: Vec<&str> = commands(section).into_iter().filter(|block| block.contains(mark)).collect();
    let [block] = found[..] else { panic!("not one block with {mark}: {found:?}") };
    let output = system.runs(Command::new("/bin/bash").args(["-euc", block]).current_dir("/root"));
    String::from_utf8(output.stdout).expect("commands print text")
}

/// A host as the README finds it: our files are there, and nothing is asked yet.
fn installed(system: &System) {
    fs::create_dir_all("/run/sshd").expect("/run/sshd");
    system.runs(Command::new("ssh-keygen").arg("-A"));
    system.file("/etc/security/pam_totp.toml", include_str!("../../packaging/pam_totp.toml"));
    system.file("/etc/sudoers", "Defaults lecture = never\nroot ALL=(ALL:ALL) ALL\nALL ALL=(ALL:ALL) ALL\n");
}

#[test]
fn the_commands_of_the_readme_lead_to_logins_with_a_code_and_out_again() {
    throw_away(|system| {
        installed(system);
        let (alice, bob, carol) = (system.enrolled("alice"), system.enrolled("bob"), system.user("carol"));
        let sudo = |user: &User| {
            let mut command = user.command("/usr/bin/sudo");
            command.args(["-k", "id", "-un"]);
            let mut terminal = Terminal::run(command);
            terminal.answers(&format!("[sudo] password for {}: ", user.name), PASSWORD);
            terminal
        };

        let host = section("README.md", HOST);
        pasted(system, &host, "policy set unenrolled");
        pasted(system, &host, "stack add sshd --dry-run");
        let drop_in = fs::read_to_string("/etc/ssh/sshd_config.d/00-pam_totp.conf").expect("the drop-in");
        assert_eq!(drop_in, KEYBOARD_INTERACTIVE);
        let _server = Sshd::start(system, &drop_in);
        let mut client = ssh("alice", &[]);
        client.answers(&prompt("alice", "Password: "), PASSWORD);
        client.answers(&prompt("alice", "Verification code: "), &alice.code());
        client.sees("in as alice");

        let in_order = || system.runs(Command::new("pam-totp").arg("doctor"));
        in_order();
        // Those with one field come first.
        let one_field = "for service in vsftpd cups nginx; do [ ! -e /etc/pam.d/$service ] || \
                         pam-totp stack add $service --one-field; done";
        system.runs(Command::new("/bin/bash").args(["-euc", one_field]));
        pasted(system, &document("docs/stacks.md"), "stack add common-auth");
        in_order();
        let mut terminal = sudo(&bob);
        terminal.answers("Verification code: ", &bob.code());
        terminal.sees("root");

        sudo(&carol).sees("root");

        // The way back in for everybody, also if it was a typo in the policy that let nobody in.
        system.policy("unenroled = \"allow\"\n");
        let page = document("docs/get-back-in.md");
        let rescue = page.split('`').find(|code| code.ends_with("echo 'enabled = false' >/etc/security/pam_totp.toml"));
        system.runs(Command::new("/bin/bash").args(["-euc", rescue.expect("a command that switches it off")]));
        sudo(&bob).sees("root");
    });
}

#[test]
fn the_commands_of_the_readme_for_a_key_host_lead_to_logins_with_key_and_code() {
    throw_away(|system| {
        installed(system);
        let (alice, root, carol) = (system.enrolled("alice"), system.enroll("root"), system.user("carol"));
        let keys = [&alice, &root, &carol].map(|user| key_pair(system, user));
        let host = section("README.md", HOST);
        pasted(system, &host, "policy set unenrolled");
        pasted(system, &host, "stack add sshd --key");
        let drop_in = fs::read_to_string("/etc/ssh/sshd_config.d/00-pam_totp.conf").expect("the drop-in");
        assert_eq!(drop_in, KEY_AND_CODE);
        let login = |user: &User, key: &str| ssh(user.name, &["-i", key, "-o", "NumberOfPasswordPrompts=1"]);

        let tried = "pam-totp try sshd alice --ssh-auth publickey";
        assert!(host.contains(&format!("on a key host: sudo {tried}\n")));
        let [first, second] = alice.codes();
        system.reads(&mut shell(tried), &format!("{first}\n"));
        let server = Sshd::start(system, &drop_in);
        let mut client = login(&alice, &keys[0]);
        client.answers(&prompt("alice", "Verification code: "), &second);
        client.sees("in as alice");
        login(&carol, &keys[2]).sees("in as carol");
        // Without the key there is nothing to answer.
        let (screen, status) = ssh("alice", &[]).ends();
        assert!(status == 255 && !screen.contains("Verification"), "{screen}");

        let [first, second] = root.codes();
        let mut client = login(&root, &keys[1]);
        client.answers(&prompt("root", "Verification code: "), &first);
        client.sees("Permission denied");
        drop(server);
        assert!(host.contains("add the line\n`PermitRootLogin yes` below"));
        let _server = Sshd::start(system, &format!("{drop_in}PermitRootLogin yes\n"));
        let mut client = login(&root, &keys[1]);
        client.answers(&prompt("root", "Verification code: "), &second);
        client.sees("in as root");
        assert!(!ssh("root", &[]).ends().0.contains("Verification"));
    });
}

/// At three in the morning nobody looks for the right page first.
#[test]
fn the_five_lines_of_the_readme_for_those_who_are_locked_out_work() {
    throw_away(|system| {
        installed(system);
        let alice = system.enrolled("alice");
        let locked_out = section("README.md", "## Locked out?");
        let [block] = commands(&locked_out)[..] else { panic!("not one block") };
        let lines: Vec<&str> = block.lines().collect();
        let [doctor, unlock, code, disable, rescue] = lines[..] else { panic!("not five lines: {lines:?}") };
        let runs = |line: &str| String::from_utf8(system.runs(&mut shell(line)).stdout).expect("text");
        let pam = |answer: &str| system.tries(Command::new("pam-totp").args(["verify", "alice"]), answer).status.code();

        // In order but for what stacks are there.
        assert!(system.tries(&mut shell(doctor), "").status.code().is_some_and(|code| code <= 1));
        for _ in 0..15 {
            assert_eq!(pam(&alice.wrong_code()), Some(1));
        }
        assert_eq!(pam(&alice.code()), Some(1), "one code waits");
        runs(unlock);
        assert_eq!(pam(&alice.code()), Some(0), "one code is enough again");
        let said = runs(code);
        let word = said.split_whitespace().find(|word| word.len() == 19 && word.matches('-').count() == 3);
        assert_eq!(pam(word.expect("a code to read out")), Some(0), "{said}");
        assert!(runs(disable).contains("The policy is off"));
        assert!(document("docs/get-back-in.md").contains(rescue.split("  #").next().expect("a command").trim_end()));
    });
}

#[test]
fn the_rescue_of_the_readme_switches_it_off_on_the_mounted_disk() {
    throw_away(|system| {
        installed(system);
        system.enrolled("alice");
        // The disk is a copy of what counts of this system, with the program where `make install` puts it.
        let disk = Path::new("/srv/disk");
        for folder in ["etc/security", "var/lib", "usr/local/bin"] {
            fs::create_dir_all(disk.join(folder)).expect("a folder");
        }
        let copies = [("/etc/passwd", "etc"), ("/var/lib/pam_totp", "var/lib"), ("/usr/bin/pam-totp", "usr/local/bin")];
        for (from, to) in copies {
            system.runs(Command::new("cp").args(["-a", from]).arg(disk.join(to)));
        }
        fs::copy("/etc/security/pam_totp.toml", disk.join("etc/security/pam_totp.toml")).expect("a policy");
        system.runs(Command::new("pam-totp").args(["remove", "alice"]));

        let section = section("docs/get-back-in.md", "## From a rescue system");
        let mounted = section.replace("mount /dev/sda1 ", "mount --bind /srv/disk ");
        assert_ne!(mounted, section);
        let said = pasted(system, &mounted, "policy disable");
        assert!(said.contains("The policy is off"), "{said}");
        let policy = |root: &str| fs::read_to_string(format!("{root}/etc/security/pam_totp.toml")).expect("a policy");
        assert!(policy("/mnt").contains("\nenabled = false\n") && !policy("").contains("\nenabled = false\n"));
        let said = pasted(system, &mounted, "unlock alice");
        assert_eq!(said, "alice: done\nalice: done\n");
        assert!(!Path::new("/srv/disk/var/lib/pam_totp/secrets/alice.toml").exists());
    });
}

#[test]
fn the_roll_out_of_the_readme_has_people_enroll_at_a_login() {
    throw_away(|system| {
        installed(system);
        system.user("carol");
        system.user("alice");
        system.runs(Command::new("usermod").args(["-aG", "sudo", "alice"]));
        let page = document("docs/roll-out.md");
        pasted(system, &page, "policy check draft.toml");
        pasted(system, &section("README.md", HOST), "stack add sshd --dry-run");
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let after_password = |name: &str| {
            let mut client = ssh(name, &[]);
            client.answers(&prompt(name, "Password: "), PASSWORD);
            client
        };
        after_password("carol").sees("in as carol");
        let seen = pasted(system, &page, "list --unenrolled --group sudo");
        assert!(seen.contains("carol") && seen.contains("alice: pass (enabled = false)"), "{seen}");
        let said = pasted(system, &page, "policy enable");
        assert!(said.contains("These stacks ask for a code: sshd.") && said.contains("nobody is refused"), "{said}");

        // Whatever the date is today, it is not over.
        let policy = fs::read_to_string("/etc/security/pam_totp.toml").expect("the policy");
        assert!(policy.contains("enroll_by = 2027-01-31"), "{policy}");
        system.policy(&policy.replace("2027-01-31", "9999-12-31"));
        let mut carol = after_password("carol");
        carol.sees("You can put this off until 9999-12-31 23:59 UTC: just press Enter.");
        carol.answers("Verification code: ", "");
        carol.sees("in as carol");

        let enrolls = || {
            let mut alice = after_password("alice");
            let before = alice.sees("Account: alice at Example Hosting");
            assert!(!before.contains("put this off"), "{before}");
            alice.sees("Key:     ");
            let key = alice.sees("\n").replace([' ', '\r'], "");
            alice.answers("Verification code: ", &fresh_code(&key));
            alice.answers("Backup code: ", "");
            alice.sees("in as alice");
        };
        enrolls();
        system.runs(Command::new("pam-totp").args(["remove", "alice"]));
        enrolls();
    });
}

#[test]
fn the_commands_of_the_readme_bring_people_from_elsewhere() {
    throw_away(|system| {
        installed(system);
        let (alice, bob) = (system.user("alice"), system.user("bob"));
        system.runs(alice.command("google-authenticator").args(["-t", "-d", "-f", "-u", "-w", "3", "-q"]));
        let file = fs::read_to_string("/home/alice/.google_authenticator").expect("her file");
        let [now, next] = fresh_codes(file.lines().next().expect("her key"));
        let stack = fs::read_to_string("/etc/pam.d/sshd").expect("Debian's stack");
        let password = "@include common-auth\n";
        let line = format!("{password}auth required pam_google_authenticator.so\n");
        system.file("/etc/pam.d/sshd", &stack.replace(password, &line));
        let _server = Sshd::start(system, KEYBOARD_INTERACTIVE);
        let logs_in = |code: &str| {
            let mut client = ssh("alice", &[]);
            client.answers(&prompt("alice", "Password: "), PASSWORD);
            client.answers(&prompt("alice", "Verification code: "), code);
            client
        };
        logs_in(&now).sees("in as alice");

        let page = document("docs/migrate.md");
        let said = pasted(system, &page, "--dry-run");
        assert!(said.contains("alice: would be imported") && said.contains("alice: imported"), "{said}");
        assert!(said.contains("in /etc/pam.d/sshd put the line of pam_totp.so"), "{said}");
        let said = pasted(system, &page, "sed -i");
        assert!(said.contains("alice: already imported"), "{said}");
        logs_in(&now).sees("This code was already used.");
        logs_in(&next).sees("in as alice");

        // Root's alone, as their installations have it.
        fs::create_dir_all("/var/cpanel/authn/twofactor_auth").expect("cPanel's folder");
        system.file("/etc/users.oath", &format!("HOTP/T30 {} - 3132333435363738393031323334353637383930\n", bob.name));
        system.file("/var/cpanel/authn/twofactor_auth/tfa_userdata.json", r#"{"root":{"secret":"QLLIU5WTY3UTJGNG"}}"#);
        let said = pasted(system, &page, "import oath");
        assert!(said.contains("bob: imported") && said.contains("root: imported"), "{said}");
    });
}

#[test]
fn the_help_desk_of_the_readme_can_do_what_its_table_says() {
    throw_away(|system| {
        system.user("bob");
        let section = section("docs/roll-out.md", "## The help desk");
        let table = section.lines().filter(|line| line.starts_with('|'));
        let commands: Vec<&str> = table.flat_map(|line| line.split('`').filter(|c| c.contains(" bob"))).collect();
        assert!(commands.len() >= 5, "{commands:?}");
        for command in commands {
            system.reads(Command::new("pam-totp").args(["set", "--no-code", "--replace", "bob"]), &format!("{KEY}\n"));
            if command.starts_with("pam-totp enroll") {
                let mut terminal = Terminal::run(shell(command));
                terminal.sees("Key:     ");
                let key = terminal.sees("\n").replace([' ', '\r'], "");
                terminal.answers("Verification code: ", &fresh_code(&key));
                assert_eq!(terminal.ends().1, 0);
            } else {
                system.runs(&mut shell(command));
            }
        }
    });
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/bash");
    shell.args(["-euc", command]);
    shell
}

/// Who reads that a promise holds wants to see what would notice if it did not: a command that tries something.
#[test]
fn each_promise_has_a_command_that_tries_to_break_it() {
    let listed = Command::new(std::env::current_exe().expect("a test has a file")).arg("--list").output();
    let listed = String::from_utf8(listed.expect("it lists its tests").stdout).expect("names");
    let (makefile, promises) = (document("Makefile"), document("docs/promises.md"));
    let rows = promises.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
    let commands: Vec<&str> = rows.filter_map(|row| row.rsplit('`').nth(1)).collect();
    assert!(commands.len() > 12, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        match words[..] {
            ["make", target] => {
                assert!(makefile.contains(&format!("\n{target}:")) || makefile.contains(&format!(" {target}:")))
            }
            ["cargo", "run", .., "models/Cargo.toml", "--", "long"] => {}
            ["cargo", "test", "--locked", "--test", "promises", "--", ref filters @ ..] => {
                for filter in filters.iter().filter(|word| **word != "--nocapture") {
                    let fits = |name: &str| name.match_indices(filter).any(|(at, _)| name[..at].ends_with("::"));
                    assert!(listed.lines().any(fits), "{command}: {filter} fits no test");
                }
            }
            _ => panic!("what is this? {command}"),
        }
    }
}
