//! Mailboxes with a bound. ractor's are unbounded, so a permit travels with every message and is
//! given back when the message was handled.

use std::sync::{Arc, PoisonError, RwLock};

use ractor::{ActorRef, MessagingErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What happens to a message whose actor ended before it was handled.
pub(crate) type Lost<M> = Arc<dyn Fn(M) + Send + Sync>;

/// A message on its way, with its place in the mailbox. Dropped unopened, with the mailbox of an
/// actor that crashed, it goes to the mailbox's lost-and-found.
pub(crate) struct Envelope<M> {
    msg: Option<M>,
    place: Option<OwnedSemaphorePermit>,
    lost: Option<Lost<M>>,
}

impl<M> Envelope<M> {
    /// A message that an actor sends itself.
    pub(crate) fn to_self(msg: M) -> Self {
        Self { msg: Some(msg), place: None, lost: None }
    }

    /// The message, and its place, which is given back when dropped: an actor that keeps the
    /// message for later keeps the place too.
    pub(crate) fn open(mut self) -> (Option<M>, Option<OwnedSemaphorePermit>) {
        (self.msg.take(), self.place.take())
    }
}

impl<M> Drop for Envelope<M> {
    fn drop(&mut self) {
        if let (Some(msg), Some(lost)) = (self.msg.take(), &self.lost) {
            lost(msg);
        }
    }
}

/// Why a message was not taken; it comes back.
#[derive(Debug)]
pub(crate) enum Rejected<M> {
    /// The mailbox is full.
    Full(M),
    /// The actor has ended.
    Ended(M),
}

/// Address of an actor with a bounded mailbox.
pub(crate) struct BoundedRef<M: Send + 'static> {
    actor: ActorRef<Envelope<M>>,
    places: Arc<Semaphore>,
    capacity: usize,
    lost: Option<Lost<M>>,
}

impl<M: Send + 'static> Clone for BoundedRef<M> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            places: Arc::clone(&self.places),
            capacity: self.capacity,
            lost: self.lost.clone(),
        }
    }
}

impl<M: Send + 'static> BoundedRef<M> {
    /// Bounds the mailbox of `actor`.
    pub(crate) fn new(actor: ActorRef<Envelope<M>>, capacity: usize) -> Self {
        Self { actor, places: Arc::new(Semaphore::new(capacity)), capacity, lost: None }
    }

    /// The same, with somebody who takes what the actor leaves behind when it ends.
    pub(crate) fn with_lost(mut self, lost: Lost<M>) -> Self {
        self.lost = Some(lost);
        self
    }

    /// Leaves a message if there is a place.
    pub(crate) fn try_cast(&self, msg: M) -> Result<(), Rejected<M>> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => self.leave(msg, Some(place)),
            Err(_no_place) => Err(Rejected::Full(msg)),
        }
    }

    /// Waits for a place, then leaves the message. The caller sets the deadline.
    pub(crate) async fn cast(&self, msg: M) -> Result<(), Rejected<M>> {
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(place) => self.leave(msg, Some(place)),
            Err(_closed) => Err(Rejected::Ended(msg)),
        }
    }

    /// Leaves a message past the bound: answers to what the actor itself asked for, whose number
    /// is bounded by the questions.
    pub(crate) fn answer(&self, msg: M) -> Result<(), Rejected<M>> {
        self.leave(msg, None)
    }

    /// Messages that hold a place now.
    pub(crate) fn depth(&self) -> usize {
        self.capacity.saturating_sub(self.places.available_permits())
    }

    /// The actor behind.
    pub(crate) fn actor(&self) -> &ActorRef<Envelope<M>> {
        &self.actor
    }

    fn leave(&self, msg: M, place: Option<OwnedSemaphorePermit>) -> Result<(), Rejected<M>> {
        let envelope = Envelope { msg: Some(msg), place, lost: self.lost.clone() };
        match self.actor.send_message(envelope) {
            Ok(()) => Ok(()),
            Err(MessagingErr::SendErr(mut envelope)) => match envelope.msg.take() {
                Some(msg) => Err(Rejected::Ended(msg)),
                None => Ok(()),
            },
            Err(MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => Ok(()),
        }
    }
}

/// Where a branch of the tree is reached. It outlives the actor: after a restart the supervisor
/// puts the new one in, and whoever holds the address goes on using it.
pub(crate) struct Address<M: Send + 'static>(Arc<RwLock<Option<BoundedRef<M>>>>);

impl<M: Send + 'static> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Send + 'static> Default for Address<M> {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(None)))
    }
}

impl<M: Send + 'static> Address<M> {
    /// Called by the supervisor at each start.
    pub(crate) fn set(&self, actor: BoundedRef<M>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(actor);
    }

    /// Leaves a message if the actor lives and has a place.
    pub(crate) fn try_cast(&self, msg: M) -> Result<(), Rejected<M>> {
        match self.get() {
            Some(actor) => actor.try_cast(msg),
            None => Err(Rejected::Ended(msg)),
        }
    }

    /// Leaves an answer past the bound; lost when the actor is just being restarted.
    pub(crate) fn answer(&self, msg: M) -> Result<(), Rejected<M>> {
        match self.get() {
            Some(actor) => actor.answer(msg),
            None => Err(Rejected::Ended(msg)),
        }
    }

    /// Messages that hold a place now.
    pub(crate) fn depth(&self) -> usize {
        self.get().map_or(0, |actor| actor.depth())
    }

    fn get(&self) -> Option<BoundedRef<M>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
