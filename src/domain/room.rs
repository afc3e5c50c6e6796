//! Kinds of rooms and a user's standing in one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::permission::{Least, Permission, Rank, Rules};
use super::role::words;
use super::{ClubRole, Millis, Waking};

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
}

/// Somebody inside a room, as the roster of the live room holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What they are there.
    pub rank: Rank,
    /// Until when they may not write, if muted. A moment that has passed means nothing.
    pub muted_until: Option<Millis>,
}

impl Standing {
    /// Of this rank, and not muted.
    #[must_use]
    pub const fn new(rank: Rank) -> Self {
        Self { rank, muted_until: None }
    }

    /// Whether the pace of the room and its filters are not for them.
    #[must_use]
    pub fn is_moderator(&self) -> bool {
        self.rank.is_moderator()
    }
}

/// Why somebody inside a room may not do something there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It takes a higher rank.
    Rank(Least),
    /// Not until then.
    Muted(Millis),
    /// One of the two who are in it has blocked the other.
    Blocked,
}

/// What a room asks of those who are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomSettings {
    /// Who may do what.
    pub rules: Rules,
    /// The least time between two messages of one member; zero where there is none.
    pub slow_mode: Duration,
    /// What wakes the assistant.
    pub waking: Waking,
    /// Whether one of the two of a private room has blocked the other: then it is only read.
    pub is_shut: bool,
}

impl RoomSettings {
    /// A room of a kind that says nothing of its own.
    #[must_use]
    pub fn of(kind: RoomKind) -> Self {
        let (slow_mode, waking) = (Duration::ZERO, Waking::Mention);
        Self { rules: Rules::of(kind), slow_mode, waking, is_shut: false }
    }

    /// Whether somebody may do something now.
    ///
    /// # Errors
    /// [`Denied`]; the rank comes first, for it does not pass by waiting.
    pub fn check(
        &self,
        standing: Standing,
        permission: Permission,
        now: Millis,
    ) -> Result<(), Denied> {
        if !self.rules.allows(permission, standing.rank) {
            return Err(Denied::Rank(self.rules.least(permission)));
        }
        if self.is_shut && permission.is_between_people() {
            return Err(Denied::Blocked);
        }
        match standing.muted_until {
            Some(until) if permission.is_speech() && until > now => Err(Denied::Muted(until)),
            _free => Ok(()),
        }
    }

    /// Whether somebody of a rank may do something, as far as the room goes.
    #[must_use]
    pub fn lets(&self, permission: Permission, rank: Rank) -> bool {
        self.check(Standing::new(rank), permission, Millis(0)).is_ok()
    }

    /// How long somebody still has to wait who has written last at some moment. Moderators never
    /// do.
    #[must_use]
    pub fn wait(&self, standing: Standing, last: Millis, now: Millis) -> Option<Duration> {
        if standing.is_moderator() {
            return None;
        }
        let next = last.plus(self.slow_mode);
        let left = u64::try_from(next.0.saturating_sub(now.0)).ok().filter(|left| *left > 0)?;
        // A clock that was set back makes nobody wait longer than the room does.
        let wait = Duration::from_millis(left).min(self.slow_mode);
        (!wait.is_zero()).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slow(seconds: u64) -> RoomSettings {
        let slow_mode = Duration::from_secs(seconds);
        RoomSettings { slow_mode, ..RoomSettings::of(RoomKind::Member) }
    }

    #[test]
    fn who_is_muted_reads_and_reacts() {
        let settings = slow(0);
        let standing = Standing { rank: Rank::Member, muted_until: Some(Millis(100)) };
        let check = |permission, now| settings.check(standing, permission, Millis(now));
        assert_eq!(check(Permission::Send, 99), Err(Denied::Muted(Millis(100))));
        assert_eq!(check(Permission::Attach, 99), Err(Denied::Muted(Millis(100))));
        assert_eq!(check(Permission::Send, 100), Ok(()), "it ends by itself");
        assert_eq!(check(Permission::React, 99), Ok(()));
        assert_eq!(check(Permission::Read, 99), Ok(()));
        assert_eq!(check(Permission::Pin, 99), Err(Denied::Rank(Least::Moderator)));
    }

    #[test]
    fn a_shut_room_is_only_read() {
        let settings = RoomSettings { is_shut: true, ..RoomSettings::of(RoomKind::Private) };
        let lets: Vec<_> =
            Permission::all().filter(|one| settings.lets(*one, Rank::Member)).collect();
        assert_eq!(lets, [Permission::Read]);
        let member = Standing::new(Rank::Member);
        let denied = settings.check(member, Permission::Pin, Millis(0));
        assert_eq!(denied, Err(Denied::Blocked));
    }

    proptest! {
        /// The wait is exact: a millisecond before its end one has to wait, at its end not.
        #[test]
        fn the_wait_is_exact(seconds in 1..21_600_u64, last in 0..1_i64 << 40, after in 0..1_i64 << 26) {
            let (settings, last) = (slow(seconds), Millis(last));
            let now = Millis(last.0 + after);
            let member = Standing::new(Rank::Member);
            match settings.wait(member, last, now) {
                Some(wait) => {
                    let end = now.plus(wait);
                    prop_assert_eq!(end, last.plus(settings.slow_mode));
                    prop_assert_eq!(settings.wait(member, last, end), None);
                    let before = Millis(end.0 - 1);
                    prop_assert_eq!(settings.wait(member, last, before), Some(Duration::from_millis(1)));
                }
                None => prop_assert!(now >= last.plus(settings.slow_mode)),
            }
            prop_assert_eq!(settings.wait(Standing::new(Rank::Moderator), last, now), None);
        }
    }
}
