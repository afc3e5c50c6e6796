//! How the store has its events written: it numbers, the wire layer puts into words.

use super::act::ActEvent;
use super::append::NewMessage;
use super::assistant::{RunBegun, RunEnded};
use super::files::{File, NewPreviews};
use crate::domain::{ClubId, ClubRole, Millis, NoticeId, RoomId, UserId};

/// Which line a membership change writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// `member.join`
    Join,
    /// `member.leave`
    Leave,
    /// `member.kick`
    Kick,
    /// `member.role`
    Role(ClubRole),
    /// `member.ban`
    Ban,
}

/// How a member is none any more who did not go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Removal {
    /// Put out, and may come back.
    #[default]
    Kicked,
    /// Put out, and is to stay out.
    Banned,
    /// There is no such club any more.
    Closed,
}

/// What an inbox entry says, before it has a number.
#[derive(Debug, Clone)]
pub struct NewNotice<'a> {
    /// Id of the entry.
    pub id: NoticeId,
    /// `mention`, `reply`, `dm`, `chat`, `room_invite`, `club_role`, `club_removed`.
    pub kind: &'static str,
    /// Whose inbox.
    pub user: UserId,
    /// `ko` or `en`: the language of the receiver.
    pub locale: &'a str,
    /// Display name of who caused it.
    pub from_name: &'a str,
    /// Who caused it, if that is told.
    pub from: Option<UserId>,
    /// Where, if it was in a room.
    pub room: Option<RoomId>,
    /// The seq of the message, if there is one.
    pub message_seq: Option<i64>,
    /// The club, or that of the room.
    pub club: Option<ClubId>,
    /// Name of the room or club, where the headline says it.
    pub place: &'a str,
    /// The role that the receiver has now, if it is about that.
    pub role: Option<ClubRole>,
    /// How the receiver is out of the club, if it is about that.
    pub removal: Removal,
    /// Beginning of the message; or why, in the words of a moderator.
    pub excerpt: &'a str,
    /// When.
    pub at: Millis,
}

/// Stands in a template where the seq belongs. JSON never holds a control character as it is.
pub const SEQ_HOLE: char = '\u{1}';
/// Stands in a template where the `n` belongs.
pub const N_HOLE: char = '\u{2}';

/// Turns numbered facts into the JSON that is kept and sent. The store numbers, the wire layer
/// writes: the store keeps the result without looking inside.
pub trait EventWriter: Send + Sync {
    /// A `msg.new`.
    fn message(
        &self,
        message: &NewMessage,
        seq: i64,
        n: i64,
        mentions: &[UserId],
        files: &[File],
    ) -> String;
    /// A `msg.new` that names nobody, before it has numbers: [`SEQ_HOLE`] and [`N_HOLE`] stand where
    /// they belong and nowhere else. With the numbers put in it is what [`Self::message`] writes.
    fn template(&self, message: &NewMessage) -> String;
    /// A `msg.preview`; with `is_withheld` it does not say what was found.
    fn previews(&self, new: &NewPreviews, seq: i64, is_withheld: bool) -> String;
    /// A membership line; lines have a seq and no `n`.
    fn line(&self, room: RoomId, line: Line, user: UserId, seq: i64, at: Millis) -> String;
    /// An event that is done to a message; they have a seq and no `n`.
    fn act(&self, act: &ActEvent<'_>) -> String;
    /// What stays of a `msg.new`, `msg.edit` or `msg.preview` whose message is deleted.
    fn erased_event(&self, body: &str) -> String;
    /// What stays of an `inbox` event whose message is deleted.
    fn erased_notice(&self, event: &str) -> String;
    /// An `inbox` event; also gives the title and body columns.
    fn notice(&self, notice: &NewNotice<'_>, seq: i64) -> WrittenNotice;
    /// An `ai.start`, and what the message says of its run while it runs.
    fn run_begun(&self, begun: &RunBegun<'_>) -> (String, String);
    /// An `ai.end`, and what the message says of its run from then on.
    fn run_ended(&self, ended: &RunEnded<'_>) -> (String, String);
    /// Whether a user has a room open right now, as far as it is known here. Who has needs no entry
    /// that tells of new messages there.
    fn is_listening(&self, room: RoomId, user: UserId) -> bool;
}

/// An inbox event and the two texts in it that lists show.
#[derive(Debug, Clone)]
pub struct WrittenNotice {
    /// The event as it is sent.
    pub event: String,
    /// Headline, ≤ 100 characters.
    pub title: String,
    /// First words, ≤ 200 characters.
    pub body: String,
}
