//! Sign-ins of one worker that come in the same moment ask together: a question and an answer cross
//! from thread to thread once for all of them, and not once for each of thousands.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::actors::lookup::{BATCH, Found, LookupHandle, busy};
use crate::actors::presence::PresenceHandle;
use crate::domain::{RoomId, UserId};
use crate::protocol::Refusal;

type Answer = Result<Arc<Found>, Refusal>;

/// Those who wait for the next question, and those who are in and were not told of.
pub(super) struct Arrivals {
    lookup: LookupHandle,
    presence: PresenceHandle,
    waiting: RefCell<Vec<(UserId, oneshot::Sender<Answer>)>>,
    arrived: RefCell<Vec<(UserId, Vec<RoomId>)>>,
}

impl Arrivals {
    pub(super) fn new(lookup: LookupHandle, presence: PresenceHandle) -> Rc<Self> {
        let (waiting, arrived) = (RefCell::default(), RefCell::default());
        Rc::new(Self { lookup, presence, waiting, arrived })
    }

    /// What was found for a user, perhaps among others.
    pub(super) async fn ask(self: Rc<Self>, user: UserId) -> Answer {
        let (answer, found) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting.borrow_mut();
            waiting.push((user, answer));
            waiting.len() == 1
        };
        if is_first {
            actix_rt::spawn(self.ask_for_all());
        }
        // Dropped without an answer: the question was lost in a panic.
        found.await.unwrap_or_else(|_dropped| Err(busy()))
    }

    /// A user has come, and may read these rooms; what they say of themselves, if anything.
    pub(super) fn arrived(self: &Rc<Self>, user: UserId, rooms: Vec<RoomId>, text: &str) {
        self.presence.arrives_with(user, text);
        let is_first = {
            let mut arrived = self.arrived.borrow_mut();
            arrived.push((user, rooms));
            arrived.len() == 1
        };
        if is_first {
            let arrivals = Rc::clone(self);
            actix_rt::spawn(async move {
                tokio::task::yield_now().await;
                arrivals.presence.arrived(arrivals.arrived.take());
            });
        }
    }

    async fn ask_for_all(self: Rc<Self>) {
        // Whoever is ready now comes along.
        tokio::task::yield_now().await;
        let mut all = self.waiting.take();
        while !all.is_empty() {
            let rest = all.split_off(all.len().min(BATCH));
            let some = std::mem::replace(&mut all, rest);
            actix_rt::spawn(ask(self.lookup.clone(), some));
        }
    }
}

async fn ask(lookup: LookupHandle, some: Vec<(UserId, oneshot::Sender<Answer>)>) {
    let found = lookup.ask(some.iter().map(|(user, _)| *user).collect()).await;
    for (_user, answer) in some {
        // Who has gone meanwhile does not wait.
        let _gone = answer.send(found.clone());
    }
}
