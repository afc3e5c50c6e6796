//! What crosses nodes: tells the others what happened here, takes in what happened there.
//!
//! Root starts it, before everything else, where there is a link to other nodes. Rooms and REST
//! calls leave with it what they have committed and told already; it never makes them wait. What
//! others committed goes to the live room, which applies it like any event: in the order of the
//! log, each once. Nothing here is needed for truth: what the link or a full queue loses, and what a
//! crash of the bus forgets, is found when the heads are compared with the store, which happens
//! after every gap, every 30 s, and every 2 s while the link is away.

mod heads;
mod message;
mod parcel;
mod places;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc;

use self::message::Compared;
pub(crate) use self::message::{BusHandle, BusMsg, MAILBOX};
use self::parcel::{Entry, Parcel, What};
pub(crate) use self::parcel::{Online, Roll};
use super::assistant;
use super::bounded::{BoundedRef, Envelope, Rejected};
use super::relay::{Passing, RelayMsg};
use super::room::{Change, RoomMsg, Step};
use super::rooms::{RoomsHandle, RoomsMsg};
use super::task;
use crate::domain::{RoomId, UserId};
use crate::faults::{Moment, Part as Planted};
use crate::protocol::{Frame, Typing};
use crate::store::{Heard, Link};

/// What the link brings may wait so often here; the rest waits in the link, which has a bound too.
const INTAKE: usize = 256;
/// Most steps of a room in one line.
const STEPS: usize = 64;
/// The clock of the bus.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two comparisons.
const EVERY: u32 = 30;
/// The same while the link is away.
const EVERY_AWAY: u32 = 2;
/// Ticks until a gap is looked at a second time: for rooms that were just waking.
const AGAIN: u32 = 3;
/// Ticks between two looks at who may read what.
const PLACES_EVERY: u32 = 10;

/// The bus of a node.
pub(super) struct Bus {
    pub(super) rooms: RoomsHandle,
    pub(super) link: Arc<dyn Link>,
}

/// When the heads are compared.
pub(super) struct State {
    /// Ticks until the next comparison.
    left: u32,
    is_comparing: bool,
    /// A tick has passed since the last comparison began: gaps may come in storms.
    is_rested: bool,
    /// There was a gap since the last comparison began.
    is_short: bool,
    was_up: bool,
    /// After a gap people may not know of rooms that they came to.
    are_places_due: bool,
    /// Ticks until that may be looked at again.
    places_in: u32,
}

impl Actor for Bus {
    type Msg = Envelope<BusMsg>;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let intake = BoundedRef::new(me.clone(), INTAKE);
        task::beside(take_in(self.link.listen(), intake));
        let _ends_with_the_actor = me.send_interval(TICK, || Envelope::to_self(BusMsg::Tick));
        Ok(State {
            left: 1,
            is_comparing: false,
            is_rested: true,
            is_short: false,
            was_up: false,
            are_places_due: false,
            places_in: 0,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let faults = &self.rooms.faults;
        faults.panic_point(Planted::Bus, Moment::Start);
        let (Some(msg), _place) = envelope.open() else {
            return Ok(());
        };
        faults.panic_point(Planted::Bus, Moment::Middle);
        match msg {
            BusMsg::Share(room, steps) => {
                for some in steps.chunks(STEPS) {
                    self.say(What::Log { room, entries: some.iter().map(Entry::of).collect() });
                }
            }
            BusMsg::Say(what) => self.say(what),
            BusMsg::Heard(Heard::Lines(lines)) => {
                for line in lines.lines() {
                    self.take(line, state).await;
                }
            }
            BusMsg::Heard(Heard::Gap) => self.gap(state),
            BusMsg::Tick => self.tick(state),
            BusMsg::Compared(how) => {
                state.is_comparing = false;
                if how == Compared::Failed {
                    state.left = state.left.min(EVERY_AWAY);
                }
            }
        }
        if state.left == 0 && !state.is_comparing {
            state.begin(self.link.is_up());
            task::beside(heads::compare(self.rooms.clone(), me));
        }
        if state.are_places_due && state.places_in == 0 {
            (state.are_places_due, state.places_in) = (false, PLACES_EVERY);
            task::beside(places::tell(self.rooms.clone()));
        }
        faults.panic_point(Planted::Bus, Moment::End);
        Ok(())
    }
}

impl State {
    /// A comparison begins: when is the next?
    fn begin(&mut self, is_up: bool) {
        (self.is_comparing, self.is_rested) = (true, false);
        self.left = match (std::mem::take(&mut self.is_short), is_up) {
            (true, _) => AGAIN,
            (false, true) => EVERY,
            (false, false) => EVERY_AWAY,
        };
    }

    /// Something was lost: compare at once, and a second time soon.
    fn short(&mut self) {
        (self.is_short, self.are_places_due) = (true, true);
        self.left = u32::from(!self.is_rested);
    }
}

impl Bus {
    fn say(&self, what: What) {
        let parcel = Parcel { node: self.rooms.bus.node(), what };
        let sent = match serde_json::to_string(&parcel) {
            Ok(line) => self.link.publish(line).is_ok(),
            Err(_unwritable) => false,
        };
        if !sent {
            self.rooms.bus.fell_short();
        }
    }

    /// Lines were lost on one way or the other, and nobody knows whose: everyone compares.
    fn gap(&self, state: &mut State) {
        state.short();
        self.say(What::Gap);
        self.rooms.presence.call_roll();
    }

    fn tick(&self, state: &mut State) {
        state.left = state.left.saturating_sub(1);
        state.is_rested = true;
        state.places_in = state.places_in.saturating_sub(1);
        let is_up = self.link.is_up();
        if !is_up && state.was_up {
            state.left = state.left.min(EVERY_AWAY);
        }
        state.was_up = is_up;
        // While the link is away nobody can be told; the gap is told when it is back.
        if is_up && self.rooms.bus.was_short() {
            self.say(What::Gap);
        }
    }

    /// Takes in what another node says.
    async fn take(&self, line: &str, state: &mut State) {
        let parcel = match serde_json::from_str::<Parcel>(line) {
            Ok(parcel) if parcel.node == self.rooms.bus.node() => return,
            Ok(parcel) => parcel,
            Err(why) => {
                // Perhaps a newer node says something new.
                tracing::warn!("a line of the bus was not understood: {why}");
                return;
            }
        };
        let relays = &self.rooms.relays;
        match parcel.what {
            What::Log { room, entries } => {
                let steps = entries.into_iter().map(|entry| entry.into_step(room)).collect();
                self.take_log(room, steps, state).await;
            }
            What::Typing { room, by } => {
                let frame = Frame::json(&Typing { room, by });
                let what = Passing::Typing(by);
                relays.broadcast(RelayMsg::Passing { room, what, frame }).await;
            }
            What::Said { question, message, off, text } => {
                let place = (question, message);
                let heard = self.rooms.assistant.abroad.heard(place, (off, &text));
                heard.iter().for_each(|answering| assistant::tell(&self.rooms, answering));
            }
            What::Waits(waits) => {
                let changed = self.rooms.assistant.waits.heard(parcel.node, &waits, Instant::now());
                assistant::look(&self.rooms, changed);
            }
            What::Users { users, word } => {
                relays.broadcast(RelayMsg::Tell(users.into(), word.into_tell())).await;
            }
            What::Update { room, line } => {
                if let Some(line) = line {
                    let frame = Frame::text(&line);
                    relays.broadcast(RelayMsg::Update { room, frame }).await;
                }
                self.refresh(room);
            }
            What::Deleted(rooms) => {
                self.rooms.supervisor.answer(RoomsMsg::Delete(rooms));
            }
            What::Refresh(rooms) => rooms.into_iter().for_each(|room| self.refresh(room)),
            What::Online { users, roll } => self.rooms.presence.abroad(parcel.node, users, roll),
            What::States { users } => self.rooms.presence.abroad_says(parcel.node, users),
            What::Gap => {
                state.short();
                self.rooms.presence.call_roll();
            }
        }
    }

    /// A room was changed on another node: it reads what it is set to, if it is awake.
    fn refresh(&self, room: RoomId) {
        let refresh = Box::new(RoomMsg::Refresh(None));
        self.rooms.supervisor.answer(RoomsMsg::Offer(room, refresh));
    }

    /// Hands on what another node committed: to the room if it is awake, else to whoever listens
    /// to its head.
    async fn take_log(&self, room: RoomId, steps: Arc<[Step]>, state: &mut State) {
        let msg = RoomMsg::Foreign(Arc::clone(&steps));
        let msg = match self.rooms.directory.find(room) {
            Some(handle) => match handle.mailbox.try_cast(msg) {
                Ok(()) => return,
                // The room reads what it has no place for.
                Err(Rejected::Full(_)) => return state.short(),
                Err(Rejected::Ended(msg)) => msg,
            },
            None => msg,
        };
        let events: Arc<[_]> = steps.iter().filter_map(|step| step.event.clone()).collect();
        if let Some(newest) = events.last() {
            let (head, n) = (newest.seq, newest.n);
            let events = Arc::clone(&events);
            self.rooms.relays.broadcast(RelayMsg::Elsewhere { room, head, n, events }).await;
        }
        // Who comes or goes, and is here, hears so from the room. And a room that is just being
        // read from the store must not miss what was committed meanwhile.
        let is_here = |user: UserId| self.rooms.presence.is_here(user);
        let is_move = |change: Change| !matches!(change, Change::Muted(_));
        let concerned = steps
            .iter()
            .any(|step| step.change.is_some_and(|(user, change)| is_move(change) && is_here(user)));
        let (room, msg) = (room, Box::new(msg));
        let left = match concerned {
            true => self.rooms.supervisor.try_cast(RoomsMsg::Forward(room, msg)),
            false => self.rooms.supervisor.try_cast(RoomsMsg::Offer(room, msg)),
        };
        if left.is_err() {
            state.short();
        }
    }
}

/// Brings what the link heard, for as long as the bus lives that listens.
async fn take_in(mut heard: mpsc::Receiver<Heard>, bus: BoundedRef<BusMsg>) {
    while let Some(heard) = heard.recv().await {
        if bus.cast(BusMsg::Heard(heard)).await.is_err() {
            return;
        }
    }
}
