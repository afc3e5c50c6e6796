//! The words of the product and its pure rules: ids, names, texts and their look, roles, limits.
//!
//! *Belongs here:* types that parse, and rules that need nothing but their arguments.
//! *Does not belong here:* I/O, clocks, JSON shapes, SQL. Nothing here knows another folder.

mod club;
mod emoji;
mod ids;
pub mod limits;
pub(crate) mod markup;
mod mention;
mod names;
mod permission;
mod position;
mod role;
mod room;
mod search;
mod status;
mod text;
mod time;

pub use club::{
    Category, ClubKind, DESCRIPTION_CHARS, GREETING_CHARS, InvalidClub, JoinPolicy, Visibility,
    access, optional_text,
};
pub use emoji::{Emoji, InvalidEmoji};
pub use ids::{ClubId, DeviceId, InvalidId, MessageId, NoticeId, RoomId, SessionId, UserId};
pub use mention::{Calls, Group, calls};
pub use names::{ClubName, DisplayName, InvalidName, Password, RoomName, Username};
pub use permission::{InvalidOverride, Least, Overrides, Permission, Rank, Rules, SMALL_ROOM};
pub use position::{Epoch, InvalidPosition, Position};
pub use role::{ClubRole, InstanceRole, InvalidWord, MembershipStatus};
pub use room::{History, Notify, RoomKind, Standing, Writers};
pub use search::{
    InvalidQuery, SEARCH_TERMS, SearchText, Span, Token, author_token, file_token, holds_link,
    link_token, room_token, tokens,
};
pub use status::{Availability, Status};
pub use text::{Cid, InvalidText, Text};
pub use time::{InvalidTime, Millis};
