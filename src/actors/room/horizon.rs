//! What a room has forgotten, because it keeps what is said for a time only. To everybody its horizon
//! is what the moment of joining is to a newcomer (`floors.rs`). As pure as the rest of [`RoomState`].

use std::sync::Arc;

use super::state::RoomState;
use crate::actors::relay::{LiveEvent, Outgoing, horizon_line};
use crate::domain::UserId;
use crate::protocol::{LongFrame, OpenOk, ok_line};

impl RoomState {
    /// The answer to who comes back to their position. They were not there when the room forgot
    /// something, or when what newcomers see was changed, and may still have it.
    pub(super) fn resumed_reply(&self, re: u32, after: i64, reader: UserId) -> LongFrame {
        let ok = OpenOk {
            room: self.facts.room,
            epoch: &self.facts.epoch,
            head: self.facts.head,
            n: self.facts.n,
            resumed: Some(true),
            replay: Some(self.facts.head - after),
            why: None,
            horizon: Some(self.floor(reader)).filter(|floor| *floor > 0),
        };
        ok_line(re, &ok).into()
    }

    /// The same for a stream, which gets no answer: an event before all that it is replayed. Its id is
    /// the position that the client came with, so who breaks off behind it comes back to that.
    pub(super) fn horizon_event(&self, after: i64, reader: UserId) -> Option<Outgoing> {
        let (room, horizon) = (self.facts.room, self.floor(reader));
        if horizon == 0 {
            return None;
        }
        let line = horizon_line(room, horizon);
        Some(Outgoing::Event(Arc::new(LiveEvent::new(room, after, self.facts.n, &line))))
    }

    /// The room has forgotten what was said up to its horizon: nothing that is kept here says it any
    /// more.
    pub(super) fn forget(&mut self) {
        self.ring.forget(self.facts.rules.horizon);
        self.snapshot = None;
        self.erased_at = self.erased_at.max(self.facts.head);
    }

    /// Leaves out of events what was forgotten while they were read.
    pub(super) fn leave_out_forgotten(&self, events: &mut Vec<Arc<LiveEvent>>) {
        let horizon = self.facts.rules.horizon;
        events.retain(|event| event.seq > horizon);
        for event in events {
            if event.brings().is_some_and(|said| said <= horizon) {
                *event = Arc::new(event.erased());
            }
        }
    }
}
