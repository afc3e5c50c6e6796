//! What all sessions together know of one room.

use std::cell::{Cell, RefCell};

/// A room of the run.
pub(crate) struct Room {
    pub id: String,
    /// The newest seq that was acknowledged or delivered.
    end: Cell<u64>,
    contents: RefCell<Contents>,
}

/// The serial at each seq, as whoever saw it first says.
#[derive(Default)]
struct Contents {
    first: u64,
    serials: Vec<u64>,
}

impl Room {
    pub(super) fn new(id: String) -> Self {
        Self { id, end: Cell::new(0), contents: RefCell::default() }
    }

    pub(super) fn end(&self) -> u64 {
        self.end.get()
    }

    pub(super) fn reached(&self, seq: u64) {
        self.end.set(self.end.get().max(seq));
    }

    /// Notes that this message stands at this seq; false when somebody saw another one there.
    pub(super) fn holds(&self, seq: u64, serial: u64) -> bool {
        self.reached(seq);
        let mut contents = self.contents.borrow_mut();
        if contents.serials.is_empty() {
            contents.first = seq;
        }
        let index = seq.checked_sub(contents.first).and_then(|index| usize::try_from(index).ok());
        // What lies before the first that anybody saw was not sent by this run.
        let Some(index) = index else { return true };
        if index >= contents.serials.len() {
            contents.serials.resize(index + 1, 0);
        }
        match contents.serials.get_mut(index) {
            Some(held @ 0) => *held = serial,
            Some(held) => return *held == serial,
            None => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_message_at_the_same_place_is_noticed() {
        let room = Room::new("r_1".to_owned());
        assert!(room.holds(7, 1));
        assert!(room.holds(9, 3));
        assert!(room.holds(7, 1));
        assert!(!room.holds(9, 2));
        assert!(room.holds(8, 2));
        assert_eq!(room.end(), 9);
    }
}
