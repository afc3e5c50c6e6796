//! What a search knows of files.

/// Whether the message of an expression carries a file, in SQL.
macro_rules! carries_file {
    ($message:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM file WHERE file.room_id = ",
            $message,
            ".room_id AND file.message_seq = ",
            $message,
            ".seq AND NOT file.is_dropped LIMIT 1 OFFSET 0)"
        )
    };
}
pub(super) use carries_file;
