//! That runs are looked after, and how far they have come.

use crate::domain::{Millis, RunId, UserId};
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};
use crate::store::{Store, StoreError};

/// Says that runs are looked after, and how far they have come; who wants which to stop.
const SEEN: Bulk = bulk!(
    "UPDATE ai_run SET node = given.node, seen_at = given.at,
            text = coalesce(given.text, ai_run.text) FROM ",
    (run_id bigint, node bigint, at bigint, text text),
    " WHERE ai_run.run_id = given.run_id AND ai_run.status <> 'done'
      RETURNING ai_run.run_id, ai_run.stop_by"
);

/// PostgreSQL: those that nobody else is changing. Who ends runs holds some rows while waiting for
/// others; to wait for those here, with rows of others in hand, is how both come to a standstill. A
/// run that is left out has its turn a second later, or is over.
const FREE: Bulk = bulk!(
    "SELECT ai_run.run_id FROM ",
    (run_id bigint),
    " CROSS JOIN ai_run WHERE ai_run.run_id = given.run_id AND ai_run.status <> 'done'",
    postgres " FOR UPDATE OF ai_run SKIP LOCKED"
);

/// A run, and what was said in it if it is being answered.
type Spoken = (RunId, Option<String>);

impl Store {
    /// Says that a node looks after runs, and what was said so far in those that are being
    /// answered. Gives those that somebody wants to stop.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn see_to_runs(
        &self,
        runs: &[Spoken],
        by: (i64, Millis),
    ) -> Result<Vec<(RunId, UserId)>, StoreError> {
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        if self.db.is_sqlite() {
            let mut conn = self.db.write().await?;
            return see(&mut conn, runs.iter().collect(), by).await;
        }
        let mut tx = self.db.begin().await?;
        let done = see_free(&mut tx, runs, by).await;
        tx.end(done).await
    }
}

async fn see_free(
    conn: &mut Conn,
    runs: &[Spoken],
    by: (i64, Millis),
) -> Result<Vec<(RunId, UserId)>, StoreError> {
    let given = Given::new().ints(runs.iter().map(|(run, _text)| run.0));
    let free: Vec<(i64,)> = conn.given_all(&FREE, given).await?;
    let is_free = |(run, _text): &&Spoken| free.contains(&(run.0,));
    see(conn, runs.iter().filter(is_free).collect(), by).await
}

async fn see(
    conn: &mut Conn,
    runs: Vec<&Spoken>,
    (node, at): (i64, Millis),
) -> Result<Vec<(RunId, UserId)>, StoreError> {
    let given = Given::new()
        .ints(runs.iter().map(|(run, _text)| run.0))
        .ints(runs.iter().map(|_run| node))
        .ints(runs.iter().map(|_run| at.0))
        .maybe_texts(runs.iter().map(|(_run, text)| text.as_deref()));
    let rows: Vec<(i64, Option<i64>)> = conn.given_all(&SEEN, given).await?;
    let stopped = rows.into_iter().filter_map(|(run, by)| Some((RunId(run), UserId(by?))));
    Ok(stopped.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&SEEN, &FREE]).await;
    }
}
