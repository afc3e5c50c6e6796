//! Making, changing and deleting clubs.

use super::read::find;
use super::types::{Club, ClubChange, ClubDeleted, ClubPatch, NewClub};
use crate::domain::{AuditAction, ClubId, ClubName, ClubRole, Millis, Rank, RoomId, UserId};
use crate::store::db::{Conn, Sql, execute, fetch_all, fetch_one, fetch_optional};
use crate::store::moderation::{Book, Note, note};
use crate::store::rooms::rank_of_club;
use crate::store::{Store, StoreError};

/// What an owner says of a club.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct Said {
    name: String,
    greeting: String,
    description: String,
    category: String,
    visibility: String,
    join_policy: String,
    capacity: Option<i64>,
    seen_by: bool,
}

const SAID: &str =
    "SELECT name, greeting, description, category, visibility, join_policy, capacity,
                           seen_by FROM club WHERE club_id = $1";

/// Living club, locked: whoever changes its members or rooms waits here first.
const LOCK: Sql = Sql {
    sqlite: "SELECT member_count FROM club WHERE club_id = $1 AND deleted_at IS NULL",
    postgres: "SELECT member_count FROM club WHERE club_id = $1 AND deleted_at IS NULL
                  FOR NO KEY UPDATE",
};

impl Store {
    /// Makes a club with its owner and its room `general`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a living club has this name, in whatever case.
    pub async fn create_club(
        &self,
        new: &NewClub<'_>,
        owner: UserId,
        at: Millis,
    ) -> Result<(Club, RoomId), StoreError> {
        let mut tx = self.db.begin().await?;
        let done = found(&mut tx, new, owner, at).await;
        tx.end(done).await
    }

    /// Changes a club, for who owns it at that moment.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a living club has the new name.
    pub async fn update_club(
        &self,
        club: ClubId,
        patch: &ClubPatch<'_>,
        who: (UserId, Millis),
    ) -> Result<ClubChange, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = change(&mut tx, club, patch, who).await;
        tx.end(done).await
    }

    /// Deletes a club and its rooms, for who owns it at that moment. Its members are still to be told:
    /// append [`Append::TellClosed`](crate::store::Append::TellClosed).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn delete_club(
        &self,
        club: ClubId,
        who: (UserId, Millis),
    ) -> Result<ClubDeleted, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = delete_own(&mut tx, club, who).await;
        tx.end(done).await
    }
}

async fn found(
    conn: &mut Conn,
    new: &NewClub<'_>,
    owner: UserId,
    at: Millis,
) -> Result<(Club, RoomId), StoreError> {
    let (club,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "INSERT INTO club (name, name_key, greeting, description, kind, category, visibility,
                           join_policy, capacity, member_count, owner_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11) RETURNING club_id",
        new.name.as_str(),
        new.name.key(),
        new.greeting,
        new.description,
        new.kind,
        new.category,
        new.visibility,
        new.join_policy,
        new.capacity,
        owner.0,
        at.0
    )?;
    execute!(
        conn,
        "INSERT INTO membership (club_id, user_id, role, status, joined_at)
         VALUES ($1, $2, $3, 'active', $4)",
        club,
        owner.0,
        ClubRole::Owner.word(),
        at.0
    )?;
    let (room,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "INSERT INTO room (kind, club_id, name, name_key, is_general, notify, created_by, created_at)
         VALUES ('member', $1, 'general', 'general', TRUE, $4, $2, $3) RETURNING room_id",
        club,
        owner.0,
        at.0,
        // Small circles hear of everything.
        if new.kind == "community" { "mentions" } else { "all" }
    )?;
    let made = find(conn, ClubId(club), owner).await?;
    let made = made.ok_or_else(|| StoreError::Corrupt("a new club cannot be read".to_owned()))?;
    Ok((made, RoomId(room)))
}

async fn change(
    conn: &mut Conn,
    club: ClubId,
    patch: &ClubPatch<'_>,
    who: (UserId, Millis),
) -> Result<ClubChange, StoreError> {
    let Some((members,)) = fetch_optional!(conn, (i64,), LOCK, club.0)? else {
        return Ok(ClubChange::Gone);
    };
    if !owns(conn, club, who.0).await? {
        return Ok(ClubChange::Denied);
    }
    if matches!(patch.capacity, Some(Some(capacity)) if capacity < members) {
        return Ok(ClubChange::BelowMembers);
    }
    let was = fetch_one!(conn, Said, SAID, club.0)?;
    execute!(
        conn,
        "UPDATE club SET name = coalesce($2, name), name_key = coalesce($3, name_key),
                greeting = coalesce($4, greeting), description = coalesce($5, description),
                category = coalesce($6, category), visibility = coalesce($7, visibility),
                join_policy = coalesce($8, join_policy),
                capacity = CASE WHEN $9 THEN $10 ELSE capacity END,
                seen_by = coalesce($11, seen_by)
          WHERE club_id = $1",
        club.0,
        patch.name.map(ClubName::as_str),
        patch.name.map(ClubName::key),
        patch.greeting,
        patch.description,
        patch.category,
        patch.visibility,
        patch.join_policy,
        patch.capacity.is_some(),
        patch.capacity.flatten(),
        patch.seen_by
    )?;
    let detail = told(&was, &fetch_one!(conn, Said, SAID, club.0)?);
    if !detail.is_empty() {
        let entry = Note::new(AuditAction::UpdateClub, Book::Club(club), who);
        note(conn, &Note { detail: &detail, ..entry }).await?;
    }
    Ok(ClubChange::Done)
}

/// What is different now, as the audit log shows it.
fn told(was: &Said, now: &Said) -> String {
    let word = |is_other: bool, word: String| is_other.then_some(word);
    let places = now.capacity.map_or_else(|| "none".to_owned(), |most| most.to_string());
    let words = [
        word(was.name != now.name, "name".to_owned()),
        word(was.greeting != now.greeting, "greeting".to_owned()),
        word(was.description != now.description, "description".to_owned()),
        word(was.category != now.category, format!("category={}", now.category)),
        word(was.visibility != now.visibility, format!("visibility={}", now.visibility)),
        word(was.join_policy != now.join_policy, format!("join_policy={}", now.join_policy)),
        word(was.capacity != now.capacity, format!("capacity={places}")),
        word(was.seen_by != now.seen_by, format!("seen_by={}", now.seen_by)),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Whether somebody owns a club at this moment. It must be locked: who hands it over meanwhile waits,
/// or was before.
async fn owns(conn: &mut Conn, club: ClubId, user: UserId) -> Result<bool, StoreError> {
    Ok(rank_of_club(conn, club, user).await? == Some(Rank::Owner))
}

async fn delete_own(
    conn: &mut Conn,
    club: ClubId,
    who: (UserId, Millis),
) -> Result<ClubDeleted, StoreError> {
    let is_there = fetch_optional!(conn, (i64,), LOCK, club.0)?.is_some();
    if is_there && !owns(conn, club, who.0).await? {
        return Ok(ClubDeleted::Denied);
    }
    Ok(ClubDeleted::Done(delete(conn, club, who).await?))
}

/// Deletes a club with its rooms, which are told.
pub(in crate::store) async fn delete(
    conn: &mut Conn,
    club: ClubId,
    who: (UserId, Millis),
) -> Result<Vec<RoomId>, StoreError> {
    /// The heads are taken in the order of their ids, like everywhere.
    const ROOMS: Sql = Sql {
        sqlite: "SELECT room_id FROM room WHERE club_id = $1 AND deleted_at IS NULL
                  ORDER BY room_id",
        postgres: "SELECT room_id FROM room WHERE club_id = $1 AND deleted_at IS NULL
                    ORDER BY room_id FOR NO KEY UPDATE",
    };
    if fetch_optional!(conn, (i64,), LOCK, club.0)?.is_none() {
        return Ok(Vec::new());
    }
    let rooms = fetch_all!(conn, (i64,), ROOMS, club.0)?;
    note(conn, &Note::new(AuditAction::DeleteClub, Book::Club(club), who)).await?;
    let (_by, at) = who;
    execute!(conn, "UPDATE club SET deleted_at = $2 WHERE club_id = $1", club.0, at.0)?;
    execute!(
        conn,
        "UPDATE room SET deleted_at = $2 WHERE club_id = $1 AND deleted_at IS NULL",
        club.0,
        at.0
    )?;
    // Its members hear of it by and by.
    execute!(
        conn,
        "INSERT INTO closing (club_id, by_id, at)
         SELECT club_id, owner_id, $2 FROM club WHERE club_id = $1 AND member_count > 1",
        club.0,
        at.0
    )?;
    Ok(rooms.into_iter().map(|(room,)| RoomId(room)).collect())
}
