//! The supervisor of the rooms: wakes them on demand, lets them sleep, starts them again after a
//! crash.
//!
//! Root starts it. A room is loaded from the store beside the supervisor, so that one slow read
//! holds up no other room. A crash is answered by a fresh start from the store: at once, but with
//! growing pauses for a room that crashes again within [`crash::STEADY`], and one that does so more
//! than [`crash::MOST`] times in a row stays down for [`crash::REST`] and answers `unavailable`. The
//! message that a room was handling when it crashed is handled again by the next one, before all
//! others; after three crashes it is set aside.
//!
//! A crash of the supervisor ends its rooms. The next supervisor wakes those that somebody has open,
//! the others wake on demand. What waited for them, in their mailboxes, on their desks or here, waits
//! at the address of the supervisor meanwhile, and is handled then.

mod asking;
mod changes;
mod crash;
mod draft;
mod erasures;
mod handle;
mod load;
mod moderate;
mod news;
mod outcomes;
mod parked;
mod read;
mod refusals;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

pub use self::asking::{no_bots, too_far};
use self::crash::{Again, Crashes, Start};
pub use self::draft::NewText;
pub use self::handle::RoomsHandle;
pub(crate) use self::load::Loaded;
use self::parked::Parked;
use super::bounded::{BoundedRef, Envelope};
use super::relay::RoomGauge;
use super::room::{self, Desk, Room, RoomHandle, RoomMsg};
use super::seat::Answer;
use super::task;
use crate::domain::RoomId;
use crate::faults::{Moment, Part};
use crate::protocol::{ErrorCode, Refusal};

/// Commands that may wait for the supervisor.
pub(super) const MAILBOX: usize = 65_536;

/// Message of the supervisor.
pub(crate) enum RoomsMsg {
    /// Wake a room and give its address.
    Ensure(RoomId, Answer<Result<RoomHandle, Refusal>>),
    /// The store has answered; `None`: there is no such room.
    Loaded(RoomId, Result<Option<Box<Loaded>>, Refusal>),
    /// The pause after a crash is over.
    Again(RoomId),
    /// A message for a room that is not awake: wake it first.
    Forward(RoomId, Box<RoomMsg>),
    /// A message for a room if it is awake or waking; nobody misses it otherwise.
    Offer(RoomId, Box<RoomMsg>),
    /// A room that nobody needs asks to end.
    Sleep(RoomId),
    /// These rooms were deleted.
    Delete(Vec<RoomId>),
}

/// Who waits for a room that is being loaded.
#[derive(Default)]
struct Waking {
    answers: Vec<Answer<Result<RoomHandle, Refusal>>>,
    messages: Vec<Parked>,
    is_loading: bool,
}

/// What the supervisor knows.
#[derive(Default)]
pub(super) struct State {
    living: HashMap<ActorId, (RoomId, Desk)>,
    waking: HashMap<RoomId, Waking>,
    crashes: HashMap<RoomId, Crashes>,
    /// Rooms that crashed and are not back yet.
    down: HashSet<RoomId>,
    /// What they had in hand.
    again: HashMap<RoomId, Parked>,
}

/// The supervisor.
pub(super) struct Rooms {
    pub(super) handle: RoomsHandle,
}

impl Actor for Rooms {
    type Msg = Envelope<RoomsMsg>;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let mut state = State::default();
        // Rooms that ended with the supervisor before this one: who listens must miss nothing.
        for room in self.handle.directory.clear() {
            if room.gauge.seats() > 0 {
                state.down.insert(room.room);
                self.wake(&me, &mut state, room.room);
            }
        }
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        self.handle.faults.panic_point(Part::Rooms, Moment::Start);
        let (Some(msg), _place) = envelope.open() else {
            return Ok(());
        };
        match msg {
            RoomsMsg::Ensure(room, answer) => match self.handle.directory.find(room) {
                Some(handle) => answer.give(Ok(handle)),
                None => self.wake(&me, state, room).answers.push(answer),
            },
            RoomsMsg::Forward(room, msg) => {
                let msg = self.park(room, *msg);
                self.handle.faults.panic_point(Part::Rooms, Moment::Middle);
                self.forward(&me, state, room, msg);
            }
            RoomsMsg::Offer(room, msg) => {
                let is_waking = state.waking.contains_key(&room);
                if is_waking || self.handle.directory.find(room).is_some() {
                    self.forward(&me, state, room, self.park(room, *msg));
                }
            }
            RoomsMsg::Loaded(room, loaded) => self.loaded(&me, state, room, loaded).await,
            RoomsMsg::Again(room) => {
                self.wake(&me, state, room);
            }
            RoomsMsg::Sleep(room) => {
                if let Some(handle) = self.handle.directory.remove(room) {
                    let _ended_already = handle.mailbox.actor().drain();
                }
            }
            RoomsMsg::Delete(rooms) => self.delete(rooms).await,
        }
        self.weigh(state);
        self.handle.faults.panic_point(Part::Rooms, Moment::End);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(who, _, _) => {
                if let Some((room, _)) = state.living.remove(&who.get_id()) {
                    self.strike_out(room, who.get_id());
                }
            }
            SupervisionEvent::ActorFailed(who, why) => {
                if let Some((room, desk)) = state.living.remove(&who.get_id()) {
                    tracing::error!(room.id = %room, "a room crashed: {why}");
                    self.strike_out(room, who.get_id());
                    self.crashed(&me, state, room, &desk);
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        self.weigh(state);
        Ok(())
    }
}

impl Rooms {
    /// Begins to load a room, unless that is under way; says who waits for it.
    fn wake<'s>(
        &self,
        me: &ActorRef<Envelope<RoomsMsg>>,
        state: &'s mut State,
        room: RoomId,
    ) -> &'s mut Waking {
        let start = state.crashes.get(&room).map_or(Start::After(Duration::ZERO), Crashes::start);
        let waking = state.waking.entry(room).or_default();
        if waking.is_loading {
            return waking;
        }
        waking.is_loading = true;
        let (me, store) = (me.clone(), self.handle.store.clone());
        let (filters, assistant) = (self.handle.filters.clone(), self.handle.assistant.clone());
        task::beside(async move {
            let loaded = match start {
                Start::Resting(rest) => Err(load::resting(rest)),
                Start::After(pause) => {
                    tokio::time::sleep(pause).await;
                    let mut loaded = load::load(&store, &filters, room).await;
                    if let Ok(Some(loaded)) = &mut loaded {
                        assistant.rule(&mut loaded.facts.rules.settings);
                    }
                    loaded
                }
            };
            let msg = RoomsMsg::Loaded(room, loaded);
            let _ended = me.send_message(Envelope::to_self(msg));
        });
        waking
    }

    fn forward(
        &self,
        me: &ActorRef<Envelope<RoomsMsg>>,
        state: &mut State,
        room: RoomId,
        msg: Parked,
    ) {
        let msg = match self.handle.directory.find(room) {
            Some(handle) => match msg.take().map(|msg| handle.answer(msg)) {
                Some(Err(back)) => self.park(room, back),
                Some(Ok(())) | None => return,
            },
            None => msg,
        };
        self.wake(me, state, room).messages.push(msg);
    }

    fn park(&self, room: RoomId, msg: RoomMsg) -> Parked {
        Parked::new(room, msg, &self.handle.supervisor)
    }

    async fn loaded(
        &self,
        me: &ActorRef<Envelope<RoomsMsg>>,
        state: &mut State,
        room: RoomId,
        loaded: Result<Option<Box<Loaded>>, Refusal>,
    ) {
        let waking = state.waking.remove(&room).unwrap_or_default();
        let started = match loaded {
            Ok(Some(loaded)) => {
                let again = state.again.remove(&room).and_then(Parked::take);
                self.start(me, state, *loaded, again).await
            }
            Ok(None) => Err(Refusal::new(ErrorCode::NotFound, "no such room")),
            Err(refusal) => Err(refusal),
        };
        match started {
            Ok(handle) => {
                // Before anybody else finds the room: what came first is handled first.
                for msg in waking.messages.into_iter().filter_map(Parked::take) {
                    let _crashed_again = handle.answer(msg);
                }
                self.handle.directory.insert(handle.clone());
                waking.answers.iter().for_each(|answer| answer.give(Ok(handle.clone())));
            }
            Err(refusal) => {
                let waiting = waking.messages.into_iter().chain(state.again.remove(&room));
                for msg in waiting.filter_map(Parked::take) {
                    self.handle.turn_away(room, msg, &refusal);
                }
                waking.answers.iter().for_each(|answer| answer.give(Err(refusal.clone())));
            }
        }
    }

    async fn start(
        &self,
        me: &ActorRef<Envelope<RoomsMsg>>,
        state: &mut State,
        loaded: Loaded,
        again: Option<RoomMsg>,
    ) -> Result<RoomHandle, Refusal> {
        let room_id = loaded.room();
        let restarts = state.crashes.get(&room_id).map_or(0, Crashes::total);
        let gauge = Arc::new(RoomGauge::new(loaded.about(restarts)));
        let desk = Desk::new(room_id, self.handle.supervisor.clone());
        let meter = Arc::default();
        let room = Room { rooms: self.handle.clone(), desk: desk.clone() };
        let first = room::Arguments {
            loaded,
            gauge: Arc::clone(&gauge),
            meter: Arc::clone(&meter),
            after_crash: state.down.remove(&room_id),
            again,
        };
        let (actor, _ends) =
            Room::spawn_linked(None, room, first, me.get_cell()).await.map_err(|why| {
                tracing::error!(room.id = %room_id, "a room did not start: {why}");
                Refusal::new(ErrorCode::Unavailable, "the room did not start")
            })?;
        let id = actor.get_id();
        let supervisor = self.handle.supervisor.clone();
        let lost = move |msg| {
            supervisor.answer(RoomsMsg::Forward(room_id, Box::new(msg)));
        };
        let mailbox = BoundedRef::new(actor, room::MAILBOX);
        let mailbox = mailbox.with_meter(&meter).with_lost(Arc::new(lost));
        let handle = RoomHandle { room: room_id, mailbox, gauge };
        state.living.insert(id, (room_id, desk));
        Ok(handle)
    }

    /// Starts a crashed room again, with the message that it was handling.
    fn crashed(
        &self,
        me: &ActorRef<Envelope<RoomsMsg>>,
        state: &mut State,
        room: RoomId,
        desk: &Desk,
    ) {
        self.handle.metrics.room_restarts.inc();
        state.down.insert(room);
        let crashes = state.crashes.entry(room).or_default();
        crashes.count(desk.age());
        let start = crashes.start();
        match desk.take().map(|msg| crashes.try_again(msg, desk.has_finished())) {
            Some(Again::Handle(msg)) => {
                let msg = self.park(room, msg);
                state.again.insert(room, msg);
            }
            Some(Again::SetAside(msg)) => {
                tracing::error!(room.id = %room, "a message crashed its room three times; set aside");
                self.handle.metrics.set_aside.inc();
                let refusal = Refusal::new(ErrorCode::Internal, "this could not be done");
                self.handle.turn_away(room, msg, &refusal);
            }
            None => {}
        }
        self.wake(me, state, room);
        if let Start::Resting(rest) = start {
            // Those who listen hear of what they missed when the rest is over.
            let again = move || Envelope::to_self(RoomsMsg::Again(room));
            let _timer = me.send_after(rest, again);
        }
    }

    async fn delete(&self, rooms: Vec<RoomId>) {
        for room in rooms {
            if let Some(handle) = self.handle.directory.remove(room) {
                handle.mailbox.actor().stop(Some("deleted".to_owned()));
            }
            self.handle.relays.broadcast(super::relay::RelayMsg::Deleted(room)).await;
        }
    }

    /// Takes an ended room out of the book, unless its successor stands there already.
    fn strike_out(&self, room: RoomId, actor: ActorId) {
        let is_same = |handle: &RoomHandle| handle.mailbox.actor().get_id() == actor;
        if self.handle.directory.find(room).as_ref().is_some_and(is_same) {
            self.handle.directory.remove(room);
        }
    }

    fn weigh(&self, state: &State) {
        let living = i64::try_from(state.living.len()).unwrap_or(i64::MAX);
        self.handle.metrics.rooms_awake.set(living);
    }
}
