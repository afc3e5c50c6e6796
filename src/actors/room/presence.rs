//! Who of its readers is online, and how they are. As pure as all of [`RoomState`].

use std::collections::HashSet;

use super::state::{Effect, RoomState};
use crate::actors::relay::Passing;
use crate::domain::{Status, UserId, limits};
use crate::protocol::{Frame, Presence, PresenceDiff, States};

impl RoomState {
    /// All members who are online; those who were, and are not among them, went.
    pub(crate) fn online_are(&mut self, all: Vec<UserId>) -> Option<Effect> {
        let all: HashSet<_> = all.into_iter().collect();
        let leaves: Vec<_> = self.online.difference(&all).copied().collect();
        let joins: Vec<_> = all.into_iter().collect();
        self.states.clear();
        self.shown.take();
        self.presence(&joins, &leaves)
    }

    /// Members came online or went.
    pub(crate) fn presence(&mut self, joins: &[UserId], leaves: &[UserId]) -> Option<Effect> {
        let mut came = Vec::new();
        for user in joins {
            if self.facts.roster.contains_key(user) && self.online.insert(*user) {
                came.push(*user);
            }
        }
        let went: Vec<_> = leaves.iter().copied().filter(|u| self.online.remove(u)).collect();
        if came.is_empty() && went.is_empty() {
            return None;
        }
        self.shown.take();
        self.count();
        went.iter().for_each(|user| {
            self.states.remove(user);
        });
        let named = self.is_named();
        let frame = Frame::json(&PresenceDiff {
            room: self.facts.room,
            joins: named.then_some(&came),
            leaves: named.then_some(&went),
            count: self.online.len(),
            states: None,
        });
        Some(Effect::Pass(Passing::Presence, frame))
    }

    /// Members who are online are otherwise than before.
    pub(crate) fn states(&mut self, changed: Vec<(UserId, Status)>) -> Option<Effect> {
        let mut told = States::new();
        for (user, status) in changed {
            if !self.online.contains(&user) {
                continue;
            }
            if status.is_usual() {
                self.states.remove(&user);
            } else {
                self.states.insert(user, status.clone());
            }
            told.insert(user, status);
        }
        self.shown.take();
        if told.is_empty() || !self.is_named() {
            return None;
        }
        let frame = Frame::json(&PresenceDiff {
            room: self.facts.room,
            joins: Some(&[]),
            leaves: Some(&[]),
            count: self.online.len(),
            states: Some(&told),
        });
        Some(Effect::Pass(Passing::Presence, frame))
    }

    /// Shows how many may read the room, and how many of them are online.
    pub(super) fn count(&self) {
        self.gauge.count(self.facts.roster.len(), self.online.len());
    }

    /// Everyone who is online, for who opens the room.
    pub(super) fn presence_frame(&self) -> Frame {
        let (count, named) = (self.online.len(), self.is_named());
        let mut online = Vec::new();
        if named {
            online.extend(self.online.iter().copied());
            online.sort_unstable();
        }
        let online = named.then_some(online.as_slice());
        let states = (named && !self.states.is_empty()).then_some(&self.states);
        Frame::json(&Presence { room: self.facts.room, online, count, states })
    }

    /// Whether they are few enough to be told by name.
    fn is_named(&self) -> bool {
        self.online.len() <= limits::PRESENCE_NAMES
    }
}
