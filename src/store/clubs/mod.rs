//! Clubs and who belongs to them.
//!
//! *Belongs here:* the club and its list of members. *Does not belong here:* joining and leaving;
//! they write log lines, so they are in the journal.

mod assistant;
mod read;
mod types;
mod write;

pub use assistant::{ClubAssistant, ClubAssistantChange, ClubAssistantPatch, Inherited};
pub(super) use types::MemberRow;
pub use types::{
    Club, ClubChange, ClubDeleted, ClubMember, ClubPatch, ClubQuery, ClubSort, Membership,
    MyMembership, NewClub,
};
pub(super) use write::delete;
