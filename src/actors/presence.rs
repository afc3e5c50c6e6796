//! Who is online, here and on other nodes, and which rooms hear of it.
//!
//! Root starts it. A user is online with one live session and for [`limits::PRESENCE_GRACE`] after
//! the last one ended, so that a reload is no coming and going. Rooms that are awake are told once
//! a second, all changes in one message: 2,000 people who come in five seconds are five messages
//! a room. The counts of sessions live in [`Census`] and survive a crash; after one the relays call
//! the roll of those who are signed in, and the rooms that are awake are told who of their members
//! is online now. What this node has to say to others goes out with the same beat, and its whole
//! roll every ten seconds.

mod abroad;
mod census;
mod handle;
mod others;
mod states;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use self::abroad::{Abroad, Elsewhere};
use self::census::Census;
pub use self::handle::PresenceHandle;
use self::states::{Said, Shown, States};
use super::bounded::Envelope;
use super::bus::{Online as Told, Roll};
use super::room::{RoomHandle, RoomMsg};
use super::rooms::RoomsHandle;
use super::task;
use crate::domain::{RoomId, Status, UserId, limits};
use crate::faults::{Moment, Part};

/// Messages that may wait: more than sessions in one node.
pub(super) const MAILBOX: usize = 131_072;
/// How often rooms are told.
const BEAT: Duration = Duration::from_secs(1);
/// Beats within which other nodes have told who is online there.
const OTHERS_WITHIN: u32 = 5;

/// Message of the presence.
pub(crate) enum PresenceMsg {
    /// Sessions of users signed in; the rooms that each may read.
    Arrived(Vec<(UserId, Vec<RoomId>)>),
    /// The last session of a user ended.
    Departed(UserId),
    /// These users may read one more room.
    AddRoom(Vec<UserId>, RoomId),
    /// A user may not read a room any more.
    RemoveRoom(UserId, RoomId),
    /// A room woke and wants to hear.
    Watch(RoomHandle),
    /// A room ended; perhaps the next one has told already that it wants to hear.
    Forget(RoomHandle),
    /// What another node says of its users.
    Abroad(u64, Vec<Told>, Option<Roll>),
    /// What another node says of how its users are.
    AbroadSays(u64, Vec<(UserId, Option<Status>)>),
    /// A user has said something of how they are.
    Says(UserId),
    /// Other nodes want to know who is online here.
    CallRoll,
    /// Who is signed in on this node, each with the rooms that they may read; after a start.
    Roll(Vec<(UserId, Vec<RoomId>)>),
    /// Tell the rooms.
    Beat,
}

/// The presence of a node.
pub(super) struct Presence {
    rooms: RoomsHandle,
    elsewhere: Elsewhere,
    census: Census,
    said: Said,
    shown: Shown,
}

/// One user.
#[derive(Default)]
struct Online {
    leaves_at: Option<Instant>,
    rooms: Box<[RoomId]>,
}

/// What a room is told at the next beat.
#[derive(Default)]
struct News {
    joins: HashSet<UserId>,
    leaves: HashSet<UserId>,
    /// How some are, who are otherwise than before.
    states: Vec<(UserId, Status)>,
}

/// Who is online and who listens.
#[derive(Default)]
pub(super) struct State {
    census: Census,
    users: HashMap<UserId, Online>,
    leaving: HashSet<UserId>,
    by_room: HashMap<RoomId, HashSet<UserId>>,
    watchers: HashMap<RoomId, RoomHandle>,
    news: HashMap<RoomId, News>,
    is_linked: bool,
    abroad: Abroad,
    states: States,
    /// Whom other nodes are to hear of at the next beat.
    untold: HashSet<UserId>,
    /// Beats until the rooms are told everyone who is online; other nodes have a say in it.
    all_in: Option<u32>,
    rolls: u64,
    /// Beats until the next roll.
    roll_in: u32,
}

impl Actor for Presence {
    type Msg = Envelope<PresenceMsg>;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        me: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let beat = || Envelope::to_self(PresenceMsg::Beat);
        let _ends_with_the_actor = me.send_interval(BEAT, beat);
        let abroad = Abroad::new(self.elsewhere.clone());
        let states = States::new(self.said.clone(), self.shown.clone());
        let (census, is_linked) = (self.census.clone(), self.rooms.bus.is_linked());
        let awake = self.rooms.directory.all();
        let watchers = awake.into_iter().map(|room| (room.room, room)).collect();
        let relays = self.rooms.relays.clone();
        task::beside(async move {
            let roll = relays.roll().await;
            let _ended = me.send_message(Envelope::to_self(PresenceMsg::Roll(roll)));
        });
        Ok(State { census, abroad, states, watchers, is_linked, ..State::default() })
    }

    async fn handle(
        &self,
        _me: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let faults = &self.rooms.faults;
        faults.panic_point(Part::Presence, Moment::Start);
        let (Some(msg), _place) = envelope.open() else {
            return Ok(());
        };
        faults.panic_point(Part::Presence, Moment::Middle);
        match msg {
            PresenceMsg::Arrived(users) => {
                for (user, rooms) in users {
                    state.arrived(user, rooms);
                    // Who went in the same moment was told to have gone before.
                    state.departed(user);
                }
            }
            PresenceMsg::Departed(user) => state.departed(user),
            PresenceMsg::AddRoom(users, room) => {
                users.into_iter().for_each(|user| state.add_room(user, room));
            }
            PresenceMsg::RemoveRoom(user, room) => state.remove_room(user, room),
            PresenceMsg::Watch(room) => state.watch(room),
            PresenceMsg::Forget(room) => state.forget(&room),
            PresenceMsg::Abroad(node, users, roll) => {
                let moves = state.abroad.hear(node, users, roll, Instant::now());
                state.follow(moves);
            }
            PresenceMsg::AbroadSays(node, users) => {
                state.abroad.say(node, &users);
                users.iter().for_each(|(user, _status)| state.restate(*user));
            }
            PresenceMsg::Says(user) => state.says(user),
            PresenceMsg::CallRoll => state.roll_in = 0,
            PresenceMsg::Roll(roll) => state.called(roll),
            PresenceMsg::Beat => {
                state.beat();
                if state.is_linked {
                    self.tell_others(state);
                }
            }
        }
        faults.panic_point(Part::Presence, Moment::End);
        Ok(())
    }
}

impl State {
    fn arrived(&mut self, user: UserId, rooms: Vec<RoomId>) {
        let online = self.users.entry(user).or_default();
        online.leaves_at = None;
        self.leaving.remove(&user);
        let known = std::mem::replace(&mut online.rooms, rooms.into());
        let now = online.rooms.clone();
        self.changed(user);
        for room in now.iter().filter(|room| !known.contains(room)) {
            self.join(user, *room);
        }
        if self.states.knows(user) {
            self.says(user);
        }
    }

    fn departed(&mut self, user: UserId) {
        let Some(online) = self.users.get_mut(&user) else {
            return;
        };
        // Perhaps they are back by now.
        if self.census.counts(user) == 0 {
            online.leaves_at = Some(Instant::now() + limits::PRESENCE_GRACE);
            self.leaving.insert(user);
        }
    }

    fn add_room(&mut self, user: UserId, room: RoomId) {
        let Some(online) = self.users.get_mut(&user) else {
            return;
        };
        if !online.rooms.contains(&room) {
            online.rooms = online.rooms.iter().copied().chain([room]).collect();
            self.changed(user);
            self.join(user, room);
        }
    }

    fn remove_room(&mut self, user: UserId, room: RoomId) {
        if let Some(online) = self.users.get_mut(&user) {
            online.rooms = online.rooms.iter().copied().filter(|known| *known != room).collect();
            self.changed(user);
        }
        self.leave(user, room);
    }

    fn watch(&mut self, room: RoomHandle) {
        if self.watchers.get(&room.room).is_some_and(|known| room.is_before(known)) {
            return;
        }
        let joins: Vec<_> = self.by_room.get(&room.room).into_iter().flatten().copied().collect();
        if !joins.is_empty() {
            let _ended = room.answer(RoomMsg::Presence { joins, leaves: Vec::new() });
        }
        let states = self.states.of_many(self.by_room.get(&room.room));
        if !states.is_empty() {
            let _ended = room.answer(RoomMsg::States(states));
        }
        if let Some(news) = self.news.get_mut(&room.room) {
            news.joins.clear();
            news.states.clear();
        }
        self.watchers.insert(room.room, room);
    }

    fn forget(&mut self, room: &RoomHandle) {
        if self.watchers.get(&room.room).is_some_and(|known| !room.is_before(known)) {
            self.watchers.remove(&room.room);
            self.news.remove(&room.room);
        }
    }

    fn join(&mut self, user: UserId, room: RoomId) {
        self.by_room.entry(room).or_default().insert(user);
        if self.watchers.contains_key(&room) {
            let news = self.news.entry(room).or_default();
            news.leaves.remove(&user);
            news.joins.insert(user);
            news.states.extend(self.states.of(user).map(|status| (user, status)));
        }
    }

    fn leave(&mut self, user: UserId, room: RoomId) {
        if let Some(users) = self.by_room.get_mut(&room) {
            users.remove(&user);
            if users.is_empty() {
                self.by_room.remove(&room);
            }
        }
        if self.watchers.contains_key(&room) {
            let news = self.news.entry(room).or_default();
            news.joins.remove(&user);
            news.leaves.insert(user);
        }
    }

    /// The roll of this node was called: from it, and from what other nodes say, the rooms learn who
    /// of those that they know as online is not any more.
    fn called(&mut self, roll: Vec<(UserId, Vec<RoomId>)>) {
        for (user, rooms) in roll {
            // Who went meanwhile, or came and has told so, is known better.
            if self.census.counts(user) > 0 && !self.users.contains_key(&user) {
                self.arrived(user, rooms);
            }
        }
        self.all_in = Some(if self.is_linked { OTHERS_WITHIN } else { 0 });
    }

    fn tell_all(&mut self) {
        for (id, room) in &self.watchers {
            let all = self.by_room.get(id).into_iter().flatten().copied().collect();
            let states = self.states.of_many(self.by_room.get(id));
            let _ended = room.answer(RoomMsg::Online(all));
            if !states.is_empty() {
                let _ended = room.answer(RoomMsg::States(states));
            }
        }
        self.news.clear();
    }

    fn beat(&mut self) {
        match self.all_in {
            Some(0) => {
                self.all_in = None;
                self.tell_all();
            }
            Some(more) => self.all_in = Some(more - 1),
            None => {}
        }
        let now = Instant::now();
        let due = |user: &UserId| {
            self.users.get(user).and_then(|u| u.leaves_at).is_none_or(|at| at <= now)
        };
        let gone: Vec<_> = self.leaving.iter().copied().filter(due).collect();
        for user in gone {
            self.leaving.remove(&user);
            let rooms = self.users.remove(&user).map(|online| online.rooms).unwrap_or_default();
            self.changed(user);
            let here_alone = rooms.iter().filter(|room| !self.abroad.is_in(user, **room));
            let here_alone: Vec<_> = here_alone.copied().collect();
            here_alone.into_iter().for_each(|room| self.leave(user, room));
            self.says_nothing(user);
        }
        let moves = self.abroad.expire(now);
        self.follow(moves);
        for (room, News { joins, leaves, states }) in self.news.drain() {
            let Some(watcher) = self.watchers.get(&room) else {
                continue;
            };
            if !(joins.is_empty() && leaves.is_empty()) {
                let (joins, leaves) = (joins.into_iter().collect(), leaves.into_iter().collect());
                let _ended = watcher.answer(RoomMsg::Presence { joins, leaves });
            }
            if !states.is_empty() {
                let _ended = watcher.answer(RoomMsg::States(states));
            }
        }
    }
}
