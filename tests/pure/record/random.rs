//! Any record that there can be.

use super::*;

/// As a secret file may have them.
const ID: &str = "[A-Za-z0-9]{1,16}";

prop_compose! {
    fn device()(
        id in ID,
        last in option::of(any::<u64>()),
        drift in option::of(-4_i8..=4),
        at in option::of(any::<u64>()),
    ) -> DeviceState {
        DeviceState { id, last, drift, at }
    }
}

fn key() -> impl Strategy<Value = LaneKey> {
    prop_oneof![
        Just(LaneKey::Local),
        Just(LaneKey::Door),
        Just(LaneKey::Judges),
        (0..RANGES).prop_map(LaneKey::Other),
        any::<[u8; 3]>().prop_map(|bytes| LaneKey::Net(Network::V4(bytes))),
        any::<[u8; 8]>().prop_map(|bytes| LaneKey::Net(Network::V6(bytes))),
    ]
}

/// Every lane once, and no more networks than a record holds.
fn lanes() -> impl Strategy<Value = Vec<Lane>> {
    let lane = |(key, (full, seen, last))| Lane { key, full, seen, last };
    vec((key(), any::<(u64, u64, u64)>()).prop_map(lane), 0..=MAX_LANES).prop_map(|lanes| {
        let once: BTreeMap<String, Lane> = lanes.into_iter().map(|lane| (lane.key.to_string(), lane)).collect();
        let (networks, mut fixed): (Vec<_>, Vec<_>) =
            once.into_values().partition(|lane| matches!(lane.key, LaneKey::Net(_)));
        fixed.extend(networks.into_iter().take(MAX_NETWORKS));
        fixed
    })
}

/// Every class at most once.
fn classes() -> impl Strategy<Value = Vec<Class>> {
    let class =
        |key| option::of(any::<(u64, u64)>()).prop_map(move |c| c.map(|(full, pairs)| Class { key, full, pairs }));
    let all = (class(ClassKey::Here), class(ClassKey::Known), class(ClassKey::Other));
    all.prop_map(|(here, known, other)| [here, known, other].into_iter().flatten().collect())
}

/// Two ranges for each of up to three devices.
fn barred() -> impl Strategy<Value = Vec<Barred>> {
    let range = |id: String| {
        let range = any::<(u64, u64)>().prop_map(|(a, b)| (a.min(b), a.max(b)));
        vec(range, 0..=MAX_BARRED)
            .prop_map(move |ranges| ranges.into_iter().map(|(from, to)| Barred { id: id.clone(), from, to }).collect())
    };
    let ids = vec(ID, 0..3).prop_map(|ids| ids.into_iter().collect::<BTreeSet<_>>());
    ids.prop_flat_map(move |ids| ids.into_iter().map(range).collect::<Vec<_>>())
        .prop_map(|all: Vec<Vec<Barred>>| all.concat())
}

fn source() -> impl Strategy<Value = Source> {
    // As every source is made: an IPv4 address in IPv6 clothes is the IPv4 address.
    let net = any::<IpAddr>().prop_map(|address| Source::from_address(&address.to_string()).expect("an address"));
    prop_oneof![Just(Source::Local), Just(Source::Unknown), net]
}

/// The keywords of this version.
const OURS: [&str; 11] =
    ["device", "backup", "unit", "lane", "class", "row", "barred", "since", "trust", "proving", "came"];

/// A line of a later version: any keyword that is not ours and any text without a line feed; or ours, and what is not
/// understood. Of no device, set or lane that the record has too: no id or key is so long.
pub fn later() -> impl Strategy<Value = String> {
    let is_ours = |line: &str| OURS.iter().any(|ours| line.starts_with(ours));
    let other = "[a-z]{0,9} [^\n]{0,40}".prop_filter("ours", move |line| !is_ours(line));
    let ours = "(device|backup) [a-z]{17,20}|lane [a-z]{7,9} [0-9 ]{0,9}|lane other/[89] 1 2 3|class [a-z]{6,9} 0 0\
                |(unit|row|since|came) later[ -~]{0,9}|proving [a-z]{1,9} later[ -~]{0,9}\
                |trust [a-z]{9} later|(unit|row|lane|class|since|trust)";
    prop_oneof![2 => other, 1 => ours]
}

fn other() -> impl Strategy<Value = Vec<String>> {
    vec(later(), 0..=5)
}

/// Words of a later version, behind some of the lines.
fn more() -> impl Strategy<Value = Vec<Option<String>>> {
    vec(option::weighted(0.2, "[^\n]{0,20}"), 40)
}

pub fn record() -> impl Strategy<Value = Record> {
    let backup = (ID, any::<u32>()).prop_map(|(id, used)| BackupState { id, used });
    let since = (any::<u32>(), any::<u64>(), source()).prop_map(|(count, at, from)| Since { count, at, from });
    let trust = ("[0-9a-f]{64}", any::<u64>(), option::of(any::<IpAddr>())).prop_map(|(hash, until, address)| Trust {
        hash,
        until,
        address: address.map(|ip| ip.to_canonical()),
    });
    let devices = vec(device(), 0..=10).prop_map(|devices| {
        let once: BTreeMap<String, DeviceState> = devices.into_iter().map(|d| (d.id.clone(), d)).collect();
        once.into_values().collect()
    });
    let numbers = (option::of(1..=u64::MAX), prop_oneof![Just(0), any::<u32>()]);
    let buckets = (numbers, lanes(), classes(), barred());
    let proving = (".{0,80}", any::<u64>()).prop_map(|(service, at)| Proving::at(&service, at, None));
    let how = prop_oneof![Just(CameBy::Moved), Just(CameBy::Copied)];
    let came = (any::<u64>(), how).prop_map(|(at, how)| Came { at, how });
    let marks = (option::of(proving), option::of(came));
    let rest = (option::of(since), vec(trust, 0..=8), marks, other(), more());
    (devices, option::of(backup), buckets, rest).prop_map(
        |(devices, backup, ((unit, row), lanes, classes, barred), (since, trusts, (proving, came), other, words))| {
            let record = Record { devices, backup, unit, lanes, classes, row, barred, since, ..Record::default() };
            let record = Record { trusts, proving, came, other, ..record };
            within(Record { more: behind(&record, words), ..record })
        },
    )
}

/// The words, each behind a line that is there.
fn behind(record: &Record, words: Vec<Option<String>>) -> Vec<(String, String)> {
    let devices = record.devices.iter().map(|device| format!("device {}", device.id));
    let backup = record.backup.iter().map(|backup| format!("backup {}", backup.id));
    let unit = record.unit.iter().map(|_| "unit".to_owned());
    let lanes = record.lanes.iter().map(|lane| format!("lane {}", lane.key));
    let classes = record.classes.iter().map(|class| format!("class {}", class.key));
    let row = (record.row > 0).then(|| "row".to_owned());
    let since = record.since.iter().map(|_| "since".to_owned());
    let trusts = record.trusts.iter().map(|trust| format!("trust {}", trust.hash));
    let names = devices.chain(backup).chain(unit).chain(lanes).chain(classes).chain(row).chain(since).chain(trusts);
    let proving = record.proving.iter().map(|_| "proving".to_owned());
    let names = names.chain(proving).chain(record.came.iter().map(|_| "came".to_owned()));
    names.zip(words).filter_map(|(name, words)| Some((name, words?))).collect()
}

/// Whole lines and words of a later version together have a bound, and a slot has one: trusts would go, then networks.
pub fn within(mut record: Record) -> Record {
    let bytes = |record: &Record| {
        let more = record.more.iter().map(|(_, more)| more);
        record.other.iter().chain(more).map(|text| text.len() + 1).sum::<usize>()
    };
    while bytes(&record) > 512 {
        if record.other.pop().is_none() {
            record.more.pop();
        }
    }
    while length(&record) > SLOT {
        let gone = record.trusts.pop().map(|trust| format!("trust {}", trust.hash));
        let gone = gone.or_else(|| record.lanes.pop().map(|lane| format!("lane {}", lane.key)));
        let gone = gone.expect("the rest fits");
        record.more.retain(|(name, _)| *name != gone);
    }
    record
}

/// No less than the record takes.
fn length(record: &Record) -> usize {
    fn lines<T: ToString>(lines: &[T]) -> usize {
        lines.iter().map(|line| line.to_string().len() + 1).sum()
    }
    let (head, unit, row, backup, since, marks, other) = (80, 30, 20, 40, 80, 130, 512);
    let rest = lines(&record.devices) + lines(&record.lanes) + lines(&record.classes) + lines(&record.barred);
    head + unit + row + backup + since + marks + other + rest + lines(&record.trusts)
}
