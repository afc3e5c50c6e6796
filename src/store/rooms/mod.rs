//! Rooms: what they are, who may read them, what is new in them for whom.
//!
//! *Belongs here:* the room and its lists. *Does not belong here:* its log (`log.rs`,
//! `messages.rs`), and joining, reading and leaving, which the journal writes.

mod directory;
mod hosts;
mod members;
mod own;
mod pairs;
mod rights;
mod seen;
mod types;
mod views;
mod write;

pub use directory::{Listed, ListedQuery};
pub use rights::Reach;
pub(super) use rights::{may_read, muted_until, rank, rank_in, rank_of_club, visible_after};
pub use seen::{ReactedBy, Seen, SeenBy};
pub use types::{
    FilterStamp, Manner, NewRoom, RoomInfo, RoomMember, RoomPatch, RoomView, RosterRow,
};
pub(super) use views::{inside, mentions, of_clubs, read_n};
pub use write::{RoomChanged, RoomMade};
