//! The root of the tree: starts the branches in order, and starts one again that ended.
//!
//! Each branch stands on its own: a restart of one touches no other, since all of them reach each
//! other through addresses that outlive the actors. A branch that lived for [`STEADY`] is back at
//! once; one that crashes again sooner waits longer each time, and after [`MOST`] crashes in a row
//! the root gives up. When the root ends, so does the node, with an error: whoever started it starts
//! it anew. Nothing is lost by that which a `kill -9` would not lose.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::time::Instant;

use super::assistant::{self, Assistants};
use super::bounded::BoundedRef;
use super::bus::{self, Bus};
use super::indexer::{self, Indexer};
use super::journal::{self, Journal};
use super::lookup::{self, Lookup, LookupHandle};
use super::presence::{self, Presence};
use super::rooms::{self, Rooms, RoomsHandle};
use super::sweeper::{self, Sweeper};
use crate::faults::{Moment, Part};

/// A branch that lived so long was well: its crash is the first of a row.
const STEADY: Duration = Duration::from_millis(500);
/// Pause before the second restart in a row; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);
/// More crashes in a row, over half a minute, are beyond repair.
const MOST: u32 = 10;

/// The branches, in the order of their start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Branch {
    Bus,
    Presence,
    Rooms,
    Journal,
    Lookup,
    Indexer,
    Sweeper,
    Assistants,
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
            Self::Indexer => "Indexer",
            Self::Sweeper => "Sweeper",
            Self::Assistants => "Assistants",
        }
    }

    /// The same as a word, for logs and metrics.
    const fn word(self) -> &'static str {
        match self {
            Self::Bus => "bus",
            Self::Presence => "presence",
            Self::Rooms => "rooms",
            Self::Journal => "journal",
            Self::Lookup => "lookup",
            Self::Indexer => "indexer",
            Self::Sweeper => "sweeper",
            Self::Assistants => "assistants",
        }
    }
}

/// In this order: a branch is reached by those that start behind it.
const ORDER: [Branch; 8] = [
    Branch::Bus,
    Branch::Presence,
    Branch::Rooms,
    Branch::Journal,
    Branch::Lookup,
    Branch::Indexer,
    Branch::Sweeper,
    Branch::Assistants,
];

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

/// Which branches live since when, and how often they crashed in a row.
#[derive(Default)]
pub(super) struct State {
    living: HashMap<ActorId, (Branch, Instant)>,
    rows: HashMap<Branch, u32>,
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
        self.rooms.faults.panic_point(Part::Root, Moment::Start);
        if let Err(why) = self.start(&me, state, branch).await {
            tracing::error!("the branch {branch:?} did not start: {why}");
            return state.plan(&me, branch, Duration::ZERO);
        }
        Ok(())
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
        if let Some((branch, since)) = state.living.remove(&ended.get_id()) {
            self.rooms.metrics.restarted(branch.word());
            if matches!(branch, Branch::Bus | Branch::Presence) {
                // What it had to say is perhaps unsaid; the other nodes compare, and call the roll.
                self.rooms.bus.fell_short();
            }
            state.plan(&me, branch, since.elapsed())?;
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
                let presence = self.rooms.presence.actor(&self.rooms);
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
                let RoomsHandle { store, faults, .. } = &self.rooms;
                let lookup = self.lookup.actor(store, faults);
                let (actor, _ends) = Lookup::spawn_linked(None, lookup, (), cell).await?;
                let id = actor.get_id();
                self.lookup.start(BoundedRef::new(actor, lookup::MAILBOX));
                id
            }
            Branch::Indexer => {
                let (actor, _ends) = Indexer::spawn_linked(None, self.indexer(), (), cell).await?;
                let id = actor.get_id();
                self.rooms.indexer.start(BoundedRef::new(actor, indexer::MAILBOX));
                id
            }
            Branch::Sweeper => {
                let sweeper = Sweeper { rooms: self.rooms.clone() };
                let (actor, _ends) = Sweeper::spawn_linked(None, sweeper, (), cell).await?;
                let id = actor.get_id();
                self.rooms.sweeper.start(BoundedRef::new(actor, sweeper::MAILBOX));
                id
            }
            Branch::Assistants => self.start_assistants(cell).await?,
        };
        state.living.insert(id, (branch, Instant::now()));
        Ok(())
    }

    async fn start_assistants(&self, cell: ActorCell) -> Result<ActorId, ActorProcessingErr> {
        let assistants = Assistants { rooms: self.rooms.clone(), node: self.rooms.life };
        let (actor, _ends) = Assistants::spawn_linked(None, assistants, (), cell).await?;
        let id = actor.get_id();
        self.rooms.assistant.start(BoundedRef::new(actor, assistant::MAILBOX));
        Ok(id)
    }

    fn journal(&self) -> Journal {
        let RoomsHandle { journal, store, metrics, pressure, faults, .. } = &self.rooms;
        journal.actor(store, Arc::new(self.rooms.clone()), metrics, pressure, faults)
    }

    fn indexer(&self) -> Indexer {
        let RoomsHandle { indexer, journal, store, metrics, faults, .. } = &self.rooms;
        indexer.actor(store, journal, metrics, faults)
    }
}

impl State {
    /// Plans the next start of a branch that ended after such a life.
    fn plan(
        &mut self,
        me: &ActorRef<RootMsg>,
        branch: Branch,
        lived: Duration,
    ) -> Result<(), ActorProcessingErr> {
        let pause = self.pause(branch, lived).ok_or_else(|| {
            format!("the {} crashed {MOST} times in a row; the node gives up", branch.word())
        })?;
        let _timer = me.send_after(pause, move || RootMsg::Again(branch));
        Ok(())
    }

    /// How long a branch waits for its next start; nothing when it crashed too often in a row.
    fn pause(&mut self, branch: Branch, lived: Duration) -> Option<Duration> {
        let row = self.rows.entry(branch).or_default();
        *row = if lived >= STEADY { 1 } else { *row + 1 };
        match *row {
            0 | 1 => Some(Duration::ZERO),
            row if row > MOST => None,
            row => Some(PAUSE.saturating_mul(2_u32.saturating_pow(row - 2)).min(LONGEST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_that_crashes_once_a_second_is_back_at_once_for_ever() {
        let mut state = State::default();
        let second = Duration::from_secs(1);
        assert!((0..1_000).all(|_| state.pause(Branch::Journal, second) == Some(Duration::ZERO)));
    }

    #[test]
    fn a_branch_that_only_crashes_slows_down_and_then_the_root_gives_up() {
        let mut state = State::default();
        let pauses: Vec<_> =
            std::iter::from_fn(|| state.pause(Branch::Rooms, Duration::ZERO)).collect();
        assert_eq!(pauses.len(), usize::try_from(MOST).unwrap());
        assert!(pauses.is_sorted() && pauses.iter().sum::<Duration>() < 3 * LONGEST);
        assert_eq!(state.pause(Branch::Lookup, Duration::ZERO), Some(Duration::ZERO));
    }
}
