//! Every limit that a client can meet, in one place: the parser, the schema and the error text
//! all take their number from here.

use std::time::Duration;

/// Characters (Unicode scalar values after NFC) of one message.
pub const TEXT_CHARS: usize = 4_000;
/// Bytes of the HTML that shows one message; a text that would need more is shown as it was written.
pub const HTML_BYTES: usize = 32_768;
/// Characters of a `cid`.
pub const CID_CHARS: usize = 64;
/// Characters of the name that a caller gives to a call.
pub const CALL_KEY_CHARS: usize = 64;
/// What a call of such a name was answered with is kept for so long, in milliseconds.
pub const ANSWER_LIFE_MS: i64 = 24 * 60 * 60 * 1_000;
/// Characters of one search.
pub const SEARCH_CHARS: usize = 200;
/// Bytes of one WebSocket message from a client, fragments joined.
pub const FRAME_BYTES: usize = 65_536;
/// Bytes of a REST body, uploads aside.
pub const BODY_BYTES: usize = 65_536;
/// Characters of a username.
pub const USERNAME_CHARS: (usize, usize) = (2, 64);
/// Characters of a display name.
pub const DISPLAY_NAME_CHARS: (usize, usize) = (1, 64);
/// Characters of a password.
pub const PASSWORD_CHARS: (usize, usize) = (8, 128);
/// Characters of the name of a club.
pub const CLUB_NAME_CHARS: (usize, usize) = (2, 40);
/// Characters of the name of a room.
pub const ROOM_NAME_CHARS: (usize, usize) = (1, 50);
/// Characters of the name of a room that is listed.
pub const LISTED_NAME_CHARS: (usize, usize) = (2, 50);
/// Characters of the topic of a room.
pub const TOPIC_CHARS: usize = 200;
/// Most seconds between two messages of one user in slow mode.
pub const SLOW_MODE_S: i64 = 21_600;
/// Most days for which a room that forgets keeps what is said.
pub const RETENTION_DAYS: i64 = 3_650;
/// Most people that one call brings into a room.
pub const INVITED: usize = 200;
/// A group with more members than this makes no inbox entry of each of its messages for members
/// who have not asked for that.
pub const SMALL_GROUP: i64 = 200;
/// Most names of who has read a message, or reacted to it with one emoji.
pub const SEEN_NAMES: i64 = 200;
/// Characters of what a person says of how they are.
pub const STATUS_CHARS: usize = 60;
/// People whom one user may block.
pub const BLOCKS: i64 = 1_000;
/// Most names that one message may call.
pub const MENTIONS: usize = 20;
/// Different emoji that one message may have as reactions.
pub const REACTION_EMOJI: usize = 20;
/// Pinned messages of one room.
pub const PINS: i64 = 50;
/// Texts of an edited message that are kept; the oldest go first.
pub const REVISIONS: i64 = 100;
/// Bots of one user.
pub const BOTS: i64 = 20;
/// Machines between a human and a question of a bot to the assistant, the bot among them, at most.
pub const HOPS: i64 = 3;
/// Messages of a room that are looked at for the last one that a bot did not write itself.
pub const HOPS_BACK: i64 = 100;
/// Messages that one op may delete.
pub const DELETE_MANY: usize = 100;
/// Files of one message.
pub const FILES: usize = 10;
/// Characters of the name of a file.
pub const FILE_NAME_CHARS: usize = 200;
/// The longer side of the small copy of a picture, in pixels.
pub const PREVIEW_SIDE: u32 = 640;
/// An upload that no message uses is kept for so long.
pub const UNUSED_FILE_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Days for which it is kept what the assistant used: a year, and some weeks to look back on.
pub const SPENT_DAYS: i64 = 400;
/// Links of one message that are looked up.
pub const LINK_PREVIEWS: usize = 3;
/// Entries of one page of a list: the default and the most.
pub const PAGE: (usize, usize) = (50, 200);
/// Bytes that the messages of one page say, in text and HTML and with what came with them, unless a
/// single one says more. So it is in the snapshot of a room.
pub const PAGE_BYTES: usize = 256 * 1024;
/// Messages in the snapshot of a room, at most.
pub const SNAPSHOT_MESSAGES: usize = 50;
/// Events that a client may be behind and still resume; the contract promises 1,000.
pub const RESUME_EVENTS: i64 = 5_000;
/// Above so many people online a room tells their number only.
pub const PRESENCE_NAMES: usize = 200;
/// How long one `typing` is shown.
pub const TYPING_SHOWN: Duration = Duration::from_secs(6);
/// A user's `typing` is passed on at most once in this time, per room.
pub const TYPING_EVERY: Duration = Duration::from_secs(3);
/// A user counts as online for so long after the last session ended.
pub const PRESENCE_GRACE: Duration = Duration::from_secs(10);
/// Malformed frames in a minute before the session is closed with 4500.
pub const BAD_FRAMES: u32 = 20;
/// Bytes that may wait in the outbox of one session.
pub const OUTBOX_BYTES: usize = 1 << 20;
/// How long a session may stay without signing in.
pub const AUTH_WITHIN: Duration = Duration::from_secs(10);
/// A write that makes no progress for so long ends the session with 4003.
pub const WRITE_STUCK: Duration = Duration::from_secs(30);
/// A ticket lives so long.
pub const TICKET_LIFE: Duration = Duration::from_secs(30);
