//! The typed face of the rooms: what others may ask, as intents.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::RoomsMsg;
use super::draft::{NewText, OwnCids};
use super::refusals::{lost, overloaded, refused};
use crate::actors::assistant::AssistantHandle;
use crate::actors::bounded::Address;
use crate::actors::bus::BusHandle;
use crate::actors::directory::Directory;
use crate::actors::filters::Filters;
use crate::actors::indexer::IndexerHandle;
use crate::actors::journal::{JournalHandle, Ticket};
use crate::actors::links::LinkQueue;
use crate::actors::presence::PresenceHandle;
use crate::actors::pressure::Pressure;
use crate::actors::relay::Relays;
use crate::actors::room::{
    Act, Beside, Change, Commit, Form, RoomHandle, RoomMsg, Send, UNKNOWN, Undelivered, call,
};
use crate::actors::seat::{Answer, Asker};
use crate::actors::shown::ShownQueue;
use crate::actors::sweeper::SweeperHandle;
use crate::domain::{Cid, ClubId, Millis, RoomId, Status, UserId};
use crate::faults::Faults;
use crate::protocol::{ActOk, ErrorCode, MarkOk, Refusal, SendOk};
use crate::store::{Append, Appended, Deed, Store, StoreError};
use crate::telemetry::Metrics;

/// How long a REST call waits for an answer of the actors.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many lives of the supervisor one question may outlive.
const LIVES: usize = 3;

/// Face of the rooms of a node. Cheap to clone.
#[derive(Clone)]
pub struct RoomsHandle {
    pub(crate) supervisor: Address<RoomsMsg>,
    pub(crate) directory: Directory,
    pub(crate) journal: JournalHandle,
    pub(crate) presence: PresenceHandle,
    pub(crate) relays: Relays,
    pub(crate) bus: BusHandle,
    pub(crate) indexer: IndexerHandle,
    pub(crate) sweeper: SweeperHandle,
    /// Tells this life of the node from others.
    pub(crate) life: i64,
    /// Face of the assistants.
    pub assistant: AssistantHandle,
    pub(crate) store: Store,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) cids: Arc<OwnCids>,
    pub(crate) filters: Filters,
    pub(crate) faults: Faults,
    pub(crate) pressure: Arc<Pressure>,
    /// Messages whose links are to be looked at, if somebody does.
    pub links: LinkQueue,
    /// Inbox entries that were shown, if somebody writes it down.
    pub shown: ShownQueue,
}

impl RoomsHandle {
    /// The face of rooms that the root is about to start.
    pub(crate) fn new(
        store: Store,
        metrics: Arc<Metrics>,
        life: u64,
        bus: BusHandle,
        assistant: AssistantHandle,
        faults: Faults,
    ) -> Self {
        let pressure = Arc::new(Pressure::new(Arc::clone(&metrics)));
        Self {
            pressure,
            supervisor: Address::default(),
            directory: Directory::default(),
            journal: JournalHandle::default(),
            presence: PresenceHandle::default(),
            relays: Relays::default(),
            bus,
            indexer: IndexerHandle::default(),
            sweeper: SweeperHandle::default(),
            life: i64::from_ne_bytes(life.to_ne_bytes()),
            assistant,
            store,
            metrics,
            cids: Arc::new(OwnCids::new(life)),
            filters: Filters::default(),
            faults,
            links: LinkQueue::default(),
            shown: ShownQueue::default(),
        }
    }

    /// The address of a room; wakes it if it sleeps.
    ///
    /// # Errors
    /// `not_found`, or `unavailable` when it cannot be loaded now.
    pub(crate) async fn ensure(&self, room: RoomId) -> Result<RoomHandle, Refusal> {
        if let Some(handle) = self.directory.find(room) {
            return Ok(handle);
        }
        let mut woken = Err(overloaded());
        for _life in 0..LIVES {
            let (answer, waking) = Answer::channel();
            if self.supervisor.try_cast(RoomsMsg::Ensure(room, answer)).is_err() {
                return Err(overloaded());
            }
            match tokio::time::timeout(PATIENCE, waking).await {
                Ok(Ok(answer)) => return answer,
                // The supervisor crashed with the question in hand; the next one is asked.
                Ok(Err(_dropped)) => woken = Err(lost()),
                Err(_elapsed) => return Err(overloaded()),
            }
        }
        woken
    }

    /// Leaves a command with a room, awake or not.
    ///
    /// # Errors
    /// As [`Self::ensure`], and `overloaded` when its mailbox stays full.
    pub(crate) async fn ask(&self, room: RoomId, mut msg: RoomMsg) -> Result<(), Refusal> {
        // A room may fall asleep or crash between the look-up and the message; then it is woken. The
        // supervisor needs a moment to learn of a crash, and the store to bring the room back.
        for attempt in 0..8 {
            let handle = self.ensure(room).await?;
            match handle.ask(msg).await {
                Ok(()) => return Ok(()),
                Err(Undelivered::Overloaded) => {
                    self.pressure.shut();
                    return Err(self.pressure.refusal());
                }
                Err(Undelivered::Ended(back)) => msg = back,
            }
            tokio::time::sleep(Duration::from_millis(1 << attempt)).await;
        }
        Err(Refusal::new(ErrorCode::Unavailable, "the room restarts")
            .retry_in(Duration::from_millis(200)))
    }

    /// Leaves a command with a room that is awake and has a place; gives it back otherwise.
    pub(crate) fn try_ask(&self, room: RoomId, msg: RoomMsg) -> Result<(), RoomMsg> {
        match self.directory.find(room) {
            Some(handle) => handle.try_ask(msg),
            None => Err(msg),
        }
    }

    /// Whether the store lets a user read a room.
    ///
    /// # Errors
    /// `unavailable` when the store does not answer.
    pub async fn may_read(&self, room: RoomId, user: UserId) -> Result<bool, Refusal> {
        self.store.may_read(room, user).await.map_err(|why| {
            tracing::error!("rights could not be read: {why}");
            Refusal::new(ErrorCode::Unavailable, "the store does not answer")
                .retry_in(Duration::from_secs(1))
        })
    }

    /// A cid for a client that sent none.
    #[must_use]
    pub fn own_cid(&self) -> Cid {
        self.cids.next()
    }

    /// Sends a message for a REST call and waits until it is durable.
    ///
    /// # Errors
    /// Whatever the room or the journal refuses.
    pub async fn send(
        &self,
        room: RoomId,
        author: UserId,
        what: NewText,
    ) -> Result<SendOk, Refusal> {
        self.pressure.admit()?;
        let (asker, answer) = call();
        let NewText { cid, text, reply_to, thread, files, is_asked, is_bots } = what;
        let (beside, since) = (Beside { reply_to, thread, files }.boxed(), Instant::now());
        let send = Send { author, cid, text, beside, asker, since, is_asked, is_bots };
        self.ask(room, RoomMsg::Send(send)).await?;
        wait(answer).await
    }

    /// Does something to messages for a REST call and waits until it is durable.
    ///
    /// # Errors
    /// Whatever the room or the journal refuses.
    pub async fn act(&self, room: RoomId, by: UserId, deed: Deed) -> Result<ActOk, Refusal> {
        self.pressure.admit()?;
        let (asker, answer) = call();
        let act = Act { by, deed, asker, since: Instant::now() };
        self.ask(room, RoomMsg::Act(Box::new(act))).await?;
        wait(answer).await
    }

    /// Moves a read mark for a REST call.
    ///
    /// # Errors
    /// Whatever the room or the journal refuses.
    pub async fn mark(&self, room: RoomId, user: UserId, seq: i64) -> Result<MarkOk, Refusal> {
        let (asker, answer) = call();
        self.ask(room, RoomMsg::Mark { user, seq, asker, seat: None }).await?;
        wait(answer).await
    }

    /// Brings a user into an open club.
    ///
    /// # Errors
    /// Whatever the store refuses, as the wire says it.
    pub async fn join_club(&self, club: ClubId, user: UserId) -> Result<(), Refusal> {
        let change = Change::Came { since: UNKNOWN };
        self.change(Append::JoinClub { club, user, at: Millis::now() }, user, change).await
    }

    /// Takes a user out of a club.
    ///
    /// # Errors
    /// As [`Self::join_club`].
    pub async fn leave_club(&self, club: ClubId, user: UserId) -> Result<(), Refusal> {
        let change = Change::Went("left");
        self.change(Append::LeaveClub { club, user, at: Millis::now() }, user, change).await
    }

    /// Makes a room crash so many times.
    ///
    /// # Errors
    /// When it cannot be woken.
    #[cfg(feature = "faults")]
    pub async fn crash(&self, room: RoomId, times: u32) -> Result<(), Refusal> {
        let times = Arc::new(std::sync::atomic::AtomicU32::new(times));
        self.ask(room, RoomMsg::Crash(times)).await
    }

    /// How many may read a living room, and how many of them are online. A room that is awake says so
    /// itself, behind whatever it was told before: who has just left is not counted.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn counts(&self, room: RoomId) -> Result<(usize, usize), StoreError> {
        if let Some(handle) = self.directory.find(room) {
            let (answer, counted) = Answer::channel();
            if handle.ask(RoomMsg::Count(answer)).await.is_ok()
                && let Some(counts) = counted.await.ok()
            {
                return Ok(counts);
            }
        }
        let roster = self.store.roster(room).await?;
        let online = roster.iter().filter(|row| self.is_online(row.user)).count();
        Ok((roster.len(), online))
    }

    /// Whether a user has a live session, on any node.
    #[must_use]
    pub fn is_online(&self, user: UserId) -> bool {
        self.presence.is_online(user)
    }

    /// How a user is who has a live session.
    #[must_use]
    pub fn status(&self, user: UserId) -> Status {
        self.presence.status(user)
    }

    async fn change(&self, append: Append, user: UserId, change: Change) -> Result<(), Refusal> {
        let (answer, appended) = Answer::channel();
        let ticket = Ticket::Member { user, change, answer };
        if let Err(refused) = self.journal.append(append, ticket, Instant::now()) {
            refused.1?;
        }
        match wait(appended).await? {
            Appended::Refused(why) => Err(refused(why)),
            Appended::Failed => Err(Refusal::new(ErrorCode::Internal, "this could not be done")),
            _changed => Ok(()),
        }
    }

    /// Gives a room what was committed for it; wakes it if it sleeps, since those who listen to
    /// its head want to hear.
    pub(super) fn hand_over(&self, room: RoomId, msg: RoomMsg) {
        let msg = match self.directory.find(room) {
            Some(handle) => match handle.answer(msg) {
                Ok(()) => return,
                Err(back) => back,
            },
            None => msg,
        };
        self.supervisor.answer(RoomsMsg::Forward(room, Box::new(msg)));
    }

    /// Answers everybody who waits in a message that no room can take.
    pub(super) fn turn_away(&self, room: RoomId, msg: RoomMsg, refusal: &Refusal) {
        let no = || refusal.clone();
        match msg {
            RoomMsg::Send(send) => self.answer_later(send.asker, Err(no())),
            RoomMsg::Act(act) => self.answer_later(act.asker, Err(no())),
            RoomMsg::Mark { asker, .. } | RoomMsg::Unread { asker, .. } => {
                self.answer_later(asker, Err(no()));
            }
            RoomMsg::Open { opening, form: Form::Socket { re: Some(re) }, .. }
            | RoomMsg::Pull { opening, re: Some(re), .. } => {
                self.answer_later::<SendOk>(Asker::Seat(opening.seat, re), Err(no()));
            }
            RoomMsg::Opens(opens) => {
                opens.into_iter().for_each(|open| self.turn_away(room, open, refusal));
            }
            RoomMsg::Committed(commits) => {
                // What was committed stays committed; who asked is told so by the repeated cid, and
                // who was put out goes.
                self.expel(room, &commits);
                for commit in commits {
                    match commit {
                        Commit::Message { asker, .. } => self.answer_later(asker, Err(no())),
                        Commit::Act { asker, .. } => self.answer_later(asker, Err(no())),
                        Commit::Mark { asker, .. } => self.answer_later(asker, Err(no())),
                        Commit::Event(_)
                        | Commit::FannedOut(_)
                        | Commit::Run { .. }
                        | Commit::Member { .. } => {}
                    }
                }
            }
            _nobody_waits => {}
        }
    }

    fn answer_later<T: serde::Serialize + std::marker::Send + 'static>(
        &self,
        asker: Asker<T>,
        answer: Result<T, Refusal>,
    ) {
        let relays = self.relays.clone();
        crate::actors::task::beside(async move {
            crate::actors::room::answer(&relays, asker, answer).await;
        });
    }
}

/// The answer of an actor, within a limit of time.
pub(super) async fn wait<T>(answer: oneshot::Receiver<Result<T, Refusal>>) -> Result<T, Refusal> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_dropped)) => Err(lost()),
        Err(_elapsed) => Err(overloaded()),
    }
}
