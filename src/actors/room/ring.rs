//! The newest events of a room, encoded, so that a client that was away for a moment comes back
//! without a read of the store.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::actors::relay::LiveEvent;

/// Most events that are kept.
pub(crate) const EVENTS: usize = 256;
/// Most bytes of frames that are kept.
const BYTES: usize = 256 * 1024;

/// A window at the end of the log, without holes: `first ..= last`.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    events: VecDeque<Arc<LiveEvent>>,
    bytes: usize,
}

impl Ring {
    /// Adds the event behind the newest. The caller keeps the order.
    pub(crate) fn push(&mut self, event: Arc<LiveEvent>) {
        self.bytes += event.frame.len();
        self.events.push_back(event);
        while self.events.len() > EVENTS || (self.bytes > BYTES && self.events.len() > 1) {
            if let Some(oldest) = self.events.pop_front() {
                self.bytes -= oldest.frame.len();
            }
        }
    }

    /// Takes out what a message said.
    pub(crate) fn erase(&mut self, message: i64) {
        for event in self.events.iter_mut().filter(|event| event.brings() == Some(message)) {
            let erased = event.erased();
            self.bytes = self.bytes - event.frame.len() + erased.frame.len();
            *event = Arc::new(erased);
        }
    }

    /// Leaves out what a room has forgotten: events up to its horizon, and later texts of messages that
    /// were said before it.
    pub(crate) fn forget(&mut self, horizon: i64) {
        while let Some(oldest) = self.events.pop_front_if(|event| event.seq <= horizon) {
            self.bytes -= oldest.frame.len();
        }
        let old: Vec<i64> = self.events.iter().filter_map(|event| event.brings()).collect();
        for message in old.into_iter().filter(|message| *message <= horizon) {
            self.erase(message);
        }
    }

    /// Bytes of the frames in the window.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Every event after `after`, if the window reaches back that far.
    pub(crate) fn after(&self, after: i64, head: i64) -> Option<Vec<Arc<LiveEvent>>> {
        if after >= head {
            return Some(Vec::new());
        }
        let first = self.events.front()?.seq;
        if first > after + 1 {
            return None;
        }
        let skip = usize::try_from(after + 1 - first).ok()?;
        Some(self.events.iter().skip(skip).cloned().collect())
    }

    /// Everything in the window.
    pub(crate) fn all(&self) -> Vec<Arc<LiveEvent>> {
        self.events.iter().cloned().collect()
    }
}
