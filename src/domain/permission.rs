//! Who may do what in a room: one table per kind of room, and what a room says otherwise.
//!
//! Every check goes through [`Rules::allows`]: [`Rules::of`] is the table, [`Rules::with`] puts the
//! room's own words over it. What only a person's state forbids (a mute) is in `room.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::role::{ClubRole, words};
use super::room::RoomKind;

/// In rooms of so many readers or fewer anyone may call all of them.
pub const SMALL_ROOM: usize = 50;

words!(
    /// Something that one may be allowed to do in a room.
    Permission {
        /// Hear it and read it. Who is inside decides, so no room says otherwise.
        Read = "read",
        /// Write, and edit what one has written.
        Send = "send",
        /// React to messages.
        React = "react",
        /// Attach files.
        Attach = "attach",
        /// Call everybody at once.
        MentionAll = "mention_all",
        /// Pin messages and take pins away.
        Pin = "pin",
        /// Delete what others have written.
        DeleteOthers = "delete_others",
        /// Bring others in.
        Invite = "invite",
        /// Put others out, and keep them out.
        Kick = "kick",
        /// Keep others from writing for a while.
        Mute = "mute",
        /// Change the room and who may do what in it.
        Configure = "configure",
    }
);

words!(
    /// What somebody is in a room; the order is the rank.
    Rank {
        /// Inside.
        Member = "member",
        /// Manager of the room's club.
        Moderator = "moderator",
        /// Owner of the room's club, host of a group, admin in a lobby.
        Owner = "owner",
    }
);

words!(
    /// The lowest rank that is allowed something.
    Least {
        /// Everybody inside.
        Member = "member",
        /// Moderators and the owner.
        Moderator = "moderator",
        /// The owner alone.
        Owner = "owner",
        /// Nobody at all.
        Nobody = "nobody",
    }
);

impl Rank {
    /// Whether this is a moderator as the rules of rooms mean it.
    #[must_use]
    pub fn is_moderator(self) -> bool {
        self >= Self::Moderator
    }
}

impl From<ClubRole> for Rank {
    fn from(role: ClubRole) -> Self {
        match role {
            ClubRole::Member => Self::Member,
            ClubRole::Manager => Self::Moderator,
            ClubRole::Owner => Self::Owner,
        }
    }
}

impl Least {
    /// Whether a rank is high enough.
    #[must_use]
    pub const fn admits(self, rank: Rank) -> bool {
        match self {
            Self::Member => true,
            Self::Moderator => !matches!(rank, Rank::Member),
            Self::Owner => matches!(rank, Rank::Owner),
            Self::Nobody => false,
        }
    }
}

const ALL: Least = Least::Member;
const MOD: Least = Least::Moderator;
const NO: Least = Least::Nobody;

/// What `write` of a room says where only moderators write.
const ONLY_MODERATORS: &str = "moderators";
/// How many permissions there are.
const COUNT: usize = 11;

/// The table. In a room of managers everybody is one.
#[rustfmt::skip]
const TABLE: [(Permission, [Least; 5]); COUNT] = [
    //                          member manager group private lobby
    (Permission::Read,         [ALL,   MOD,    ALL,  ALL,    ALL]),
    (Permission::Send,         [ALL,   MOD,    ALL,  ALL,    ALL]),
    (Permission::React,        [ALL,   MOD,    ALL,  ALL,    ALL]),
    (Permission::Attach,       [ALL,   MOD,    ALL,  ALL,    ALL]),
    (Permission::MentionAll,   [MOD,   MOD,    MOD,  ALL,    MOD]),
    (Permission::Pin,          [MOD,   MOD,    ALL,  ALL,    MOD]),
    (Permission::DeleteOthers, [MOD,   MOD,    MOD,  NO,     MOD]),
    (Permission::Invite,       [NO,    NO,     ALL,  NO,     NO]),
    (Permission::Kick,         [MOD,   MOD,    MOD,  NO,     MOD]),
    (Permission::Mute,         [MOD,   MOD,    MOD,  NO,     MOD]),
    (Permission::Configure,    [MOD,   MOD,    MOD,  NO,     MOD]),
];

const fn column(kind: RoomKind) -> usize {
    match kind {
        RoomKind::Member => 0,
        RoomKind::Manager => 1,
        RoomKind::Group => 2,
        RoomKind::Private => 3,
        RoomKind::Lobby => 4,
    }
}

impl Permission {
    /// Every one there is, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(permission, _row)| *permission)
    }

    /// What a mute takes away. Who is muted still reads and reacts.
    #[must_use]
    pub const fn is_speech(self) -> bool {
        matches!(self, Self::Send | Self::Attach | Self::MentionAll)
    }

    /// Whether the two of a private room do it to one another: nobody does while one has blocked the
    /// other.
    #[must_use]
    pub const fn is_between_people(self) -> bool {
        self.is_speech() || matches!(self, Self::React | Self::Pin)
    }

    /// The lowest rank where a room says nothing.
    #[must_use]
    pub fn default_in(self, kind: RoomKind) -> Least {
        let row = TABLE.iter().find(|(permission, _row)| *permission == self);
        row.and_then(|(_, row)| row.get(column(kind))).copied().unwrap_or(NO)
    }

    /// Whether a room of this kind may say something of its own.
    #[must_use]
    pub fn is_settable(self, kind: RoomKind) -> bool {
        !self.choices(kind).is_empty()
    }

    /// What a room of this kind may say instead of the default: nothing where no call would obey.
    fn choices(self, kind: RoomKind) -> &'static [Least] {
        match self {
            Self::Read => &[],
            // Nobody configures it.
            _ if kind == RoomKind::Private => &[],
            _ if self.default_in(kind) == NO => &[],
            // Kept as the room's `write`, which knows these two.
            Self::Send if kind == RoomKind::Manager => &[],
            Self::Send => &[ALL, MOD],
            Self::React | Self::Attach | Self::MentionAll | Self::Pin | Self::Invite => {
                &[ALL, MOD, Least::Owner, NO]
            }
            Self::DeleteOthers => &[MOD, Least::Owner, NO],
            // Who is put out of a club, or muted, is so in all its rooms.
            Self::Kick | Self::Mute if kind.is_club_room() => &[],
            Self::Kick | Self::Mute => &[MOD, Least::Owner, NO],
            // Somebody must be able to change it back. Elsewhere there is nobody in between.
            Self::Configure if kind.is_club_room() => &[MOD, Least::Owner],
            Self::Configure => &[],
        }
    }
}

/// Why a room cannot say this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOverride {
    /// It is the same in all rooms of this kind.
    #[error("is the same in all rooms of this kind")]
    Fixed,
    /// Not among the choices.
    #[error("cannot be {0} here")]
    NoChoice(Least),
    /// It stands at, or would stand at, a rank above that of who wants it.
    #[error("is for the owner to say")]
    AboveYou,
}

/// What one room says instead of the table. It may say the same: then that stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides(BTreeMap<Permission, Least>);

impl Overrides {
    /// Reads what [`fmt::Display`] and [`Self::write`] have written. Words of a newer version are
    /// left out, and mean the default.
    #[must_use]
    pub fn read(text: &str, write: &str) -> Self {
        let pair = |word: &str| {
            let (permission, least) = word.split_once('=')?;
            Some((permission.parse().ok()?, least.parse().ok()?))
        };
        let mut overrides: BTreeMap<_, _> =
            text.split_ascii_whitespace().filter_map(pair).collect();
        overrides.remove(&Permission::Send);
        if write == ONLY_MODERATORS {
            overrides.insert(Permission::Send, MOD);
        }
        Self(overrides)
    }

    /// Who writes, as the room's own setting `write` says it: `all` or `moderators`.
    #[must_use]
    pub fn write(&self) -> &'static str {
        if self.0.contains_key(&Permission::Send) { ONLY_MODERATORS } else { "all" }
    }

    /// What the room says of a permission, if anything.
    #[must_use]
    pub fn get(&self, permission: Permission) -> Option<Least> {
        self.0.get(&permission).copied()
    }

    /// Changes one permission of a room of this kind on behalf of somebody of this rank; none goes
    /// back to the default. Whether they may configure the room at all is asked before.
    ///
    /// # Errors
    /// [`InvalidOverride`]; nothing is changed then.
    pub fn set(
        &mut self,
        kind: RoomKind,
        permission: Permission,
        wish: Option<Least>,
        by: Rank,
    ) -> Result<(), InvalidOverride> {
        let choices = permission.choices(kind);
        if choices.is_empty() {
            return Err(InvalidOverride::Fixed);
        }
        if let Some(odd) = wish.filter(|wish| !choices.contains(wish)) {
            return Err(InvalidOverride::NoChoice(odd));
        }
        let default = permission.default_in(kind);
        let (was, becomes) = (self.get(permission).unwrap_or(default), wish.unwrap_or(default));
        if was != becomes && by < Rank::Owner && [was, becomes].contains(&Least::Owner) {
            return Err(InvalidOverride::AboveYou);
        }
        match wish {
            // `write` has no word for saying what is so anyway.
            Some(same) if permission == Permission::Send && same == default => {
                self.0.remove(&permission)
            }
            Some(least) => self.0.insert(permission, least),
            None => self.0.remove(&permission),
        };
        Ok(())
    }
}

/// All but who writes, which has a place of its own.
impl fmt::Display for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.0.iter().filter(|(permission, _)| **permission != Permission::Send);
        for (place, (permission, least)) in others.enumerate() {
            let gap = if place == 0 { "" } else { " " };
            write!(f, "{gap}{permission}={least}")?;
        }
        Ok(())
    }
}

/// Who may do what in one room: the table, with what the room says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    kind: RoomKind,
    least: [Least; COUNT],
    /// The room says itself who may call everybody.
    says_who_calls: bool,
}

impl Rules {
    /// The table for rooms of a kind.
    #[must_use]
    pub fn of(kind: RoomKind) -> Self {
        let at = |(_, row): &(Permission, [Least; 5])| row.get(column(kind)).copied();
        let mut least = [NO; COUNT];
        for (least, row) in least.iter_mut().zip(&TABLE) {
            *least = at(row).unwrap_or(NO);
        }
        Self { kind, least, says_who_calls: false }
    }

    /// What holds for a club as a whole, for all its rooms at once: the table of its member rooms.
    #[must_use]
    pub fn of_club() -> Self {
        Self::of(RoomKind::Member)
    }

    /// The same, where a room says otherwise.
    #[must_use]
    pub fn with(mut self, overrides: &Overrides) -> Self {
        for (permission, said) in &overrides.0 {
            // What an older version allowed and this one does not is the default again.
            let is_choice = permission.choices(self.kind).contains(said);
            if let Some(least) = self.least.get_mut(*permission as usize).filter(|_| is_choice) {
                *least = *said;
                self.says_who_calls |= *permission == Permission::MentionAll;
            }
        }
        self
    }

    /// The lowest rank that is allowed something.
    #[must_use]
    pub fn least(&self, permission: Permission) -> Least {
        self.least.get(permission as usize).copied().unwrap_or(NO)
    }

    /// Whether somebody of a rank may do something.
    #[must_use]
    pub fn allows(&self, permission: Permission, rank: Rank) -> bool {
        self.least(permission).admits(rank)
    }

    /// Whether somebody may kick, ban or mute somebody else: it takes the permission, and a rank
    /// above that of the other. Who is not inside has the lowest.
    #[must_use]
    pub fn allows_on(&self, permission: Permission, rank: Rank, other: Rank) -> bool {
        self.allows(permission, rank) && rank > other
    }

    /// Whether somebody may call everybody in a room of so many readers. In a small one anyone may,
    /// unless the room says otherwise.
    #[must_use]
    pub fn allows_mention_all(&self, rank: Rank, readers: usize) -> bool {
        let is_free = !self.says_who_calls && readers <= SMALL_ROOM;
        is_free || self.allows(Permission::MentionAll, rank)
    }
}

#[cfg(test)]
mod tests;
