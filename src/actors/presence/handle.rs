//! The face of the presence.

use std::sync::Arc;

use super::abroad::Elsewhere;
use super::census::Census;
use super::states::{Said, Shown};
use super::{Presence, PresenceMsg, Told};
use crate::actors::bounded::{Address, BoundedRef};
use crate::actors::bus::Roll;
use crate::actors::meter::Mailbox;
use crate::actors::room::RoomHandle;
use crate::actors::rooms::RoomsHandle;
use crate::domain::{Availability, RoomId, SessionId, Status, UserId};

/// Face of the presence of a node.
#[derive(Clone, Default)]
pub struct PresenceHandle {
    address: Address<PresenceMsg>,
    census: Census,
    elsewhere: Elsewhere,
    said: Said,
    shown: Shown,
}

impl PresenceHandle {
    /// Called by the root at each start.
    pub(in crate::actors) fn start(&self, presence: BoundedRef<PresenceMsg>) {
        self.address.set(presence);
    }

    /// The presence that the root is about to start.
    pub(in crate::actors) fn actor(&self, rooms: &RoomsHandle) -> Presence {
        let (elsewhere, census) = (self.elsewhere.clone(), self.census.clone());
        let (said, shown) = (self.said.clone(), self.shown.clone());
        Presence { rooms: rooms.clone(), elsewhere, census, said, shown }
    }

    /// What its mailbox shows, and how often it was started again.
    pub(in crate::actors) fn read(&self, now: std::time::Instant) -> (Mailbox, u32) {
        (self.address.read(now), self.address.restarts())
    }

    /// Counts a session in, if the user may have one more.
    pub(crate) fn admit(&self, user: UserId, most: u32) -> bool {
        self.census.admit(user, most)
    }

    /// What a user says of themselves, if anything, who is about to be told as arrived.
    pub(crate) fn arrives_with(&self, user: UserId, text: &str) {
        if !text.is_empty() {
            self.said.text(user, Some(text.into()));
        }
    }

    /// Sessions that were admitted have their rooms.
    pub(crate) fn arrived(&self, users: Vec<(UserId, Vec<RoomId>)>) {
        self.tell(PresenceMsg::Arrived(users));
    }

    /// A session says whether its user wants to be spoken to.
    pub(crate) fn says(&self, user: UserId, session: SessionId, state: Availability) {
        self.said.state(user, session, state);
        self.tell(PresenceMsg::Says(user));
    }

    /// A user says something of themselves, or nothing any more.
    pub(crate) fn says_text(&self, user: UserId, text: Option<Arc<str>>) {
        self.said.text(user, text);
        self.tell(PresenceMsg::Says(user));
    }

    /// A session that had said something ended.
    pub(crate) fn says_no_more(&self, user: UserId, session: SessionId) {
        self.said.ended(user, session);
        self.tell(PresenceMsg::Says(user));
    }

    /// What another node says of how its users are.
    pub(crate) fn abroad_says(&self, node: u64, users: Vec<(UserId, Option<Status>)>) {
        self.tell(PresenceMsg::AbroadSays(node, users));
    }

    /// How a user is who is online.
    #[must_use]
    pub fn status(&self, user: UserId) -> Status {
        self.shown.of(user).unwrap_or(Status::USUAL)
    }

    /// A session that was admitted ended.
    pub(crate) fn departed(&self, user: UserId) {
        if self.census.release(user) == 0 {
            self.tell(PresenceMsg::Departed(user));
        } else if self.said.knows(user) {
            // Perhaps all that are left are away.
            self.tell(PresenceMsg::Says(user));
        }
    }

    /// These users may read one more room.
    pub(crate) fn add_room(&self, users: Vec<UserId>, room: RoomId) {
        self.tell(PresenceMsg::AddRoom(users, room));
    }

    /// A user may not read a room any more.
    pub(crate) fn remove_room(&self, user: UserId, room: RoomId) {
        self.tell(PresenceMsg::RemoveRoom(user, room));
    }

    /// A room woke.
    pub(crate) fn watch(&self, room: RoomHandle) {
        self.tell(PresenceMsg::Watch(room));
    }

    /// A room ended.
    pub(crate) fn forget(&self, room: RoomHandle) {
        self.tell(PresenceMsg::Forget(room));
    }

    /// What another node says of its users.
    pub(crate) fn abroad(&self, node: u64, users: Vec<Told>, roll: Option<Roll>) {
        self.tell(PresenceMsg::Abroad(node, users, roll));
    }

    /// Other nodes want to know who is online here.
    pub(crate) fn call_roll(&self) {
        self.tell(PresenceMsg::CallRoll);
    }

    /// Everyone with a live session on this node.
    pub(crate) fn here(&self) -> Vec<UserId> {
        self.census.users()
    }

    /// Whether a user has a live session on this node.
    pub(crate) fn is_here(&self, user: UserId) -> bool {
        self.census.counts(user) > 0
    }

    /// Whether a user has a live session, here or on another node.
    #[must_use]
    pub fn is_online(&self, user: UserId) -> bool {
        self.is_here(user) || self.elsewhere.has(user)
    }

    fn tell(&self, msg: PresenceMsg) {
        if self.address.try_cast(msg).is_err() {
            tracing::warn!("presence is overloaded or restarts; a change was not told");
        }
    }
}
