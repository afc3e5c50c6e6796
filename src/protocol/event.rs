//! Events: what the server tells without being asked. Each shape is written with
//! `#[serde(tag = "ev")]`, so that the name of the event stands beside its fields.

use std::collections::BTreeMap;

use serde::Serialize;

use super::data::{
    ActData, EditData, MemberData, MessageData, NoticeData, PreviewData, ReactionData, RoleData,
    RoomUpdateData,
};
use super::{AuthOk, RoomEntry};
use crate::domain::{MessageId, Millis, NoticeId, RoomId, Status, UserId};

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

pub(super) use events;

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
    /// A message has another text. Like everything below that is done to a message: a `seq`, no `n`.
    MessageEdit<'a> = "msg.edit" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// The message as it reads now.
        d: EditData<'a>,
    }
    /// What was found behind the links of a message. It has a seq and no `n`.
    MessagePreview<'a> = "msg.preview" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// Which message, and what was found.
        d: PreviewData<'a>,
    }
    /// Only the tombstone of a message is left.
    MessageDelete = "msg.delete" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// Which message, and who did it.
        d: ActData,
    }
    /// Somebody reacted.
    MessageReact<'a> = "msg.react" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// Who, and how many have by now.
        d: ReactionData<'a>,
    }
    /// Somebody took a reaction back.
    MessageUnreact<'a> = "msg.unreact" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// Who, and how many are left.
        d: ReactionData<'a>,
    }
    /// A message is pinned.
    MessagePin = "msg.pin" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// Which message, and who did it.
        d: ActData,
    }
    /// A message is no longer pinned.
    MessageUnpin = "msg.unpin" {
        /// The room.
        room: RoomId,
        /// Place in the log.
        seq: i64,
        /// When.
        at: Millis,
        /// Which message, and who did it.
        d: ActData,
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
        /// How those of them are who are not just there.
        #[serde(skip_serializing_if = "Option::is_none")]
        states: Option<&'a States>,
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
        /// Who is otherwise than before, and how.
        #[serde(skip_serializing_if = "Option::is_none")]
        states: Option<&'a States>,
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
    /// Another session of mine has read a thread.
    ThreadRead = "thread.read" {
        /// The room.
        room: RoomId,
        /// The message that began the thread.
        thread: MessageId,
        /// Read up to this seq.
        seq: i64,
        /// Messages of the thread above that.
        unread: i64,
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
    /// Inbox entries that are gone: what they told of was deleted.
    InboxDrop<'a> = "inbox.drop" {
        /// These.
        ids: &'a [NoticeId],
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
    /// A member was put out and stays out; as [`MemberJoin`].
    MemberBan = "member.ban" {
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

/// How people are.
pub type States = BTreeMap<UserId, Status>;

/// The `auth` event: what `auth`'s reply says, for a session that signed in at the upgrade.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "ev", rename = "auth")]
pub struct Announced<'a> {
    /// The fields of the reply.
    #[serde(flatten)]
    pub ok: AuthOk<'a>,
}
