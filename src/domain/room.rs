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

words!(
    /// From where on a reader sees the log of a room.
    History {
        /// From its beginning.
        All = "all",
        /// From the reader's coming on.
        SinceJoin = "since_join",
    }
);

words!(
    /// Who may write in a room.
    Writers {
        /// Everybody who may read it.
        All = "all",
        /// Its moderators.
        Moderators = "moderators",
    }
);

words!(
    /// Which messages of a room make an inbox entry for a member.
    Notify {
        /// All, one entry of new talk at a time.
        All = "all",
        /// Those that name or answer the member.
        Mentions = "mentions",
        /// None.
        None = "none",
    }
);

impl RoomKind {
    /// Whether membership of the club decides who may read, rather than rows of the room itself.
    #[must_use]
    pub const fn is_club_room(self) -> bool {
        matches!(self, Self::Member | Self::Manager)
    }

    /// Which messages make an inbox entry for members who have not said what they want: in small
    /// circles all of them.
    #[must_use]
    pub const fn default_notify(self) -> Notify {
        match self {
            Self::Group | Self::Private => Notify::All,
            Self::Member | Self::Manager | Self::Lobby => Notify::Mentions,
        }
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

    /// Whether somebody of this standing may pin here: among themselves people all may.
    #[must_use]
    pub const fn lets_pin(self, standing: Standing) -> bool {
        match self {
            Self::Member | Self::Manager | Self::Lobby => standing.is_moderator,
            Self::Group | Self::Private => true,
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
