//! What a session makes of answers.

use std::time::Duration;

use serde_json::Value;

use super::{Asked, Duty, Posting, Session, What};
use crate::check::SeqWatch;
use crate::scan::Stamp;
use crate::town::book::{Book, Known, Mark, Part, Post, Shown, Text, Wrong};
use crate::town::room::Room;

/// Messages of a snapshot.
const SNAPSHOT: usize = 50;

impl Session {
    pub(super) fn take_reply(&self, reply: &Value) -> Option<Duty> {
        let id = reply.get("re").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let Some(id) = id else {
            self.tally.refused.add(|| format!("neither reply nor event: {reply}"));
            return None;
        };
        let Asked { what, due } = self.asked.borrow_mut().remove(&id)?;
        let Some(ok) = reply.get("ok") else {
            return self.take_refusal(id, Asked { what, due }, reply);
        };
        if what.is_lasting() {
            self.tally.unanswered.update(|count| count - 1);
        }
        self.tally.done(what.deed(), due);
        match what {
            What::Open(room) => self.opened(&room, ok),
            What::Close(room) => self.forget(&room),
            What::Pull(room) => {
                let events = ok.get("events").and_then(Value::as_array).into_iter().flatten();
                events.for_each(|event| self.deliver(event.to_string().as_bytes(), None));
                if ok.get("more").and_then(Value::as_bool) == Some(true) {
                    return Some(self.pull(&room));
                }
            }
            What::Send { room, stamp, posting } => {
                self.tally.note(|noted| noted.acked += 1);
                self.sent(&room, stamp, posting, ok);
            }
            What::Edit { room, id, stamp } => self.edited(&room, &id, stamp, ok),
            What::React { room, id, emoji, is_on } => {
                let mark = Mark { seq: 0, by: self.me.get(), emoji, is_on, count: None };
                self.reacted(&room, &id, mark, ok);
            }
            What::Delete { room, id } => self.deleted(&room, &id, ok),
            What::Pin { room, id, is_on } => self.pinned(&room, &id, is_on, ok),
            What::Read { n } => self.marked(n, ok, |read_n| read_n >= n),
            What::Unread { n } => self.marked(n, ok, |read_n| self.is_put_back(read_n, n)),
            What::Other(_) => {}
        }
        None
    }

    fn deleted(&self, room: &Room, id: &str, ok: &Value) {
        if let Some(seq) = seq(ok) {
            room.reached(seq);
            self.keep(room, |book| book.deleted(id, seq));
        }
    }

    /// Whether a mark may be there that was put right before the n-th message. What one reads or says
    /// oneself at the same moment moves it on again; most of the time nothing does, which is counted.
    fn is_put_back(&self, read_n: u64, n: u64) -> bool {
        if read_n + 1 == n {
            self.tally.note(|noted| noted.put_back += 1);
        }
        read_n + 1 >= n
    }

    /// The answer to a read mark before or behind the n-th message.
    fn marked(&self, n: u64, ok: &Value, is_right: impl FnOnce(u64) -> bool) {
        let number = |key| ok.get(key).and_then(Value::as_u64);
        // What stands behind the mark is unread, so at least the n-th where it was put before it.
        let is_right = match (number("read_n"), number("unread")) {
            (Some(read_n), Some(unread)) => is_right(read_n) && read_n + unread >= n,
            _ => false,
        };
        if !is_right {
            let how = format!("session {}: a mark at {n}, told is {ok}", self.index);
            self.tally.wrong(Part::Read.wrong(how));
        }
    }

    /// A pin that was there already made no event.
    fn pinned(&self, room: &Room, id: &str, is_on: bool, ok: &Value) {
        let is_new = ok.get("dup").and_then(Value::as_bool) == Some(false);
        if let Some(seq) = seq(ok).filter(|_| is_new) {
            room.reached(seq);
            self.keep(room, |book| book.pinned(id, (seq, is_on)));
        }
        self.keep(room, |book| {
            book.pin_asked(id, true);
            Ok(())
        });
    }

    fn sent(&self, room: &Room, stamp: Stamp, posting: Posting, ok: &Value) {
        let seq = seq(ok).unwrap_or(0);
        if !room.holds(seq, stamp.serial) {
            self.tally.differs(|| format!("acknowledged at {seq}, another was seen there"));
        }
        let id = ok.get("id").and_then(Value::as_str).unwrap_or_default();
        let Posting { parcel, thread, .. } = posting;
        let (n, by) = (ok.get("n").and_then(Value::as_u64), Some(self.me.get()));
        let acked = Some((self.index, parcel));
        let post = Post { seq, n, serial: stamp.serial, by, thread, acked };
        self.keep(room, |book| book.posted(id, post));
    }

    fn edited(&self, room: &Room, id: &str, stamp: Stamp, ok: &Value) {
        // Of an edit that was there already the place may not be known.
        if let Some(seq) = seq(ok) {
            if !room.holds(seq, stamp.serial) {
                self.tally.differs(|| format!("edited at {seq}, something else was seen there"));
            }
            let text = Text { seq, rev: None, serial: stamp.serial };
            self.keep(room, |book| book.edited(id, self.me.get(), text));
        }
        self.keep(room, |book| {
            book.edit_asked(id, true);
            Ok(())
        });
    }

    /// A reaction that was there already made no event.
    fn reacted(&self, room: &Room, id: &str, mark: Mark, ok: &Value) {
        let is_new = ok.get("dup").and_then(Value::as_bool) == Some(false);
        if let Some(seq) = seq(ok).filter(|_| is_new) {
            room.reached(seq);
            self.keep(room, |book| book.marked(id, Mark { seq, ..mark }));
        }
    }

    fn keep(&self, room: &Room, write: impl FnOnce(&Book) -> Result<(), Wrong>) {
        if let Some(book) = room.book()
            && let Err(wrong) = write(book)
        {
            self.tally.wrong(wrong);
        }
    }

    /// What is put off is asked again; an opening as it would be now.
    fn take_refusal(&self, id: u32, asked: Asked, reply: &Value) -> Option<Duty> {
        let Some(wait) = reply.pointer("/err/retry_ms").and_then(Value::as_u64) else {
            self.refused(&asked.what, reply);
            return None;
        };
        self.tally.note(|noted| noted.put_off += 1);
        if asked.what.is_lasting() {
            self.asked.borrow_mut().insert(id, asked);
            return Some(Duty::Again(id, Duration::from_millis(wait)));
        }
        match asked.what {
            What::Open(room) => Some(Duty::Say(self.open(&room, asked.due))),
            What::Pull(room) => Some(self.pull(&room)),
            _ => None,
        }
    }

    fn refused(&self, what: &What, reply: &Value) {
        if what.is_lasting() {
            self.tally.unanswered.update(|count| count - 1);
        }
        let target = what.target().and_then(|(room, id)| Some((room.book()?, id)));
        if let Some((book, id)) = target {
            match what {
                What::Edit { .. } => book.edit_asked(id, true),
                What::Pin { .. } => book.pin_asked(id, true),
                _ => {}
            }
            // Its author was faster.
            let code = reply.pointer("/err/code").and_then(Value::as_str);
            if code == Some("conflict") && book.is_going(id) {
                return;
            }
        }
        self.tally.refused.add(|| reply.to_string());
    }

    fn opened(&self, room: &str, ok: &Value) {
        let epoch = ok.get("epoch").and_then(Value::as_str).unwrap_or_default();
        let head = ok.get("head").and_then(Value::as_u64).unwrap_or(0);
        let is_resumed = ok.get("resumed").and_then(Value::as_bool) == Some(true);
        let mut places = self.places.borrow_mut();
        let Some(place) = places.get_mut(room) else { return };
        if is_resumed {
            // Level with `caught_up`.
            return;
        }
        if let Some(held) = &place.epoch {
            let (index, seq, why) = (self.index, place.watch.head(), ok.get("why"));
            self.tally.not_resumed.add(|| {
                format!("session {index} from {held}/{seq}: head {epoch}/{head}, why {why:?}")
            });
        }
        place.epoch = Some(epoch.to_owned());
        place.watch = SeqWatch::after(head);
        place.n = ok.get("n").and_then(Value::as_u64).unwrap_or(0);
        place.room.begins_behind(head);
        self.compare_snapshot(&place.room, ok);
        drop(places);
        self.level(room);
    }

    fn compare_snapshot(&self, room: &Room, ok: &Value) {
        let Some(book) = room.book() else { return };
        let items = ok.pointer("/snapshot/items").and_then(Value::as_array);
        let upto = ok.pointer("/snapshot/upto").and_then(Value::as_u64).unwrap_or(0);
        let known = Known { upto, is_exact: room.is_known_upto(upto) };
        let items = items.map(Vec::as_slice).unwrap_or_default();
        let shown = Shown::newest(items, SNAPSHOT, self.me.get());
        book.compare(shown, known).into_iter().for_each(|wrong| self.tally.wrong(wrong));
    }
}

fn seq(ok: &Value) -> Option<u64> {
    ok.get("seq").and_then(Value::as_u64)
}
