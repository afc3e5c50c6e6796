//! What only concerned the account itself, in tables that others write to.

use crate::domain::UserId;
use crate::store::db::{Db, Sql, execute, fetch_one};
use crate::store::{Store, StoreError};

/// A statement over some rows of a table, in three ways.
struct Trace {
    /// All at once; on PostgreSQL those that nobody is changing.
    free: Sql,
    /// PostgreSQL: one of those that are left.
    one: &'static str,
    /// Whether there are any.
    is_left: &'static str,
}

macro_rules! trace {
    ($what:literal, $table:literal, $which:literal) => {
        Trace {
            free: Sql {
                sqlite: concat!($what, " WHERE ", $which),
                postgres: concat!(
                    $what,
                    " WHERE ctid = ANY(ARRAY(SELECT ctid FROM ",
                    $table,
                    " WHERE ",
                    $which,
                    " FOR UPDATE SKIP LOCKED))"
                ),
            },
            one: concat!(
                $what,
                " WHERE ctid = ANY(ARRAY(SELECT ctid FROM ",
                $table,
                " WHERE ",
                $which,
                " LIMIT 1))"
            ),
            is_left: concat!("SELECT EXISTS (SELECT 1 FROM ", $table, " WHERE ", $which, ")"),
        }
    };
}

const TRACES: &[Trace] = &[
    trace!("DELETE FROM mention", "mention", "user_id = $1"),
    trace!("DELETE FROM notice", "notice", "user_id = $1"),
    trace!("DELETE FROM file_day", "file_day", "user_id = $1"),
    trace!("DELETE FROM ai_spend", "ai_spend", "what = 'user' AND id = $1"),
    trace!("DELETE FROM answer", "answer", "user_id = $1"),
    trace!("DELETE FROM thread_member", "thread_member", "user_id = $1"),
    trace!("DELETE FROM room_member", "room_member", "user_id = $1 AND NOT is_inside"),
    trace!(
        "DELETE FROM ticket",
        "ticket", "device_id IN (SELECT device_id FROM device WHERE user_id = $1)"
    ),
    trace!(
        "UPDATE file SET is_dropped = TRUE, name = ''",
        "file", "uploader_id = $1 AND message_seq IS NULL AND NOT is_dropped"
    ),
    trace!(
        "UPDATE membership SET ban_reason = ''",
        "membership", "user_id = $1 AND ban_reason <> ''"
    ),
    trace!(
        "UPDATE room_member SET ban_reason = ''",
        "room_member", "user_id = $1 AND ban_reason <> ''"
    ),
    trace!("UPDATE report SET text = NULL", "report", "author_id = $1 AND text IS NOT NULL"),
    trace!("UPDATE report SET note = ''", "report", "by_id = $1 AND note <> ''"),
];

impl Store {
    /// Removes what only concerned the account itself: its inbox, its marks, its tickets, whom it
    /// followed, what it uploaded and never sent; its words in reports, and what was said to it when it
    /// was banned. The logs of moderators keep their reasons.
    ///
    /// # Errors
    /// When the store does not answer; some of it may be gone then.
    pub async fn erase_traces(&self, user: UserId) -> Result<(), StoreError> {
        for trace in TRACES {
            erase(&self.db, trace, user).await?;
        }
        Ok(())
    }
}

/// Each statement is a transaction of its own, and waits only where it holds nothing.
async fn erase(db: &Db, trace: &Trace, user: UserId) -> Result<(), StoreError> {
    let mut conn = db.write().await?;
    execute!(conn, trace.free, user.0)?;
    if db.is_sqlite() {
        return Ok(());
    }
    while fetch_one!(conn, (bool,), trace.is_left, user.0)? == (true,) {
        execute!(conn, trace.one, user.0)?;
        execute!(conn, trace.free, user.0)?;
    }
    Ok(())
}
