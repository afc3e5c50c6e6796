//! What others left on a message: reactions, a pin, a thread.

use std::collections::HashMap;

use super::StoreError;
use super::db::Conn;
use super::given::{Bulk, Given, bulk};
use super::messages::{Message, Reaction, ThreadPlace};
use crate::domain::{Millis, UserId};

/// The columns of a [`TraceRow`], of a message `m` and the thread that it began, if any: the
/// reactions as `emoji count,…`, the reader's as `emoji …`.
macro_rules! trace_columns {
    ($reader:literal) => {
        concat!(
            "m.thread,
             (SELECT string_agg(counted.emoji || ' ' || CAST(counted.count AS TEXT), ','
                                ORDER BY counted.first_seq)
                FROM reaction_count counted
               WHERE counted.room_id = m.room_id AND counted.message_seq = m.seq) AS reactions,
             (SELECT string_agg(mine.emoji, ' ') FROM reaction mine
               WHERE mine.room_id = m.room_id AND mine.message_seq = m.seq
                 AND mine.user_id = ",
            $reader,
            ") AS mine,
             (SELECT count(*) FROM pin
               WHERE pin.room_id = m.room_id AND pin.message_seq = m.seq) AS pins,
             thread.count AS thread_count, thread.last_at AS thread_at"
        )
    };
}
pub(super) use trace_columns;

/// The threads that messages `m` began.
macro_rules! join_threads {
    () => {
        " LEFT JOIN thread ON thread.room_id = m.room_id AND thread.root_seq = m.seq "
    };
}
pub(super) use join_threads;

/// What is left on a message, read by [`trace_columns!`].
#[derive(Debug, sqlx::FromRow)]
pub(super) struct TraceRow {
    thread: Option<i64>,
    reactions: Option<String>,
    mine: Option<String>,
    pins: i64,
    thread_count: Option<i64>,
    thread_at: Option<i64>,
}

impl TraceRow {
    /// The message with what is left on it.
    pub(super) fn on(self, message: Message) -> Message {
        let thread = match (self.thread, self.thread_count, self.thread_at) {
            (Some(root), ..) => Some(ThreadPlace::Of(root)),
            (None, Some(count), Some(at)) => Some(ThreadPlace::Root { count, last_at: Millis(at) }),
            _no_thread => None,
        };
        let reactions = reactions(self.reactions.as_deref(), self.mine.as_deref());
        Message { reactions, is_pinned: self.pins > 0, thread, ..message }
    }
}

/// Takes the reactions apart. No emoji holds a blank or a comma.
fn reactions(counted: Option<&str>, mine: Option<&str>) -> Vec<Reaction> {
    let mine: Vec<&str> = mine.unwrap_or_default().split(' ').collect();
    let counted = counted.unwrap_or_default().split(',');
    let reaction = |counted: &str| {
        let (emoji, count) = counted.split_once(' ')?;
        let (emoji, is_mine) = (emoji.to_owned(), mine.contains(&emoji));
        Some(Reaction { emoji, count: count.parse().ok()?, is_mine })
    };
    counted.filter_map(reaction).collect()
}

const TRACES: Bulk = bulk!(
    concat!("SELECT m.room_id, m.seq, ", trace_columns!("given.reader"), " FROM "),
    (room_id bigint, message_seq bigint, reader bigint),
    concat!(
        " CROSS JOIN message m",
        join_threads!(),
        "WHERE m.room_id = given.room_id AND m.seq = given.message_seq"
    )
);

#[derive(Debug, sqlx::FromRow)]
struct PlacedRow {
    room_id: i64,
    seq: i64,
    #[sqlx(flatten)]
    traces: TraceRow,
}

/// Fills in what a reader sees on messages that were read without it.
pub(super) async fn trace(
    conn: &mut Conn,
    reader: UserId,
    messages: Vec<Message>,
) -> Result<Vec<Message>, StoreError> {
    let given = Given::new()
        .ints(messages.iter().map(|message| message.room.0))
        .ints(messages.iter().map(|message| message.seq))
        .ints(messages.iter().map(|_message| reader.0));
    let rows: Vec<PlacedRow> = conn.given_all(&TRACES, given).await?;
    let mut rows: HashMap<_, _> =
        rows.into_iter().map(|row| ((row.room_id, row.seq), row.traces)).collect();
    let traced = |message: Message| match rows.remove(&(message.room.0, message.seq)) {
        Some(traces) => traces.on(message),
        None => message,
    };
    Ok(messages.into_iter().map(traced).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reactions_are_taken_apart() {
        let reaction =
            |emoji: &str, count, is_mine| Reaction { emoji: emoji.to_owned(), count, is_mine };
        let read = reactions(Some("👍 12,1️⃣ 3,❤️ 1"), Some("❤️ 👍"));
        assert_eq!(
            read,
            [reaction("👍", 12, true), reaction("1️⃣", 3, false), reaction("❤️", 1, true)]
        );
        assert!(reactions(None, None).is_empty());
    }

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&TRACES]).await;
    }
}
