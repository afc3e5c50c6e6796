//! Files, as the store knows them.

use crate::domain::{FileId, FileName, LinkPreview, Millis, RoomId, UserId};

/// A file that others may be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// What it is called.
    pub name: String,
    /// What it is, by its content.
    pub mime: String,
    /// Bytes.
    pub size: i64,
    /// Width and height of a picture.
    pub sides: Option<(i64, i64)>,
    /// Whether there is a small copy.
    pub has_preview: bool,
}

/// A file, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// The file.
    pub file: File,
    /// The room that it belongs to.
    pub room: RoomId,
    /// The key of its bytes.
    pub blob: String,
    /// Type and bytes of the small copy.
    pub preview: Option<(String, i64)>,
}

/// A file to keep.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// For which room.
    pub room: RoomId,
    /// Who uploaded it.
    pub uploader: UserId,
    /// The key of its bytes.
    pub blob: &'a str,
    /// What it is called.
    pub name: &'a FileName,
    /// What it is, by its content.
    pub mime: &'a str,
    /// Bytes.
    pub size: i64,
    /// Width and height of a picture.
    pub sides: Option<(i64, i64)>,
    /// Type and bytes of the small copy.
    pub preview: Option<(&'a str, i64)>,
    /// When.
    pub at: Millis,
}

/// How many bytes may be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// By one user in a day.
    pub day: i64,
    /// By all, for ever.
    pub all: i64,
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRoom {
    /// Bytes that the user may still upload today.
    pub day: i64,
    /// Bytes that all together may.
    pub all: i64,
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoomForFile {
    /// The user has uploaded enough for a day.
    Day,
    /// There is room for no more, whoever it is.
    All,
}

/// Previews of the links of a message.
#[derive(Debug, Clone)]
pub struct NewPreviews {
    /// The room.
    pub room: RoomId,
    /// Seq of the message.
    pub message_seq: i64,
    /// Seq of the event that brought the text with these links: another text has others.
    pub text_seq: i64,
    /// What was found.
    pub previews: Vec<LinkPreview>,
    /// When.
    pub at: Millis,
}
