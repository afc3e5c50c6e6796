//! How those are who are online: what they say on this node, and what becomes of it together with
//! what other nodes say. Only who is otherwise than usual takes a place, so that a crowd that comes
//! at once costs nothing here.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::State;
use crate::domain::{Availability, SessionId, Status, UserId};

/// What one user says on this node.
#[derive(Debug, Default)]
struct Own {
    away: HashSet<SessionId>,
    is_dnd: bool,
    text: Option<Arc<str>>,
}

impl Own {
    fn is_nothing(&self) -> bool {
        self.away.is_empty() && !self.is_dnd && self.text.is_none()
    }
}

/// What users say on this node. Outlives the presence, like the counts of their sessions.
#[derive(Debug, Clone, Default)]
pub(super) struct Said(Arc<Words>);

#[derive(Debug, Default)]
struct Words {
    users: Mutex<HashMap<UserId, Own>>,
    count: AtomicUsize,
}

impl Said {
    /// A session says whether its user wants to be spoken to. Being away is the session's, not
    /// wanting to be disturbed is the person's: any of their sessions says it, and takes it back.
    pub(super) fn state(&self, user: UserId, session: SessionId, state: Availability) {
        self.change(user, |own| match state {
            Availability::Online => {
                own.away.remove(&session);
                own.is_dnd = false;
            }
            Availability::Away => {
                own.away.insert(session);
                own.is_dnd = false;
            }
            Availability::Dnd => {
                own.away.remove(&session);
                own.is_dnd = true;
            }
        });
    }

    /// A session ended: it is not away any more.
    pub(super) fn ended(&self, user: UserId, session: SessionId) {
        self.change(user, |own| {
            own.away.remove(&session);
        });
    }

    /// A user says something of themselves, or nothing.
    pub(super) fn text(&self, user: UserId, text: Option<Arc<str>>) {
        self.change(user, |own| own.text = text);
    }

    fn forget(&self, user: UserId) {
        self.change(user, |own| *own = Own::default());
    }

    fn change(&self, user: UserId, change: impl FnOnce(&mut Own)) {
        let mut users = self.0.users.lock().unwrap_or_else(PoisonError::into_inner);
        let own = users.entry(user).or_default();
        change(own);
        if own.is_nothing() {
            users.remove(&user);
        }
        self.0.count.store(users.len(), Ordering::Release);
    }

    /// Whether a user says anything; as a rule nobody does.
    pub(super) fn knows(&self, user: UserId) -> bool {
        let words = &self.0;
        words.count.load(Ordering::Acquire) > 0
            && words.users.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&user)
    }

    /// How a user with so many sessions here is.
    fn of(&self, user: UserId, sessions: usize) -> Status {
        let users = self.0.users.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = users.get(&user) else {
            return Status::USUAL;
        };
        let is_away = !own.away.is_empty() && own.away.len() >= sessions;
        let state = match (own.is_dnd, is_away) {
            (true, _) => Availability::Dnd,
            (false, true) => Availability::Away,
            (false, false) => Availability::Online,
        };
        Status { state, text: own.text.clone() }
    }

    fn users(&self) -> Vec<UserId> {
        let users = self.0.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.keys().copied().collect()
    }
}

/// How people are, over all nodes; read by everyone.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown(Arc<RwLock<HashMap<UserId, Status>>>);

impl Shown {
    pub(super) fn of(&self, user: UserId) -> Option<Status> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&user).cloned()
    }

    fn set(&self, user: UserId, status: &Status) {
        let mut shown = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if status.is_usual() {
            shown.remove(&user);
        } else {
            shown.insert(user, status.clone());
        }
    }
}

/// What the presence knows of how people are.
#[derive(Debug, Default)]
pub(super) struct States {
    said: Said,
    shown: Shown,
    /// What was told to the rooms: those who are otherwise than usual.
    told: HashMap<UserId, Status>,
    /// Of whom other nodes are to hear at the next beat.
    untold: HashSet<UserId>,
}

impl States {
    pub(super) fn new(said: Said, shown: Shown) -> Self {
        // What an earlier life of the presence told is told anew.
        shown.0.write().unwrap_or_else(PoisonError::into_inner).clear();
        Self { said, shown, ..Self::default() }
    }

    /// Whether there is anything to tell of a user.
    pub(super) fn knows(&self, user: UserId) -> bool {
        self.told.contains_key(&user) || self.said.knows(user)
    }

    /// How a user is, if not as usual.
    pub(super) fn of(&self, user: UserId) -> Option<Status> {
        if self.told.is_empty() { None } else { self.told.get(&user).cloned() }
    }

    /// How those of some users are who are not as usual.
    pub(super) fn of_many(&self, users: Option<&HashSet<UserId>>) -> Vec<(UserId, Status)> {
        let told = self.told.iter().filter(|(user, _)| users.is_some_and(|u| u.contains(user)));
        told.map(|(user, status)| (*user, status.clone())).collect()
    }
}

impl State {
    /// A user here has said something, or has one session more or less.
    pub(super) fn says(&mut self, user: UserId) {
        // Without a session nobody says anything; who comes back soon is as before.
        if self.census.counts(user) == 0 {
            return;
        }
        if self.is_linked {
            self.states.untold.insert(user);
        }
        self.restate(user);
    }

    /// A user is not online here any more.
    pub(super) fn says_nothing(&mut self, user: UserId) {
        // Perhaps they are just coming back.
        if self.states.knows(user) && self.census.counts(user) == 0 {
            self.states.said.forget(user);
            if self.is_linked {
                self.states.untold.insert(user);
            }
            self.restate(user);
        }
    }

    /// Tells the rooms of a user how they are, if that is otherwise than before.
    pub(super) fn restate(&mut self, user: UserId) {
        let here = self.users.contains_key(&user).then(|| self.own(user));
        let status = Status::of_all(here.into_iter().chain(self.abroad.statuses(user)));
        let was = self.states.told.get(&user);
        if was.map_or(status.is_usual(), |was| *was == status) {
            return;
        }
        if status.is_usual() {
            self.states.told.remove(&user);
        } else {
            self.states.told.insert(user, status.clone());
        }
        self.states.shown.set(user, &status);
        let here = self.users.get(&user).map(|online| online.rooms.to_vec()).unwrap_or_default();
        let rooms: HashSet<_> = here.into_iter().chain(self.abroad.rooms_of(user)).collect();
        for room in rooms {
            if self.watchers.contains_key(&room) {
                let news = self.news.entry(room).or_default();
                news.states.retain(|(known, _status)| *known != user);
                news.states.push((user, status.clone()));
            }
        }
    }

    /// What other nodes are to hear of users here: of some, or of all who say something.
    pub(super) fn words_for_others(&mut self, is_all: bool) -> Vec<(UserId, Option<Status>)> {
        let mut users = std::mem::take(&mut self.states.untold);
        if is_all {
            users.extend(self.states.said.users());
        }
        let said = |user: UserId| {
            let status = self.users.contains_key(&user).then(|| self.own(user));
            (user, status.filter(|status| !status.is_usual()))
        };
        users.into_iter().map(said).collect()
    }

    fn own(&self, user: UserId) -> Status {
        let sessions = usize::try_from(self.census.counts(user)).unwrap_or(usize::MAX);
        self.states.said.of(user, sessions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINA: UserId = UserId(1);

    #[test]
    fn a_person_is_away_when_all_devices_are() {
        let said = Said::default();
        let (phone, desk) = (SessionId(1), SessionId(2));
        said.state(MINA, phone, Availability::Away);
        assert_eq!(said.of(MINA, 2).state, Availability::Online);
        said.state(MINA, desk, Availability::Away);
        assert_eq!(said.of(MINA, 2).state, Availability::Away);
        said.ended(MINA, phone);
        assert_eq!(said.of(MINA, 1).state, Availability::Away);
        said.state(MINA, desk, Availability::Online);
        assert_eq!(said.of(MINA, 1), Status::USUAL);
        assert!(!said.knows(MINA), "nothing is kept of who is as usual");
    }

    #[test]
    fn not_to_be_disturbed_is_said_for_all_devices() {
        let said = Said::default();
        let (phone, desk) = (SessionId(1), SessionId(2));
        said.state(MINA, phone, Availability::Dnd);
        said.ended(MINA, phone);
        assert_eq!(said.of(MINA, 1).state, Availability::Dnd);
        said.text(MINA, Some("writing".into()));
        said.state(MINA, desk, Availability::Online);
        let text = Some("writing".into());
        assert_eq!(said.of(MINA, 1), Status { state: Availability::Online, text });
        said.forget(MINA);
        assert!(!said.knows(MINA) && said.users().is_empty());
    }
}
