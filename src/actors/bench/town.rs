//! Rooms and members, in a real database: rooms are woken from it as ever.

use std::path::Path;

use super::{BenchError, Shape};
use crate::actors::journal::Nobody;
use crate::actors::wire::Writer;
use crate::domain::{ClubName, DisplayName, Millis, RoomId, RoomKind, UserId, Username};
use crate::protocol::RoomEntry;
use crate::store::{Append, DatabaseTarget, FirstUser, NewClub, NewUser, Store};
use crate::telemetry::Metrics;

/// A room and who is in it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) room: RoomId,
    /// As a member finds it in the reply to `auth`.
    pub(super) entry: RoomEntry,
    pub(super) members: Vec<UserId>,
}

/// Makes each room in a club of its own, with the same members: who sits where is all the same to the
/// actors, and a hundred small rooms need no more accounts than one.
pub(super) async fn build(folder: &Path, shape: &Shape) -> Result<(Store, Vec<Place>), BenchError> {
    let store = Store::open(&DatabaseTarget::Sqlite(folder.join("bench.db"))).await?;
    store.migrate().await?;
    let mut users = Vec::with_capacity(shape.members);
    for number in 0..shape.members {
        users.push(account(&store, number).await?);
    }
    let metrics = Metrics::new();
    let mut places = Vec::with_capacity(shape.rooms);
    for number in 0..shape.rooms {
        let Some(owner) = users.first() else {
            break;
        };
        let name = ClubName::parse(&format!("Club {number}")).map_err(|_odd| ODD)?;
        let new = NewClub {
            name: &name,
            greeting: "hi",
            description: "",
            kind: "community",
            category: "other",
            visibility: "public",
            join_policy: "open",
            capacity: None,
        };
        let (club, room) = store.create_club(&new, *owner, Millis::now()).await?;
        let join =
            |user: &UserId| Append::JoinClub { club: club.id, user: *user, at: Millis::now() };
        let joins: Vec<_> = users.iter().skip(1).map(join).collect();
        store.append(&joins, &Writer { metrics: &metrics, live: &Nobody }).await?;
        places.push((room, club.id));
    }
    let mut found = Vec::with_capacity(places.len());
    for (room, club) in places {
        let info = store.room(room).await?.ok_or(ODD)?;
        let entry = RoomEntry {
            room,
            name: info.name.into(),
            kind: RoomKind::Member,
            club: Some(club),
            peer: None,
            epoch: info.epoch,
            head: info.head,
            n: info.n,
            read_n: info.n,
            unread: 0,
            mentions: 0,
            notify: None,
            hidden: false,
        };
        found.push(Place { room, entry, members: users.clone() });
    }
    Ok((store, found))
}

const ODD: BenchError = BenchError::Stuck("the rooms could not be made");

async fn account(store: &Store, number: usize) -> Result<UserId, BenchError> {
    let name = format!("member-{number}");
    let username = Username::parse(&name).map_err(|_odd| ODD)?;
    let display_name = DisplayName::parse(&name).map_err(|_odd| ODD)?;
    let new = NewUser {
        username: &username,
        display_name: &display_name,
        password_hash: "none",
        locale: "en",
        at: Millis::now(),
    };
    Ok(store.create_user(&new, FirstUser::User).await?.id)
}
