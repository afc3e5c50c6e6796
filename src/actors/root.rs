//! The root of the tree: starts the branches in order, and starts one again that ended.
//!
//! Each branch stands on its own: a restart of one touches no other, since all of them reach each
//! other through addresses that outlive the actors. Restarts are counted over a minute and wait
//! longer the more there were, at most [`LONGEST`].

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::time::Instant;

use super::bounded::BoundedRef;
use super::bus::{self, Bus};
use super::journal::{self, Journal};
use super::lookup::{self, Lookup, LookupHandle};
use super::presence::{self, Presence};
use super::rooms::{self, Rooms, RoomsHandle};

/// The time over which restarts are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// Pause before the second restart in a window; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);

/// The branches, in the order of their start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Branch {
    Bus,
    Presence,
    Rooms,
    Journal,
    Lookup,
}

impl Branch {
    /// Its name, for whoever watches.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bus => "Bus",
            Self::Presence => "Presence",
            Self::Rooms => "Rooms",
            Self::Journal => "Journal",
            Self::Lookup => "Lookup",
        }
    }
}

/// In this order: a branch is reached by those that start behind it.
const ORDER: [Branch; 5] =
    [Branch::Bus, Branch::Presence, Branch::Rooms, Branch::Journal, Branch::Lookup];

/// Message of the root.
pub(super) enum RootMsg {
    /// The pause after a crash is over.
    Again(Branch),
}

/// The root.
pub(super) struct Root {
    pub(super) rooms: RoomsHandle,
    pub(super) lookup: LookupHandle,
}

/// Which branches live, and when branches crashed.
#[derive(Default)]
pub(super) struct State {
    living: HashMap<ActorId, Branch>,
    crashes: VecDeque<Instant>,
}

impl Actor for Root {
    type Msg = RootMsg;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, _me: ActorRef<RootMsg>, (): ()) -> Result<State, ActorProcessingErr> {
        Ok(State::default())
    }

    /// Starts the branches once the root can supervise them.
    async fn post_start(
        &self,
        me: ActorRef<RootMsg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        for branch in ORDER {
            self.start(&me, state, branch).await?;
        }
        Ok(())
    }

    async fn handle(
        &self,
        me: ActorRef<RootMsg>,
        RootMsg::Again(branch): RootMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.start(&me, state, branch).await
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<RootMsg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let ended = match event {
            SupervisionEvent::ActorFailed(who, why) => {
                tracing::error!("a branch crashed: {why}");
                who
            }
            SupervisionEvent::ActorTerminated(who, _, _) => who,
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        if let Some(branch) = state.living.remove(&ended.get_id()) {
            let pause = state.pause();
            let _timer = me.send_after(pause, move || RootMsg::Again(branch));
        }
        Ok(())
    }
}

impl Root {
    async fn start(
        &self,
        me: &ActorRef<RootMsg>,
        state: &mut State,
        branch: Branch,
    ) -> Result<(), ActorProcessingErr> {
        let cell = me.get_cell();
        let id = match branch {
            Branch::Bus => {
                let Some(link) = self.rooms.bus.link() else {
                    return Ok(());
                };
                let bus = Bus { rooms: self.rooms.clone(), link };
                let (actor, _ends) = Bus::spawn_linked(None, bus, (), cell).await?;
                let id = actor.get_id();
                self.rooms.bus.start(BoundedRef::new(actor, bus::MAILBOX));
                id
            }
            Branch::Presence => {
                let presence = self.rooms.presence.actor(&self.rooms.bus);
                let (actor, _ends) = Presence::spawn_linked(None, presence, (), cell).await?;
                let id = actor.get_id();
                self.rooms.presence.start(BoundedRef::new(actor, presence::MAILBOX));
                id
            }
            Branch::Rooms => {
                let rooms = Rooms { handle: self.rooms.clone() };
                let (actor, _ends) = Rooms::spawn_linked(None, rooms, (), cell).await?;
                let id = actor.get_id();
                self.rooms.supervisor.set(BoundedRef::new(actor, rooms::MAILBOX));
                id
            }
            Branch::Journal => {
                let (actor, _ends) = Journal::spawn_linked(None, self.journal(), (), cell).await?;
                let id = actor.get_id();
                self.rooms.journal.start(BoundedRef::new(actor, journal::MAILBOX));
                id
            }
            Branch::Lookup => {
                let lookup = self.lookup.actor(&self.rooms.store);
                let (actor, _ends) = Lookup::spawn_linked(None, lookup, (), cell).await?;
                let id = actor.get_id();
                self.lookup.start(BoundedRef::new(actor, lookup::MAILBOX));
                id
            }
        };
        state.living.insert(id, branch);
        Ok(())
    }

    fn journal(&self) -> Journal {
        let RoomsHandle { journal, store, metrics, pressure, .. } = &self.rooms;
        journal.actor(store, Arc::new(self.rooms.clone()), metrics, pressure)
    }
}

impl State {
    fn pause(&mut self) -> Duration {
        let now = Instant::now();
        while self.crashes.front().is_some_and(|at| now.duration_since(*at) > WINDOW) {
            self.crashes.pop_front();
        }
        self.crashes.push_back(now);
        match u32::try_from(self.crashes.len()).unwrap_or(u32::MAX) {
            0 | 1 => Duration::ZERO,
            more => PAUSE.saturating_mul(2_u32.saturating_pow(more - 2)).min(LONGEST),
        }
    }
}
