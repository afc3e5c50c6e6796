//! The supervisor of the rooms: wakes them on demand, lets them sleep, starts them again after a
//! crash.
//!
//! Root starts it. A room is loaded from the store beside the supervisor, so that one slow read
//! holds up no other room. A crash is answered by a fresh start from the store: the first at once,
//! more of them with growing pauses, and a room that crashes more than [`crash::MOST`] times in
//! [`crash::WINDOW`] stays down for [`crash::REST`] and answers `unavailable`. The message that a
//! room was handling when it crashed is handled again by the next one; after three crashes it is
//! set aside. A crash of the supervisor itself ends its rooms; they wake again on demand.

mod crash;
mod handle;
mod load;
mod news;
mod read;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use self::crash::{Again, Crashes, Start};
pub use self::handle::{NewText, RoomsHandle};
pub(crate) use self::load::Loaded;
use super::bounded::{BoundedRef, Envelope};
use super::relay::RoomGauge;
use super::room::{self, Desk, Room, RoomHandle, RoomMsg};
use super::seat::Answer;
use super::task;
use crate::domain::RoomId;
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
    messages: Vec<RoomMsg>,
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
        _me: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        self.handle.directory.clear();
        Ok(State::default())
    }

    async fn handle(
        &self,
        me: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (Some(msg), _place) = envelope.open() else {
            return Ok(());
        };
        match msg {
            RoomsMsg::Ensure(room, answer) => match self.handle.directory.find(room) {
                Some(handle) => answer.give(Ok(handle)),
                None => self.wake(&me, state, room).answers.push(answer),
            },
            RoomsMsg::Forward(room, msg) => self.forward(&me, state, room, *msg),
            RoomsMsg::Offer(room, msg) => {
                let is_waking = state.waking.contains_key(&room);
                if is_waking || self.handle.directory.find(room).is_some() {
                    self.forward(&me, state, room, *msg);
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
        task::beside(async move {
            let loaded = match start {
                Start::Resting(rest) => Err(load::resting(rest)),
                Start::After(pause) => {
                    tokio::time::sleep(pause).await;
                    load::load(&store, room).await
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
        msg: RoomMsg,
    ) {
        let msg = match self.handle.directory.find(room) {
            Some(handle) => match handle.answer(msg) {
                Ok(()) => return,
                Err(back) => back,
            },
            None => msg,
        };
        self.wake(me, state, room).messages.push(msg);
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
            Ok(Some(loaded)) => self.start(me, state, *loaded).await,
            Ok(None) => Err(Refusal::new(ErrorCode::NotFound, "no such room")),
            Err(refusal) => Err(refusal),
        };
        match started {
            Ok(handle) => {
                for msg in waking.messages {
                    let _crashed_again = handle.answer(msg);
                }
                waking.answers.iter().for_each(|answer| answer.give(Ok(handle.clone())));
            }
            Err(refusal) => {
                waking.messages.into_iter().for_each(|msg| self.handle.turn_away(msg, &refusal));
                waking.answers.iter().for_each(|answer| answer.give(Err(refusal.clone())));
            }
        }
    }

    async fn start(
        &self,
        me: &ActorRef<Envelope<RoomsMsg>>,
        state: &mut State,
        loaded: Loaded,
    ) -> Result<RoomHandle, Refusal> {
        let room_id = loaded.room();
        let restarts = state.crashes.get(&room_id).map_or(0, Crashes::total);
        let gauge = Arc::new(RoomGauge::new(loaded.about(restarts)));
        let (desk, meter) = (Desk::default(), Arc::default());
        let room = Room { rooms: self.handle.clone(), desk: desk.clone() };
        let first = room::Arguments {
            loaded,
            gauge: Arc::clone(&gauge),
            meter: Arc::clone(&meter),
            after_crash: state.down.remove(&room_id),
        };
        let (actor, _ends) =
            Room::spawn_linked(None, room, first, me.get_cell()).await.map_err(|why| {
                tracing::error!(room.id = %room_id, "a room did not start: {why}");
                Refusal::new(ErrorCode::Unavailable, "the room did not start")
            })?;
        let id = actor.get_id();
        let supervisor = self.handle.supervisor.clone();
        let lost = move |msg| {
            let _restarts = supervisor.answer(RoomsMsg::Forward(room_id, Box::new(msg)));
        };
        let mailbox = BoundedRef::new(actor, room::MAILBOX);
        let mailbox = mailbox.with_meter(&meter).with_lost(Arc::new(lost));
        let handle = RoomHandle { room: room_id, mailbox, gauge };
        self.handle.directory.insert(handle.clone());
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
        crashes.count();
        let start = crashes.start();
        match desk.take().map(|msg| crashes.try_again(msg)) {
            Some(Again::Handle(msg)) => {
                // What waited behind it may have come back first.
                state.waking.entry(room).or_default().messages.insert(0, msg);
            }
            Some(Again::SetAside(msg)) => {
                tracing::error!(room.id = %room, "a message crashed its room three times; set aside");
                self.handle.metrics.set_aside.inc();
                let refusal = Refusal::new(ErrorCode::Internal, "this could not be done");
                self.handle.turn_away(msg, &refusal);
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
