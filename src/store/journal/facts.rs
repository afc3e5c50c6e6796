//! What only the database knows about a message before it is numbered.

use std::collections::HashMap;

use crate::domain::{Millis, UserId};
use crate::store::StoreError;
use crate::store::append::NewMessage;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};
use crate::store::rooms::{may_read, muted_until};

/// About one message of a living room of which there is something to say. Of most there is
/// nothing: they are new, written by a reader, in no thread, and answer nobody.
#[derive(Debug)]
pub(super) struct Facts {
    /// The numbers of the same `cid`, if it was there already.
    pub(super) first: Option<First>,
    /// Whether the author may still read the room: the live room of another node may not have heard
    /// of a departure yet. The assistant may write everywhere.
    pub(super) is_inside: bool,
    /// Until when the author may not write, if they were muted: another node may not have heard.
    pub(super) muted_until: Option<Millis>,
    /// Whether `reply_to` is a message of the room, if there is one.
    pub(super) is_answer: bool,
    /// Who wrote the answered message, unless it was deleted.
    pub(super) answered: Option<UserId>,
    /// Whether entries of the room wait unread in the inbox of the author.
    pub(super) is_called: bool,
    /// Who began the thread, if the message may go into it.
    pub(super) began: Option<UserId>,
}

/// Numbers that were given before.
#[derive(Debug, Clone, Copy)]
pub(super) struct First {
    pub(super) seq: i64,
    pub(super) n: i64,
    pub(super) at: Millis,
}

const FACTS: Bulk = bulk!(
    concat!(
        "SELECT i, seq, n, at, is_inside, muted_until, is_answer, answered, began, is_called FROM
         (SELECT given.i, given.reply_to, given.thread, first.seq, first.n, first.at,
                 coalesce(account.kind = 'assistant' OR ",
        may_read!("given.author_id"),
        ", FALSE) AS is_inside, ",
        muted_until!("given.author_id"),
        " AS muted_until,
                 answered.seq IS NOT NULL AS is_answer,
                 CASE WHEN answered.is_deleted THEN NULL ELSE answered.author_id END AS answered,
                 CASE WHEN root.thread IS NULL THEN root.author_id END AS began,
                 EXISTS (SELECT 1 FROM notice WHERE notice.user_id = given.author_id
                            AND notice.room_id = given.room_id AND notice.read_at IS NULL
                            AND notice.dropped_at IS NULL LIMIT 1 OFFSET 0) AS is_called
            FROM "
    ),
    (i bigint, room_id bigint, author_id bigint, cid text, reply_to bigint, thread bigint),
    " CROSS JOIN room
           LEFT JOIN account ON account.user_id = given.author_id
           LEFT JOIN message first ON first.room_id = given.room_id
                 AND first.author_id = given.author_id AND first.cid = given.cid
           LEFT JOIN message answered ON answered.room_id = given.room_id
                 AND answered.seq = given.reply_to
           LEFT JOIN message root ON root.room_id = given.room_id AND root.seq = given.thread
           WHERE room.room_id = given.room_id) facts
      WHERE seq IS NOT NULL OR reply_to IS NOT NULL OR thread IS NOT NULL OR is_called
         OR NOT is_inside OR muted_until IS NOT NULL"
);

#[derive(Debug, sqlx::FromRow)]
struct FactsRow {
    i: i64,
    seq: Option<i64>,
    n: Option<i64>,
    at: Option<i64>,
    is_inside: bool,
    muted_until: Option<i64>,
    is_answer: bool,
    answered: Option<i64>,
    is_called: bool,
    began: Option<i64>,
}

impl From<FactsRow> for Facts {
    fn from(row: FactsRow) -> Self {
        let first = match (row.seq, row.n, row.at) {
            (Some(seq), Some(n), Some(at)) => Some(First { seq, n, at: Millis(at) }),
            _new => None,
        };
        Self {
            first,
            is_inside: row.is_inside,
            muted_until: row.muted_until.map(Millis),
            is_answer: row.is_answer,
            answered: row.answered.map(UserId),
            is_called: row.is_called,
            began: row.began.map(UserId),
        }
    }
}

/// The facts about messages, by their places in the list. Every room must be there.
pub(super) async fn read(
    conn: &mut Conn,
    messages: &[(usize, &NewMessage)],
) -> Result<HashMap<usize, Facts>, StoreError> {
    if messages.is_empty() {
        return Ok(HashMap::new());
    }
    let given = Given::new()
        .ints((0..).take(messages.len()))
        .ints(messages.iter().map(|(_place, message)| message.room.0))
        .ints(messages.iter().map(|(_place, message)| message.author.0))
        .texts(messages.iter().map(|(_place, message)| message.cid.as_str()))
        .maybe_ints(messages.iter().map(|(_place, message)| message.reply_to))
        .maybe_ints(messages.iter().map(|(_place, message)| message.thread));
    let rows: Vec<FactsRow> = conn.given_all(&FACTS, given).await?;
    rows.into_iter()
        .map(|row| {
            let place = usize::try_from(row.i).ok().and_then(|i| messages.get(i));
            let (place, _message) =
                place.ok_or_else(|| StoreError::Corrupt("facts about nothing".to_owned()))?;
            Ok((*place, row.into()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&FACTS]).await;
    }
}
