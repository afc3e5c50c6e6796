//! Kinds of rooms and a user's standing in one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::role::words;
use super::{ClubRole, Millis};

words!(
    /// What a room is for, and by that who reads and writes in it.
    RoomKind {
        /// Every active member of its club.
        Member = "member",
        /// Managers and the owner of its club; for others it does not exist.
        Manager = "manager",
        /// Whoever is in it; its maker is the host.
        Group = "group",
        /// Exactly two.
        Private = "private",
        /// Every signed-in user after joining; `general` is joined at registration.
        Lobby = "lobby",
    }
);

impl RoomKind {
    /// Whether membership of the club decides who may read, rather than rows of the room itself.
    #[must_use]
    pub const fn is_club_room(self) -> bool {
        matches!(self, Self::Member | Self::Manager)
    }

    /// Whether an active club member of this role may read and write here.
    #[must_use]
    pub fn admits(self, role: ClubRole) -> bool {
        match self {
            Self::Member => true,
            Self::Manager => role >= ClubRole::Manager,
            Self::Group | Self::Private | Self::Lobby => false,
        }
    }
}

/// What a reader of a room may do there, as the roster of the live room holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Manager+ of the club, host of a group, admin in a lobby.
    pub is_moderator: bool,
    /// Until when the user may not write, if muted.
    pub muted_until: Option<Millis>,
}
