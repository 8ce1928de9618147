//! The phone: codes from oathtool, so that no test asks the code under test what is right.

use std::array;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PERIOD: u64 = 30;

/// A key of its own for each round of a test, so that no round has to wait for the next code.
pub fn key(round: usize) -> String {
    let digit = |n: usize| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[n % 32]);
    format!("JBSWY3DPEHPK3PXPGEZDGNBVGY3TQO{}{}", digit(round / 32), digit(round))
}

/// The code that the phone shows now, for two more seconds at least. It is right for one step longer, as one typed late.
pub fn fresh_code(key: &str) -> String {
    let [code] = fresh_codes(key);
    code
}

/// That code and those that follow it.
pub fn fresh_codes<const N: usize>(key: &str) -> [String; N] {
    let left = PERIOD - now() % PERIOD;
    if left < 3 {
        thread::sleep(Duration::from_secs(left));
    }
    let now = now();
    array::from_fn(|steps| code_at(key, now + steps as u64 * PERIOD))
}

/// The code that a phone shows whose clock says `time`.
pub fn code_at(key: &str, time: u64) -> String {
    codes(key, time, 0).remove(0)
}

/// Six digits that no phone shows within half an hour of now.
pub fn wrong_code(key: &str) -> String {
    let near = codes(key, now() - 60 * PERIOD, 120);
    let wrong = (0..).map(|n| format!("{n:06}")).find(|code| !near.contains(code));
    wrong.expect("121 codes leave others")
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

/// The code at `time` and those of the `more` steps after it.
pub fn codes(key: &str, time: u64, more: u32) -> Vec<String> {
    let output = Command::new("oathtool")
        .args(["--totp", "--base32", "--window", &more.to_string(), "--now", &format!("@{time}"), key])
        .output()
        .expect("oathtool starts");
    assert!(output.status.success(), "oathtool: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("digits").lines().map(str::to_owned).collect()
}
