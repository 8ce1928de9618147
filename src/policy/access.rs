//! May this caller do this to that user? Pure.
//!
//! Root may ask about everybody, and daemons that the policy names may have codes judged. Nobody changes anything here but
//! their own enrollment, root included: a process that is root and cannot write to the store is shut in on purpose.

use crate::factor::change::Deed;
use crate::policy::Policy;
use crate::system::account::Account;

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// To change what is somebody else's, or nobody's.
    NotYours,
    /// To look at it.
    NotYoursToSee,
    /// The policy is switched off: nobody enrolls.
    PolicyOff,
    /// The policy leaves it to root.
    NotSelf,
    /// Root and accounts without a login shell are enrolled by root.
    NoLogin,
    /// The key has fewer than 128 bits.
    ShortKey,
    /// A rule requires them to be enrolled.
    Required,
    /// No delegation covers it.
    NotDelegated,
    /// After a hundred wrong codes in a row no delegate makes single codes count again.
    Closed,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The uid.
    pub uid: u32,
    /// Is it one of an account that `[door] judges` names?
    pub judges: bool,
}

/// Whose enrollment it is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The account.
    pub account: &'a Account,
    /// Has it a login shell?
    pub logs_in: bool,
    /// Does a rule require it to be enrolled?
    pub required: bool,
}

/// Judges by the caller's uid.
pub fn may(caller: Caller, subject: Subject<'_>, deed: Deed<'_>, policy: &Policy) -> Result<(), Denied> {
    let own = subject.account.uid == caller.uid;
    // A daemon whose account is stolen must be no place to guess root's codes.
    let judges = caller.judges && subject.account.uid != 0;
    let rights = policy.self_service();
    let unless = |allowed: bool, denied| if allowed { Ok(()) } else { Err(denied) };
    match deed {
        Deed::Look => return unless(own || caller.uid == 0, Denied::NotYoursToSee),
        Deed::Judge => return unless(own || caller.uid == 0 || judges, Denied::NotYoursToSee),
        _ => unless(own, Denied::NotYours)?,
    }
    match deed {
        Deed::Look | Deed::Judge | Deed::Forget => Ok(()),
        Deed::BackupCodes => unless(rights.backup_codes, Denied::NotSelf),
        Deed::RemoveDevice => unless(rights.remove, Denied::NotSelf),
        Deed::Resync => unless(rights.replace, Denied::NotSelf),
        // Root's, who asks nobody.
        Deed::Counter | Deed::TemporaryCodes => Err(Denied::NotSelf),
        Deed::Remove => {
            unless(rights.remove, Denied::NotSelf)?;
            unless(!subject.required, Denied::Required)
        }
        Deed::Enroll(_) | Deed::Add(_) | Deed::Replace(_) if !policy.enabled => Err(Denied::PolicyOff),
        Deed::Enroll(key) => {
            unless(rights.enroll, Denied::NotSelf)?;
            unless(caller.uid != 0 && subject.logs_in, Denied::NoLogin)?;
            unless(key.long_enough().is_ok(), Denied::ShortKey)
        }
        Deed::Add(key) | Deed::Replace(key) => {
            unless(rights.replace, Denied::NotSelf)?;
            unless(key.long_enough().is_ok(), Denied::ShortKey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::secret::Secret;
    use crate::policy::SelfService;
    use crate::policy::rules::Unenrolled;

    const ALICE: u32 = 1000;
    const NOBODY: SelfService = SelfService { enroll: false, replace: false, remove: false, backup_codes: false };

    /// Whatever the policy says, everybody ends what is remembered of themselves, and of nobody else.
    fn is_harmless(alice: &Account, bob: &Account) {
        for policy in [Policy::default(), Policy::strictest(b""), Policy { enabled: false, ..Policy::default() }] {
            let caller = Caller { uid: ALICE, judges: false };
            let may = |account| may(caller, Subject { account, logs_in: false, required: true }, Deed::Forget, &policy);
            assert_eq!((may(alice), may(bob)), (Ok(()), Err(Denied::NotYours)));
        }
    }

    #[test]
    fn one_table_of_who_may_what() {
        let account = |name: &str, uid| Account { name: name.into(), uid, gid: uid };
        // Two names of one uid are one person.
        let (alice, other_name) = (account("alice", ALICE), account("alicia", ALICE));
        let (bob, root) = (account("bob", 1001), account("root", 0));
        let (long, short) = (Secret::from_bytes(vec![7; 16].into()), Secret::from_bytes(vec![7; 15].into()));
        let (enroll, replace) = (Deed::Enroll(&long), Deed::Replace(&long));
        let own = [enroll, replace, Deed::BackupCodes, Deed::Remove];
        is_harmless(&alice, &bob);
        let (add, further) = (Deed::Add(&long), [Deed::Add(&long), Deed::Resync, Deed::RemoveDevice]);

        let usual = Policy { unenrolled: Some(Unenrolled::Allow), ..Policy::default() };
        let deny = Policy { unenrolled: Some(Unenrolled::Deny), ..Policy::default() };
        let rights = |self_service| Policy { self_service: Some(self_service), ..usual.clone() };
        let off = Policy { enabled: false, ..usual.clone() };
        let only_remove = rights(SelfService { remove: true, ..NOBODY });
        let only_codes = rights(SelfService { backup_codes: true, ..NOBODY });
        let only_replace = rights(SelfService { replace: true, ..NOBODY });
        let only_enroll = Policy { self_service: Some(SelfService { enroll: true, ..NOBODY }), ..deny.clone() };
        let (yes, no) = (Ok(()), Err);
        let (not_yours, not_self, policy_off) = (no(Denied::NotYours), no(Denied::NotSelf), no(Denied::PolicyOff));

        let as_caller = |uid, judges, account: &Account, deed, policy: &Policy, expected| {
            let (caller, subject) = (Caller { uid, judges }, Subject { account, logs_in: true, required: false });
            assert_eq!(may(caller, subject, deed, policy), expected, "{caller:?} {account:?} {deed:?} {policy:?}");
        };
        let is = |uid, account: &Account, deed, policy: &Policy, expected| {
            as_caller(uid, false, account, deed, policy, expected);
        };
        for account in [&alice, &other_name] {
            [Deed::Look, Deed::Judge].into_iter().for_each(|deed| is(ALICE, account, deed, &usual, yes));
            own.iter().chain(&further).for_each(|deed| is(ALICE, account, *deed, &usual, yes));
        }
        for stranger in [&bob, &root] {
            [Deed::Look, Deed::Judge]
                .into_iter()
                .for_each(|deed| is(ALICE, stranger, deed, &usual, no(Denied::NotYoursToSee)));
            own.iter().chain(&further).for_each(|deed| is(ALICE, stranger, *deed, &usual, not_yours));
        }
        // Root looks at everybody and changes nobody.
        [Deed::Look, Deed::Judge].into_iter().for_each(|deed| is(0, &alice, deed, &usual, yes));
        own.iter().chain(&further).for_each(|deed| is(0, &alice, *deed, &usual, not_yours));
        is(0, &root, enroll, &usual, no(Denied::NoLogin));
        is(0, &root, Deed::Remove, &usual, yes);
        // A daemon that judges: others' codes, but not root's, and nothing else of anybody's.
        for account in [&alice, &bob] {
            as_caller(112, true, account, Deed::Judge, &usual, yes);
            as_caller(112, true, account, Deed::Look, &usual, no(Denied::NotYoursToSee));
            own.iter().chain(&further).for_each(|deed| as_caller(112, true, account, *deed, &usual, not_yours));
        }
        for deed in [Deed::Judge, Deed::Look] {
            as_caller(112, true, &root, deed, &usual, no(Denied::NotYoursToSee));
        }
        // What the policy says.
        for policy in [&deny, &Policy::default()] {
            is(ALICE, &alice, enroll, policy, not_self);
            own[1..].iter().chain(&further).for_each(|deed| is(ALICE, &alice, *deed, policy, yes));
        }
        own.iter().chain(&further).for_each(|deed| is(ALICE, &alice, *deed, &Policy::strictest(b""), not_self));
        let each = [
            (&only_enroll, enroll),
            (&only_replace, replace),
            (&only_codes, Deed::BackupCodes),
            (&only_remove, Deed::Remove),
        ];
        for (policy, right) in each {
            own.iter().for_each(|deed| is(ALICE, &alice, *deed, policy, if *deed == right { yes } else { not_self }));
        }
        // A further device and a run-away one go with the right to another key, one of several with that to none.
        for (policy, rights) in [
            (&only_replace, [yes, yes, not_self]),
            (&only_remove, [not_self, not_self, yes]),
            (&only_enroll, [not_self; 3]),
            (&only_codes, [not_self; 3]),
        ] {
            further.iter().zip(rights).for_each(|(deed, right)| is(ALICE, &alice, *deed, policy, right));
        }
        for roots in [Deed::Counter, Deed::TemporaryCodes] {
            is(ALICE, &alice, roots, &usual, not_self);
            is(0, &root, roots, &usual, not_self);
            is(0, &alice, roots, &usual, not_yours);
        }
        is(ALICE, &alice, enroll, &off, policy_off);
        is(ALICE, &alice, add, &off, policy_off);
        is(ALICE, &alice, replace, &off, policy_off);
        is(ALICE, &alice, Deed::Remove, &off, yes);
        // Who never logs in, and what is no key.
        let service = Subject { account: &alice, logs_in: false, required: false };
        let caller = Caller { uid: ALICE, judges: false };
        assert_eq!(may(caller, service, enroll, &usual), no(Denied::NoLogin));
        assert_eq!(may(caller, service, replace, &usual), yes);
        let required = Subject { account: &alice, logs_in: true, required: true };
        let refused = own.map(|deed| may(caller, required, deed, &usual));
        assert_eq!(refused, [yes, yes, yes, no(Denied::Required)]);
        assert_eq!(further.map(|deed| may(caller, required, deed, &usual)), [yes; 3], "one of several is not the last");
        is(ALICE, &alice, Deed::Enroll(&short), &usual, no(Denied::ShortKey));
        is(ALICE, &alice, Deed::Replace(&short), &usual, no(Denied::ShortKey));
        is(ALICE, &alice, Deed::Add(&short), &usual, no(Denied::ShortKey));
    }
}
