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
use crate::store::{RoomView, Store, StoreError};

/// How many lives of the look-up one sign-in may outlive.
const LIVES: usize = 3;
/// Sign-ins that may wait.
pub(super) const MAILBOX: usize = 65_536;
/// Most sign-ins in one read.
const BATCH: usize = 500;
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

type Waiter = Answer<Result<Arc<Welcome>, Refusal>>;

/// Message of the look-up.
pub(crate) enum LookupMsg {
    /// What does this user need to know?
    Ask(UserId, Waiter),
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

    /// What the reply to `auth` says for this user.
    ///
    /// # Errors
    /// `unauthorized` for an account that is gone; `unavailable` and `overloaded`.
    pub(crate) async fn ask(&self, user: UserId) -> Result<Arc<Welcome>, Refusal> {
        for _life in 0..LIVES {
            let (answer, welcome) = Answer::channel();
            if self.address.try_cast(LookupMsg::Ask(user, answer)).is_err() {
                return Err(busy());
            }
            match tokio::time::timeout(DEADLINE, welcome).await {
                Ok(Ok(welcome)) => return welcome,
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

/// One sign-in.
struct Ask {
    user: UserId,
    waiter: Waiter,
    left: Option<Instant>,
    _place: Place<LookupMsg>,
}

/// Who waits.
#[derive(Default)]
pub(super) struct Waiting {
    asks: Vec<Ask>,
    is_reading: bool,
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
            LookupMsg::Ask(user, waiter) => {
                let left = place.put_down();
                waiting.asks.push(Ask { user, waiter, left, _place: place });
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
        let rest = waiting.asks.split_off(waiting.asks.len().min(BATCH));
        let asks = std::mem::replace(&mut waiting.asks, rest);
        let (store, faults) = (self.store.clone(), self.faults.clone());
        task::beside(async move {
            let users: Vec<_> = asks.iter().map(|ask| ask.user).collect();
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
            give(asks, found.as_ref());
            let _restarted = me.send_message(Envelope::to_self(LookupMsg::Done));
        });
        self.faults.panic_point(Part::Lookup, Moment::End);
        Ok(())
    }
}

fn give(asks: Vec<Ask>, found: Option<&HashMap<UserId, Arc<Welcome>>>) {
    for ask in asks {
        ask.waiter.give(match found {
            Some(found) => found.get(&ask.user).map(Arc::clone).ok_or_else(|| {
                Refusal::new(ErrorCode::Unauthorized, "this account does not exist any more")
            }),
            None => Err(busy()),
        });
    }
}

async fn read(
    store: &Store,
    users: &[UserId],
) -> Result<HashMap<UserId, Arc<Welcome>>, StoreError> {
    let mut rooms: HashMap<UserId, Vec<RoomEntry>> = HashMap::new();
    for (user, view) in store.rooms_of(users).await? {
        rooms.entry(user).or_default().push(entry(view));
    }
    let mut inboxes: HashMap<_, _> = store.inbox_heads(users).await?.into_iter().collect();
    let found = store.users(users).await?;
    Ok(found
        .into_iter()
        .filter_map(|user| {
            let (id, head) = (user.id, inboxes.remove(&user.id)?);
            let inbox = InboxPlace { epoch: head.epoch, head: head.head, unread: head.unread };
            let status_text = user.status_text;
            let user = UserBody { id, username: user.username, display_name: user.display_name };
            let rooms = rooms.remove(&id).unwrap_or_default();
            Some((id, Arc::new(Welcome { user, rooms, inbox, status_text })))
        })
        .collect())
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

fn busy() -> Refusal {
    Refusal::new(ErrorCode::Unavailable, "sign-in is busy; try again")
        .retry_in(Duration::from_secs(1))
}
