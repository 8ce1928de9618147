//! Does the time of an answer tell who is there, or how wrong a code was? Measured and printed, as dudect does: Welch's
//! t-test of interleaved samples, without the slowest tenth. No time makes a test fail; a measurement that did not come
//! about does.

use crate::support::application::{AUTH_ERR, SUCCESS, at, login_at};
use crate::support::codes::code_at;
use crate::support::effort::effort;
use crate::support::host::{self, HOST};
use crate::support::lanes;
use crate::support::system::{KEY, System, throw_away};
use std::fs;
use std::process::Command;

/// The beginning of a step.
const T: u64 = 1_800_000_000;
const TABLET: &str = "KRSXG5CTMVRXEZLUKN2GC3TEMFZGIVKQ";
/// dudect's threshold.
const TOLD_APART: f64 = 4.5;
/// Of libpam's delay: the mean of three numbers evenly within half of two seconds, each way.
const DELAY_DEVIATION: f64 = 2e9 / 6.0;

/// What can come to the door.
struct Class {
    name: &'static str,
    user: &'static str,
    /// The record that is put back before each login.
    record: Option<String>,
    answer: String,
    code: i32,
}

/// Nanoseconds.
#[derive(Clone, Copy)]
struct Sample {
    before: f64,
    inside: f64,
}

fn keep(user: &str, name: &str) -> Option<String> {
    let kept = format!("/tmp/{name}");
    fs::copy(format!("/var/lib/pam_totp/state/{user}"), &kept).expect("a record");
    Some(kept)
}

fn classes(system: &System) -> Vec<Class> {
    host::build(system, &[]);
    crate::support::application::build(system);
    system.policy("unenrolled = \"deny\"\n");
    system.stack("quick", "auth required pam_totp.so nodelay\n");
    system.stack("even", "auth required pam_totp.so\n");
    let set = |user: &str, more: &[&str], key: &str| {
        let mut set = Command::new("pam-totp");
        set.args(["--json", "set", "--no-code", user]).args(more);
        let output = system.reads(at(T, &mut set), &format!("{key}\n"));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("an object")
    };
    for user in ["alice", "spare", "five"] {
        system.user(user);
        set(user, &[], KEY);
    }
    system.user("unenrolled");
    let made = set("spare", &["--replace", "--backup-codes", "2"], TABLET);
    let backup = made["backup_codes"][0].as_str().expect("a code").to_owned();
    for n in 2..=5 {
        let device = format!("device{n}");
        set("five", &["--device", &device], &format!("{}{}", &TABLET[..31], ["A", "B", "C", "D"][n - 2]));
    }
    let (right, wrong) = (code_at(KEY, T), "918273".to_owned());
    let fresh = keep("alice", "fresh");
    assert_eq!(login_at(system, T, "alice", &right), SUCCESS);
    let used = keep("alice", "used");
    fs::copy("/tmp/fresh", "/var/lib/pam_totp/state/alice").expect("a record");
    lanes::spent("alice", T);
    let waiting = keep("alice", "waiting");
    let (spare, five) = (keep("spare", "spare"), keep("five", "five"));
    let class = |name, user, record: &Option<String>, answer: &str, code| Class {
        name,
        user,
        record: record.clone(),
        answer: answer.to_owned(),
        code,
    };
    vec![
        class("wrong", "alice", &fresh, &wrong, AUTH_ERR),
        class("unknown", "nobody-here", &None, &wrong, AUTH_ERR),
        class("unenrolled", "unenrolled", &None, &wrong, AUTH_ERR),
        class("waiting", "alice", &waiting, &wrong, AUTH_ERR),
        class("waiting, right", "alice", &waiting, &right, AUTH_ERR),
        class("waiting, two wrong", "alice", &waiting, "918273-192837", AUTH_ERR),
        class("used", "alice", &used, &right, AUTH_ERR),
        class("no code", "alice", &fresh, "hunter2", AUTH_ERR),
        class("five devices", "five", &five, &wrong, AUTH_ERR),
        class("backup, wrong", "spare", &spare, "0123-4567-89ab-cdef", AUTH_ERR),
        class("backup, unknown", "nobody-here", &None, "0123-4567-89ab-cdef", AUTH_ERR),
        class("right", "alice", &fresh, &right, SUCCESS),
        class("backup, right", "spare", &spare, &backup, SUCCESS),
    ]
}

fn line(service: &str, class: &Class) -> String {
    let Class { user, answer, .. } = class;
    let content = class.record.as_deref().unwrap_or("-");
    format!("{service} {user} /var/lib/pam_totp/state/{user} {content} {answer}\n")
}

/// So many samples of each class, in an order that no drift of the machine follows.
fn measure(system: &System, service: &str, classes: &[Class], count: usize) -> Vec<Vec<Sample>> {
    let mut order: Vec<usize> = (0..classes.len() * count).map(|n| n % classes.len()).collect();
    let mut seed = 88_172_645_463_325_252_u64;
    for place in (1..order.len()).rev() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        order.swap(place, usize::try_from(seed % (place as u64 + 1)).expect("a place"));
    }
    // The first ones find cold caches.
    let order: Vec<usize> = (0..classes.len()).chain(order).collect();
    system.file("/tmp/script", &order.iter().map(|n| line(service, &classes[*n])).collect::<String>());
    let output = system.reads(at(T, Command::new(HOST).args(["time", "/tmp/script"])), "");
    let said = String::from_utf8(output.stdout).expect("text");
    let mut samples = vec![Vec::new(); classes.len()];
    let mut delays = std::collections::BTreeSet::new();
    for (said, n) in said.lines().zip(&order).skip(classes.len()) {
        let words: Vec<f64> = said.split(' ').map(|word| word.parse().expect("a number")).collect();
        let [code, before, inside, delay] = words[..] else { panic!("{said}") };
        assert_eq!(code, f64::from(classes[*n].code), "{}", classes[*n].name);
        samples[*n].push(Sample { before, inside });
        delays.insert(delay as u64);
    }
    assert!(samples.iter().all(|samples| samples.len() == count), "some are missing");
    println!("{service}: what libpam would wait, in microseconds, all within one second: {delays:?}");
    samples
}

struct Summary {
    median: f64,
    mean: f64,
    variance: f64,
    count: f64,
}

/// Without the slowest tenth: what the machine does beside it.
fn summary(mut values: Vec<f64>) -> Summary {
    values.sort_by(f64::total_cmp);
    values.truncate(values.len() * 9 / 10);
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Summary { median: values[values.len() / 2], mean, variance, count }
}

/// Each class against the first one.
fn table(what: &str, classes: &[Class], values: impl Fn(usize) -> Vec<f64>) {
    let base = summary(values(0));
    println!("\n{what}, against a wrong code:\n{:16} {:>11} {:>12} {:>9}", "", "median, us", "difference", "t");
    for (n, class) in classes.iter().enumerate() {
        let Summary { median, mean, variance, count } = summary(values(n));
        let difference = mean - base.mean;
        let t = difference / (variance / count + base.variance / base.count).sqrt();
        assert!(n == 0 || t.is_finite(), "{}: nothing was measured", class.name);
        let verdict = if class.code == SUCCESS {
            "gets in, and is told so".to_owned()
        } else if t.abs() > TOLD_APART {
            // How many logins of each kind it takes, of somebody on this very machine, and behind a random delay.
            let here = (count * (TOLD_APART / t).powi(2)).max(1.0);
            let behind = 2.0 * (TOLD_APART * DELAY_DEVIATION / difference).powi(2);
            format!(
                "told apart by {:.1} us; {here:.0} tries, {behind:.0} behind a random delay",
                difference.abs() / 1e3
            )
        } else {
            "not told apart".to_owned()
        };
        println!("{:16} {:11.1} {:12.1} {t:9.1}  {verdict}", class.name, median / 1e3, difference / 1e3);
    }
}

#[test]
fn what_the_time_of_an_answer_tells() {
    throw_away(|system| {
        let classes = classes(system);
        // Each refusal of the second kind takes its 20 ms.
        for (service, count) in [("quick", effort(300, 20_000)), ("even", effort(100, 1_500))] {
            let samples = measure(system, service, &classes, count);
            let of = |part: fn(&Sample) -> f64| move |n: usize| samples[n].iter().map(part).collect::<Vec<f64>>();
            table(&format!("{service}: to the prompt"), &classes[..4], of.clone()(|s| s.before));
            table(&format!("{service}: from the answer to the verdict"), &classes, of(|s| s.inside));
        }
    });
}

#[test]
fn what_the_work_of_a_refusal_is() {
    throw_away(|system| {
        for class in classes(system).iter().take(8) {
            system.file("/tmp/script", &line("quick", class));
            let mut valgrind = Command::new("valgrind");
            valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", HOST, "time", "/tmp/script"]);
            let output = system.reads(at(T, &mut valgrind), "");
            assert!(String::from_utf8_lossy(&output.stdout).starts_with(&format!("{} ", class.code)), "{output:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            let counted = said.lines().find_map(|line| line.split_once("Collected : ")).expect("callgrind's sum").1;
            println!("{:16} {counted} instructions, the loading of the module included", class.name);
        }
    });
}
