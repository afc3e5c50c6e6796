//! Telling the members of a club that it has closed, piece by piece. Each piece is an append of its own,
//! so the writer is never held for long; the row says how far it got, so a node that ends leaves
//! nothing undone and nobody is told twice.

use crate::domain::{ClubId, Millis, UserId};
use crate::store::db::{Conn, execute, fetch_all, fetch_optional};
use crate::store::moves::Moves;
use crate::store::writer::{EventWriter, Removal};
use crate::store::{Store, StoreError};

use super::letters::{self, Letter};
use super::members::{Done, Mover};
use super::places::Places;

/// People in one piece.
const PIECE: i64 = 100;

/// How far it is. The row is locked: of several nodes one does a piece.
const SO_FAR: &str =
    "SELECT user_id, by_id, at FROM closing WHERE club_id = $1 AND done_at IS NULL";

/// Tells the next members. Nothing where all know it.
pub(super) async fn next(
    conn: &mut Conn,
    places: &mut Places,
    club: ClubId,
    writer: &dyn EventWriter,
) -> Result<Done, StoreError> {
    let Some((after, by, at)) = fetch_optional!(conn, (i64, i64, i64), SO_FAR, club.0)? else {
        return Ok(Ok(Moves::default()));
    };
    let members = fetch_all!(
        conn,
        (i64,),
        "SELECT user_id FROM membership
          WHERE club_id = $1 AND user_id > $2 AND user_id <> $3 AND status = 'active'
          ORDER BY user_id LIMIT $4",
        club.0,
        after,
        by,
        PIECE
    )?;
    let is_done = i64::try_from(members.len()).unwrap_or(i64::MAX) < PIECE;
    execute!(
        conn,
        "UPDATE closing SET user_id = $2, done_at = $3 WHERE club_id = $1",
        club.0,
        members.last().map_or(after, |(user,)| *user),
        is_done.then_some(at)
    )?;
    let letter = |(user,): &(i64,)| Letter::removal(club, UserId(*user), Removal::Closed, "");
    let letters: Vec<_> = members.iter().map(letter).collect();
    let owner = Mover { user: UserId(by), at: Millis(at) };
    let notices = letters::write(conn, places, (&letters, owner), writer).await?;
    Ok(Ok(Moves { notices, ..Moves::default() }))
}

impl Store {
    /// A club that has closed, and whose members do not all know it yet.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn next_closing(&self) -> Result<Option<ClubId>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (i64,),
            "SELECT club_id FROM closing WHERE done_at IS NULL ORDER BY at LIMIT 1"
        )?;
        Ok(row.map(|(club,)| ClubId(club)))
    }
}
