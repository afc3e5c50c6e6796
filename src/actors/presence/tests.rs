//! Which rooms are told.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::State;
use crate::actors::bounded::{BoundedRef, Envelope};
use crate::actors::room::{RoomHandle, RoomMsg};
use crate::domain::RoomId;

/// What stands for a room: it hears and does nothing.
struct Silent;

impl Actor for Silent {
    type Msg = Envelope<RoomMsg>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

async fn awake(room: RoomId) -> RoomHandle {
    let (actor, _ends) = Silent::spawn(None, Silent, ()).await.unwrap();
    RoomHandle { room, mailbox: BoundedRef::new(actor, 1), gauge: Arc::default() }
}

#[tokio::test]
async fn a_room_is_told_though_the_one_before_it_ends_after_its_start() {
    let room = RoomId(7);
    let (before, after) = (awake(room).await, awake(room).await);
    let is_told = |state: &State| state.watchers.contains_key(&room);
    let mut state = State::default();
    state.watch(before.clone());
    state.watch(after.clone());
    state.forget(&before);
    assert!(is_told(&state), "the one that lives is told");
    // What was read for the one before comes late too.
    state.watch(before.clone());
    state.forget(&before);
    assert!(is_told(&state));
    state.forget(&after);
    assert!(!is_told(&state));
    [before, after].iter().for_each(|room| room.mailbox.actor().stop(None));
}
