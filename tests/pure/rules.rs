//! Who must be enrolled, and who need not give a code.

use pam_totp::factor::source::Source;
use pam_totp::login::preview::{Login, Preview, Reason, Standing, preview};
use pam_totp::policy::Policy;
use pam_totp::policy::rules::Unenrolled;
use pam_totp::policy::rules::{DecidedBy, Facts, Ruling, decide};
use pam_totp::store::StoreError;

const REQUIRE_STAFF: &str = "[[require]]\ngroups = [\"staff\"]\n";
const EXEMPT_STAFF: &str = "[[exempt]]\ngroups = [\"staff\"]\n";
const EXEMPT_BOB: &str = "[[exempt]]\nusers = [\"alice\", \"bob\"]\n";
const EXEMPT_OFFICE: &str = "[[exempt]]\nnetworks = [\"198.51.100.0/24\", \"2001:db8:1::/48\"]\n";
const REQUIRE_OFFICE: &str = "[[require]]\nnetworks = [\"198.51.100.0/24\", \"2001:db8:1::/48\"]\n";
const REQUIRE_ALL: &str = "[[require]]\nnetworks = [\"0.0.0.0/0\", \"::/0\"]\n";
const EXEMPT_ALL: &str = "[[exempt]]\nnetworks = [\"0.0.0.0/0\", \"::/0\"]\n";
const EXEMPT_KEY: &str = "[[exempt]]\nssh_auth = [\"publickey\"]\n";
const REQUIRE_PASSWORD: &str = "[[require]]\nssh_auth = [\"keyboard-interactive\"]\n";
const EXEMPT_CRON: &str = "[[exempt]]\nservices = [\"cron\", \"atd\"]\n";
const EXEMPT_BOB_AT_CRON: &str = "[[exempt]]\nusers = [\"bob\"]\nservices = [\"cron\"]\n";
const EXEMPT_EVERY_KEY: &str = "[[exempt]]\nusers = [\"bob\"]\ngroups = [\"staff\"]\nservices = [\"sshd\"]\n\
                                networks = [\"198.51.100.2\"]\nssh_auth = [\"publickey\"]\n";
const ALLOW: &str = "unenrolled = \"allow\"\n";
const DENY: &str = "unenrolled = \"deny\"\n";
const ENROLL: &str = "unenrolled = \"enroll\"\n";

/// The parts of a policy | what differs from bob, in no group, at sshd from 198.51.100.2 | the ruling.
type Row = (&'static [&'static str], &'static str, &'static str);

/// Who beats whom.
const PRECEDENCES: &[Row] = &[
    (&[], "", "ask, else deny: default"),
    (&[], "nullok", "ask, else allow: nullok"),
    (&[ALLOW], "", "ask, else allow: unenrolled"),
    (&[ENROLL], "", "ask, else enroll: unenrolled"),
    (&[DENY], "nullok", "ask, else deny: unenrolled"),
    (&[ENROLL], "nullok", "ask, else enroll: unenrolled"),
    (&[EXEMPT_BOB], "", "exempt 1"),
    (&[EXEMPT_BOB], "nullok", "exempt 1"),
    (&[DENY, EXEMPT_BOB], "", "exempt 1"),
    (&[ALLOW, EXEMPT_BOB], "", "exempt 1"),
    (&[ENROLL, EXEMPT_BOB], "", "exempt 1"),
    (&[EXEMPT_BOB], "user=carol", "ask, else deny: default"),
    (&[EXEMPT_BOB], "user=carol nullok", "ask, else allow: nullok"),
    (&[ENROLL, EXEMPT_BOB], "user=carol", "ask, else enroll: unenrolled"),
    (&[REQUIRE_STAFF], "groups=staff", "ask, else deny: require 1"),
    (&[REQUIRE_STAFF], "groups=staff nullok", "ask, else deny: require 1"),
    (&[DENY, REQUIRE_STAFF], "groups=staff", "ask, else deny: require 1"),
    (&[ALLOW, REQUIRE_STAFF], "groups=staff", "ask, else deny: require 1"),
    (&[ENROLL, REQUIRE_STAFF], "groups=staff", "ask, else enroll: require 1"),
    (&[ENROLL, REQUIRE_STAFF], "groups=staff nullok", "ask, else enroll: require 1"),
    (&[ALLOW, REQUIRE_STAFF], "", "ask, else allow: unenrolled"),
    (&[REQUIRE_STAFF], "nullok", "ask, else allow: nullok"),
    (&[REQUIRE_STAFF, EXEMPT_BOB], "groups=staff", "ask, else deny: require 1"),
    (&[REQUIRE_STAFF, EXEMPT_BOB], "groups=staff nullok", "ask, else deny: require 1"),
    (&[ALLOW, REQUIRE_STAFF, EXEMPT_BOB], "groups=staff", "ask, else deny: require 1"),
    (&[ENROLL, REQUIRE_STAFF, EXEMPT_BOB], "groups=staff", "ask, else enroll: require 1"),
    (&[REQUIRE_STAFF, EXEMPT_STAFF], "groups=staff", "ask, else deny: require 1"),
    (&[EXEMPT_BOB, REQUIRE_STAFF], "groups=staff", "ask, else deny: require 1"),
    (&[REQUIRE_STAFF, EXEMPT_BOB], "groups=wheel", "exempt 1"),
];

/// Any rule suffices, and in it every key.
const RULES: &[Row] = &[
    (&[EXEMPT_CRON, EXEMPT_BOB], "", "exempt 2"),
    (&[EXEMPT_CRON, EXEMPT_BOB], "service=atd", "exempt 1"),
    (&[EXEMPT_CRON, EXEMPT_STAFF], "", "ask, else deny: default"),
    (&[REQUIRE_PASSWORD, REQUIRE_STAFF], "groups=wheel,staff", "ask, else deny: require 2"),
    (&[EXEMPT_BOB_AT_CRON], "service=cron", "exempt 1"),
    (&[EXEMPT_BOB_AT_CRON], "service=sudo", "ask, else deny: default"),
    (&[EXEMPT_BOB_AT_CRON], "user=alice service=cron", "ask, else deny: default"),
    (&[EXEMPT_EVERY_KEY], "groups=staff auth=publickey", "exempt 1"),
    (&[EXEMPT_EVERY_KEY], "groups=staff auth=publickey user=alice", "ask, else deny: default"),
    (&[EXEMPT_EVERY_KEY], "groups=wheel auth=publickey", "ask, else deny: default"),
    (&[EXEMPT_EVERY_KEY], "groups=staff auth=publickey service=login", "ask, else deny: default"),
    (&[EXEMPT_EVERY_KEY], "groups=staff auth=publickey from=198.51.100.3", "ask, else deny: default"),
    (&[EXEMPT_EVERY_KEY], "groups=staff auth=password", "ask, else deny: default"),
    (&[EXEMPT_KEY], "auth=password;publickey", "exempt 1"),
    (&[EXEMPT_KEY], "auth=publickeys", "ask, else deny: default"),
    (&[EXEMPT_KEY], "", "ask, else deny: default"),
    (&[REQUIRE_PASSWORD], "auth=keyboard-interactive/pam nullok", "ask, else deny: require 1"),
    (&[EXEMPT_BOB], "user=BOB", "ask, else deny: default"),
];

/// Literal addresses of other hosts, and no others.
const NETWORKS: &[Row] = &[
    (&[EXEMPT_OFFICE], "", "exempt 1"),
    (&[EXEMPT_OFFICE], "from=198.51.101.2", "ask, else deny: default"),
    (&[EXEMPT_OFFICE], "from=::ffff:198.51.100.2", "exempt 1"),
    (&[EXEMPT_OFFICE], "from=2001:db8:1:ffff::9", "exempt 1"),
    (&[EXEMPT_OFFICE], "from=2001:db8:2::9", "ask, else deny: default"),
    (&[EXEMPT_OFFICE], "from=local", "ask, else deny: default"),
    (&[EXEMPT_ALL], "from=127.0.0.1", "ask, else deny: default"),
    (&[EXEMPT_ALL], "from=127.8.8.8", "ask, else deny: default"),
    (&[EXEMPT_ALL], "from=::1", "ask, else deny: default"),
    (&[EXEMPT_ALL], "from=::ffff:127.0.0.1", "ask, else deny: default"),
    (&[EXEMPT_ALL], "from=0.0.0.0", "ask, else deny: default"),
    (&[EXEMPT_ALL], "from=192.0.2.1", "ask, else deny: default"),
    (&[EXEMPT_ALL], "from=2001:db8::1", "ask, else deny: default"),
    (&[EXEMPT_ALL], "from=door", "ask, else deny: default"),
    (&[EXEMPT_ALL], "from=2001:db8::2", "exempt 1"),
    (&[REQUIRE_OFFICE], "nullok", "ask, else deny: require 1"),
    (&[REQUIRE_OFFICE], "from=203.0.113.9 nullok", "ask, else allow: nullok"),
    (&[REQUIRE_ALL], "from=127.0.0.1 nullok", "ask, else allow: nullok"),
    (&[REQUIRE_ALL], "from=192.0.2.1 nullok", "ask, else allow: nullok"),
    (&[REQUIRE_ALL], "from=local nullok", "ask, else allow: nullok"),
    (&[REQUIRE_OFFICE, EXEMPT_ALL], "", "ask, else deny: require 1"),
];

/// What is not known requires, and exempts nobody.
const DOUBTS: &[Row] = &[
    (&[EXEMPT_STAFF], "groups=?", "ask, else deny: default"),
    (&[EXEMPT_STAFF], "groups=? nullok", "ask, else allow: nullok"),
    (&[REQUIRE_STAFF], "groups=? nullok", "ask, else deny: doubt 1"),
    (&[ALLOW, REQUIRE_STAFF], "groups=?", "ask, else deny: doubt 1"),
    (&[ENROLL, REQUIRE_STAFF], "groups=?", "ask, else enroll: doubt 1"),
    (&[REQUIRE_STAFF, EXEMPT_BOB], "groups=?", "ask, else deny: doubt 1"),
    (&[EXEMPT_EVERY_KEY], "groups=? auth=publickey", "ask, else deny: default"),
    (&[EXEMPT_STAFF, EXEMPT_BOB], "groups=?", "exempt 2"),
    (&["[[require]]\ngroups = [\"staff\"]\nservices = [\"sudo\"]\n"], "groups=? nullok", "ask, else allow: nullok"),
    (&[EXEMPT_OFFICE], "own=?", "ask, else deny: default"),
    (&[REQUIRE_OFFICE], "own=? nullok", "ask, else deny: doubt 1"),
    (&[REQUIRE_OFFICE], "own=? from=203.0.113.9 nullok", "ask, else allow: nullok"),
    (&[EXEMPT_ALL], "from=name", "ask, else deny: default"),
    (&[REQUIRE_OFFICE], "from=name nullok", "ask, else deny: doubt 1"),
    (&[EXEMPT_BOB], "user=?", "ask, else deny: default"),
    (&["[[require]]\nusers = [\"bob\"]\n"], "user=? nullok", "ask, else deny: doubt 1"),
    (&[REQUIRE_STAFF, "[[require]]\nusers = [\"bob\"]\n"], "groups=?", "ask, else deny: require 2"),
];

#[test]
fn one_table_of_every_precedence() {
    for (parts, login, ruling) in [PRECEDENCES, RULES, NETWORKS, DOUBTS].concat() {
        let text = parts.concat();
        let policy = Policy::parse(text.as_bytes()).expect("a policy");
        let nullok = login.split(' ').any(|word| word == "nullok");
        assert_eq!(say(decide(&policy.rules, policy.unenrolled, nullok, &facts(login))), ruling, "{text}{login}");
    }
}

/// Whom nobody asks needs no store that works.
#[test]
fn off_beats_the_rules_and_both_beat_a_broken_store() {
    let broken = StoreError::Missing("/var/lib/pam_totp".into());
    let come_to = |parts: &[&str]| {
        let policy = Policy::parse(parts.concat().as_bytes()).expect("a policy");
        let (service, source, ssh_auth) = ("sshd", Source::Local, "");
        let login = Login { name: Some("root"), service, source, ssh_auth, nullok: false, remembers: true };
        preview(Err(&broken), &policy, &login, |_| Err(broken.clone().into())).0
    };
    let (off, require) = ("enabled = false\n", "[[require]]\nusers = [\"root\"]\n");
    let exempt = "[[exempt]]\nusers = [\"root\"]\n";
    assert_eq!(come_to(&[off, require]), Preview::Ignore(Reason::SwitchedOff, None));
    assert_eq!(come_to(&[exempt]), Preview::Ignore(Reason::Exempt, Some("root".into())));
    assert_eq!(come_to(&[require, exempt]), Preview::Ask(Standing::Faulty(broken.clone().into())));
    assert_eq!(come_to(&[ALLOW]), Preview::Ask(Standing::Faulty(broken.clone().into())));
}

/// A look-up costs time, and may hang where a directory does not answer.
#[test]
fn only_what_a_rule_hangs_on_is_looked_up() {
    let rules = |parts: &[&str]| Policy::parse(parts.concat().as_bytes()).expect("a policy").rules;
    let unknown = facts("groups=? own=?");
    let office_of_staff = "[[exempt]]\ngroups = [\"staff\"]\nnetworks = [\"198.51.100.0/24\"]\n";
    assert_eq!(rules(&[REQUIRE_STAFF, EXEMPT_BOB]).groups_in_question(&unknown), ["staff"]);
    assert_eq!(rules(&[office_of_staff]).groups_in_question(&unknown), ["staff"]);
    assert!(rules(&[EXEMPT_EVERY_KEY, EXEMPT_BOB]).groups_in_question(&unknown).is_empty());
    assert!(rules(&[EXEMPT_OFFICE]).hang_on_own_addresses(&unknown));
    assert!(!rules(&[EXEMPT_EVERY_KEY, EXEMPT_STAFF]).hang_on_own_addresses(&unknown));
    for elsewhere in ["groups=? own=? from=203.0.113.9", "groups=? own=? from=local"] {
        assert!(!rules(&[office_of_staff]).hang_on_own_addresses(&facts(elsewhere)));
        assert!(rules(&[office_of_staff]).groups_in_question(&facts(elsewhere)).is_empty());
    }
}

/// The parts of a policy | bob's groups, where they are known | must they be enrolled?
type Required = (&'static [&'static str], Option<&'static [&'static str]>, bool);

const REQUIRE_BOB_AT_SUDO: &str = "[[require]]\nusers = [\"bob\"]\nservices = [\"sudo\"]\n";
const REQUIRE_BOB_OF_STAFF: &str = "[[require]]\nusers = [\"bob\"]\ngroups = [\"staff\"]\n";
const REQUIRE_CAROL: &str = "[[require]]\nusers = [\"carol\"]\n";
const REQUIRE_CAROL_OF_STAFF: &str = "[[require]]\nusers = [\"carol\"]\ngroups = [\"staff\"]\n";

const REQUIRED: &[Required] = &[
    (&[], None, false),
    (&[EXEMPT_STAFF], None, false),
    (&[REQUIRE_STAFF], Some(&["staff"]), true),
    (&[REQUIRE_STAFF], Some(&["wheel"]), false),
    (&[REQUIRE_STAFF], None, true),
    (&[REQUIRE_OFFICE], Some(&[]), true),
    (&[REQUIRE_BOB_AT_SUDO], Some(&[]), true),
    (&[REQUIRE_CAROL], None, false),
    (&[REQUIRE_BOB_OF_STAFF], Some(&["staff"]), true),
    (&[REQUIRE_BOB_OF_STAFF], Some(&[]), false),
    (&[REQUIRE_CAROL_OF_STAFF], Some(&["staff"]), false),
    (&[REQUIRE_STAFF, REQUIRE_BOB_AT_SUDO], Some(&[]), true),
];

/// Who cannot remove their last device: whom a rule can require, wherever they come from, and in doubt.
#[test]
fn one_table_of_those_who_must_be_enrolled() {
    for (parts, groups, must) in REQUIRED {
        let rules = Policy::parse(parts.concat().as_bytes()).expect("a policy").rules;
        let groups = groups.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect());
        let looked_up = |named: &[&str]| {
            assert_eq!(named, ["staff"], "only what a rule names is looked up");
            groups
        };
        assert_eq!(rules.require_anywhere("bob", looked_up), *must, "{parts:?}");
    }
}

#[test]
fn networks_have_one_spelling_each() {
    let is_network = |text: &str| Policy::parse(format!("[[exempt]]\nnetworks = [\"{text}\"]\n").as_bytes()).is_ok();
    for right in ["192.0.2.4", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0", "::1/128", "::ffff:192.0.2.0/120"]
    {
        assert!(is_network(right), "{right}");
    }
    let wrong =
        ["192.0.2.4/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/+24", "192.0.2/24", "2001:db8::1/32", "::/129"];
    for wrong in wrong.into_iter().chain(["host.example", "fe80::1%eth0", "*", " 192.0.2.4", "::ffff:192.0.2.0/24"]) {
        assert!(!is_network(wrong), "{wrong}");
    }
}

fn facts(login: &str) -> Facts<'_> {
    let own = ["192.0.2.1", "2001:db8::1"].map(|text| text.parse().expect("an address"));
    let (groups, own) = (Some(Vec::new()), Some(own.to_vec()));
    let source = Source::from_address("198.51.100.2").expect("an address");
    let mut facts = Facts { user: Some("bob"), service: "sshd", source, ssh_auth: "", groups, own };
    for (key, value) in login.split(' ').filter_map(|word| word.split_once('=')) {
        let known = value != "?";
        match key {
            "user" => facts.user = known.then_some(value),
            "service" => facts.service = value,
            "from" if value == "door" => facts.source = Source::Door,
            "from" => facts.source = value.parse().expect("a source"),
            "auth" => facts.ssh_auth = value.replace(';', " ssh-ed25519 AAAA\n").leak(),
            "groups" => facts.groups = known.then(|| value.split(',').map(str::to_owned).collect()),
            "own" => facts.own = None,
            _ => panic!("{key}"),
        }
    }
    facts
}

fn say(ruling: Ruling) -> String {
    let (without, by) = match ruling {
        Ruling::Off => return "off".into(),
        Ruling::Exempt(number) => return format!("exempt {number}"),
        Ruling::Ask { without, by } => (without, by),
    };
    let without = match without {
        Unenrolled::Deny => "deny",
        Unenrolled::Allow => "allow",
        Unenrolled::Enroll => "enroll",
    };
    let by = match by {
        DecidedBy::Require(number) => format!("require {number}"),
        DecidedBy::Doubt(number) => format!("doubt {number}"),
        DecidedBy::Unenrolled => "unenrolled".into(),
        DecidedBy::Nullok => "nullok".into(),
        DecidedBy::Default => "default".into(),
    };
    format!("ask, else {without}: {by}")
}
