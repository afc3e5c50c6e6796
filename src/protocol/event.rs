//! Events: what the server tells without being asked. Each shape is written with
//! `#[serde(tag = "ev")]`, so that the name of the event stands beside its fields.

use serde::Serialize;

use super::{AuthOk, RoomEntry};
use crate::domain::{
    Cid, ClubId, ClubRole, History, MessageId, Millis, NoticeId, Notify, RoomId, UserId, Writers,
};

/// Defines events: the struct and its name on the wire.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? = $ev:literal {
        $($(#[$field_doc:meta])* $field:ident: $ty:ty),* $(,)?
    })+) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Serialize)]
        #[serde(tag = "ev", rename = $ev)]
        pub struct $name $(<$life>)? {
            $($(#[$field_doc])* pub $field: $ty),*
        })+
    };
}

events! {
    /// The first frame of every session.
    Hello<'a> = "hello" {
        /// Version of the protocol.
        v: u32,
        /// Milliseconds between heartbeats.
        hb: u64,
        /// Largest message from a client, in bytes.
        max_frame: usize,
        /// Name and version of the server.
        server: &'a str,
    }
    /// A new message, numbered and durable.
    MessageNew<'a> = "msg.new" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// Ordinal among the messages.
        n: i64,
        /// When the server took it.
        at: Millis,
        /// The message.
        d: MessageData<'a>,
    }
    /// More messages in a room that is not open.
    RoomHead = "room.head" {
        /// The room.
        room: RoomId,
        /// Newest seq.
        head: i64,
        /// Messages.
        n: i64,
        /// Unread messages that name me.
        mentions: i64,
    }
    /// A room that I may read from now on.
    RoomAdd<'a> = "room.add" {
        /// The room, as in `auth`.
        room: &'a RoomEntry,
    }
    /// A room that I may not read any more.
    RoomRemove = "room.remove" {
        /// The room.
        room: RoomId,
        /// `left`, `kicked`, `banned`, `deleted` or `role`.
        why: &'static str,
    }
    /// What is different now about a room that I have.
    RoomUpdate<'a> = "room.update" {
        /// The room.
        room: RoomId,
        /// What changed.
        d: RoomUpdateData<'a>,
    }
    /// Who is online, when a room opens. Above 200 only the count.
    Presence<'a> = "presence" {
        /// The room.
        room: RoomId,
        /// Users online.
        #[serde(skip_serializing_if = "Option::is_none")]
        online: Option<&'a [UserId]>,
        /// How many.
        count: usize,
    }
    /// Who came and went since the last presence frame of this room.
    PresenceDiff<'a> = "presence.diff" {
        /// The room.
        room: RoomId,
        /// Came online.
        #[serde(skip_serializing_if = "Option::is_none")]
        joins: Option<&'a [UserId]>,
        /// Went offline.
        #[serde(skip_serializing_if = "Option::is_none")]
        leaves: Option<&'a [UserId]>,
        /// How many are online now.
        count: usize,
    }
    /// Someone is writing; shown for six seconds.
    Typing = "typing" {
        /// The room.
        room: RoomId,
        /// Who.
        by: UserId,
    }
    /// Another session of mine has read a room.
    ReadEvent = "read" {
        /// The room.
        room: RoomId,
        /// Read up to this seq.
        seq: i64,
        /// Messages read.
        read_n: i64,
        /// Messages not read.
        unread: i64,
        /// Of these, those that name me.
        mentions: i64,
    }
    /// Pushes of a room stopped for this session: pull.
    Lag = "lag" {
        /// The room.
        room: RoomId,
        /// The first seq that was not pushed.
        from: i64,
        /// Newest seq.
        head: i64,
    }
    /// The positions of a heartbeat are short of the log.
    Behind = "behind" {
        /// The room.
        room: RoomId,
        /// Newest seq.
        head: i64,
    }
    /// A replay is complete.
    CaughtUp = "caught_up" {
        /// The room.
        room: RoomId,
        /// Everything up to here was sent.
        seq: i64,
    }
    /// This node ends; come back after the delay.
    Drain = "drain" {
        /// Milliseconds to wait before coming back.
        in_ms: u64,
    }
    /// Another session of mine has read inbox entries.
    InboxRead<'a> = "inbox.read" {
        /// All up to here.
        #[serde(skip_serializing_if = "Option::is_none")]
        upto_seq: Option<i64>,
        /// These.
        #[serde(skip_serializing_if = "Option::is_none")]
        ids: Option<&'a [NoticeId]>,
        /// Entries still unread.
        unread: i64,
    }
    /// A new inbox entry.
    NoticeEvent<'a> = "inbox" {
        /// Place in the inbox log.
        seq: i64,
        /// The entry.
        d: NoticeData<'a>,
    }
    /// A member came in. A line of the room log: it has a seq and no `n`.
    MemberJoin = "member.join" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// Who.
        d: MemberData,
    }
    /// A member was put out; as [`MemberJoin`].
    MemberKick = "member.kick" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// Who.
        d: MemberData,
    }
    /// A member of the club has another role; as [`MemberJoin`], in rooms for managers.
    MemberRole = "member.role" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// Who, and what they are now.
        d: RoleData,
    }
    /// A member left; as [`MemberJoin`].
    MemberLeave = "member.leave" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// Who.
        d: MemberData,
    }
}

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
    /// Who it names.
    #[serde(skip_serializing_if = "<[UserId]>::is_empty")]
    pub mentions: &'a [UserId],
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
    /// Who caused it.
    pub from: UserId,
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
    /// The host of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<UserId>,
    /// Which messages make an inbox entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// Whether it is hidden until the next message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
}

/// The `auth` event: what `auth`'s reply says, for a session that signed in at the upgrade.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "ev", rename = "auth")]
pub struct Announced<'a> {
    /// The fields of the reply.
    #[serde(flatten)]
    pub ok: AuthOk<'a>,
}
