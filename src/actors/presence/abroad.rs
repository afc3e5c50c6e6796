//! Who is online on other nodes, as those nodes say. Plain data; time is an argument.
//!
//! A node tells changes as they happen and calls its whole roll now and then; one that was silent
//! for [`LIFE`] counts as dead, and its users as gone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::actors::bus::{Online, Roll};
use crate::domain::{RoomId, Status, UserId};

/// A node that says nothing for so long is dead.
pub(super) const LIFE: Duration = Duration::from_secs(25);

/// A user who may read a room came online, or is online no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    Join(UserId, RoomId),
    Leave(UserId, RoomId),
}

/// Users who are online on other nodes, by the number of these nodes; read by everyone.
#[derive(Debug, Clone, Default)]
pub(super) struct Elsewhere(Arc<RwLock<HashMap<UserId, u32>>>);

impl Elsewhere {
    pub(super) fn has(&self, user: UserId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&user)
    }

    fn count(&self, user: UserId, was: bool, is: bool) {
        if was == is {
            return;
        }
        let mut counts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(user).or_insert(0);
        *count = if is { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            counts.remove(&user);
        }
    }
}

/// One other node.
struct Node {
    heard_at: Instant,
    users: HashMap<UserId, Box<[RoomId]>>,
    /// How those of them are who are not as usual.
    states: HashMap<UserId, Status>,
    /// The roll that is being called, and who was on it so far.
    roll: u64,
    called: HashSet<UserId>,
}

impl Node {
    fn new(heard_at: Instant) -> Self {
        let (users, states) = (HashMap::new(), HashMap::new());
        Self { heard_at, users, states, roll: 0, called: HashSet::new() }
    }
}

/// All other nodes.
#[derive(Default)]
pub(super) struct Abroad {
    nodes: HashMap<u64, Node>,
    elsewhere: Elsewhere,
}

impl Abroad {
    /// Begins with nobody; `elsewhere` is told of everyone.
    pub(super) fn new(elsewhere: Elsewhere) -> Self {
        // What an earlier life of the presence knew is forgotten.
        elsewhere.0.write().unwrap_or_else(PoisonError::into_inner).clear();
        Self { nodes: HashMap::new(), elsewhere }
    }

    /// Whether a user is online in a room on another node.
    pub(super) fn is_in(&self, user: UserId, room: RoomId) -> bool {
        self.nodes.values().any(|node| node.users.get(&user).is_some_and(|r| r.contains(&room)))
    }

    /// Takes in what a node says.
    pub(super) fn hear(
        &mut self,
        node: u64,
        users: Vec<Online>,
        roll: Option<Roll>,
        now: Instant,
    ) -> Vec<Move> {
        let place = self.nodes.entry(node).or_insert_with(|| Node::new(now));
        place.heard_at = now;
        let mut absent = Vec::new();
        if let Some(Roll { number, total }) = roll {
            if place.roll != number {
                place.roll = number;
                place.called.clear();
            }
            place.called.extend(users.iter().map(|(user, _)| *user));
            // A part that was lost leaves the roll incomplete: nobody is missed by it.
            if place.called.len() == total {
                let called = std::mem::take(&mut place.called);
                absent.extend(place.users.keys().filter(|u| !called.contains(u)).copied());
            }
        }
        let mut moves = Vec::new();
        for (user, rooms) in users.into_iter().chain(absent.into_iter().map(|user| (user, None))) {
            self.put(node, user, rooms, &mut moves);
        }
        moves
    }

    /// Takes in what a node says of how its users are; one that is not known yet has none.
    pub(super) fn say(&mut self, node: u64, users: &[(UserId, Option<Status>)]) {
        let Some(place) = self.nodes.get_mut(&node) else {
            return;
        };
        for (user, status) in users {
            match status {
                Some(status) => place.states.insert(*user, status.clone()),
                None => place.states.remove(user),
            };
        }
    }

    /// What the nodes that a user is online on say of them.
    pub(super) fn statuses(&self, user: UserId) -> impl Iterator<Item = Status> {
        let there = self.nodes.values().filter(move |node| node.users.contains_key(&user));
        there.map(move |node| node.states.get(&user).cloned().unwrap_or(Status::USUAL))
    }

    /// The rooms that a user is online in on other nodes.
    pub(super) fn rooms_of(&self, user: UserId) -> impl Iterator<Item = RoomId> {
        let rooms = self.nodes.values().filter_map(move |node| node.users.get(&user));
        rooms.flatten().copied()
    }

    /// Lets nodes go that were silent for too long.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Move> {
        let is_dead = |node: &Node| now.duration_since(node.heard_at) > LIFE;
        let dead: Vec<_> =
            self.nodes.iter().filter(|(_, node)| is_dead(node)).map(|(id, _)| *id).collect();
        let mut moves = Vec::new();
        for id in dead {
            tracing::warn!("another node says nothing any more; its users count as gone");
            let users: Vec<_> =
                self.nodes.get(&id).map(|n| n.users.keys().copied().collect()).unwrap_or_default();
            users.into_iter().for_each(|user| self.put(id, user, None, &mut moves));
            self.nodes.remove(&id);
        }
        moves
    }

    fn put(&mut self, node: u64, user: UserId, rooms: Option<Vec<RoomId>>, moves: &mut Vec<Move>) {
        let Some(place) = self.nodes.get_mut(&node) else {
            return;
        };
        let is = rooms.is_some();
        let now: Box<[RoomId]> = rooms.unwrap_or_default().into();
        let known = match is {
            true => place.users.insert(user, now.clone()),
            false => {
                place.states.remove(&user);
                place.users.remove(&user)
            }
        };
        self.elsewhere.count(user, known.is_some(), is);
        let known = known.unwrap_or_default();
        moves.extend(now.iter().filter(|r| !known.contains(r)).map(|r| Move::Join(user, *r)));
        let left = known.iter().filter(|room| !now.contains(room));
        moves.extend(
            left.filter(|room| !self.is_in(user, **room)).map(|room| Move::Leave(user, *room)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINA: UserId = UserId(1);
    const BOB: UserId = UserId(2);
    const ROOM: RoomId = RoomId(9);

    fn on(user: UserId) -> Vec<Online> {
        vec![(user, Some(vec![ROOM]))]
    }

    #[test]
    fn a_user_is_gone_when_no_node_has_them() {
        let elsewhere = Elsewhere::default();
        let (mut abroad, now) = (Abroad::new(elsewhere.clone()), Instant::now());
        assert_eq!(abroad.hear(1, on(MINA), None, now), [Move::Join(MINA, ROOM)]);
        abroad.hear(2, on(MINA), None, now);
        assert_eq!(abroad.hear(1, vec![(MINA, None)], None, now), []);
        assert!(elsewhere.has(MINA) && abroad.is_in(MINA, ROOM));
        assert_eq!(abroad.hear(2, vec![(MINA, None)], None, now), [Move::Leave(MINA, ROOM)]);
        assert!(!elsewhere.has(MINA) && !abroad.is_in(MINA, ROOM));
    }

    #[test]
    fn a_whole_roll_lets_go_who_is_not_on_it_and_a_part_does_not() {
        let (mut abroad, now) = (Abroad::default(), Instant::now());
        abroad.hear(1, on(MINA), None, now);
        let roll = |number, total| Some(Roll { number, total });
        assert_eq!(abroad.hear(1, on(BOB), roll(1, 2), now), [Move::Join(BOB, ROOM)]);
        assert_eq!(abroad.hear(1, on(BOB), roll(2, 1), now), [Move::Leave(MINA, ROOM)]);
        assert_eq!(abroad.hear(1, Vec::new(), roll(3, 0), now), [Move::Leave(BOB, ROOM)]);
    }

    #[test]
    fn the_users_of_a_dead_node_expire() {
        let elsewhere = Elsewhere::default();
        let (mut abroad, now) = (Abroad::new(elsewhere.clone()), Instant::now());
        abroad.hear(1, on(MINA), None, now);
        abroad.hear(2, on(BOB), None, now + LIFE);
        let moves = abroad.expire(now + LIFE + Duration::from_secs(1));
        assert_eq!(moves, [Move::Leave(MINA, ROOM)]);
        assert!(!elsewhere.has(MINA) && elsewhere.has(BOB));
    }
}
