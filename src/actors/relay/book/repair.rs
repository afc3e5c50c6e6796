//! The book after a panic.

use std::collections::HashMap;

use super::{Book, Ear, Mode};
use crate::domain::RoomId;

impl Book {
    /// Takes listeners back that were out of the book while somebody panicked, and makes the ways
    /// between listeners and rooms anew from the places of the listeners.
    pub(in crate::actors::relay) fn put_back(&mut self, room: RoomId, mode: Mode, ears: Vec<Ear>) {
        if let Some(listeners) = self.rooms.get_mut(&room)
            && listeners.ears(mode).is_empty()
        {
            *listeners.ears(mode) = ears;
        }
        let mut known = HashMap::new();
        for (room, listeners) in &mut self.rooms {
            for ear in listeners.open.drain(..).chain(listeners.heads.drain(..)) {
                known.insert((*room, ear.slot), ear);
            }
        }
        self.users.clear();
        self.free.clear();
        for (slot, entry) in (0_u32..).zip(self.slots.iter_mut().map(|slot| &mut slot.entry)) {
            let Some(entry) = entry else {
                self.free.push(slot);
                continue;
            };
            if let Some(signed) = entry.signed {
                self.users.entry(signed.user).or_default().push(slot);
            }
            for place in &mut entry.places {
                let fresh = Ear { slot, mentions: 0, is_lagging: false };
                let ear = known.remove(&(place.room, slot)).unwrap_or(fresh);
                let ears = self.rooms.entry(place.room).or_default().ears(place.mode);
                place.index = u32::try_from(ears.len()).unwrap_or(u32::MAX);
                ears.push(ear);
            }
        }
        self.rooms.retain(|_, all| !(all.open.is_empty() && all.heads.is_empty()));
    }
}
