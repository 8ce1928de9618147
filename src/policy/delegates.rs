//! Whom root lets look after others' enrollments: text to checked [`Delegates`], and who is whose. Pure.

use serde::Deserialize;

use super::{BadPolicy, Checker, SpannedList};
use crate::text::{plain, position};

/// What a delegate may do for one of their users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelegatedRight {
    /// To look at what a user has.
    Status,
    /// To list all of their users.
    List,
    /// To have one code be enough again.
    Unlock,
    /// To remove an enrollment.
    Remove,
    /// To make backup codes that end by themselves.
    BackupCodes,
}

impl DelegatedRight {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Status, Self::List, Self::Unlock, Self::Remove, Self::BackupCodes];

    /// As the file has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::List => "list",
            Self::Unlock => "unlock",
            Self::Remove => "remove",
            Self::BackupCodes => "backup-codes",
        }
    }
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegates {
    /// Groups whose members only root looks after.
    pub administrators: Vec<String>,
    /// Each `[[delegate]]`.
    pub delegates: Vec<Delegate>,
}

/// Who looks after whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegate {
    /// The delegate's canonical account name.
    pub who: String,
    /// Users by name.
    pub users: Vec<String>,
    /// Users by their groups, the primary one too.
    pub groups: Vec<String>,
    /// What the delegate may do for them.
    pub may: Vec<DelegatedRight>,
}

/// Another user, as the host knows them.
#[derive(Clone, Debug)]
pub struct Other<'a> {
    /// The canonical account name.
    pub name: &'a str,
    /// The uid.
    pub uid: u32,
    /// Whether the uid has this name first: the owner of a second one may be an administrator.
    pub is_first_name: bool,
    /// Whether a delegate has this uid.
    pub is_delegate: bool,
    /// Whether they are in one of the administrators' groups, or somebody with their uid is.
    pub is_administrator: bool,
    /// Those of the delegates' groups that they are in.
    pub groups: Vec<String>,
}

/// Accounts below are those of the system and its daemons.
const FIRST_USER: u32 = 1_000;
/// And these: systemd's dynamic users, `nobody`, and what is no uid in 16 bits.
const OTHERS_OF_THE_SYSTEM: std::ops::RangeInclusive<u32> = 61_184..=65_535;

impl Delegates {
    /// Reads the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadPolicy> {
        let text = std::str::from_utf8(bytes).map_err(|_| BadPolicy { at: None, what: "not UTF-8".into() })?;
        let file: File = toml::from_str(text).map_err(|error| BadPolicy {
            at: position(text, &error),
            what: plain(&error.message().split_whitespace().collect::<Vec<_>>().join(" ")),
        })?;
        let check = Checker { text };
        Ok(Self {
            administrators: check.words(&file.administrators)?,
            delegates: file.delegate.into_iter().map(|table| check.delegate(table)).collect::<Result<_, _>>()?,
        })
    }

    /// What this account may do for some of its users or all.
    pub fn rights(&self, who: &str) -> Vec<DelegatedRight> {
        let has = |right: &DelegatedRight| self.of(who).any(|delegate| delegate.may.contains(right));
        DelegatedRight::ALL.into_iter().filter(has).collect()
    }

    /// The delegations of this account.
    pub fn of<'a>(&'a self, who: &'a str) -> impl Iterator<Item = &'a Delegate> {
        self.delegates.iter().filter(move |delegate| delegate.who == who)
    }

    /// May this account do that for this user? Never for root, a system account, an administrator or a delegate; and
    /// so never for themselves.
    pub fn may(&self, who: &str, right: DelegatedRight, user: &Other<'_>) -> bool {
        let is_ordinary = user.uid >= FIRST_USER
            && !OTHERS_OF_THE_SYSTEM.contains(&user.uid)
            && user.is_first_name
            && !user.is_delegate
            && !user.is_administrator;
        is_ordinary && self.of(who).any(|delegate| delegate.may.contains(&right) && delegate.is_over(user))
    }
}

impl Delegate {
    fn is_over(&self, user: &Other<'_>) -> bool {
        self.users.iter().any(|name| name == user.name) || self.groups.iter().any(|group| user.groups.contains(group))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    administrators: SpannedList,
    #[serde(default)]
    delegate: Vec<toml::Spanned<DelegateTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DelegateTable {
    who: toml::Spanned<String>,
    users: Option<SpannedList>,
    groups: Option<SpannedList>,
    may: toml::Spanned<Vec<DelegatedRight>>,
}

impl Checker<'_> {
    fn delegate(&self, table: toml::Spanned<DelegateTable>) -> Result<Delegate, BadPolicy> {
        if table.get_ref().users.is_none() && table.get_ref().groups.is_none() {
            return Err(self.fault(&table, "a delegate needs users or groups to look after".into()));
        }
        let DelegateTable { who, users, groups, may } = table.into_inner();
        if may.get_ref().is_empty() {
            return Err(self.fault(&may, "an empty list allows nothing: take the delegate away".into()));
        }
        let words = |list: Option<SpannedList>| list.map_or(Ok(Vec::new()), |list| self.words(&list));
        let who = self.word(&who)?;
        Ok(Delegate { who, users: words(users)?, groups: words(groups)?, may: may.into_inner() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "administrators = [\"sudo\", \"wheel\"]\n\
                        [[delegate]]\nwho = \"ray\"\nusers = [\"bob\"]\ngroups = [\"acme\"]\nmay = [\"list\", \"unlock\"]\n\
                        [[delegate]]\nwho = \"ray\"\nusers = [\"carol\"]\nmay = [\"remove\"]\n";

    fn bob() -> Other<'static> {
        Other {
            name: "bob",
            uid: 1001,
            is_first_name: true,
            is_delegate: false,
            is_administrator: false,
            groups: Vec::new(),
        }
    }

    #[test]
    fn each_delegation_holds_for_its_own_users_and_rights() {
        let file = Delegates::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(file.administrators, ["sudo", "wheel"]);
        assert_eq!(file.rights("ray"), [DelegatedRight::List, DelegatedRight::Unlock, DelegatedRight::Remove]);
        assert_eq!(file.rights("eve"), []);
        assert!(file.may("ray", DelegatedRight::Unlock, &bob()) && file.may("ray", DelegatedRight::List, &bob()));
        // A right over one is none over another.
        assert!(!file.may("ray", DelegatedRight::Remove, &bob()) && !file.may("ray", DelegatedRight::Status, &bob()));
        assert!(!file.may("eve", DelegatedRight::Unlock, &bob()));
        let carol = Other { name: "carol", ..bob() };
        assert!(file.may("ray", DelegatedRight::Remove, &carol) && !file.may("ray", DelegatedRight::Unlock, &carol));
        let dave = Other { name: "dave", ..bob() };
        assert!(!file.may("ray", DelegatedRight::Unlock, &dave));
        assert!(file.may("ray", DelegatedRight::Unlock, &Other { groups: vec!["acme".into()], ..dave.clone() }));
        assert!(!file.may("ray", DelegatedRight::Unlock, &Other { groups: vec!["other".into()], ..dave }));
    }

    #[test]
    fn whoever_is_more_than_an_ordinary_user_is_roots_to_look_after() {
        let file = Delegates::parse(TEXT.as_bytes()).unwrap();
        let more = [
            Other { uid: 0, ..bob() },
            Other { uid: 999, ..bob() },
            Other { uid: 61_184, ..bob() },
            Other { uid: 65_534, ..bob() },
            Other { uid: 65_535, ..bob() },
            Other { is_first_name: false, ..bob() },
            Other { is_delegate: true, ..bob() },
            Other { is_administrator: true, ..bob() },
        ];
        for other in more {
            assert!(!file.may("ray", DelegatedRight::Unlock, &other), "{other:?}");
        }
        for uid in [1_000, 61_183, 65_536] {
            assert!(file.may("ray", DelegatedRight::Unlock, &Other { uid, ..bob() }), "{uid}");
        }
    }

    #[test]
    fn a_fault_says_where_and_what() {
        let whole = "administrators = [\"sudo\"]\n[[delegate]]\nwho = \"ray\"\nusers = [\"bob\"]\nmay = [\"list\"]\n";
        assert!(Delegates::parse(whole.as_bytes()).is_ok());
        let cases = [
            ("", None, "missing field `administrators`"),
            ("administrators = []\n", Some((1, 18)), "an empty list"),
            (&whole.replace("users = [\"bob\"]\n", ""), Some((2, 1)), "a delegate needs users or groups to look after"),
            (&whole.replace("[\"list\"]", "[]"), Some((5, 7)), "an empty list allows nothing"),
            (&whole.replace("\"list\"", "\"enroll\""), Some((5, 8)), "unknown variant `enroll`"),
            (&whole.replace("\"ray\"", "\"\""), Some((3, 7)), "this is no name"),
            (&whole.replace("who", "name"), Some((3, 1)), "unknown field `name`"),
            (&whole.replace("may = [\"list\"]\n", ""), Some((2, 1)), "missing field `may`"),
            ("administrators = [\"sudo\"]\n[[delegates]]\n", Some((2, 3)), "unknown field `delegates`"),
        ];
        for (text, at, what) in cases {
            let fault = Delegates::parse(text.as_bytes()).unwrap_err();
            assert!(fault.what.starts_with(what), "{text}: {fault}");
            assert!(at.is_none() || fault.at == at, "{text}: {fault}");
        }
        assert!(Delegates::parse(b"\xff").is_err());
    }
}
