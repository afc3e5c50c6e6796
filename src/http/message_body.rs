//! What calls about messages take and give.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::files::FileBody;
use crate::domain::{MessageId, Millis, UserId};
use crate::protocol::{MessageItem, SendOk};
use crate::store::{Pinned, Revision, Thread};

/// A message as it stands now.
#[derive(ToSchema)]
#[schema(as = Message)]
#[expect(dead_code, reason = "the description of `MessageItem`, which knows nothing of OpenAPI")]
pub(super) struct MessageBody {
    /// Id.
    #[schema(example = "m_12_1043")]
    id: String,
    /// Place of its `msg.new` in the log.
    seq: i64,
    /// Ordinal among the messages of the room.
    n: i64,
    /// When the server took it (UTC ms).
    at: i64,
    /// Author.
    #[schema(example = "u_3")]
    by: String,
    /// The author's own id of the send.
    cid: Option<String>,
    /// The text; absent in the tombstone of a deleted message.
    text: Option<String>,
    /// Safe HTML that shows the text; absent where it is plain, and in a tombstone.
    html: Option<String>,
    /// Which message it answers.
    #[schema(required = true)]
    reply_to: Option<String>,
    /// 1, and one more with each edit.
    rev: i64,
    /// When it was last edited (UTC ms).
    edited_at: Option<i64>,
    /// Of an answer of the assistant: its run, how it stands and what it used.
    #[schema(value_type = Option<serde_json::Value>)]
    ai: (),
    /// Whether only the tombstone is left.
    deleted: bool,
    /// Reactions, the emoji that came first first.
    reactions: Vec<ReactionBody>,
    /// Whether it is pinned.
    pinned: bool,
    /// Of the message that began a thread `{count,last_at}`; of one in a thread the id of that one.
    #[schema(value_type = Option<serde_json::Value>)]
    thread: (),
    /// What it brought; absent when it brought nothing.
    files: Option<Vec<FileBody>>,
    /// What was found behind its links; absent when nothing was.
    previews: Option<Vec<PreviewBody>>,
    /// Machines between it and the last human: bots and the assistant; absent where a human speaks.
    hop: Option<i64>,
}

/// What a page says about itself.
#[derive(ToSchema)]
#[schema(as = Preview)]
#[expect(dead_code, reason = "the description of `LinkPreview`, which knows nothing of OpenAPI")]
struct PreviewBody {
    /// The link as it stands in the message.
    url: String,
    /// The title of the page.
    title: String,
    /// What the page says it is about.
    description: Option<String>,
    /// The name of the site.
    site: Option<String>,
}

/// The reactions to a message with one emoji.
#[derive(ToSchema)]
#[schema(as = Reaction)]
#[expect(dead_code, reason = "the description of `Reaction`, which knows nothing of OpenAPI")]
struct ReactionBody {
    /// The emoji.
    #[schema(example = "👍")]
    emoji: String,
    /// How many.
    count: i64,
    /// Whether the caller's is among them.
    mine: bool,
}

/// A message to send.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewMessageBody {
    /// Up to 4,000 characters; not blank, unless there are files.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub(super) text: String,
    /// The sender's own id of this send: sent again, it is one message.
    #[schema(max_length = 64)]
    pub(super) cid: Option<String>,
    /// Which message of the room it answers.
    pub(super) reply_to: Option<String>,
    /// Which message of the room began the thread that it goes into.
    pub(super) thread: Option<String>,
    /// What it brings: own uploads for this room that no message has, at most 10.
    #[schema(max_items = 10)]
    pub(super) files: Option<Vec<String>>,
}

/// Where a message stands in the log.
#[derive(Serialize, ToSchema)]
pub(super) struct SentBody {
    /// Place in the log.
    seq: i64,
    /// Ordinal among the messages.
    n: i64,
    /// Id.
    #[schema(value_type = String, example = "m_12_1043")]
    id: MessageId,
    /// When the server took it (UTC ms).
    at: i64,
    /// Whether this `cid` was there already.
    dup: bool,
}

impl From<SendOk> for SentBody {
    fn from(sent: SendOk) -> Self {
        let SendOk { seq, n, id, at, dup } = sent;
        Self { seq, n, id, at: at.0, dup }
    }
}

/// Another text for a message.
#[derive(Deserialize, ToSchema)]
pub(super) struct EditBody {
    /// 1–4,000 characters, not blank.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 4000)]
    pub(super) text: String,
    /// The sender's own id of this edit: sent again, it changes nothing.
    #[schema(max_length = 64)]
    pub(super) cid: Option<String>,
}

/// Messages to delete.
#[derive(Deserialize, ToSchema)]
pub(super) struct DeleteManyBody {
    /// 1 to 100 messages of the room.
    #[schema(min_items = 1, max_items = 100)]
    pub(super) messages: Vec<String>,
}

/// What came of something done to messages.
#[derive(ToSchema)]
#[schema(as = Acted)]
#[expect(dead_code, reason = "the description of `ActOk`, which knows nothing of OpenAPI")]
pub(super) struct ActBody {
    /// Place of its event in the log, of several the last. With `dup` that of what stands, if known.
    seq: Option<i64>,
    /// When that was (UTC ms).
    at: Option<i64>,
    /// Whether there was nothing to change.
    dup: bool,
}

/// A text that an edited message had or has.
#[derive(Serialize, ToSchema)]
pub(super) struct RevisionBody {
    /// 1 for the text that was sent.
    rev: i64,
    /// The text.
    text: String,
    /// Since when (UTC ms).
    #[schema(value_type = i64)]
    at: Millis,
}

impl From<Revision> for RevisionBody {
    fn from(Revision { rev, text, at }: Revision) -> Self {
        Self { rev, text, at }
    }
}

/// A message that is kept at hand.
#[derive(Serialize, ToSchema)]
pub(super) struct PinnedBody {
    /// The message.
    #[schema(value_type = MessageBody)]
    message: MessageItem,
    /// Who pinned it.
    #[schema(value_type = String, example = "u_3")]
    by: UserId,
    /// When (UTC ms).
    #[schema(value_type = i64)]
    at: Millis,
}

impl From<Pinned> for PinnedBody {
    fn from(pinned: Pinned) -> Self {
        Self { message: MessageItem::from(&pinned.message), by: pinned.by, at: pinned.at }
    }
}

/// A thread that the caller follows.
#[derive(Serialize, ToSchema)]
pub(super) struct ThreadBody {
    /// The message that began it; its `thread` says how much there is.
    #[schema(value_type = MessageBody)]
    root: MessageItem,
    /// Seq of its newest message.
    last_seq: i64,
    /// Read up to this seq.
    read_seq: i64,
    /// Messages above that.
    unread: i64,
}

impl From<Thread> for ThreadBody {
    fn from(thread: Thread) -> Self {
        let Thread { root, last_seq, read_seq, unread } = thread;
        Self { root: MessageItem::from(&root), last_seq, read_seq, unread }
    }
}

/// How far the caller has read a thread.
#[derive(Serialize, ToSchema)]
pub(super) struct ThreadMarkBody {
    /// Read up to this seq.
    pub(super) seq: i64,
    /// Messages above that.
    pub(super) unread: i64,
}
