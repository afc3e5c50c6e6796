//! How a relay lives: takes messages, pushes, flushes, looks at its clocks.

use std::rc::Rc;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::sync::mpsc;

use super::message::RelayMsg;
use super::{Relay, TICK};

/// Messages that are taken in before the outboxes are flushed.
const GATHER: usize = 64;

/// The actor around a relay.
pub(super) struct RelayActor {
    relay: Rc<Relay>,
    messages: Option<mpsc::Receiver<RelayMsg>>,
}

impl RelayActor {
    pub(super) fn new(relay: &Rc<Relay>, messages: mpsc::Receiver<RelayMsg>) -> Self {
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
async fn work(relay: Rc<Relay>, mut messages: mpsc::Receiver<RelayMsg>) {
    let mut gathered = Vec::with_capacity(GATHER);
    while messages.recv_many(&mut gathered, GATHER).await > 0 {
        gathered.drain(..).for_each(|msg| relay.take_safely(&msg));
        while relay.flush_safely() {
            while let Ok(msg) = messages.try_recv() {
                relay.take_safely(&msg);
            }
            tokio::task::yield_now().await;
        }
    }
}
