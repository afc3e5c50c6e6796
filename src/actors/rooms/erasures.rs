//! What follows for the rooms when an account is shut, and what the sweeper asks of them.

use std::sync::Arc;
use std::time::Instant;

use super::RoomsHandle;
use super::handle::wait;
use crate::actors::journal::Ticket;
use crate::actors::relay::{RelayMsg, Tell};
use crate::actors::room::call;
use crate::actors::wire::Writer;
use crate::domain::{ClubId, Millis, RoomId, UserId};
use crate::protocol::{ActOk, Frame, InboxDrop, Refusal, RoomUpdateData};
use crate::store::{Act, Append, DroppedNotices, StoreError};

impl RoomsHandle {
    /// An account was shut, and its sessions have ended: the rest of it goes by and by, with these rooms
    /// of clubs that it was alone in.
    pub fn account_shut(&self, user: UserId, rooms: Vec<RoomId>) {
        self.presence.says_text(user, None);
        if !rooms.is_empty() {
            self.deleted(rooms);
        }
        self.sweeper.look();
    }

    /// Tells the next members of a club that it has closed.
    pub(crate) async fn tell_closed(&self, club: ClubId) -> Result<(), Refusal> {
        self.moved(Append::TellClosed { club }).await.map(drop)
    }

    /// A room is to keep what is said for another time than before.
    pub fn retention_changed(&self) {
        self.sweeper.look();
    }

    /// Has something done that no room is asked about first.
    pub(crate) async fn append_act(&self, act: Act) -> Result<ActOk, Refusal> {
        let (asker, answer) = call();
        let ticket = Ticket::Act { room: act.room, asker };
        if let Err(refused) = self.journal.append(Append::Act(act), ticket, Instant::now()) {
            refused.1?;
        }
        wait(answer).await
    }

    /// Erases what somebody wrote in a room that was deleted.
    pub(crate) async fn forget_unheard(&self, act: &Act) -> Result<(), StoreError> {
        let writer = Writer { metrics: &self.metrics, live: self };
        self.store.forget_unheard(act, &writer).await
    }

    /// Drops what somebody caused in the inboxes of others, among the next entries behind an id; gives
    /// the id to go on behind.
    pub(crate) async fn drop_notices_from(
        &self,
        user: UserId,
        after: i64,
    ) -> Result<Option<i64>, StoreError> {
        let writer = Writer { metrics: &self.metrics, live: self };
        let from = (after, Millis::now());
        let (dropped, next) = self.store.drop_notices_from(user, from, &writer).await?;
        self.tell_dropped(dropped).await;
        Ok(next)
    }

    /// Takes away for good a piece of what was said in a room that was deleted.
    pub(crate) async fn sweep_deleted(&self, act: &Act) -> Result<(), StoreError> {
        let writer = Writer { metrics: &self.metrics, live: self };
        let dropped = self.store.sweep_deleted(act, &writer).await?;
        self.tell_dropped(dropped).await;
        Ok(())
    }

    /// Tells whose inboxes have lost what.
    async fn tell_dropped(&self, dropped: Vec<DroppedNotices>) {
        for gone in dropped {
            let frame = Frame::json(&InboxDrop { ids: &gone.ids, unread: gone.unread });
            let tell = Tell::Others(frame, None);
            self.bus.tell(&[gone.user], &tell);
            self.relays.broadcast(RelayMsg::Tell(Arc::new([gone.user]), tell)).await;
        }
    }

    /// A room has another name for one user alone.
    /// Somebody is called by another name: so are their private rooms, to the other one of each.
    pub(crate) async fn renamed(&self, pairs: &[(RoomId, UserId)], name: &str) {
        for (room, other) in pairs {
            self.renamed_for(*other, *room, name).await;
        }
    }

    pub(crate) async fn renamed_for(&self, user: UserId, room: RoomId, name: &str) {
        self.updated_for(user, room, RoomUpdateData { name: Some(name), ..Default::default() })
            .await;
    }
}
