//! The words of moderation: what is reported, how that ends, and what the audit log calls it.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::role::words;

/// How long a mute may last.
pub const MUTE_SECONDS: RangeInclusive<i64> = 60..=28 * 86_400;
/// How long a ban may last that has an end.
pub const BAN_SECONDS: RangeInclusive<i64> = 60..=3_660 * 86_400;
/// Characters of the reason of a moderator.
pub const REASON_CHARS: usize = 255;
/// Characters of the note of who reports.
pub const NOTE_CHARS: usize = 500;

words!(
    /// Why a message is reported.
    ReportReason {
        /// Nobody asked for it.
        Spam = "spam",
        /// It goes after somebody.
        Harassment = "harassment",
        /// It goes after a group of people.
        Hate = "hate",
        /// Sexual where it does not belong.
        Sexual = "sexual",
        /// Threats and cruelty.
        Violence = "violence",
        /// It shows what is private.
        Privacy = "privacy",
        /// Anything else; the note says what.
        Other = "other",
        /// A rule of the club found something in it. Only the server says so.
        Filter = "filter",
    }
);

words!(
    /// Where a report stands.
    ReportStatus {
        /// Nobody has decided.
        Open = "open",
        /// It is decided.
        Decided = "decided",
    }
);

words!(
    /// How a report ends.
    Settlement {
        /// There is nothing to do.
        Dismiss = "dismiss",
        /// The message is deleted.
        Delete = "delete",
        /// Its author may not write for a while.
        Mute = "mute",
        /// Its author is put out.
        Kick = "kick",
        /// Its author is put out, and stays out.
        Ban = "ban",
    }
);

words!(
    /// What a moderator did, as the audit logs call it. Words are added, never changed.
    AuditAction {
        /// A member was put out.
        Kick = "member.kick",
        /// Somebody is to stay out.
        Ban = "member.ban",
        /// Somebody may come back.
        Unban = "member.unban",
        /// A member may not write for a while.
        Mute = "member.mute",
        /// A member may write again.
        Unmute = "member.unmute",
        /// A member has another role.
        Role = "member.role",
        /// A message of somebody else was deleted.
        DeleteMessage = "message.delete",
        /// A message of somebody else was pinned.
        Pin = "message.pin",
        /// A pinned message of somebody else was let go.
        Unpin = "message.unpin",
        /// Reports of a message were found to need nothing.
        DismissReport = "report.dismiss",
        /// What the club does not want to read: one more rule.
        AddFilter = "filter.add",
        /// One rule less.
        RemoveFilter = "filter.remove",
        /// Who may do what in a room.
        Permissions = "room.permissions",
        /// Name, topic and pace of a room.
        Settings = "room.settings",
        /// A room of a club was made.
        CreateRoom = "room.create",
        /// What a club says of the assistant.
        ClubSettings = "club.settings",
        /// What a club is: name, texts, who finds it and comes in.
        UpdateClub = "club.update",
        /// A club was deleted.
        DeleteClub = "club.delete",
        /// A room was deleted.
        DeleteRoom = "room.delete",
    }
);
