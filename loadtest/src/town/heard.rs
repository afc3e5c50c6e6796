//! What a room learns from an event, whoever heard it: a session or a stream.

use super::Room;
use super::book::{EMOJI, Mark, Part, Post, Text, Who, Wrong, hash};
use super::room::{Held, mark};
use super::tally::Tally;
use crate::scan::{self, Delivery, Told};

impl Room {
    /// Notes an event of its log, and holds it against what others heard.
    pub(super) fn take(&self, line: &[u8], delivery: Delivery, tally: &Tally) {
        let mark = match (delivery.stamp, self.book()) {
            (Some(stamp), _) => stamp.serial,
            (None, Some(_)) => mark(scan::told(line).and_then(reaction)),
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
            (Some(Told::New { id, by }), Some(stamp)) => {
                let (serial, by) = (stamp.serial, Some(Who::of(by)));
                book.posted(id, Post { seq, serial, by, acked: None })
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
            (Some(Told::Other), _) => Ok(()),
            (Some(Told::New { .. } | Told::Edit { .. }), None) | (None, _) => Err(odd(Part::Page)),
        }
    }
}

/// A reaction as a number.
fn reaction(told: Told<'_>) -> Option<u64> {
    let Told::Mark { id, by, emoji, is_on, count } = told else { return None };
    let rest = [&[u8::from(is_on)][..], &count.to_be_bytes()].concat();
    Some(hash(&[id.as_bytes(), by.as_bytes(), emoji.as_bytes(), &rest]))
}
