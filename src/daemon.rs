//! Root's side of the door: one request of one caller, judged and counted like any login.

mod delegated;

use std::fmt::Display;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;

use crate::backend::{self, Backend};
use crate::door::client::read;
use crate::door::message::Malformed;
use crate::door::wire::{Ask, Refusal, Reply, Request};
use crate::factor::attempt::{Outcome, Via};
use crate::factor::change::{Change, Deed};
use crate::factor::judgment::Verdict;
use crate::factor::secret::Answer;
use crate::factor::source::Source;
use crate::login::messages::log;
use crate::login::preview::Login;
use crate::login::status::Status;
use crate::login::unavailable::{DoorError, Unavailable};
use crate::login::verify;
use crate::manage::notify::Event;
use crate::manage::{self, Authority, ManageError};
use crate::policy::access::Denied;
use crate::system::account::{self, Account};
use crate::system::beat;
use crate::system::clock;
use crate::text::clean;

/// For the whole request to come, and for the reply to go.
const BOUND: Duration = Duration::from_secs(1);

/// Who is on the other side. The effective uid at the time of connecting; programs that changed it speak for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Peer {
    uid: u32,
    pid: i32,
}

/// Serves one request; `log` gets a line for each thing that an administrator should know.
pub fn serve(backend: &dyn Backend, stream: &mut UnixStream, log: &mut dyn FnMut(&str)) -> std::io::Result<()> {
    let peer = getsockopt(&*stream, PeerCredentials)?;
    let caller = Peer { uid: peer.uid(), pid: peer.pid() };
    stream.set_write_timeout(Some(BOUND))?;
    let deadline = Instant::now().checked_add(BOUND).ok_or(std::io::ErrorKind::TimedOut)?;
    let bytes = read(stream, deadline)?;
    panic_here!("server");
    let reply = match Request::parse(&bytes, clock::now()) {
        Ok(request) => Clerk { caller, backend, log }.answer(request),
        Err(Malformed) => Reply::Refused(Refusal::Malformed),
    };
    stream.write_all(reply.print().as_bytes())
}

struct Clerk<'a> {
    caller: Peer,
    backend: &'a dyn Backend,
    log: &'a mut dyn FnMut(&str),
}

impl Clerk<'_> {
    fn answer(&mut self, request: Request) -> Reply {
        if let Ask::Delegated { errand, code } = &request.ask {
            return self.delegated(&request.user, *errand, code);
        }
        if let (Ask::Verify { code, .. }, Some(judge)) =
            (&request.ask, backend::judge(self.backend.policy(), self.caller.uid))
        {
            let found = account::by_name(&request.user);
            if !matches!(&found, Ok(Some(account)) if account.uid == self.caller.uid) {
                return self.judged(&judge, found, code);
            }
        }
        let deed = if request.ask.is_change() { Denied::NotYours } else { Denied::NotYoursToSee };
        let account = match self.account(&request.user, deed) {
            Ok(account) => account,
            Err(error) => return self.refuse(&request.user, error),
        };
        let result = match request.ask {
            Ask::Preview => self.preview(&account),
            Ask::Verify { code, from, service } => self.verify(&account, &code, from, service.as_deref()),
            Ask::Status => self.status(&account),
            Ask::Change { change, current } => self.change(&account, change, current.as_ref()),
            Ask::Rights => Ok(self.rights(&account)),
            Ask::Delegated { errand, code } => Ok(self.delegated(&account.name, errand, &code)),
        };
        result.unwrap_or_else(|error| self.refuse(&account.name, error))
    }

    /// Whom the caller may ask about. A name that does not exist is as little theirs as another's.
    fn account(&self, name: &str, denied: Denied) -> Result<Account, ManageError> {
        // The sandbox of pam-totpd holds no other store.
        if !self.backend.policy().has_default_store() {
            return Err(DoorError::Fault.into());
        }
        let account = account::by_name(name).map_err(|_| DoorError::Fault)?.ok_or(denied)?;
        backend::may(self.caller.uid, &account, Deed::Look, self.backend.policy()).map_err(|_| denied)?;
        Ok(account)
    }

    fn preview(&self, account: &Account) -> Result<Reply, ManageError> {
        Ok(Reply::Preview(self.backend.store()?.enrollment(account.into())?.map(|enrollment| enrollment.digits())))
    }

    fn status(&self, account: &Account) -> Result<Reply, ManageError> {
        Ok(Reply::Status(Status::of(
            self.backend.store()?,
            &self.backend.policy().throttle,
            &account.name,
            Some(account),
            clock::now(),
        )?))
    }

    fn verify(
        &mut self,
        account: &Account,
        code: &Answer,
        from: Source,
        service: Option<&str>,
    ) -> Result<Reply, ManageError> {
        // A caller who is not root could name an address that does not wait, and have it remembered.
        let (source, service) = if self.caller.uid == 0 { (from, service) } else { (Source::Door, None) };
        let verdict = self.verdict(account, code, source, service, &source)?;
        Ok(Reply::Verdict(verdict.map(|verdict| (verdict.outcome, verdict.now))))
    }

    /// For a daemon: yes or no. Whatever a refusal is for, it is the same answer, at a beat, after the work of a wrong code.
    fn judged(&mut self, judge: &str, found: Result<Option<Account>, account::LookupFailed>, code: &Answer) -> Reply {
        let asked = Instant::now();
        let from = log::a_program_of(judge);
        let verdict = match found {
            Ok(Some(account))
                if backend::may(self.caller.uid, &account, Deed::Judge, self.backend.policy()).is_ok() =>
            {
                self.verdict(&account, code, Source::Judge, None, &from)
            }
            other => {
                verify::decoy(self.backend.policy(), code);
                let why = match other {
                    Ok(Some(account)) => log::judged_for_nobody(&account.name),
                    Ok(None) => log::NO_SUCH_USER.into(),
                    Err(account::LookupFailed) => Unavailable::Accounts.to_string(),
                };
                self.log(&log::refused_for(&from, &why));
                Ok(None)
            }
        };
        match verdict {
            Ok(Some(Verdict { outcome: Outcome::Accepted { .. }, now, .. })) => {
                return Reply::Verdict(Some((Outcome::Accepted { via: Via::Untold, since: None }, now)));
            }
            Ok(_) => {}
            Err(error) => self.log(&log::refused_for(&from, &error)),
        }
        beat::wait(asked);
        Reply::Verdict(Some((Outcome::Untold, clock::now())))
    }

    /// Judges, and logs it.
    fn verdict(
        &mut self,
        account: &Account,
        code: &Answer,
        source: Source,
        service: Option<&str>,
        from: &dyn Display,
    ) -> Result<Option<Verdict>, ManageError> {
        let login = Login {
            name: Some(&account.name),
            service: service.unwrap_or_default(),
            source,
            ssh_auth: "",
            nullok: false,
            remembers: service.is_some(),
        };
        let verdict = self.backend.verify_for(account, &login, code)?;
        match &verdict {
            Some(verdict) => log::lines(verdict, &account.name, from).iter().for_each(|line| self.log(line)),
            None => self.log(&log::not_enrolled(Some(&account.name), from)),
        }
        Ok(verdict)
    }

    /// What is allowed is asked of the change itself.
    fn change(&mut self, account: &Account, change: Change, current: Option<&Answer>) -> Result<Reply, ManageError> {
        let policy = self.backend.policy();
        let deed = change.deed();
        backend::may(self.caller.uid, account, deed, policy)?;
        if matches!(deed, Deed::Enroll(_)) && self.is_delegate(account)? {
            return Err(Denied::NotSelf.into());
        }
        let (done, event) = (deed.done(), deed.event());
        // What needs no code is not told: anybody could have a program of root run as often as they like.
        let event = event.filter(|_| deed != Deed::Forget);
        let codes = manage::apply(self.backend.store()?, policy, account, Authority::Owner(current), &change)?;
        self.log(&format!("{done} {}", clean(&account.name)));
        if let Some(event) = event {
            self.tell(&account.name, &account.name, event);
        }
        Ok(Reply::Done(codes))
    }

    /// The change was made, whatever comes of this.
    fn tell(&mut self, user: &str, by: &str, event: &str) {
        let event = Event { event, user: Some(user), by: Some(by), at: clock::now(), ..Event::default() };
        if let Err(error) = self.backend.tell(&event) {
            self.log(&log::notify_error(&error));
        }
    }

    fn refuse(&mut self, name: &str, error: ManageError) -> Reply {
        self.log(&log::refused_for(&clean(name), &error));
        Reply::Refused(error.into())
    }

    fn log(&mut self, text: &str) {
        let Peer { uid, pid } = self.caller;
        (self.log)(&log::asked_by(text, uid, pid));
    }
}
