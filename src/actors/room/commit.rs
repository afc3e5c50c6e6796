//! What follows when the journal or the store has answered. The third part of [`RoomState`].

use std::sync::Arc;

use serde_json::value::RawValue;

use super::kept::Kept;
use super::message::{Commit, Loaded, Step};
use super::refusal::RoomRefusal;
use super::reply;
use super::state::{Effect, RoomState, send_ok};
use crate::actors::relay::{LiveEvent, Tell};
use crate::actors::seat::{Asker, SeatKey};
use crate::domain::{MessageId, UserId};
use crate::protocol::{
    FileItem, Frame, MarkOk, MessageItem, Reaction, ReadEvent, Refusal, SendOk, ThreadPlace,
};
use crate::store::{self, Appended, ReadMark, StoredEvent};

/// Events that may be published now and the replies that go before them, gathered over a batch.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) events: Vec<Arc<LiveEvent>>,
    pub(super) replies: Vec<(SeatKey, Frame)>,
    /// For the other nodes.
    pub(super) steps: Vec<Step>,
    /// What is to be told before the events: who sees a badge sees the right one.
    pub(super) before: Vec<Effect>,
    /// Numbers of unread calls that the journal told, in its order.
    pub(super) counted: Vec<Counted>,
    marks: Vec<Marked>,
    pub(super) rest: Vec<Effect>,
}

/// How many unread messages called a user at one moment of the batch. What calls them behind it is
/// published before they hear of it, and must be in the number then.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    pub(super) user: UserId,
    pub(super) calls: i64,
    /// So many of the gathered events came before it,
    pub(super) behind: usize,
    /// and messages up to here are counted in, even behind it.
    pub(super) upto_n: i64,
}

impl Counted {
    fn concerns<'a>(
        &self,
        events: &'a [Arc<LiveEvent>],
    ) -> impl Iterator<Item = &'a LiveEvent> + use<'a> {
        let (user, upto_n) = (self.user, self.upto_n);
        let later = events.get(self.behind..).unwrap_or_default().iter().map(|event| &**event);
        later.filter(move |event| {
            event.n > upto_n && (event.by == Some(user) || event.mentions.contains(&user))
        })
    }

    /// The number behind all of the events.
    fn at_last(&self, events: &[Arc<LiveEvent>]) -> i64 {
        let count = |calls: i64, event: &LiveEvent| {
            if event.by == Some(self.user) { 0 } else { calls + 1 }
        };
        self.concerns(events).fold(self.calls, count)
    }
}

/// A mark that was moved, to be told behind the events.
struct Marked {
    counted: Counted,
    asker: Asker<MarkOk>,
    seat: Option<SeatKey>,
    mark: ReadMark,
}

impl RoomState {
    /// Applies what the journal committed for this room.
    pub(crate) fn committed(&mut self, commits: Vec<Commit>) -> Vec<Effect> {
        let mut gathered = Gathered::default();
        for commit in commits {
            match commit {
                Commit::Message { author, asker, outcome } => {
                    self.message_committed(author, asker, outcome, &mut gathered);
                }
                Commit::Act { asker, outcome } => {
                    self.act_committed(asker, outcome, &mut gathered);
                }
                Commit::FannedOut(mentions) => self.fanned_out(mentions, &mut gathered),
                Commit::Run { answering, outcome } => {
                    self.run_committed(answering, outcome, &mut gathered);
                }
                Commit::Mark { user, asker, seat, outcome } => {
                    self.mark_committed(user, (asker, seat), outcome, &mut gathered);
                }
                Commit::Event(event) => {
                    let event = self.live(&event);
                    if self.linked.is_some() {
                        gathered.steps.push(Step { event: Some(Arc::clone(&event)), change: None });
                    }
                    self.apply(event, &mut gathered.events);
                }
                Commit::Member { user, change, line } => {
                    let event = line.map(|line| self.live(&line));
                    if let Some(event) = &event {
                        self.apply(Arc::clone(event), &mut gathered.events);
                    }
                    gathered.rest.extend(self.change(user, change));
                    if self.linked.is_some() {
                        let change = Some((user, change));
                        gathered.steps.push(Step { event, change });
                    }
                }
            }
        }
        self.published(gathered)
    }

    /// Takes up what the store answered.
    pub(crate) fn loaded(&mut self, loaded: &Loaded) -> Vec<Effect> {
        match loaded {
            Loaded::Snapshot(Some(snapshot)) => match Kept::new(snapshot) {
                Some(kept) => self.snapshot_loaded(kept),
                None => self.snapshot_failed(),
            },
            Loaded::Snapshot(None) => self.snapshot_failed(),
            Loaded::Events { ask, events: Some(events) } => {
                let events = events.iter().map(|event| self.live(event)).collect();
                self.events_loaded(ask, events)
            }
            Loaded::Events { ask, events: None } => self.events_failed(ask),
            Loaded::Hole(events) => {
                self.hole_read();
                let mut gathered = Gathered::default();
                for event in events {
                    self.apply(self.live(event), &mut gathered.events);
                }
                self.caught_up_with(events, &mut gathered);
                self.published(gathered)
            }
            Loaded::OpenedNoted { failed } => self.opened_noted(failed),
            Loaded::Roster(rows) => self.roster_read(rows.as_deref()),
            Loaded::Settings(settings) => self.settings_read(settings.as_deref()),
        }
    }

    fn message_committed(
        &mut self,
        author: UserId,
        asker: Asker<SendOk>,
        outcome: Result<Appended, Refusal>,
        gathered: &mut Gathered,
    ) {
        let room = self.facts.room;
        let is_new = matches!(outcome, Ok(Appended::Message { .. }));
        let answer = match outcome {
            Ok(Appended::Message { event, mentions, .. }) => {
                let mut live = LiveEvent::new(room, event.seq, event.n, &event.body);
                live.by = Some(author);
                live.mentions = mentions;
                let live = Arc::new(live);
                if self.linked.is_some() {
                    gathered.steps.push(Step { event: Some(Arc::clone(&live)), change: None });
                }
                self.apply(live, &mut gathered.events);
                Ok(send_ok(room, event.seq, event.n, event.at))
            }
            Ok(Appended::Duplicate { seq, n, at }) => {
                Ok(SendOk { dup: true, ..send_ok(room, seq, n, at) })
            }
            Ok(Appended::Refused(why)) => {
                self.learn(author, &why);
                Err(RoomRefusal::from(why).into())
            }
            Ok(_of_another_kind) => Err(RoomRefusal::Failed.into()),
            Err(refusal) => Err(refusal),
        };
        if !is_new {
            self.not_taken(author);
        }
        match asker {
            Asker::Seat(seat, re) => gathered.replies.push((seat, reply(re, &answer))),
            Asker::Call(_) => gathered.rest.push(Effect::Sent(asker, answer)),
            Asker::Nobody => {}
        }
    }

    fn mark_committed(
        &self,
        user: UserId,
        (asker, seat): (Asker<MarkOk>, Option<SeatKey>),
        outcome: Result<Appended, Refusal>,
        gathered: &mut Gathered,
    ) {
        let refused = match outcome {
            Ok(Appended::Marked(mark, _read)) => {
                let (behind, upto_n) = (gathered.events.len(), mark.n);
                let counted = Counted { user, calls: mark.mentions, behind, upto_n };
                gathered.counted.push(counted);
                gathered.marks.push(Marked { counted, asker, seat, mark });
                return;
            }
            Ok(Appended::Refused(why)) => RoomRefusal::from(why).into(),
            Ok(_) => RoomRefusal::Failed.into(),
            Err(refusal) => refusal,
        };
        gathered.rest.push(Effect::MarkSet(asker, Err(refused)));
    }

    /// What marks and acts make of the numbers of unread calls, when all of the events are published:
    /// users hear it, and those who moved a mark where that leaves them.
    fn counts_told(
        &self,
        events: &[Arc<LiveEvent>],
        (counted, marks): (&[Counted], Vec<Marked>),
    ) -> Vec<Effect> {
        let mut told = Vec::new();
        let last = |user: UserId| counted.iter().rfind(|one| one.user == user);
        let calls = |user: UserId| last(user).map_or(0, |last| last.at_last(events));
        let tell = |user: UserId| {
            let count = u32::try_from(calls(user)).unwrap_or(u32::MAX);
            Effect::Tell(user, Tell::Mentions(self.facts.room, count))
        };
        for (place, one) in counted.iter().enumerate() {
            let is_last = counted.iter().skip(place + 1).all(|other| other.user != one.user);
            let from_first = Counted { behind: 0, upto_n: i64::MIN, ..*one };
            let is_marked = marks.iter().any(|marked| marked.counted.user == one.user);
            // The number of an act was told before the events, which did not change it.
            if is_last && !is_marked && from_first.concerns(events).next().is_some() {
                told.push(tell(one.user));
            }
        }
        for Marked { counted, asker, seat, mark } in marks {
            let (user, room) = (counted.user, self.facts.room);
            let own = counted.concerns(events).filter(|event| event.by == Some(user));
            let read_n = own.last().map_or(mark.read_n, |event| event.n);
            let n = events.last().map_or(mark.n, |event| event.n.max(mark.n));
            let (unread, mentions) = (n - read_n, calls(user));
            let frame = Frame::json(&ReadEvent { room, seq: mark.seq, read_n, unread, mentions });
            told.push(tell(user));
            told.push(Effect::Tell(user, Tell::Others(frame, seat)));
            told.push(Effect::MarkSet(asker, Ok(MarkOk { read_n, unread, mentions })));
        }
        told
    }

    /// Everything published, then the seats that waited for it, then the rest.
    pub(super) fn published(&mut self, gathered: Gathered) -> Vec<Effect> {
        let Gathered { events, replies, steps, before, counted, marks, rest } = gathered;
        let told = self.counts_told(&events, (&counted, marks));
        let mut effects = Vec::with_capacity(before.len() + rest.len() + 2);
        effects.extend(before);
        if !(events.is_empty() && replies.is_empty()) {
            effects.push(Effect::Publish { events, replies });
        }
        if !steps.is_empty() {
            effects.push(Effect::Share(steps));
        }
        effects.extend(self.serve_waiting());
        effects.extend(self.hole());
        effects.extend(told);
        effects.extend(rest);
        effects
    }

    pub(super) fn live(&self, event: &StoredEvent) -> Arc<LiveEvent> {
        Arc::new(LiveEvent::new(self.facts.room, event.seq, event.n, &event.body))
    }
}

impl From<&store::Message> for MessageItem {
    fn from(message: &store::Message) -> Self {
        let room = message.room;
        Self {
            id: MessageId { room, seq: message.seq },
            seq: message.seq,
            n: message.n,
            at: message.at,
            by: message.author,
            cid: Some(message.cid.clone()),
            text: message.text.clone(),
            html: message.html.clone(),
            reply_to: message.reply_to.map(|seq| MessageId { room, seq }),
            rev: message.rev,
            edited_at: message.edited_at,
            ai: message.ai.clone().and_then(|ai| RawValue::from_string(ai).ok()),
            deleted: message.text.is_none(),
            reactions: message.reactions.iter().map(Reaction::from).collect(),
            pinned: message.is_pinned,
            thread: message.thread.map(|thread| match thread {
                store::ThreadPlace::Root { count, last_at } => ThreadPlace::Root { count, last_at },
                store::ThreadPlace::Of(seq) => ThreadPlace::Of(MessageId { room, seq }),
            }),
            files: message.files.iter().map(FileItem::from).collect(),
            previews: message.previews.clone(),
            hop: message.hop,
        }
    }
}

impl From<&store::Reaction> for Reaction {
    fn from(reaction: &store::Reaction) -> Self {
        let (emoji, count, mine) = (reaction.emoji.clone(), reaction.count, reaction.is_mine);
        Self { emoji, count, mine }
    }
}
