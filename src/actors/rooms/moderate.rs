//! What moderators ask of the rooms, and what follows where somebody was put out.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::refusals::banned;
use super::{RoomsHandle, RoomsMsg};
use crate::actors::relay::{RelayMsg, Tell};
use crate::actors::room::{Change, Commit, RoomMsg};
use crate::actors::seat::Answer;
use crate::actors::task;
use crate::domain::{Filter, Millis, Rank, RoomId, UserId};
use crate::protocol::{ErrorCode, Refusal, RoomUpdateData};
use crate::store::{
    Act, Append, Deed, FilterScope, FilterStamp, Moderation, Move, Passage, StoreError, Within,
};

/// How long a change of rules waits for the rooms of this node to obey it.
const OBEY: Duration = Duration::from_secs(5);

impl RoomsHandle {
    /// Does what a moderator wants. When this answers, the rooms of this node have heard of it.
    ///
    /// # Errors
    /// The refusal of [`crate::store::AppendRefusal`], as the wire says it.
    pub async fn moderate(&self, act: Moderation) -> Result<(), Refusal> {
        let (within, on, reason) = (act.within, act.on, Arc::clone(&act.reason));
        let done = self.moved(Append::Moderate(act)).await?;
        let moves = &done.moves;
        // Where a room sleeps here and is awake elsewhere nobody tells it of a mute.
        let is_silent = |step: &&Move| matches!(step.how, Passage::Muted(_));
        let silent: Vec<_> = moves.iter().filter(is_silent).map(|step| step.room).collect();
        if !silent.is_empty() {
            self.bus.refresh(&silent);
        }
        for step in moves {
            // The log tells nobody of it, and the others need not know.
            if let Passage::Muted(until) = step.how {
                let muted_until = Some(until.unwrap_or(Millis(0)));
                let mute_reason = until.map(|_until| &*reason);
                let d = RoomUpdateData { muted_until, mute_reason, ..Default::default() };
                self.updated_for(step.user, step.room, d).await;
            }
        }
        let went = moves.iter().find_map(|step| match step.how {
            Passage::Went(why) => Some(why),
            Passage::Came { .. } | Passage::Stands(_) | Passage::Muted(_) => None,
        });
        if let (Within::Room(room), Some(why)) = (within, went) {
            self.followed(room, (on, why), done).await;
        }
        Ok(())
    }

    /// Deletes a message that was reported to the instance, on behalf of an admin who need not be in
    /// its room.
    ///
    /// # Errors
    /// The refusal of [`crate::store::AppendRefusal`], as the wire says it.
    pub async fn judge(&self, room: RoomId, by: UserId, deed: Deed) -> Result<(), Refusal> {
        self.append_act(Act { room, by, deed, at: Millis::now() }).await.map(drop)
    }

    /// The rules of these rooms have changed in the store: pace, permissions, who writes, filters.
    /// When this answers, the rooms of this node obey them; those of other nodes do in a moment.
    pub async fn refresh(&self, rooms: &[RoomId]) {
        self.bus.refresh(rooms);
        self.obey(rooms).await;
    }

    /// Has the rooms of this node read what they are set to; ends when they decide by it.
    pub(super) async fn obey(&self, rooms: &[RoomId]) {
        let waits = rooms.iter().map(|room| {
            let (answer, obeyed) = Answer::channel();
            let refresh = Box::new(RoomMsg::Refresh(Some(answer)));
            self.supervisor.answer(RoomsMsg::Offer(*room, refresh));
            obeyed
        });
        // A room that sleeps drops the question, and reads the rules when it wakes.
        let waits = join_all(waits.collect::<Vec<_>>());
        if tokio::time::timeout(OBEY, waits).await.is_err() {
            tracing::warn!("some rooms have not obeyed new rules yet");
        }
    }

    /// Checks that a user may read a room.
    ///
    /// # Errors
    /// `banned`, for who is banned from it or its club; `not_found` for all others who may not; and
    /// `unavailable`.
    pub async fn readable(&self, room: RoomId, user: UserId) -> Result<(), Refusal> {
        match self.may_read(room, user).await? {
            true => Ok(()),
            false => Err(self.why_not(room, user).await),
        }
    }

    /// Why somebody may not read a room.
    pub async fn why_not(&self, room: RoomId, user: UserId) -> Refusal {
        match self.store.ban_from(room, user, Millis::now()).await {
            Ok(None) => Refusal::new(ErrorCode::NotFound, "no such room"),
            Ok(Some(ban)) => banned(ban),
            Err(why) => {
                tracing::error!("a ban could not be read: {why}");
                Refusal::new(ErrorCode::Unavailable, "the store does not answer")
                    .retry_in(Duration::from_secs(1))
            }
        }
    }

    /// The rules for texts that hold somewhere, ready to be asked.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn filter_of(
        &self,
        scope: FilterScope,
        stamp: FilterStamp,
    ) -> Result<Option<Arc<Filter>>, StoreError> {
        self.filters.of(&self.store, scope, stamp).await
    }

    /// Works a rule for texts out, when the others before it are.
    ///
    /// # Errors
    /// `internal` when that panicked.
    pub async fn work_out<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let broken = || Refusal::new(ErrorCode::Internal, "the rule could not be worked out");
        self.filters.make(work).await.ok_or_else(broken)
    }

    /// Who is in this room has these ranks from now on, as the store says already.
    pub fn stand(&self, room: RoomId, ranks: &[(UserId, Rank)]) {
        let stands = |(user, rank): &(UserId, Rank)| Commit::Member {
            user: *user,
            change: Change::Stands(*rank),
            line: None,
        };
        self.offer(room, RoomMsg::Committed(ranks.iter().map(stands).collect()));
    }

    /// Gives a room what concerns it only while it is awake, or waking.
    pub(super) fn offer(&self, room: RoomId, msg: RoomMsg) {
        let msg = match self.directory.find(room) {
            Some(handle) => match handle.answer(msg) {
                Ok(()) => return,
                Err(back) => back,
            },
            None => msg,
        };
        self.supervisor.answer(RoomsMsg::Offer(room, Box::new(msg)));
    }

    /// A room cannot take the news that somebody is not inside any more: they lose their places here
    /// all the same, and the other nodes compare.
    pub(super) fn expel(&self, room: RoomId, commits: &[Commit]) {
        for commit in commits {
            let Commit::Member { user, change: Change::Went(why), .. } = commit else { continue };
            self.bus.fell_short();
            let (relays, tell) = (self.relays.clone(), Tell::Remove(room, why));
            let users = Arc::new([*user]);
            task::beside(async move { relays.broadcast(RelayMsg::Tell(users, tell)).await });
        }
    }
}
