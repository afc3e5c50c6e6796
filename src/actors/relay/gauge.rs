//! What a live room shows without being asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::domain::{ClubId, UserId};
/// Numbers of a live room that everyone may read without asking it.
#[derive(Debug, Default)]
pub(crate) struct RoomGauge {
    head: AtomicI64,
    n: AtomicI64,
    seats: AtomicI64,
    /// Who has the room open, and how often.
    listeners: Mutex<HashMap<UserId, u32>>,
    ring: AtomicUsize,
    rev: AtomicI64,
    readers: AtomicUsize,
    online: AtomicUsize,
    about: About,
}

/// What does not change while a room lives.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// Its name, where an operator may know it: in clubs and lobbies.
    pub(crate) name: Option<Box<str>>,
    /// Its club.
    pub(crate) club: Option<ClubId>,
    /// How often it crashed and was started again.
    pub(crate) restarts: u32,
}

impl RoomGauge {
    /// The numbers of a room that starts.
    pub(crate) fn new(about: About) -> Self {
        Self { about, ..Self::default() }
    }

    /// What does not change.
    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// Shows the bytes of the events that the room keeps.
    pub(crate) fn keep(&self, bytes: usize) {
        self.ring.store(bytes, Ordering::Relaxed);
    }

    /// Bytes of the events that the room keeps.
    pub(crate) fn kept(&self) -> usize {
        self.ring.load(Ordering::Relaxed)
    }

    /// Shows how many may read the room, and how many of them are online.
    pub(crate) fn count(&self, readers: usize, online: usize) {
        self.readers.store(readers, Ordering::Relaxed);
        self.online.store(online, Ordering::Relaxed);
    }

    /// These two numbers.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.readers.load(Ordering::Relaxed), self.online.load(Ordering::Relaxed))
    }

    /// Shows the state of the room that its rules were read from.
    pub(crate) fn revise(&self, rev: i64) {
        self.rev.store(rev, Ordering::Release);
    }

    /// That state.
    pub(crate) fn rev(&self) -> i64 {
        self.rev.load(Ordering::Acquire)
    }

    /// Publishes head and n; the room does so before it tells the relays.
    pub(crate) fn publish(&self, head: i64, n: i64) {
        self.n.store(n, Ordering::Release);
        self.head.store(head, Ordering::Release);
    }

    /// Newest seq and n that were published.
    pub(crate) fn head(&self) -> (i64, i64) {
        let head = self.head.load(Ordering::Acquire);
        (head, self.n.load(Ordering::Acquire))
    }

    /// Counts a seat in.
    pub(crate) fn seat(&self, user: Option<UserId>) {
        self.seats.fetch_add(1, Ordering::AcqRel);
        if let Some(user) = user {
            let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            *listeners.entry(user).or_insert(0) += 1;
        }
    }

    /// Counts a seat out.
    pub(crate) fn unseat(&self, user: Option<UserId>) {
        self.seats.fetch_sub(1, Ordering::AcqRel);
        let Some(user) = user else {
            return;
        };
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        match listeners.get_mut(&user) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_last) => {
                listeners.remove(&user);
            }
            None => {}
        }
    }

    /// Whether a user has the room open, on this node.
    pub(crate) fn has(&self, user: UserId) -> bool {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&user)
    }

    /// Seats that have the room open, on this node.
    pub(crate) fn seats(&self) -> i64 {
        self.seats.load(Ordering::Acquire)
    }
}
