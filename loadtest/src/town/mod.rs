//! Many sessions that follow rooms and are judged by seq, whatever happens to their connections.
//!
//! * `Town`: the users and rooms. `Session`: what one client knows over all its lives; no sockets.
//! * `Folk`: connects the sessions, lets them ask for things, and waits until all is through.
//! * `Room`: what all sessions together know of one. `Book`: what its messages say and carry.
//! * `Tally`: times and counts of a phase, and everything that must not happen.

mod acts;
mod book;
mod figures;
mod fit;
mod heard;
mod hunt;
mod life;
mod meter;
mod parcel;
mod people;
mod rest;
mod room;
mod session;
mod spread;
mod stream;
mod tally;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::sleep;

pub(crate) use self::book::{EMOJI, For, Known, Pick, Shown, Who};
pub(crate) use self::figures::{over_time, pictures};
pub(crate) use self::fit::slope;
pub(crate) use self::hunt::{Hunt, Wanted};
pub(crate) use self::meter::{Meter, Spent};
pub(crate) use self::parcel::{Contents, Parcel, picture};
pub(crate) use self::people::Town;
pub(crate) use self::rest::{Pairs, Rest, fetch, pins, pry};
pub(crate) use self::room::Room;
pub(crate) use self::session::Session;
pub(crate) use self::spread::{Picker, sizes};
pub(crate) use self::stream::Streams;
pub(crate) use self::tally::{Deed, Noted, STRETCH, Tally};

use self::life::{Common, Seat, live};
use crate::check::Faults;
use crate::client::SignIn;
use crate::endpoint::Endpoint;
use crate::pace::Pace;
use crate::progress::Progress;
use crate::report::Report;
use crate::scan;

/// Nothing moves for so long: the rest will not come.
const STALL: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(2);

/// How the sessions of a town are.
pub(crate) struct Manner {
    pub sign_in: SignIn,
    /// Bytes of a message's text.
    pub bytes: usize,
    /// Sign-ins under way at the same time.
    pub at_once: usize,
}

pub(crate) struct Folk {
    seats: Vec<Rc<Seat>>,
    common: Rc<Common>,
}

impl Folk {
    /// One session for each token, none of them connected.
    pub(crate) fn new(
        endpoint: &Endpoint,
        tokens: impl Iterator<Item = String>,
        manner: &Manner,
    ) -> Result<Self> {
        ensure!(manner.at_once > 0, "--at-once starts at 1");
        let tally = Rc::new(Tally::new()?);
        let filler: Rc<str> = scan::filler(manner.bytes).into();
        let seat = |(index, token)| {
            Rc::new(Seat {
                session: Rc::new(Session::new(index, tally.clone(), filler.clone())),
                token: RefCell::new(token),
                life: RefCell::default(),
                writer: RefCell::default(),
                reads_again: Notify::new(),
            })
        };
        let seats = tokens.enumerate().map(seat).collect();
        let common = Rc::new(Common {
            endpoint: endpoint.clone(),
            sign_in: manner.sign_in,
            gate: Semaphore::new(manner.at_once),
            tally: tally.clone(),
            expects_loss: Cell::new(false),
        });
        Ok(Self { seats, common })
    }

    /// One session for each user of a town, which opens all its rooms.
    pub(crate) fn of_town(endpoint: &Endpoint, town: &Town, manner: &Manner) -> Result<Self> {
        let tokens = town.users.iter().map(|user| user.token.clone());
        let crowd = Self::new(endpoint, tokens, manner)?;
        for seat in &crowd.seats {
            let user = town.users.get(seat.session.index);
            seat.session.me.set(user.map(|user| Who::of(&user.id)).unwrap_or_default());
            for room in town.rooms_of(seat.session.index) {
                seat.session.wish(&room);
            }
        }
        Ok(crowd)
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.common.tally
    }

    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(crate) fn session(&self, index: usize) -> Option<&Session> {
        self.seats.get(index).map(|seat| &*seat.session)
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.seats.iter().map(|seat| &*seat.session)
    }

    pub(crate) fn is_here(&self, index: usize) -> bool {
        self.seats.get(index).is_some_and(|seat| seat.writer.borrow().is_some())
    }

    /// Sends whose answer has not come.
    pub(crate) fn unanswered(&self) -> usize {
        self.common.tally.unanswered.get()
    }

    /// Sessions with a connection that are signed in.
    pub(crate) fn here(&self) -> usize {
        self.seats.iter().filter(|seat| seat.writer.borrow().is_some()).count()
    }

    /// Lets a session connect, if it is away.
    pub(crate) fn arrive(&self, index: usize) {
        let Some(seat) = self.seats.get(index) else { return };
        if seat.life.borrow().as_ref().is_none_or(AbortHandle::is_finished) {
            let life = spawn_local(live(seat.clone(), self.common.clone()));
            seat.life.replace(Some(life.abort_handle()));
        }
    }

    /// Cuts the connection of a session without a word.
    pub(crate) fn leave(&self, index: usize) {
        let Some(seat) = self.seats.get(index) else { return };
        seat.writer.take();
        if let Some(life) = seat.life.take() {
            life.abort();
        }
    }

    /// Lets all that are away connect, and waits until all are level in their rooms.
    pub(crate) async fn gather(&self) -> Result<()> {
        self.gather_first(self.len()).await
    }

    /// The same for the first `count`.
    pub(crate) async fn gather_first(&self, count: usize) -> Result<()> {
        let before = self.common.tally.arrived();
        let away =
            (0..count.min(self.len())).filter(|index| !self.is_here(*index)).collect::<Vec<_>>();
        away.iter().for_each(|index| self.arrive(*index));
        let progress = Progress::new("sessions", away.len());
        let is_done = self
            .wait_until(|| {
                let arrived = self.common.tally.arrived() - before;
                progress.reach(arrived);
                arrived >= away.len()
            })
            .await;
        progress.done();
        ensure!(is_done, "sessions did not arrive: {}", self.common.tally.dropped.examples());
        Ok(())
    }

    /// From here on a lost connection is meant, or is a fault again.
    pub(crate) fn expect_loss(&self, is_expected: bool) {
        self.common.expects_loss.set(is_expected);
    }

    /// Whether a session reads what comes. One that does not answers no heartbeat either.
    pub(crate) fn set_reading(&self, index: usize, is_reading: bool) {
        if let Some(seat) = self.seats.get(index) {
            seat.session.is_reading.set(is_reading);
            if is_reading {
                seat.reads_again.notify_one();
            }
        }
    }

    pub(crate) fn token(&self, index: usize) -> String {
        self.seats.get(index).map(|seat| seat.token.borrow().clone()).unwrap_or_default()
    }

    /// Readers of rooms by server-sent events, each with the token of a session.
    pub(crate) fn streams(
        &self,
        whose: impl Iterator<Item = (usize, Rc<Room>)>,
    ) -> Result<Streams> {
        let whose = whose.map(|(index, room)| (self.token(index), room));
        Streams::start(&self.common.endpoint, &self.common.tally, whose)
    }

    /// Sends `rate` messages a second for so long, each by whom and where `pick` says. Returns how
    /// late the sends went out.
    pub(crate) async fn drive(
        &self,
        rate: f64,
        time: Duration,
        mut pick: impl FnMut() -> Option<(usize, Rc<Room>)>,
    ) -> Result<Histogram<u64>> {
        let mut pace = Pace::per_second(rate)?;
        let count = (rate * time.as_secs_f64()).round() as u64;
        let progress = Progress::new("messages", usize::try_from(count)?);
        for _ in 0..count {
            let due = pace.due().await;
            if let Some((index, room)) = pick() {
                self.send(index, &room, due).await;
            }
            progress.step(1);
        }
        progress.done();
        Ok(pace.late().clone())
    }

    /// Waits until every send, edit and reaction is answered, and every session that is here and reads
    /// has all there is. False when nothing came any more before that.
    pub(crate) async fn settle(&self) -> bool {
        self.wait_until(|| {
            self.common.tally.unanswered.get() == 0 && self.seats.iter().all(|seat| seat.is_level())
        })
        .await
    }

    /// What is still missing, for an error.
    pub(crate) fn missing(&self) -> String {
        let late = self.seats.iter().filter(|seat| !seat.is_level()).take(3);
        let late: Vec<String> = late.map(|seat| seat.session.state()).collect();
        format!("{} answers to come; behind: {}", self.unanswered(), late.join("; "))
    }

    /// Waits for something as long as anything comes.
    pub(crate) async fn wait_until(&self, mut is_done: impl FnMut() -> bool) -> bool {
        let (mut pulse, mut since) = (self.common.tally.pulse.get(), Instant::now());
        while !is_done() {
            sleep(POLL).await;
            let now = self.common.tally.pulse.get();
            if now != pulse {
                (pulse, since) = (now, Instant::now());
            }
            if since.elapsed() > STALL {
                return false;
            }
        }
        true
    }

    /// Sends were answered, and nothing was lost, doubled, reordered, leaked or dropped.
    pub(crate) fn judge(&self, report: &mut Report) {
        let mut faults = Faults::default();
        for seat in self.seats.iter().filter(|seat| seat.writer.borrow().is_some()) {
            faults.add(seat.session.verdict());
        }
        self.common.tally.judge(faults, report);
    }
}

impl Drop for Folk {
    fn drop(&mut self) {
        (0..self.len()).for_each(|index| self.leave(index));
    }
}
