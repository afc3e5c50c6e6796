//! How many bytes may wait for one listener: the limits of the contract, and less where the outboxes
//! of the worker are full altogether; and what is said where there is no room.

use std::rc::Rc;
use std::time::Duration;

use super::Relay;
use crate::actors::budget::Budget;
use crate::actors::outbox::Outbox;
use crate::actors::room::{Form, RoomMsg};
use crate::domain::limits;
use crate::protocol::{ErrorCode, Frame, Refusal, err_line};

/// Above this many waiting bytes a room turns from push to pull.
const LAG: usize = limits::OUTBOX_BYTES / 4 * 3;
/// Above this many nothing more is read: who does not read is not answered.
const READ: usize = limits::OUTBOX_BYTES / 2;
/// Above this many, what passes is dropped and a replay waits.
const CROWDED: usize = limits::OUTBOX_BYTES / 4;

impl Relay {
    /// What the outboxes of this worker share.
    pub(crate) fn budget(&self) -> Rc<Budget> {
        Rc::clone(&self.budget)
    }

    /// Above this many waiting bytes a room turns from push to pull.
    pub(super) fn lag_bytes(&self) -> usize {
        LAG.min(self.budget.share())
    }

    /// Whether more waits for a listener than may. Behind a relay that has much to do lies what was not
    /// written yet; only what the socket does not take is held against the listener.
    pub(super) fn is_behind(&self, outbox: &Outbox) -> bool {
        if outbox.bytes() > self.lag_bytes() {
            self.flush_one(outbox);
        }
        outbox.bytes() > self.lag_bytes()
    }

    /// Above this many, what passes is dropped and a replay waits.
    pub(super) fn crowded_bytes(&self) -> usize {
        CROWDED.min(self.budget.share() / 3)
    }

    /// Above this many nothing more is read.
    pub(crate) fn read_below(&self) -> usize {
        READ.min(self.budget.share() / 3 * 2)
    }

    /// Whether an answer of so many bytes has room: a snapshot may be larger than a share, and is
    /// for one client alone. A small one always has.
    pub(super) fn has_room(&self, outbox: &Outbox, answer: usize) -> bool {
        answer <= SMALL || outbox.bytes() + answer <= self.budget.free() / 2
    }
}

impl Relay {
    /// These openings could not be left with their room.
    pub(crate) fn refuse_openings(&self, asked: &RoomMsg, refusal: &Refusal) {
        match asked {
            RoomMsg::Opens(opens) => opens.iter().for_each(|o| self.refuse_openings(o, refusal)),
            RoomMsg::Open { opening, form, .. } => {
                self.book.borrow_mut().end_opening(*opening);
                if let Form::Socket { re: Some(re) } = form {
                    self.reply(opening.seat, &err_line(Some(*re), refusal));
                }
            }
            _no_opening => {}
        }
    }
}

/// An answer that is always given; a refusal would hardly be smaller.
const SMALL: usize = 1024;

/// A small answer in place of a large one that nobody waits for any more.
pub(super) fn refused_opening(asked: &RoomMsg) -> Option<Frame> {
    match asked {
        RoomMsg::Open { form: Form::Socket { re: Some(re) }, .. } => {
            Some(err_line(Some(*re), &crowded()))
        }
        _answered => None,
    }
}

pub(super) fn crowded() -> Refusal {
    Refusal::new(ErrorCode::Overloaded, "read what is on its way first")
        .retry_in(Duration::from_secs(1))
}
