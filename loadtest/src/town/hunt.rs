//! A search for one message by the word that no other has: its number. What was acknowledged must be
//! found by its newest text, by no older one, and by nobody who may not read its room.

use std::collections::HashSet;
use std::rc::Rc;

use serde_json::Value;

use super::Room;
use super::book::{Part, Wrong};
use crate::scan::Stamp;

/// What must come of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Found,
    /// The word was edited away, or deleted with its message.
    Gone,
    /// The one who looks may not read it.
    Hidden,
}

pub(crate) struct Hunt {
    pub room: Rc<Room>,
    /// The message.
    pub id: Rc<str>,
    pub serial: u64,
    pub wanted: Wanted,
    /// The rooms that the one who looks is in.
    pub readable: HashSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Wrong(Wrong),
    Leaked(String),
}

impl Hunt {
    pub(crate) fn word(&self) -> String {
        Stamp::word(self.serial)
    }

    /// Everything that is wrong with what was found on all pages.
    pub(crate) fn judge(&self, items: &[Value]) -> Vec<Flaw> {
        let (word, mut flaws, mut hits) = (self.word(), Vec::new(), 0);
        for message in items.iter().filter_map(|item| item.get("message")) {
            let text_of = |key| message.get(key).and_then(Value::as_str).unwrap_or_default();
            let (room, id) = (text_of("room"), text_of("id"));
            if !self.readable.contains(room) {
                flaws.push(Flaw::Leaked(format!("a search found {id} of {room}")));
            }
            if !text_of("text").contains(&word) {
                flaws.push(self.wrong(format!("{id} was found without {word} in it")));
            }
            hits += usize::from(id == &*self.id);
        }
        match (self.wanted, hits) {
            (Wanted::Found, 1) | (Wanted::Gone | Wanted::Hidden, 0) => {}
            (Wanted::Found, 0) if !self.stands() => {}
            (Wanted::Hidden, _) => {
                flaws.push(Flaw::Leaked(format!("{} was found from outside", self.id)));
            }
            (wanted, hits) => {
                let how = format!("{} by {word}: wanted {wanted:?}, {hits} times", self.id);
                flaws.push(self.wrong(how));
            }
        }
        flaws
    }

    /// Whether no other text came meanwhile, or is about to.
    fn stands(&self) -> bool {
        self.room.book().is_some_and(|book| book.stands(&self.id, self.serial))
    }

    fn wrong(&self, how: String) -> Flaw {
        Flaw::Wrong(Part::Search.wrong(how))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::town::book::{Post, Text, Who};

    /// A message with the text 7, and one search.
    fn hunt(wanted: Wanted) -> Hunt {
        let room = Rc::new(Room::new("r_1".to_owned()));
        room.keep_book();
        let (by, acked) = (Some(Who::of("u_1")), Some((0, None)));
        let post = Post { seq: 11, serial: 7, by, acked, ..Post::default() };
        room.book().unwrap().posted("m_11", post).unwrap();
        let readable = if wanted == Wanted::Hidden { "r_2" } else { "r_1" };
        let readable = HashSet::from([readable.to_owned()]);
        Hunt { room, id: "m_11".into(), serial: 7, wanted, readable }
    }

    fn hit(room: &str, id: &str, serial: u64) -> Value {
        let text = Stamp { serial, due_us: 1 }.text("x");
        json!({"message": {"room": room, "id": id, "text": text}, "highlights": [[0, 12]]})
    }

    fn is_wrong(flaws: &[Flaw]) -> bool {
        matches!(flaws, [Flaw::Wrong(Wrong { what: Part::Search, .. })])
    }

    #[test]
    fn what_was_acknowledged_must_be_found_once() {
        let hunt = hunt(Wanted::Found);
        let found = hit("r_1", "m_11", 7);
        assert_eq!(hunt.judge(std::slice::from_ref(&found)), []);
        assert!(is_wrong(&hunt.judge(&[])), "missing");
        assert!(is_wrong(&hunt.judge(&[found.clone(), found.clone()])), "twice");
        assert!(is_wrong(&hunt.judge(&[found, hit("r_1", "m_12", 8)])), "without the word");
    }

    #[test]
    fn a_word_that_is_being_edited_away_may_be_found_or_not() {
        let hunt = hunt(Wanted::Found);
        let book = hunt.room.book().unwrap();
        book.edit_asked("m_11", false);
        assert_eq!(hunt.judge(&[]), []);
        book.edit_asked("m_11", true);
        assert!(is_wrong(&hunt.judge(&[])));
        let text = Text { seq: 12, rev: Some(2), serial: 8 };
        book.edited("m_11", Who::of("u_1"), text).unwrap();
        assert_eq!(hunt.judge(&[]), []);
    }

    #[test]
    fn a_word_that_was_edited_away_must_not_be_found() {
        let hunt = hunt(Wanted::Gone);
        assert_eq!(hunt.judge(&[]), []);
        assert!(is_wrong(&hunt.judge(&[hit("r_1", "m_11", 7)])));
    }

    #[test]
    fn a_message_of_a_room_that_one_is_not_in_is_a_leak() {
        for hunt in [hunt(Wanted::Hidden), hunt(Wanted::Gone)] {
            let elsewhere = hunt.judge(&[hit("r_3", "m_99", 7)]);
            assert!(matches!(*elsewhere, [Flaw::Leaked(_)]), "{elsewhere:?}");
        }
        let hunt = hunt(Wanted::Hidden);
        assert_eq!(hunt.judge(&[]), []);
        assert!(!hunt.judge(&[hit("r_1", "m_11", 7)]).is_empty());
    }
}
