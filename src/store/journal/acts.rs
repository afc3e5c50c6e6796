//! Edits, deletions and pins. Rare beside messages and reactions, so each is done singly, in its turn
//! of the batch.

use crate::domain::{RoomId, UserId};
use crate::store::StoreError;
use crate::store::act::{Act, ActEvent, Acted, Deed, Happened, Whose};
use crate::store::admins::is_admin;
use crate::store::append::{AppendRefusal, Appended, StoredEvent};
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};
use crate::store::rooms::{may_read, muted_until};
use crate::store::writer::EventWriter;

use super::places::Places;
use super::{deletes, edits, erasures, pins, sweeps};

const TARGETS: Bulk = bulk!(
    concat!(
        "SELECT message.seq, message.n, message.at, message.author_id, message.rev, message.text, ",
        may_read!("given.user_id"),
        " AS is_inside, ",
        muted_until!("given.user_id"),
        " AS muted_until FROM "
    ),
    (room_id bigint, user_id bigint, seq bigint),
    " CROSS JOIN room CROSS JOIN message
      WHERE room.room_id = given.room_id
        AND message.room_id = given.room_id AND message.seq = given.seq
      ORDER BY message.seq"
);

/// A message that something is done to.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Target {
    pub(super) seq: i64,
    pub(super) n: i64,
    pub(super) at: i64,
    pub(super) author_id: i64,
    pub(super) rev: i64,
    /// None: only the tombstone is left.
    pub(super) text: Option<String>,
    /// Whether the one who acts may read the room.
    is_inside: bool,
    /// Until when the one who acts may not write, if they were muted.
    pub(super) muted_until: Option<i64>,
}

/// Does one act.
pub(super) async fn act(
    conn: &mut Conn,
    places: &mut Places,
    act: &Act,
    writer: &dyn EventWriter,
) -> Result<Appended, StoreError> {
    if !places.rooms.contains_key(&act.room) {
        return Ok(Appended::Refused(AppendRefusal::Gone));
    }
    let is_between_people =
        matches!(act.deed, Deed::Edit { .. } | Deed::Pin { .. } | Deed::Unpin { .. });
    if is_between_people && places.is_shut(act.room) {
        return Ok(Appended::Refused(AppendRefusal::Blocked));
    }
    let done = match &act.deed {
        Deed::Edit { message, text, cid, called, flagged } => {
            let (cid, called, flagged) = (cid.as_ref(), called.as_ref(), *flagged);
            let edit = edits::Edit { text, cid, called, flagged };
            edits::edit(conn, places, (act, *message, edit), writer).await?
        }
        Deed::Delete { message, whose } => {
            deletes::delete(conn, places, (act, &[*message], *whose), writer).await?
        }
        Deed::Judge { message, report, reason } => {
            deletes::judge(conn, places, (act, *message), (*report, reason), writer).await?
        }
        Deed::DeleteMany { messages } => {
            deletes::delete(conn, places, (act, messages, Whose::Any), writer).await?
        }
        Deed::Forget { messages, reactions } => {
            erasures::forget(conn, places, (act, messages, reactions), writer).await?
        }
        Deed::Sweep { before } => sweeps::sweep(conn, places, (act, *before), writer).await?,
        Deed::Pin { message } => pins::pin(conn, places, (act, *message), writer).await?,
        Deed::Unpin { message } => pins::unpin(conn, places, (act, *message), writer).await?,
        // They are written with the messages.
        Deed::React { .. } | Deed::Unreact { .. } => Err(AppendRefusal::Gone),
    };
    Ok(done.unwrap_or_else(Appended::Refused))
}

/// What came of an act, or why it is not done.
pub(super) type Outcome = Result<Appended, AppendRefusal>;

/// It was so already.
pub(super) const UNCHANGED: Appended = Appended::Unchanged { seq: None, at: None };

/// The messages that an act names, by rising seq; all of them must be there, once each.
pub(super) async fn targets(
    conn: &mut Conn,
    (room, by): (RoomId, UserId),
    messages: &[i64],
) -> Result<Result<Vec<Target>, AppendRefusal>, StoreError> {
    let found = find(conn, (room, by), messages).await?;
    Ok(if found.iter().any(|target| !target.is_inside) {
        Err(AppendRefusal::NotMember)
    } else if found.len() < messages.len() {
        Err(AppendRefusal::NotThere)
    } else {
        Ok(found)
    })
}

/// The only message that an act names, which was reported to the instance: an admin need not be inside.
pub(super) async fn reported(
    conn: &mut Conn,
    act: &Act,
    message: i64,
) -> Result<Result<Target, AppendRefusal>, StoreError> {
    if !is_admin(conn, act.by).await? {
        return Ok(Err(AppendRefusal::Role));
    }
    let found = find(conn, (act.room, act.by), &[message]).await?;
    Ok(found.into_iter().next().ok_or(AppendRefusal::NotThere))
}

async fn find(
    conn: &mut Conn,
    (room, by): (RoomId, UserId),
    messages: &[i64],
) -> Result<Vec<Target>, StoreError> {
    let given = Given::new()
        .ints(messages.iter().map(|_message| room.0))
        .ints(messages.iter().map(|_message| by.0))
        .ints(messages.iter().copied());
    conn.given_all(&TARGETS, given).await
}

/// The only message that an act names.
pub(super) async fn target(
    conn: &mut Conn,
    act: &Act,
    message: i64,
) -> Result<Result<Target, AppendRefusal>, StoreError> {
    let found = targets(conn, (act.room, act.by), &[message]).await?;
    Ok(found.and_then(|found| found.into_iter().next().ok_or(AppendRefusal::NotThere)))
}

/// Gives the next place in the log to what was done to a message.
pub(super) fn number(
    places: &mut Places,
    act: &Act,
    (message, what): (i64, Happened<'_>),
    writer: &dyn EventWriter,
) -> Option<StoredEvent> {
    let head = places.rooms.get_mut(&act.room)?;
    head.head += 1;
    let (seq, at) = (head.head, act.at);
    let event = ActEvent { room: act.room, message, by: act.by, seq, at, what };
    Some(StoredEvent { seq, n: head.n, at, body: writer.act(&event).into() })
}

/// What came of an act that concerns nobody else.
pub(super) fn acted(event: StoredEvent) -> Appended {
    Appended::Acted(Acted { events: vec![event], ..Acted::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&TARGETS]).await;
    }
}
