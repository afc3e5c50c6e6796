//! Reads of the store that a room begins and does not wait for.

use std::sync::Arc;
use std::time::Duration;

use super::{RoomsHandle, load};
use crate::actors::room::{Ask, Loaded, PART_BYTES, PART_EVENTS, RoomHandle, RoomMsg};
use crate::actors::task;
use crate::domain::{UserId, limits};
use crate::faults::{Moment, Part};
use crate::store::StoreError;

/// A read that takes longer counts as failed.
const DEADLINE: Duration = Duration::from_secs(10);
/// Most events that are read to fill one hole; the next hole follows at once.
const HOLE_EVENTS: i64 = 5_000;
/// What a room is set to is read so often before that is given up.
const TRIES: u32 = 3;
/// And after so long.
const PAUSE: Duration = Duration::from_millis(200);

impl RoomsHandle {
    /// The last messages, for those who open; for whom at least.
    pub(crate) fn read_snapshot(&self, room: RoomHandle, readers: Vec<UserId>) {
        let rooms = self.clone();
        let limit = i64::try_from(limits::SNAPSHOT_MESSAGES).unwrap_or(i64::MAX);
        task::beside(async move {
            let read = rooms.within(rooms.store.snapshot(room.room, limit, &readers)).await;
            give(&room, Loaded::Snapshot(read.flatten()));
        });
    }

    /// Events for one seat.
    pub(crate) fn read_events(&self, room: RoomHandle, ask: Ask) {
        let rooms = self.clone();
        let most = |most| i64::try_from(most).unwrap_or(i64::MAX);
        let part = (most(PART_EVENTS), most(PART_BYTES));
        task::beside(async move {
            let events = rooms.within(rooms.store.next_events(room.room, ask.after, part)).await;
            give(&room, Loaded::Events { ask, events });
        });
    }

    /// Events that this node missed.
    pub(crate) fn read_hole(&self, room: RoomHandle, after: i64) {
        let rooms = self.clone();
        task::beside(async move {
            let read = rooms.within(rooms.store.events_after(room.room, after, HOLE_EVENTS)).await;
            if read.is_none() {
                // The room asks again at once; the store needs a moment.
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            give(&room, Loaded::Hole(read.unwrap_or_default()));
        });
    }

    /// Who may read the room, because that may have changed on another node.
    pub(crate) fn read_roster(&self, room: RoomHandle) {
        let rooms = self.clone();
        task::beside(async move {
            let rows = rooms.within(rooms.store.roster(room.room)).await;
            give(&room, Loaded::Roster(rows));
            // Who has come perhaps is online, which the room could not take up before.
            rooms.presence.watch(room);
        });
    }

    /// Notes who has opened the room for the first time.
    pub(crate) fn note_opened(&self, room: RoomHandle, users: Vec<UserId>) {
        let rooms = self.clone();
        task::beside(async move {
            let done = rooms.within(rooms.store.note_opened(room.room, &users)).await;
            let failed = if done.is_some() { Vec::new() } else { users };
            give(&room, Loaded::OpenedNoted { failed });
        });
    }

    /// What the room is set to, because that has changed.
    pub(crate) fn read_settings(&self, room: RoomHandle) {
        let rooms = self.clone();
        task::beside(async move {
            let mut read = None;
            for _try in 0..TRIES {
                let settings = load::settings(&rooms.store, &rooms.filters, room.room);
                read = rooms.within(Box::pin(settings)).await;
                if read.is_some() {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            // None as well when it was deleted meanwhile.
            let mut read = read.flatten().map(Box::new);
            if let Some(read) = &mut read {
                rooms.assistant.rule(&mut read.rules.settings);
            }
            give(&room, Loaded::Settings(read));
        });
    }
}

fn give(room: &RoomHandle, loaded: Loaded) {
    // A room that ended meanwhile is opened anew by those who waited.
    let _ended = room.answer(RoomMsg::Loaded(Arc::new(loaded)));
}

impl RoomsHandle {
    /// What was read, unless it failed, took too long or panicked: in any case the room is told, for
    /// it waits and begins no other read of the kind meanwhile.
    async fn within<T>(&self, read: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
        let read = async {
            self.faults.panic_point(Part::Read, Moment::Start);
            read.await
        };
        match tokio::time::timeout(DEADLINE, task::caught(read)).await {
            Ok(Some(Ok(read))) => Some(read),
            Ok(Some(Err(why))) => {
                tracing::error!("a read for a room failed: {why}");
                None
            }
            Ok(None) => None,
            Err(_elapsed) => {
                tracing::error!("a read for a room took longer than {} s", DEADLINE.as_secs());
                None
            }
        }
    }
}
