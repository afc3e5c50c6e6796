//! Groups whose host is no person: how it came to that is past, and the next start puts it right.

use crate::domain::{ASSISTANT, Millis};
use crate::store::db::execute;
use crate::store::{Store, StoreError};

impl Store {
    /// Makes the earliest person the host of each group that the assistant hosts, and ends those in
    /// which nobody is. Tells how many there were.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn seat_hosts(&self, now: Millis) -> Result<u64, StoreError> {
        let mut conn = self.db.write().await?;
        let ended = execute!(
            conn,
            "UPDATE room SET deleted_at = $2
              WHERE kind = 'group' AND deleted_at IS NULL AND host_id = $1 AND NOT EXISTS
                (SELECT 1 FROM room_member i JOIN account ON account.user_id = i.user_id
                  WHERE i.room_id = room.room_id AND i.is_inside AND account.kind = 'human')",
            ASSISTANT.0,
            now.0
        )?;
        let seated = execute!(
            conn,
            "UPDATE room SET rev = rev + 1, host_id =
                (SELECT i.user_id FROM room_member i JOIN account ON account.user_id = i.user_id
                  WHERE i.room_id = room.room_id AND i.is_inside AND account.kind = 'human'
                  ORDER BY i.joined_at, i.user_id LIMIT 1)
              WHERE kind = 'group' AND deleted_at IS NULL AND host_id = $1",
            ASSISTANT.0
        )?;
        Ok(ended + seated)
    }
}
