//! `[remember]`: an address from which a user has given a code need not give another one for some hours. Pure.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::factor::record::{LaneKey, MAX_TRUSTS, Record, Trust};
use crate::factor::source::{Network, Source};
use crate::system::account::Account;

/// One user at one address, under the policy's hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    hash: String,
    seconds: u64,
    address: IpAddr,
}

impl Memory {
    /// The uid is in it, because an account that was made anew inherits nothing; the hours are, so that a policy
    /// with other ones starts afresh.
    pub fn new(hours: u64, account: &Account, address: IpAddr) -> Self {
        let what = format!("pam_totp trust\n{hours}\n{}\n{address}\n{}", account.uid, account.name);
        let hash = Sha256::digest(what).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { hash, seconds: hours.saturating_mul(3_600), address }
    }

    /// Not where the network has no lane of its own any more, or had a failure since; nor before the code was
    /// given, as the clock tells it.
    pub fn holds(&self, record: &Record, now: u64) -> bool {
        let Some(lane) = record.lane(LaneKey::Net(Network::from(self.address))) else { return false };
        let given = |trust: &Trust| trust.until.checked_sub(self.seconds);
        let is_fresh = |trust: &&Trust| given(trust).is_some_and(|at| lane.last < at && at <= now && now < trust.until);
        record.trusts.iter().filter(|trust| trust.hash == self.hash).any(|trust| is_fresh(&trust))
    }

    /// After a success; the oldest one makes room.
    pub fn keep(&self, record: &mut Record, now: u64) {
        record.trusts.retain(|trust| trust.hash != self.hash && trust.until > now);
        if record.trusts.len() >= MAX_TRUSTS {
            record.trusts.remove(0);
        }
        let (hash, until) = (self.hash.clone(), now.saturating_add(self.seconds));
        record.trusts.push(Trust { hash, until, address: Some(self.address) });
    }
}

/// A wrong code ends what was remembered of its network.
pub fn forget(record: &mut Record, source: Source) {
    let Source::Net(address) = source else { return };
    record.trusts.retain(|trust| trust.address.map(Network::from) != Some(Network::from(address)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::throttle::{Buckets, Limits, lane_of};

    const NOW: u64 = 1_800_000_000;

    fn account(uid: u32) -> Account {
        Account { name: "alice".into(), uid, gid: 100 }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn home() -> Memory {
        Memory::new(12, &account(1000), address("198.51.100.2"))
    }

    fn success(record: &mut Record, memory: &Memory, from: &str, now: u64) {
        let source = Source::Net(address(from));
        Buckets::new(lane_of(record, source, None), &Limits::default(), 1, now).succeed(record, source);
        memory.keep(record, now);
    }

    fn fail(record: &mut Record, source: Source, now: u64) {
        Buckets::new(lane_of(record, source, None), &Limits::default(), 1, now).charge_single(record);
        forget(record, source);
    }

    fn remembered() -> Record {
        let mut record = Record::default();
        success(&mut record, &home(), "198.51.100.2", NOW);
        record
    }

    #[test]
    fn an_address_is_remembered_from_its_code_on_for_the_hours() {
        let record = remembered();
        let held = [NOW - 1, NOW, NOW + 43_199, NOW + 43_200].map(|now| home().holds(&record, now));
        assert_eq!(held, [false, true, true, false]);
    }

    #[test]
    fn for_nobody_else_nowhere_else_and_under_no_other_policy() {
        let record = remembered();
        let bob = Account { name: "bob".into(), ..account(1000) };
        for (hours, account, from) in [
            (12, account(1001), "198.51.100.2"),
            (12, bob, "198.51.100.2"),
            (12, account(1000), "198.51.100.3"),
            (24, account(1000), "198.51.100.2"),
            (6, account(1000), "198.51.100.2"),
        ] {
            assert!(!Memory::new(hours, &account, address(from)).holds(&record, NOW + 60), "{account:?} {from}");
        }
    }

    #[test]
    fn a_failure_in_the_lane_ends_it_and_one_elsewhere_does_not() {
        let mut record = remembered();
        fail(&mut record, Source::Unknown, NOW + 1);
        fail(&mut record, Source::Local, NOW + 1);
        assert!(home().holds(&record, NOW + 60));
        fail(&mut record, Source::Net(address("198.51.100.77")), NOW + 1);
        assert!(!home().holds(&record, NOW + 60));
        success(&mut record, &home(), "198.51.100.2", NOW + 90);
        assert!(home().holds(&record, NOW + 120));
    }

    #[test]
    fn a_failure_in_the_second_of_the_code_ends_it_too() {
        let mut record = Record::default();
        success(&mut record, &home(), "198.51.100.2", NOW - 1);
        fail(&mut record, Source::Net(address("198.51.100.2")), NOW);
        home().keep(&mut record, NOW);
        assert!(!home().holds(&record, NOW + 60), "which came first is not known");
    }

    #[test]
    fn what_is_over_is_forgotten_and_what_is_not_is_kept() {
        for (later, kept) in [(43_199, 2), (43_200, 1)] {
            let mut record = remembered();
            let other = Memory::new(12, &account(1000), address("203.0.113.9"));
            success(&mut record, &other, "203.0.113.9", NOW + later);
            assert_eq!(record.trusts.len(), kept, "{later}");
        }
    }

    #[test]
    fn a_network_that_lost_its_lane_is_not_remembered() {
        let mut record = remembered();
        record.lanes.clear();
        assert!(!home().holds(&record, NOW + 60));
    }

    #[test]
    fn the_ninth_address_displaces_the_oldest_and_one_that_comes_again_has_one_line() {
        let mut record = remembered();
        for n in 1..9 {
            let from = format!("198.51.100.{}", n + 100);
            let memory = Memory::new(12, &account(1000), address(&from));
            success(&mut record, &memory, &from, NOW + n);
            success(&mut record, &memory, &from, NOW + n);
        }
        assert_eq!(record.trusts.len(), MAX_TRUSTS);
        assert!(!home().holds(&record, NOW + 60));
        for kept in ["198.51.100.101", "198.51.100.108"] {
            assert!(Memory::new(12, &account(1000), address(kept)).holds(&record, NOW + 60), "{kept}");
        }
        assert!(crate::factor::record::slots::print(1, &record).is_ok());
    }
}
