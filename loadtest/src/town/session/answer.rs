//! What a session makes of answers.

use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::{Asked, Duty, Session, What};
use crate::check::SeqWatch;
use crate::scan::Stamp;
use crate::town::book::{Book, Known, Mark, Part, Post, Shown, Text, Wrong};
use crate::town::parcel::Parcel;
use crate::town::room::Room;
use crate::town::tally::Deed;

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
        match what {
            What::Open(room) => {
                self.opened(&room, ok);
                self.tally.done(Deed::Open, due);
            }
            What::Close(room) => {
                self.forget(&room);
                self.tally.done(Deed::Close, due);
            }
            What::Pull(room) => {
                let events = ok.get("events").and_then(Value::as_array).into_iter().flatten();
                events.for_each(|event| self.deliver(event.to_string().as_bytes(), None));
                self.tally.done(Deed::Pull, due);
                if ok.get("more").and_then(Value::as_bool) == Some(true) {
                    return Some(self.pull(&room));
                }
            }
            What::Send { room, stamp, parcel } => {
                self.tally.note(|noted| noted.acked += 1);
                self.tally.done(Deed::Send, due);
                self.sent(&room, stamp, parcel, ok);
            }
            What::Edit { room, id, stamp } => {
                self.tally.done(Deed::Edit, due);
                self.edited(&room, &id, stamp, ok);
            }
            What::React { room, id, emoji, is_on } => {
                self.tally.done(Deed::React, due);
                let mark = Mark { seq: 0, by: self.me.get(), emoji, is_on, count: None };
                self.reacted(&room, &id, mark, ok);
            }
            What::Read { n } => {
                self.tally.done(Deed::Read, due);
                let read_n = ok.get("read_n").and_then(Value::as_u64);
                if read_n.is_none_or(|read_n| read_n < n) {
                    let how = format!("session {}: {n} were read, told is {ok}", self.index);
                    self.tally.wrong(Part::Read.wrong(how));
                }
            }
            What::Other(deed) => self.tally.done(deed, due),
        }
        None
    }

    fn sent(&self, room: &Room, stamp: Stamp, parcel: Option<Rc<Parcel>>, ok: &Value) {
        let seq = seq(ok).unwrap_or(0);
        if !room.holds(seq, stamp.serial) {
            self.tally.differs(|| format!("acknowledged at {seq}, another was seen there"));
        }
        let id = ok.get("id").and_then(Value::as_str).unwrap_or_default();
        let acked = Some((self.index, parcel));
        let post = Post { seq, serial: stamp.serial, by: Some(self.me.get()), acked };
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
            if asked.what.is_lasting() {
                self.tally.unanswered.update(|count| count - 1);
            }
            if let What::Edit { room, id, .. } = &asked.what
                && let Some(book) = room.book()
            {
                book.edit_asked(id, true);
            }
            self.tally.refused.add(|| reply.to_string());
            return None;
        };
        self.tally.note(|noted| noted.put_off += 1);
        match asked.what {
            What::Open(room) => Some(Duty::Say(self.open(&room, asked.due))),
            What::Pull(room) => Some(self.pull(&room)),
            What::Send { .. } | What::Edit { .. } | What::React { .. } => {
                self.asked.borrow_mut().insert(id, asked);
                Some(Duty::Again(id, Duration::from_millis(wait)))
            }
            What::Close(_) | What::Read { .. } | What::Other(_) => None,
        }
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
