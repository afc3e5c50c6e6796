//! One WebSocket session: owns its socket, reads ops, hands them to rooms.
//!
//! `http/upgrade.rs` starts it on its worker after the handshake; it ends when the peer is gone or
//! the server closes it, and is never restarted: the client comes back and resumes. One that panics
//! closes its own socket with 4002, gives its seats back, and touches nobody else. It is the
//! control plane: what rooms say goes relay → outbox → socket and never through its mailbox.
//! Lines are handled one after the other; while one waits (for a place in a mailbox, for the store)
//! nothing more is read, so that pressure reaches the client by TCP.

mod act;
mod arrivals;
mod body;
#[cfg(feature = "faults")]
mod echo;
mod header;
mod inbox;
mod message;
mod op;
mod openings;
mod reader;
mod sign_in;
mod status;
mod stream;
mod utf8;

use std::collections::VecDeque;
use std::rc::Rc;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, StreamHandler, WrapFuture,
};
use bytes::BytesMut;
use tokio::net::TcpStream;

pub use self::body::{EventBody, Since};
#[cfg(feature = "faults")]
pub use self::echo::Echo;
pub use self::message::{CheckToken, Claims, Learning, Shared, Worker};
pub(crate) use self::reader::{Incoming, Reader};
use self::stream::{Drained, Frames};
use super::connections::Connection;
use super::outbox::{Ending, Outbox, Port};
use super::relay::Kind;
use super::seat::SeatKey;
use crate::domain::{SessionId, UserId, limits};
use crate::faults::{Moment, Part};
use crate::protocol::{CloseCode, ErrorCode, Frame, Refusal, control_frame, err_line, parse_line};

/// A live client.
pub struct Session {
    worker: Rc<Worker>,
    outbox: Rc<Outbox>,
    seat: SeatKey,
    id: SessionId,
    user: Option<UserId>,
    is_bots: bool,
    lines: VecDeque<String>,
    is_waiting: bool,
    /// Whether this session has said how its user is.
    has_said: bool,
    /// Whether answers were pushed that the end of these lines is to flush.
    has_put_off: bool,
    bad_frames: u32,
    bad_since: u32,
    _connection: Connection,
}

/// A connection after its handshake.
pub struct Accepted {
    /// The socket, from now on the session's own.
    pub socket: TcpStream,
    /// The answer to the handshake: it leaves with the first frame.
    pub head: BytesMut,
    /// What the client sent right behind the handshake.
    pub early: BytesMut,
    /// Who it is, when the token came with the handshake.
    pub claims: Option<Claims>,
    /// Ends the session with its first frame: what the client offers is not spoken here.
    pub close: Option<CloseCode>,
    /// Its place among the clients of this node.
    pub connection: Connection,
}

impl Session {
    /// Starts a session on this worker.
    pub fn start(worker: &Rc<Worker>, accepted: Accepted) {
        let Accepted { socket, head, early, claims, close, connection } = accepted;
        let relay = &worker.relay;
        let outbox = Rc::new(Outbox::new(Port::Socket(socket), relay.now(), relay.budget()));
        outbox.push(worker.greet(head, close));
        let seat = relay.enter(Kind::Socket, Rc::clone(&outbox));
        let session = Self {
            worker: Rc::clone(worker),
            outbox: Rc::clone(&outbox),
            seat,
            id: worker.shared.new_session(),
            user: None,
            is_bots: false,
            lines: VecDeque::new(),
            is_waiting: false,
            has_said: false,
            has_put_off: false,
            bad_frames: 0,
            bad_since: 0,
            _connection: connection,
        };
        Self::create(move |context| {
            let reader = Reader::new(early, limits::FRAME_BYTES);
            context.add_stream(Frames::new(Rc::clone(&session.worker), outbox, reader));
            let mut session = session;
            match close {
                Some(code) => session.close(code),
                None => session.begin(claims, context),
            }
            session
        });
    }

    fn begin(&mut self, claims: Option<Claims>, context: &mut Context<Self>) {
        match claims {
            Some(claims) => {
                // What it says to that comes soon, and all of it leaves in one write.
                self.worker.relay.flush_later(self.seat);
                let (want, told) = (crate::protocol::Want::ALL, sign_in::Told::ByEvent);
                self.sign_in(claims, want, told, context);
            }
            None => {
                self.worker.relay.flush_one(&self.outbox);
            }
        }
    }

    fn send(&self, frame: &Frame) {
        self.worker.relay.send(&self.outbox, frame.bytes().clone());
    }

    fn refuse(&self, re: Option<u32>, refusal: &Refusal) {
        tracing::debug!(code = refusal.code.word(), "refused");
        if re.is_some() {
            self.send(&err_line(re, refusal));
        }
    }

    /// Refuses for want of time: the answer leaves with those to the other lines that are here, and
    /// what comes next waits a little in the kernel.
    fn put_off(&mut self, re: Option<u32>, refusal: &Refusal) {
        tracing::debug!(code = refusal.code.word(), "put off");
        if re.is_some() {
            self.outbox.push(err_line(re, refusal).bytes().clone());
        }
        self.has_put_off = true;
        self.worker.relay.pause(&self.outbox);
    }

    fn close(&self, code: CloseCode) {
        self.worker.relay.close(&self.outbox, code);
    }

    /// A line that was not understood is answered even without an id, and counted.
    fn bad_line(&mut self, re: Option<u32>, why: &str) {
        self.worker.shared.rooms.metrics.bad_lines.inc();
        self.send(&err_line(re, &Refusal::new(ErrorCode::BadRequest, why)));
        let now = self.worker.relay.now();
        if now.saturating_sub(self.bad_since) >= 60 {
            (self.bad_since, self.bad_frames) = (now, 0);
        }
        self.bad_frames += 1;
        if self.bad_frames >= limits::BAD_FRAMES {
            self.close(CloseCode::BadFrames);
        }
    }

    /// Handles the lines that wait, one after the other, until one of them has to wait.
    fn proceed(&mut self, context: &mut Context<Self>) {
        while !self.is_waiting {
            if self.outbox.ending() != Ending::No {
                self.lines.clear();
            }
            if !self.lines.is_empty() && self.outbox.bytes() > self.worker.relay.read_below() {
                // The rest of a message waits like the rest of the socket does.
                let drained = Drained::new(&self.worker, &self.outbox);
                return self.wait_for(context, drained, |_, (), _| ());
            }
            let Some(line) = self.lines.pop_front() else {
                // Idle sessions hold no memory for lines.
                self.lines = VecDeque::new();
                if std::mem::take(&mut self.has_put_off) {
                    self.worker.relay.flush_one(&self.outbox);
                }
                return;
            };
            self.take(&line, context);
        }
    }

    fn take(&mut self, line: &str, context: &mut Context<Self>) {
        let span = tracing::info_span!("line", session.id = %self.id);
        let _entered = span.enter();
        self.worker.shared.rooms.metrics.lines.inc();
        match parse_line(line) {
            Ok(line) => {
                self.worker.shared.rooms.faults.panic_point(Part::Session, Moment::Middle);
                self.line(line, context);
            }
            Err(bad) => self.bad_line(bad.id, &bad.why),
        }
    }

    /// Whether a line can be handled where it was read, without waiting behind anything.
    fn is_free(&self) -> bool {
        !self.is_waiting
            && self.lines.is_empty()
            && self.outbox.ending() == Ending::No
            && self.outbox.bytes() <= self.worker.relay.read_below()
    }

    /// Waits for `work`, then does `then` with its outcome, then goes on with the lines.
    fn wait_for<T: 'static>(
        &mut self,
        context: &mut Context<Self>,
        work: impl Future<Output = T> + 'static,
        then: impl FnOnce(&mut Self, T, &mut Context<Self>) + 'static,
    ) {
        self.is_waiting = true;
        context.wait(work.into_actor(self).map(|outcome, session, context| {
            session.is_waiting = false;
            then(session, outcome, context);
            session.proceed(context);
        }));
    }
}

impl Actor for Session {
    type Context = Context<Self>;
}

/// However a session ends, also by a panic: its seats are given back, and it is counted out.
impl Drop for Session {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(session.id = %self.id, "a session crashed");
            self.worker.shared.rooms.metrics.restarted("session");
            self.close(CloseCode::Restart);
        }
        self.worker.relay.leave(self.seat);
        if let Some(user) = self.user {
            let presence = &self.worker.shared.rooms.presence;
            presence.departed(user);
            if self.has_said {
                presence.says_no_more(user, self.id);
            }
        }
    }
}

impl StreamHandler<Result<Incoming, CloseCode>> for Session {
    fn handle(&mut self, item: Result<Incoming, CloseCode>, context: &mut Self::Context) {
        let faults = self.worker.shared.rooms.faults.clone();
        faults.panic_point(Part::Session, Moment::Start);
        match item {
            Ok(Incoming::Text(text)) => {
                if text.trim().is_empty() {
                    self.bad_line(None, "an empty message");
                } else if self.is_free() && !text.contains('\n') {
                    self.take(&text, context);
                } else {
                    let lines = text.split('\n').filter(|line| !line.trim().is_empty());
                    self.lines.extend(lines.map(str::to_owned));
                }
                self.proceed(context);
            }
            Ok(Incoming::Binary(_)) => self.bad_line(None, "binary messages are not spoken here"),
            Ok(Incoming::Ping(payload)) => self.send(&control_frame(&payload)),
            Ok(Incoming::Pong) => {}
            Ok(Incoming::Close) => self.close(CloseCode::Normal),
            Err(code) => self.close(code),
        }
        faults.panic_point(Part::Session, Moment::End);
    }

    fn finished(&mut self, context: &mut Self::Context) {
        context.stop();
    }
}
