//! Pinning. The live room has decided who may.

use crate::domain::{AuditAction, UserId, limits};
use crate::store::StoreError;
use crate::store::act::{Act, Happened};
use crate::store::append::{AppendRefusal, Appended};
use crate::store::db::{Conn, execute, fetch_one, fetch_optional};
use crate::store::given::Script;
use crate::store::moderation::{Note, note};
use crate::store::rooms::rank_in;
use crate::store::writer::EventWriter;

use super::acts::{Outcome, UNCHANGED, acted, number, target};
use super::places::Places;
use super::rows;

/// Pins a message.
pub(super) async fn pin(
    conn: &mut Conn,
    places: &mut Places,
    (act, message): (&Act, i64),
    writer: &dyn EventWriter,
) -> Result<Outcome, StoreError> {
    let target = match target(conn, act, message).await? {
        Ok(target) => target,
        Err(why) => return Ok(Err(why)),
    };
    if target.text.is_none() {
        return Ok(Err(AppendRefusal::Deleted));
    }
    if let Some(known) = known(conn, act, message).await? {
        return Ok(Ok(known));
    }
    let (pins,): (i64,) =
        fetch_one!(conn, (i64,), "SELECT count(*) FROM pin WHERE room_id = $1", act.room.0)?;
    if pins >= limits::PINS {
        return Ok(Err(AppendRefusal::PinLimit));
    }
    let Some(event) = number(places, act, (message, Happened::Pinned), writer) else {
        return Ok(Err(AppendRefusal::Gone));
    };
    execute!(
        conn,
        "INSERT INTO pin (room_id, message_seq, by_id, seq, at) VALUES ($1, $2, $3, $4, $5)",
        act.room.0,
        message,
        act.by.0,
        event.seq,
        act.at.0
    )?;
    let events = [(act.room, event.clone())];
    let mut script = Script::new();
    rows::events(&mut script, places, &events);
    script.run(conn).await?;
    noted(conn, places, (act, message), (AuditAction::Pin, UserId(target.author_id))).await?;
    Ok(Ok(acted(event)))
}

/// Lets a pinned message go.
pub(super) async fn unpin(
    conn: &mut Conn,
    places: &mut Places,
    (act, message): (&Act, i64),
    writer: &dyn EventWriter,
) -> Result<Outcome, StoreError> {
    let target = match target(conn, act, message).await? {
        Ok(target) => target,
        Err(why) => return Ok(Err(why)),
    };
    let gone = execute!(
        conn,
        "DELETE FROM pin WHERE room_id = $1 AND message_seq = $2",
        act.room.0,
        message
    )?;
    if gone == 0 {
        return Ok(Ok(UNCHANGED));
    }
    let Some(event) = number(places, act, (message, Happened::Unpinned), writer) else {
        return Ok(Err(AppendRefusal::Gone));
    };
    let events = [(act.room, event.clone())];
    let mut script = Script::new();
    rows::events(&mut script, places, &events);
    script.run(conn).await?;
    noted(conn, places, (act, message), (AuditAction::Unpin, UserId(target.author_id))).await?;
    Ok(Ok(acted(event)))
}

/// What a moderator does to a message of somebody else goes into the audit log. Where everybody may
/// pin, a member who does is no moderator; the log of the room says who it was.
async fn noted(
    conn: &mut Conn,
    places: &Places,
    (act, message): (&Act, i64),
    (action, author): (AuditAction, UserId),
) -> Result<(), StoreError> {
    let Some(book) = places.book(act.room).filter(|_book| author != act.by) else { return Ok(()) };
    let rank = rank_in(conn, act.room, act.by).await?;
    if !rank.is_some_and(|rank| rank.is_moderator()) {
        return Ok(());
    }
    let entry = Note::new(action, book, (act.by, act.at));
    let (user, place) = (Some(author), Some((act.room, message)));
    note(conn, &Note { user, place, ..entry }).await
}

async fn known(conn: &mut Conn, act: &Act, message: i64) -> Result<Option<Appended>, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64, i64),
        "SELECT seq, at FROM pin WHERE room_id = $1 AND message_seq = $2",
        act.room.0,
        message
    )?;
    Ok(row.map(|(seq, at)| Appended::Unchanged {
        seq: Some(seq),
        at: Some(crate::domain::Millis(at)),
    }))
}
