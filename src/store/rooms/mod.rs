//! Rooms: what they are, who may read them, what is new in them for whom.
//!
//! *Belongs here:* the room and its lists. *Does not belong here:* its log (`log.rs`,
//! `messages.rs`), and joining, reading and leaving, which the journal writes.

mod rights;
mod types;
mod views;
mod write;

pub(super) use rights::may_read;
pub use types::{NewRoom, RoomInfo, RoomMember, RoomView, RosterRow};
