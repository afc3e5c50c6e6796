//! What is known of a question before it is asked, for a call that wants to know what will come of it.

use super::OPEN_RUNS;
use crate::domain::{Cid, RoomId, UserId};
use crate::store::db::fetch_one;
use crate::store::{Store, StoreError};

/// What stands in the way of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prospect {
    /// Whether it was asked before: the same `cid` stands already.
    pub is_known: bool,
    /// Whether too many wait in the room.
    pub is_busy: bool,
    /// How far the asker has read.
    pub read_seq: i64,
}

impl Store {
    /// What stands in the way of a question.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn prospect(
        &self,
        (room, asker): (RoomId, UserId),
        cid: &Cid,
    ) -> Result<Prospect, StoreError> {
        let mut conn = self.db.read().await?;
        let (is_known, open, read_seq) = fetch_one!(
            conn,
            (bool, i64, i64),
            "SELECT EXISTS (SELECT 1 FROM message
                             WHERE room_id = $1 AND author_id = $2 AND cid = $3),
                    (SELECT count(*) FROM ai_run WHERE room_id = $1 AND status <> 'done'),
                    coalesce((SELECT seen.read_seq FROM room_member seen
                               WHERE seen.room_id = $1 AND seen.user_id = $2), 0)",
            room.0,
            asker.0,
            cid.as_str()
        )?;
        Ok(Prospect { is_known, is_busy: open >= OPEN_RUNS, read_seq })
    }
}
