//! What hangs on the messages of a club and is no message: files, reports, and what moderators did.

use std::collections::HashMap;

use super::import::{Odd, odd, word};
use super::line::{AuditLine, FileLine, MessageLine, ReportLine};
use super::people::{Users, who};
use crate::domain::{
    AuditAction, FileName, Millis, ReportReason, RoomId, Settlement, UserId, limits,
};
use crate::store::StoreError;
use crate::store::db::{Conn, execute, fetch_all};
use crate::store::files::{File, NewFile, bring};

/// Rows in one page.
const PAGE: i64 = 500;

/// The bytes of a file: where they lie in the server, and under which number beside the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// The number in the lines.
    pub number: i64,
    /// The key in the server.
    pub blob: String,
    /// Bytes.
    pub size: i64,
    /// Bytes of the small copy, if there is one.
    pub preview: Option<i64>,
}

#[derive(Debug, sqlx::FromRow)]
struct FileRow {
    message_seq: i64,
    file_id: i64,
    blob: String,
    name: String,
    mime: String,
    size: i64,
    width: Option<i64>,
    height: Option<i64>,
    preview_mime: Option<String>,
    preview_size: i64,
    created_at: i64,
}

/// The files of messages of a room, behind a seq and up to another, by their messages.
pub(super) async fn files(
    conn: &mut Conn,
    (room, after, last): (i64, i64, i64),
    found: &mut Vec<Beside>,
) -> Result<HashMap<i64, Vec<FileLine>>, StoreError> {
    let rows = fetch_all!(
        conn,
        FileRow,
        "SELECT message_seq, file_id, blob, name, mime, size, width, height, preview_mime,
                preview_size, created_at FROM file
          WHERE room_id = $1 AND message_seq > $2 AND message_seq <= $3 AND NOT is_dropped
          ORDER BY message_seq, place",
        room,
        after,
        last
    )?;
    let mut files: HashMap<i64, Vec<FileLine>> = HashMap::new();
    for row in rows {
        let preview = row.preview_mime.map(|mime| (mime, row.preview_size));
        let (number, size) = (row.file_id, row.size);
        let small = preview.as_ref().map(|(_mime, size)| *size);
        found.push(Beside { number, blob: row.blob, size, preview: small });
        files.entry(row.message_seq).or_default().push(FileLine {
            id: number,
            name: row.name,
            mime: row.mime,
            size,
            sides: row.width.zip(row.height),
            preview,
            at: row.created_at,
        });
    }
    Ok(files)
}

/// The reports of messages of a room, oldest first.
pub(super) async fn reports(conn: &mut Conn, room: i64) -> Result<Vec<ReportLine>, StoreError> {
    fetch_all!(
        conn,
        ReportLine,
        "SELECT message_seq AS seq, author_id AS author, by_id AS by, reason, note, text, created_at,
                decided_at, decided_by, settlement FROM report WHERE room_id = $1
          ORDER BY report_id",
        room
    )
}

/// What moderators of a club did, behind an entry; and the last of these.
pub(super) async fn audit(
    conn: &mut Conn,
    (club, after): (i64, i64),
) -> Result<(Vec<AuditLine>, Option<i64>), StoreError> {
    #[derive(Debug, sqlx::FromRow)]
    struct Row {
        audit_id: i64,
        #[sqlx(flatten)]
        line: AuditLine,
    }
    let rows = fetch_all!(
        conn,
        Row,
        "SELECT audit_id, at, by_id AS by, action, user_id AS \"user\", room_id AS room,
                message_seq AS seq, until, reason, detail FROM audit
          WHERE club_id = $1 AND audit_id > $2 ORDER BY audit_id LIMIT $3",
        club,
        after,
        PAGE
    )?;
    let last = rows.last().map(|row| row.audit_id);
    Ok((rows.into_iter().map(|row| row.line).collect(), last))
}

/// Keeps the files of a message whose bytes can be had: `key` gives where they will lie.
pub(super) async fn bring_files(
    conn: &mut Conn,
    ((room, seq), uploader): ((RoomId, i64), UserId),
    line: &MessageLine,
    key: &mut dyn FnMut(i64, i64, Option<i64>) -> Option<String>,
) -> Result<Vec<File>, Odd> {
    if line.files.len() > limits::FILES || (line.text.is_none() && !line.files.is_empty()) {
        return Err(odd("files", "the message has too many"));
    }
    let mut files = Vec::new();
    for (place, file) in (0..).zip(&line.files) {
        let previewed = file.preview.as_ref().map(|(mime, size)| (mime.as_str(), *size));
        let mimes = [Some(file.mime.as_str()), previewed.map(|(mime, _size)| mime)];
        if !mimes.into_iter().flatten().all(is_mime) {
            return Err(odd("mime", "is no type"));
        }
        let small = previewed.map(|(_mime, size)| size);
        if file.size < 0 || small.is_some_and(|size| size < 0) {
            return Err(odd("size", "is less than nothing"));
        }
        let Some(blob) = key(file.id, file.size, small) else { continue };
        let new = NewFile {
            room,
            uploader,
            blob: &blob,
            name: &FileName::clean(&file.name),
            mime: &file.mime,
            size: file.size,
            sides: file.sides,
            preview: previewed,
            at: Millis(file.at),
        };
        files.push(bring(conn, new, (seq, place)).await?);
    }
    Ok(files)
}

/// Whether a word can go into a header as the type of a file.
fn is_mime(word: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b))
    };
    let parts = word.split_once('/');
    word.len() <= 100 && parts.is_some_and(|(one, other)| is_part(one) && is_part(other))
}

/// A room that is made, and where its messages stand: their old seq, and the new one.
pub(super) struct Placed {
    pub(super) room: RoomId,
    pub(super) places: Vec<(i64, i64)>,
}

impl Placed {
    /// Where a message of the file stands here.
    pub(super) fn seq(&self, old: i64) -> Option<i64> {
        let at = self.places.binary_search_by_key(&old, |(seq, _new)| *seq).ok()?;
        self.places.get(at).map(|(_old, new)| *new)
    }
}

/// Keeps a report.
pub(super) async fn report(
    conn: &mut Conn,
    (club, (room, seq)): (i64, (RoomId, i64)),
    line: &ReportLine,
    users: &Users,
) -> Result<(), Odd> {
    let by = line.by.map(|by| who(users, by)).transpose()?;
    let decided_by = line.decided_by.map(|by| who(users, by)).transpose()?;
    let settlement = line.settlement.as_deref().map(|it| word::<Settlement>("settlement", it));
    execute!(
        conn,
        "INSERT INTO report (club_id, room_id, message_seq, author_id, by_id, reason, note, text,
                             created_at, decided_at, decided_by, settlement)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        club,
        room.0,
        seq,
        who(users, line.author)?,
        by,
        word::<ReportReason>("reason", &line.reason)?.word(),
        line.note.as_str(),
        line.text.as_deref(),
        line.created_at,
        line.decided_at,
        decided_by,
        settlement.transpose()?.map(Settlement::word)
    )?;
    Ok(())
}

/// Keeps what a moderator did, in the rooms as they are here.
pub(super) async fn act(
    conn: &mut Conn,
    (club, rooms): (i64, &HashMap<i64, Placed>),
    line: &AuditLine,
    users: &Users,
) -> Result<(), Odd> {
    let placed = line.room.and_then(|room| rooms.get(&room));
    let seq = placed.zip(line.seq).and_then(|(placed, seq)| placed.seq(seq));
    let user = line.user.map(|user| who(users, user)).transpose()?;
    execute!(
        conn,
        "INSERT INTO audit (club_id, at, by_id, action, user_id, room_id, message_seq, until, reason,
                            detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        club,
        line.at,
        who(users, line.by)?,
        word::<AuditAction>("action", &line.action)?.word(),
        user,
        placed.map(|placed| placed.room.0),
        seq,
        line.until,
        line.reason.as_str(),
        line.detail.as_str()
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_one_that_a_header_can_hold() {
        assert!(is_mime("image/png") && is_mime("application/vnd.ms-excel"));
        for odd in ["", "png", "a/", "/b", "a/b\r\nx: y", "a/b; c=d", &"a/".repeat(80)] {
            assert!(!is_mime(odd), "{odd:?}");
        }
    }
}
