//! Replies: `{"re":…,"ok":…}` and `{"re":…,"err":…}`, and the bodies that several of them share.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Frame, LongFrame, Refusal};
use crate::domain::{
    ClubId, Epoch, FileId, LinkPreview, MessageId, Millis, NoticeId, Notify, RoomId, RoomKind,
    SessionId, UserId,
};

/// A user as others see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserBody {
    /// Id.
    pub id: UserId,
    /// Unique name.
    pub username: String,
    /// Shown name.
    pub display_name: String,
}

/// A room in the list of rooms that a session may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomEntry {
    /// Id.
    pub room: RoomId,
    /// Name.
    pub name: Arc<str>,
    /// Kind.
    pub kind: RoomKind,
    /// The club it belongs to.
    pub club: Option<ClubId>,
    /// The other one in a private room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<UserId>,
    /// Life of its log.
    pub epoch: Epoch,
    /// Newest seq.
    pub head: i64,
    /// Messages.
    pub n: i64,
    /// Messages read by this user.
    pub read_n: i64,
    /// `n − read_n`.
    pub unread: i64,
    /// Unread messages that name this user.
    pub mentions: i64,
    /// Which messages make an inbox entry, unless it is those that call this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// Whether this user has hidden it until its next message.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Where an inbox log stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InboxPlace {
    /// Life of the log.
    pub epoch: Epoch,
    /// Newest seq.
    pub head: i64,
    /// Entries neither read nor dropped.
    pub unread: i64,
}

/// `ok` of `auth`, and the fields of the `auth` event.
#[derive(Debug, Clone, Serialize)]
pub struct AuthOk<'a> {
    /// Who signed in.
    pub user: &'a UserBody,
    /// This session.
    pub session: SessionId,
    /// Their inbox.
    pub inbox: &'a InboxPlace,
    /// The rooms they may read.
    pub rooms: &'a [RoomEntry],
}

/// `ok` of `open`.
#[derive(Debug, Clone, Serialize)]
pub struct OpenOk<'a> {
    /// The room.
    pub room: RoomId,
    /// Life of its log.
    pub epoch: &'a Epoch,
    /// The newest seq that the reply covers.
    pub head: i64,
    /// Ordinal of the newest message.
    pub n: i64,
    /// Whether the position was resumed; absent when none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<bool>,
    /// Events that follow before `caught_up`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<i64>,
    /// `epoch`, `too_old` or `too_many`: why it was not resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// Where a position was resumed: up to this seq there is nothing for the reader, or nothing any
    /// more. Absent when there is no such seq; a snapshot shows it by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<i64>,
}

/// The end of replies to `open` that bring a snapshot, the field's value and what closes the line:
/// by far the most of them, and the same for all who get it. Cloning shares the bytes.
#[derive(Debug, Clone)]
pub struct SharedSnapshot(Bytes);

/// The last messages of a room as they stand.
#[derive(Debug, Clone, Serialize)]
pub struct SnapshotBody {
    /// Everything up to this seq is in it.
    pub upto: i64,
    /// Ascending by seq.
    pub items: Vec<MessageItem>,
}

/// A message as it stands now.
#[derive(Debug, Clone, Serialize)]
pub struct MessageItem {
    /// Id.
    pub id: MessageId,
    /// Seq of its `msg.new`.
    pub seq: i64,
    /// Ordinal in the room.
    pub n: i64,
    /// When the server took it.
    pub at: Millis,
    /// Author.
    pub by: UserId,
    /// The author's own id of the send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cid: Option<String>,
    /// The text; absent in a tombstone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Safe HTML that shows it, unless it is plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// 1, then one more per edit.
    pub rev: i64,
    /// When it was last edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Millis>,
    /// Of an answer of the assistant: its run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ai: Option<Box<RawValue>>,
    /// Whether only the tombstone is left.
    pub deleted: bool,
    /// Reactions, the emoji that came first first.
    pub reactions: Vec<Reaction>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// Its thread: the one that it began, or the one that it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<ThreadPlace>,
    /// What it brought.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileItem>,
    /// What was found behind its links.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub previews: Vec<LinkPreview>,
    /// Machines between it and the last human; not there where a human speaks.
    #[serde(skip_serializing_if = "super::data::is_zero")]
    pub hop: i64,
}

/// A file, as messages have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileItem {
    /// Id.
    pub id: FileId,
    /// Where it is; who asks must be let in there.
    pub url: String,
    /// What it is called.
    pub name: String,
    /// What it is, by its content.
    pub mime: String,
    /// Bytes.
    pub size: i64,
    /// Of a picture, upright.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    /// Of a picture, upright.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// Where a small copy of a picture is, if one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<String>,
}

/// The reactions to a message with one emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// How many.
    pub count: i64,
    /// Whether the reader's is among them.
    pub mine: bool,
}

/// What a message is to its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ThreadPlace {
    /// Its root.
    Root {
        /// Messages in it besides the root.
        count: i64,
        /// When the newest of them was taken.
        last_at: Millis,
    },
    /// One of the others; this is the root.
    Of(MessageId),
}

/// `ok` of `send`, and the body of the REST call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SendOk {
    /// Place in the log.
    pub seq: i64,
    /// Ordinal among the messages.
    pub n: i64,
    /// Id.
    pub id: MessageId,
    /// When the server took it.
    pub at: Millis,
    /// Whether this `cid` was there already.
    pub dup: bool,
}

/// `ok` of an op on messages that stand, and the body of the REST call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ActOk {
    /// Place of its event in the log; of several the last. With `dup` that of what stands, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Millis>,
    /// Whether there was nothing to change.
    pub dup: bool,
}

/// `ok` of `read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MarkOk {
    /// Messages read.
    pub read_n: i64,
    /// Messages not read.
    pub unread: i64,
    /// Of these, those that name me.
    pub mentions: i64,
}

/// `ok` of `pull`.
#[derive(Debug, Clone, Serialize)]
pub struct PullOk<'a> {
    /// Events after the given seq, ascending.
    pub events: &'a [&'a RawValue],
    /// Newest seq of the room.
    pub head: i64,
    /// Whether another pull is needed before pushes go on.
    pub more: bool,
}

/// `ok` of an op that has nothing to say.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Empty {}

/// `ok` of `inbox.open`; the events after the position follow.
#[derive(Debug, Clone, Serialize)]
pub struct InboxOpenOk<'a> {
    /// Life of the inbox log.
    pub epoch: &'a Epoch,
    /// Newest seq.
    pub head: i64,
    /// Whether the position was resumed.
    pub resumed: bool,
    /// Events that follow.
    pub replay: usize,
    /// Those of them that were shown nowhere before.
    pub undelivered: usize,
    /// Entries neither read nor dropped.
    pub unread: i64,
    /// Everything up to this seq is read.
    pub read_upto: i64,
    /// Read entries above that.
    pub read_ids: &'a [NoticeId],
    /// Entries that are gone, of the last thousand.
    pub dropped: &'a [NoticeId],
}

/// `ok` of `inbox.read`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct UnreadOk {
    /// Entries neither read nor dropped.
    pub unread: i64,
}

/// What ends a reply that says yes.
const CLOSING: &[u8] = b"}}";

#[derive(Serialize)]
struct Ok<'a, T> {
    re: u32,
    ok: &'a T,
}

#[derive(Serialize)]
struct Err<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    re: Option<u32>,
    err: &'a Refusal,
}

/// A reply that says yes.
#[must_use]
pub fn ok_line(re: u32, ok: &impl Serialize) -> Frame {
    Frame::json(&Ok { re, ok })
}

/// A reply to `open` with the last messages in it, as they were written once.
#[must_use]
pub fn snapshot_line(re: u32, ok: &OpenOk<'_>, snapshot: &SharedSnapshot) -> LongFrame {
    let end = snapshot.0.clone();
    LongFrame::ending(&Ok { re, ok }, CLOSING.len(), r#","snapshot":"#, end)
}

impl SharedSnapshot {
    /// Writes the last messages, a [`SnapshotBody`] or what is left of one; none when they cannot
    /// be written.
    #[must_use]
    pub fn new(body: &impl Serialize) -> Option<Self> {
        let mut end = serde_json::to_vec(body).ok()?;
        end.extend_from_slice(CLOSING);
        Some(Self(end.into()))
    }

    /// The messages as they were written.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        self.0.strip_suffix(CLOSING).unwrap_or(&self.0)
    }
}

/// A reply that says no; without `re` when the request had no id that could be read.
#[must_use]
pub fn err_line(re: Option<u32>, err: &Refusal) -> Frame {
    Frame::json(&Err { re, err })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_shared_snapshot_and_its_own_beginning_are_one_line() {
        let snapshot = SharedSnapshot::new(&SnapshotBody { upto: 7, items: Vec::new() }).unwrap();
        let (room, epoch) = (RoomId(12), Epoch("a1".into()));
        for (re, why) in [(1, None), (4_000_000_000, Some("too_many"))] {
            let resumed = why.map(|_| false);
            let (replay, horizon) = (None, None);
            let ok = OpenOk { room, epoch: &epoch, head: 7, n: 3, resumed, replay, why, horizon };
            let frame = snapshot_line(re, &ok, &snapshot);
            let line: Value = serde_json::from_slice(&frame.line()).unwrap();
            let mut expected = json!({ "re": re, "ok": { "room": "r_12", "epoch": "a1",
                "head": 7, "n": 3, "snapshot": { "upto": 7, "items": [] } } });
            if let Some(why) = why {
                expected["ok"]["resumed"] = false.into();
                expected["ok"]["why"] = why.into();
            }
            assert_eq!(line, expected);
            let (begin, end) = frame.pieces();
            assert_eq!(end.as_ptr(), snapshot.0.as_ptr(), "shared");
            let whole = Frame::text(std::str::from_utf8(&frame.line()).unwrap());
            assert_eq!([&begin[..], end].concat(), *whole.bytes());
            assert_eq!(frame.len(), whole.len());
        }
    }
}
