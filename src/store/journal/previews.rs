//! What was found behind the links of a message: an event of the log without an `n`, and what lists
//! show.

use crate::store::StoreError;
use crate::store::append::{AppendRefusal, Appended, StoredEvent};
use crate::store::db::{Conn, execute, fetch_optional};
use crate::store::files::NewPreviews;
use crate::store::given::Script;
use crate::store::writer::EventWriter;

use super::newer::has_newer;
use super::places::Places;
use super::rows;

/// Writes previews, unless their message was edited or deleted meanwhile.
pub(super) async fn write(
    conn: &mut Conn,
    places: &mut Places,
    new: &NewPreviews,
    writer: &dyn EventWriter,
) -> Result<Appended, StoreError> {
    if !places.rooms.contains_key(&new.room) {
        return Ok(Appended::Refused(AppendRefusal::Gone));
    }
    let standing = fetch_optional!(
        conn,
        (i64,),
        "SELECT coalesce((SELECT revision.seq FROM revision
                           WHERE revision.room_id = $1 AND revision.message_seq = $2
                           ORDER BY revision.rev DESC LIMIT 1), message.seq)
           FROM message WHERE room_id = $1 AND seq = $2 AND NOT is_deleted",
        new.room.0,
        new.message_seq
    )?;
    if standing != Some((new.text_seq,)) {
        return Ok(Appended::Refused(AppendRefusal::NoSuchMessage));
    }
    let is_withheld = has_newer(conn, (new.room, new.message_seq)).await?;
    let Some(head) = places.rooms.get_mut(&new.room) else {
        return Ok(Appended::Refused(AppendRefusal::Gone));
    };
    head.head += 1;
    let (seq, n) = (head.head, head.n);
    let body = writer.previews(new, seq, is_withheld).into();
    let events = [(new.room, StoredEvent { seq, n, at: new.at, body })];
    let mut script = Script::new();
    rows::events(&mut script, places, &events);
    script.run(conn).await?;
    let list = serde_json::to_string(&new.previews);
    execute!(
        conn,
        "INSERT INTO message_preview (room_id, seq, event_seq, body) VALUES ($1, $2, $3, $4)",
        new.room.0,
        new.message_seq,
        seq,
        list.map_err(|why| StoreError::Corrupt(format!("previews: {why}")))?
    )?;
    let [(_room, event)] = events;
    Ok(Appended::Event(event))
}
