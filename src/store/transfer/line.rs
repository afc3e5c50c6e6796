//! The lines of a file. People and rooms are named by the numbers that they had where the file was
//! written; the numbers mean nothing but within the file.

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(super) enum Line {
    /// What the file is: the first line.
    Head { format: String, version: u32, exported_at: i64 },
    /// Somebody whom later lines name.
    User(UserLine),
    /// A club; what follows is of it, up to the next.
    Club(ClubLine),
    /// Somebody who is in the club, or stays out of it.
    Member(MemberLine),
    /// A rule of the club for texts.
    Filter(FilterLine),
    /// A room; what follows is of it, up to the next.
    Room(RoomLine),
    /// A message of the room, in order.
    Message(MessageLine),
    /// What somebody has of the room for themselves.
    Mark(MarkLine),
    /// A message of the room that moderators are to look at, or have looked at.
    Report(ReportLine),
    /// What a moderator of the club did; behind its rooms.
    Audit(AuditLine),
    /// That was all: the last line. A file without it was cut off.
    End { lines: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UserLine {
    pub(super) id: i64,
    pub(super) username: String,
    pub(super) display_name: String,
    /// The account was erased.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) deleted: bool,
    /// Of a bot: who made it, introduced before. Its token is not in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) maker: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(super) struct ClubLine {
    pub(super) name: String,
    pub(super) greeting: String,
    pub(super) description: String,
    pub(super) kind: String,
    pub(super) category: String,
    pub(super) visibility: String,
    pub(super) join_policy: String,
    pub(super) capacity: Option<i64>,
    pub(super) seen_by: bool,
    pub(super) owner: i64,
    pub(super) created_at: i64,
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub(super) assistant: AssistantLine,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(super) struct MemberLine {
    pub(super) user: i64,
    pub(super) role: String,
    pub(super) status: String,
    pub(super) joined_at: i64,
    pub(super) left_at: Option<i64>,
    pub(super) ban_until: Option<i64>,
    /// Absent for no words, and in older files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) ban_reason: String,
    pub(super) muted_until: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(super) struct MarkLine {
    pub(super) user: i64,
    /// How far they have read it.
    pub(super) read_n: i64,
    /// They came when this was the newest seq.
    #[serde(default)]
    pub(super) since: i64,
    /// What they want to hear of it; absent for what the room says, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) notify: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(super) struct FilterLine {
    pub(super) kind: String,
    pub(super) pattern: String,
    pub(super) action: String,
    pub(super) made_by: i64,
    pub(super) created_at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(super) struct RoomLine {
    /// Its number, for the lines behind the rooms. Older files have none.
    #[serde(default)]
    pub(super) id: i64,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) general: bool,
    pub(super) slow_mode_s: i64,
    pub(super) write: String,
    pub(super) history: String,
    pub(super) permissions: String,
    pub(super) notify: String,
    pub(super) retention_days: Option<i64>,
    pub(super) created_by: Option<i64>,
    pub(super) created_at: i64,
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub(super) assistant: AssistantLine,
}

/// What a club or a room says of the assistant; what is absent it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(super) struct AssistantLine {
    /// What wakes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) assistant: Option<String>,
    /// Whether bots may ask it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) assistant_bots: Option<bool>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) persona: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) ai_language: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) ai_model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MessageLine {
    /// Its place, to be answered by.
    pub(super) seq: i64,
    pub(super) n: i64,
    pub(super) by: i64,
    pub(super) cid: String,
    pub(super) at: i64,
    /// As it stands; absent where only the tombstone is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reply_to: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) thread: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) edited_at: Option<i64>,
    /// The texts that it had before, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) earlier: Vec<EarlierLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reactions: Vec<ReactionLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pin: Option<PinLine>,
    /// In their order; only where the bytes were exported as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<FileLine>,
    /// Machines between it and the last human; absent where a human speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hop: Option<i64>,
}

/// A file of a message. Its bytes lie beside the lines under its number, those of its small copy with
/// `.preview` behind that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileLine {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) size: i64,
    /// Width and height of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sides: Option<(i64, i64)>,
    /// Type and bytes of the small copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) preview: Option<(String, i64)>,
    pub(super) at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(super) struct ReportLine {
    /// The message.
    pub(super) seq: i64,
    pub(super) author: i64,
    /// Nobody, where a rule of the club found it.
    pub(super) by: Option<i64>,
    pub(super) reason: String,
    pub(super) note: String,
    pub(super) text: Option<String>,
    pub(super) created_at: i64,
    pub(super) decided_at: Option<i64>,
    pub(super) decided_by: Option<i64>,
    pub(super) settlement: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub(super) struct AuditLine {
    pub(super) at: i64,
    pub(super) by: i64,
    pub(super) action: String,
    pub(super) user: Option<i64>,
    /// The number of a room; one that is not in the file was deleted.
    pub(super) room: Option<i64>,
    /// The message there.
    pub(super) seq: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) reason: String,
    pub(super) detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EarlierLine {
    pub(super) at: i64,
    pub(super) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReactionLine {
    pub(super) by: i64,
    pub(super) emoji: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PinLine {
    pub(super) by: i64,
    pub(super) at: i64,
}
