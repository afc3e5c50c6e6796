//! One connection of a session after the other: connecting, reading, saying what is called for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::sleep;

use super::session::{Duty, Session};
use super::tally::Tally;
use crate::client::{Client, Ending, SignIn, Writer};
use crate::endpoint::Endpoint;

/// Between two tries of a connection while the server may be away.
const TRY_AGAIN: Duration = Duration::from_millis(20);
/// The contract's close code of who reads too little.
const TOO_SLOW: u16 = 4003;

/// A session with its connection, if it has one now.
pub(super) struct Seat {
    pub(super) session: Rc<Session>,
    pub(super) token: RefCell<String>,
    pub(super) life: RefCell<Option<AbortHandle>>,
    pub(super) writer: RefCell<Option<Writer>>,
    pub(super) reads_again: Notify,
}

pub(super) struct Common {
    pub(super) endpoint: Endpoint,
    pub(super) sign_in: SignIn,
    pub(super) gate: Semaphore,
    pub(super) tally: Rc<Tally>,
    /// While the server is taken away, that a connection ends or cannot be made is no fault.
    pub(super) expects_loss: Cell<bool>,
}

impl Seat {
    /// What cannot be said to a lost connection is said again, or asked anew, on the next.
    pub(super) async fn say(&self, op: &str) {
        let writer = self.writer.borrow().clone();
        if let Some(writer) = writer {
            let _lost = writer.send(op).await;
        }
    }

    pub(super) fn is_level(&self) -> bool {
        self.writer.borrow().is_none() || !self.session.is_reading.get() || self.session.is_level()
    }
}

/// One connection of a session, from its first try to its end.
pub(super) async fn live(seat: Rc<Seat>, common: Rc<Common>) {
    let ending = match connect(&seat, &common).await {
        Ok(client) => follow(client, &seat, &common).await.to_string(),
        Err(error) => format!("{error:#}"),
    };
    seat.writer.take();
    let is_slow = !seat.session.is_reading.get() && ending == Ending::Close(TOO_SLOW).to_string();
    if is_slow {
        common.tally.note(|noted| noted.too_slow += 1);
    } else if !common.expects_loss.get() {
        common.tally.dropped.add(|| format!("session {}: {ending}", seat.session.index));
    }
}

async fn connect(seat: &Rc<Seat>, common: &Common) -> Result<Client> {
    let _turn = common.gate.acquire().await?;
    seat.session.sets_out();
    let token = seat.token.borrow().clone();
    let (client, welcome) = loop {
        match Client::connect(&common.endpoint, &token, common.sign_in).await {
            Ok(arrived) => break arrived,
            Err(error) if !common.expects_loss.get() => return Err(error),
            Err(_not_yet) => common.tally.retries.update(|retries| retries + 1),
        }
        sleep(TRY_AGAIN).await;
    };
    if common.tally.server.borrow().is_empty() {
        common.tally.server.replace(welcome.server);
    }
    let writer = client.writer();
    seat.writer.replace(Some(writer.clone()));
    let hears_unasked = matches!(common.sign_in, SignIn::Header);
    let readable = hears_unasked.then(|| welcome.rooms.into_iter().collect());
    // A message may hold several lines: what is to be said first is said at once.
    let ops = seat.session.signed_in(readable);
    if !ops.is_empty() {
        writer.send(&ops.join("\n")).await?;
    }
    Ok(client)
}

async fn follow(mut client: Client, seat: &Rc<Seat>, common: &Common) -> Ending {
    let writer = client.writer();
    let mut duties = Vec::new();
    loop {
        if !seat.session.is_reading.get() {
            seat.reads_again.notified().await;
            continue;
        }
        let turn = client.read(|line, at| duties.extend(seat.session.take(line, at))).await;
        if let Err(ending) = turn {
            return ending;
        }
        common.tally.read_done();
        for duty in duties.drain(..) {
            match duty {
                Duty::Say(op) => {
                    if let Err(error) = writer.send(&op).await {
                        return Ending::Failed(error);
                    }
                }
                Duty::Again(id, wait) => {
                    let seat = seat.clone();
                    spawn_local(async move {
                        sleep(wait).await;
                        if let Some(op) = seat.session.again(id) {
                            seat.say(&op).await;
                        }
                    });
                }
            }
        }
    }
}
