//! Answers without a model are made of what others wrote, so they go with it: when a message that one
//! quotes is deleted, erased or forgotten, the answer becomes a tombstone first. What stands in it
//! besides says nothing without its quotes, and the question can be asked again.

use std::borrow::Cow;

use crate::domain::{Finish, MessageId, RoomId};
use crate::store::StoreError;
use crate::store::assistant::RunEnd;
use crate::store::db::{Conn, fetch_all};
use crate::store::given::{Bulk, Given, bulk};

/// Who speaks when no model does; as provider, and as the name of its model.
const OFFLINE: &str = "offline";

/// Of some messages those that stand.
const STANDING: Bulk = bulk!(
    "SELECT message.seq FROM ",
    (room_id bigint, seq bigint),
    " CROSS JOIN message WHERE message.room_id = given.room_id AND message.seq = given.seq
         AND NOT message.is_deleted"
);

const NOTE: Bulk = bulk!(
    "INSERT INTO ai_quote (room_id, quoted_seq, message_seq)
     SELECT room_id, quoted_seq, message_seq FROM ",
    (room_id bigint, quoted_seq bigint, message_seq bigint),
    ""
);

/// The answers that stand and quote some messages.
const ANSWERS: Bulk = bulk!(
    "SELECT message.seq, message.n FROM ",
    (room_id bigint, quoted_seq bigint),
    " CROSS JOIN ai_quote quote CROSS JOIN message
      WHERE quote.room_id = given.room_id AND quote.quoted_seq = given.quoted_seq
        AND message.room_id = quote.room_id AND message.seq = quote.message_seq
        AND NOT message.is_deleted"
);

/// Notes what an answer quotes, when it ends. One whose sources are gone by now says nothing.
pub(super) async fn note<'a>(
    conn: &mut Conn,
    over: &'a RunEnd,
    message: i64,
) -> Result<Cow<'a, RunEnd>, StoreError> {
    let receipt = &over.receipt;
    let is_quoting = receipt.provider == OFFLINE || receipt.model == OFFLINE;
    let Some(text) = over.text.as_ref().filter(|_text| is_quoting) else {
        return Ok(Cow::Borrowed(over));
    };
    let mut quoted = named(over.room, text.as_str());
    quoted.extend(&receipt.cites);
    quoted.sort_unstable();
    quoted.dedup();
    let given =
        Given::new().ints(quoted.iter().map(|_seq| over.room.0)).ints(quoted.iter().copied());
    let standing: Vec<(i64,)> = conn.given_all(&STANDING, given).await?;
    let standing: Vec<i64> = standing.into_iter().map(|(seq,)| seq).collect();
    if receipt.cites.iter().any(|seq| !standing.contains(seq)) {
        let silent = RunEnd { text: None, finish: Finish::Cancel, ..over.clone() };
        return Ok(Cow::Owned(silent));
    }
    let given = Given::new()
        .ints(standing.iter().map(|_seq| over.room.0))
        .ints(standing.iter().copied())
        .ints(standing.iter().map(|_seq| message));
    conn.given_execute(&NOTE, given).await?;
    Ok(Cow::Borrowed(over))
}

/// The messages of a room that a text names as its sources, `[m_1_2]`.
fn named(room: RoomId, text: &str) -> Vec<i64> {
    let marks = text.split('[').filter_map(|part| part.split_once(']'));
    let ids = marks.filter_map(|(id, _rest)| id.parse::<MessageId>().ok());
    ids.filter(|id| id.room == room).map(|id| id.seq).collect()
}

/// The answers that go with these messages and are not among them, by seq and ordinal.
pub(super) async fn going_with(
    conn: &mut Conn,
    room: RoomId,
    targets: &[(i64, i64)],
) -> Result<Vec<(i64, i64)>, StoreError> {
    let given = Given::new()
        .ints(targets.iter().map(|_target| room.0))
        .ints(targets.iter().map(|(seq, _n)| *seq));
    let mut answers: Vec<(i64, i64)> = conn.given_all(&ANSWERS, given).await?;
    answers.retain(|answer| !targets.contains(answer));
    answers.sort_unstable();
    answers.dedup();
    Ok(answers)
}

/// The answers behind a seq that quote what lies up to there.
pub(super) async fn reaching_back(
    conn: &mut Conn,
    (room, upto): (RoomId, i64),
) -> Result<Vec<(i64, i64)>, StoreError> {
    fetch_all!(
        conn,
        (i64, i64),
        "SELECT DISTINCT message.seq, message.n FROM ai_quote quote
           JOIN message ON message.room_id = quote.room_id AND message.seq = quote.message_seq
          WHERE quote.room_id = $1 AND quote.quoted_seq <= $2 AND quote.message_seq > $2
            AND NOT message.is_deleted
          ORDER BY message.seq",
        room.0,
        upto
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_its_sources() {
        let text = "- mina: “at [seven] [m_1_7]” [m_1_4]–[m_1_9] [m_2_3] [m_1_x";
        assert_eq!(named(RoomId(1), text), [7, 4, 9]);
    }

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&STANDING, &NOTE, &ANSWERS]).await;
    }
}
