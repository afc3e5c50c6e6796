//! A club in a file, to be moved to another server: JSON, one object a line.
//!
//! The bytes of files lie in a folder beside it, if they are wanted.
//!
//! *Belongs here:* what the lines mean, writing them, and making a club of them. *Does not belong
//! here:* files and names of files; events are put into words by the wire (`EventWriter`).

mod assistant;
mod beside;
mod epochs;
mod export;
mod import;
mod line;
mod people;
mod room;
mod thread;

use std::io;

pub use self::beside::Beside;
pub use self::export::Exported;
pub use self::import::{FileKey, Imported};
use super::StoreError;

/// What a file says of itself in its first line.
pub(super) const FORMAT: &str = "moim-club";
/// The version of the lines; it goes up when one comes to mean something else.
pub(super) const VERSION: u32 = 1;

/// Why a club was not moved. Nothing of it is kept then.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A line of the file cannot be used.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1 on.
        line: u64,
        /// Why.
        why: String,
    },
    /// A living club has the name.
    #[error("there is a club {0:?} already; import it under another --name")]
    NameTaken(String),
    /// There is no such club.
    #[error("there is no such club")]
    NoClub,
    /// The file cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
}
