//! Who lives where: users, rooms, and which of them each user is a member of.

use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::room::Room;
use crate::endpoint::Endpoint;
use crate::progress::Progress;
use crate::setup::{self, User, in_parallel, text_at};

/// The server lets a user join so many clubs a minute; more would make the preparation wait.
const JOINS_A_MINUTE: usize = 10;

pub(crate) struct Town {
    pub users: Vec<User>,
    pub rooms: Vec<Rc<Room>>,
    /// The rooms of each user, by index.
    pub homes: Vec<Vec<usize>>,
    /// Who owns the club of each room.
    owners: Rc<[usize]>,
}

impl Town {
    /// Makes the users, and one club for each room; its room `general` is the room. The first member
    /// owns it.
    pub(crate) async fn build(
        endpoint: &Endpoint,
        name: &str,
        users: usize,
        sizes: &[usize],
    ) -> Result<Self> {
        let members = members(users, sizes);
        let homes = homes(users, &members);
        ensure!(
            homes.iter().all(|rooms| rooms.len() <= JOINS_A_MINUTE),
            "more than {JOINS_A_MINUTE} rooms for a user: take more users"
        );
        let users = setup::register(endpoint, name, users).await?;
        let tokens: Rc<[String]> = users.iter().map(|user| user.token.clone()).collect();
        let owners: Vec<usize> = members.iter().filter_map(|room| room.first().copied()).collect();
        let owners: Rc<[usize]> = owners.into();
        let (owners_of, tokens_of_owners) = (owners.clone(), tokens.clone());
        let prefix = name.to_owned();
        let progress = Progress::new("rooms", sizes.len());
        let made = in_parallel(endpoint, sizes.len(), progress, async move |index, http| {
            let owner = owners_of.get(index).and_then(|owner| tokens_of_owners.get(*owner));
            let owner = owner.map(String::as_str);
            let body = json!({"name": format!("{prefix}-{index}"), "join_policy": "open"});
            let club = http.post("/v1/clubs", owner, &body).await?;
            let club = text_at(&club, "/id")?;
            let rooms = http.get(&format!("/v1/clubs/{club}/rooms"), owner).await?;
            Ok((club, text_at(&rooms, "/items/0/id")?))
        })
        .await?;
        let others = members.iter().zip(&made).flat_map(|(members, (club, _))| {
            members.iter().skip(1).map(move |member| (*member, club.clone()))
        });
        join(endpoint, tokens, others.collect()).await?;
        let rooms = made.into_iter().map(|(_, room)| Rc::new(Room::new(room))).collect();
        Ok(Self { users, rooms, homes, owners })
    }

    pub(crate) fn rooms_of(&self, user: usize) -> Vec<Rc<Room>> {
        let homes = self.homes.get(user).into_iter().flatten();
        homes.filter_map(|room| self.rooms.get(*room).cloned()).collect()
    }

    /// Who may pin and moderate in a room.
    pub(crate) fn owner(&self, room: &Room) -> Option<usize> {
        let place = self.rooms.iter().position(|one| one.id == room.id)?;
        self.owners.get(place).copied()
    }

    /// The users of each room, by index.
    pub(crate) fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.rooms.len()];
        for (user, homes) in self.homes.iter().enumerate() {
            for room in homes {
                if let Some(members) = members.get_mut(*room) {
                    members.push(user);
                }
            }
        }
        members
    }
}

async fn join(endpoint: &Endpoint, tokens: Rc<[String]>, all: Vec<(usize, String)>) -> Result<()> {
    let progress = Progress::new("joining", all.len());
    let count = all.len();
    in_parallel(endpoint, count, progress, async move |index, http| {
        let (user, club) = all.get(index).context("nobody to join")?;
        let token = tokens.get(*user).map(String::as_str);
        http.post(&format!("/v1/clubs/{club}/join"), token, &Value::Null).await?;
        Ok(())
    })
    .await?;
    Ok(())
}

/// Deals the places of the rooms to the users in turn: all get as many, none twice in one room.
fn members(users: usize, sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut next = 0;
    let deal = |size: &usize| {
        let first = next;
        next += (*size).min(users);
        (first..next).map(|place| place % users).collect()
    };
    sizes.iter().map(deal).collect()
}

fn homes(users: usize, members: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut homes = vec![Vec::new(); users];
    for (room, members) in members.iter().enumerate() {
        for member in members {
            if let Some(homes) = homes.get_mut(*member) {
                homes.push(room);
            }
        }
    }
    homes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn places_are_dealt_evenly_and_nobody_sits_in_a_room_twice() {
        let members = members(10, &[10, 4, 7, 3, 12]);
        let lengths: Vec<usize> = members.iter().map(Vec::len).collect();
        assert_eq!(lengths, [10, 4, 7, 3, 10]);
        for room in &members {
            assert_eq!(room.iter().collect::<BTreeSet<_>>().len(), room.len());
        }
        let homes = homes(10, &members);
        let each: Vec<usize> = homes.iter().map(Vec::len).collect();
        assert!(each.iter().all(|rooms| (3..=4).contains(rooms)), "{each:?}");
    }
}
