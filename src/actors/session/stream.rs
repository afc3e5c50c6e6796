//! The task side of a session: reads the socket, goes on with writes that were blocked, and ends
//! when the session is over.

use std::io::{ErrorKind, Read};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::Stream;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::Worker;
use super::reader::{Incoming, Reader};
use crate::actors::outbox::{Ending, Outbox};
use crate::protocol::CloseCode;

/// The messages of a peer, as a stream.
pub(super) struct Frames {
    worker: Rc<Worker>,
    outbox: Rc<Outbox>,
    reader: Reader,
    is_broken: bool,
}

impl Frames {
    pub(super) fn new(worker: Rc<Worker>, outbox: Rc<Outbox>, reader: Reader) -> Self {
        Self { worker, outbox, reader, is_broken: false }
    }

    /// Reads once; `Pending` when the socket has nothing.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<()>> {
        let Some(socket) = self.outbox.socket() else {
            return Poll::Ready(None);
        };
        loop {
            match socket.poll_read_ready(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_gone)) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
            let mut scratch = self.worker.scratch.borrow_mut();
            match read(socket, &mut scratch) {
                Ok(0) => return Poll::Ready(None),
                Ok(count) => {
                    // After a broken frame, or behind the close frame, the rest is thrown away.
                    if !self.is_broken {
                        self.reader.feed(scratch.get(..count).unwrap_or_default());
                    }
                    return Poll::Ready(Some(()));
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(_gone) => return Poll::Ready(None),
            }
        }
    }
}

/// Reads once. A read that does not fill the buffer has emptied the socket: it counts as empty from
/// then on, which spares the system call that would only say so.
fn read(socket: &TcpStream, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut last = None;
    let tried = socket.try_io(Interest::READABLE, || {
        let count = (&*SockRef::from(socket)).read(buffer)?;
        if (1..buffer.len()).contains(&count) {
            last = Some(count);
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(count)
    });
    last.map_or(tried, Ok)
}

/// Comes when little enough waits in an outbox, or it ends. It also writes: while a session waits
/// for it, nobody else does.
pub(super) struct Drained {
    worker: Rc<Worker>,
    outbox: Rc<Outbox>,
}

impl Drained {
    pub(super) fn new(worker: &Rc<Worker>, outbox: &Rc<Outbox>) -> Self {
        Self { worker: Rc::clone(worker), outbox: Rc::clone(outbox) }
    }
}

impl Future for Drained {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.outbox.poll_write(context, self.worker.relay.now());
        if self.outbox.ending() != Ending::No
            || self.outbox.bytes() <= self.worker.relay.read_below()
        {
            return Poll::Ready(());
        }
        self.outbox.is_unread.set(true);
        Poll::Pending
    }
}

impl Stream for Frames {
    type Item = Result<Incoming, CloseCode>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let relay = Rc::clone(&this.worker.relay);
        this.outbox.poll_write(context, relay.now());
        loop {
            match this.outbox.ending() {
                Ending::Over => return Poll::Ready(None),
                Ending::Closing(_) => this.is_broken = true,
                Ending::No if this.outbox.is_paused.get() => return Poll::Pending,
                Ending::No if this.outbox.bytes() > relay.read_below() || relay.is_draining() => {
                    this.outbox.is_unread.set(true);
                    return Poll::Pending;
                }
                Ending::No => {}
            }
            if !this.is_broken {
                match this.reader.next() {
                    Ok(Some(incoming)) => {
                        this.outbox.seen.set(relay.now());
                        return Poll::Ready(Some(Ok(incoming)));
                    }
                    Ok(None) => {}
                    Err(code) => {
                        this.is_broken = true;
                        return Poll::Ready(Some(Err(code)));
                    }
                }
            }
            match this.poll_read(context) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
