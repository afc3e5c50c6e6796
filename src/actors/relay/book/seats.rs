//! The seats of a room as it sees them itself: each worker counts its own onto the room's gauge.

use std::sync::Arc;

use super::{Book, Listeners};
use crate::actors::relay::gauge::RoomGauge;
use crate::domain::{RoomId, UserId};

impl Book {
    /// The room has a gauge of its own in each life; whoever listened to it before sits there still.
    pub(in crate::actors::relay) fn count_on(&mut self, room: RoomId, gauge: &Arc<RoomGauge>) {
        let listeners = self.rooms.entry(room).or_default();
        let is_counted = listeners.gauge.as_ref().is_some_and(|known| Arc::ptr_eq(known, gauge));
        if is_counted {
            return;
        }
        listeners.gauge = Some(Arc::clone(gauge));
        let slots: Vec<u32> = listeners.open.iter().map(|ear| ear.slot).collect();
        for slot in slots {
            gauge.seat(self.user_at(slot));
        }
    }

    /// Who sits in a slot.
    pub(super) fn user_at(&self, slot: u32) -> Option<UserId> {
        self.at(slot)?.signed.map(|signed| signed.user)
    }
}

impl Listeners {
    /// One seat more.
    pub(super) fn seat(&self, user: Option<UserId>) {
        self.gauge.iter().for_each(|gauge| gauge.seat(user));
    }

    /// One seat less.
    pub(super) fn unseat(&self, user: Option<UserId>) {
        self.gauge.iter().for_each(|gauge| gauge.unseat(user));
    }
}
