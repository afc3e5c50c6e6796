//! Moderation: who was put out and stays out, what was reported, what moderators did, what a club
//! does not want to read, and who may do what in a room.
//!
//! *Belongs here:* these rows, and the acts on them that touch no log. *Does not belong here:*
//! kicks, bans and mutes themselves: they end memberships and write lines, so the journal does them
//! (`journal/measures.rs`), with the help of `audit.rs` and `reports.rs`.
//!
//! * **Invariant:** what a moderator did is in the audit log if and only if it was done: one
//!   transaction.
//! * **Invariant:** `room.rev` goes up with every change that the log of the room does not tell.

mod audit;
mod bans;
mod deleted;
mod filters;
mod mutes;
mod permissions;
mod reports;
mod touch;
mod types;

pub(super) use audit::{Book, Note, note};
pub(super) use bans::ban_reason;
pub(super) use deleted::deleted;
pub(super) use reports::{Case, Flagged, case, flag, settle, settle_once};
pub(super) use touch::{lock_lobbies, lock_rooms, touch};
pub use types::{
    AuditEntry, Ban, FilterAdded, FilterRemoved, FilterScope, Measure, Moderation, Mute, NewFilter,
    NewReport, OwnBan, OwnMute, PermissionChange, Report, Reported, RoomStanding, Settling, Within,
};
