//! Tells the people on this node of rooms that they came to, or lost, elsewhere while nothing
//! crossed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::actors::lookup::entry;
use crate::actors::relay::{RelayMsg, Tell};
use crate::actors::rooms::RoomsHandle;
use crate::domain::{RoomId, UserId};

/// Most people in one statement.
const PEOPLE: usize = 500;
/// A statement that takes longer counts as failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// Tells everyone here of every room of theirs, and of every room that they hear and that is theirs
/// no more; the relays pass on what a session did not know.
///
/// The rooms themselves, those that are awake, read again who is inside (`heads.rs`). Here it is
/// about those who hear no more of a room than its head, which may sleep.
pub(super) async fn tell(rooms: RoomsHandle) {
    // First what is heard and then what may be: what comes in between is no loss.
    let mut heard: HashMap<UserId, HashSet<RoomId>> = HashMap::new();
    for (user, places) in rooms.relays.roll().await {
        heard.entry(user).or_default().extend(places);
    }
    for some in rooms.presence.here().chunks(PEOPLE) {
        let read = tokio::time::timeout(DEADLINE, rooms.store.rooms_of(some)).await;
        let Ok(Ok(views)) = read else {
            tracing::warn!("after a gap the rooms of people here could not be read");
            return;
        };
        let theirs: HashSet<_> = views.iter().map(|(user, view)| (*user, view.room)).collect();
        for user in some {
            let heard = heard.remove(user).unwrap_or_default();
            for room in heard.into_iter().filter(|room| !theirs.contains(&(*user, *room))) {
                let tell = Tell::Remove(room, "left");
                rooms.relays.broadcast(RelayMsg::Tell([*user].into(), tell)).await;
            }
        }
        for (user, view) in views {
            let tell = Tell::Add(Arc::new(entry(view)));
            rooms.relays.broadcast(RelayMsg::Tell([user].into(), tell)).await;
        }
    }
}
