//! What moderators did.

use crate::domain::{AuditAction, AuditId, ClubId, Millis, RoomId, UserId};
use crate::store::db::{Conn, execute, fetch_all};
use crate::store::page::Page;
use crate::store::{Store, StoreError};

use super::types::AuditEntry;

/// An entry to write, in the transaction of the act.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Note<'a> {
    pub(in crate::store) club: ClubId,
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
        club: ClubId,
        (by, at): (UserId, Millis),
    ) -> Self {
        let (user, place, until) = (None, None, None);
        Self { club, at, by, action, user, place, until, reason: "", detail: "" }
    }
}

/// Writes an entry.
pub(in crate::store) async fn note(conn: &mut Conn, note: &Note<'_>) -> Result<(), StoreError> {
    execute!(
        conn,
        "INSERT INTO audit (club_id, at, by_id, action, user_id, room_id, message_seq, until,
                            reason, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        note.club.0,
        note.at.0,
        note.by.0,
        note.action.word(),
        note.user.map(|user| user.0),
        note.place.map(|(room, _seq)| room.0),
        note.place.map(|(_room, seq)| seq).filter(|seq| *seq > 0),
        note.until.map(|until| until.0),
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
            "SELECT audit_id, at, by_id, action, user_id, room_id, message_seq, until, reason, detail
               FROM audit WHERE club_id = $1 AND audit_id < $2 ORDER BY audit_id DESC LIMIT $3",
            club.0,
            page.below(),
            page.limit
        )?;
        Ok(rows.into_iter().map(AuditEntry::from).collect())
    }
}
