//! Answers of the assistant as they are spoken. Who is slow gets fewer and longer pieces: what they
//! have not got is sent in one when there is room again. The text is not kept here, only who is how
//! far behind.

use std::sync::Arc;

use bytes::Bytes;

use super::Relay;
use super::book::Kind;
use crate::actors::assistant::Answering;
use crate::actors::seat::SeatKey;
use crate::domain::RoomId;
use crate::protocol::{AiDelta, Frame};
use crate::telemetry::Dropped;

/// A listener who has not got all of an answer.
pub(super) struct Behind {
    seat: SeatKey,
    answering: Arc<Answering>,
    /// Bytes that they have got.
    told: usize,
}

impl Relay {
    /// More of an answer, from one byte of it to another.
    pub(super) fn said(
        &self,
        room: RoomId,
        answering: &Arc<Answering>,
        (off, upto): (usize, usize),
        frame: &Frame,
    ) {
        let book = self.book.borrow();
        let Some(listeners) = book.rooms.get(&room) else {
            return;
        };
        let mut behind = self.behind.borrow_mut();
        behind.retain(|one| !one.answering.is_over());
        // One copy per worker, as of events.
        let (bytes, faults) = (Bytes::copy_from_slice(frame.bytes()), &self.rooms.faults);
        let mut pushed = 0;
        for ear in &listeners.open {
            let Some(entry) = book.at(ear.slot) else {
                continue;
            };
            let is_wanted = entry.signed.is_some_and(|signed| signed.want.ai);
            if !is_wanted || entry.kind != Kind::Socket {
                continue;
            }
            let seat = book.key(ear.slot);
            let is_same = |one: &Behind| one.seat == seat && Arc::ptr_eq(&one.answering, answering);
            let known = if behind.is_empty() { None } else { behind.iter().position(is_same) };
            if entry.outbox.bytes() > self.crowded_bytes() {
                self.metrics.dropped(Dropped::Passing);
                if known.is_none() {
                    behind.push(Behind { seat, answering: Arc::clone(answering), told: off });
                }
                continue;
            }
            match known.map(|at| behind.swap_remove(at)) {
                None => {
                    let bytes = bytes.clone();
                    faults.deliver(seat.number(), bytes, |bytes| entry.outbox.push(bytes));
                }
                Some(Behind { told, .. }) => {
                    let run = answering.question.run;
                    let text = answering.part(told, upto);
                    let merged = Frame::json(&AiDelta { room, run, off: told, text: &text });
                    entry.outbox.push(merged.bytes().clone());
                }
            }
            pushed += 1;
            self.listed.add_spoken(seat, &entry.outbox);
        }
        self.metrics.assistant.deltas.inc_by(pushed);
    }
}
