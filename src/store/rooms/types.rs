//! Rooms and their members, and how the rows read.

use crate::domain::{
    ClubId, ClubRole, Epoch, Millis, RoomId, RoomKind, RoomName, Standing, UserId,
};
use crate::store::StoreError;
use crate::store::accounts::User;
use crate::store::clubs::MemberRow;

/// A room as one user sees it in their list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomView {
    /// Its id.
    pub room: RoomId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: RoomKind,
    /// Its club, if it has one.
    pub club: Option<ClubId>,
    /// Life of its log.
    pub epoch: Epoch,
    /// Newest seq.
    pub head: i64,
    /// Messages there are.
    pub n: i64,
    /// Messages that the user has read.
    pub read_n: i64,
    /// Messages above `read_n` that name the user.
    pub mentions: i64,
}

/// A room for everybody who may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomInfo {
    /// Its id.
    pub room: RoomId,
    /// Its name.
    pub name: String,
    /// What is talked about.
    pub topic: String,
    /// What it is for.
    pub kind: RoomKind,
    /// Its club, if it has one.
    pub club: Option<ClubId>,
    /// Seconds between two messages of one user.
    pub slow_mode_s: i64,
    /// `all`, or `since_join`.
    pub history: String,
    /// `all`, or `moderators`.
    pub write: String,
    /// Life of its log.
    pub epoch: Epoch,
    /// Newest seq.
    pub head: i64,
    /// Messages there are.
    pub n: i64,
    /// When it was made.
    pub created_at: Millis,
}

/// One who may read a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RosterRow {
    /// Who.
    pub user: UserId,
    /// What they may do there.
    pub standing: Standing,
    /// Head of the log when they came in; 0 for who was there from the beginning.
    pub join_seq: i64,
}

/// A member of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomMember {
    /// Who.
    pub user: User,
    /// Role in the club. Outside clubs the host of a group is its owner, and an admin is manager of
    /// a lobby.
    pub role: ClubRole,
    /// Since when, in the club or in the room.
    pub joined_at: Millis,
}

/// A room of a club, to make.
#[derive(Debug, Clone, Copy)]
pub struct NewRoom<'a> {
    /// The club.
    pub club: ClubId,
    /// Its name.
    pub name: &'a RoomName,
    /// `member` or `manager`.
    pub kind: RoomKind,
    /// Who makes it.
    pub by: UserId,
    /// When.
    pub at: Millis,
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct ViewRow {
    pub(super) user_id: i64,
    room_id: i64,
    name: String,
    kind: String,
    club_id: Option<i64>,
    epoch: String,
    head: i64,
    n: i64,
    read_n: i64,
    mentions: i64,
}

impl TryFrom<ViewRow> for RoomView {
    type Error = StoreError;

    fn try_from(row: ViewRow) -> Result<Self, StoreError> {
        Ok(Self {
            room: RoomId(row.room_id),
            name: row.name,
            kind: row.kind.parse()?,
            club: row.club_id.map(ClubId),
            epoch: Epoch(row.epoch.into()),
            head: row.head,
            n: row.n,
            read_n: row.read_n,
            mentions: row.mentions,
        })
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct InfoRow {
    room_id: i64,
    name: String,
    topic: String,
    kind: String,
    club_id: Option<i64>,
    slow_mode_s: i64,
    history: String,
    write: String,
    epoch: String,
    head: i64,
    n: i64,
    created_at: i64,
}

impl TryFrom<InfoRow> for RoomInfo {
    type Error = StoreError;

    fn try_from(row: InfoRow) -> Result<Self, StoreError> {
        Ok(Self {
            room: RoomId(row.room_id),
            name: row.name,
            topic: row.topic,
            kind: row.kind.parse()?,
            club: row.club_id.map(ClubId),
            slow_mode_s: row.slow_mode_s,
            history: row.history,
            write: row.write,
            epoch: Epoch(row.epoch.into()),
            head: row.head,
            n: row.n,
            created_at: Millis(row.created_at),
        })
    }
}

impl TryFrom<MemberRow> for RoomMember {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        Ok(Self {
            user: row.user.try_into()?,
            role: row.member_role.parse()?,
            joined_at: Millis(row.joined_at),
        })
    }
}
