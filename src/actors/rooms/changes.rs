//! What REST calls do to rooms and those in them: groups, roles, marks that go back, settings.

use std::time::Instant;

use super::RoomsHandle;
use super::handle::wait;
use super::refusals::refused;
use crate::actors::journal::Ticket;
use crate::actors::relay::{RelayMsg, Tell};
use crate::actors::room::{RoomMsg, call};
use crate::actors::seat::Answer;
use crate::domain::{ClubId, ClubRole, Millis, RoomId, UserId};
use crate::protocol::{ErrorCode, Frame, MarkOk, Refusal, RoomUpdate, RoomUpdateData};
use crate::store::{Append, Appended, Inherited, Moves, NewGroup, Passage, StoreError};

impl RoomsHandle {
    /// Lets a user into a lobby or a listed group, or say hello in a room of their club. True when
    /// that was a change.
    ///
    /// # Errors
    /// Whatever the store refuses, as the wire says it.
    pub async fn join_room(&self, room: RoomId, user: UserId) -> Result<bool, Refusal> {
        let moves = self.moved(Append::JoinRoom { room, user, at: Millis::now() }).await?;
        Ok(!moves.moves.is_empty())
    }

    /// Takes a user out of a lobby or a group.
    ///
    /// # Errors
    /// As [`Self::join_room`].
    pub async fn leave_room(&self, room: RoomId, user: UserId) -> Result<(), Refusal> {
        let moves = self.moved(Append::LeaveRoom { room, user, at: Millis::now() }).await?;
        self.followed(room, (user, "left"), moves).await;
        Ok(())
    }

    /// What follows where somebody is out of a group: another host, or its end.
    pub(super) async fn followed(
        &self,
        room: RoomId,
        (user, why): (UserId, &'static str),
        moves: Moves,
    ) {
        if let Some(host) = moves.host {
            self.updated(room, RoomUpdateData { host: Some(host), ..Default::default() }).await;
        }
        if !moves.gone.is_empty() {
            // The room ends before it can tell its last member.
            let went = RelayMsg::Tell([user].into(), Tell::Remove(room, why));
            self.relays.broadcast(went).await;
            self.deleted(moves.gone);
        }
    }

    /// Makes a group room and brings people into it.
    ///
    /// # Errors
    /// As [`Self::join_room`].
    pub async fn make_group(&self, new: NewGroup) -> Result<RoomId, Refusal> {
        let moves = self.moved(Append::MakeGroup(new)).await?;
        moves.made.ok_or_else(|| Refusal::new(ErrorCode::Internal, "the room was not made"))
    }

    /// Brings people into a group room; says who of them was not in it.
    ///
    /// # Errors
    /// As [`Self::join_room`].
    pub async fn invite(
        &self,
        room: RoomId,
        by: UserId,
        users: Vec<UserId>,
    ) -> Result<Vec<UserId>, Refusal> {
        let moves = self.moved(Append::Invite { room, by, users, at: Millis::now() }).await?;
        let came = moves.moves.iter().filter(|step| matches!(step.how, Passage::Came { .. }));
        Ok(came.map(|step| step.user).collect())
    }

    /// The owner of a club makes a member a manager, or a manager a member.
    ///
    /// # Errors
    /// As [`Self::join_room`].
    pub async fn set_role(
        &self,
        club: ClubId,
        by: UserId,
        user: UserId,
        role: ClubRole,
    ) -> Result<(), Refusal> {
        let at = Millis::now();
        self.moved(Append::SetRole { club, by, user, role, at }).await.map(drop)
    }

    /// The owner hands a club over.
    ///
    /// # Errors
    /// As [`Self::join_room`].
    pub async fn hand_over_club(
        &self,
        club: ClubId,
        by: UserId,
        to: UserId,
    ) -> Result<(), Refusal> {
        self.moved(Append::HandOver { club, by, to, at: Millis::now() }).await.map(drop)
    }

    /// Moves a read mark right before a seq, for a REST call.
    ///
    /// # Errors
    /// Whatever the room or the journal refuses.
    pub async fn unread(&self, room: RoomId, user: UserId, seq: i64) -> Result<MarkOk, Refusal> {
        let (asker, answer) = call();
        self.ask(room, RoomMsg::Unread { user, seq, asker, seat: None }).await?;
        wait(answer).await
    }

    /// A room was changed in the store: the live one takes it up, and who has it hears of it. When
    /// this ends the room on this node decides by the new settings.
    pub async fn updated(&self, room: RoomId, d: RoomUpdateData<'_>) {
        self.obey(&[room]).await;
        self.tell_update(&RoomUpdate { room, d }).await;
    }

    /// The same of rooms that leave to their club what it says of the assistant.
    pub async fn inherited(&self, rooms: &[Inherited]) {
        let woken = rooms.iter().filter(|new| new.waking.is_some()).map(|new| new.room);
        self.obey(&woken.collect::<Vec<_>>()).await;
        for &Inherited { room, waking, lets_bots_ask } in rooms {
            let d = RoomUpdateData {
                assistant: waking,
                assistant_bots: lets_bots_ask,
                ..Default::default()
            };
            self.tell_update(&RoomUpdate { room, d }).await;
        }
    }

    async fn tell_update(&self, update: &RoomUpdate<'_>) {
        let (room, frame) = (update.room, Frame::json(update));
        let line = String::from_utf8_lossy(&frame.line()).into_owned();
        self.bus.update(room, Some(line));
        self.relays.broadcast(RelayMsg::Update { room, frame }).await;
    }

    /// What a user changed about a room for themselves: all their sessions hear of it.
    pub async fn updated_for(&self, user: UserId, room: RoomId, d: RoomUpdateData<'_>) {
        let tell = Tell::Others(Frame::json(&RoomUpdate { room, d }), None);
        self.bus.tell(&[user], &tell);
        self.relays.broadcast(RelayMsg::Tell([user].into(), tell)).await;
    }

    /// Keeps what a user says of themselves, and tells the rooms.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_status_text(&self, user: UserId, text: &str) -> Result<(), StoreError> {
        self.store.set_status_text(user, text).await?;
        self.says_text(user, text);
        Ok(())
    }

    /// Tells the rooms what a user says of themselves, as the store has it already.
    pub fn says_text(&self, user: UserId, text: &str) {
        let text = Some(text).filter(|text| !text.is_empty());
        self.presence.says_text(user, text.map(Into::into));
    }

    pub(super) async fn moved(&self, append: Append) -> Result<Moves, Refusal> {
        let (answer, appended) = Answer::channel();
        if let Err(refused) = self.journal.append(append, Ticket::Moves { answer }, Instant::now())
        {
            refused.1?;
        }
        match wait(appended).await? {
            Appended::Moved(moves) => Ok(moves),
            Appended::Refused(why) => Err(refused(why)),
            _of_another_kind => Err(Refusal::new(ErrorCode::Internal, "this could not be done")),
        }
    }
}
