//! Where the requests of a module or a program go: to the files, or to the door. One policy, read once, and one store.

use std::path::Path;

use nix::errno::Errno;
use nix::unistd::Uid;

use crate::door::client;
use crate::factor::backup::{BackupCodes, USUAL_CODES};
use crate::factor::change::{Change, Deed, Place, Proof};
use crate::factor::judgment::Verdict;
use crate::factor::otp::Digits;
use crate::factor::record::Proving;
use crate::factor::secret::Answer;
use crate::login::preview::{self, Login, Preview, Reason, Standing};
use crate::login::status::Status;
use crate::login::unavailable::{DoorError, Unavailable};
use crate::login::verify;
use crate::manage::notify::Event;
use crate::manage::{self, Authority, ManageError, NewBackupCodes, Pending};
use crate::paths::POLICY;
use crate::policy::access::{self, Caller, Subject};
use crate::policy::rules::Ruling;
use crate::policy::rules::Unenrolled;
use crate::policy::{BadPolicy, Policy};
use crate::store::{self, FileStore, Store, StoreError, Walk, spool};
use crate::system::account::{self, Account};
use crate::system::clock;
use crate::system::disk;

/// What a login needs to know and to have done.
pub trait Backend {
    /// The policy in force.
    fn policy(&self) -> &Policy;
    /// Why it is not the administrator's, if it is not.
    fn policy_fault(&self) -> Option<String>;
    /// Is this user asked?
    fn preview(&self, login: &Login<'_>) -> Preview;
    /// How many digits their codes have; six for those who have none.
    fn digits(&self, standing: &Standing) -> Digits;
    /// Is this a name of that account?
    fn names(&self, name: &str, account: &Account) -> bool;
    /// Stores a device that was proved at a login, without backup codes.
    fn enroll(&self, pending: Pending) -> Result<(), ManageError>;
    /// What was proved for this account at a login before, and not stored.
    fn proving(&self, account: &Account) -> Result<Option<Proving>, StoreError>;
    /// Marks that a key was proved at this service and waits for the account line.
    fn mark_proving(&self, account: &Account, service: &str) -> Result<(), StoreError>;
    /// That line has run: takes the mark away.
    fn end_proving(&self, account: &Account) -> Result<bool, StoreError>;
    /// Leaves a change for the policy's program, if there is one.
    fn tell(&self, _: &Event<'_>) -> Result<(), StoreError> {
        Ok(())
    }
    /// A set of backup codes to be shown; it is nobody's yet.
    fn make_codes(&self) -> Result<(BackupCodes, NewBackupCodes), ManageError>;
    /// Gives that set to the account which has just enrolled this device; `false`: that enrollment is no more.
    fn add_codes(&self, account: &Account, device: &str, set: BackupCodes) -> Result<bool, ManageError>;
    /// Judges the answer; `None`: the user is not enrolled. The verdict is on disk when this returns.
    fn verify(&self, standing: &Standing, login: &Login<'_>, answer: &Answer) -> Result<Option<Verdict>, Unavailable>;
    /// The store, for what is no login: to look, and to make changes.
    fn store(&self) -> Result<&dyn Store, StoreError>;

    /// Judges a code outside of a login, for programs; `None`: the account is not enrolled.
    fn verify_for(
        &self,
        account: &Account,
        login: &Login<'_>,
        answer: &Answer,
    ) -> Result<Option<Verdict>, Unavailable> {
        let standing = match self.store()?.is_enrolled(&account.name)? {
            true => Standing::Enrolled(account.clone()),
            // Its lock would leave a record behind for somebody who never enrolled.
            false => Standing::Unenrolled(account.clone()),
        };
        self.verify(&standing, login, answer)
    }
}

/// Does it here, with the files: for root, and for pam-totpd.
pub struct Local {
    policy: Policy,
    fault: Option<PolicyFault>,
    store: Result<FileStore, StoreError>,
}

/// Why a policy is not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyFault {
    /// The file cannot be used.
    File(StoreError),
    /// The file was named and does not exist.
    Absent(std::path::PathBuf),
    /// Its text is wrong.
    Text(std::path::PathBuf, BadPolicy),
}

impl std::fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Absent(path) => write!(f, "{} does not exist", path.display()),
            Self::Text(path, bad) => write!(f, "{}: {bad}", path.display()),
        }
    }
}

impl Local {
    /// Reads the policy and opens the store. A broken policy is replaced by the strictest one, so that enrolled
    /// administrators still get in to fix it.
    pub fn open(config: Option<&Path>) -> Self {
        let mut walk = Walk::default();
        let (policy, fault) = read_policy(&mut walk, config);
        // Switched off, a broken store locks nobody out.
        let store = FileStore::open_on(&mut walk, &policy.store);
        Self { policy, fault, store }
    }

    fn opened(&self) -> Result<&dyn Store, &StoreError> {
        self.store.as_ref().map(|store| store as &dyn Store)
    }

    /// What a login comes to and which rule says so, for programs.
    pub fn explain(&self, login: &Login<'_>) -> (Preview, Ruling) {
        preview::preview(self.opened(), &self.policy, login, |name| Ok(self.store()?.is_enrolled(name)?))
    }

    fn digits_of(&self, account: &Account) -> Result<Option<Digits>, StoreError> {
        Ok(self.store()?.enrollment(account.into())?.map(|enrollment| enrollment.digits()))
    }

    /// The fault itself, for programs.
    pub fn fault(&self) -> Option<&PolicyFault> {
        self.fault.as_ref()
    }
}

fn read_policy(walk: &mut Walk, config: Option<&Path>) -> (Policy, Option<PolicyFault>) {
    let path = config.unwrap_or(Path::new(POLICY));
    let strictest = |text: &[u8], fault| (Policy::strictest(text), Some(fault));
    match store::read_policy_on(walk, path) {
        Ok(Some(bytes)) => match Policy::parse(&bytes) {
            Ok(policy) => (policy, None),
            Err(bad) => strictest(&bytes, PolicyFault::Text(path.into(), bad)),
        },
        Ok(None) if config.is_some() => strictest(b"", PolicyFault::Absent(path.into())),
        Ok(None) => (Policy::default(), None),
        Err(error) => strictest(b"", PolicyFault::File(error)),
    }
}

impl Backend for Local {
    fn store(&self) -> Result<&dyn Store, StoreError> {
        self.opened().map_err(Clone::clone)
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn tell(&self, event: &Event<'_>) -> Result<(), StoreError> {
        if self.policy.notify.is_none() { Ok(()) } else { spool::leave(&event.to_string()) }
    }

    fn policy_fault(&self) -> Option<String> {
        self.fault.as_ref().map(ToString::to_string)
    }

    fn preview(&self, login: &Login<'_>) -> Preview {
        self.explain(login).0
    }

    fn digits(&self, standing: &Standing) -> Digits {
        let Standing::Enrolled(account) = standing else { return Digits::SIX };
        self.digits_of(account).ok().flatten().unwrap_or(Digits::SIX)
    }

    fn names(&self, name: &str, account: &Account) -> bool {
        account::by_name(name).is_ok_and(|found| found.as_ref() == Some(account))
    }

    fn enroll(&self, pending: Pending) -> Result<(), ManageError> {
        let Pending { account, device, line } = pending;
        let change = Change::Set { device, proof: Proof::Before(line), place: Place::First, backup_codes: 0 };
        manage::apply(self.store()?, &self.policy, &account, Authority::Root, &change).map(drop)
    }

    fn proving(&self, account: &Account) -> Result<Option<Proving>, StoreError> {
        Ok(self.store()?.record(&account.name)?.and_then(|record| record.proving))
    }

    fn mark_proving(&self, account: &Account, service: &str) -> Result<(), StoreError> {
        manage::mark_proving(self.store()?, &account.name, service)
    }

    fn end_proving(&self, account: &Account) -> Result<bool, StoreError> {
        manage::end_proving(self.store()?, &account.name)
    }

    fn make_codes(&self) -> Result<(BackupCodes, NewBackupCodes), ManageError> {
        manage::make_codes(USUAL_CODES)
    }

    fn add_codes(&self, account: &Account, device: &str, set: BackupCodes) -> Result<bool, ManageError> {
        manage::add_codes(self.store()?, &self.policy, account, device, &set)
    }

    fn verify(&self, standing: &Standing, login: &Login<'_>, answer: &Answer) -> Result<Option<Verdict>, Unavailable> {
        match (standing, &self.store) {
            (Standing::Enrolled(account), Ok(store)) => {
                let memory = preview::memory(&self.policy, login, account);
                let verdict = verify::verify(store, &self.policy, account, login.source, answer, memory.as_ref());
                if !matches!(verdict, Ok(Some(_))) {
                    verify::decoy(&self.policy, answer);
                }
                Ok(verdict?)
            }
            (Standing::Faulty(error), _) => {
                verify::decoy(&self.policy, answer);
                Err(error.clone())
            }
            (_, Err(error)) => {
                verify::decoy(&self.policy, answer);
                Err(error.clone().into())
            }
            _ => {
                verify::decoy(&self.policy, answer);
                Ok(None)
            }
        }
    }
}

/// Does it here, and where the files are out of this process's reach, at the door: for logins, and for programs that users
/// call themselves.
pub struct LocalOrDoor {
    local: Local,
    /// pam-totpd serves the installation's own store by the installation's own policy, and nothing else; never
    /// another system's disk.
    has_door: bool,
    /// May the programs of this account have codes judged for others? Then they look nobody else up.
    judges: bool,
    /// Has a user started this program, which is root by its set-uid bit (su, sudo, polkit's helper)?
    set_uid: bool,
}

impl LocalOrDoor {
    /// Reads the policy and opens the store.
    pub fn open(config: Option<&Path>) -> Self {
        let local = Local::open(config);
        let has_door = config.is_none() && local.policy.has_default_store() && !disk::is_entered();
        // Where this process alone sees the disk read-only, one who can write there goes before `/run`.
        let store = local.store.map(|store| store.continuing(!has_door));
        let has_judges = has_door && !local.policy.judges.is_empty();
        let judges = has_judges && judge(&local.policy, Uid::effective().as_raw()).is_some();
        Self { local: Local { store, ..local }, has_door, judges, set_uid: false }
    }

    /// The same, in a program whose caller has a hand on it: they can stop it for as long as they like, limit, starve and kill
    /// it. So it takes no lock that somebody else could need: pam-totpd is asked first, and who only looks takes none.
    pub fn in_set_uid_program(self, set_uid: bool) -> Self {
        let set_uid = set_uid && self.has_door && Uid::effective().is_root();
        let store = self.local.store.map(|store| store.looking_unlocked(set_uid));
        Self { local: Local { store, ..self.local }, set_uid, ..self }
    }

    /// The fault of the policy, for programs.
    pub fn fault(&self) -> Option<&PolicyFault> {
        self.local.fault()
    }

    /// Is this a user who looks after their own enrollment? Then a code must prove it.
    pub fn is_for_owners(&self) -> bool {
        self.has_door && !Uid::effective().is_root()
    }

    /// What a user has enrolled.
    pub fn status(&self, account: &Account) -> Result<Status, ManageError> {
        if self.is_for_owners() {
            return client::status(account);
        }
        Ok(Status::of(self.store()?, &self.policy().throttle, &account.name, Some(account), clock::now())?)
    }

    /// Said before anybody scans a code in vain; pam-totpd asks again.
    pub fn may(&self, account: &Account, deed: Deed<'_>) -> Result<(), ManageError> {
        if self.is_for_owners() { may(Uid::effective().as_raw(), account, deed, self.policy()) } else { Ok(()) }
    }

    /// Makes a change: by root's right here, by the owner's at the door with a code of what they have.
    pub fn apply(
        &self,
        account: &Account,
        current: Option<&Answer>,
        change: Change,
    ) -> Result<NewBackupCodes, ManageError> {
        if self.is_for_owners() {
            return client::apply(account, current, change);
        }
        manage::apply(self.store()?, self.policy(), account, Authority::Root, &change)
    }

    /// Whether the door may know what the files did not tell.
    fn asks(&self, error: &StoreError) -> bool {
        self.has_door && error.is_out_of_reach()
    }

    /// Is this somebody whom the process may not look up, but have a code judged for?
    fn hides(&self, account: &Account) -> bool {
        self.judges && account.uid != Uid::effective().as_raw()
    }

    /// Is this user enrolled? Where nobody else may be looked up, everybody else is: they are asked, and pam-totpd
    /// refuses who is not enrolled, whatever the policy says of those.
    pub fn is_enrolled(&self, name: &str) -> Result<bool, Unavailable> {
        if self.judges {
            let account = account::by_name(name).map_err(|account::LookupFailed| Unavailable::Accounts)?;
            if account.as_ref().is_none_or(|account| self.hides(account)) {
                return Ok(account.is_some());
            }
        }
        match self.store().and_then(|store| store.is_enrolled(name)) {
            Err(error) if self.asks(&error) => {
                Ok(client::preview(name).map_err(|door| beside(self.policy(), error, door))?.is_some())
            }
            here => Ok(here?),
        }
    }

    /// Has it judged where the files are out of this process's reach. `asked`: what came of it at the door already.
    fn verify_elsewhere(
        &self,
        mut here: StoreError,
        asked: Option<DoorError>,
        account: &Account,
        login: &Login<'_>,
        answer: &Answer,
    ) -> Result<Option<Verdict>, Unavailable> {
        // Without root there is no store at all.
        let read_only = self.local.store.clone().ok().filter(|_| matches!(&here, StoreError::Io(_, Errno::EROFS)));
        let in_run = |store: &FileStore| {
            let memory = preview::memory(self.policy(), login, account);
            let store = store.clone().continuing(true);
            verify::verify(&store, self.policy(), account, login.source, answer, memory.as_ref())
        };
        // Where nobody can write on the disk, pam-totpd could do no more than this process.
        if let Some(store) = read_only.as_ref().filter(|store| asked.is_none() && !store.is_read_only_here_alone()) {
            match in_run(store) {
                Err(error) if error.is_out_of_reach() || matches!(error, StoreError::Missing(_)) => here = error,
                judged => return Ok(judged?),
            }
        }
        match (asked.map_or_else(|| client::verify(&account.name, login, answer), Err), &read_only) {
            // No caller can stop this process, or the door had its time.
            (Err(door), Some(store)) if door.is_no_answer() => in_run(store).map_err(|error| match error {
                error if error.is_out_of_reach() => beside(self.policy(), here, door),
                error => error.into(),
            }),
            (verdict, _) => verdict.map_err(|door| beside(self.policy(), here, door)),
        }
    }

    /// Is the disk read-only for everybody, and not in a sandbox alone, beside which others need the lock?
    fn nobody_can_write(&self, account: &Account) -> bool {
        let store = self.local.store.as_ref();
        store.is_ok_and(|store| store.is_read_only(&account.name) && !store.is_read_only_here_alone())
    }
}

impl Backend for LocalOrDoor {
    fn store(&self) -> Result<&dyn Store, StoreError> {
        self.local.store()
    }

    fn policy(&self) -> &Policy {
        self.local.policy()
    }

    /// What waits is told by the installation's own policy, so another one's changes are not left there.
    fn tell(&self, event: &Event<'_>) -> Result<(), StoreError> {
        if self.has_door { self.local.tell(event) } else { Ok(()) }
    }

    fn policy_fault(&self) -> Option<String> {
        self.local.policy_fault()
    }

    fn preview(&self, login: &Login<'_>) -> Preview {
        match preview::preview(self.local.opened(), self.policy(), login, |name| self.is_enrolled(name)).0 {
            // What a program without root has proved it could not store: `pam-totp enroll` is for that.
            Preview::Enroll { account, .. } if self.is_for_owners() => Preview::Ask(Standing::Unenrolled(account)),
            // As everybody else whom it may not look up.
            Preview::Ignore(Reason::NotEnrolled, None) if self.judges => Preview::Ask(Standing::Unknown),
            preview => preview,
        }
    }

    fn digits(&self, standing: &Standing) -> Digits {
        let Standing::Enrolled(account) = standing else { return Digits::SIX };
        let digits = match self.local.digits_of(account) {
            Err(error) if self.asks(&error) && !self.hides(account) => client::preview(&account.name).ok(),
            here => here.ok(),
        };
        digits.flatten().unwrap_or(Digits::SIX)
    }

    fn verify(&self, standing: &Standing, login: &Login<'_>, answer: &Answer) -> Result<Option<Verdict>, Unavailable> {
        panic_here!("backend");
        let mut asked = None;
        if let (true, Standing::Enrolled(account)) = (self.set_uid, standing) {
            match client::verify(&account.name, login, answer) {
                // A caller who stops this process from here on holds the lock with it. So does one who has others hold all 64
                // connections of `root.sock`: pam-totpd hangs up on each after a second, and this process knocks for longer.
                Err(door) if door.is_silence() || door == DoorError::Mute && self.nobody_can_write(account) => {
                    asked = Some(door);
                }
                verdict => return Ok(verdict?),
            }
        }
        match (self.local.verify(standing, login, answer), standing) {
            (Err(Unavailable::Store(error)), Standing::Enrolled(account)) if self.asks(&error) => {
                self.verify_elsewhere(error, asked, account, login, answer)
            }
            // Nobody hears by the time whether there is such a user.
            (Err(_), Standing::Unknown) if self.judges => {
                let _ = client::verify(login.name.unwrap_or_default(), login, answer);
                Ok(None)
            }
            (here, _) => here,
        }
    }

    fn names(&self, name: &str, account: &Account) -> bool {
        self.local.names(name, account)
    }

    /// Root's right, which no caller of the door has: who is not root enrolls with `pam-totp enroll`.
    fn enroll(&self, pending: Pending) -> Result<(), ManageError> {
        self.local.enroll(pending)
    }

    fn proving(&self, account: &Account) -> Result<Option<Proving>, StoreError> {
        self.local.proving(account)
    }

    fn mark_proving(&self, account: &Account, service: &str) -> Result<(), StoreError> {
        self.local.mark_proving(account, service)
    }

    fn end_proving(&self, account: &Account) -> Result<bool, StoreError> {
        self.local.end_proving(account)
    }

    fn make_codes(&self) -> Result<(BackupCodes, NewBackupCodes), ManageError> {
        self.local.make_codes()
    }

    fn add_codes(&self, account: &Account, device: &str, set: BackupCodes) -> Result<bool, ManageError> {
        self.local.add_codes(account, device, set)
    }
}

/// Accounts below are those of the system and its daemons.
const FIRST_USER: u32 = 1_000;

/// Both are told: what this process could not do itself, and why nobody did it for it.
fn beside(policy: &Policy, here: StoreError, door: DoorError) -> Unavailable {
    if door != DoorError::NotForYou {
        return Unavailable::Door { here: Some(here), door };
    }
    let uid = Uid::effective().as_raw();
    let own = account::by_uid(uid).ok().flatten();
    let own = own.map_or_else(|| format!("uid {uid}"), |own| own.name);
    let judges = || policy.judges.iter().chain([&own]).cloned().collect::<Vec<_>>().join(",");
    Unavailable::NoJudge { judges: (uid < FIRST_USER).then(judges), own }
}

/// The account of this uid, if the policy's `[door] judges` names it. Root needs no leave.
pub fn judge(policy: &Policy, uid: u32) -> Option<String> {
    let is_it = |name: &&String| matches!(account::by_name(name), Ok(Some(account)) if account.uid == uid);
    policy.judges.iter().filter(|_| uid != 0).find(is_it).cloned()
}

/// May this caller do this to that account's enrollment? Looks up what [`access`] must know.
pub fn may(uid: u32, account: &Account, deed: Deed<'_>, policy: &Policy) -> Result<(), ManageError> {
    let unavailable = |account::LookupFailed| Unavailable::Accounts;
    let logs_in = match deed {
        Deed::Enroll(_) => account::has_login_shell(account).map_err(unavailable)?,
        _ => false,
    };
    let required = match deed {
        // Where those who are not enrolled are refused, taking it off would lock its owner out.
        Deed::Remove => {
            matches!(policy.unenrolled, None | Some(Unenrolled::Deny))
                || policy.rules.require_anywhere(&account.name, |groups| account::groups_among(account, groups).ok())
        }
        _ => false,
    };
    let caller = Caller { uid, judges: matches!(deed, Deed::Judge) && judge(policy, uid).is_some() };
    Ok(access::may(caller, Subject { account, logs_in, required }, deed, policy)?)
}
