//! One user in front of pam-totpd, who connects as often as the machine allows, and all others behind them.

use crate::support::container::{Container, PASSWORD, Release, code, on_each_release};
use crate::support::until;
use std::thread;

on_each_release!(one_user_keeps_nobody_out_of_everybodys_socket, one_users_su_keeps_nobody_out_of_roots_socket);

/// Connects without an end and without a word, and holds on to the last 64.
const KNOCKS: &str = r#"
use Socket;
my ($path, $count, @held) = ($ARGV[0], 0);
while (1) {
    socket(my $door, PF_UNIX, SOCK_STREAM, 0) or next;
    connect($door, sockaddr_un($path)) or next;
    push @held, $door;
    shift @held if @held > 64;
    next if ++$count % 100;
    open(my $file, '>', "/tmp/knocks.$$");
    print $file "$count\n";
}
"#;

const OTHERS: [&str; 10] = ["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"];

/// How often mallory was heard, by all of their processes.
fn knocks(container: &Container) -> u64 {
    let counts = container.runs("cat /tmp/knocks.* 2>/dev/null || true");
    counts.lines().filter_map(|line| line.parse::<u64>().ok()).sum()
}

fn one_user_keeps_nobody_out_of_everybodys_socket(release: Release) {
    let container = Container::boot(release);
    container.user("mallory");
    for name in OTHERS {
        container.enrolled(name);
    }
    container.file("/usr/local/bin/knock", KNOCKS);
    let four = "for n in 1 2 3 4; do perl /usr/local/bin/knock /run/pam_totp/verify.sock & done; wait";
    container.runs(&format!("systemd-run --quiet --unit=flood --uid=mallory sh -c '{four}'"));
    until("the flood is there", || knocks(&container) > 1_000);
    let before = knocks(&container);
    let statuses = OTHERS.map(|name| container.tries_as(name, "pam-totp status", ""));
    assert!(knocks(&container) > before, "it goes on");
    let refused: Vec<_> = statuses.iter().filter(|output| !output.status.success()).collect();
    assert!(refused.is_empty(), "{} of 10 without an answer: {refused:?}", refused.len());
    // All at once, too.
    let answered = thread::scope(|scope| {
        let callers = OTHERS.map(|name| {
            let container = &container;
            scope.spawn(move || container.tries_as(name, "pam-totp status", "").status.success())
        });
        callers.into_iter().map(|caller| caller.join().expect("a thread")).filter(|is_answered| *is_answered).count()
    });
    assert_eq!(answered, 10);
    assert_eq!(container.state("pam-totpd.socket"), "active");
    container.runs("systemctl stop flood");
}

/// Starts su without an end, stops each one somewhere on its way, and holds on to the last 32.
const STOPS: &str = r#"
my @stopped;
while (1) {
    my $pid = fork;
    if (!$pid) {
        open(STDIN, '<', '/dev/null');
        open(STDOUT, '>', '/dev/null');
        open(STDERR, '>', '/dev/null');
        exec('su', 'mallory');
    }
    select(undef, undef, undef, rand 0.04);
    kill('STOP', $pid);
    push @stopped, $pid;
    next if @stopped <= 32;
    my $old = shift @stopped;
    kill('KILL', $old);
    waitpid($old, 0);
}
"#;

/// By a stack that asks for the code before any password.
fn one_users_su_keeps_nobody_out_of_roots_socket(release: Release) {
    let container = Container::boot(release);
    container.enrolled("mallory");
    for name in OTHERS {
        container.enrolled(name);
    }
    container.file("/etc/sudoers.d/users", "Defaults lecture = never\nALL ALL=(ALL:ALL) ALL\n");
    container.runs("pam-totp stack add --yes sudo; sed -i '1i auth required pam_totp.so' /etc/pam.d/su");
    container.file("/usr/local/bin/stop", STOPS);
    container.runs(
        "systemd-run --quiet --unit=flood --uid=mallory sh -c 'perl /usr/local/bin/stop & perl /usr/local/bin/stop'",
    );
    let stopped =
        || container.runs("grep --files-with-matches '^State:.T' /proc/[0-9]*/status || true").lines().count();
    until("many stand still", || stopped() > 50);
    let code = code();
    for name in OTHERS {
        let output = container.tries_as(name, "sudo -S -k id -un", &format!("{PASSWORD}\n{code}\n"));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.trim() == "root", "{name}: {output:?}");
    }
    assert!(stopped() > 50, "it goes on");
    assert_eq!(container.state("pam-totpd-root.socket"), "active");
    container.runs("systemctl kill --signal=KILL flood");
}
