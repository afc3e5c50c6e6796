//! What moderation asks and tells.

use std::sync::Arc;

use crate::domain::{
    AuditId, ClubId, FilterAction, FilterId, FilterRule, InvalidOverride, MembershipStatus, Millis,
    Pattern, Permission, ReportId, ReportReason, RoomId, RoomKind, Settlement, UserId,
};
use crate::store::accounts::User;

use super::audit::Book;

/// Where a measure holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// In a club, and so in all its rooms.
    Club(ClubId),
    /// In one room of no club.
    Room(RoomId),
}

/// Something that a moderator does to somebody.
#[derive(Debug, Clone)]
pub struct Moderation {
    /// Where.
    pub within: Within,
    /// The moderator.
    pub by: UserId,
    /// To whom.
    pub on: UserId,
    /// What.
    pub what: Measure,
    /// In the words of the moderator; empty for none.
    pub reason: Arc<str>,
    /// The report that is decided by it, with all others of the same message. In a room of no club
    /// that is for admins, wherever the message stands.
    pub settles: Option<ReportId>,
    /// When.
    pub at: Millis,
}

/// What a moderator does to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Puts a member out; coming back follows the policy.
    Kick,
    /// Puts out and keeps out, until then or for ever.
    Ban {
        /// None is for ever.
        until: Option<Millis>,
    },
    /// Lets somebody come back.
    Unban,
    /// Keeps a member from writing until then.
    Mute {
        /// Always ends.
        until: Millis,
    },
    /// Lets a member write again.
    Unmute,
}

/// What somebody is to a room of no club.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomStanding {
    /// Active, left or banned.
    pub status: MembershipStatus,
    /// Until when a ban holds; none with status banned is for ever.
    pub ban_until: Option<Millis>,
    /// Until when they may not write.
    pub muted_until: Option<Millis>,
}

/// Somebody who stays out of a club or a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who.
    pub user: User,
    /// Since when.
    pub at: Millis,
    /// Until when; none is for ever.
    pub until: Option<Millis>,
    /// In the words of the moderator; may be empty.
    pub reason: String,
}

/// What somebody is told who stays out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnBan {
    /// Until when; none is for ever.
    pub until: Option<Millis>,
    /// In the words of the moderator; may be empty.
    pub reason: Arc<str>,
}

/// Somebody inside who may not write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// Who.
    pub user: User,
    /// Since when they are in the club or room.
    pub joined_at: Millis,
    /// Until when.
    pub until: Millis,
}

/// What somebody is told who may not write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnMute {
    /// Until when.
    pub until: Millis,
    /// In the words of the moderator; may be empty.
    pub reason: String,
}

/// A message to report.
#[derive(Debug, Clone, Copy)]
pub struct NewReport<'a> {
    /// Where it stands.
    pub room: RoomId,
    /// Seq of its `msg.new`.
    pub message_seq: i64,
    /// Who reports.
    pub by: UserId,
    /// Why.
    pub reason: ReportReason,
    /// In their own words; empty for none.
    pub note: &'a str,
    /// When.
    pub at: Millis,
}

/// What came of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// It stands.
    New(ReportId),
    /// The same user has reported this message before.
    Before(ReportId),
    /// There is no such message, or only its tombstone.
    NoMessage,
    /// It is their own.
    Own,
}

/// A report as moderators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: ReportId,
    /// Where the message stands.
    pub room: RoomId,
    /// Seq of its `msg.new`.
    pub message_seq: i64,
    /// Who wrote it.
    pub author: UserId,
    /// Who reported it; none is a rule of the club.
    pub by: Option<UserId>,
    /// Which rule.
    pub filter: Option<FilterId>,
    /// Why.
    pub reason: ReportReason,
    /// In their own words.
    pub note: String,
    /// The message as it stood; none once decided.
    pub text: Option<String>,
    /// When.
    pub at: Millis,
    /// How it ended, when, and who decided.
    pub decided: Option<(Settlement, Millis, UserId)>,
}

/// What came of deciding a report that needs no act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// It is decided.
    Done,
    /// It was decided before.
    Decided,
    /// There is no such report in this queue.
    Gone,
    /// Who wanted it does not moderate the club, or not any more.
    Denied,
}

/// Where rules for texts hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilterScope {
    /// In the rooms of a club.
    Club(ClubId),
    /// In the lobbies of the instance.
    Lobbies,
}

impl FilterScope {
    /// The rules that a room has; none for groups and private rooms, which are their members' affair.
    #[must_use]
    pub const fn of(kind: RoomKind, club: Option<ClubId>) -> Option<Self> {
        match (kind, club) {
            (_, Some(club)) => Some(Self::Club(club)),
            (RoomKind::Lobby, None) => Some(Self::Lobbies),
            (_, None) => None,
        }
    }

    pub(super) const fn club(self) -> Option<ClubId> {
        match self {
            Self::Club(club) => Some(club),
            Self::Lobbies => None,
        }
    }

    /// What the table is searched by.
    pub(super) const fn key(self) -> i64 {
        match self {
            Self::Club(club) => club.0,
            Self::Lobbies => 0,
        }
    }

    pub(super) const fn book(self) -> Book {
        match self {
            Self::Club(club) => Book::Club(club),
            Self::Lobbies => Book::Instance,
        }
    }
}

/// A rule for texts, to make.
#[derive(Debug, Clone, Copy)]
pub struct NewFilter<'a> {
    /// Where it is to hold.
    pub scope: FilterScope,
    /// What it looks for.
    pub pattern: &'a Pattern,
    /// What is done then.
    pub action: FilterAction,
    /// Who makes it.
    pub by: UserId,
    /// When.
    pub at: Millis,
}

/// What came of a new rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterAdded {
    /// It stands; these rooms obey it.
    Done(FilterRule, Vec<RoomId>),
    /// There are as many as there may be.
    Full,
    /// No such club.
    Gone,
    /// Who wanted it does not moderate the club, or is no admin; or not any more.
    Denied,
}

/// What came of removing a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterRemoved {
    /// It is gone; these rooms obeyed it. None: it was gone before.
    Done(Vec<RoomId>),
    /// Who wanted it does not moderate the club, or not any more.
    Denied,
}

/// What came of a change of permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermissionChange {
    /// They stand.
    Done,
    /// No such room, or not for this user.
    Gone,
    /// It takes a higher rank to configure this room.
    Denied,
    /// A room cannot say this; nothing was changed.
    Invalid(Permission, InvalidOverride),
}

/// One entry of an audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id; they go up.
    pub id: AuditId,
    /// When.
    pub at: Millis,
    /// Who did it.
    pub by: UserId,
    /// What; a word that a newer version may have written.
    pub action: String,
    /// To whom.
    pub user: Option<UserId>,
    /// Where.
    pub room: Option<RoomId>,
    /// To which message.
    pub message_seq: Option<i64>,
    /// Until when.
    pub until: Option<Millis>,
    /// In the words of the moderator.
    pub reason: String,
    /// What changed.
    pub detail: String,
}
