//! People who come and go in rooms: what is asked of the journal, and what it answers.

use crate::domain::{Millis, Rank, RoomId, RoomName, UserId};

use super::append::{StoredEvent, StoredNotice};

/// A group room to make.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// Its name.
    pub name: RoomName,
    /// Whether people may find and join it.
    pub is_listed: bool,
    /// Its maker, and host.
    pub by: UserId,
    /// Who else is in it from the start.
    pub members: Vec<UserId>,
    /// When.
    pub at: Millis,
}

/// What a change of memberships did.
#[derive(Debug, Clone, Default)]
pub struct Moves {
    /// The group that was made.
    pub made: Option<RoomId>,
    /// Who moved, in the order in which it is to be told.
    pub moves: Vec<Move>,
    /// Inbox entries written with it.
    pub notices: Vec<StoredNotice>,
    /// Who is host of the group from now on, if that changed.
    pub host: Option<UserId>,
    /// Rooms that nobody is in any more.
    pub gone: Vec<RoomId>,
}

/// How one user moved in one room.
#[derive(Debug, Clone)]
pub struct Move {
    /// The room.
    pub room: RoomId,
    /// Who.
    pub user: UserId,
    /// How.
    pub how: Passage,
    /// The line that tells of it in the log, if there is one.
    pub line: Option<StoredEvent>,
}

/// A way over the threshold of a room, or within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// May read and write from now on.
    Came {
        /// Newest seq at that moment.
        since: i64,
    },
    /// May not any more; why, as `room.remove` says it.
    Went(&'static str),
    /// Stays, and is this from now on.
    Stands(Rank),
    /// Stays, and may not write until then, or may again.
    Muted(Option<Millis>),
}

/// How a membership change touches one room.
#[derive(Debug, Clone)]
pub struct RoomChange {
    /// The room.
    pub room: RoomId,
    /// Newest seq before the change.
    pub since: i64,
    /// The line that the change wrote into its log, if any.
    pub line: Option<StoredEvent>,
    /// Until when who came may not write there: a mute outlives leaving.
    pub muted_until: Option<Millis>,
}
