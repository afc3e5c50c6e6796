//! The seats of a room as it sees them itself: each worker counts its own onto the room's gauge.

use std::sync::Arc;

use super::Listeners;
use crate::actors::relay::message::RoomGauge;

impl Listeners {
    /// The room has a gauge of its own in each life; whoever listened to it before sits there still.
    pub(in crate::actors::relay) fn count_on(&mut self, gauge: &Arc<RoomGauge>) {
        let is_counted = self.gauge.as_ref().is_some_and(|known| Arc::ptr_eq(known, gauge));
        if !is_counted {
            self.gauge = Some(Arc::clone(gauge));
            self.count(i64::try_from(self.open.len()).unwrap_or(i64::MAX));
        }
    }

    /// So many seats more, or less.
    pub(super) fn count(&self, change: i64) {
        if let Some(gauge) = &self.gauge {
            gauge.count_seat(change);
        }
    }
}
