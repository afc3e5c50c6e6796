//! What a session needs to know when it signs in: the user, the rooms, the inbox.
//!
//! Root starts it. Sign-ins that come at the same time share one read: ten thousand clients that
//! lost the server and come back at once cost a few dozen statements, not ten thousand. While a
//! read is under way the next sign-ins gather. A crash loses no sign-in: those that had not come in
//! wait at the address for the next look-up, those that had are asked again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::bounded::{Address, BoundedRef, Envelope, Place};
use super::meter::{self, Mailbox};
use super::seat::Answer;
use super::task;
use crate::domain::{Notify, UserId};
use crate::faults::{Faults, Moment, Part};
use crate::protocol::{ErrorCode, InboxPlace, Refusal, RoomEntry, UserBody};
use crate::store::{Arrival, RoomView, Store, StoreError};

/// How many lives of the look-up one sign-in may outlive.
const LIVES: usize = 3;
/// Sign-ins that may wait.
pub(super) const MAILBOX: usize = 65_536;
/// Most sign-ins in one question, and so many or a few more in one read.
pub(super) const BATCH: usize = 500;
/// A read that takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(20);

/// Everything that the reply to `auth` says.
#[derive(Debug, Clone)]
pub(crate) struct Welcome {
    /// Who.
    pub(crate) user: UserBody,
    /// The rooms that they may read.
    pub(crate) rooms: Vec<RoomEntry>,
    /// Their inbox.
    pub(crate) inbox: InboxPlace,
    /// What they say of themselves.
    pub(crate) status_text: String,
}

/// Those who were found.
pub(crate) type Found = HashMap<UserId, Welcome>;

/// Message of the look-up.
pub(crate) enum LookupMsg {
    /// What do these users need to know? They came to one worker in one moment.
    Ask(Vec<UserId>, Answer<Result<Arc<Found>, Refusal>>),
    /// The read under way is through.
    Done,
}

/// Face of the look-up.
#[derive(Clone, Default)]
pub struct LookupHandle {
    address: Address<LookupMsg>,
    oldest: Arc<meter::Moment>,
}

impl LookupHandle {
    /// Called by the root at each start.
    pub(super) fn start(&self, lookup: BoundedRef<LookupMsg>) {
        self.address.set(lookup);
    }

    /// The look-up that the root is about to start.
    pub(super) fn actor(&self, store: &Store, faults: &Faults) -> Lookup {
        let (store, faults) = (store.clone(), faults.clone());
        Lookup { store, oldest: Arc::clone(&self.oldest), faults }
    }

    /// What its mailbox shows; sign-ins keep their place while they are read.
    pub(super) fn read(&self, now: Instant) -> (Mailbox, u32) {
        let mailbox = self.address.read(now);
        // A crash leaves the moment behind, but no sign-in.
        let oldest = self.oldest.age(now).filter(|_age| mailbox.depth > 0);
        (Mailbox { oldest: oldest.unwrap_or_default(), ..mailbox }, self.address.restarts())
    }

    /// What the replies to `auth` say for these users; an account that is gone is not found.
    ///
    /// # Errors
    /// `unavailable` and `overloaded`.
    pub(crate) async fn ask(&self, users: Vec<UserId>) -> Result<Arc<Found>, Refusal> {
        for _life in 0..LIVES {
            let (answer, found) = Answer::channel();
            if self.address.try_cast(LookupMsg::Ask(users.clone(), answer)).is_err() {
                return Err(busy());
            }
            match tokio::time::timeout(DEADLINE, found).await {
                Ok(Ok(found)) => return found,
                // It crashed with the question; the next one is asked.
                Ok(Err(_dropped)) => {}
                Err(_elapsed) => return Err(busy()),
            }
        }
        Err(busy())
    }
}

/// The look-up of a node.
pub(super) struct Lookup {
    store: Store,
    oldest: Arc<meter::Moment>,
    faults: Faults,
}

/// Some sign-ins.
struct Ask {
    users: Vec<UserId>,
    answer: Answer<Result<Arc<Found>, Refusal>>,
    left: Option<Instant>,
    _place: Place<LookupMsg>,
}

/// Who waits.
#[derive(Default)]
pub(super) struct Waiting {
    asks: Vec<Ask>,
    is_reading: bool,
}

impl Waiting {
    /// What the next read is for.
    fn next(&mut self) -> Vec<Ask> {
        let mut users = 0;
        let fits = |ask: &&Ask| {
            let has_room = users < BATCH;
            users += ask.users.len();
            has_room
        };
        let count = self.asks.iter().take_while(fits).count();
        let rest = self.asks.split_off(count);
        std::mem::replace(&mut self.asks, rest)
    }
}

impl Actor for Lookup {
    type Msg = Envelope<LookupMsg>;
    type State = Waiting;
    type Arguments = ();

    async fn pre_start(
        &self,
        _me: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Waiting, ActorProcessingErr> {
        Ok(Waiting::default())
    }

    async fn handle(
        &self,
        me: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        waiting: &mut Waiting,
    ) -> Result<(), ActorProcessingErr> {
        self.faults.panic_point(Part::Lookup, Moment::Start);
        let (Some(msg), mut place) = envelope.open() else {
            return Ok(());
        };
        match msg {
            LookupMsg::Ask(users, answer) => {
                let left = place.put_down();
                waiting.asks.push(Ask { users, answer, left, _place: place });
            }
            LookupMsg::Done => waiting.is_reading = false,
        }
        self.faults.panic_point(Part::Lookup, Moment::Middle);
        if waiting.is_reading {
            return Ok(());
        }
        self.oldest.set(waiting.asks.first().and_then(|ask| ask.left));
        if waiting.asks.is_empty() {
            return Ok(());
        }
        waiting.is_reading = true;
        let asks = waiting.next();
        let (store, faults) = (self.store.clone(), self.faults.clone());
        task::beside(async move {
            let users: Vec<_> = asks.iter().flat_map(|ask| &ask.users).copied().collect();
            let read = task::caught(async {
                faults.panic_point(Part::Read, Moment::Start);
                read(&store, &users).await
            });
            let found = match tokio::time::timeout(DEADLINE, read).await {
                Ok(Some(Ok(found))) => Some(found),
                Ok(Some(Err(why))) => {
                    tracing::error!("sign-ins could not be read: {why}");
                    None
                }
                Ok(None) | Err(_) => None,
            };
            let found = found.map(Arc::new).ok_or_else(busy);
            asks.into_iter().for_each(|ask| ask.answer.give(found.clone()));
            let _restarted = me.send_message(Envelope::to_self(LookupMsg::Done));
        });
        self.faults.panic_point(Part::Lookup, Moment::End);
        Ok(())
    }
}

async fn read(store: &Store, users: &[UserId]) -> Result<Found, StoreError> {
    let welcome = |arrival: Arrival| {
        let Arrival { user: id, username, display_name, status_text, inbox, rooms } = arrival;
        let inbox = InboxPlace { epoch: inbox.epoch, head: inbox.head, unread: inbox.unread };
        let user = UserBody { id, username, display_name };
        let rooms = rooms.into_iter().map(entry).collect();
        (id, Welcome { user, rooms, inbox, status_text })
    };
    Ok(store.arrivals(users).await?.into_iter().map(welcome).collect())
}

/// A room as the wire shows it.
#[must_use]
pub fn entry(view: RoomView) -> RoomEntry {
    RoomEntry {
        room: view.room,
        name: view.name,
        kind: view.kind,
        club: view.club,
        epoch: view.epoch,
        head: view.head,
        n: view.n,
        read_n: view.read_n,
        unread: view.n - view.read_n,
        mentions: view.mentions,
        peer: view.peer,
        notify: (view.notify != Notify::Mentions).then_some(view.notify),
        hidden: view.is_hidden,
    }
}

/// There was a token, but there is no such account.
pub(crate) fn nobody() -> Refusal {
    Refusal::new(ErrorCode::Unauthorized, "this account does not exist any more")
}

/// Nobody could look.
pub(crate) fn busy() -> Refusal {
    Refusal::new(ErrorCode::Unavailable, "sign-in is busy; try again")
        .retry_in(Duration::from_secs(1))
}
