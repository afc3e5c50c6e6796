//! The edge with an echo behind it, for whoever tests it against RFC 6455: the same reader, outbox
//! and relay as a session, nothing of the protocol of the rooms, and room for large messages. Not
//! in a release build.

use std::rc::Rc;

use actix::{Actor, ActorContext, AsyncContext, Context, StreamHandler};

use super::reader::{Incoming, Reader};
use super::stream::Frames;
use super::{Accepted, Worker};
use crate::actors::connections::Connection;
use crate::actors::outbox::{Outbox, Port};
use crate::actors::relay::Kind;
use crate::actors::seat::SeatKey;
use crate::protocol::{CloseCode, Frame, control_frame};

/// Most bytes of a message that is sent back.
const MOST: usize = 64 << 20;

/// A client that hears what it said.
pub struct Echo {
    worker: Rc<Worker>,
    outbox: Rc<Outbox>,
    seat: SeatKey,
    _connection: Connection,
}

impl Echo {
    /// Starts an echo on this worker.
    pub fn start(worker: &Rc<Worker>, accepted: Accepted) {
        let relay = &worker.relay;
        let outbox =
            Rc::new(Outbox::new(Port::Socket(accepted.socket), relay.now(), relay.budget()));
        let seat = relay.enter(Kind::Socket, Rc::clone(&outbox));
        relay.send(&outbox, accepted.head.freeze());
        // Nobody signs in here, so nobody is late.
        relay.stay(seat, u32::MAX);
        let (worker, _connection) = (Rc::clone(worker), accepted.connection);
        let echo = Self { worker, outbox, seat, _connection };
        Self::create(move |context| {
            let (worker, outbox) = (Rc::clone(&echo.worker), Rc::clone(&echo.outbox));
            let reader = Reader::new(accepted.early, MOST);
            context.add_stream(Frames::new(worker, outbox, reader));
            echo
        });
    }

    fn send(&self, frame: &Frame) {
        self.worker.relay.send(&self.outbox, frame.bytes().clone());
    }
}

impl Actor for Echo {
    type Context = Context<Self>;

    fn stopped(&mut self, _context: &mut Self::Context) {
        self.worker.relay.leave(self.seat);
    }
}

impl StreamHandler<Result<Incoming, CloseCode>> for Echo {
    fn handle(&mut self, item: Result<Incoming, CloseCode>, _context: &mut Self::Context) {
        match item {
            Ok(Incoming::Text(text)) => self.send(&Frame::text(&text)),
            Ok(Incoming::Binary(bytes)) => self.send(&Frame::binary(&bytes)),
            Ok(Incoming::Ping(payload)) => self.send(&control_frame(&payload)),
            Ok(Incoming::Pong) => {}
            Ok(Incoming::Close) => self.worker.relay.close(&self.outbox, CloseCode::Normal),
            Err(code) => self.worker.relay.close(&self.outbox, code),
        }
    }

    fn finished(&mut self, context: &mut Self::Context) {
        context.stop();
    }
}
