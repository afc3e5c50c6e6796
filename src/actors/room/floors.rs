//! From where on each reader sees the log of a room that shows a newcomer nothing of what was
//! before. Pure, like all of [`RoomState`].
//!
//! **Invariant:** nothing up to a reader's floor reaches their seat: no snapshot, no replay, no
//! answer to a pull, no live event.

mod cut;

use std::collections::HashMap;

pub(super) use self::cut::Cut;
use super::message::{Send, UNKNOWN};
use super::refusal::RoomRefusal;
use super::state::RoomState;
use crate::domain::{History, UserId};
use crate::store::{RoomInfo, RosterRow};

/// The floors of those who came after the beginning; empty where everybody sees everything.
#[derive(Debug, Default)]
pub(crate) struct Floors(Option<HashMap<UserId, i64>>);

impl Floors {
    /// The floors of a room with these readers.
    pub(crate) fn new(history: History, roster: &[RosterRow]) -> Self {
        match history {
            History::All => Self(None),
            History::SinceJoin => {
                let late = roster.iter().filter(|row| row.join_seq > 0);
                Self(Some(late.map(|row| (row.user, row.join_seq)).collect()))
            }
        }
    }

    /// A reader came when this was the newest seq. True when nobody could say it, and it is to be
    /// read.
    pub(super) fn came(&mut self, user: UserId, since: i64) -> bool {
        let Some(floors) = &mut self.0 else {
            return false;
        };
        // Who is known already came in the same moment that somebody else cannot tell.
        if since == UNKNOWN {
            return *floors.entry(user).or_insert(since) == UNKNOWN;
        }
        floors.insert(user, since);
        false
    }

    /// A reader is none any more.
    pub(super) fn went(&mut self, user: UserId) {
        if let Some(floors) = &mut self.0 {
            floors.remove(&user);
        }
    }

    /// Whether somebody is there who does not see this message.
    pub(super) fn hide(&self, message: i64) -> bool {
        self.0.as_ref().is_some_and(|floors| floors.values().any(|floor| *floor >= message))
    }

    /// Who is there and does not see this message.
    pub(super) fn hidden_from(&self, message: i64) -> impl Iterator<Item = UserId> {
        let late = self.0.iter().flatten().filter(move |(_user, floor)| **floor >= message);
        late.map(|(user, _floor)| *user)
    }

    /// The seq up to which a reader sees nothing. Of whom nobody could say it, it is `head`.
    pub(super) fn of(&self, user: UserId, head: i64) -> i64 {
        match self.0.as_ref().and_then(|floors| floors.get(&user)) {
            Some(&UNKNOWN) => head,
            Some(floor) => *floor,
            None => 0,
        }
    }
}

impl RoomState {
    /// The seq up to which a reader sees nothing.
    pub(super) fn floor(&self, user: UserId) -> i64 {
        self.facts.floors.of(user, self.facts.head).max(self.facts.rules.horizon)
    }

    /// What somebody may not see is not there for them to answer.
    pub(super) fn sees(&self, send: &Send) -> Result<(), RoomRefusal> {
        let is_hidden = |seq: Option<i64>| seq.is_some_and(|seq| seq <= self.floor(send.author));
        match send.beside.as_deref() {
            Some(beside) if is_hidden(beside.reply_to) => Err(RoomRefusal::NoSuchMessage),
            Some(beside) if is_hidden(beside.thread) => Err(RoomRefusal::NoSuchThread),
            _seen => Ok(()),
        }
    }

    /// The room was changed; who came since these readers were read is known better.
    pub(super) fn resettled(&mut self, info: &RoomInfo, rows: &[RosterRow]) {
        self.facts.name.clone_from(&info.name);
        let before = std::mem::replace(&mut self.facts.floors, Floors::new(info.history, rows));
        let read: std::collections::HashSet<_> = rows.iter().map(|row| row.user).collect();
        let known = before.0.into_iter().flatten().filter(|(user, _since)| !read.contains(user));
        for (user, since) in known {
            self.facts.floors.came(user, since);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;
    use crate::actors::relay::{LiveEvent, Outgoing};
    use crate::actors::room::message::{Change, Commit, Form, Loaded};
    use crate::actors::room::rules::RuleBook;
    use crate::actors::room::{Effect, Facts};
    use crate::actors::seat::{Asker, Opening, SeatKey};
    use crate::domain::{Cid, Epoch, Millis, Notify, Position, Rank, RoomId, RoomKind, Standing};
    use crate::protocol::{LongFrame, SharedSnapshot};
    use crate::store::{Appended, LogHead, Message, Reactors, Snapshot, StoredEvent};

    const ROOM: RoomId = RoomId(12);
    const MINA: UserId = UserId(1);
    const BOB: UserId = UserId(2);

    fn stored(seq: i64) -> StoredEvent {
        let body = format!(r#"{{"ev":"msg.new","room":"r_12","seq":{seq}}}"#);
        StoredEvent { seq, n: seq, at: Millis(0), body: body.into() }
    }

    fn message(seq: i64) -> Message {
        let cid = Cid::own(1, seq.unsigned_abs()).as_str().to_owned();
        let (room, text, author, at) = (ROOM, Some("hi".to_owned()), MINA, Millis(0));
        let (reply_to, rev, edited_at, ai) = (None, 1, None, None);
        let (html, thread, reactions, is_pinned) = (None, None, Vec::new(), false);
        let (files, previews) = (Vec::new(), Vec::new());
        Message {
            room,
            seq,
            n: seq,
            at,
            author,
            cid,
            text,
            html,
            reply_to,
            rev,
            edited_at,
            ai,
            reactions,
            is_pinned,
            thread,
            files,
            previews,
            hop: 0,
        }
    }

    fn facts(head: i64, history: History) -> Facts {
        let roster = [row(MINA, 0)];
        Facts {
            room: ROOM,
            name: "secrets".into(),
            kind: RoomKind::Group,
            club: None,
            epoch: Epoch("a1".into()),
            head,
            n: head,
            rules: RuleBook::of(RoomKind::Group),
            notify: Notify::All,
            roster: roster.iter().map(|row| (row.user, row.standing)).collect(),
            floors: Floors::new(history, &roster),
        }
    }

    /// A room that shows a newcomer nothing, with its log.
    struct World {
        room: RoomState,
        log: i64,
        floor: i64,
        seen: Vec<i64>,
        is_attached: bool,
    }

    impl World {
        fn new(head: i64) -> Self {
            let facts = facts(head, History::SinceJoin);
            let newest = (1..=head).map(|seq| {
                let event = stored(seq);
                Arc::new(LiveEvent::new(ROOM, event.seq, event.n, &event.body))
            });
            let room = RoomState::new(facts, newest.collect(), Arc::default());
            Self { room, log: head, floor: i64::MAX, seen: Vec::new(), is_attached: false }
        }

        /// So many messages are committed, and the room hears of all but the first `lost`.
        fn commit(&mut self, count: i64, lost: i64) {
            let first = self.log + 1;
            self.log += count;
            let commit = |seq| {
                let event = stored(seq);
                let (mentions, notices, has_fanout) = (Vec::new(), Vec::new(), false);
                let (read, asked) = (None, None);
                let outcome =
                    Ok(Appended::Message { event, mentions, notices, read, has_fanout, asked });
                Commit::Message { author: MINA, asker: Asker::Nobody, outcome }
            };
            let heard = (first + lost.min(count)..=self.log).map(commit).collect();
            let effects = self.room.committed(heard);
            self.carry_out(effects);
        }

        fn join(&mut self) {
            self.floor = self.log;
            let change = Change::Came { since: self.log };
            let effects =
                self.room.committed(vec![Commit::Member { user: BOB, change, line: None }]);
            self.carry_out(effects);
        }

        fn open(&mut self, since: Option<i64>) {
            self.is_attached = false;
            let seat = SeatKey { worker: 0, slot: 1, life: 1 };
            let opening = Opening { seat, turn: 1, user: BOB };
            let since = since.map(|seq| Position { epoch: Epoch("a1".into()), seq });
            let effects = self.room.open(opening, since, Form::Socket { re: Some(1) });
            self.carry_out(effects);
            let effects = self.room.pull(opening, 0, Some(2));
            self.carry_out(effects);
        }

        fn carry_out(&mut self, effects: Vec<Effect>) {
            for effect in effects {
                match effect {
                    Effect::Publish { events, .. } if self.is_attached => {
                        self.seen.extend(events.iter().map(|event| event.seq));
                    }
                    Effect::Attach(attach) => {
                        self.is_attached = true;
                        self.frame(attach.reply.as_ref());
                        for outgoing in attach.first {
                            if let Outgoing::Event(event) = outgoing {
                                self.seen.push(event.seq);
                            }
                        }
                    }
                    Effect::Pulled { reply, .. } => {
                        self.frame(reply.map(|(_, frame)| frame.into()).as_ref());
                    }
                    Effect::ReadSnapshot(_readers) => {
                        let at = LogHead { epoch: Epoch("a1".into()), head: self.log, n: self.log };
                        let reactors = Reactors { all: Vec::new(), of: None };
                        let messages =
                            (1..=self.log).rev().take(50).map(message).collect::<Vec<_>>();
                        let messages = messages.into_iter().rev().collect();
                        let loaded = Loaded::Snapshot(Some(Snapshot { at, messages, reactors }));
                        let effects = self.room.loaded(&loaded);
                        self.carry_out(effects);
                    }
                    Effect::ReadHole { after } => {
                        let events = (after + 1..=self.log).map(stored).collect();
                        let effects = self.room.loaded(&Loaded::Hole(events));
                        self.carry_out(effects);
                    }
                    Effect::ReadEvents(ask) => {
                        let events = Some((ask.after + 1..=self.log).map(stored).collect());
                        let effects = self.room.loaded(&Loaded::Events { ask, events });
                        self.carry_out(effects);
                    }
                    _other => {}
                }
            }
        }

        /// Whatever has a seq in a frame was seen.
        fn frame(&mut self, frame: Option<&LongFrame>) {
            let Some(frame) = frame else { return };
            let line: Value = serde_json::from_slice(&frame.line()).unwrap();
            for list in [&line["ok"]["snapshot"]["items"], &line["ok"]["events"]] {
                let items = list.as_array().into_iter().flatten();
                self.seen.extend(items.filter_map(|item| item["seq"].as_i64()));
            }
        }
    }

    proptest! {
        /// However the room got its events, and however somebody opens it: nothing from before.
        #[test]
        fn nothing_up_to_the_floor_is_ever_seen(
            head in 0..80_i64,
            steps in prop::collection::vec((0..4_u8, 1..6_i64, 0..3_i64, -1..90_i64), 1..20),
            join_at in 0..20_usize,
        ) {
            let mut world = World::new(head);
            for (at, (kind, count, lost, since)) in steps.into_iter().enumerate() {
                if at == join_at {
                    world.join();
                }
                match kind {
                    0 | 1 => world.commit(count, lost),
                    _open if world.floor == i64::MAX => {}
                    2 => world.open(None),
                    _since => world.open(Some(since)),
                }
            }
            prop_assert!(world.seen.iter().all(|seq| *seq > world.floor),
                "{} {:?}", world.floor, world.seen);
        }
    }

    fn row(user: UserId, join_seq: i64) -> RosterRow {
        let standing = Standing { muted_until: Some(Millis(1)), ..Standing::new(Rank::Member) };
        RosterRow { user, standing, join_seq, has_opened: false }
    }

    #[test]
    fn where_everything_is_shown_nobody_has_a_floor() {
        let mut floors = Floors::new(History::All, &[row(MINA, 7)]);
        floors.came(BOB, 9);
        assert_eq!((floors.of(MINA, 20), floors.of(BOB, 20)), (0, 0));
    }

    #[test]
    fn a_floor_is_where_one_came_in() {
        let mut floors = Floors::new(History::SinceJoin, &[row(MINA, 0), row(BOB, 9)]);
        assert_eq!((floors.of(MINA, 20), floors.of(BOB, 20)), (0, 9));
        floors.went(BOB);
        floors.came(BOB, UNKNOWN);
        assert_eq!(floors.of(BOB, 20), 20, "nothing, as long as nobody knows");
        floors.came(BOB, 12);
        floors.came(BOB, UNKNOWN);
        assert_eq!(floors.of(BOB, 20), 12);
    }

    #[test]
    fn when_somebody_came_is_read_where_nobody_could_say_it() {
        let mut world = World::new(5);
        let came = |user| {
            let change = Change::Came { since: UNKNOWN };
            vec![Commit::Member { user, change, line: None }]
        };
        let reads = |effects: Vec<Effect>| {
            effects.iter().filter(|effect| matches!(effect, Effect::ReadSettings)).count()
        };
        assert_eq!(reads(world.room.committed(came(BOB))), 1);
        assert_eq!(reads(world.room.committed(came(MINA))), 0, "it is being read");
        assert_eq!(reads(world.room.settings_read(None)), 1, "and again for the second");
    }

    #[test]
    fn a_snapshot_is_cut_at_the_floor() {
        let item = |seq: i64| format!(r#"{{"seq":{seq},"text":"m{seq}"}}"#);
        let items = [3, 5, 8].map(item).join(",");
        let body = RawValue::from_string(format!(r#"{{"upto":9,"items":[{items}]}}"#)).unwrap();
        let body = SharedSnapshot::new(&body).unwrap();
        let event =
            |seq| Arc::new(LiveEvent::new(RoomId(1), seq, seq + 100, r#"{"ev":"msg.new"}"#));
        let missed = [event(10), event(11), event(12)];
        let cut = |floor| Cut::of((9, 7, &body), &missed, floor).unwrap();
        let some = cut(5);
        assert_eq!((some.upto, some.n), (9, 7));
        assert_eq!(some.body.json(), br#"{"upto":9,"items":[{"seq":8,"text":"m8"}]}"#);
        let none = cut(11);
        assert_eq!((none.upto, none.n), (11, 111));
        assert_eq!(none.body.json(), br#"{"upto":11,"items":[]}"#);
    }
}
