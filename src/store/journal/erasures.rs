//! What somebody wrote goes with their account: messages become tombstones wherever they are, also
//! where their author may not be any more; reactions are taken back. Each piece is an append of its
//! own, so the writer is never held for long.

use crate::domain::{Emoji, RoomId, UserId};
use crate::store::act::{Act, Acted, Happened};
use crate::store::append::{Appended, StoredEvent};
use crate::store::db::{Conn, execute, fetch_optional};
use crate::store::given::{Bulk, Given, Script, bulk};
use crate::store::writer::EventWriter;
use crate::store::{Store, StoreError};

use super::acts::{Outcome, UNCHANGED, number};
use super::places::Places;
use super::{deletes, rows};

/// Those of some messages that are somebody's and have a text.
const OWN: Bulk = bulk!(
    "SELECT message.seq, message.n FROM ",
    (room_id bigint, user_id bigint, seq bigint),
    " CROSS JOIN message WHERE message.room_id = given.room_id AND message.seq = given.seq
         AND message.author_id = given.user_id AND NOT message.is_deleted
      ORDER BY message.seq"
);

/// Erases messages and takes back reactions of who acts.
pub(super) async fn forget(
    conn: &mut Conn,
    places: &mut Places,
    (act, messages, reactions): (&Act, &[i64], &[(i64, Emoji)]),
    writer: &dyn EventWriter,
) -> Result<Outcome, StoreError> {
    let targets = own(conn, (act.room, act.by), messages).await?;
    let mut acted = Acted::default();
    if !targets.is_empty() {
        acted = deletes::entomb(conn, places, (act, &targets), writer).await?;
    }
    let mut events = Vec::with_capacity(reactions.len());
    for (message, emoji) in reactions {
        if let Some(count) = unreact(conn, (act.room, *message), (act.by, *emoji)).await? {
            let what = Happened::Unreacted { emoji: *emoji, count };
            events.extend(number(places, act, (*message, what), writer));
        }
    }
    if !events.is_empty() {
        let stored: Vec<(RoomId, StoredEvent)> =
            events.iter().map(|event| (act.room, event.clone())).collect();
        let mut script = Script::new();
        rows::events(&mut script, places, &stored);
        script.run(conn).await?;
        acted.events.extend(events);
    }
    Ok(Ok(if acted.events.is_empty() { UNCHANGED } else { Appended::Acted(acted) }))
}

async fn own(
    conn: &mut Conn,
    (room, user): (RoomId, UserId),
    messages: &[i64],
) -> Result<Vec<(i64, i64)>, StoreError> {
    let given = Given::new()
        .ints(messages.iter().map(|_seq| room.0))
        .ints(messages.iter().map(|_seq| user.0))
        .ints(messages.iter().copied());
    conn.given_all(&OWN, given).await
}

/// Takes one reaction back; tells how many are left with the emoji, if it was there.
async fn unreact(
    conn: &mut Conn,
    (room, message): (RoomId, i64),
    (user, emoji): (UserId, Emoji),
) -> Result<Option<i64>, StoreError> {
    let gone = execute!(
        conn,
        "DELETE FROM reaction
          WHERE room_id = $1 AND message_seq = $2 AND user_id = $3 AND emoji = $4",
        room.0,
        message,
        user.0,
        emoji.as_str()
    )?;
    if gone == 0 {
        return Ok(None);
    }
    let left = fetch_optional!(
        conn,
        (i64,),
        "UPDATE reaction_count SET count = count - 1
          WHERE room_id = $1 AND message_seq = $2 AND emoji = $3 AND count > 1 RETURNING count",
        room.0,
        message,
        emoji.as_str()
    )?;
    if let Some((left,)) = left {
        return Ok(Some(left));
    }
    execute!(
        conn,
        "DELETE FROM reaction_count WHERE room_id = $1 AND message_seq = $2 AND emoji = $3",
        room.0,
        message,
        emoji.as_str()
    )?;
    Ok(Some(0))
}

impl Store {
    /// Does the same in a room that was deleted: nobody hears of it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_unheard(
        &self,
        act: &Act,
        writer: &dyn EventWriter,
    ) -> Result<(), StoreError> {
        let crate::store::Deed::Forget { messages, reactions } = &act.deed else { return Ok(()) };
        let mut tx = self.db.begin().await?;
        let done = unheard(&mut tx, (act, messages, reactions), writer).await;
        tx.end(done).await
    }
}

async fn unheard(
    conn: &mut Conn,
    (act, messages, reactions): (&Act, &[i64], &[(i64, Emoji)]),
    writer: &dyn EventWriter,
) -> Result<(), StoreError> {
    let targets = own(conn, (act.room, act.by), messages).await?;
    if !targets.is_empty() {
        let seqs: Vec<i64> = targets.iter().map(|(seq, _n)| *seq).collect();
        deletes::erase(conn, (act.room, &seqs), writer).await?;
        deletes::forget_mentions(conn, act.room, &targets).await?;
        deletes::drop_notices(conn, (act, &seqs), writer).await?;
    }
    for (message, emoji) in reactions {
        unreact(conn, (act.room, *message), (act.by, *emoji)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&OWN]).await;
    }
}
