//! Where the message in hand lies while it is handled, so that a crash does not lose it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::RoomMsg;
use crate::actors::bounded::Address;
use crate::actors::rooms::RoomsMsg;
use crate::domain::RoomId;

/// The desk of one life of a room; the supervisor sees it too.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Table>);

struct Table {
    room: RoomId,
    since: Instant,
    in_hand: Mutex<Option<RoomMsg>>,
    has_finished: AtomicBool,
    supervisor: Address<RoomsMsg>,
}

impl Desk {
    /// An empty desk for a room that is about to start.
    pub(crate) fn new(room: RoomId, supervisor: Address<RoomsMsg>) -> Self {
        let (in_hand, has_finished) = (Mutex::new(None), AtomicBool::new(false));
        Self(Arc::new(Table { room, since: Instant::now(), in_hand, has_finished, supervisor }))
    }

    /// What was in hand.
    pub(crate) fn take(&self) -> Option<RoomMsg> {
        self.0.in_hand.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How long ago the room started.
    pub(crate) fn age(&self) -> Duration {
        self.0.since.elapsed()
    }

    /// Whether a message was handled to its end.
    pub(crate) fn has_finished(&self) -> bool {
        self.0.has_finished.load(Ordering::Acquire)
    }

    pub(super) fn put(&self, msg: RoomMsg) {
        *self.0.in_hand.lock().unwrap_or_else(PoisonError::into_inner) = Some(msg);
    }

    /// The message in hand is done.
    pub(super) fn clear(&self) {
        self.0.has_finished.store(true, Ordering::Release);
        self.take();
    }
}

/// A room and its supervisor that ended together leave the message to the next supervisor.
impl Drop for Table {
    fn drop(&mut self) {
        let left = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(msg) = left {
            self.supervisor.answer(RoomsMsg::Forward(self.room, Box::new(msg)));
        }
    }
}
