//! Questions that wait for their answer, and what was told of their places: those of this node, and
//! those that other nodes speak of. Rooms look here when somebody opens them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::answering::Question;
use crate::domain::{MessageId, RoomId, RunId};
use crate::protocol::{AiUnwait, AiWait, Frame};

/// What another node said holds for so long: while anything waits there it says so once a second.
const HOLDS: Duration = Duration::from_secs(10);

/// A question that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wait {
    /// The question.
    pub(crate) question: Question,
    /// How many come before it.
    pub(crate) place: usize,
}

impl Wait {
    /// That it waits, and at which place.
    pub(crate) fn told(&self) -> Frame {
        let Question { run, room, seq, asker } = self.question;
        let (message, place) = (MessageId { room, seq }, self.place);
        Frame::json(&AiWait { room, message, run, asker, place })
    }

    /// That it waits no more.
    pub(crate) fn over(&self) -> Frame {
        let Question { run, room, seq, asker } = self.question;
        Frame::json(&AiUnwait { room, message: MessageId { room, seq }, run, asker })
    }

    /// Whether a list has this question, at whatever place.
    pub(crate) fn is_among(&self, waits: &[Self]) -> bool {
        waits.iter().any(|wait| wait.question.run == self.question.run)
    }
}

/// All that wait, as far as this node knows. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waits(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    own: Vec<Wait>,
    /// By the node where they wait, with the moment when it said so.
    abroad: HashMap<u64, (Instant, Vec<Wait>)>,
}

impl Waits {
    /// These wait on this node now; gives those that did before.
    pub(super) fn are(&self, now: &[Wait]) -> Vec<Wait> {
        std::mem::replace(&mut self.lock().own, now.to_vec())
    }

    /// Those of this node.
    pub(super) fn own(&self) -> Vec<Wait> {
        self.lock().own.clone()
    }

    /// These wait on another node now; gives the rooms where something is new.
    pub(crate) fn heard(&self, node: u64, waits: &[Wait], now: Instant) -> BTreeSet<RoomId> {
        let mut known = self.lock();
        known.abroad.retain(|_node, (since, _waits)| holds(*since, now));
        let before = if waits.is_empty() {
            known.abroad.remove(&node)
        } else {
            known.abroad.insert(node, (now, waits.to_vec()))
        };
        drop(known);
        let before = before.map(|(_since, before)| before).unwrap_or_default();
        changed(&before, waits)
    }

    /// Those of a room, by their runs.
    pub(super) fn in_room(&self, room: RoomId, now: Instant) -> Vec<Wait> {
        let is_meant = |wait: &&Wait| wait.question.room == room;
        let known = self.lock();
        let mut waits: Vec<Wait> = known.own.iter().filter(is_meant).copied().collect();
        for wait in known.abroad(now).filter(is_meant) {
            if !wait.is_among(&waits) {
                waits.push(*wait);
            }
        }
        waits.sort_unstable_by_key(|wait| wait.question.run);
        waits
    }

    /// How many come before a question that waits.
    pub(super) fn place(&self, run: RunId, now: Instant) -> Option<usize> {
        let known = self.lock();
        let mut waits = known.own.iter().chain(known.abroad(now));
        waits.find(|wait| wait.question.run == run).map(|wait| wait.place)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// What other nodes said of late.
    fn abroad(&self, now: Instant) -> impl Iterator<Item = &Wait> {
        let fresh = self.abroad.values().filter(move |(since, _waits)| holds(*since, now));
        fresh.flat_map(|(_since, waits)| waits)
    }
}

fn holds(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < HOLDS
}

/// The rooms where something else waits, or at another place.
pub(super) fn changed(before: &[Wait], now: &[Wait]) -> BTreeSet<RoomId> {
    let new = now.iter().filter(|wait| !before.contains(wait));
    let old = before.iter().filter(|wait| !now.contains(wait));
    new.chain(old).map(|wait| wait.question.room).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UserId;

    fn wait(run: i64, room: i64, place: usize) -> Wait {
        let (run, room, asker) = (RunId(run), RoomId(room), UserId(1));
        Wait { question: Question { run, room, seq: 1, asker }, place }
    }

    #[test]
    fn a_room_knows_what_waits_here_and_elsewhere_each_once() {
        let (waits, now) = (Waits::default(), Instant::now());
        assert!(waits.are(&[wait(2, 7, 1), wait(3, 8, 1)]).is_empty());
        // What was taken up here is known best here.
        let rooms = waits.heard(5, &[wait(1, 7, 4), wait(2, 7, 9)], now);
        assert_eq!(rooms, BTreeSet::from([RoomId(7)]));
        assert_eq!(waits.in_room(RoomId(7), now), [wait(1, 7, 4), wait(2, 7, 1)]);
        assert_eq!((waits.place(RunId(1), now), waits.place(RunId(9), now)), (Some(4), None));
        // The same again is no news; another place is, and so is an end.
        assert!(waits.heard(5, &[wait(1, 7, 4), wait(2, 7, 9)], now).is_empty());
        assert_eq!(waits.heard(5, &[wait(1, 7, 3)], now).len(), 1);
        assert_eq!(waits.heard(5, &[], now), BTreeSet::from([RoomId(7)]));
        assert_eq!(waits.in_room(RoomId(7), now), [wait(2, 7, 1)]);
    }

    #[test]
    fn what_a_node_said_that_is_gone_holds_for_a_while() {
        let (waits, now) = (Waits::default(), Instant::now());
        waits.heard(5, &[wait(1, 7, 4)], now);
        assert_eq!(waits.in_room(RoomId(7), now + HOLDS / 2).len(), 1);
        assert!(waits.in_room(RoomId(7), now + HOLDS).is_empty());
        assert_eq!(waits.place(RunId(1), now + HOLDS), None);
    }
}
