//! Files that people uploaded: whose they are, which message has them, who may open them. Their
//! bytes are elsewhere.
//!
//! A row lives like this: uploaded, used by a message (`journal/attached.rs`), dropped, gone. A
//! dropped file is gone for everybody at once; its bytes and its row go with the next sweep.

mod drop;
mod links;
mod read;
mod types;
mod write;

pub(super) use self::drop::{drop_of, forget_previews};
pub(super) use self::read::{FileRow, file_columns, fill, fill_found};
pub use self::types::{File, FileLimits, FileRoom, KeptFile, NewFile, NewPreviews, NoRoomForFile};
pub(super) use self::write::bring;
