//! Replies: `{"re":…,"ok":…}` and `{"re":…,"err":…}`, and the bodies that several of them share.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Refusal;
use crate::domain::{
    ClubId, Epoch, MessageId, Millis, NoticeId, RoomId, RoomKind, SessionId, UserId,
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
    pub name: String,
    /// Kind.
    pub kind: RoomKind,
    /// The club it belongs to.
    pub club: Option<ClubId>,
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
    /// The last messages, when no events are replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<&'a RawValue>,
}

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
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// 1, then one more per edit.
    pub rev: i64,
    /// When it was last edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Millis>,
    /// Whether only the tombstone is left.
    pub deleted: bool,
    /// Reactions, by emoji.
    pub reactions: [(); 0],
    /// Whether it is pinned.
    pub pinned: bool,
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
    /// Entries neither read nor dropped.
    pub unread: i64,
    /// Everything up to this seq is read.
    pub read_upto: i64,
    /// Read entries above that.
    pub read_ids: &'a [NoticeId],
}

/// `ok` of `inbox.read`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct UnreadOk {
    /// Entries neither read nor dropped.
    pub unread: i64,
}

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
pub fn ok_line(re: u32, ok: &impl Serialize) -> super::Frame {
    super::Frame::json(&Ok { re, ok })
}

/// A reply that says no; without `re` when the request had no id that could be read.
#[must_use]
pub fn err_line(re: Option<u32>, err: &Refusal) -> super::Frame {
    super::Frame::json(&Err { re, err })
}
