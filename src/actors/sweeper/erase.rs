//! Erasing what is left of an account that was shut, piece by piece.

use std::time::Duration;

use super::{LEASE, NotDone, Sweeper};
use crate::domain::{Millis, RoomId};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Act, Deed, Erasure, ErasureStage, Remains};

/// A message that was on its way when the account was shut has come to rest by then.
const SETTLED: Duration = Duration::from_secs(60);

impl Sweeper {
    /// Does a piece of an erasure, and notes how far it is. Takes it out when it is done, or waits.
    pub(super) async fn erase(&self, erasing: &mut Option<Erasure>) -> Result<(), NotDone> {
        let Some(erasure) = erasing.as_mut() else { return Ok(()) };
        let store = &self.rooms.store;
        let stage = erasure.stage;
        let is_through = match stage {
            ErasureStage::Places => self.leave(erasure).await?,
            ErasureStage::Talk | ErasureStage::Again => self.forget(erasure).await?,
            ErasureStage::Traces => self.traces(erasure).await?,
        };
        let now = Millis::now();
        if is_through {
            (erasure.place, erasure.cid) = (0, String::new());
            erasure.stage = match stage {
                ErasureStage::Places => ErasureStage::Talk,
                ErasureStage::Talk => ErasureStage::Traces,
                ErasureStage::Traces => {
                    erasure.stage = ErasureStage::Again;
                    store.note_erasure(erasure, erasure.at.plus(SETTLED)).await?;
                    *erasing = None;
                    return Ok(());
                }
                ErasureStage::Again => {
                    store.erase_traces(erasure.user).await?;
                    store.end_erasure(erasure.user, now).await?;
                    tracing::info!(user.id = %erasure.user, "an account was erased");
                    *erasing = None;
                    return Ok(());
                }
            };
        }
        Ok(store.note_erasure(erasure, now.plus(LEASE)).await?)
    }

    /// Leaves clubs and rooms.
    async fn leave(&self, erasure: &Erasure) -> Result<bool, NotDone> {
        let (rooms, user) = (&self.rooms, erasure.user);
        let haunts = rooms.store.haunts(user).await?;
        for club in haunts.clubs {
            left(rooms.leave_club(club, user).await)?;
        }
        for room in haunts.rooms {
            left(rooms.leave_room(room, user).await)?;
        }
        let name = rooms.store.users(&[user]).await?.into_iter().next();
        let name = name.map(|user| user.display_name).unwrap_or_default();
        for (room, other) in haunts.pairs {
            // Two people have a private room for ever; it is called by the other one's name.
            rooms.renamed_for(other, room, &name).await;
        }
        Ok(true)
    }

    /// Erases some messages, or takes back some reactions.
    async fn forget(&self, erasure: &mut Erasure) -> Result<bool, NotDone> {
        let (store, user) = (&self.rooms.store, erasure.user);
        let Some(room) = store.next_haunt(user, erasure.place).await? else { return Ok(true) };
        match store.remains(user, room, &erasure.cid).await? {
            Remains::Texts(messages, last) => {
                let deed = Deed::Forget { messages: messages.into(), reactions: [].into() };
                self.act(erasure, room, deed).await?;
                erasure.cid = last;
            }
            Remains::Reactions(reactions) => {
                let deed = Deed::Forget { messages: [].into(), reactions: reactions.into() };
                self.act(erasure, room, deed).await?;
            }
            // What is left has a smaller cid, and came meanwhile: once more, from the first.
            Remains::Nothing if !erasure.cid.is_empty() => erasure.cid.clear(),
            Remains::Nothing => erasure.place = room.0,
        }
        Ok(false)
    }

    async fn act(&self, erasure: &Erasure, room: RoomId, deed: Deed) -> Result<(), NotDone> {
        let act = Act { room, by: erasure.user, deed, at: Millis::now() };
        match self.rooms.append_act(act.clone()).await {
            Ok(_done) => Ok(()),
            // A deleted room has no log that goes on.
            Err(refusal) if refusal.code == ErrorCode::NotFound => {
                self.rooms.forget_unheard(&act).await.map_err(NotDone::from)
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Drops what the user caused in the inboxes of others, then everything else.
    async fn traces(&self, erasure: &mut Erasure) -> Result<bool, NotDone> {
        match self.rooms.drop_notices_from(erasure.user, erasure.place).await? {
            Some(upto) => {
                erasure.place = upto;
                Ok(false)
            }
            None => {
                self.rooms.store.erase_traces(erasure.user).await?;
                Ok(true)
            }
        }
    }
}

/// Who is not inside any more, or cannot leave, stays as they are: what they wrote goes all the same.
fn left(done: Result<(), Refusal>) -> Result<(), Refusal> {
    match done {
        Err(refusal) if refusal.temporary => Err(refusal),
        Err(_stays) => Ok(()),
        Ok(()) => Ok(()),
    }
}
