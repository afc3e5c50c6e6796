//! What those who sign in need to know, read for many at a time: after a restart everybody comes in
//! the same second. So a row says all of a user, and what is the same for all members of a room is
//! read once for the room; each row and column costs more on its way than in the database.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::given::{Bulk, Given, bulk};
use super::inbox::InboxHead;
use super::rooms::{inside, mentions, of_clubs, read_n};
use super::{RoomView, Store, StoreError};
use crate::domain::{ClubId, Epoch, Notify, RoomId, RoomKind, UserId};

/// One who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Who.
    pub user: UserId,
    /// The name to sign in with.
    pub username: String,
    /// The name that others see.
    pub display_name: String,
    /// What they say of themselves.
    pub status_text: String,
    /// Where the inbox stands.
    pub inbox: InboxHead,
    /// The rooms that they may read, in the order of their ids.
    pub rooms: Vec<RoomView>,
}

/// What one user has to do with a room that they may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    room: i64,
    read_n: i64,
    mentions: i64,
    /// It is hidden as long as it has no more messages.
    hidden_n: i64,
    notify: Notify,
}

/// A room as all its readers see it.
#[derive(Debug)]
struct Place {
    name: Arc<str>,
    kind: RoomKind,
    club: Option<ClubId>,
    /// The sum of the ids of the two in a private room.
    pair: Option<i64>,
    epoch: Epoch,
    head: i64,
    n: i64,
}

/// A [`Mark`] as text: four numbers and a word.
macro_rules! mark {
    () => {
        concat!(
            "room.room_id || ' ' || ",
            read_n!(),
            " || ' ' || ",
            mentions!("account.user_id"),
            " || ' ' || coalesce(seen.hidden_n, -1) || ' ' || coalesce(seen.notify, room.notify)"
        )
    };
}

/// Each user with all that is theirs alone.
const ARRIVALS: Bulk = bulk!(
    concat!(
        "SELECT account.user_id, account.username, account.display_name, account.status_text,
                inbox.epoch, inbox.head,
                (SELECT count(*) FROM notice WHERE notice.user_id = account.user_id
                    AND notice.read_at IS NULL AND notice.dropped_at IS NULL) AS unread,
                (SELECT string_agg(", mark!(), ", ' ') FROM ", of_clubs!("account.user_id"),
        ") AS of_clubs,
                (SELECT string_agg(", mark!(), ", ' ') FROM ", inside!("account.user_id"),
        ") AS inside
           FROM "
    ),
    (user_id bigint),
    " CROSS JOIN account CROSS JOIN inbox
      WHERE account.user_id = given.user_id AND inbox.user_id = account.user_id"
);

/// Rooms by their ids.
const PLACES: Bulk = bulk!(
    "SELECT room.room_id, room.name, room.kind, room.club_id, room.pair_low + room.pair_high,
            room.epoch, room.head, room.n FROM ",
    (room_id bigint),
    " CROSS JOIN room WHERE room.room_id = given.room_id AND +room.deleted_at IS NULL"
);

/// A private room bears the name of the other one in it.
const PEERS: Bulk = bulk!(
    "SELECT account.user_id, account.display_name FROM ",
    (user_id bigint),
    " CROSS JOIN account WHERE account.user_id = given.user_id"
);

#[derive(Debug, sqlx::FromRow)]
struct ArrivalRow {
    user_id: i64,
    username: String,
    display_name: String,
    status_text: String,
    epoch: String,
    head: i64,
    unread: i64,
    of_clubs: Option<String>,
    inside: Option<String>,
}

type PlaceRow = (i64, String, String, Option<i64>, Option<i64>, String, i64, i64);

impl Store {
    /// What these users need to know when they sign in, all of one moment, each once and in no
    /// order; unknown users are left out.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn arrivals(&self, users: &[UserId]) -> Result<Vec<Arrival>, StoreError> {
        let users: BTreeSet<_> = users.iter().map(|user| user.0).collect();
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin_reading().await?;
        let read = async {
            let rows: Vec<ArrivalRow> = tx.given_all(&ARRIVALS, Given::new().ints(users)).await?;
            let marks: Vec<_> = rows.iter().map(ArrivalRow::marks).collect();
            let rooms: BTreeSet<_> = marks.iter().flatten().map(|mark| mark.room).collect();
            let found: Vec<PlaceRow> = tx.given_all(&PLACES, Given::new().ints(rooms)).await?;
            let places: HashMap<_, _> = found.into_iter().map(place).collect::<Result<_, _>>()?;
            let peer = |user: i64, mark: &Mark| Some(places.get(&mark.room)?.pair? - user);
            let with = |(row, marks): (&ArrivalRow, &Vec<Mark>)| {
                marks.iter().filter_map(|mark| peer(row.user_id, mark)).collect::<Vec<_>>()
            };
            let peers: BTreeSet<_> = rows.iter().zip(&marks).flat_map(with).collect();
            let peers: Vec<(i64, String)> = match peers.is_empty() {
                true => Vec::new(),
                false => tx.given_all(&PEERS, Given::new().ints(peers)).await?,
            };
            let peers = peers.into_iter().map(|(user, name)| (user, name.into())).collect();
            Ok(rows.into_iter().zip(marks).map(|row| arrival(row, &places, &peers)).collect())
        };
        let read = read.await;
        tx.end(read).await
    }
}

impl ArrivalRow {
    fn marks(&self) -> Vec<Mark> {
        let texts = [self.of_clubs.as_deref(), self.inside.as_deref()];
        let mut marks: Vec<_> = texts.into_iter().flatten().flat_map(marks).collect();
        marks.sort_unstable_by_key(|mark| mark.room);
        marks
    }
}

/// Reads what [`mark!`] wrote.
fn marks(text: &str) -> impl Iterator<Item = Mark> {
    let mut words = text.split_ascii_whitespace();
    std::iter::from_fn(move || {
        let mut number = || words.next()?.parse().ok();
        let (room, read_n, mentions, hidden_n) = (number()?, number()?, number()?, number()?);
        Some(Mark { room, read_n, mentions, hidden_n, notify: words.next()?.parse().ok()? })
    })
}

fn place(row: PlaceRow) -> Result<(i64, Place), StoreError> {
    let (room, name, kind, club, pair, epoch, head, n) = row;
    let (kind, club, epoch) = (kind.parse()?, club.map(ClubId), Epoch(epoch.into()));
    Ok((room, Place { name: name.into(), kind, club, pair, epoch, head, n }))
}

fn arrival(
    (row, marks): (ArrivalRow, Vec<Mark>),
    places: &HashMap<i64, Place>,
    peers: &HashMap<i64, Arc<str>>,
) -> Arrival {
    let ArrivalRow { user_id, username, display_name, status_text, epoch, head, unread, .. } = row;
    let view = |mark: &Mark| {
        let place = places.get(&mark.room)?;
        let peer = place.pair.map(|pair| pair - user_id);
        let name = peer.and_then(|peer| peers.get(&peer)).unwrap_or(&place.name);
        Some(RoomView {
            room: RoomId(mark.room),
            name: Arc::clone(name),
            kind: place.kind,
            club: place.club,
            peer: peer.map(UserId),
            epoch: place.epoch.clone(),
            head: place.head,
            n: place.n,
            notify: mark.notify,
            is_hidden: mark.hidden_n >= place.n,
            read_n: mark.read_n,
            mentions: mark.mentions,
        })
    };
    Arrival {
        user: UserId(user_id),
        username,
        display_name,
        status_text,
        inbox: InboxHead { epoch: Epoch(epoch.into()), head, unread },
        rooms: marks.iter().filter_map(view).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_are_written() {
        let read: Vec<_> = marks("7 3 0 -1 mentions 12 0 2 5 all").collect();
        let first =
            Mark { room: 7, read_n: 3, mentions: 0, hidden_n: -1, notify: Notify::Mentions };
        let second = Mark { room: 12, read_n: 0, mentions: 2, hidden_n: 5, notify: Notify::All };
        assert_eq!(read, [first, second]);
        assert_eq!(marks("").count(), 0);
    }

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&ARRIVALS, &PLACES, &PEERS]).await;
    }
}
