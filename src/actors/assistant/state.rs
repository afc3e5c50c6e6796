//! Who waits for an answer, and whose turn it is. Pure: time is an argument.
//!
//! **Invariant:** no room has two turns at a time, there are never more turns than places, and of
//! those who wait the one is next whose asker has least in hand and has waited longest since their
//! last turn: who asks a hundred times waits behind who asks once.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::answering::Question;
use crate::domain::{RunId, UserId};

/// The span over which questions of a user are counted.
const SPAN: Duration = Duration::from_secs(60);
/// Questions that may wait on a node.
const WAITING: usize = 1_000;
/// Turns of users that are remembered.
const TURNS: usize = 10_000;

/// Why a question does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotQueued {
    /// Too many wait.
    Full,
    /// This user asks too much.
    TooOften {
        /// When to ask again.
        retry: Duration,
    },
    /// It waits already, or has its turn.
    Known,
}

/// The queue of a node.
#[derive(Debug)]
pub(super) struct Queue {
    places: usize,
    per_minute: usize,
    waiting: VecDeque<Question>,
    turns: HashMap<RunId, Question>,
    /// When who asked, for an answer or a draft, in the last minute.
    asked: HashMap<UserId, VecDeque<Instant>>,
    /// The number of each user's last turn.
    last: HashMap<UserId, u64>,
    count: u64,
}

impl Queue {
    /// An empty queue with so many places, where each user asks so often in a minute.
    pub(super) fn new(places: usize, per_minute: usize) -> Self {
        Self {
            places: places.max(1),
            per_minute: per_minute.max(1),
            waiting: VecDeque::new(),
            turns: HashMap::new(),
            asked: HashMap::new(),
            last: HashMap::new(),
            count: 0,
        }
    }

    /// A fresh question.
    pub(super) fn put(&mut self, question: Question, now: Instant) -> Result<(), NotQueued> {
        if self.knows(question.run) {
            return Err(NotQueued::Known);
        }
        self.look(question.asker, now)?;
        self.asked.entry(question.asker).or_default().push_back(now);
        self.waiting.push_back(question);
        Ok(())
    }

    /// What would become of a question of this user.
    pub(super) fn look(&mut self, user: UserId, now: Instant) -> Result<(), NotQueued> {
        if self.waiting.len() >= WAITING {
            return Err(NotQueued::Full);
        }
        self.may(user, now).map_err(|retry| NotQueued::TooOften { retry })
    }

    /// Counts something that a user asks for, or says after which time they may.
    pub(super) fn count(&mut self, user: UserId, now: Instant) -> Result<(), Duration> {
        self.may(user, now)?;
        self.asked.entry(user).or_default().push_back(now);
        Ok(())
    }

    /// Whether a user may ask for something, or after which time.
    fn may(&mut self, user: UserId, now: Instant) -> Result<(), Duration> {
        self.asked.retain(|_user, asked| {
            while asked.front().is_some_and(|first| now.saturating_duration_since(*first) >= SPAN) {
                asked.pop_front();
            }
            !asked.is_empty()
        });
        let asked = self.asked.get(&user).filter(|asked| asked.len() >= self.per_minute);
        match asked.and_then(VecDeque::front) {
            Some(first) => Err(SPAN.saturating_sub(now.saturating_duration_since(*first))),
            None => Ok(()),
        }
    }

    /// A question that was taken before and comes back, or was left behind by somebody: it counts
    /// against nobody.
    pub(super) fn put_back(&mut self, question: Question) {
        self.turns.remove(&question.run);
        if !self.knows(question.run) {
            self.waiting.push_back(question);
        }
    }

    /// Whose turn it is, if there is a place.
    pub(super) fn next(&mut self) -> Option<Question> {
        if self.turns.len() >= self.places {
            return None;
        }
        let in_hand = |user: UserId| self.turns.values().filter(|q| q.asker == user).count();
        let is_free = |question: &Question| self.turns.values().all(|q| q.room != question.room);
        let mut heads = self.waiting.iter().enumerate().filter(|(at, question)| {
            let before = self.waiting.iter().take(*at);
            is_free(question) && before.clone().all(|other| other.room != question.room)
        });
        let first = heads.next()?;
        let rank = |(at, question): (usize, &Question)| {
            let last = self.last.get(&question.asker).copied().unwrap_or(0);
            (in_hand(question.asker), last, at)
        };
        let best = heads.map(rank).chain([rank(first)]).min()?;
        let question = self.waiting.remove(best.2)?;
        self.count += 1;
        if self.last.len() >= TURNS {
            self.last.clear();
        }
        self.last.insert(question.asker, self.count);
        self.turns.insert(question.run, question);
        Some(question)
    }

    /// A turn is over.
    pub(super) fn ended(&mut self, run: RunId) {
        self.turns.remove(&run);
    }

    /// Takes a question back that waits.
    pub(super) fn take_back(&mut self, run: RunId) -> Option<Question> {
        let at = self.waiting.iter().position(|question| question.run == run)?;
        self.waiting.remove(at)
    }

    /// How many come before a question that waits: those of its room, or where no place is free as
    /// many as wait before it and have a turn now.
    pub(super) fn place(&self, run: RunId) -> Option<usize> {
        let at = self.waiting.iter().position(|question| question.run == run)?;
        let room = self.waiting.get(at)?.room;
        let before = || self.waiting.iter().take(at).chain(self.turns.values());
        let in_room = before().filter(|question| question.room == room).count();
        let is_full = self.turns.len() >= self.places;
        Some(if is_full { before().count() } else { in_room })
    }

    /// Whether a run waits or has its turn here.
    pub(super) fn knows(&self, run: RunId) -> bool {
        self.turns.contains_key(&run) || self.waiting.iter().any(|question| question.run == run)
    }

    /// Runs that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = RunId> + use<'_> {
        self.waiting.iter().map(|question| question.run)
    }

    /// The question of a run that waits.
    pub(super) fn waits(&self, run: RunId) -> Option<Question> {
        self.waiting.iter().find(|question| question.run == run).copied()
    }

    /// How many wait and how many have their turn.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.waiting.len(), self.turns.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::RoomId;

    fn question(run: i64, room: i64, asker: i64) -> Question {
        Question { run: RunId(run), room: RoomId(room), seq: run, asker: UserId(asker) }
    }

    fn turns(queue: &mut Queue) -> Vec<i64> {
        std::iter::from_fn(|| queue.next()).map(|question| question.run.0).collect()
    }

    #[test]
    fn who_asks_often_waits_behind_who_asks_once() {
        let (mut queue, now) = (Queue::new(2, 100), Instant::now());
        for run in 1..=5 {
            queue.put(question(run, run, 1), now).unwrap();
        }
        queue.put(question(6, 6, 2), now).unwrap();
        assert_eq!(turns(&mut queue), [1, 6]);
        assert_eq!((queue.place(RunId(2)), queue.place(RunId(5))), (Some(2), Some(5)));
        queue.ended(RunId(1));
        assert_eq!(turns(&mut queue), [2]);
    }

    #[test]
    fn a_room_has_one_turn_and_keeps_its_order() {
        let (mut queue, now) = (Queue::new(8, 100), Instant::now());
        for (run, asker) in [(1, 1), (2, 1), (3, 2)] {
            queue.put(question(run, 7, asker), now).unwrap();
        }
        assert_eq!(turns(&mut queue), [1]);
        assert_eq!((queue.place(RunId(2)), queue.place(RunId(3))), (Some(1), Some(2)));
        assert_eq!(queue.take_back(RunId(2)).map(|q| q.run), Some(RunId(2)));
        queue.ended(RunId(1));
        assert_eq!(turns(&mut queue), [3]);
    }

    #[test]
    fn who_asks_too_often_is_told_when_to_ask_again() {
        let (mut queue, now) = (Queue::new(8, 2), Instant::now());
        let later = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(queue.put(question(1, 1, 1), now), Ok(()));
        assert_eq!(queue.put(question(1, 1, 1), now), Err(NotQueued::Known));
        assert_eq!(queue.put(question(2, 1, 1), later(10)), Ok(()));
        let retry = Duration::from_secs(40);
        assert_eq!(queue.look(UserId(1), later(20)), Err(NotQueued::TooOften { retry }));
        assert_eq!(queue.look(UserId(2), later(20)), Ok(()), "who only looks is not counted");
        assert_eq!(queue.put(question(3, 1, 1), later(20)), Err(NotQueued::TooOften { retry }));
        assert_eq!(queue.put(question(3, 1, 2), later(20)), Ok(()));
        assert_eq!(queue.put(question(4, 1, 1), later(60)), Ok(()));
    }

    proptest! {
        #[test]
        fn everyone_gets_a_turn_and_no_room_two(
            asks in prop::collection::vec((0..4_i64, 0..4_i64), 1..60),
            places in 1..5_usize,
        ) {
            let (mut queue, now) = (Queue::new(places, 1_000), Instant::now());
            for (run, (room, asker)) in asks.iter().enumerate() {
                queue.put(question(run as i64, *room, *asker), now).unwrap();
            }
            let (mut running, mut done) = (Vec::new(), Vec::new());
            while done.len() < asks.len() {
                while let Some(next) = queue.next() {
                    prop_assert!(running.iter().all(|q: &Question| q.room != next.room));
                    running.push(next);
                }
                prop_assert!(!running.is_empty() && running.len() <= places);
                let over = running.remove(0);
                queue.ended(over.run);
                done.push(over.run);
            }
            done.sort_unstable();
            done.dedup();
            prop_assert_eq!(done.len(), asks.len());
            prop_assert_eq!(queue.len(), (0, 0));
        }
    }
}
