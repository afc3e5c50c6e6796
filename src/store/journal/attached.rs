//! The files that messages bring: their author's own, uploaded for the room, used by no other.

use std::collections::HashMap;

use crate::store::StoreError;
use crate::store::append::NewMessage;
use crate::store::db::Conn;
use crate::store::files::{File, FileRow, file_columns};
use crate::store::given::{Bulk, Given, Script, bulk};

use super::talk::Draft;

const FIT: Bulk = bulk!(
    concat!("SELECT given.i, ", file_columns!(), " FROM "),
    (i bigint, file_id bigint, room_id bigint, uploader_id bigint),
    " CROSS JOIN file
      WHERE file.file_id = given.file_id AND file.room_id = given.room_id
        AND file.uploader_id = given.uploader_id AND file.message_seq IS NULL
        AND NOT file.is_dropped",
    postgres " FOR UPDATE OF file"
);

const USE: Bulk = bulk!(
    "UPDATE file SET message_seq = given.seq, place = given.place, name = given.name FROM ",
    (file_id bigint, seq bigint, place bigint, name text),
    " WHERE file.file_id = given.file_id"
);

#[derive(Debug, sqlx::FromRow)]
struct FitRow {
    i: i64,
    #[sqlx(flatten)]
    file: FileRow,
}

/// The files of the messages that have some, by their places in the list, in the order that the
/// messages name them. A message of which a file is not fit has none here.
pub(super) async fn read(
    conn: &mut Conn,
    messages: &[(usize, &NewMessage)],
) -> Result<HashMap<usize, Vec<File>>, StoreError> {
    let wanted = || {
        let numbered = (0_i64..).zip(messages);
        numbered.flat_map(|(i, (_place, message))| {
            message.files.iter().map(move |file| (i, *file, *message))
        })
    };
    let given = Given::new()
        .ints(wanted().map(|(i, ..)| i))
        .ints(wanted().map(|(_, file, _)| file.0))
        .ints(wanted().map(|(.., message)| message.room.0))
        .ints(wanted().map(|(.., message)| message.author.0));
    let rows: Vec<FitRow> = conn.given_all(&FIT, given).await?;
    let mut fit: HashMap<_, _> = rows
        .into_iter()
        .map(|row| (row.i, File::from(row.file)))
        .map(|(i, f)| ((i, f.id), f))
        .collect();
    let mut found = HashMap::new();
    for (i, (place, message)) in (0_i64..).zip(messages) {
        if message.files.is_empty() {
            continue;
        }
        let files: Vec<_> = message.files.iter().filter_map(|id| fit.remove(&(i, *id))).collect();
        if files.len() == message.files.len() {
            found.insert(*place, files);
        }
    }
    Ok(found)
}

/// From here on the files belong to their messages, under the names that the messages show.
pub(super) fn used<'d>(script: &mut Script<'d>, drafts: &'d [Draft<'_>]) {
    let used = || {
        drafts.iter().flat_map(|draft| {
            (0_i64..).zip(&draft.files).map(move |(place, file)| (file, draft.cause.seq, place))
        })
    };
    let given = Given::new()
        .ints(used().map(|(file, ..)| file.id.0))
        .ints(used().map(|(_, seq, _)| seq))
        .ints(used().map(|(.., place)| place))
        .texts(used().map(|(file, ..)| file.name.as_str()));
    script.add(&USE, given);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&FIT, &USE]).await;
    }
}
