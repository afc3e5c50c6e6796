//! What a room has forgotten, because it keeps what is said for a time only. To everybody its horizon
//! is what the moment of joining is to a newcomer (`floors.rs`). As pure as the rest of [`RoomState`].

use std::sync::Arc;

use super::state::RoomState;
use crate::actors::relay::LiveEvent;

impl RoomState {
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
