//! What is inside the numbered events, under `d`.

use serde::Serialize;

use super::FileItem;
use crate::domain::{
    Cid, ClubId, ClubRole, History, LinkPreview, MessageId, Millis, NoticeId, Notify, RoomId,
    UserId, Waking, Writers,
};

/// The message inside `msg.new`.
#[derive(Debug, Clone, Serialize)]
pub struct MessageData<'a> {
    /// Id.
    pub id: MessageId,
    /// Author.
    pub by: UserId,
    /// The author's own id of the send.
    pub cid: &'a Cid,
    /// The text.
    pub text: &'a str,
    /// Safe HTML that shows it, unless it is plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<&'a str>,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// The message that began the thread which it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<MessageId>,
    /// Who it names.
    #[serde(skip_serializing_if = "<[UserId]>::is_empty")]
    pub mentions: &'a [UserId],
    /// Whom it calls at once: `all` or `here`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<&'static str>,
    /// What it brings.
    #[serde(skip_serializing_if = "<[FileItem]>::is_empty")]
    pub files: &'a [FileItem],
    /// Machines between it and the last human; not there where a human speaks.
    #[serde(skip_serializing_if = "is_zero")]
    pub hop: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(super) const fn is_zero(hop: &i64) -> bool {
    *hop == 0
}

/// The previews inside `msg.preview`: all there are of a message, in place of those before.
#[derive(Debug, Clone, Serialize)]
pub struct PreviewData<'a> {
    /// Id of the message.
    pub id: MessageId,
    /// What was found; not there where not every reader of the log sees the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previews: Option<&'a [LinkPreview]>,
}

/// The message inside `msg.edit`.
#[derive(Debug, Clone, Serialize)]
pub struct EditData<'a> {
    /// Id.
    pub id: MessageId,
    /// Its author, who alone edits.
    pub by: UserId,
    /// The text; not there where not every reader of the log sees the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// Safe HTML that shows it, unless it is plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<&'a str>,
    /// 2 for the first edit.
    pub rev: i64,
    /// Who it names now.
    #[serde(skip_serializing_if = "<[UserId]>::is_empty")]
    pub mentions: &'a [UserId],
    /// Whom it calls at once: `all` or `here`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<&'static str>,
}

/// What is inside `msg.delete`, `msg.pin` and `msg.unpin`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ActData {
    /// The message.
    pub id: MessageId,
    /// Who did it.
    pub by: UserId,
}

/// What is inside `msg.react` and `msg.unreact`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ReactionData<'a> {
    /// The message.
    pub id: MessageId,
    /// Whose reaction.
    pub by: UserId,
    /// The emoji.
    pub emoji: &'a str,
    /// Reactions with it, after this one.
    pub count: i64,
}

/// The entry inside `inbox`.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeData<'a> {
    /// Id.
    pub id: NoticeId,
    /// What happened.
    pub kind: &'a str,
    /// Where, if it was in a room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// Which message, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// In which club.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub club: Option<ClubId>,
    /// Who caused it, if that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<UserId>,
    /// Headline in the receiver's language.
    pub title: &'a str,
    /// Beginning of the message.
    pub body: &'a str,
    /// Path in the page that shows it.
    pub link: &'a str,
    /// When.
    pub at: Millis,
}

/// Who a membership line is about.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MemberData {
    /// The user.
    pub user: UserId,
}

/// Who has which role.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RoleData {
    /// The user.
    pub user: UserId,
    /// What they are now.
    pub role: ClubRole,
}

/// What changed about a room: only that is there. The last two are the receiver's own.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct RoomUpdateData<'a> {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// What is talked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<&'a str>,
    /// From where on a reader sees the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Who may write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<Writers>,
    /// Seconds between two messages of one user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_mode_s: Option<i64>,
    /// Whether people may find it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<bool>,
    /// Days after which what is said goes; 0 is for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<i64>,
    /// The seq up to which what was said has gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<i64>,
    /// Messages up to there: they count as read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon_n: Option<i64>,
    /// What wakes the assistant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Waking>,
    /// Whether bots may wake it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistant_bots: Option<bool>,
    /// Whether one of the two of a private room has blocked the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<bool>,
    /// The host of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<UserId>,
    /// Which messages make an inbox entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// Whether it is hidden until the next message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// Until when one may not write; 0 for one who may again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Millis>,
    /// Why, in the words of the moderator; may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mute_reason: Option<&'a str>,
}
