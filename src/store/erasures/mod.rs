//! Erasing accounts: shutting one at once, and how far the work is that follows.
//!
//! *Belongs here:* the account, the row of its erasure, and finding what is left of it. *Does not
//! belong here:* what the logs hear of; the journal erases messages and reactions (`journal/erasures.rs`).

mod names;
mod own;
mod remains;
mod shut;

use std::time::Duration;

pub use self::remains::{Haunts, Remains};
pub use self::shut::Shut;
use super::db::{execute, fetch_optional};
use super::{Store, StoreError};
use crate::domain::{Millis, UserId};

/// What of an erasure is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureStage {
    /// Clubs and rooms are left.
    Places,
    /// Messages and reactions go, room by room.
    Talk,
    /// Everything else goes.
    Traces,
    /// Messages once more: some were on their way when the account was shut.
    Again,
}

impl ErasureStage {
    const fn word(self) -> &'static str {
        match self {
            Self::Places => "places",
            Self::Talk => "talk",
            Self::Traces => "traces",
            Self::Again => "again",
        }
    }

    fn read(word: &str) -> Result<Self, StoreError> {
        let all = [Self::Places, Self::Talk, Self::Traces, Self::Again];
        let found = all.into_iter().find(|stage| stage.word() == word);
        found.ok_or_else(|| StoreError::Corrupt(format!("no stage of an erasure: {word}")))
    }
}

/// An erasure that is being worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Whose account.
    pub user: UserId,
    /// When it was shut.
    pub at: Millis,
    /// What is being done.
    pub stage: ErasureStage,
    /// Rooms up to this one are done; of traces, inbox entries.
    pub place: i64,
    /// In the room behind that, messages up to this `cid` are done.
    pub cid: String,
}

#[derive(Debug, sqlx::FromRow)]
struct ErasureRow {
    user_id: i64,
    at: i64,
    stage: String,
    place: i64,
    cid: String,
}

impl Store {
    /// Takes an erasure that is to be worked on and that nobody works on, for so long.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn take_erasure(
        &self,
        now: Millis,
        lease: Duration,
    ) -> Result<Option<Erasure>, StoreError> {
        // Looked for first: nearly always there is none, and the writer is not kept for that.
        let mut conn = self.db.read().await?;
        let found = fetch_optional!(
            conn,
            (i64,),
            "SELECT user_id FROM erasure WHERE done_at IS NULL AND lease_until <= $1
              ORDER BY lease_until LIMIT 1",
            now.0
        )?;
        let Some((user,)) = found else { return Ok(None) };
        drop(conn);
        let mut conn = self.db.write().await?;
        let row = fetch_optional!(
            conn,
            ErasureRow,
            "UPDATE erasure SET lease_until = $3
              WHERE user_id = $1 AND done_at IS NULL AND lease_until <= $2
             RETURNING user_id, at, stage, place, cid",
            user,
            now.0,
            now.plus(lease).0
        )?;
        let erasure = |row: ErasureRow| {
            let ErasureRow { user_id, at, stage, place, cid } = row;
            let stage = ErasureStage::read(&stage)?;
            Ok(Erasure { user: UserId(user_id), at: Millis(at), stage, place, cid })
        };
        row.map(erasure).transpose()
    }

    /// Notes how far an erasure is, and until when it is let alone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note_erasure(&self, so_far: &Erasure, until: Millis) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(
            conn,
            "UPDATE erasure SET stage = $2, place = $3, cid = $4, lease_until = $5
              WHERE user_id = $1",
            so_far.user.0,
            so_far.stage.word(),
            so_far.place,
            so_far.cid.as_str(),
            until.0
        )?;
        Ok(())
    }

    /// Nothing of an account is left.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_erasure(&self, user: UserId, now: Millis) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(
            conn,
            "UPDATE erasure SET done_at = $2, cid = '' WHERE user_id = $1",
            user.0,
            now.0
        )?;
        Ok(())
    }
}
