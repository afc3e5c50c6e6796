//! Which inbox entries were shown: what left for a socket, or was taken by a stream.
//!
//! Looked at once a second, not with each write: an entry was shown when nothing waits for its listener
//! any more. Who reads slowly has it noted later; who went before, not at all, and gets it again.

use std::cell::RefCell;
use std::collections::HashMap;

use super::Relay;
use super::book::Entry;
use crate::actors::outbox::{Ending, Outbox};
use crate::actors::seat::SeatKey;
use crate::domain::Millis;
use crate::protocol::CloseCode;
use crate::store::ShownNotices;

/// Stretches of entries that may be on their way in one worker. What comes beyond that is not noted.
const MOST: usize = 16_384;

/// Entries on their way: for each listener the first and the last seq of each stretch.
#[derive(Debug, Default)]
pub(super) struct OnTheWay {
    of: RefCell<HashMap<SeatKey, Vec<(i64, i64)>>>,
}

impl OnTheWay {
    fn add(&self, seat: SeatKey, seq: i64) {
        let mut all = self.of.borrow_mut();
        if all.len() >= MOST && !all.contains_key(&seat) {
            return;
        }
        let stretches = all.entry(seat).or_default();
        let is_next = |stretch: &&mut (i64, i64)| stretch.1 + 1 == seq;
        if let Some((_first, last)) = stretches.last_mut().filter(is_next) {
            *last = seq;
        } else if stretches.len() < MOST / 16 {
            stretches.push((seq, seq));
        }
    }
}

impl Relay {
    /// An entry that was shown to nobody before was pushed for a listener.
    pub(crate) fn shows(&self, seat: SeatKey, seq: i64) {
        self.on_the_way.add(seat, seq);
    }

    /// Called once a second.
    pub(super) fn note_shown(&self) {
        let waiting = std::mem::take(&mut *self.on_the_way.of.borrow_mut());
        for (seat, stretches) in waiting {
            let mut book = self.book.borrow_mut();
            let Some(entry) = book.entry(seat) else { continue };
            if is_out(&entry.outbox) {
                self.leave_shown(entry, &stretches);
            } else if entry.outbox.ending() == Ending::No {
                self.on_the_way.of.borrow_mut().insert(seat, stretches);
            }
        }
    }

    /// A listener goes: what is out was shown.
    pub(super) fn note_last_shown(&self, seat: SeatKey, entry: &Entry) {
        let stretches = self.on_the_way.of.borrow_mut().remove(&seat);
        if let Some(stretches) = stretches.filter(|_| is_out(&entry.outbox)) {
            self.leave_shown(entry, &stretches);
        }
    }

    fn leave_shown(&self, entry: &Entry, stretches: &[(i64, i64)]) {
        let Some(signed) = entry.signed else { return };
        let (user, at) = (signed.user, Millis::now());
        for (first, last) in stretches.iter().copied() {
            self.rooms.shown.leave(ShownNotices { user, first, last, at });
        }
    }
}

/// Whether all that was pushed has left. What is cut off leaves nothing behind either.
fn is_out(outbox: &Outbox) -> bool {
    let was_cut = matches!(outbox.ending(), Ending::Over | Ending::Closing(CloseCode::TooSlow));
    outbox.bytes() == 0 && !was_cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_stretch_and_there_are_not_too_many() {
        let seat = |slot| SeatKey { worker: 0, slot, life: 1 };
        let waiting = OnTheWay::default();
        [3, 4, 5, 7, 8, 1].into_iter().for_each(|seq| waiting.add(seat(1), seq));
        assert_eq!(waiting.of.borrow()[&seat(1)], [(3, 5), (7, 8), (1, 1)]);
        (0..100_000).for_each(|seq| waiting.add(seat(2), seq * 2));
        assert_eq!(waiting.of.borrow()[&seat(2)].len(), MOST / 16);
        (0..100_000).for_each(|slot| waiting.add(seat(slot), 9));
        assert_eq!(waiting.of.borrow().len(), MOST);
        waiting.add(seat(3), 10);
        assert_eq!(waiting.of.borrow()[&seat(3)], [(9, 10)]);
    }
}
