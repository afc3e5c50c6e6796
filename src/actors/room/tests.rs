//! Properties of the pure parts: whatever is committed, opened, closed, read and lost on the way,
//! every seat hears the log without a hole and without a double, from where it began.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::Value;

use super::floors::Floors;
use super::message::{Ask, Change, Commit, Form, Loaded, Send};
use super::rules::RuleBook;
use super::state::{Effect, Facts, RoomState};
use crate::actors::relay::{LiveEvent, Outgoing, Tell};
use crate::actors::seat::{Asker, Opening, SeatKey};
use crate::domain::{
    Cid, Epoch, Millis, Notify, Position, Rank, RoomId, RoomKind, Standing, Text, UserId, limits,
};
use crate::protocol::LongFrame;
use crate::store::{Appended, LogHead, Reactors, Snapshot, StoredEvent};

const ROOM: RoomId = RoomId(12);
const MINA: UserId = UserId(1);
const STRANGER: UserId = UserId(9);
const NOW: Millis = Millis(1_766_000_000_000);

fn epoch() -> Epoch {
    Epoch("a1".into())
}

fn seat(slot: u32) -> SeatKey {
    SeatKey { worker: 0, slot, life: 1 }
}

fn opening(slot: u32, turn: u32) -> Opening {
    Opening { seat: seat(slot), turn, user: MINA }
}

fn stored(seq: i64) -> StoredEvent {
    let body = format!(r#"{{"ev":"msg.new","room":"r_12","seq":{seq},"n":{seq}}}"#);
    StoredEvent { seq, n: seq, at: NOW, body: body.into() }
}

fn commit(seq: i64) -> Commit {
    let event = stored(seq);
    let (mentions, notices) = (Vec::new(), Vec::new());
    let outcome = Ok(Appended::Message {
        event,
        mentions,
        notices,
        read: None,
        has_fanout: false,
        asked: None,
    });
    Commit::Message { author: MINA, asker: Asker::Nobody, outcome }
}

fn room(head: i64) -> RoomState {
    let standing = Standing::new(Rank::Member);
    let facts = Facts {
        room: ROOM,
        name: "general".into(),
        kind: RoomKind::Lobby,
        club: None,
        epoch: epoch(),
        head,
        n: head,
        notify: Notify::Mentions,
        roster: HashMap::from([(MINA, standing)]),
        floors: Floors::default(),
        rules: RuleBook::of(RoomKind::Lobby),
    };
    let first = (head - super::RING_EVENTS as i64 + 1).max(1);
    let newest = (first..=head).map(|seq| {
        let event = stored(seq);
        Arc::new(LiveEvent::new(ROOM, event.seq, event.n, &event.body))
    });
    RoomState::new(facts, newest.collect(), Arc::default())
}

fn snapshot(head: i64) -> Snapshot {
    let at = LogHead { epoch: epoch(), head, n: head };
    let reactors = Reactors { all: Vec::new(), of: None };
    Snapshot { at, messages: Vec::new(), reactors }
}

/// A listener as the relay would keep it, and what it has heard.
#[derive(Debug, Default)]
struct Heard {
    turn: u32,
    is_attached: bool,
    began: Option<i64>,
    seqs: Vec<i64>,
    caught_up: Vec<i64>,
}

/// A room with a store and a relay around it, both reduced to what matters here.
struct World {
    room: RoomState,
    log: i64,
    heard: BTreeMap<u32, Heard>,
    reads: Vec<Loaded>,
    parts: Vec<(Opening, i64, i64)>,
    turns: u32,
}

impl World {
    fn new(head: i64) -> Self {
        let heard = BTreeMap::new();
        let (reads, parts) = (Vec::new(), Vec::new());
        Self { room: room(head), log: head, heard, reads, parts, turns: 0 }
    }

    fn open(&mut self, slot: u32, since: Option<i64>) {
        self.turns += 1;
        let turn = self.turns;
        self.heard.insert(slot, Heard { began: since, turn, ..Heard::default() });
        let since = since.map(|seq| Position { epoch: epoch(), seq });
        let form = Form::Socket { re: Some(7) };
        let effects = self.room.open(opening(slot, turn), since, form);
        self.carry_out(effects);
    }

    /// What is still on its way for a closed seat is dropped by the relay.
    fn close(&mut self, slot: u32) {
        self.heard.remove(&slot);
    }

    /// The store commits some messages; the room hears of all but the first `lost`.
    fn commit(&mut self, count: i64, lost: i64) {
        let first = self.log + 1;
        self.log += count;
        let heard = (first + lost.min(count)..=self.log).map(commit).collect();
        let effects = self.room.committed(heard);
        self.carry_out(effects);
    }

    /// One read of the store comes back, or one part of a replay was written.
    fn step(&mut self, choice: usize) {
        if !self.reads.is_empty() {
            let loaded = self.reads.remove(choice % self.reads.len());
            let effects = self.room.loaded(&loaded);
            self.carry_out(effects);
        } else if !self.parts.is_empty() {
            let (opening, after, goal) = self.parts.remove(choice % self.parts.len());
            let effects = self.room.next(opening, after, goal);
            self.carry_out(effects);
        }
    }

    fn settle(&mut self) {
        for _ in 0..1_000 {
            self.step(0);
        }
        assert!(self.reads.is_empty() && self.parts.is_empty());
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Publish { events, .. } => {
                    let attached = self.heard.values_mut().filter(|heard| heard.is_attached);
                    attached.for_each(|heard| heard.seqs.extend(events.iter().map(|e| e.seq)));
                }
                Effect::Attach(attach) => {
                    if let Some(heard) = self.push(attach.opening, attach.reply, attach.first) {
                        heard.is_attached = true;
                    }
                }
                Effect::Part(part) => {
                    let is_heard = self.push(part.opening, part.reply, part.events).is_some();
                    self.parts.extend(is_heard.then_some((part.opening, part.upto, part.goal)));
                }
                Effect::ReadSnapshot(_) => {
                    self.reads.push(Loaded::Snapshot(Some(snapshot(self.log))));
                }
                Effect::ReadEvents(ask) => {
                    let Ask { after, .. } = ask;
                    let last = self.log.min(after + super::PART_EVENTS as i64);
                    let events = Some((after + 1..=last).map(stored).collect());
                    self.reads.push(Loaded::Events { ask, events });
                }
                Effect::ReadHole { after } => {
                    self.reads.push(Loaded::Hole((after + 1..=self.log).map(stored).collect()));
                }
                _other => {}
            }
        }
    }

    fn push(
        &mut self,
        opening: Opening,
        reply: Option<LongFrame>,
        first: Vec<Outgoing>,
    ) -> Option<&mut Heard> {
        let heard = self.heard.get_mut(&opening.seat.slot)?;
        if heard.turn != opening.turn {
            return None;
        }
        let json = |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap();
        let line = reply.map(|reply| json(&reply.line()));
        if let Some(line) = line.filter(|line| line["ok"]["snapshot"].is_object()) {
            heard.began = line["ok"]["head"].as_i64();
        }
        for outgoing in first {
            match outgoing {
                Outgoing::Event(event) => heard.seqs.push(event.seq),
                Outgoing::Frame(frame) => {
                    let line = json(&frame.line());
                    assert_eq!(line["ev"], "caught_up");
                    assert_eq!(heard.seqs.last().copied().or(heard.began), line["seq"].as_i64());
                    heard.caught_up.push(line["seq"].as_i64().unwrap());
                }
                Outgoing::Presence(_) | Outgoing::Speech(_) => {}
            }
        }
        Some(heard)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Open(u32, Option<i64>),
    Close(u32),
    Commit(i64, i64),
    Store(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..4_u32, prop::option::of(0..1_500_i64)).prop_map(|(s, at)| Step::Open(s, at)),
        1 => (0..4_u32).prop_map(Step::Close),
        5 => (1..40_i64, 0..3_i64).prop_map(|(count, lost)| Step::Commit(count, lost)),
        4 => any::<usize>().prop_map(Step::Store),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #[test]
    fn every_seat_hears_the_log_without_hole_or_double(start in 0..1_400_i64, steps in steps()) {
        let mut world = World::new(start);
        for step in steps {
            match step {
                Step::Open(slot, since) if !world.heard.contains_key(&slot) => {
                    let (head, _) = world.room.head();
                    world.open(slot, since.map(|seq| seq.min(head)));
                }
                Step::Open(..) => {}
                Step::Close(slot) => world.close(slot),
                Step::Commit(count, lost) => world.commit(count, lost),
                Step::Store(choice) => world.step(choice),
            }
        }
        // A last message shows whatever hole is left.
        world.commit(1, 0);
        world.settle();
        prop_assert_eq!(world.room.head(), (world.log, world.log));
        for (slot, heard) in &world.heard {
            let began = heard.began.unwrap();
            let whole: Vec<i64> = (began + 1..=world.log).collect();
            prop_assert!(heard.is_attached, "seat {} waits for ever", slot);
            prop_assert_eq!(&heard.seqs, &whole, "seat {} from {}", slot, began);
            prop_assert!(heard.caught_up.len() <= 1);
        }
    }

    #[test]
    fn what_is_kept_of_the_past_stays_within_its_bounds(count in 1..2_000_i64) {
        let mut world = World::new(0);
        world.commit(count, 0);
        prop_assert_eq!(world.room.newest().len() as i64, count.min(super::RING_EVENTS as i64));
    }
}

#[test]
fn a_replay_ends_with_caught_up_at_the_head_of_its_reply() {
    let mut world = World::new(20);
    world.open(1, Some(5));
    assert_eq!(world.heard[&1].seqs, (6..=20).collect::<Vec<_>>());
    assert_eq!(world.heard[&1].caught_up, [20]);
    let mut far = World::new(3_000);
    far.open(1, Some(10));
    far.settle();
    assert_eq!(far.heard[&1].seqs.len(), 2_990);
    assert_eq!(far.heard[&1].caught_up, [3_000]);
}

#[test]
fn a_position_that_cannot_be_resumed_gets_a_snapshot_and_the_reason() {
    let why = |since: Position, head: i64| {
        let mut room = room(head);
        room.open(opening(1, 1), Some(since), Form::Socket { re: Some(7) });
        let effects = room.loaded(&Loaded::Snapshot(Some(snapshot(head))));
        let Some(Effect::Attach(attach)) = effects.into_iter().next() else {
            panic!("not attached");
        };
        let line: Value = serde_json::from_slice(&attach.reply.unwrap().line()).unwrap();
        assert_eq!(line["ok"]["resumed"], false);
        line["ok"]["why"].as_str().unwrap().to_owned()
    };
    assert_eq!(why(Position { epoch: Epoch("b2".into()), seq: 1 }, 10), "epoch");
    assert_eq!(why(Position { epoch: epoch(), seq: 11 }, 10), "epoch");
    let far = limits::RESUME_EVENTS + 2;
    assert_eq!(why(Position { epoch: epoch(), seq: 1 }, far), "too_many");
}

fn send(author: UserId) -> Send {
    let (cid, text) = (Cid::parse("c-1").unwrap(), Text::parse("hi").unwrap());
    Send {
        author,
        cid,
        text,
        beside: None,
        asker: Asker::Seat(seat(1), 3),
        since: Instant::now(),
        is_asked: false,
        is_bots: false,
    }
}

#[test]
fn only_members_write_and_the_muted_only_later() {
    let mut world = room(0);
    assert!(matches!(world.send(send(MINA), NOW), Effect::Append { .. }));
    assert!(matches!(world.send(send(STRANGER), NOW), Effect::Sent(_, Err(_))));
    let until = Millis(NOW.0 + 5);
    let standing = Standing { rank: Rank::Member, muted_until: Some(until) };
    world.facts.roster.insert(MINA, standing);
    let Effect::Sent(_, Err(refusal)) = world.send(send(MINA), NOW) else { panic!("not refused") };
    assert_eq!((refusal.code.word(), refusal.until), ("muted", Some(until.0)));
    assert!(matches!(world.send(send(MINA), until), Effect::Append { .. }));
}

#[test]
fn who_leaves_sees_the_line_and_then_nothing() {
    let mut room = room(0);
    let line = Some(stored(1));
    let effects =
        room.committed(vec![Commit::Member { user: MINA, change: Change::Went("left"), line }]);
    let kinds: Vec<_> = effects
        .iter()
        .map(|effect| match effect {
            Effect::Publish { .. } => "line",
            Effect::Tell(MINA, Tell::Remove(ROOM, "left")) => "remove",
            _other => "other",
        })
        .collect();
    assert_eq!(kinds, ["line", "remove"]);
    assert!(matches!(room.send(send(MINA), NOW), Effect::Sent(_, Err(_))));
}

#[test]
fn a_reply_goes_out_with_the_event_and_before_it() {
    let mut room = room(0);
    let Commit::Message { author, outcome, .. } = commit(1) else { unreachable!() };
    let asker = Asker::Seat(seat(1), 3);
    let effects = room.committed(vec![Commit::Message { author, asker, outcome }]);
    let Some(Effect::Publish { events, replies }) = effects.first() else { panic!("unpublished") };
    assert_eq!((events.len(), replies.len()), (1, 1));
    assert!(replies[0].1.line().starts_with(br#"{"re":3,"ok":{"seq":1,"n":1,"id":"m_12_1""#));
}

#[test]
fn typing_is_passed_on_once_in_three_seconds_and_always_answered() {
    let mut room = room(0);
    let asks = |slot| Some((seat(slot), 7));
    let count = |effects: Vec<Effect>| {
        let passed = effects.iter().filter(|effect| matches!(effect, Effect::Pass(..))).count();
        (passed, effects.len() - passed)
    };
    assert_eq!(count(room.typing(MINA, asks(1), NOW)), (1, 1));
    assert_eq!(count(room.typing(MINA, asks(1), NOW.plus(limits::TYPING_EVERY / 2))), (0, 1));
    assert_eq!(count(room.typing(MINA, None, NOW.plus(limits::TYPING_EVERY))), (1, 0));
    assert_eq!(count(room.typing(STRANGER, asks(2), NOW)), (0, 1));
}

#[test]
fn above_two_hundred_online_only_the_number_is_told() {
    let mut room = room(0);
    let standing = Standing::new(Rank::Member);
    let users: Vec<_> = (1..=201).map(UserId).collect();
    room.facts.roster.extend(users.iter().map(|user| (*user, standing)));
    let told = |effect: Option<Effect>| {
        let Some(Effect::Pass(_, frame)) = effect else { panic!("not told") };
        serde_json::from_slice::<Value>(&frame.line()).unwrap()
    };
    let few = told(room.presence(&users[..200], &[]));
    assert_eq!((few["joins"].as_array().unwrap().len(), few["count"].as_u64()), (200, Some(200)));
    let many = told(room.presence(&users[200..], &[]));
    assert_eq!((many.get("joins"), many["count"].as_u64()), (None, Some(201)));
    assert!(room.presence(&users, &[]).is_none(), "nobody new");
}
