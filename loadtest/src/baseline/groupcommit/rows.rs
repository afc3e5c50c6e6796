//! Rows ready to be written. What the server works out for a message is here made up beforehand.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

/// An author and the room that they write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub room: i64,
    pub user: i64,
}

/// A message without its place in the log, which the database gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub seat: Seat,
    pub cid: String,
}

/// The messages of some seats, one after the other, as closed-loop senders would bring them: nobody
/// sends again before everybody has.
pub(super) struct Rows {
    seats: Vec<Seat>,
    written: u64,
    pub text: String,
    pub event: String,
}

impl Rows {
    pub(super) fn new(mut seats: Vec<Seat>, (text, event): (usize, usize)) -> Self {
        // Neighbours in a batch are strangers: their rooms and their pages differ.
        seats.shuffle(&mut SmallRng::seed_from_u64(1));
        Self { seats, written: 0, text: "x".repeat(text), event: "e".repeat(event) }
    }

    /// The next `count` messages, at most one of each seat.
    pub(super) fn batch(&mut self, count: usize) -> Vec<Draft> {
        let turn = usize::try_from(self.written).unwrap_or(0) % self.seats.len().max(1);
        let seats = self.seats.iter().cycle().skip(turn).take(count.min(self.seats.len()));
        let drafts: Vec<Draft> = seats
            .zip(self.written..)
            .map(|(seat, number)| Draft { seat: *seat, cid: format!("bare-{number}") })
            .collect();
        self.written += drafts.len() as u64;
        drafts
    }
}

/// How many messages each room of a batch gets, in the order of the rooms.
pub(super) fn by_room(drafts: &[Draft]) -> BTreeMap<i64, i64> {
    let mut rooms = BTreeMap::new();
    for draft in drafts {
        *rooms.entry(draft.seat.room).or_insert(0) += 1;
    }
    rooms
}

/// The places that the heads leave: each room's newest `(seq, n)` after the batch is known, the
/// messages of a room stand below it in their order.
pub(super) fn places(drafts: &[Draft], heads: &BTreeMap<i64, (i64, i64)>) -> Vec<(i64, i64)> {
    let mut left = by_room(drafts);
    let place = |draft: &Draft| {
        let left = left.entry(draft.seat.room).or_insert(0);
        *left -= 1;
        let (seq, n) = heads.get(&draft.seat.room).copied().unwrap_or((0, 0));
        (seq - *left, n - *left)
    };
    drafts.iter().map(place).collect()
}

/// The time that rows carry.
pub(super) fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats() -> Vec<Seat> {
        (0..5).map(|user| Seat { room: user % 2, user }).collect()
    }

    #[test]
    fn everybody_sends_once_before_anybody_sends_again() {
        let mut rows = Rows::new(seats(), (3, 4));
        let mut users: Vec<i64> = rows.batch(3).iter().map(|draft| draft.seat.user).collect();
        users.extend(rows.batch(2).iter().map(|draft| draft.seat.user));
        users.sort_unstable();
        assert_eq!(users, [0, 1, 2, 3, 4]);
        let cids: Vec<String> = rows.batch(2).into_iter().map(|draft| draft.cid).collect();
        assert_eq!(cids, ["bare-5", "bare-6"]);
        assert_eq!(rows.batch(9).len(), 5);
        assert!(Rows::new(Vec::new(), (3, 4)).batch(2).is_empty());
    }

    #[test]
    fn messages_of_a_room_stand_in_their_order_up_to_its_head() {
        let draft = |room| Draft { seat: Seat { room, user: 1 }, cid: String::new() };
        let drafts = [draft(7), draft(8), draft(7)];
        assert_eq!(by_room(&drafts), BTreeMap::from([(7, 2), (8, 1)]));
        let heads = BTreeMap::from([(7, (12, 10)), (8, (4, 4))]);
        assert_eq!(places(&drafts, &heads), [(11, 9), (4, 4), (12, 10)]);
    }
}
