//! What all sessions together know of one room.

use std::cell::{Cell, OnceCell, RefCell};

use super::book::Book;

/// A room of the run.
pub(crate) struct Room {
    pub id: String,
    /// The newest seq that was acknowledged or delivered.
    end: Cell<u64>,
    contents: RefCell<Contents>,
    /// What its messages say and carry, in runs that look at that.
    book: OnceCell<Book>,
}

/// What stands at each seq, as whoever saw it first says: the serial of a text, or a mark of
/// another event.
#[derive(Default)]
struct Contents {
    first: Option<u64>,
    marks: Vec<u64>,
    /// So many at the beginning are known without a gap.
    solid: usize,
}

/// Of an event that is neither a text nor a reaction.
const OTHER: u64 = 1 << 62;
const REACTION: u64 = 1 << 61;
/// Of a text that was deleted before anybody here heard it: any text may have been there.
pub(super) const ERASED: u64 = 1 << 60;
/// Set where a session heard the event, and not only its author the answer.
const HEARD: u64 = 1 << 63;

/// How an event stands to what was known of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    First,
    Again,
    /// Somebody saw another one there.
    Otherwise,
}

/// A mark of something that is no text of the load tester.
pub(super) fn mark(reaction: Option<u64>) -> u64 {
    reaction.map_or(OTHER, |hash| (hash >> 3) | REACTION)
}

impl Room {
    pub(super) fn new(id: String) -> Self {
        let (end, contents) = (Cell::new(0), RefCell::default());
        Self { id, end, contents, book: OnceCell::new() }
    }

    /// From now on it is known what its messages say.
    pub(crate) fn keep_book(&self) {
        self.book.get_or_init(Book::default);
    }

    pub(crate) fn book(&self) -> Option<&Book> {
        self.book.get()
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.get()
    }

    pub(super) fn reached(&self, seq: u64) {
        self.end.set(self.end.get().max(seq));
    }

    /// What comes behind this seq is of this run.
    pub(super) fn begins_behind(&self, seq: u64) {
        self.reached(seq);
        self.contents.borrow_mut().first.get_or_insert(seq + 1);
    }

    /// Notes an answer: this text stands at this seq. False when somebody saw another one there.
    pub(super) fn holds(&self, seq: u64, serial: u64) -> bool {
        self.note(seq, serial) != Held::Otherwise
    }

    /// Notes an event: this stands at this seq.
    pub(super) fn hears(&self, seq: u64, mark: u64) -> Held {
        self.note(seq, mark | HEARD)
    }

    fn note(&self, seq: u64, mark: u64) -> Held {
        self.reached(seq);
        let mut contents = self.contents.borrow_mut();
        let first = *contents.first.get_or_insert(seq);
        // What lies before the first that anybody saw was not sent by this run.
        let index = seq.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        let Some(index) = index else { return Held::Again };
        if index >= contents.marks.len() {
            contents.marks.resize(index + 1, 0);
        }
        let Some(held) = contents.marks.get_mut(index) else { return Held::Again };
        let (known, told) = (*held & !HEARD, mark & !HEARD);
        let is_text = |mark| mark & (OTHER | REACTION) == 0;
        let is_erased = (known == ERASED && is_text(told)) || (told == ERASED && is_text(known));
        if known != 0 && known != told && !is_erased {
            return Held::Otherwise;
        }
        let is_first = *held & HEARD == 0;
        let kept = if known == 0 || known == ERASED { told } else { known };
        *held = kept | ((*held | mark) & HEARD);
        if is_first { Held::First } else { Held::Again }
    }

    /// Whether it is known what stands at every seq of the run up to this one.
    pub(crate) fn is_known_upto(&self, seq: u64) -> bool {
        let mut contents = self.contents.borrow_mut();
        let Contents { first: Some(first), marks, solid } = &mut *contents else { return false };
        let more = marks.get(*solid..).unwrap_or_default();
        *solid += more.iter().take_while(|mark| **mark != 0).count();
        *first + *solid as u64 > seq
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

    #[test]
    fn an_event_is_first_once_whether_or_not_its_answer_came_before() {
        let room = Room::new("r_1".to_owned());
        room.begins_behind(6);
        assert!(room.holds(8, 2));
        assert_eq!(room.hears(8, 2), Held::First);
        assert_eq!(room.hears(8, 2), Held::Again);
        assert_eq!(room.hears(8, 3), Held::Otherwise);
        assert_eq!(room.hears(7, mark(Some(99))), Held::First);
        assert_eq!(room.hears(7, mark(Some(9_999))), Held::Otherwise);
        assert_eq!(room.hears(7, mark(None)), Held::Otherwise);
    }

    #[test]
    fn a_text_that_was_erased_meanwhile_is_no_other_one() {
        let room = Room::new("r_1".to_owned());
        room.begins_behind(6);
        assert_eq!(room.hears(7, 4), Held::First);
        assert_eq!(room.hears(7, ERASED), Held::Again);
        assert_eq!(room.hears(7, 5), Held::Otherwise, "the text is known still");
        assert_eq!(room.hears(8, ERASED), Held::First);
        assert!(room.holds(8, 6) && !room.holds(8, 7));
        assert_eq!(room.hears(9, mark(None)), Held::First);
        assert_eq!(room.hears(9, ERASED), Held::Otherwise, "that was no text");
    }

    #[test]
    fn a_gap_is_known_until_it_is_filled() {
        let room = Room::new("r_1".to_owned());
        assert!(!room.is_known_upto(6));
        room.begins_behind(6);
        assert!(room.is_known_upto(6));
        room.hears(7, 1);
        room.hears(9, 2);
        assert!(room.is_known_upto(7) && !room.is_known_upto(8) && !room.is_known_upto(9));
        room.hears(8, mark(None));
        assert!(room.is_known_upto(9) && !room.is_known_upto(10));
    }
}
