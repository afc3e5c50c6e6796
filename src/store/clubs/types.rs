//! A club, what one may ask of the list of clubs, and how the rows read.

use crate::domain::{ClubId, ClubName, ClubRole, MembershipStatus, Millis, RoomId};
use crate::store::StoreError;
use crate::store::accounts::{User, UserRow};
use crate::store::page::Page;

/// A club as one user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Club {
    /// Its id.
    pub id: ClubId,
    /// Its name.
    pub name: String,
    /// One line of welcome.
    pub greeting: String,
    /// What it is about.
    pub description: String,
    /// `study`, `project` or `community`.
    pub kind: String,
    /// One of the categories.
    pub category: String,
    /// `public` or `private`.
    pub visibility: String,
    /// How one gets in.
    pub join_policy: String,
    /// Most active members; none is no limit of its own.
    pub capacity: Option<i64>,
    /// Who owns it.
    pub owner: User,
    /// Active members.
    pub member_count: i64,
    /// Whether its members see who has read a message.
    pub seen_by: bool,
    /// When it was made.
    pub created_at: Millis,
    /// What the viewer is to it, if they ever were anything.
    pub my: Option<MyMembership>,
}

/// What the viewer is to a club.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MyMembership {
    /// Role while active.
    pub role: ClubRole,
    /// Where it stands.
    pub status: MembershipStatus,
}

/// A membership with its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Role while active.
    pub role: ClubRole,
    /// Where it stands.
    pub status: MembershipStatus,
    /// When the user came in last.
    pub joined_at: Millis,
    /// When the user went, if gone.
    pub left_at: Option<Millis>,
    /// Until when a ban holds; none with status banned is for ever.
    pub ban_until: Option<Millis>,
    /// Until when the user may not write.
    pub muted_until: Option<Millis>,
}

/// An active member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClubMember {
    /// Who.
    pub user: User,
    /// As what.
    pub role: ClubRole,
    /// Since when.
    pub joined_at: Millis,
}

/// A club to make.
#[derive(Debug, Clone, Copy)]
pub struct NewClub<'a> {
    /// Its name.
    pub name: &'a ClubName,
    /// One line of welcome.
    pub greeting: &'a str,
    /// What it is about.
    pub description: &'a str,
    /// `study`, `project` or `community`.
    pub kind: &'a str,
    /// One of the categories.
    pub category: &'a str,
    /// `public` or `private`.
    pub visibility: &'a str,
    /// How one gets in.
    pub join_policy: &'a str,
    /// Most active members.
    pub capacity: Option<i64>,
}

/// A change to a club; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClubPatch<'a> {
    /// Its name.
    pub name: Option<&'a ClubName>,
    /// One line of welcome.
    pub greeting: Option<&'a str>,
    /// What it is about.
    pub description: Option<&'a str>,
    /// One of the categories.
    pub category: Option<&'a str>,
    /// `public` or `private`.
    pub visibility: Option<&'a str>,
    /// How one gets in.
    pub join_policy: Option<&'a str>,
    /// Most active members; `Some(None)` takes the limit away.
    pub capacity: Option<Option<i64>>,
    /// Whether its members see who has read a message.
    pub seen_by: Option<bool>,
}

/// What came of a change to a club.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClubChange {
    /// It stands.
    Done,
    /// No such club.
    Gone,
    /// The capacity would be below the number of members.
    BelowMembers,
    /// Who wanted it does not own the club, or not any more.
    Denied,
}

/// What came of deleting a club.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClubDeleted {
    /// It is gone, with these rooms. None: it was gone before.
    Done(Vec<RoomId>),
    /// Who wanted it does not own the club, or not any more.
    Denied,
}

/// Order of a list of clubs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClubSort {
    /// Newest first; the page key is (`created_at`, id).
    New,
    /// Largest first; the page key is (`member_count`, id).
    Members,
}

/// Which clubs to list.
#[derive(Debug, Clone, Copy)]
pub struct ClubQuery<'a> {
    /// The name contains this.
    pub query: Option<&'a str>,
    /// Of this kind.
    pub kind: Option<&'a str>,
    /// Of this category.
    pub category: Option<&'a str>,
    /// In which order.
    pub sort: ClubSort,
    /// Which page.
    pub page: Page<(i64, i64)>,
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct ClubRow {
    club_id: i64,
    name: String,
    greeting: String,
    description: String,
    club_kind: String,
    category: String,
    visibility: String,
    join_policy: String,
    capacity: Option<i64>,
    member_count: i64,
    seen_by: bool,
    club_created_at: i64,
    my_role: Option<String>,
    my_status: Option<String>,
    #[sqlx(flatten)]
    owner: UserRow,
}

impl TryFrom<ClubRow> for Club {
    type Error = StoreError;

    fn try_from(row: ClubRow) -> Result<Self, StoreError> {
        let my = match (row.my_role, row.my_status) {
            (Some(role), Some(status)) => {
                Some(MyMembership { role: role.parse()?, status: status.parse()? })
            }
            _none => None,
        };
        Ok(Self {
            id: ClubId(row.club_id),
            name: row.name,
            greeting: row.greeting,
            description: row.description,
            kind: row.club_kind,
            category: row.category,
            visibility: row.visibility,
            join_policy: row.join_policy,
            capacity: row.capacity,
            owner: row.owner.try_into()?,
            member_count: row.member_count,
            seen_by: row.seen_by,
            created_at: Millis(row.club_created_at),
            my,
        })
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct MembershipRow {
    role: String,
    status: String,
    joined_at: i64,
    left_at: Option<i64>,
    ban_until: Option<i64>,
    muted_until: Option<i64>,
}

/// An active member as it is read, of a club or of a room.
#[derive(Debug, sqlx::FromRow)]
pub(in crate::store) struct MemberRow {
    pub(in crate::store) member_role: String,
    pub(in crate::store) joined_at: i64,
    #[sqlx(flatten)]
    pub(in crate::store) user: UserRow,
}

impl TryFrom<MembershipRow> for Membership {
    type Error = StoreError;

    fn try_from(row: MembershipRow) -> Result<Self, StoreError> {
        Ok(Self {
            role: row.role.parse()?,
            status: row.status.parse()?,
            joined_at: Millis(row.joined_at),
            left_at: row.left_at.map(Millis),
            ban_until: row.ban_until.map(Millis),
            muted_until: row.muted_until.map(Millis),
        })
    }
}

impl TryFrom<MemberRow> for ClubMember {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        Ok(Self {
            user: row.user.try_into()?,
            role: row.member_role.parse()?,
            joined_at: Millis(row.joined_at),
        })
    }
}
