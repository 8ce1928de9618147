//! The model as stateright explores it: what may happen next, and what must hold whatever did.

use std::fmt;
use std::sync::Arc;

use stateright::{Model, Property};

use crate::keys::{Enrolled, Phone, Typed};
use crate::mutation::Mutation;
use crate::observer::Seen;
use crate::quiet;
use crate::run::{Deed, Run, Where};
use crate::world::{Budget, World};

/// Steps by which the clock is set back, and the phones with it: it was ahead.
pub const BACK: u64 = 3;
/// Steps by which it falls behind, while the phones stay: within their reach, just beyond it, and further than anything
/// reaches.
const BEHIND: [u64; 3] = [3, 8, 20];

/// What somebody may type, when they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// What the phone shows, or will show in so many steps, or showed.
    Shown(Phone, i8),
    /// The same and the next one, in a row; and with a wrong one in its place.
    Row(Phone, i8),
    Half(Phone, i8),
    Wrong,
    /// The first backup code.
    Backup,
}

/// What may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plan {
    Login(What),
    /// The same in a sandbox that sees the disk read-only, and can write in `/run`.
    Sandboxed(What),
    /// Sets this phone: proved or not; by its owner with this code, or by root.
    Set {
        phone: Phone,
        place: Where,
        proved: bool,
        owner: Option<What>,
    },
    Renew {
        owner: Option<What>,
    },
    Remove,
    Unlock,
}

#[derive(Clone, PartialEq)]
pub enum Action {
    Begin(Plan),
    /// The next system call of this program.
    Step(usize),
    /// Killed, or failed, with one of the worlds that this leaves.
    Interrupt(usize, Box<World>),
    /// With one of the worlds that come up again.
    PowerLoss(Box<World>),
    Tick,
    ClockBack,
    FallsBehind(u64),
    SetRight,
    Lose,
    Copy,
    Restore,
    Flip,
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(plan) => write!(f, "begins: {plan:?}"),
            Self::Step(me) => write!(f, "{me} goes on"),
            Self::Interrupt(me, _) => write!(f, "{me} is interrupted"),
            Self::PowerLoss(_) => f.write_str("the power goes"),
            Self::Tick => f.write_str("thirty seconds"),
            Self::ClockBack => write!(f, "the clock goes back by {BACK} steps"),
            Self::FallsBehind(by) => write!(f, "the clock falls behind by {by} steps"),
            Self::SetRight => f.write_str("the clock is set right"),
            Self::Lose => f.write_str("the state file is deleted"),
            Self::Copy => f.write_str("the state file is replaced by its copy"),
            Self::Restore => f.write_str("the first state file is restored"),
            Self::Flip => f.write_str("the disk turns read-only, or back"),
        }
    }
}

impl Action {
    /// In words, with the call that comes next.
    pub fn told(&self, world: &World) -> String {
        match self {
            Self::Step(me) => {
                let call = world.programs.get(*me).and_then(Option::as_ref).map(|run| run.call);
                call.map_or_else(String::new, |call| format!("{me} {call:?}"))
            }
            other => format!("{other:?}"),
        }
    }
}

/// One host to explore.
#[derive(Clone, Debug)]
pub struct Scene {
    pub name: &'static str,
    /// What is enrolled at the beginning, and how far ahead the phone's clock may be.
    pub enrolled: Option<Enrolled>,
    pub ahead: &'static [i64],
    /// Programs that run at once.
    pub programs: usize,
    pub plans: Vec<Plan>,
    pub budget: Budget,
    /// What must have happened, or the scene shows nothing.
    pub expected: &'static [&'static str],
}

#[derive(Clone, Debug)]
pub struct Host {
    pub scene: Scene,
    pub mutation: Option<Mutation>,
    pub seen: Arc<Seen>,
}

impl Host {
    /// The program that a plan comes to now; `None`: it cannot be begun.
    fn begin(&self, plan: Plan, world: &World) -> Option<Run> {
        let set = world.host.enrolled().and_then(|enrolled| enrolled.set);
        let shown = |phone, later: i8| world.shown(phone).saturating_add_signed(later.into());
        let typed = |what| match what {
            What::Shown(phone, later) => Some(Typed::Code(phone, shown(phone, later))),
            What::Row(phone, later) => Some(Typed::Row(phone, shown(phone, later))),
            What::Half(phone, later) => Some(Typed::Half(phone, shown(phone, later))),
            What::Wrong => Some(Typed::Wrong),
            What::Backup => set.map(Typed::Backup),
        };
        let by = |owner: Option<What>| owner.map_or(Some(None), |what| typed(what).map(Some));
        let deed = match plan {
            Plan::Login(what) | Plan::Sandboxed(what) => Deed::Login(typed(what)?),
            Plan::Set { phone, place, proved, owner } => {
                let proof = proved.then(|| world.shown(phone));
                Deed::Set { phone, place, proof, owner: by(owner)? }
            }
            Plan::Renew { owner } => {
                Deed::Renew { set: self.scene.budget.changes - world.left.changes + 1, owner: by(owner)? }
            }
            Plan::Remove => Deed::Remove,
            Plan::Unlock => Deed::Unlock,
        };
        let run = Run::start(deed, &world.host)?;
        Some(Run { is_sandboxed: matches!(plan, Plan::Sandboxed(_)), ..run })
    }
}

impl Plan {
    fn is_login(self) -> bool {
        matches!(self, Self::Login(_) | Self::Sandboxed(_))
    }
}

impl Model for Host {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let Scene { enrolled, ahead, programs, budget, .. } = &self.scene;
        let denied = if let Some(Mutation::Without(exception)) = self.mutation { Some(exception) } else { None };
        ahead.iter().map(|ahead| World::new(*enrolled, *ahead, *programs, *budget, denied)).collect()
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let left = &world.left;
        for (me, run) in world.programs.iter().enumerate() {
            let Some(run) = run else { continue };
            // Who waits and gives up leaves nothing: as if they had not come.
            if !run.waits(&world.host, self.mutation) {
                actions.push(Action::Step(me));
            }
            if left.kills > 0 {
                let ways = world.interrupted(me, self.mutation).into_iter();
                actions.extend(ways.map(|way| Action::Interrupt(me, Box::new(way))));
            }
        }
        if world.programs.iter().any(Option::is_none) {
            let may = |plan: &&Plan| if plan.is_login() { left.logins > 0 } else { left.changes > 0 };
            let plans = self.scene.plans.iter().filter(may).filter(|plan| self.begin(**plan, world).is_some());
            actions.extend(plans.map(|plan| Action::Begin(*plan)));
        }
        if left.power > 0 {
            actions.extend(world.after_power_loss().into_iter().map(|way| Action::PowerLoss(Box::new(way))));
        }
        // Between two logins: an administrator who takes the file from under one that has read it can replay its code.
        let free = world.host.state_file().is_some_and(|file| file.holder.is_none()) && !world.host.read_only;
        let others = [
            (left.ticks > 0 && !world.programs.iter().flatten().any(|run| run.is_late), Action::Tick),
            // The phones go with it, and codes of before are not typed behind it.
            (left.back > 0 && world.is_idle(), Action::ClockBack),
            (world.behind > 0 && world.is_idle(), Action::SetRight),
            (left.losses > 0 && free, Action::Lose),
            (left.copies > 0 && free, Action::Copy),
            (left.restores > 0 && free, Action::Restore),
            (left.flips > 0, Action::Flip),
        ];
        if left.behind > 0 && world.is_idle() {
            actions.extend(BEHIND.map(Action::FallsBehind));
        }
        actions.extend(others.into_iter().filter(|(may, _)| *may).map(|(_, action)| action));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        let left = &mut next.left;
        match action {
            Action::Begin(plan) => {
                let run = self.begin(plan, world)?;
                if plan.is_login() {
                    left.logins -= 1
                } else {
                    left.changes -= 1
                }
                let is_late = matches!(plan, Plan::Login(What::Shown(Phone::A, later)) if later < 0);
                next.ghost.fast_and_late |= is_late && world.ahead > 0;
                // Always in the first free place: which of two alike is which makes no other state.
                let me = next.programs.iter().position(Option::is_none)?;
                next.programs[me] = Some(run);
                // Nobody changes the name while nobody may: then it does not matter when the file is opened.
                let fixed = [left.losses, left.copies, left.restores, left.flips] == [0; 4];
                if fixed && next.host.state_file().is_some() {
                    next.step(me, self.mutation, &self.seen);
                }
            }
            Action::Step(me) => {
                next.step(me, self.mutation, &self.seen);
            }
            Action::Interrupt(_, way) => {
                next = *way;
                next.left.kills -= 1;
            }
            Action::PowerLoss(way) => {
                self.seen.mark("the power went");
                next = *way;
                next.left.power -= 1;
            }
            Action::Tick => {
                left.ticks -= 1;
                next.time_goes_on();
            }
            Action::ClockBack => {
                left.back -= 1;
                next.host.clock -= BACK;
                next.ghost.back += BACK;
            }
            Action::FallsBehind(by) => {
                left.behind -= 1;
                next.clock_falls_behind(by);
            }
            Action::SetRight => next.clock_is_set_right(),
            Action::Lose => {
                left.losses -= 1;
                next.ghost.lost();
                next.host.put(None, &world.in_use());
            }
            Action::Copy => {
                left.copies -= 1;
                next.host.put(world.host.state_file().cloned(), &world.in_use());
            }
            Action::Restore => {
                left.restores -= 1;
                let first = World::new(self.scene.enrolled, world.ahead, 0, *left, None).host;
                next.host.put(first.state_file().cloned(), &world.in_use());
                next.ghost.restored();
            }
            Action::Flip => {
                left.flips -= 1;
                next.host.read_only = !next.host.read_only;
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no code is accepted twice", |_, world: &World| !world.ghost.twice),
            Property::always("no code is accepted behind a later one", |_, world: &World| !world.ghost.older),
            Property::always("no guess is judged that is not counted", |_, world: &World| world.is_counted()),
            Property::always("no more guesses than the buckets have", |_, world: &World| world.ghost.is_bounded()),
            Property::always("a used code costs nothing", |_, world: &World| !world.ghost.paid),
            Property::always("the secret is whole", |_, world: &World| world.secret_is_whole()),
            Property::always("no enrollment is voided unasked", |_, world: &World| !world.ghost.voided),
            Property::always("somebody can go on", |model: &Self, world: &World| {
                let mut running = world.programs.iter().flatten().peekable();
                running.peek().is_none() || running.any(|run| !run.waits(&world.host, model.mutation))
            }),
            Property::always("nobody is locked out", |model: &Self, world: &World| {
                quiet::future(model.mutation, world).in_a_row
            }),
            Property::always("single codes do where none waits", |model: &Self, world: &World| {
                quiet::future(model.mutation, world).one_by_one
            }),
        ]
    }
}
