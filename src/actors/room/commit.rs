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
    pub(super) rest: Vec<Effect>,
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
                    self.mark_committed(user, asker, seat, outcome, &mut gathered);
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
                self.learn(author, why);
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
        asker: Asker<MarkOk>,
        seat: Option<SeatKey>,
        outcome: Result<Appended, Refusal>,
        gathered: &mut Gathered,
    ) {
        let answer = match outcome {
            Ok(Appended::Marked(mark, _read)) => {
                gathered.rest.extend(self.mark_told(user, seat, mark));
                Ok(mark_ok(mark))
            }
            Ok(Appended::Refused(why)) => Err(RoomRefusal::from(why).into()),
            Ok(_) => Err(RoomRefusal::Failed.into()),
            Err(refusal) => Err(refusal),
        };
        gathered.rest.push(Effect::MarkSet(asker, answer));
    }

    /// The user's other sessions learn of the mark; all of them count mentions from it.
    fn mark_told(&self, user: UserId, seat: Option<SeatKey>, mark: ReadMark) -> [Effect; 2] {
        let room = self.facts.room;
        let MarkOk { read_n, unread, mentions } = mark_ok(mark);
        let frame = Frame::json(&ReadEvent { room, seq: mark.seq, read_n, unread, mentions });
        let count = u32::try_from(mentions).unwrap_or(u32::MAX);
        [
            Effect::Tell(user, Tell::Mentions(room, count)),
            Effect::Tell(user, Tell::Others(frame, seat)),
        ]
    }

    /// Everything published, then the seats that waited for it, then the rest.
    pub(super) fn published(&mut self, gathered: Gathered) -> Vec<Effect> {
        let Gathered { events, replies, steps, before, rest } = gathered;
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
        }
    }
}

impl From<&store::Reaction> for Reaction {
    fn from(reaction: &store::Reaction) -> Self {
        let (emoji, count, mine) = (reaction.emoji.clone(), reaction.count, reaction.is_mine);
        Self { emoji, count, mine }
    }
}

fn mark_ok(mark: ReadMark) -> MarkOk {
    let ReadMark { read_n, n, mentions, .. } = mark;
    MarkOk { read_n, unread: n - read_n, mentions }
}
