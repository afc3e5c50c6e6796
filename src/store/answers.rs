//! What calls were answered with that their callers may send again, by the callers' own names for them.

use super::db::{Conn, execute, fetch_one};
use super::{Store, StoreError};
use crate::domain::{Millis, UserId};

/// A call that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Who calls.
    pub user: UserId,
    /// The caller's name for it.
    pub key: String,
    /// A fingerprint of the call and its body.
    pub asked: String,
}

/// Whether a call was made before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// No: it is to be made now.
    Never,
    /// It was answered: status and body.
    Answered(u16, String),
    /// Another call had this name.
    Another,
    /// It is being done, or its server ended with it.
    Open,
}

impl Store {
    /// Notes that a call is made, unless it was before; names that are older than `since` are free.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn begin_call(
        &self,
        call: &Named,
        (since, now): (Millis, Millis),
    ) -> Result<Before, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = begin(&mut tx, call, (since, now)).await;
        tx.end(done).await
    }

    /// Keeps what a call was answered with, or frees its name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_call(
        &self,
        call: &Named,
        answer: Option<(u16, &str)>,
    ) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        match answer {
            Some((status, body)) => execute!(
                conn,
                "UPDATE answer SET status = $3, body = $4 WHERE user_id = $1 AND key = $2",
                call.user.0,
                call.key.as_str(),
                i64::from(status),
                body
            )?,
            None => execute!(
                conn,
                "DELETE FROM answer WHERE user_id = $1 AND key = $2 AND status IS NULL",
                call.user.0,
                call.key.as_str()
            )?,
        };
        Ok(())
    }

    /// Forgets answers that are older than a moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sweep_answers(&self, since: Millis) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(conn, "DELETE FROM answer WHERE at < $1", since.0)?;
        Ok(())
    }
}

async fn begin(
    conn: &mut Conn,
    call: &Named,
    (since, now): (Millis, Millis),
) -> Result<Before, StoreError> {
    let key = call.key.as_str();
    execute!(
        conn,
        "DELETE FROM answer WHERE user_id = $1 AND key = $2 AND at < $3",
        call.user.0,
        key,
        since.0
    )?;
    let is_new = execute!(
        conn,
        "INSERT INTO answer (user_id, key, asked, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, key) DO NOTHING",
        call.user.0,
        key,
        call.asked.as_str(),
        now.0
    )?;
    if is_new > 0 {
        return Ok(Before::Never);
    }
    let (asked, status, body) = fetch_one!(
        conn,
        (String, Option<i64>, String),
        "SELECT asked, status, body FROM answer WHERE user_id = $1 AND key = $2",
        call.user.0,
        key
    )?;
    if asked != call.asked {
        return Ok(Before::Another);
    }
    let status = status.and_then(|status| u16::try_from(status).ok());
    Ok(status.map_or(Before::Open, |status| Before::Answered(status, body)))
}
