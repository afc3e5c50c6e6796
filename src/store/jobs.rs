//! Work by the clock: who runs what, and what is done.

use std::time::Duration;

use super::db::execute;
use super::{Store, StoreError};
use crate::domain::Millis;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd<'a> {
    /// Done, for ever.
    Success {
        /// Rows that were worked on.
        rows: i64,
    },
    /// Not done; may be claimed again from `retry_at` on.
    Fail {
        /// What went wrong.
        error: &'a str,
        /// When to try again.
        retry_at: Millis,
    },
}

impl Store {
    /// Takes a run for a node. No when it has succeeded, when another run holds it, and when it is
    /// not yet to be tried again; a lease that ran out is taken over.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn claim(
        &self,
        name: &str,
        key: &str,
        node: &str,
        now: Millis,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let mut conn = self.db.write().await?;
        let claimed = execute!(
            conn,
            "INSERT INTO job (name, key, status, node, lease_until, tries, started_at)
             VALUES ($1, $2, 'start', $3, $5, 1, $4)
             ON CONFLICT (name, key) DO UPDATE
                SET status = 'start', node = $3, lease_until = $5, tries = job.tries + 1,
                    started_at = $4, ended_at = NULL, error = NULL
              WHERE job.status <> 'success' AND job.lease_until <= $4",
            name,
            key,
            node,
            now.0,
            now.plus(lease).0
        )?;
        Ok(claimed == 1)
    }

    /// Holds a running job for longer. No when the lease was lost: then stop before the next batch.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn renew(
        &self,
        name: &str,
        key: &str,
        node: &str,
        now: Millis,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let mut conn = self.db.write().await?;
        let renewed = execute!(
            conn,
            "UPDATE job SET lease_until = $5
              WHERE name = $1 AND key = $2 AND node = $3 AND status = 'start' AND lease_until > $4",
            name,
            key,
            node,
            now.0,
            now.plus(lease).0
        )?;
        Ok(renewed == 1)
    }

    /// Ends a run. No when the node does not hold it any more; then the end is another's to tell.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn finish(
        &self,
        name: &str,
        key: &str,
        node: &str,
        now: Millis,
        end: JobEnd<'_>,
    ) -> Result<bool, StoreError> {
        let (status, rows, error, free_at) = match end {
            JobEnd::Success { rows } => ("success", rows, None, now),
            JobEnd::Fail { error, retry_at } => ("fail", 0, Some(error), retry_at),
        };
        let mut conn = self.db.write().await?;
        let ended = execute!(
            conn,
            "UPDATE job SET status = $4, ended_at = $5, lease_until = $6, rows = $7, error = $8
              WHERE name = $1 AND key = $2 AND node = $3 AND status = 'start'",
            name,
            key,
            node,
            status,
            now.0,
            free_at.0,
            rows,
            error
        )?;
        Ok(ended == 1)
    }
}
