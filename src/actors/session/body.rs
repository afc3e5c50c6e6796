//! Server-sent events (WHATWG HTML, section 9.2): a log as the body of a response.
//!
//! A stream is a listener like a session, with another port: the relay puts events into its
//! outbox, the response takes them out. It cannot pull, so one that is too slow ends, and its
//! client resumes from the last id.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;

use super::{Claims, Worker};
use crate::actors::connections::Connection;
use crate::actors::outbox::{Outbox, Port};
use crate::actors::relay::{Kind, LiveEvent, Relay, Signed};
use crate::actors::room::{Form, RoomMsg};
use crate::actors::seat::SeatKey;
use crate::domain::{Millis, Position, RoomId};
use crate::protocol::{ErrorCode, Refusal};

/// Entries of an inbox that a stream replays; further back is a gap.
const INBOX_REPLAY: i64 = 1_000;

/// Where a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// With the next event.
    Live,
    /// A position was given that cannot be read: a gap, then live.
    Malformed,
    /// Behind this position.
    At(Position),
}

/// The body of an event stream. Dropped, it leaves the relay.
pub struct EventBody {
    worker: Rc<Worker>,
    outbox: Rc<Outbox>,
    seat: SeatKey,
    _connection: Connection,
}

impl Worker {
    /// The events of a room log.
    ///
    /// # Errors
    /// `not_found` for a room that the caller may not read; `overloaded` when the node is full.
    pub async fn room_events(
        self: &Rc<Self>,
        claims: Claims,
        room: RoomId,
        since: Since,
    ) -> Result<EventBody, Refusal> {
        let connection = self.shared.connections.take()?;
        let (rooms, user) = (&self.shared.rooms, claims.user);
        let no_room = || Refusal::new(ErrorCode::NotFound, "no such room");
        rooms.readable(room, user).await?;
        let head = rooms.store.log_head(room).await.map_err(|why| unavailable(&why))?;
        let epoch = head.ok_or_else(no_room)?.epoch;
        let since = match since {
            Since::Live => None,
            Since::At(position) => Some(position),
            // A life that never was: the room answers with a gap.
            Since::Malformed => Some(Position { epoch: epoch.clone(), seq: -1 }),
        };
        let body = self.listen(Kind::RoomStream, Port::Stream(epoch), claims, connection);
        self.relay.settle(body.seat, &[]);
        let ask = |opening| RoomMsg::Open { opening, since, form: Form::Stream };
        let open = self.relay.opening(body.seat, user, room, ask);
        rooms.ask(room, open).await?;
        Ok(body)
    }

    /// The events of the caller's inbox log.
    ///
    /// # Errors
    /// `unavailable` when the store does not answer; `overloaded` when the node is full.
    pub async fn inbox_events(
        self: &Rc<Self>,
        claims: Claims,
        since: Since,
    ) -> Result<EventBody, Refusal> {
        let connection = self.shared.connections.take()?;
        let (store, user) = (&self.shared.rooms.store, claims.user);
        let head = store.inbox_head(user).await.map_err(|why| unavailable(&why))?;
        let epoch = head.epoch.clone();
        let body = self.listen(Kind::InboxStream, Port::Stream(epoch.clone()), claims, connection);
        // What comes from here on is held back; the read below has everything before.
        let head = store.inbox_head(user).await.map_err(|why| unavailable(&why))?;
        let after = match since {
            Since::Live => Some(head.head),
            Since::At(at) if at.epoch == epoch && (0..=head.head).contains(&at.seq) => {
                Some(at.seq).filter(|seq| head.head - seq <= INBOX_REPLAY)
            }
            Since::At(_) | Since::Malformed => None,
        };
        let mut upto = head.head;
        match after {
            Some(after) => {
                let events = store.inbox_events_after(user, after, INBOX_REPLAY).await;
                for event in events.map_err(|why| unavailable(&why))? {
                    upto = event.seq;
                    let live = LiveEvent::new(RoomId(0), event.seq, 0, &event.body);
                    body.outbox.push(live.sse(&epoch));
                    if !event.is_shown {
                        self.relay.shows(body.seat, event.seq);
                    }
                }
            }
            None => {
                let seq = head.head;
                let line = format!(r#"{{"ev":"gap","epoch":"{epoch}","head":{seq}}}"#);
                body.outbox.push(LiveEvent::new(RoomId(0), seq, 0, &line).sse(&epoch));
            }
        }
        self.relay.release(body.seat, upto);
        Ok(body)
    }

    fn listen(
        self: &Rc<Self>,
        kind: Kind,
        port: Port,
        claims: Claims,
        connection: Connection,
    ) -> EventBody {
        let outbox = Rc::new(Outbox::new(port, self.relay.now(), self.relay.budget()));
        let seat = self.relay.enter(kind, Rc::clone(&outbox));
        let left = claims.until.0.saturating_sub(Millis::now().0).max(0);
        let until = self.relay.after(std::time::Duration::from_millis(left.unsigned_abs()));
        let Claims { user, device, .. } = claims;
        let want = Relay::stream_want(kind);
        self.relay.sign(seat, Signed { user, device, want, until, session: None });
        // The first bytes show the client that the stream is open.
        outbox.push(Bytes::from_static(b": open\n\n"));
        EventBody { worker: Rc::clone(self), outbox, seat, _connection: connection }
    }
}

impl Stream for EventBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.outbox.poll_take(context).map(|bytes| bytes.map(Ok))
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        self.worker.relay.leave(self.seat);
    }
}

fn unavailable(why: &crate::store::StoreError) -> Refusal {
    tracing::error!("an event stream could not begin: {why}");
    Refusal::new(ErrorCode::Unavailable, "the store does not answer")
        .retry_in(std::time::Duration::from_secs(1))
}
