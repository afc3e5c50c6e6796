//! Inbox entries that no message causes: somebody was brought into a room, has another role, was put
//! out of a club, or has none any more.

use std::collections::BTreeSet;

use crate::domain::{ClubId, ClubRole, RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::StoredNotice;
use crate::store::blocks::apart_of;
use crate::store::db::{Conn, fetch_optional};
use crate::store::given::{Given, Script};
use crate::store::writer::{EventWriter, NewNotice, Removal, WrittenNotice};

use super::members::Mover;
use super::notices::{HEADS, NOTICES, fresh_ids};
use super::places::Places;

/// An entry to write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letter<'a> {
    kind: &'static str,
    user: UserId,
    room: Option<RoomId>,
    club: Option<ClubId>,
    role: Option<ClubRole>,
    removal: Removal,
    reason: &'a str,
    /// Whether it says who caused it.
    is_signed: bool,
}

impl<'a> Letter<'a> {
    const fn new(kind: &'static str, user: UserId) -> Self {
        let (room, club, role, removal) = (None, None, None, Removal::Kicked);
        Self { kind, user, room, club, role, removal, reason: "", is_signed: true }
    }

    /// A user was brought into a group room.
    pub(super) const fn invite(room: RoomId, user: UserId) -> Self {
        Self { room: Some(room), ..Self::new("room_invite", user) }
    }

    /// A user has another role in a club.
    pub(super) const fn role(club: ClubId, user: UserId, role: ClubRole) -> Self {
        Self { club: Some(club), role: Some(role), ..Self::new("club_role", user) }
    }

    /// A user is out of a club, how, and why. Not by whom: that is between them and the club.
    pub(super) const fn removal(
        club: ClubId,
        user: UserId,
        removal: Removal,
        reason: &'a str,
    ) -> Self {
        let plain = Self::new("club_removed", user);
        Self { club: Some(club), removal, reason, is_signed: false, ..plain }
    }

    fn from(&self, who: Mover) -> Option<UserId> {
        self.is_signed.then_some(who.user)
    }
}

/// Writes entries that one person caused in one place, and gives them back in this order.
pub(super) async fn write(
    conn: &mut Conn,
    places: &mut Places,
    (letters, from): (&[Letter<'_>], Mover),
    writer: &dyn EventWriter,
) -> Result<Vec<StoredNotice>, StoreError> {
    let letters = heard(conn, letters, from).await?;
    let Some(first) = letters.first() else { return Ok(Vec::new()) };
    let from_name = name_of(conn, Named::User(from.user)).await?;
    let place = match (first.room, first.club) {
        (Some(room), _) => name_of(conn, Named::Room(room)).await?,
        (None, Some(club)) => name_of(conn, Named::Club(club)).await?,
        (None, None) => String::new(),
    };
    let users: BTreeSet<i64> = letters.iter().map(|letter| letter.user.0).collect();
    let mut inboxes = places.inboxes.lock(conn, users).await?;
    let ids = fresh_ids(conn, letters.len()).await?;
    let mut written = Vec::with_capacity(letters.len());
    for (letter, id) in letters.iter().copied().zip(ids) {
        let Some(inbox) = inboxes.get_mut(&letter.user) else { continue };
        inbox.head += 1;
        let notice = NewNotice {
            id,
            kind: letter.kind,
            user: letter.user,
            locale: &inbox.locale,
            from_name: &from_name,
            from: letter.from(from),
            room: letter.room,
            message_seq: None,
            club: letter.club,
            place: &place,
            role: letter.role,
            removal: letter.removal,
            excerpt: letter.reason,
            at: from.at,
        };
        written.push((letter, id, inbox.head, writer.notice(&notice, inbox.head)));
    }
    let mut script = Script::new();
    let given = Given::new()
        .ints(inboxes.keys().map(|user| user.0))
        .ints(inboxes.values().map(|inbox| inbox.head));
    script.add(&HEADS, given);
    let given = Given::new()
        .ints(written.iter().map(|(_letter, id, ..)| id.0))
        .ints(written.iter().map(|(letter, ..)| letter.user.0))
        .ints(written.iter().map(|(_letter, _id, seq, _written)| *seq))
        .texts(written.iter().map(|(letter, ..)| letter.kind))
        .maybe_ints(written.iter().map(|(letter, ..)| letter.room.map(|room| room.0)))
        .maybe_ints(written.iter().map(|_none| None))
        .maybe_ints(written.iter().map(|(letter, ..)| letter.from(from).map(|user| user.0)))
        .texts(written.iter().map(|(.., written)| written.title.as_str()))
        .texts(written.iter().map(|(.., written)| written.body.as_str()))
        .texts(written.iter().map(|(.., written)| written.event.as_str()))
        .ints(written.iter().map(|_one| from.at.0));
    script.add(&NOTICES, given);
    script.run(conn).await?;
    let stored = |(letter, _id, seq, written): (&Letter<'_>, _, i64, WrittenNotice)| StoredNotice {
        user: letter.user,
        seq,
        body: written.event.into(),
    };
    Ok(written.into_iter().map(stored).collect())
}

/// Without those who hear nothing of who caused it, as one of the two has blocked the other. What does
/// not say by whom it was caused comes all the same.
async fn heard<'l, 'a>(
    conn: &mut Conn,
    letters: &'l [Letter<'a>],
    from: Mover,
) -> Result<Vec<&'l Letter<'a>>, StoreError> {
    let signed = letters.iter().filter(|letter| letter.is_signed);
    let pairs: BTreeSet<_> = signed.map(|letter| (from.user, letter.user)).collect();
    let apart = apart_of(conn, &pairs).await?;
    let is_heard =
        |letter: &&Letter<'_>| !(letter.is_signed && apart.contains(&(from.user, letter.user)));
    Ok(letters.iter().filter(is_heard).collect())
}

enum Named {
    User(UserId),
    Room(RoomId),
    Club(ClubId),
}

async fn name_of(conn: &mut Conn, what: Named) -> Result<String, StoreError> {
    let (sql, id) = match what {
        Named::User(user) => ("SELECT display_name FROM account WHERE user_id = $1", user.0),
        Named::Room(room) => ("SELECT name FROM room WHERE room_id = $1", room.0),
        Named::Club(club) => ("SELECT name FROM club WHERE club_id = $1", club.0),
    };
    let row = fetch_optional!(conn, (String,), sql, id)?;
    Ok(row.map(|(name,)| name).unwrap_or_default())
}
