//! Addresses of listeners, and of whoever waits for an answer.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::domain::UserId;
use crate::protocol::Refusal;

/// Where a session lives: its worker's relay and its slot there. `life` tells two sessions apart
/// that used the same slot one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SeatKey {
    /// Which worker.
    pub(crate) worker: u16,
    /// Which slot of its relay.
    pub(crate) slot: u32,
    /// Which user of the slot.
    pub(crate) life: u32,
}

impl SeatKey {
    /// One number for the place, whoever sits there.
    pub(crate) fn number(self) -> u64 {
        u64::from(self.worker) << 32 | u64::from(self.slot)
    }
}

/// One opening of a room by a session. A later one, or a close, makes it stale: what was on its way
/// for it is dropped by the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// Whose.
    pub(crate) seat: SeatKey,
    /// Tells it from earlier ones.
    pub(crate) turn: u32,
    /// Who opens.
    pub(crate) user: UserId,
}

/// An answer that somebody awaits. Cloneable, so that a message can be kept while it is handled;
/// the first answer counts.
#[derive(Debug)]
pub(crate) struct Answer<T>(Arc<Mutex<Option<oneshot::Sender<T>>>>);

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Answer<T> {
    /// The two ends.
    pub(crate) fn channel() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    /// Answers, unless an answer was given or nobody waits any more.
    pub(crate) fn give(&self, answer: T) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            let _nobody_waits = sender.send(answer);
        }
    }
}

/// Who hears what became of an op.
#[derive(Debug, Clone)]
pub(crate) enum Asker<T> {
    /// Nobody: the op had no `id`.
    Nobody,
    /// A session, by the id of its request; the answer goes through its relay, in log order.
    Seat(SeatKey, u32),
    /// A REST call.
    Call(Answer<Result<T, Refusal>>),
}
