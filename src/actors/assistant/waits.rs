//! Questions that wait for their answer, and what was told of their places: those of this node, and
//! those that other nodes speak of. Rooms look here when somebody opens them.

use std::collections::{BTreeMap, HashMap};
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
    pub(crate) fn heard(&self, node: u64, waits: &[Wait], now: Instant) -> Changed {
        let mut known = self.lock();
        let before = if waits.is_empty() {
            known.abroad.remove(&node)
        } else {
            known.abroad.insert(node, (now, waits.to_vec()))
        };
        drop(known);
        let before = before.filter(|(since, _waits)| holds(*since, now));
        let before = before.map(|(_since, before)| before).unwrap_or_default();
        changed(&before, waits)
    }

    /// Forgets what was said by nodes that are silent now; gives what waits no more as far as anybody
    /// says.
    pub(super) fn expire(&self, now: Instant) -> Vec<Wait> {
        let mut known = self.lock();
        let silent = known.abroad.extract_if(|_node, (since, _waits)| !holds(*since, now));
        let mut waits: Vec<Wait> = silent.flat_map(|(_node, (_since, waits))| waits).collect();
        waits.retain(|wait| {
            let mut others = known.own.iter().chain(known.abroad(now));
            !others.any(|other| other.question.run == wait.question.run)
        });
        waits
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

/// The rooms where something else waits, or at another place; each with what waits there no more.
pub(crate) type Changed = BTreeMap<RoomId, Vec<Wait>>;

/// What is different now.
pub(super) fn changed(before: &[Wait], now: &[Wait]) -> Changed {
    let mut changed = Changed::new();
    for wait in now.iter().filter(|wait| !before.contains(wait)) {
        changed.entry(wait.question.room).or_default();
    }
    for wait in before.iter().filter(|wait| !now.contains(wait)) {
        let over = changed.entry(wait.question.room).or_default();
        over.extend(Some(*wait).filter(|wait| !wait.is_among(now)));
    }
    changed
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
        assert_eq!(rooms, Changed::from([(RoomId(7), Vec::new())]));
        assert_eq!(waits.in_room(RoomId(7), now), [wait(1, 7, 4), wait(2, 7, 1)]);
        assert_eq!((waits.place(RunId(1), now), waits.place(RunId(9), now)), (Some(4), None));
        // The same again is no news; another place is, and so is an end.
        assert!(waits.heard(5, &[wait(1, 7, 4), wait(2, 7, 9)], now).is_empty());
        assert_eq!(waits.heard(5, &[wait(1, 7, 3)], now).len(), 1);
        assert_eq!(waits.heard(5, &[], now), Changed::from([(RoomId(7), vec![wait(1, 7, 3)])]));
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

    #[test]
    fn what_only_silent_nodes_spoke_of_is_over_and_said_once() {
        let (waits, now) = (Waits::default(), Instant::now());
        waits.are(&[wait(2, 7, 1)]);
        waits.heard(5, &[wait(1, 7, 4), wait(2, 7, 9), wait(3, 8, 1)], now);
        waits.heard(6, &[wait(3, 8, 2)], now + HOLDS);
        assert!(waits.expire(now + HOLDS / 2).is_empty());
        assert_eq!(waits.expire(now + HOLDS), [wait(1, 7, 4)]);
        assert!(waits.expire(now + HOLDS).is_empty());
        // Who speaks again says something new.
        assert_eq!(waits.heard(5, &[wait(1, 7, 4)], now + HOLDS).len(), 1);
    }
}
