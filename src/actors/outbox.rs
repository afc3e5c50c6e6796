//! Bytes that wait for one session, counted, and the port that they leave through.
//!
//! The relay pushes and flushes; most frames never wait. What the socket does not take at once
//! stays here, and the session's own task goes on when the socket can be written again. Several
//! waiting frames leave in one system call.

mod queue;

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::Shutdown;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::TcpStream;

use self::queue::Queue;
use super::budget::Budget;
use crate::domain::Epoch;
use crate::protocol::{CloseCode, LongFrame, close_frame};

/// Where the bytes go.
#[derive(Debug)]
pub(crate) enum Port {
    /// A WebSocket that the session owns.
    Socket(TcpStream),
    /// The body of a response with server-sent events of a log of this life; its task takes the
    /// bytes.
    Stream(Epoch),
    /// Nowhere: frames are shown to somebody and are gone.
    #[cfg(feature = "bench")]
    Nowhere(super::bench::Tap),
}

/// What came of a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Nothing waits.
    All,
    /// The port takes no more for now.
    Blocked,
    /// The peer is gone.
    Broken,
}

/// Why and how far an outbox is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Not at all.
    No,
    /// The close frame was pushed; the peer may still answer.
    Closing(CloseCode),
    /// Nothing is read or written any more.
    Over,
}

/// The outbox of one session. Lives on one worker.
#[derive(Debug)]
pub(crate) struct Outbox {
    port: Port,
    queue: RefCell<Queue>,
    bytes: Cell<usize>,
    budget: Rc<Budget>,
    ending: Cell<Ending>,
    /// The session's task, woken to go on writing or to end.
    task: RefCell<Option<Waker>>,
    /// When a frame came from the peer last, in seconds of the relay's clock.
    pub(crate) seen: Cell<u32>,
    /// Since when the port has taken nothing, on the same clock.
    pub(crate) blocked_since: Cell<Option<u32>>,
    /// Whether the session has stopped reading until less waits.
    pub(crate) is_unread: Cell<bool>,
    /// Whether the relay has it on its list of outboxes to flush.
    pub(crate) is_listed: Cell<bool>,
    /// Whether it is on the list of those that can wait a little.
    pub(crate) is_spoken: Cell<bool>,
    /// Whether the session reads nothing until the relay's next tick.
    pub(crate) is_paused: Cell<bool>,
}

impl Outbox {
    /// An empty outbox in front of a port; what waits in it is part of a worker's budget.
    pub(crate) fn new(port: Port, now: u32, budget: Rc<Budget>) -> Self {
        Self {
            port,
            queue: RefCell::default(),
            bytes: Cell::new(0),
            budget,
            ending: Cell::new(Ending::No),
            task: RefCell::default(),
            seen: Cell::new(now),
            blocked_since: Cell::new(None),
            is_unread: Cell::new(false),
            is_listed: Cell::new(false),
            is_spoken: Cell::new(false),
            is_paused: Cell::new(false),
        }
    }

    /// The socket, when there is one.
    pub(crate) fn socket(&self) -> Option<&TcpStream> {
        match &self.port {
            Port::Socket(socket) => Some(socket),
            Port::Stream(_) => None,
            #[cfg(feature = "bench")]
            Port::Nowhere(_) => None,
        }
    }

    /// The life of the log that a stream carries.
    pub(crate) fn epoch(&self) -> Option<&Epoch> {
        match &self.port {
            Port::Socket(_) => None,
            Port::Stream(epoch) => Some(epoch),
            #[cfg(feature = "bench")]
            Port::Nowhere(_) => None,
        }
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// How far it is on its way to its end.
    pub(crate) fn ending(&self) -> Ending {
        self.ending.get()
    }

    /// Adds bytes behind what waits. After the close frame nothing is added any more.
    pub(crate) fn push(&self, bytes: Bytes) {
        if self.ending.get() == Ending::No {
            self.add(bytes);
        }
    }

    /// Adds a frame of two pieces behind what waits. What it shares with others is counted in each.
    pub(crate) fn push_long(&self, frame: &LongFrame) {
        let (begin, end) = frame.pieces();
        if end.is_empty() {
            return self.push(begin.clone());
        }
        if self.ending.get() == Ending::No {
            self.set_bytes(self.bytes.get() + frame.len());
            self.queue.borrow_mut().push_pieces(begin.clone(), end.clone());
        }
    }

    /// Writes bytes past an outbox in which nothing waits, and says how many the socket took;
    /// nothing when something waits and they must queue. An error is left for the next flush.
    pub(crate) fn offer(&self, bytes: &Bytes) -> Option<usize> {
        #[cfg(feature = "bench")]
        if let Port::Nowhere(tap) = &self.port {
            tap.take(bytes);
            return Some(bytes.len());
        }
        let Port::Socket(socket) = &self.port else {
            return None;
        };
        let is_free = self.bytes.get() == 0 && self.ending.get() == Ending::No;
        is_free.then(|| {
            self.budget.wrote();
            socket.try_write(bytes).unwrap_or(0)
        })
    }

    /// Puts the close frame behind what waits, or in place of it when the peer does not read.
    pub(crate) fn close(&self, code: CloseCode) {
        if self.ending.get() != Ending::No {
            return;
        }
        if code == CloseCode::TooSlow {
            self.forget_unwritten();
        }
        if matches!(self.port, Port::Socket(_)) {
            self.add(close_frame(code).bytes().clone());
        }
        self.ending.set(Ending::Closing(code));
        self.wake();
    }

    /// Ends it now, whatever waits.
    pub(crate) fn abort(&self) {
        self.ending.set(Ending::Over);
        *self.queue.borrow_mut() = Queue::default();
        self.set_bytes(0);
        self.wake();
    }

    /// Writes what waits, as far as the port takes it.
    pub(crate) fn flush(&self, now: u32) -> Flushed {
        #[cfg(feature = "bench")]
        if let Port::Nowhere(tap) = &self.port {
            let frames = std::mem::take(&mut *self.queue.borrow_mut());
            frames.each_frame(|frame| tap.take(frame));
            self.set_bytes(0);
            return Flushed::All;
        }
        let Port::Socket(socket) = &self.port else {
            self.wake();
            return if self.bytes.get() == 0 { Flushed::All } else { Flushed::Blocked };
        };
        let mut queue = self.queue.borrow_mut();
        while !queue.is_empty() {
            self.budget.wrote();
            match queue.write_to(socket) {
                Ok(0) => return self.broken(&mut queue),
                Ok(count) => {
                    self.blocked_since.set(None);
                    self.set_bytes(self.bytes.get().saturating_sub(count));
                    queue.advance(count);
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => {
                    if self.blocked_since.get().is_none() {
                        self.blocked_since.set(Some(now));
                    }
                    drop(queue);
                    self.wake();
                    return Flushed::Blocked;
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_gone) => return self.broken(&mut queue),
            }
        }
        self.blocked_since.set(None);
        if self.is_unread.take() {
            self.wake();
        }
        if matches!(self.ending.get(), Ending::Closing(_)) {
            // The peer sees the end of the stream behind the close frame, and nothing that it
            // still sends can reset the connection before it has read that.
            let _gone_already = SockRef::from(socket).shutdown(Shutdown::Write);
        }
        Flushed::All
    }

    /// For the session's task: remembers it, and goes on writing when the socket can take more.
    pub(crate) fn poll_write(&self, context: &Context<'_>, now: u32) {
        self.remember(context);
        let Port::Socket(socket) = &self.port else {
            return;
        };
        while self.blocked_since.get().is_some() {
            let mut context = Context::from_waker(context.waker());
            match socket.poll_write_ready(&mut context) {
                Poll::Ready(Ok(())) => {
                    let since = self.blocked_since.take();
                    let had = self.bytes.get();
                    self.flush(now);
                    if self.bytes.get() == had && self.blocked_since.get().is_some() {
                        self.blocked_since.set(since);
                    }
                }
                Poll::Ready(Err(_gone)) => {
                    self.abort();
                    return;
                }
                Poll::Pending => return,
            }
        }
    }

    /// For the task of a response body: the next bytes, joined.
    pub(crate) fn poll_take(&self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        self.remember(context);
        let mut queue = self.queue.borrow_mut();
        if let Some(bytes) = queue.take_all() {
            self.set_bytes(0);
            return Poll::Ready(Some(bytes));
        }
        if self.ending.get() == Ending::No { Poll::Pending } else { Poll::Ready(None) }
    }

    /// Gives back the room for waiting frames when none waits: thousands of sessions are idle most
    /// of the time. Called now and then, so that a busy one keeps it from flush to flush.
    pub(crate) fn tidy(&self) {
        self.queue.borrow_mut().tidy();
    }

    /// Wakes the session's task.
    pub(crate) fn wake(&self) {
        if let Some(task) = &*self.task.borrow() {
            self.budget.woke();
            task.wake_by_ref();
        }
    }

    fn remember(&self, context: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *task = Some(context.waker().clone());
        }
    }

    fn add(&self, bytes: Bytes) {
        self.set_bytes(self.bytes.get() + bytes.len());
        self.queue.borrow_mut().push(bytes);
    }

    fn set_bytes(&self, now: usize) {
        self.budget.changed(self.bytes.replace(now), now);
    }

    /// Drops all but the frame that is half on the wire.
    fn forget_unwritten(&self) {
        let left = self.queue.borrow_mut().forget_unwritten();
        self.set_bytes(left);
    }

    fn broken(&self, queue: &mut Queue) -> Flushed {
        *queue = Queue::default();
        self.set_bytes(0);
        self.ending.set(Ending::Over);
        self.wake();
        Flushed::Broken
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.set_bytes(0);
    }
}
