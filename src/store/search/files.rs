//! What a search knows of files.

/// Whether the message of an expression carries a file, in SQL.
macro_rules! carries_file {
    ($message:literal) => {
        // No message carries one yet.
        "FALSE"
    };
}
pub(super) use carries_file;
