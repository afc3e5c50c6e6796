//! Everything that lives: rooms, sessions, the journal, and who watches over them.
//!
//! *Belongs here:* live state, and what happens to it. *Does not belong here:* SQL, URLs, status
//! codes; how a token is made.
//!
//! ```text
//! Root (ractor, main runtime)             one a node; starts the branches, again when one ends
//! ├─ Bus                                  what crosses nodes; only where there is a link to others
//! ├─ Presence                             who is online; tells the rooms once a second
//! ├─ Rooms                                supervisor: wakes rooms, restarts them, lets them sleep
//! │  └─ Room …                            one a room that somebody needs: roster, newest events
//! ├─ Journal                              the group-commit writer: all appends, one transaction
//! ├─ Lookup                               reads for sign-ins, many in one statement
//! ├─ Indexer                              fills the index of the search, behind the logs
//! ├─ Sweeper                              takes away for good what is to go
//! └─ Assistants                           who asks the assistant, and whose turn it is
//!    └─ Assistant …                       looks after one question, from its turn to its end
//!       └─ Run                            one answer, as a model speaks it
//! HTTP worker … (actix, one thread each)
//! ├─ Relay                                which sessions here listen to what; heartbeats, deadlines
//! └─ Session …                            one a socket: reads ops; ends with the socket
//! ```
//!
//! * Only supervisors start ractor actors, on the main runtime: one started in a request would
//!   live and die with that worker's thread. Sessions and relays are started by their worker.
//! * The directory is read by all without a hop and written by the supervisor of the rooms.
//! * Mailboxes are bounded by permits. A session without one waits and reads nothing meanwhile.
//! * What waits is bounded by time as well: `pressure` refuses what has waited too long and shuts the
//!   door for a moment, so that under overload what is taken is still done in good time.
//! * Whatever panics, only that actor is touched, and nothing that was acknowledged is lost, doubled
//!   or told twice:
//!   * a **room**: its log is in the store, its listeners are in the relays; the message in hand is
//!     tried again by the next one, three times in all, those behind it come back to the supervisor;
//!   * the **supervisor of the rooms**: its rooms end, and those that somebody has open wake again,
//!     with everything that they and it had in hand or unopened;
//!   * the **journal**: what it had opened and not handed to the database is answered `unavailable`;
//!     a batch that makes the store panic is written in pieces until the culprit stands alone;
//!   * a **relay**: its sessions stay; the book is made anew from their places, and whoever may have
//!     missed something is told to pull (`relay/recover.rs`);
//!   * a **session**: closes its own socket with 4002 and gives its seats back; the client resumes;
//!   * the **presence**: the relays call the roll; the **look-up**: is asked again; the **bus**: all
//!     nodes compare their heads; the **indexer**: looks at all rooms; the **sweeper**: goes on where the
//!     store says that it was.
//! * What is sent to a branch while it is started again waits at its address, with what the crashed
//!   one had not opened (`bounded.rs`).
//! * What crashes now and then is back at once; only what crashes right after its start is made to
//!   wait, longer each time. A room rests then, a branch that cannot be kept alive ends the node.
//! * Between nodes the database gives order and truth, the bus only speed: rooms hand it what they
//!   committed after the relays were told, and take what others committed like any event, by seq.
//!   A crash of the bus, or a link that is away, delays what crosses until the heads are compared.

mod assistant;
#[cfg(feature = "bench")]
pub mod bench;
mod bounded;
mod budget;
mod bus;
mod connections;
mod directory;
mod filters;
mod indexer;
mod journal;
mod links;
mod lookup;
mod meter;
mod outbox;
mod presence;
mod pressure;
mod relay;
mod room;
mod rooms;
mod root;
mod seat;
mod session;
mod shown;
mod survey;
mod sweeper;
mod task;
mod throttle;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorRef};

pub use self::assistant::{
    AssistantHandle, AssistantSettings, Drafted, Note, ReviewError, Reviewed, RunReading,
    public_reason, review,
};
use self::bus::BusHandle;
pub use self::connections::{Connection, Connections};
pub use self::journal::{JournalHandle, LaneReading};
pub use self::links::{LinkAsk, LinkQueue};
pub use self::lookup::{LookupHandle, entry};
pub use self::meter::Mailbox;
pub use self::presence::PresenceHandle;
use self::relay::RelayMsg;
pub use self::relay::{RelayReading, Relays, SessionReading, WorkerReading};
pub use self::rooms::{NewText, RoomsHandle, no_bots, too_far};
use self::root::{Root, RootMsg};
#[cfg(feature = "faults")]
pub use self::session::Echo;
pub use self::session::{
    Accepted, CheckToken, Claims, EventBody, Learning, Session, Shared, Since, Worker,
};
#[cfg(feature = "faults")]
pub(crate) use self::session::{Incoming, Reader};
pub use self::shown::ShownQueue;
pub use self::survey::{Reading, RoomReading, RoomsSum, Subject, Survey, Surveyor, Totals};
pub use self::throttle::Throttle;
pub use self::wire::unheard;
use crate::faults::Faults;
use crate::store::{Link, Store};
use crate::telemetry::Metrics;

/// What is left of the time to end when answers of the assistant are cut off.
const TO_CUT_OFF: Duration = Duration::from_secs(3);

/// The live part of a node, started.
pub struct Tree {
    root: ActorRef<RootMsg>,
    /// Face of the rooms, and through it of everything else.
    pub rooms: RoomsHandle,
    /// Face of the look-up.
    pub lookup: LookupHandle,
}

/// The tree did not start.
#[derive(Debug, thiserror::Error)]
#[error("the actors did not start: {0}")]
pub struct NotStarted(String);

impl Tree {
    /// Starts the tree on the runtime of the caller. `life` is random: it tells this node, and the
    /// cids that it makes, apart from others and from its earlier lives. `link` leads to the other
    /// nodes, if there are any; `assistant` is how questions are answered; `faults` are what tests planted.
    ///
    /// # Errors
    /// When a branch cannot start at all.
    pub async fn start(
        store: Store,
        metrics: Arc<Metrics>,
        life: u64,
        link: Option<Arc<dyn Link>>,
        assistant: AssistantSettings,
        faults: Faults,
    ) -> Result<Self, NotStarted> {
        let bus = BusHandle::new(link, life, Arc::clone(&metrics));
        let assistant = AssistantHandle::new(assistant);
        let rooms = RoomsHandle::new(store, metrics, life, bus, assistant, faults);
        let lookup = LookupHandle::default();
        let root = Root { rooms: rooms.clone(), lookup: lookup.clone() };
        let started = Root::spawn(None, root, ()).await;
        let (root, _ends) = started.map_err(|why| NotStarted(why.to_string()))?;
        Ok(Self { root, rooms, lookup })
    }

    /// Tells all sessions when to come back, waits until everything that was accepted is
    /// committed and told, and answers of the assistant have ended or were cut off, then closes
    /// them. `deadline` bounds the whole.
    pub async fn drain(&self, window: Duration, deadline: Instant) {
        let assistant = &self.rooms.assistant;
        self.rooms.relays.broadcast(RelayMsg::Drain { window }).await;
        assistant.leave().await;
        let mut cut_at = deadline.checked_sub(TO_CUT_OFF);
        while Instant::now() < deadline && (self.is_busy() || assistant.is_speaking()) {
            if cut_at.take_if(|at| *at <= Instant::now()).is_some() {
                assistant.cut_off();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.rooms.relays.broadcast(RelayMsg::Finish).await;
        while Instant::now() < deadline && self.rooms.metrics.connections.get() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Comes when the root has ended: by [`Tree::stop`], or because a branch is beyond repair.
    pub async fn ended(&self) {
        // Without a limit of time there is no error.
        let _ended = self.root.wait(None).await;
    }

    /// Ends all actors.
    pub fn stop(&self) {
        self.root.stop(Some("the node ends".to_owned()));
    }

    /// Takes pictures of the tree. Each remembers when it was asked before, so there is one a node.
    #[must_use]
    pub fn surveyor(&self) -> Surveyor {
        Surveyor::new(self.rooms.clone(), self.lookup.clone())
    }

    /// How much waits where, for whoever looks at the metrics.
    pub fn weigh(&self) {
        let (_, waiting) = self.rooms.directory.weigh();
        let metrics = &self.rooms.metrics;
        metrics.waits("rooms", waiting);
        metrics.waits("journal", self.rooms.journal.depth());
        metrics.waits("relays", self.rooms.relays.depth());
        metrics.waits("bus", self.rooms.bus.depth());
        for (provider, model, standing) in self.rooms.assistant.settings.models.standings() {
            metrics.assistant.breaker(provider, model, standing.number());
        }
        metrics.ran(self.rooms.store.statements());
    }

    fn is_busy(&self) -> bool {
        let (_, waiting) = self.rooms.directory.weigh();
        waiting > 0
            || self.rooms.journal.depth() > 0
            || self.rooms.relays.depth() > 0
            || self.rooms.bus.depth() > 0
    }
}
