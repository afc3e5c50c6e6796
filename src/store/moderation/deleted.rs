//! A moderator deletes what somebody else wrote: that goes into the audit log, and decides what was
//! reported of it.

use crate::domain::{AuditAction, Millis, RoomId, Settlement, UserId};
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, Script, bulk};

use super::audit::Book;

/// (The club comes last: a row whose first column is null is none.)
const NOTES: Bulk = bulk!(
    "INSERT INTO audit (at, by_id, action, user_id, room_id, message_seq, reason, club_id)
     SELECT at, by_id, action, user_id, room_id, message_seq, reason, club_id FROM ",
    (at bigint, by_id bigint, action text, user_id bigint, room_id bigint, message_seq bigint,
     reason text, club_id bigint),
    ""
);

const NOTES_OF_INSTANCE: Bulk = bulk!(
    "INSERT INTO instance_audit (at, by_id, action, user_id, room_id, message_seq, reason)
     SELECT at, by_id, action, user_id, room_id, message_seq, reason FROM ",
    (at bigint, by_id bigint, action text, user_id bigint, room_id bigint, message_seq bigint,
     reason text),
    ""
);

const SETTLED: Bulk = bulk!(
    "UPDATE report SET decided_at = given.at, decided_by = given.by_id,
            settlement = given.settlement, text = NULL FROM ",
    (room_id bigint, message_seq bigint, at bigint, by_id bigint, settlement text),
    " WHERE report.room_id = given.room_id AND report.message_seq = given.message_seq
        AND report.decided_at IS NULL"
);

/// Notes the deletion of messages of a room, each a seq and its author.
pub(in crate::store) async fn deleted(
    conn: &mut Conn,
    (book, room): (Book, RoomId),
    messages: &[(i64, UserId)],
    ((by, at), reason): ((UserId, Millis), &str),
) -> Result<(), StoreError> {
    let mut script = Script::new();
    let given = Given::new()
        .ints(messages.iter().map(|_message| at.0))
        .ints(messages.iter().map(|_message| by.0))
        .texts(messages.iter().map(|_message| AuditAction::DeleteMessage.word()))
        .ints(messages.iter().map(|(_seq, author)| author.0))
        .ints(messages.iter().map(|_message| room.0))
        .ints(messages.iter().map(|(seq, _author)| *seq))
        .texts(messages.iter().map(|_message| reason));
    let given = match book {
        Book::Instance => given,
        Book::Club(_) | Book::Group => {
            given.maybe_ints(messages.iter().map(|_message| book.club().map(|club| club.0)))
        }
    };
    script.add(if book == Book::Instance { &NOTES_OF_INSTANCE } else { &NOTES }, given);
    let given = Given::new()
        .ints(messages.iter().map(|_message| room.0))
        .ints(messages.iter().map(|(seq, _author)| *seq))
        .ints(messages.iter().map(|_message| at.0))
        .ints(messages.iter().map(|_message| by.0))
        .texts(messages.iter().map(|_message| Settlement::Delete.word()));
    script.add(&SETTLED, given);
    script.run(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&NOTES, &NOTES_OF_INSTANCE, &SETTLED]).await;
    }
}
