//! What moderators did.

use crate::domain::{AuditAction, AuditId, ClubId, Millis, RoomId, RoomKind, UserId};
use crate::store::db::{Conn, execute, fetch_all};
use crate::store::page::Page;
use crate::store::{Store, StoreError};

use super::types::AuditEntry;

/// Whose affair an act is: they read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Book {
    /// Of the managers and the owner of a club.
    Club(ClubId),
    /// Of the host of the group that it was done in.
    Group,
    /// Of the admins of the instance, who moderate its lobbies.
    Instance,
}

impl Book {
    /// Where the acts of moderators of a room are written down.
    pub(in crate::store) const fn of(kind: RoomKind, club: Option<ClubId>) -> Self {
        match (kind, club) {
            (_, Some(club)) => Self::Club(club),
            (RoomKind::Lobby, None) => Self::Instance,
            (_, None) => Self::Group,
        }
    }

    /// The club, where it is one's affair.
    pub(in crate::store) const fn club(self) -> Option<ClubId> {
        match self {
            Self::Club(club) => Some(club),
            Self::Group | Self::Instance => None,
        }
    }
}

/// An entry to write, in the transaction of the act.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Note<'a> {
    pub(in crate::store) book: Book,
    pub(in crate::store) at: Millis,
    pub(in crate::store) by: UserId,
    pub(in crate::store) action: AuditAction,
    pub(in crate::store) user: Option<UserId>,
    /// A message, or a room alone with seq 0.
    pub(in crate::store) place: Option<(RoomId, i64)>,
    pub(in crate::store) until: Option<Millis>,
    pub(in crate::store) reason: &'a str,
    pub(in crate::store) detail: &'a str,
}

impl Note<'_> {
    /// An entry that says no more than who did what.
    pub(in crate::store) const fn new(
        action: AuditAction,
        book: Book,
        (by, at): (UserId, Millis),
    ) -> Self {
        let (user, place, until) = (None, None, None);
        Self { book, at, by, action, user, place, until, reason: "", detail: "" }
    }
}

/// Writes an entry.
pub(in crate::store) async fn note(conn: &mut Conn, note: &Note<'_>) -> Result<(), StoreError> {
    let user = note.user.map(|user| user.0);
    let room = note.place.map(|(room, _seq)| room.0);
    let seq = note.place.map(|(_room, seq)| seq).filter(|seq| *seq > 0);
    let until = note.until.map(|until| until.0);
    if note.book == Book::Instance {
        execute!(
            conn,
            "INSERT INTO instance_audit (at, by_id, action, user_id, room_id, message_seq, until,
                                         reason, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            note.at.0,
            note.by.0,
            note.action.word(),
            user,
            room,
            seq,
            until,
            note.reason,
            note.detail
        )?;
        return Ok(());
    }
    execute!(
        conn,
        "INSERT INTO audit (club_id, at, by_id, action, user_id, room_id, message_seq, until,
                            reason, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        note.book.club().map(|club| club.0),
        note.at.0,
        note.by.0,
        note.action.word(),
        user,
        room,
        seq,
        until,
        note.reason,
        note.detail
    )?;
    Ok(())
}

#[derive(Debug, sqlx::FromRow)]
struct AuditRow {
    audit_id: i64,
    at: i64,
    by_id: i64,
    action: String,
    user_id: Option<i64>,
    room_id: Option<i64>,
    message_seq: Option<i64>,
    until: Option<i64>,
    reason: String,
    detail: String,
}

impl From<AuditRow> for AuditEntry {
    fn from(row: AuditRow) -> Self {
        Self {
            id: AuditId(row.audit_id),
            at: Millis(row.at),
            by: UserId(row.by_id),
            action: row.action,
            user: row.user_id.map(UserId),
            room: row.room_id.map(RoomId),
            message_seq: row.message_seq,
            until: row.until.map(Millis),
            reason: row.reason,
            detail: row.detail,
        }
    }
}

/// A query for entries of one of the two tables.
macro_rules! select_entries {
    ($table:literal, $which:literal) => {
        concat!(
            "SELECT audit_id, at, by_id, action, user_id, room_id, message_seq, until, reason, detail
               FROM ",
            $table,
            " WHERE ",
            $which,
            " ORDER BY audit_id DESC LIMIT $2"
        )
    };
}

impl Store {
    /// What moderators of a club did, newest first. The key of a page is the id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn audit(
        &self,
        club: ClubId,
        page: Page<i64>,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            AuditRow,
            select_entries!("audit", "audit_id < $1 AND club_id = $3"),
            page.below(),
            page.limit,
            club.0
        )?;
        Ok(rows.into_iter().map(AuditEntry::from).collect())
    }

    /// What moderators did in one room, newest first. The key of a page is the id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn audit_of_room(
        &self,
        (room, kind): (RoomId, RoomKind),
        page: Page<i64>,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut conn = self.db.read().await?;
        let sql = match kind {
            RoomKind::Lobby => {
                select_entries!("instance_audit", "audit_id < $1 AND room_id = $3")
            }
            RoomKind::Member | RoomKind::Manager | RoomKind::Group | RoomKind::Private => {
                select_entries!("audit", "audit_id < $1 AND room_id = $3")
            }
        };
        let rows = fetch_all!(conn, AuditRow, sql, page.below(), page.limit, room.0)?;
        Ok(rows.into_iter().map(AuditEntry::from).collect())
    }

    /// What admins of the instance did, in lobbies as well, newest first. The key of a page is the
    /// id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn instance_audit(&self, page: Page<i64>) -> Result<Vec<AuditEntry>, StoreError> {
        let mut conn = self.db.read().await?;
        let sql = select_entries!("instance_audit", "audit_id < $1");
        let rows = fetch_all!(conn, AuditRow, sql, page.below(), page.limit)?;
        Ok(rows.into_iter().map(AuditEntry::from).collect())
    }
}
