//! What a club does not want to read in its rooms, and admins of the instance in its lobbies.

use crate::domain::{AuditAction, FILTERS, FilterId, FilterRule, Millis, Pattern, RoomId, UserId};
use crate::store::admins::is_admin;
use crate::store::db::{Conn, execute, fetch_all, fetch_one, fetch_optional};
use crate::store::{FilterStamp, Store, StoreError};

use super::audit::{Note, note};
use super::touch::{lock_lobbies, lock_rooms, moderates, touch};
use super::types::{FilterAdded, FilterRemoved, FilterScope, NewFilter};

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
    /// The rules that hold somewhere, oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn filters(&self, scope: FilterScope) -> Result<Vec<FilterRule>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            FilterRow,
            "SELECT filter_id, kind, pattern, action FROM club_filter
              WHERE coalesce(club_id, 0) = $1 ORDER BY filter_id",
            scope.key()
        )?;
        rows.into_iter().map(FilterRule::try_from).collect()
    }

    /// Which rules hold somewhere.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn filter_stamp(&self, scope: FilterScope) -> Result<FilterStamp, StoreError> {
        let mut conn = self.db.read().await?;
        let (count, newest): (i64, i64) = fetch_one!(
            conn,
            (i64, i64),
            "SELECT count(*), coalesce(max(filter_id), 0) FROM club_filter
              WHERE coalesce(club_id, 0) = $1",
            scope.key()
        )?;
        Ok(FilterStamp { count, newest })
    }

    /// Makes a rule, for who moderates the club at that moment, or is an admin.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn add_filter(&self, new: NewFilter<'_>) -> Result<FilterAdded, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = add(&mut tx, new).await;
        tx.end(done).await
    }

    /// Removes a rule, for who moderates the club at that moment, or is an admin.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_filter(
        &self,
        (scope, filter): (FilterScope, FilterId),
        by: UserId,
        at: Millis,
    ) -> Result<FilterRemoved, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = remove(&mut tx, (scope, filter), (by, at)).await;
        tx.end(done).await
    }
}

async fn add(conn: &mut Conn, new: NewFilter<'_>) -> Result<FilterAdded, StoreError> {
    let NewFilter { scope, pattern, action, by, at } = new;
    let Some(rooms) = lock(conn, scope).await? else { return Ok(FilterAdded::Gone) };
    if !may_rule(conn, scope, by).await? {
        return Ok(FilterAdded::Denied);
    }
    let (count,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "SELECT count(*) FROM club_filter WHERE coalesce(club_id, 0) = $1",
        scope.key()
    )?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= FILTERS {
        return Ok(FilterAdded::Full);
    }
    let (id,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "INSERT INTO club_filter (club_id, kind, pattern, action, made_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING filter_id",
        scope.club().map(|club| club.0),
        pattern.kind().word(),
        pattern.as_str(),
        action.word(),
        by.0,
        at.0
    )?;
    move_on(conn, scope).await?;
    let rule = FilterRule { id: FilterId(id), pattern: pattern.clone(), action };
    let detail = told(&rule);
    let entry = Note::new(AuditAction::AddFilter, scope.book(), (by, at));
    note(conn, &Note { detail: &detail, ..entry }).await?;
    Ok(FilterAdded::Done(rule, rooms))
}

async fn remove(
    conn: &mut Conn,
    (scope, filter): (FilterScope, FilterId),
    who: (UserId, Millis),
) -> Result<FilterRemoved, StoreError> {
    let nothing = FilterRemoved::Done(Vec::new());
    let Some(rooms) = lock(conn, scope).await? else { return Ok(nothing) };
    if !may_rule(conn, scope, who.0).await? {
        return Ok(FilterRemoved::Denied);
    }
    let removed = fetch_optional!(
        conn,
        FilterRow,
        "DELETE FROM club_filter WHERE filter_id = $1 AND coalesce(club_id, 0) = $2
         RETURNING filter_id, kind, pattern, action",
        filter.0,
        scope.key()
    )?;
    let Some(removed) = removed else { return Ok(nothing) };
    move_on(conn, scope).await?;
    let detail = told(&removed.try_into()?);
    let entry = Note::new(AuditAction::RemoveFilter, scope.book(), who);
    note(conn, &Note { detail: &detail, ..entry }).await?;
    Ok(FilterRemoved::Done(rooms))
}

/// Locks the rooms in which rules hold, and the club before them; none when it is gone.
async fn lock(conn: &mut Conn, scope: FilterScope) -> Result<Option<Vec<RoomId>>, StoreError> {
    match scope {
        FilterScope::Club(club) => lock_rooms(conn, club).await,
        FilterScope::Lobbies => lock_lobbies(conn).await.map(Some),
    }
}

/// Whether somebody makes rules at this moment. What they hold for must be locked.
async fn may_rule(conn: &mut Conn, scope: FilterScope, user: UserId) -> Result<bool, StoreError> {
    match scope {
        FilterScope::Club(club) => moderates(conn, club, user).await,
        FilterScope::Lobbies => is_admin(conn, user).await,
    }
}

/// Says of all rooms in which these rules hold that something about them has changed.
async fn move_on(conn: &mut Conn, scope: FilterScope) -> Result<(), StoreError> {
    if let FilterScope::Club(club) = scope {
        return touch(conn, club).await;
    }
    execute!(conn, "UPDATE room SET rev = rev + 1 WHERE kind = 'lobby' AND deleted_at IS NULL")?;
    Ok(())
}

/// A rule as the audit log shows it.
fn told(rule: &FilterRule) -> String {
    let FilterRule { id, pattern, action } = rule;
    format!("{id} {action} {} {}", pattern.kind(), pattern.as_str())
}
