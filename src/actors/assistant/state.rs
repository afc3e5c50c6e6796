//! Who waits for an answer, and whose turn it is. Pure: time is an argument.
//!
//! **Invariant:** no room has two turns at a time, there are never more turns than places, and of
//! those who wait the one is next whose asker has least in hand and has waited longest since their
//! last turn: who asks a hundred times waits behind who asks once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::answering::Question;
use crate::domain::{RoomId, RunId, UserId};

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
    /// In the order in which they began.
    turns: Vec<Question>,
    /// When who asked, for an answer or a draft, in the last minute.
    asked: HashMap<UserId, VecDeque<Instant>>,
    /// The number of each user's last turn.
    last: HashMap<UserId, u64>,
    count: u64,
    /// How often it has changed.
    changes: u64,
}

impl Queue {
    /// An empty queue with so many places, where each user asks so often in a minute.
    pub(super) fn new(places: usize, per_minute: usize) -> Self {
        Self {
            places: places.max(1),
            per_minute: per_minute.max(1),
            waiting: VecDeque::new(),
            turns: Vec::new(),
            asked: HashMap::new(),
            last: HashMap::new(),
            count: 0,
            changes: 0,
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
        self.changes += 1;
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
        self.ended(question.run);
        self.changes += 1;
        if !self.knows(question.run) {
            self.waiting.push_back(question);
        }
    }

    /// Whose turn it is, if there is a place.
    pub(super) fn next(&mut self) -> Option<Question> {
        if self.turns.len() >= self.places {
            return None;
        }
        let at = best(&self.waiting, &self.turns, |user| self.last_turn(user))?;
        let question = self.waiting.remove(at)?;
        (self.count, self.changes) = (self.count + 1, self.changes + 1);
        if self.last.len() >= TURNS {
            self.last.clear();
        }
        self.last.insert(question.asker, self.count);
        self.turns.push(question);
        Some(question)
    }

    /// The number of a user's last turn.
    fn last_turn(&self, user: UserId) -> u64 {
        self.last.get(&user).copied().unwrap_or(0)
    }

    /// A turn is over.
    pub(super) fn ended(&mut self, run: RunId) {
        self.turns.retain(|question| question.run != run);
        self.changes += 1;
    }

    /// Takes a question back that waits.
    pub(super) fn take_back(&mut self, run: RunId) -> Option<Question> {
        let at = self.waiting.iter().position(|question| question.run == run)?;
        self.changes += 1;
        self.waiting.remove(at)
    }

    /// How often it has changed: while it has not, nobody's place has.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Who waits and how many come before: those of the room, or where no place is free all who have
    /// a turn now or get theirs before. Of many only so many, the first.
    pub(super) fn places(&self, most: usize) -> Vec<(Question, usize)> {
        if self.turns.len() >= self.places {
            let places = self.turns.len()..;
            return self.order(most).into_iter().zip(places).collect();
        }
        let mut in_rooms: HashMap<RoomId, usize> = HashMap::new();
        self.turns.iter().for_each(|question| *in_rooms.entry(question.room).or_default() += 1);
        let place = |question: &Question| {
            let before = in_rooms.entry(question.room).or_default();
            *before += 1;
            (*question, *before - 1)
        };
        self.waiting.iter().take(most).map(place).collect()
    }

    /// Who waits, in the order of their turns to come, when those end in the order in which they
    /// began.
    fn order(&self, most: usize) -> Vec<Question> {
        let (mut waiting, mut turns) = (self.waiting.clone(), self.turns.clone());
        let (mut order, mut last, mut count) = (Vec::new(), HashMap::new(), self.count);
        while order.len() < most && !waiting.is_empty() {
            let last_turn = |user| last.get(&user).copied().unwrap_or_else(|| self.last_turn(user));
            let is_full = turns.len() >= self.places;
            let at = if is_full { None } else { best(&waiting, &turns, last_turn) };
            let Some(question) = at.and_then(|at| waiting.remove(at)) else {
                if turns.is_empty() {
                    break;
                }
                turns.remove(0);
                continue;
            };
            count += 1;
            last.insert(question.asker, count);
            turns.push(question);
            order.push(question);
        }
        order
    }

    /// The place of a question that waits.
    pub(super) fn place(&self, run: RunId) -> Option<usize> {
        let mut places = self.places(usize::MAX).into_iter();
        places.find(|(question, _place)| question.run == run).map(|(_question, place)| place)
    }

    /// Whether a run waits or has its turn here.
    pub(super) fn knows(&self, run: RunId) -> bool {
        self.turns.iter().any(|question| question.run == run)
            || self.waiting.iter().any(|question| question.run == run)
    }

    /// Runs that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = RunId> + use<'_> {
        self.waiting.iter().map(|question| question.run)
    }

    /// How many wait and how many have their turn.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.waiting.len(), self.turns.len())
    }
}

/// Where who is next waits: of the first of each room that has no turn the one whose asker has least
/// in hand, and whose last turn was longest ago.
fn best(
    waiting: &VecDeque<Question>,
    turns: &[Question],
    last_turn: impl Fn(UserId) -> u64,
) -> Option<usize> {
    let mut rooms: HashSet<RoomId> = turns.iter().map(|question| question.room).collect();
    let in_hand = |user: UserId| turns.iter().filter(|question| question.asker == user).count();
    let heads = waiting.iter().enumerate().filter(|(_at, question)| rooms.insert(question.room));
    let rank = |(at, question): (usize, &Question)| {
        (in_hand(question.asker), last_turn(question.asker), at)
    };
    heads.map(rank).min().map(|(_in_hand, _last, at)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        queue.put(question(7, 7, 2), now).unwrap();
        // Both have one in hand, and the turn of the other was longer ago.
        assert_eq!((queue.place(RunId(2)), queue.place(RunId(7))), (Some(2), Some(3)));
        assert_eq!(queue.place(RunId(5)), Some(6));
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
        fn who_is_told_a_place_has_their_turn_after_so_many(
            asks in prop::collection::vec((0..6_i64, 0..4_i64), 1..30),
            places in 1..4_usize,
        ) {
            let (mut queue, now) = (Queue::new(places, 1_000), Instant::now());
            for (run, (room, asker)) in asks.iter().enumerate() {
                queue.put(question(run as i64, *room, *asker), now).unwrap();
            }
            let mut running: VecDeque<_> = std::iter::from_fn(|| queue.next()).collect();
            let is_full = running.len() >= places;
            let told: HashMap<_, _> =
                queue.places(100).into_iter().map(|(q, place)| (q.run, place)).collect();
            prop_assert_eq!(told.len() + running.len(), asks.len());
            let mut before = running.clone();
            while let Some(over) = running.pop_front() {
                queue.ended(over.run);
                while let Some(next) = queue.next() {
                    let in_room = before.iter().filter(|q| q.room == next.room).count();
                    let place = if is_full { before.len() } else { in_room };
                    prop_assert_eq!(told.get(&next.run), Some(&place));
                    running.push_back(next);
                    before.push_back(next);
                }
            }
            prop_assert_eq!(before.len(), asks.len());
        }

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
