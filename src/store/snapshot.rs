//! The last state of a room, read once for all who open it.

use super::db::{Conn, fetch_all};
use super::files::fill;
use super::given::{Bulk, Given, bulk};
use super::log::{LogHead, head};
use super::messages::{FullRow, Message, full_columns, message_columns};
use super::traces::{join_threads, trace_columns};
use super::{Store, StoreError};
use crate::domain::{Epoch, RoomId, UserId};

/// Reactions of which everybody's are read with the messages; of more only those of some readers.
const REACTORS: i64 = 2_000;
/// Readers whose reactions are read at once where there are more.
const READERS: usize = 200;

/// The last state of a room: head and messages are of the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Where the log stands.
    pub at: LogHead,
    /// The last messages, ascending; nobody's reactions are marked.
    pub messages: Vec<Message>,
    /// Who reacted to them.
    pub reactors: Reactors,
}

/// Who reacted to the messages of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reactors {
    /// Seq of the message, who, with which emoji.
    pub all: Vec<(i64, UserId, String)>,
    /// Whose reactions were looked for; none: everybody's.
    pub of: Option<Vec<UserId>>,
}

/// Some readers' reactions to some messages.
const OF_READERS: Bulk = bulk!(
    "SELECT mine.message_seq, mine.user_id, mine.emoji FROM ",
    (room_id bigint, message_seq bigint, user_id bigint),
    " CROSS JOIN reaction mine WHERE mine.room_id = given.room_id
         AND mine.message_seq = given.message_seq AND mine.user_id = given.user_id"
);

/// The head of a room, beside each message.
#[derive(Debug, sqlx::FromRow)]
struct HeadRow {
    epoch: String,
    head: i64,
    room_n: i64,
    #[sqlx(flatten)]
    message: FullRow,
}

impl Store {
    /// The head of a living room and its last messages, no more than fit into a page, of one moment; and whose reactions are on
    /// them, at least of these readers as far as they are not too many at once. These and what
    /// messages have besides their texts may know of later events.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn snapshot(
        &self,
        room: RoomId,
        limit: i64,
        readers: &[UserId],
    ) -> Result<Option<Snapshot>, StoreError> {
        let mut conn = self.db.read().await?;
        let mut before = None;
        loop {
            let rows = head_rows(&mut conn, room, limit).await?;
            if let Some(first) = rows.first() {
                let epoch = Epoch(first.epoch.as_str().into());
                let at = LogHead { epoch, head: first.head, n: first.room_n };
                let rows = rows.into_iter().rev();
                let mut messages: Vec<Message> = rows.map(|row| row.message.of(room)).collect();
                fill(&mut conn, room, &mut messages).await?;
                messages.drain(..messages.len() - Message::fitting(messages.iter().rev()));
                let reactors = reactors(&mut conn, room, &messages, readers).await?;
                return Ok(Some(Snapshot { at, messages, reactors }));
            }
            if let Some(at) = before {
                let reactors = Reactors { all: Vec::new(), of: None };
                return Ok(Some(Snapshot { at, messages: Vec::new(), reactors }));
            }
            // There is no message, or the first one comes in between: of two looks at the messages one
            // is later than the look at the head.
            before = head(&mut conn, room).await?;
            if before.is_none() {
                return Ok(None);
            }
        }
    }
}

async fn head_rows(conn: &mut Conn, room: RoomId, limit: i64) -> Result<Vec<HeadRow>, StoreError> {
    fetch_all!(
        conn,
        HeadRow,
        concat!(
            "SELECT r.epoch, r.head, r.n AS room_n, ",
            full_columns!("0"),
            " FROM room r CROSS JOIN message m",
            join_threads!(),
            "WHERE r.room_id = $1 AND r.deleted_at IS NULL AND m.room_id = $1
              ORDER BY m.seq DESC LIMIT $2"
        ),
        room.0,
        limit
    )
}

/// Read a moment later than the messages: what changed in between comes as an event behind the
/// snapshot, and says the same once more.
async fn reactors(
    conn: &mut Conn,
    room: RoomId,
    messages: &[Message],
    readers: &[UserId],
) -> Result<Reactors, StoreError> {
    let reacted: Vec<&Message> =
        messages.iter().filter(|message| !message.reactions.is_empty()).collect();
    let count: i64 = reacted.iter().flat_map(|message| &message.reactions).map(|r| r.count).sum();
    let Some(first) = reacted.first() else {
        return Ok(Reactors { all: Vec::new(), of: None });
    };
    let (rows, of): (Vec<(i64, i64, String)>, _) = if count <= REACTORS {
        let rows = fetch_all!(
            conn,
            (i64, i64, String),
            "SELECT message_seq, user_id, emoji FROM reaction
              WHERE room_id = $1 AND message_seq >= $2",
            room.0,
            first.seq
        )?;
        (rows, None)
    } else {
        let some: Vec<UserId> = readers.iter().copied().take(READERS).collect();
        let pairs = || some.iter().flat_map(|user| reacted.iter().map(move |m| (m.seq, user.0)));
        let given = Given::new()
            .ints(pairs().map(|_pair| room.0))
            .ints(pairs().map(|(seq, _user)| seq))
            .ints(pairs().map(|(_seq, user)| user));
        (conn.given_all(&OF_READERS, given).await?, Some(some))
    };
    let all = rows.into_iter().map(|(seq, user, emoji)| (seq, UserId(user), emoji)).collect();
    Ok(Reactors { all, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&OF_READERS]).await;
    }
}
