//! What only planted faults do to a run.

use crate::domain::RunId;
use crate::store::db::execute;
use crate::store::{Store, StoreError};

impl Store {
    /// Forgets that a run has ended, though its end stands in the log.
    pub(crate) async fn undo_end(&self, run: RunId) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(
            conn,
            "DELETE FROM revision WHERE EXISTS (
                 SELECT 1 FROM ai_run run WHERE run.run_id = $1 AND run.room_id = revision.room_id
                    AND run.message_seq = revision.message_seq)",
            run.0
        )?;
        execute!(conn, "UPDATE ai_run SET status = 'running' WHERE run_id = $1", run.0)?;
        Ok(())
    }
}
