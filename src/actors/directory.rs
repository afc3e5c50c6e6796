//! The address book of live rooms: everyone reads it without a hop, the supervisor alone writes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::room::RoomHandle;
use crate::domain::RoomId;

/// Parts of the book, so that readers of different rooms do not meet.
const SHARDS: usize = 16;

/// Room → address, for rooms that are awake on this node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Directory(Arc<[RwLock<HashMap<RoomId, RoomHandle>>; SHARDS]>);

impl Default for Directory {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| RwLock::default())))
    }
}

impl Directory {
    /// The address of a room that is awake.
    pub(crate) fn find(&self, room: RoomId) -> Option<RoomHandle> {
        let shard = self.shard(room)?;
        shard.read().unwrap_or_else(PoisonError::into_inner).get(&room).cloned()
    }

    /// Writes a room in. For the supervisor.
    pub(super) fn insert(&self, handle: RoomHandle) {
        if let Some(shard) = self.shard(handle.room) {
            let mut rooms = shard.write().unwrap_or_else(PoisonError::into_inner);
            rooms.insert(handle.room, handle);
        }
    }

    /// Strikes a room out. For the supervisor.
    pub(super) fn remove(&self, room: RoomId) -> Option<RoomHandle> {
        let shard = self.shard(room)?;
        shard.write().unwrap_or_else(PoisonError::into_inner).remove(&room)
    }

    /// Strikes all rooms out, and says which they were. For the supervisor, when it starts again.
    pub(super) fn clear(&self) -> Vec<RoomHandle> {
        let drained = |shard: &RwLock<HashMap<_, RoomHandle>>| {
            let rooms = std::mem::take(&mut *shard.write().unwrap_or_else(PoisonError::into_inner));
            rooms.into_values()
        };
        self.0.iter().flat_map(drained).collect()
    }

    /// The rooms that are awake.
    pub(super) fn all(&self) -> Vec<RoomHandle> {
        let mut all = Vec::new();
        for shard in self.0.iter() {
            let rooms = shard.read().unwrap_or_else(PoisonError::into_inner);
            all.extend(rooms.values().cloned());
        }
        all
    }

    /// Where the rooms stand that are awake.
    pub(crate) fn heads(&self) -> Vec<(RoomId, i64)> {
        let mut heads = Vec::new();
        for shard in self.0.iter() {
            let rooms = shard.read().unwrap_or_else(PoisonError::into_inner);
            heads.extend(rooms.values().map(|room| (room.room, room.head().0)));
        }
        heads
    }

    /// Which state of the rooms that are awake their rules were read from.
    pub(crate) fn revs(&self) -> HashMap<RoomId, i64> {
        let mut revs = HashMap::new();
        self.each(|room| {
            revs.insert(room.room, room.gauge.rev());
        });
        revs
    }

    /// Looks at each room that is awake. The supervisor waits meanwhile, so it is to be quick.
    pub(super) fn each(&self, mut look: impl FnMut(&RoomHandle)) {
        for shard in self.0.iter() {
            let rooms = shard.read().unwrap_or_else(PoisonError::into_inner);
            rooms.values().for_each(&mut look);
        }
    }

    /// Rooms that are awake, and the commands that wait in all their mailboxes.
    pub(crate) fn weigh(&self) -> (usize, usize) {
        let mut awake = 0;
        let mut waiting = 0;
        for shard in self.0.iter() {
            let rooms = shard.read().unwrap_or_else(PoisonError::into_inner);
            awake += rooms.len();
            waiting += rooms.values().map(|room| room.mailbox.depth()).sum::<usize>();
        }
        (awake, waiting)
    }

    fn shard(&self, room: RoomId) -> Option<&RwLock<HashMap<RoomId, RoomHandle>>> {
        self.0.get(usize::try_from(room.0).unwrap_or(0) % SHARDS)
    }
}
