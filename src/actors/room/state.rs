//! What is true in a room, and what follows from what happens. Pure: time is an argument, reads
//! and writes are returned as effects.
//!
//! **Invariant:** no seq is counted here. Events come numbered from the store; they are applied
//! in the order of the log, each once, whoever brings them and however often.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::first::First;
use super::floors::Floors;
use super::foreign::Linked;
use super::kept::Kept;
use super::message::{Ask, Beside, Change, Send, Step};
use super::open::Waiting;
use super::refusal::RoomRefusal;
use super::ring::Ring;
use super::rules::{Pace, Refreshing, RuleBook};
use super::said::Speaking;
use crate::actors::assistant::{Answering, Wait};
use crate::actors::relay::{Attach, LiveEvent, Part, Passing, RoomGauge, Tell};
use crate::actors::seat::{Answer, Asker, Opening, SeatKey};
use crate::domain::{
    Cid, ClubId, Epoch, FilterId, MessageId, Millis, Notify, Permission, Rank, RoomId, RoomKind,
    Standing, Text, UserId, limits,
};
use crate::protocol::{
    ActOk, Empty, Frame, MarkOk, Refusal, RoomEntry, SendOk, States, Touched, Typing, err_line,
    ok_line,
};
use crate::store::{Append, NewMessage};

/// What the room does next; `mod.rs` carries it out in this order.
#[derive(Debug)]
pub(crate) enum Effect {
    /// New events for every listener, replies to their senders before them.
    Publish { events: Vec<Arc<LiveEvent>>, replies: Vec<(SeatKey, Frame)> },
    /// A seat hears the room from here on.
    Attach(Attach),
    /// One part of a long replay.
    Part(Part),
    /// An opening is refused.
    Refused(Opening, Option<Frame>),
    /// An answer to a pull.
    Pulled { seat: SeatKey, reply: Option<(u32, Frame)>, level: bool },
    /// A reply to a seat.
    Reply(SeatKey, Frame),
    /// Answers the sender of a message.
    Sent(Asker<SendOk>, Result<SendOk, Refusal>),
    /// Answers who did something to messages.
    Acted(Asker<ActOk>, Result<ActOk, Refusal>),
    /// Answers the reader.
    MarkSet(Asker<MarkOk>, Result<MarkOk, Refusal>),
    /// Presence, typing, or that a question waits, for the listeners.
    Pass(Passing, Frame),
    /// More of an answer for the listeners, from one byte to another.
    Say(Arc<Answering>, (usize, usize), Frame),
    /// Something for all sessions of a user.
    Tell(UserId, Tell),
    /// Gives a draft to the journal.
    Append { append: Append, author: UserId, asker: Asker<SendOk>, since: Instant },
    /// Gives to the journal what is to be done to messages.
    AppendAct { append: Append, asker: Asker<ActOk>, since: Instant },
    /// Gives a read mark to the journal.
    AppendMark { append: Append, user: UserId, asker: Asker<MarkOk>, seat: Option<SeatKey> },
    /// Reads the last messages, for these readers.
    ReadSnapshot(Vec<UserId>),
    /// Reads events for a seat.
    ReadEvents(Ask),
    /// Reads events that this node missed.
    ReadHole { after: i64 },
    /// Tells the other nodes what was committed here.
    Share(Vec<Step>),
    /// Reads who may read the room.
    ReadRoster,
    /// Reads what the room is set to.
    ReadSettings,
    /// Notes that these have opened the room for the first time.
    NoteOpened(Vec<UserId>),
    /// It was read; those waited for it.
    Refreshed(Vec<Answer<()>>),
    /// Says how many may read the room, and how many of them are online.
    Counted(Answer<(usize, usize)>),
}

/// What a room begins with.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) room: RoomId,
    pub(crate) name: String,
    pub(crate) kind: RoomKind,
    pub(crate) club: Option<ClubId>,
    pub(crate) epoch: Epoch,
    pub(crate) head: i64,
    pub(crate) n: i64,
    /// What members hear of by an inbox entry who have not said what they want.
    pub(crate) notify: Notify,
    pub(crate) roster: HashMap<UserId, Standing>,
    /// From where on who sees the log.
    pub(crate) floors: Floors,
    /// What the room asks of those who are inside.
    pub(crate) rules: RuleBook,
}

/// A live room.
#[derive(Debug)]
pub(crate) struct RoomState {
    pub(super) facts: Facts,
    pub(super) gauge: Arc<RoomGauge>,
    pub(super) ring: Ring,
    pub(super) online: HashSet<UserId>,
    /// How those of them are who are not as usual.
    pub(super) states: States,
    /// How those who open are told of them; written at the first opening after a change.
    pub(super) shown: OnceLock<Frame>,
    pub(super) typed: HashMap<UserId, Millis>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) snapshot: Option<Kept>,
    pub(super) is_reading_snapshot: bool,
    /// Seq of the last deletion: a snapshot from before it holds what was deleted.
    pub(super) erased_at: i64,
    pub(super) early: BTreeMap<i64, Arc<LiveEvent>>,
    pub(super) is_reading_hole: bool,
    pub(super) pace: Pace,
    pub(super) refreshing: Refreshing,
    /// The answer that is being spoken.
    pub(super) speaking: Option<Speaking>,
    /// The questions that wait.
    pub(super) waits: Vec<Wait>,
    /// Who has opened the room before.
    pub(super) first: First,
    /// What only a room has that other nodes may write too.
    pub(super) linked: Option<Box<Linked>>,
}

impl RoomState {
    /// A room as the store knows it; `newest` are its last events, ascending.
    pub(crate) fn new(facts: Facts, newest: Vec<Arc<LiveEvent>>, gauge: Arc<RoomGauge>) -> Self {
        let mut ring = Ring::default();
        newest.into_iter().for_each(|event| ring.push(event));
        gauge.revise(facts.rules.rev);
        gauge.count(facts.roster.len(), 0);
        Self {
            facts,
            gauge,
            ring,
            online: HashSet::new(),
            states: States::new(),
            shown: OnceLock::new(),
            typed: HashMap::new(),
            waiting: Vec::new(),
            snapshot: None,
            is_reading_snapshot: false,
            erased_at: 0,
            early: BTreeMap::new(),
            is_reading_hole: false,
            pace: Pace::default(),
            refreshing: Refreshing::default(),
            speaking: None,
            waits: Vec::new(),
            first: First::default(),
            linked: None,
        }
    }

    /// Which room this is.
    pub(crate) fn room(&self) -> RoomId {
        self.facts.room
    }

    /// Newest seq and n that were applied.
    pub(crate) fn head(&self) -> (i64, i64) {
        (self.facts.head, self.facts.n)
    }

    /// Shows head, n and what is kept, before the relays are told.
    pub(crate) fn publish(&self) {
        self.gauge.keep(self.ring.bytes());
        self.gauge.publish(self.facts.head, self.facts.n);
    }

    /// The newest events, for relays that may have missed some.
    pub(crate) fn newest(&self) -> Vec<Arc<LiveEvent>> {
        self.ring.all()
    }

    /// Admits a message and makes a draft of it.
    pub(crate) fn send(&mut self, send: Send, now: Millis) -> Effect {
        let sees = self.sees(&send);
        let Send { author, cid, text, beside, asker, since, is_asked, is_bots } = send;
        let Beside { reply_to, thread, files } = beside.map(|beside| *beside).unwrap_or_default();
        let text = (text, !files.is_empty());
        match sees.and_then(|()| self.take(author, &cid, text, now)) {
            Ok((text, flagged)) => {
                let (room, called, at) = (self.facts.room, self.called(author, &text), now);
                let wakes = self.wakes((author, is_bots), (&text, reply_to), is_asked);
                let judge = if files.is_empty() { None } else { self.filter_for(author) };
                let message = NewMessage::new(room, author, cid, text, at);
                let message = NewMessage { reply_to, thread, called, flagged, ..message };
                let message = NewMessage { files, judge, wakes, is_bots, ..message };
                Effect::Append { append: Append::Message(message), author, asker, since }
            }
            Err(why) => Effect::Sent(asker, Err(why.into())),
        }
    }

    /// Whether `author` may write now.
    pub(crate) fn admit(&self, author: UserId, now: Millis) -> Result<(), RoomRefusal> {
        self.check(author, Permission::Send, now).map(drop)
    }

    /// What of a text may stand here now, and who is to look at it. What costs the author a wait
    /// comes last: a text that is refused costs none.
    fn take(
        &mut self,
        author: UserId,
        cid: &Cid,
        (text, has_files): (Text, bool),
        now: Millis,
    ) -> Result<(Text, Option<FilterId>), RoomRefusal> {
        let standing = self.check(author, Permission::Send, now)?;
        if has_files {
            self.check(author, Permission::Attach, now)?;
        }
        let screened = self.screen(standing, text)?;
        self.keep_pace((author, standing), cid, now)?;
        Ok(screened)
    }

    /// A member moves the read mark, forward or back.
    pub(crate) fn mark(
        &self,
        append: Append,
        user: UserId,
        asker: Asker<MarkOk>,
        seat: Option<SeatKey>,
    ) -> Effect {
        if !self.facts.roster.contains_key(&user) {
            return Effect::MarkSet(asker, Err(RoomRefusal::NotMember.into()));
        }
        Effect::AppendMark { append, user, asker, seat }
    }

    /// A member is writing.
    pub(crate) fn typing(
        &mut self,
        user: UserId,
        reply: Option<(SeatKey, u32)>,
        now: Millis,
    ) -> Vec<Effect> {
        let admitted = self.admit(user, now);
        let frame = |re| match admitted {
            Ok(()) => ok_line(re, &Empty {}),
            Err(why) => err_line(Some(re), &Refusal::from(why)),
        };
        let reply = reply.map(|(seat, re)| Effect::Reply(seat, frame(re)));
        let told = admitted.ok().and_then(|()| self.tell_typing(user, now));
        reply.into_iter().chain(told).collect()
    }

    fn tell_typing(&mut self, user: UserId, now: Millis) -> Option<Effect> {
        let every = limits::TYPING_EVERY;
        if self.typed.get(&user).is_some_and(|last| last.plus(every) > now) {
            return None;
        }
        self.typed.retain(|_, last| last.plus(every) > now);
        self.typed.insert(user, now);
        let frame = Frame::json(&Typing { room: self.facts.room, by: user });
        Some(Effect::Pass(Passing::Typing(user), frame))
    }

    /// Applies an event of the log: those that may be published now, in order.
    pub(crate) fn apply(&mut self, event: Arc<LiveEvent>, out: &mut Vec<Arc<LiveEvent>>) {
        if event.seq <= self.facts.head {
            return;
        }
        self.early.insert(event.seq, event);
        while let Some(event) = self.early.remove(&(self.facts.head + 1)) {
            self.facts.head = event.seq;
            self.facts.n = event.n;
            self.ring.push(Arc::clone(&event));
            if let Some(Touched::Deleted(message)) = event.touched {
                self.erase(message, event.seq);
                self.silence(message);
            }
            if let Some(Touched::Edited(message)) = event.touched {
                self.spoken(message);
            }
            out.push(event);
        }
    }

    /// A message was deleted: nothing that is kept here says any more what it said.
    fn erase(&mut self, message: i64, at: i64) {
        self.ring.erase(message);
        self.snapshot = None;
        self.erased_at = at;
    }

    /// What is to be read because an event came before its forerunners.
    pub(crate) fn hole(&mut self) -> Option<Effect> {
        if self.early.is_empty() || self.is_reading_hole {
            return None;
        }
        self.is_reading_hole = true;
        Some(Effect::ReadHole { after: self.facts.head })
    }

    /// The read of a hole came back; the events were applied before.
    pub(crate) fn hole_read(&mut self) {
        self.is_reading_hole = false;
    }

    /// A membership changed. The line, if any, was published before: the one who leaves sees it.
    pub(crate) fn change(&mut self, user: UserId, change: Change) -> Vec<Effect> {
        if let Some(linked) = &mut self.linked {
            linked.changed(user);
        }
        match change {
            Change::Came { since } => {
                // Who is there already, read from the store or told twice, keeps the standing.
                self.facts.roster.entry(user).or_insert(Standing::new(Rank::Member));
                self.count();
                let is_short = self.facts.floors.came(user, since);
                let mut effects = vec![Effect::Tell(user, Tell::Add(Arc::new(self.entry())))];
                if is_short {
                    effects.extend(self.refresh(None));
                }
                effects
            }
            Change::Went(why) => {
                self.facts.roster.remove(&user);
                self.facts.floors.went(user);
                self.first.went(user);
                self.online.remove(&user);
                self.states.remove(&user);
                self.shown.take();
                self.count();
                let mut effects = self.turn_away(user);
                effects.push(Effect::Tell(user, Tell::Remove(self.facts.room, why)));
                effects
            }
            Change::Stands(rank) => {
                if let Some(standing) = self.facts.roster.get_mut(&user) {
                    standing.rank = rank;
                }
                Vec::new()
            }
            Change::Muted(until) => {
                self.muted(user, until);
                Vec::new()
            }
        }
    }

    /// The room as `room.add` shows it to someone who has just come: nothing is unread.
    fn entry(&self) -> RoomEntry {
        RoomEntry {
            room: self.facts.room,
            name: self.facts.name.as_str().into(),
            kind: self.facts.kind,
            club: self.facts.club,
            epoch: self.facts.epoch.clone(),
            head: self.facts.head,
            n: self.facts.n,
            read_n: self.facts.n,
            unread: 0,
            mentions: 0,
            // A private room is told by who makes it, to each of the two in another way.
            peer: None,
            notify: (self.facts.notify != Notify::Mentions).then_some(self.facts.notify),
            hidden: false,
        }
    }
}

/// The numbers of a message as its sender hears them.
pub(super) fn send_ok(room: RoomId, seq: i64, n: i64, at: Millis) -> SendOk {
    SendOk { seq, n, id: MessageId { room, seq }, at, dup: false }
}
