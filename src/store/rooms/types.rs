//! Rooms and their members, and how the rows read.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    ClubId, ClubRole, Epoch, History, Millis, Notify, Overrides, RoomId, RoomKind, RoomName,
    RoomSettings, Rules, Standing, UserId, Waking, Writers,
};
use crate::store::StoreError;
use crate::store::accounts::User;
use crate::store::clubs::MemberRow;

/// A room as one user sees it in their list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomView {
    /// Its id.
    pub room: RoomId,
    /// Its name; of a private room that of the other one in it.
    pub name: Arc<str>,
    /// What it is for.
    pub kind: RoomKind,
    /// Its club, if it has one.
    pub club: Option<ClubId>,
    /// The other one in a private room.
    pub peer: Option<UserId>,
    /// Life of its log.
    pub epoch: Epoch,
    /// Newest seq.
    pub head: i64,
    /// Messages there are.
    pub n: i64,
    /// Which messages make an inbox entry for the user.
    pub notify: Notify,
    /// Whether the user has hidden it and nothing was said since.
    pub is_hidden: bool,
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
    /// The host of a group.
    pub host: Option<UserId>,
    /// Whether people may find it.
    pub is_listed: bool,
    /// Whether it is the one that everybody of its club, or of the instance, comes into.
    pub is_general: bool,
    /// Seconds between two messages of one user.
    pub slow_mode_s: i64,
    /// Which messages make an inbox entry for members who have not said what they want.
    pub notify: Notify,
    /// From where on a reader sees its log.
    pub history: History,
    /// `all`, or `moderators`.
    pub write: String,
    /// What it says instead of the table of permissions, but for who writes.
    pub permissions: String,
    /// What wakes the assistant.
    pub waking: Waking,
    /// Whether the room says so itself; else its club does, or nobody.
    pub has_own_waking: bool,
    /// Whether bots may ask the assistant.
    pub lets_bots_ask: bool,
    /// Whether the room says so itself; else its club does, or nobody.
    pub has_own_bots: bool,
    /// How the assistant speaks here.
    pub assistant: Manner,
    /// Whether one of the two of a private room has blocked the other.
    pub is_shut: bool,
    /// Goes up with what its log does not tell; see `moderation`.
    pub rev: i64,
    /// Which rules there are for its texts.
    pub filters: FilterStamp,
    /// Days after which what is said goes; none is for ever.
    pub retention_days: Option<i64>,
    /// The seq up to which it has gone.
    pub horizon: i64,
    /// Messages up to there.
    pub horizon_n: i64,
    /// Life of its log.
    pub epoch: Epoch,
    /// Newest seq.
    pub head: i64,
    /// Messages there are.
    pub n: i64,
    /// Who made it; none for a lobby.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Millis,
}

/// How the assistant speaks in a room; what is empty is not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manner {
    /// What moderators want it to be.
    pub persona: String,
    /// `ko` or `en`.
    pub language: String,
    /// The model that answers.
    pub model: String,
}

/// Tells one set of rules for texts from every other: rules never change, and ids go up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FilterStamp {
    /// How many there are.
    pub count: i64,
    /// The newest of them.
    pub newest: i64,
}

impl RoomInfo {
    /// What the room says instead of the table of permissions.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        Overrides::read(&self.permissions, &self.write)
    }

    /// What the room asks of those who are inside.
    #[must_use]
    pub fn settings(&self) -> RoomSettings {
        let slow_mode = Duration::from_secs(u64::try_from(self.slow_mode_s).unwrap_or(0));
        let rules = Rules::of(self.kind).with(&self.overrides());
        RoomSettings { rules, slow_mode, waking: self.waking, is_shut: self.is_shut }
    }
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
    /// Whether they have opened it or written there, where that is noted: in rooms of clubs.
    pub has_opened: bool,
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
    /// What is talked about.
    pub topic: &'a str,
    /// From where on a reader sees its log.
    pub history: History,
    /// Who may write.
    pub write: Writers,
    /// Who makes it.
    pub by: UserId,
    /// When.
    pub at: Millis,
}

/// A change to a room; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoomPatch<'a> {
    /// Its name.
    pub name: Option<&'a RoomName>,
    /// What is talked about.
    pub topic: Option<&'a str>,
    /// From where on a reader sees its log.
    pub history: Option<History>,
    /// Who may write.
    pub write: Option<Writers>,
    /// Seconds between two messages of one user.
    pub slow_mode_s: Option<i64>,
    /// Whether people may find it.
    pub is_listed: Option<bool>,
    /// Days after which what is said goes, or none for ever.
    pub retention_days: Option<Option<i64>>,
    /// What wakes the assistant; `Some(None)` is what its club says.
    pub waking: Option<Option<Waking>>,
    /// Whether bots may ask the assistant; `Some(None)` is what its club says.
    pub lets_bots_ask: Option<Option<bool>>,
    /// What the assistant is to be.
    pub persona: Option<&'a str>,
    /// In which language it speaks; empty for the asker's.
    pub language: Option<&'a str>,
    /// Which model answers; empty for the instance's.
    pub model: Option<&'a str>,
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct ViewRow {
    pub(super) user_id: i64,
    room_id: i64,
    name: String,
    kind: String,
    club_id: Option<i64>,
    peer_id: Option<i64>,
    epoch: String,
    head: i64,
    n: i64,
    notify: String,
    is_hidden: bool,
    read_n: i64,
    mentions: i64,
}

impl TryFrom<ViewRow> for RoomView {
    type Error = StoreError;

    fn try_from(row: ViewRow) -> Result<Self, StoreError> {
        Ok(Self {
            room: RoomId(row.room_id),
            name: row.name.into(),
            kind: row.kind.parse()?,
            club: row.club_id.map(ClubId),
            peer: row.peer_id.map(UserId),
            epoch: Epoch(row.epoch.into()),
            head: row.head,
            n: row.n,
            notify: row.notify.parse()?,
            is_hidden: row.is_hidden,
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
    host_id: Option<i64>,
    is_listed: bool,
    is_general: bool,
    slow_mode_s: i64,
    notify: String,
    history: String,
    write: String,
    permissions: String,
    assistant: String,
    has_own_waking: bool,
    assistant_bots: bool,
    has_own_bots: bool,
    persona: String,
    ai_language: String,
    ai_model: String,
    is_shut: bool,
    rev: i64,
    filters: i64,
    newest_filter: i64,
    retention_days: Option<i64>,
    horizon: i64,
    horizon_n: i64,
    epoch: String,
    head: i64,
    n: i64,
    created_by: Option<i64>,
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
            host: row.host_id.map(UserId),
            is_listed: row.is_listed,
            is_general: row.is_general,
            slow_mode_s: row.slow_mode_s,
            notify: row.notify.parse()?,
            history: row.history.parse()?,
            write: row.write,
            permissions: row.permissions,
            waking: row.assistant.parse()?,
            has_own_waking: row.has_own_waking,
            lets_bots_ask: row.assistant_bots,
            has_own_bots: row.has_own_bots,
            assistant: Manner {
                persona: row.persona,
                language: row.ai_language,
                model: row.ai_model,
            },
            is_shut: row.is_shut,
            rev: row.rev,
            filters: FilterStamp { count: row.filters, newest: row.newest_filter },
            retention_days: row.retention_days,
            horizon: row.horizon,
            horizon_n: row.horizon_n,
            epoch: Epoch(row.epoch.into()),
            head: row.head,
            n: row.n,
            created_by: row.created_by.map(UserId),
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
