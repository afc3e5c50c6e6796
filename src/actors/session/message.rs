//! What a session needs from outside, handed to it by `app.rs` and the worker.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::arrivals::Arrivals;
use super::openings::Openings;
use crate::actors::connections::Connections;
use crate::actors::lookup::LookupHandle;
use crate::actors::relay::Relay;
use crate::actors::rooms::RoomsHandle;
use crate::actors::throttle::Throttle;
use crate::domain::{Cid, DeviceId, Millis, SessionId, UserId, limits};
use crate::protocol::{CloseCode, Frame, Hello, Refusal};

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is.
    pub user: UserId,
    /// The sign-in it belongs to.
    pub device: DeviceId,
    /// Until when it holds.
    pub until: Millis,
    /// Whether a bot has it.
    pub is_bots: bool,
}

/// A look-up of a token in the store. When it is done, the token is known, or is none of ours.
pub type Learning = Pin<Box<dyn Future<Output = Result<(), Refusal>>>>;

/// Checks access tokens; `http/` knows how.
pub trait CheckToken: Send + Sync {
    /// What the token says, if it is ours, holds, and was not revoked.
    ///
    /// # Errors
    /// `unauthorized` or `token_expired`.
    fn check(&self, token: &str) -> Result<Claims, Refusal>;

    /// What is to be awaited before a token can be checked that is looked up. None for most tokens:
    /// they say themselves what they are, or are known.
    fn learn(&self, token: &str) -> Option<Learning>;
}

/// What all sessions of a node share.
pub struct Shared {
    /// The rooms.
    pub rooms: RoomsHandle,
    /// Reads for sign-ins.
    pub lookup: LookupHandle,
    /// Who may come in.
    pub tokens: Arc<dyn CheckToken>,
    /// How much at once.
    pub throttle: Arc<Throttle>,
    /// The clients that this node holds.
    pub connections: Arc<Connections>,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// Sessions that one user may have.
    pub sessions_per_user: u32,
    /// Bytes that may wait in all outboxes of one worker.
    pub outbox_bytes: usize,
    /// Number of the next session.
    pub next_session: AtomicU64,
}

impl Shared {
    /// An id for a session; unlike those of an earlier life of this node.
    pub(crate) fn new_session(&self) -> SessionId {
        SessionId(self.next_session.fetch_add(1, Ordering::Relaxed))
    }

    /// A cid for a client that sent none: unique in this life of the node and, by the random start
    /// of the count, in all others.
    pub(crate) fn own_cid(&self) -> Cid {
        self.rooms.own_cid()
    }
}

/// One worker's view: what is shared, its relay, and a buffer to read into.
pub struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) relay: Rc<Relay>,
    pub(crate) scratch: RefCell<Box<[u8]>>,
    pub(super) arrivals: Rc<Arrivals>,
    pub(super) openings: Rc<Openings>,
    /// The first words of every session, written once.
    hello: Frame,
}

/// Bytes read from a socket at once; one buffer for all sessions of a worker.
const SCRATCH: usize = 16 * 1024;

impl Worker {
    /// Called by each HTTP worker when it starts; starts the worker's relay.
    #[must_use]
    pub fn start(shared: &Arc<Shared>) -> Rc<Self> {
        let relay = Relay::start(&shared.rooms, shared.heartbeat, shared.outbox_bytes);
        let scratch = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
        let arrivals = Arrivals::new(shared.lookup.clone(), shared.rooms.presence.clone());
        let openings = Openings::new(shared.rooms.clone(), &relay);
        let hello = Frame::json(&Hello {
            v: 1,
            hb: u64::try_from(shared.heartbeat.as_millis()).unwrap_or(u64::MAX),
            max_frame: limits::FRAME_BYTES,
            server: concat!("moim/", env!("CARGO_PKG_VERSION")),
        });
        let shared = Arc::clone(shared);
        Rc::new(Self { shared, relay, scratch, arrivals, openings, hello })
    }

    /// The answer to a handshake with the first words behind it, unless the last follow at once.
    pub(super) fn greet(&self, mut head: BytesMut, close: Option<CloseCode>) -> Bytes {
        if close.is_none() {
            head.extend_from_slice(self.hello.bytes());
        }
        head.freeze()
    }
}
