//! What a room learns from an event, whoever heard it: a session or a stream.

use serde_json::Value;

use super::Room;
use super::book::{Book, EMOJI, Mark, Part, Post, Text, Who, Wrong, hash};
use super::room::{ERASED, Held, mark};
use super::tally::Tally;
use crate::scan::{self, Delivery, Told};

impl Room {
    /// Notes an event of its log, and holds it against what others heard.
    pub(super) fn take(&self, line: &[u8], delivery: Delivery, tally: &Tally) {
        let mark = match (delivery.stamp, self.book()) {
            (Some(stamp), _) => stamp.serial,
            (None, Some(_)) => match scan::told(line) {
                Some(Told::Erased { .. }) => ERASED,
                told => mark(told.and_then(reaction)),
            },
            (None, None) => mark(None),
        };
        match self.hears(delivery.seq, mark) {
            Held::First => {
                if let Err(wrong) = self.learn(line, delivery) {
                    tally.wrong(wrong);
                }
            }
            Held::Again => {}
            Held::Otherwise => tally.differs(|| {
                let line = String::from_utf8_lossy(line);
                format!("{}: others heard something else at {}: {line}", self.id, delivery.seq)
            }),
        }
    }

    /// The first that hears an event writes it down.
    fn learn(&self, line: &[u8], delivery: Delivery) -> Result<(), Wrong> {
        let Some(book) = self.book() else { return Ok(()) };
        let seq = delivery.seq;
        let odd = |what: Part| what.wrong(String::from_utf8_lossy(line));
        match (scan::told(line), delivery.stamp) {
            (Some(Told::New { id, by, thread }), Some(stamp)) => {
                let (serial, by, n) = (stamp.serial, Some(Who::of(by)), delivery.n);
                let thread = thread.map(From::from);
                book.posted(id, Post { seq, n, serial, by, thread, acked: None })
            }
            (Some(Told::Edit { id, by, rev }), Some(stamp)) => {
                let text = Text { seq, rev: Some(rev), serial: stamp.serial };
                book.edited(id, Who::of(by), text)
            }
            (Some(Told::Mark { id, by, emoji, is_on, count }), _) => {
                let emoji = EMOJI.iter().position(|known| *known == emoji);
                let emoji = emoji.ok_or_else(|| odd(Part::Reaction))?;
                let count = Some(count);
                book.marked(id, Mark { seq, by: Who::of(by), emoji, is_on, count })
            }
            (Some(Told::Delete { id }), _) => book.deleted(id, seq),
            (Some(Told::Pin { id, is_on }), _) => book.pinned(id, (seq, is_on)),
            (Some(Told::Erased { id }), _) => {
                book.will_go(id);
                Ok(())
            }
            (Some(Told::Answer), _) => {
                answer(book, line, seq).unwrap_or_else(|| Err(odd(Part::Answer)))
            }
            (Some(Told::Other), _) => Ok(()),
            (Some(Told::New { .. } | Told::Edit { .. }), None) | (None, _) => Err(odd(Part::Page)),
        }
    }
}

/// The beginning or the end of an answer; nothing when it lacks what it should have.
fn answer(book: &Book, line: &[u8], seq: u64) -> Option<Result<(), Wrong>> {
    let event: Value = serde_json::from_slice(line).ok()?;
    let of = |pointer| event.pointer(pointer).and_then(Value::as_str);
    let (id, by) = (of("/d/id")?, Who::of(of("/d/by")?));
    Some(match of("/ev")? {
        "ai.start" => book.answers(id, by, (seq, event.get("n")?.as_u64()?)),
        _end => book.answered(id, (seq, of("/d/text"))),
    })
}

/// A reaction as a number.
fn reaction(told: Told<'_>) -> Option<u64> {
    let Told::Mark { id, by, emoji, is_on, count } = told else { return None };
    let rest = [&[u8::from(is_on)][..], &count.to_be_bytes()].concat();
    Some(hash(&[id.as_bytes(), by.as_bytes(), emoji.as_bytes(), &rest]))
}
