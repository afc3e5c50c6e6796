//! One live room: who may write, who listens, what came last.
//!
//! The supervisor in `rooms/` starts it from the store when somebody needs it, and again after a
//! crash; it asks to sleep when it was idle for a while and has no seats. A crash loses nothing
//! durable: the log is in the store, the listeners are in the relays, and the message in hand is
//! kept on the [`Desk`] for the next one. What is true is decided in `state.rs` and `open.rs`;
//! here the effects are carried out, in their order.

mod act;
mod commit;
#[cfg(feature = "faults")]
mod crash;
mod desk;
mod first;
mod floors;
mod foreign;
mod horizon;
mod kept;
mod message;
mod open;
mod presence;
mod refusal;
mod ring;
mod rules;
mod said;
mod state;
#[cfg(test)]
mod tests;
mod waits;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::Serialize;

pub(crate) use self::desk::Desk;
pub(crate) use self::floors::Floors;
use self::foreign::Doubt;
pub(crate) use self::message::{
    Act, Ask, Beside, Change, Commit, Form, Loaded, MAILBOX, RoomHandle, RoomMsg, Send, Settings,
    Step, UNKNOWN, Undelivered, call,
};
pub(crate) use self::open::{PART_BYTES, PART_EVENTS};
pub(crate) use self::ring::EVENTS as RING_EVENTS;
pub(crate) use self::rules::RuleBook;
pub(crate) use self::state::Facts;
use self::state::{Effect, RoomState};
use super::bounded::{BoundedRef, Envelope};
use super::journal::Ticket;
use super::meter::Meter;
use super::pressure::Lateness;
use super::relay::{LiveEvent, Passing, RelayMsg, Relays, Revived, RoomGauge};
use super::rooms::{self, RoomsHandle, RoomsMsg};
use super::seat::Asker;
use crate::domain::{Millis, RoomId};
use crate::faults::{Moment, Part};
use crate::protocol::{Frame, Refusal, err_line, ok_line};
use crate::store::Append;

/// A room looks this often whether it is still needed.
const IDLE: Duration = Duration::from_secs(60);

/// What a room does not change.
pub(crate) struct Room {
    pub(crate) rooms: RoomsHandle,
    pub(crate) desk: Desk,
}

/// What a room starts with.
pub(crate) struct Arguments {
    pub(crate) loaded: rooms::Loaded,
    pub(crate) gauge: Arc<RoomGauge>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) after_crash: bool,
    /// What the room before had in hand; handled before all others.
    pub(crate) again: Option<RoomMsg>,
}

/// What changes.
pub(crate) struct Live {
    room: RoomId,
    state: RoomState,
    gauge: Arc<RoomGauge>,
    is_busy: bool,
    lateness: Lateness,
    me: RoomHandle,
    again: Option<RoomMsg>,
}

impl Actor for Room {
    type Msg = Envelope<RoomMsg>;
    type State = Live;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        me: ActorRef<Self::Msg>,
        Arguments { loaded, gauge, meter, after_crash, again }: Arguments,
    ) -> Result<Live, ActorProcessingErr> {
        let room = loaded.facts.room;
        let mut state = RoomState::new(loaded.facts, loaded.newest, Arc::clone(&gauge));
        state.known(&loaded.roster);
        if self.rooms.bus.is_linked() {
            state.link();
        }
        state.speaks(self.rooms.assistant.in_room(room));
        let (head, n) = state.head();
        state.publish();
        let mailbox = BoundedRef::new(me.clone(), MAILBOX).with_meter(&meter);
        let handle = RoomHandle { room, mailbox, gauge: Arc::clone(&gauge) };
        self.rooms.presence.watch(handle.clone());
        // Whoever listened through a crash, or to the head of a sleeping room, may have missed
        // the newest events.
        let newest = state.newest();
        let revived = Revived { room, head, n, newest, after_crash, gauge: Arc::clone(&gauge) };
        self.rooms.relays.broadcast(RelayMsg::Revived(Arc::new(revived))).await;
        let idle = || Envelope::to_self(RoomMsg::Idle);
        let _ends_with_the_actor = me.send_interval(IDLE, idle);
        let lateness = Lateness::default();
        Ok(Live { room, state, gauge, is_busy: true, lateness, me: handle, again })
    }

    async fn post_start(
        &self,
        _me: ActorRef<Self::Msg>,
        live: &mut Live,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(msg) = live.again.take() {
            self.work(msg, live).await;
        }
        Ok(())
    }

    async fn handle(
        &self,
        _me: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        live: &mut Live,
    ) -> Result<(), ActorProcessingErr> {
        let (Some(msg), place) = envelope.open() else {
            return Ok(());
        };
        self.work(msg, live).await;
        drop(place);
        Ok(())
    }

    async fn post_stop(
        &self,
        _me: ActorRef<Self::Msg>,
        live: &mut Live,
    ) -> Result<(), ActorProcessingErr> {
        self.rooms.presence.forget(live.me.clone());
        Ok(())
    }
}

impl Room {
    async fn work(&self, msg: RoomMsg, live: &mut Live) {
        self.desk.put(msg.clone());
        self.rooms.faults.in_room().await;
        self.rooms.faults.panic_point(Part::Room, Moment::Start);
        self.react(msg, live).await;
        self.desk.clear();
        self.rooms.faults.panic_point(Part::Room, Moment::End);
    }

    async fn react(&self, msg: RoomMsg, live: &mut Live) {
        match msg {
            RoomMsg::Opens(opens) => {
                for open in opens {
                    self.react_to(open, live).await;
                }
            }
            msg => self.react_to(msg, live).await,
        }
    }

    async fn react_to(&self, msg: RoomMsg, live: &mut Live) {
        if matches!(msg, RoomMsg::Idle) {
            return self.sleep_if_idle(live);
        }
        live.is_busy |= !msg.is_told();
        let msg = match msg {
            RoomMsg::Send(send) if live.lateness.is_standing(send.since, Instant::now()) => {
                return self.refuse_late(send.asker).await;
            }
            RoomMsg::Act(act) if live.lateness.is_standing(act.since, Instant::now()) => {
                return self.refuse_late(act.asker).await;
            }
            msg => msg,
        };
        if let RoomMsg::Send(send) = &msg {
            self.rooms.faults.taste(Part::Room, send.text.as_str());
        }
        let mut effects = Vec::new();
        if msg.shows_waits() {
            let over = if let RoomMsg::Waits(over) = &msg { over.as_slice() } else { &[] };
            effects = live.state.waits_are(self.rooms.assistant.waits_in(live.room), over);
        }
        effects.extend(decide(msg, &mut live.state));
        for msg in live.state.cleared() {
            effects.extend(follow(msg, &mut live.state));
        }
        self.rooms.faults.panic_point(Part::Room, Moment::Middle);
        for effect in effects {
            self.carry_out(effect, live).await;
        }
    }

    /// A message that has waited too long, in front of others that wait as well.
    async fn refuse_late<T: Serialize>(&self, asker: Asker<T>) {
        self.rooms.pressure.shut();
        answer(&self.rooms.relays, asker, Err(self.rooms.pressure.refusal())).await;
    }

    async fn carry_out(&self, effect: Effect, live: &Live) {
        let (relays, room) = (&self.rooms.relays, live.room);
        match effect {
            Effect::Publish { events, replies } => self.publish(events, replies, live).await,
            Effect::Attach(attach) => {
                relays.tell(attach.opening.seat, RelayMsg::Attach(Arc::new(attach))).await;
            }
            Effect::Refused(opening, frame) => {
                relays.tell(opening.seat, RelayMsg::Refused(opening, frame)).await;
            }
            Effect::Part(part) => {
                relays.tell(part.opening.seat, RelayMsg::Part(Arc::new(part))).await;
            }
            Effect::Pulled { seat, reply, level } => {
                relays.tell(seat, RelayMsg::Pulled { seat, room, reply, level }).await;
            }
            Effect::Reply(seat, frame) => relays.tell(seat, RelayMsg::Reply(seat, frame)).await,
            Effect::Sent(asker, outcome) => answer(relays, asker, outcome).await,
            Effect::Acted(asker, outcome) => answer(relays, asker, outcome).await,
            Effect::MarkSet(asker, outcome) => answer(relays, asker, outcome).await,
            Effect::Pass(what, frame) => {
                if let Passing::Typing(user) = what {
                    self.rooms.bus.typing(room, user);
                }
                relays.broadcast(RelayMsg::Passing { room, what, frame }).await;
            }
            Effect::Say(answering, (off, to), frame) => {
                self.rooms.bus.said(&answering, off, to);
                relays.broadcast(RelayMsg::Said { room, answering, upto: to, off, frame }).await;
            }
            Effect::Tell(user, tell) => {
                self.rooms.bus.tell(&[user], &tell);
                relays.broadcast(RelayMsg::Tell([user].into(), tell)).await;
            }
            Effect::Append { append, author, asker, since } => {
                self.append(append, Ticket::Message { room, author, asker }, since).await;
            }
            Effect::AppendAct { append, asker, since } => {
                self.append(append, Ticket::Act { room, asker }, since).await;
            }
            Effect::AppendMark { append, user, asker, seat } => {
                self.append(append, Ticket::Mark { room, user, asker, seat }, Instant::now()).await;
            }
            Effect::ReadSnapshot(readers) => {
                self.rooms.read_snapshot(live.me.clone(), readers);
            }
            Effect::ReadEvents(ask) => self.rooms.read_events(live.me.clone(), ask),
            Effect::ReadHole { after } => self.rooms.read_hole(live.me.clone(), after),
            Effect::Share(steps) => self.rooms.bus.share(room, steps),
            Effect::ReadRoster => self.rooms.read_roster(live.me.clone()),
            Effect::NoteOpened(users) => self.rooms.note_opened(live.me.clone(), users),
            Effect::ReadSettings => self.rooms.read_settings(live.me.clone()),
            Effect::Refreshed(answers) => answers.iter().for_each(|answer| answer.give(())),
            Effect::Counted(answer) => answer.give(live.gauge.counts()),
        }
    }

    async fn publish(
        &self,
        events: Vec<Arc<LiveEvent>>,
        replies: Vec<(crate::actors::seat::SeatKey, Frame)>,
        live: &Live,
    ) {
        live.state.publish();
        let (events, replies) = (events.into(), replies.into());
        self.rooms.relays.broadcast(RelayMsg::Events { events, replies }).await;
    }

    async fn append(&self, append: Append, ticket: Ticket, since: Instant) {
        let Err(refused) = self.rooms.journal.append(append, ticket, since) else {
            return;
        };
        if let (ticket, Err(refusal)) = *refused {
            match ticket {
                Ticket::Message { asker, .. } => {
                    answer(&self.rooms.relays, asker, Err(refusal)).await;
                }
                Ticket::Act { asker, .. } => {
                    answer(&self.rooms.relays, asker, Err(refusal)).await;
                }
                Ticket::Mark { asker, .. } => {
                    answer(&self.rooms.relays, asker, Err(refusal)).await;
                }
                Ticket::Member { answer, .. }
                | Ticket::Moves { answer }
                | Ticket::Run { answer, .. } => answer.give(Err(refusal)),
                Ticket::FanOut { .. } | Ticket::Event { .. } => {}
            }
        }
    }

    fn sleep_if_idle(&self, live: &mut Live) {
        let was_busy = std::mem::take(&mut live.is_busy);
        if was_busy
            || live.gauge.seats() > 0
            || live.state.is_waited_for()
            || live.state.is_speaking()
        {
            return;
        }
        // A supervisor with a full mailbox is asked again at the next look.
        let _later = self.rooms.supervisor.try_cast(RoomsMsg::Sleep(live.room));
    }
}

/// What follows from a message, unless the roster is to be read first.
fn decide(msg: RoomMsg, state: &mut RoomState) -> Vec<Effect> {
    match state.doubt(msg) {
        Ok(msg) => follow(msg, state),
        Err(Doubt::Read) => vec![Effect::ReadRoster],
        Err(Doubt::Wait) => Vec::new(),
    }
}

/// What follows from a message. Who asks from outside loses what place they may still have.
fn follow(msg: RoomMsg, state: &mut RoomState) -> Vec<Effect> {
    let stranger = state.stranger(&msg);
    let mut effects = answers(msg, state);
    effects.extend(stranger);
    effects
}

fn answers(msg: RoomMsg, state: &mut RoomState) -> Vec<Effect> {
    match msg {
        RoomMsg::Open { opening, since, form } => state.enter(opening, since, form),
        RoomMsg::Pull { opening, after, re } => state.pull(opening, after, re),
        RoomMsg::Next { opening, after, goal } => state.next(opening, after, goal),
        RoomMsg::Send(send) => vec![state.send(send, Millis::now())],
        RoomMsg::Act(act) => vec![state.act(*act, Millis::now())],
        RoomMsg::Mark { user, seq, asker, seat } => {
            let room = state.room();
            let append = Append::Mark { room, user, seq: seq.max(0), at: Millis::now() };
            vec![state.mark(append, user, asker, seat)]
        }
        RoomMsg::Unread { user, seq, asker, seat } => {
            let append = Append::Unread { room: state.room(), user, seq };
            vec![state.mark(append, user, asker, seat)]
        }
        RoomMsg::Typing { user, reply } => state.typing(user, reply, Millis::now()),
        RoomMsg::Committed(commits) => state.committed(commits),
        RoomMsg::Foreign(steps) => state.foreign(&steps),
        RoomMsg::Behind(head) => state.behind(head).into_iter().collect(),
        RoomMsg::Loaded(loaded) => state.loaded(&loaded),
        RoomMsg::Presence { joins, leaves } => {
            state.presence(&joins, &leaves).into_iter().collect()
        }
        RoomMsg::States(states) => state.states(states).into_iter().collect(),
        RoomMsg::Online(all) => state.online_are(all).into_iter().collect(),
        RoomMsg::Refresh(answer) => state.refresh(answer),
        RoomMsg::Count(answer) => vec![Effect::Counted(answer)],
        RoomMsg::Said(answering) => state.said(&answering).into_iter().collect(),
        // Opens are taken apart before, and what waits is looked at before.
        RoomMsg::Idle | RoomMsg::Opens(_) | RoomMsg::Waits(_) => Vec::new(),
        #[cfg(feature = "faults")]
        RoomMsg::Crash(times) => crash::crash(&times),
    }
}

/// Tells whoever asked what became of it.
pub(crate) async fn answer<T: Serialize>(
    relays: &Relays,
    asker: Asker<T>,
    outcome: Result<T, Refusal>,
) {
    match asker {
        Asker::Nobody => {}
        Asker::Call(answer) => answer.give(outcome),
        Asker::Seat(seat, re) => {
            let frame = reply(re, &outcome);
            relays.tell(seat, RelayMsg::Reply(seat, frame)).await;
        }
    }
}

fn reply<T: Serialize>(re: u32, outcome: &Result<T, Refusal>) -> Frame {
    match outcome {
        Ok(ok) => ok_line(re, ok),
        Err(refusal) => err_line(Some(re), refusal),
    }
}
