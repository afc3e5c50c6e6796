//! What a club does not want to read.

use crate::domain::{AuditAction, ClubId, FILTERS, FilterId, FilterRule, Millis, Pattern, UserId};
use crate::store::db::{Conn, fetch_all, fetch_one, fetch_optional};
use crate::store::{FilterStamp, Store, StoreError};

use super::audit::{Book, Note, note};
use super::touch::{lock_rooms, moderates, touch};
use super::types::{FilterAdded, FilterRemoved, NewFilter};

#[derive(Debug, sqlx::FromRow)]
struct FilterRow {
    filter_id: i64,
    kind: String,
    pattern: String,
    action: String,
}

impl TryFrom<FilterRow> for FilterRule {
    type Error = StoreError;

    fn try_from(row: FilterRow) -> Result<Self, StoreError> {
        let pattern = Pattern::kept(row.kind.parse()?, row.pattern);
        Ok(Self { id: FilterId(row.filter_id), pattern, action: row.action.parse()? })
    }
}

impl Store {
    /// The rules of a club, oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn filters(&self, club: ClubId) -> Result<Vec<FilterRule>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            FilterRow,
            "SELECT filter_id, kind, pattern, action FROM club_filter WHERE club_id = $1
              ORDER BY filter_id",
            club.0
        )?;
        rows.into_iter().map(FilterRule::try_from).collect()
    }

    /// Which rules a club has.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn filter_stamp(&self, club: ClubId) -> Result<FilterStamp, StoreError> {
        let mut conn = self.db.read().await?;
        let (count, newest): (i64, i64) = fetch_one!(
            conn,
            (i64, i64),
            "SELECT count(*), coalesce(max(filter_id), 0) FROM club_filter WHERE club_id = $1",
            club.0
        )?;
        Ok(FilterStamp { count, newest })
    }

    /// Makes a rule, for who moderates the club at that moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_filter(&self, new: NewFilter<'_>) -> Result<FilterAdded, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = add(&mut tx, new).await;
        tx.end(done).await
    }

    /// Removes a rule of a club, for who moderates it at that moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_filter(
        &self,
        (club, filter): (ClubId, FilterId),
        by: UserId,
        at: Millis,
    ) -> Result<FilterRemoved, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = remove(&mut tx, (club, filter), (by, at)).await;
        tx.end(done).await
    }
}

async fn add(conn: &mut Conn, new: NewFilter<'_>) -> Result<FilterAdded, StoreError> {
    let NewFilter { club, pattern, action, by, at } = new;
    let Some(rooms) = lock_rooms(conn, club).await? else { return Ok(FilterAdded::Gone) };
    if !moderates(conn, club, by).await? {
        return Ok(FilterAdded::Denied);
    }
    let (count,): (i64,) =
        fetch_one!(conn, (i64,), "SELECT count(*) FROM club_filter WHERE club_id = $1", club.0)?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= FILTERS {
        return Ok(FilterAdded::Full);
    }
    let (id,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "INSERT INTO club_filter (club_id, kind, pattern, action, made_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING filter_id",
        club.0,
        pattern.kind().word(),
        pattern.as_str(),
        action.word(),
        by.0,
        at.0
    )?;
    touch(conn, club).await?;
    let rule = FilterRule { id: FilterId(id), pattern: pattern.clone(), action };
    let detail = told(&rule);
    let entry = Note::new(AuditAction::AddFilter, Book::Club(club), (by, at));
    note(conn, &Note { detail: &detail, ..entry }).await?;
    Ok(FilterAdded::Done(rule, rooms))
}

async fn remove(
    conn: &mut Conn,
    (club, filter): (ClubId, FilterId),
    who: (UserId, Millis),
) -> Result<FilterRemoved, StoreError> {
    let nothing = FilterRemoved::Done(Vec::new());
    let Some(rooms) = lock_rooms(conn, club).await? else { return Ok(nothing) };
    if !moderates(conn, club, who.0).await? {
        return Ok(FilterRemoved::Denied);
    }
    let removed = fetch_optional!(
        conn,
        FilterRow,
        "DELETE FROM club_filter WHERE filter_id = $1 AND club_id = $2
         RETURNING filter_id, kind, pattern, action",
        filter.0,
        club.0
    )?;
    let Some(removed) = removed else { return Ok(nothing) };
    touch(conn, club).await?;
    let detail = told(&removed.try_into()?);
    let entry = Note::new(AuditAction::RemoveFilter, Book::Club(club), who);
    note(conn, &Note { detail: &detail, ..entry }).await?;
    Ok(FilterRemoved::Done(rooms))
}

/// A rule as the audit log shows it.
fn told(rule: &FilterRule) -> String {
    let FilterRule { id, pattern, action } = rule;
    format!("{id} {action} {} {}", pattern.kind(), pattern.as_str())
}
