//! Compares what this node has told with what the store has, and sets right what is behind.

use std::collections::HashMap;
use std::time::Duration;

use ractor::ActorRef;

use super::message::{BusMsg, Compared};
use crate::actors::bounded::Envelope;
use crate::actors::relay::RelayMsg;
use crate::actors::room::RoomMsg;
use crate::actors::rooms::{RoomsHandle, RoomsMsg};
use crate::domain::RoomId;
use crate::store::RoomPlace;

/// Most rooms in one statement.
const ROOMS: usize = 5_000;
/// A statement that takes longer counts as failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// Compares all rooms that are awake or listened to on this node; the bus hears how it went.
pub(super) async fn compare(rooms: RoomsHandle, bus: ActorRef<Envelope<BusMsg>>) {
    let mut told = rooms.relays.heads().await;
    // A room that is awake knows better than whoever listens to it.
    told.extend(rooms.directory.heads());
    let revs = rooms.directory.revs();
    let told: Vec<_> = told.into_iter().collect();
    let mut how = Compared::Well;
    for some in told.chunks(ROOMS) {
        let ids: Vec<_> = some.iter().map(|(room, _)| *room).collect();
        match tokio::time::timeout(DEADLINE, rooms.store.heads(&ids)).await {
            Ok(Ok(heads)) => {
                catch_up(&rooms, &revs, &heads);
                set_right(&rooms, some, heads).await;
            }
            Ok(Err(why)) => {
                tracing::warn!("heads could not be compared: {why}");
                how = Compared::Failed;
                break;
            }
            Err(_elapsed) => {
                how = Compared::Failed;
                break;
            }
        }
    }
    let _restarted = bus.send_message(Envelope::to_self(BusMsg::Compared(how)));
}

/// Rooms that are awake and have missed what their log does not tell: who is out or muted, and what
/// is allowed.
fn catch_up(rooms: &RoomsHandle, revs: &HashMap<RoomId, i64>, places: &[RoomPlace]) {
    let is_behind = |place: &&RoomPlace| revs.get(&place.room).is_some_and(|rev| *rev < place.rev);
    for place in places.iter().filter(is_behind) {
        // One with a full mailbox is asked at the next comparison.
        let awake = rooms.directory.find(place.room);
        let _next_time = awake.map(|handle| handle.try_ask(RoomMsg::Refresh(None)));
    }
}

async fn set_right(rooms: &RoomsHandle, told: &[(RoomId, i64)], heads: Vec<RoomPlace>) {
    let heads: HashMap<_, _> =
        heads.into_iter().map(|place| (place.room, (place.head, place.n))).collect();
    let mut gone = Vec::new();
    for (room, known) in told {
        let Some((head, n)) = heads.get(room).copied() else {
            gone.push(*room);
            continue;
        };
        if head <= *known {
            continue;
        }
        rooms.metrics.bus_repairs.inc();
        // A room with a full mailbox is asked at the next comparison.
        let awake = rooms.directory.find(*room);
        if let Some(handle) = awake {
            let _next_time = handle.try_ask(RoomMsg::Behind(head));
        } else {
            let (room, events) = (*room, [].into());
            rooms.relays.broadcast(RelayMsg::Elsewhere { room, head, n, events }).await;
        }
    }
    if !gone.is_empty() {
        rooms.supervisor.answer(RoomsMsg::Delete(gone));
    }
}
