//! How a relay lives: takes messages, pushes, flushes, looks at its clocks.

use std::rc::Rc;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use super::book::Entry;
use super::queue::Posted;
use super::{Relay, TICK};
use crate::actors::seat::SeatKey;

/// Messages that are taken in before the outboxes are flushed.
const GATHER: usize = 64;
/// Writes that a message may cause before the relay looks after others.
const AT_ONCE: usize = 512;

/// The actor around a relay.
pub(super) struct RelayActor {
    relay: Rc<Relay>,
    messages: Option<mpsc::Receiver<Posted>>,
}

impl RelayActor {
    pub(super) fn new(relay: &Rc<Relay>, messages: mpsc::Receiver<Posted>) -> Self {
        Self { relay: Rc::clone(relay), messages: Some(messages) }
    }
}

impl Actor for RelayActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if let Some(messages) = self.messages.take() {
            let work = work(Rc::clone(&self.relay), messages);
            context.spawn(work.into_actor(self).map(|(), _, _| ()));
        }
        context.run_interval(TICK, |actor, _| actor.relay.tick_safely());
    }
}

/// Takes messages, pushes, flushes; for as long as the worker lives.
async fn work(relay: Rc<Relay>, mut messages: mpsc::Receiver<Posted>) {
    let mut gathered = Vec::with_capacity(GATHER);
    loop {
        let next = messages.recv_many(&mut gathered, GATHER);
        let count = match relay.may_linger() {
            None => Ok(next.await),
            Some(left) => tokio::time::timeout(left, next).await,
        };
        match count {
            Ok(0) => return,
            Ok(_gathered) => {}
            Err(_elapsed) => {
                relay.end_lingering();
                continue;
            }
        }
        let is_alone = gathered.len() == 1 && messages.is_empty();
        relay.at_once.set(if is_alone { AT_ONCE } else { 0 });
        gathered.drain(..).for_each(|posted| relay.take_safely(&posted));
        relay.at_once.set(0);
        while relay.flush_safely() {
            while let Ok(posted) = messages.try_recv() {
                relay.take_safely(&posted);
            }
            tokio::task::yield_now().await;
        }
        relay.end_lingering();
    }
}

impl Relay {
    /// Gives a frame to a listener. When nothing else waits it is written at once, while all that
    /// belongs to the listener is at hand; else it is listed, and leaves together with others.
    pub(super) fn hand_over(&self, seat: SeatKey, entry: &Entry, mut bytes: Bytes) {
        let at_once = self.at_once.get();
        if at_once > 0 && entry.openings.is_empty() {
            self.at_once.set(at_once - 1);
            if let Some(taken) = entry.outbox.offer(&bytes) {
                bytes.advance(taken);
            }
            if bytes.is_empty() {
                return;
            }
        }
        entry.outbox.push(bytes);
        self.list(seat, &entry.outbox);
    }
}
