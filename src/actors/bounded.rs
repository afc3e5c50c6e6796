//! Mailboxes with a bound. ractor's are unbounded, so a permit travels with every message and is
//! given back when the message was handled.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use ractor::{ActorRef, MessagingErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::meter::{Mailbox, Meter};

/// What happens to a message whose actor ended before it was handled.
pub(crate) type Lost<M> = Arc<dyn Fn(M) + Send + Sync>;

/// A message on its way, with its place in the mailbox. Dropped unopened, with the mailbox of an
/// actor that crashed, it goes to the mailbox's lost-and-found.
pub(crate) struct Envelope<M> {
    msg: Option<M>,
    place: Option<OwnedSemaphorePermit>,
    post: Option<Post<M>>,
}

/// Which mailbox a message was left in, and when.
struct Post<M> {
    back: Arc<Back<M>>,
    left: Instant,
}

/// What senders share with the actor behind a mailbox.
struct Back<M> {
    lost: Option<Lost<M>>,
    meter: Arc<Meter>,
}

/// The place of a message in its mailbox, and the mark that it is in hand. Both end when this is
/// dropped: an actor that keeps a message for later keeps the place too.
pub(crate) struct Place<M> {
    _permit: Option<OwnedSemaphorePermit>,
    post: Option<Post<M>>,
}

impl<M> Place<M> {
    /// The message is kept for later, and the actor goes on to the next. Says when it was left.
    pub(crate) fn put_down(&mut self) -> Option<Instant> {
        let Post { back, left } = self.post.take()?;
        back.meter.put_down(left);
        Some(left)
    }
}

impl<M> Drop for Place<M> {
    fn drop(&mut self) {
        self.put_down();
    }
}

impl<M> Envelope<M> {
    /// A message that an actor sends itself.
    pub(crate) fn to_self(msg: M) -> Self {
        Self { msg: Some(msg), place: None, post: None }
    }

    /// Takes the message in hand: it, and its place.
    pub(crate) fn open(mut self) -> (Option<M>, Place<M>) {
        let post = self.post.take();
        if let Some(Post { back, left }) = &post {
            back.meter.take(*left);
        }
        (self.msg.take(), Place { _permit: self.place.take(), post })
    }
}

impl<M> Drop for Envelope<M> {
    fn drop(&mut self) {
        if let (Some(msg), Some(post)) = (self.msg.take(), &self.post)
            && let Some(lost) = &post.back.lost
        {
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
    back: Arc<Back<M>>,
}

impl<M: Send + 'static> Clone for BoundedRef<M> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            places: Arc::clone(&self.places),
            capacity: self.capacity,
            back: Arc::clone(&self.back),
        }
    }
}

impl<M: Send + 'static> BoundedRef<M> {
    /// Bounds the mailbox of `actor`.
    pub(crate) fn new(actor: ActorRef<Envelope<M>>, capacity: usize) -> Self {
        let back = Arc::new(Back { lost: None, meter: Arc::default() });
        Self { actor, places: Arc::new(Semaphore::new(capacity)), capacity, back }
    }

    /// The same, with somebody who takes what the actor leaves behind when it ends.
    pub(crate) fn with_lost(mut self, lost: Lost<M>) -> Self {
        self.back = Arc::new(Back { lost: Some(lost), meter: Arc::clone(&self.back.meter) });
        self
    }

    /// The same, with a meter that others share.
    pub(crate) fn with_meter(mut self, meter: &Arc<Meter>) -> Self {
        self.back = Arc::new(Back { lost: self.back.lost.clone(), meter: Arc::clone(meter) });
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

    /// What the mailbox shows now.
    pub(crate) fn read(&self, now: Instant) -> Mailbox {
        let (depth, meter) = (self.depth(), &self.back.meter);
        let (handled, oldest) = (meter.handled(), meter.oldest(depth, now));
        Mailbox { depth, capacity: self.capacity, handled, oldest }
    }

    /// The meter of the mailbox.
    #[cfg(feature = "bench")]
    pub(crate) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.back.meter)
    }

    /// The actor behind.
    pub(crate) fn actor(&self) -> &ActorRef<Envelope<M>> {
        &self.actor
    }

    fn leave(&self, msg: M, place: Option<OwnedSemaphorePermit>) -> Result<(), Rejected<M>> {
        let left = Instant::now();
        if place.is_some() && self.depth() == 1 {
            self.back.meter.is_first(left);
        }
        let post = Some(Post { back: Arc::clone(&self.back), left });
        let envelope = Envelope { msg: Some(msg), place, post };
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

/// Where a branch of the tree is reached. It outlives the actor: what comes while the supervisor
/// starts a crashed one again, and what the crashed one had not opened, waits here for the next,
/// and whoever holds the address goes on using it.
pub(crate) struct Address<M: Send + 'static>(Arc<Lasting<M>>);

/// What outlives an actor.
struct Lasting<M: Send + 'static> {
    door: RwLock<Door<M>>,
    meter: Arc<Meter>,
    starts: AtomicU32,
}

/// The actor, and what waits for the next one, since when.
struct Door<M: Send + 'static> {
    actor: Option<BoundedRef<M>>,
    left: Vec<M>,
    since: Option<Instant>,
}

impl<M: Send + 'static> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Send + 'static> Default for Address<M> {
    fn default() -> Self {
        let door = RwLock::new(Door { actor: None, left: Vec::new(), since: None });
        Self(Arc::new(Lasting { door, meter: Arc::default(), starts: AtomicU32::new(0) }))
    }
}

impl<M: Send + Sync + 'static> Address<M> {
    /// Called by the supervisor at each start.
    pub(crate) fn set(&self, actor: BoundedRef<M>) {
        let lasting = Arc::downgrade(&self.0);
        let lost = move |msg| {
            if let Some(lasting) = lasting.upgrade() {
                Self(lasting).answer(msg);
            }
        };
        let actor = actor.with_meter(&self.0.meter).with_lost(Arc::new(lost));
        self.0.starts.fetch_add(1, Ordering::Relaxed);
        let mut door = self.write();
        door.actor = Some(actor);
        door.since = None;
        for msg in std::mem::take(&mut door.left) {
            door.leave(msg);
        }
    }

    /// Leaves a message if there is a place. One for an actor that is being started again waits.
    pub(crate) fn try_cast(&self, msg: M) -> Result<(), Rejected<M>> {
        let back = match self.get() {
            Some(actor) => actor.try_cast(msg).map_err(|back| (back, actor.capacity)),
            None => Err((Rejected::Ended(msg), usize::MAX)),
        };
        match back {
            Ok(()) => Ok(()),
            Err((Rejected::Ended(msg), capacity)) => {
                let mut door = self.write();
                if door.left.len() >= capacity {
                    return Err(Rejected::Full(msg));
                }
                door.leave(msg);
                Ok(())
            }
            Err((full, _)) => Err(full),
        }
    }

    /// Leaves a message past the bound.
    pub(crate) fn answer(&self, msg: M) {
        let back = match self.get() {
            Some(actor) => actor.answer(msg),
            None => Err(Rejected::Ended(msg)),
        };
        if let Err(Rejected::Ended(msg) | Rejected::Full(msg)) = back {
            self.write().leave(msg);
        }
    }

    /// Messages that hold a place, or wait for the next actor.
    pub(crate) fn depth(&self) -> usize {
        let door = self.read_door();
        door.left.len() + door.actor.as_ref().map_or(0, BoundedRef::depth)
    }

    /// What the mailbox shows now, with what waits for the next actor.
    pub(crate) fn read(&self, now: Instant) -> Mailbox {
        let door = self.read_door();
        let mailbox = door.actor.as_ref().map(|actor| actor.read(now)).unwrap_or_default();
        let waits = door.since.map(|since| now.saturating_duration_since(since));
        let (depth, oldest) = (mailbox.depth + door.left.len(), mailbox.oldest);
        Mailbox { depth, oldest: oldest.max(waits.unwrap_or_default()), ..mailbox }
    }

    /// The meter of the mailbox, whoever reads it.
    #[cfg(feature = "bench")]
    pub(crate) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.0.meter)
    }

    /// How often the actor was started again.
    pub(crate) fn restarts(&self) -> u32 {
        self.0.starts.load(Ordering::Relaxed).saturating_sub(1)
    }

    fn get(&self) -> Option<BoundedRef<M>> {
        self.read_door().actor.clone()
    }

    fn read_door(&self) -> RwLockReadGuard<'_, Door<M>> {
        self.0.door.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Door<M>> {
        self.0.door.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Send + 'static> Door<M> {
    fn leave(&mut self, msg: M) {
        let back = match &self.actor {
            Some(actor) => actor.answer(msg),
            None => Err(Rejected::Ended(msg)),
        };
        if let Err(Rejected::Ended(msg) | Rejected::Full(msg)) = back {
            self.since.get_or_insert_with(Instant::now);
            self.left.push(msg);
        }
    }
}
