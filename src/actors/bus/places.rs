//! Tells the people on this node of rooms that they came to elsewhere while nothing crossed.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::lookup::entry;
use crate::actors::relay::{RelayMsg, Tell};
use crate::actors::rooms::RoomsHandle;

/// Most people in one statement.
const PEOPLE: usize = 500;
/// A statement that takes longer counts as failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// Tells everyone here of every room of theirs; the relays pass on what a session did not know.
///
/// Rooms that somebody lost are not looked for: the room itself refuses to be opened or written,
/// and one that is awake finds out when it reads the lines that it missed.
pub(super) async fn tell(rooms: RoomsHandle) {
    for some in rooms.presence.here().chunks(PEOPLE) {
        let read = tokio::time::timeout(DEADLINE, rooms.store.rooms_of(some)).await;
        let Ok(Ok(views)) = read else {
            tracing::warn!("after a gap the rooms of people here could not be read");
            return;
        };
        for (user, view) in views {
            let tell = Tell::Add(Arc::new(entry(view)));
            rooms.relays.broadcast(RelayMsg::Tell([user].into(), tell)).await;
        }
    }
}
