//! The words of the product and its pure rules: ids, names, texts and their look, roles, limits.
//!
//! *Belongs here:* types that parse, and rules that need nothing but their arguments.
//! *Does not belong here:* I/O, clocks, JSON shapes, SQL. Nothing here knows another folder.

mod assistant;
mod club;
mod emoji;
mod file;
mod filter;
mod ids;
pub mod limits;
mod link;
pub(crate) mod markup;
mod mention;
mod moderation;
mod names;
mod permission;
mod position;
mod role;
mod room;
mod search;
mod status;
mod text;
mod time;

pub use assistant::{
    ASSISTANT, Finish, HINT_CHARS, Mode, PERSONA_CHARS, Speech, Wakes, Waking, asked_words,
    calls_assistant, command, question,
};
pub use club::{
    Category, ClubKind, DESCRIPTION_CHARS, GREETING_CHARS, InvalidClub, JoinPolicy, Visibility,
    access, optional_text,
};
pub use emoji::{Emoji, InvalidEmoji};
pub use file::{FileName, InvalidFiles, check_files, in_address};
pub use filter::{
    FILTER_BYTES, FILTERS, Filter, FilterAction, FilterKind, FilterRule, InvalidPattern, Pattern,
    Verdict,
};
pub use ids::{
    AuditId, ClubId, DeviceId, FileId, FilterId, InvalidId, MessageId, NoticeId, ReportId, RoomId,
    RunId, SessionId, UserId,
};
pub use link::LinkPreview;
pub use markup::{Addresses, quote};
pub use mention::{Calls, Group, calls};
pub use moderation::{
    AuditAction, BAN_SECONDS, MUTE_SECONDS, NOTE_CHARS, REASON_CHARS, ReportReason, ReportStatus,
    Settlement,
};
pub use names::{ClubName, DisplayName, InvalidName, Password, RoomName, Username};
pub use permission::{InvalidOverride, Least, Overrides, Permission, Rank, Rules, SMALL_ROOM};
pub use position::{Epoch, InvalidPosition, Position};
pub use role::{ClubRole, InstanceRole, InvalidWord, MembershipStatus};
pub use room::{Denied, History, Notify, RoomKind, RoomSettings, Standing, Writers};
pub use search::{
    InvalidQuery, SEARCH_TERMS, SearchText, Span, Token, author_token, file_token, holds_link,
    link_token, room_token, tokens,
};
pub use status::{Availability, Status};
pub use text::{Cid, InvalidText, Text};
pub use time::{Day, InvalidTime, Millis};
