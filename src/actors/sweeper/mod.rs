//! Takes away for good what is to go: what people of erased accounts wrote, and what rooms keep only
//! for a time. Of a club that went it tells those who were in it.
//!
//! Root starts it. Nobody waits for it. It works in pieces, each an append that the journal writes
//! like any other, and leaves the writer to others between them. How far it is stands in the store,
//! so a crash, or the end of a node, costs no more than the piece in hand. Of several nodes one works
//! on an account, and one on the rooms.

mod erase;
mod keep;

use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};

use self::keep::Keeping;
use super::bounded::{Address, BoundedRef, Envelope};
use super::meter::Mailbox;
use super::rooms::RoomsHandle;
use crate::domain::Millis;
use crate::faults::{Moment, Part};
use crate::protocol::Refusal;
use crate::store::{Erasure, StoreError};

/// Messages to it that may wait.
pub(super) const MAILBOX: usize = 16;
/// How often it looks for what other nodes have left.
const LOOK: Duration = Duration::from_secs(30);
/// After a piece the writer is left to others for a part of the time that the piece took.
const REST: u32 = 1;
/// After a failure the rest of the server gets this long.
const PAUSE: Duration = Duration::from_secs(1);
/// A piece that takes longer is given up, and tried again.
const DEADLINE: Duration = Duration::from_secs(25);
/// So long nobody else works on what this node has taken.
const LEASE: Duration = Duration::from_secs(30);

/// What was deleted stands in the log of the database for so long at most, or as long as somebody always reads.
const EMPTIED_EVERY: Duration = Duration::from_secs(3_600);

/// Message of the sweeper.
pub(super) enum SweeperMsg {
    /// There may be something to do: a node may have ended and left it.
    Look,
    /// There is something to do.
    Called,
    /// Do the next piece.
    Go,
}

/// Face of the sweeper.
#[derive(Clone, Default)]
pub(crate) struct SweeperHandle {
    address: Address<SweeperMsg>,
}

impl SweeperHandle {
    /// Called by the root at each start.
    pub(super) fn start(&self, sweeper: BoundedRef<SweeperMsg>) {
        self.address.set(sweeper);
    }

    /// What its mailbox shows.
    pub(super) fn read(&self, now: Instant) -> (Mailbox, u32) {
        (self.address.read(now), self.address.restarts())
    }

    /// There is something to do. What cannot be left now is found at the next look.
    pub(crate) fn look(&self) {
        let _later = self.address.try_cast(SweeperMsg::Called);
    }
}

/// The sweeper of a node.
pub(super) struct Sweeper {
    pub(super) rooms: RoomsHandle,
}

/// What it is at.
#[derive(Default)]
pub(super) struct Work {
    erasing: Option<Erasure>,
    keeping: Keeping,
    /// When the log of the database was emptied.
    emptied: Option<Instant>,
    /// The next piece has its time.
    is_planned: bool,
}

/// Why a piece was not done.
#[derive(Debug, thiserror::Error)]
enum NotDone {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{}", .0.msg)]
    Refused(Refusal),
}

impl From<Refusal> for NotDone {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Actor for Sweeper {
    type Msg = Envelope<SweeperMsg>;
    type State = Work;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<Self::Msg>, (): ()) -> Result<Work, ActorProcessingErr> {
        me.send_message(Envelope::to_self(SweeperMsg::Look))?;
        let _ends_with_the_actor = me.send_interval(LOOK, || Envelope::to_self(SweeperMsg::Look));
        Ok(Work::default())
    }

    async fn handle(
        &self,
        me: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        work: &mut Work,
    ) -> Result<(), ActorProcessingErr> {
        self.rooms.faults.panic_point(Part::Sweeper, Moment::Start);
        let (Some(msg), _place) = envelope.open() else {
            return Ok(());
        };
        let next = match msg {
            SweeperMsg::Look => {
                work.keeping.look(Instant::now());
                self.empty_log(work).await;
                Some(Duration::ZERO)
            }
            SweeperMsg::Called => {
                work.keeping.called();
                Some(Duration::ZERO)
            }
            SweeperMsg::Go => {
                work.is_planned = false;
                self.go(work).await
            }
        };
        self.rooms.faults.panic_point(Part::Sweeper, Moment::Middle);
        if let Some(rest) = next.filter(|_rest| !work.is_planned) {
            work.is_planned = true;
            let _timer = me.send_after(rest, || Envelope::to_self(SweeperMsg::Go));
        }
        self.rooms.faults.panic_point(Part::Sweeper, Moment::End);
        Ok(())
    }
}

impl Sweeper {
    /// Does a piece, and says when the next is due, if there is one.
    async fn go(&self, work: &mut Work) -> Option<Duration> {
        let began = Instant::now();
        match tokio::time::timeout(DEADLINE, self.piece(work)).await {
            Ok(Ok(true)) => Some(began.elapsed() * REST),
            Ok(Ok(false)) => None,
            Ok(Err(why)) => {
                tracing::warn!("what is to go stays a little longer: {why}");
                Some(PAUSE)
            }
            Err(_elapsed) => Some(PAUSE),
        }
    }

    async fn empty_log(&self, work: &mut Work) {
        let began = *work.emptied.get_or_insert_with(Instant::now);
        if began.elapsed() >= EMPTIED_EVERY {
            work.emptied = None;
            if let Err(why) = self.rooms.store.empty_wal().await {
                tracing::warn!("the log of the database is not emptied: {why}");
            }
        }
    }

    /// Whether there was something to do.
    async fn piece(&self, work: &mut Work) -> Result<bool, NotDone> {
        if let Some(club) = self.rooms.store.next_closing().await? {
            match self.rooms.tell_closed(club).await {
                Ok(()) => return Ok(true),
                // The rest does not wait for it.
                Err(why) => tracing::warn!("members do not hear that a club closed: {}", why.msg),
            }
        }
        if work.erasing.is_none() {
            work.erasing = self.rooms.store.take_erasure(Millis::now(), LEASE).await?;
        }
        if work.erasing.is_some() {
            self.erase(&mut work.erasing).await?;
            return Ok(true);
        }
        self.keep(&mut work.keeping).await
    }
}
