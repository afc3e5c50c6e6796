//! One connection through the proxy: two directions, each read, held back, cut into pieces and
//! written, until its ending comes or both sides have ended.

use std::cell::Cell;
use std::io::Result;
use std::rc::Rc;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::rule::{Ending, Moment, Script, Shape, Way};
use super::tally::Tally;

/// Bytes of one read.
const READ: usize = 16 * 1024;
/// Reads that may be held back in one direction.
const HELD: usize = 64;

/// What became of a direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Passing,
    /// Read and thrown away.
    Swallowed,
    /// Ended by us.
    Shut,
}

/// What both directions of a connection know.
struct Line {
    script: Script,
    /// Bytes that passed of those that the ending counts.
    passed: Cell<u64>,
    /// The ending will not come any more.
    is_off: Cell<bool>,
    /// The ending's bytes have passed.
    tripped: Notify,
}

impl Line {
    /// How many of `wanted` bytes may pass before the ending comes.
    fn allowance(&self, way: Way, wanted: usize) -> usize {
        match self.script.ending {
            Some((_, ways, Moment::Bytes(at))) if ways.covers(way) && !self.is_off.get() => {
                let left = at.saturating_sub(self.passed.get());
                wanted.min(usize::try_from(left).unwrap_or(usize::MAX))
            }
            _ => wanted,
        }
    }

    /// Notes bytes that passed; trips the ending when they were the last.
    fn pass(&self, way: Way, count: usize) {
        let Some((_, ways, Moment::Bytes(at))) = self.script.ending else { return };
        if ways.covers(way) {
            self.passed.update(|passed| passed + count as u64);
            if self.passed.get() >= at {
                self.tripped.notify_one();
            }
        }
    }

    /// Comes when the ending is due; never without one.
    async fn due(&self) {
        match self.script.ending {
            Some((_, _, Moment::Bytes(0))) => {}
            Some((_, _, Moment::Bytes(_))) => self.tripped.notified().await,
            Some((_, _, Moment::After(time))) => sleep(time).await,
            None => std::future::pending().await,
        }
    }
}

/// Carries one connection to its end. `tally` counts the ending, unless it calls a truce.
pub(super) async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    script: Script,
    seed: u64,
    tally: Rc<Tally>,
) -> Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let line =
        Line { script, passed: Cell::new(0), is_off: Cell::new(false), tripped: Notify::new() };
    let (tell_up, up) = watch::channel(State::Passing);
    let (tell_down, down) = watch::channel(State::Passing);
    let is_broken = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let mut random = SmallRng::seed_from_u64(seed);
        let mut other = SmallRng::seed_from_u64(random.random());
        let upward = Pump { way: Way::Up, shape: script.up, line: &line, state: up };
        let downward = Pump { way: Way::Down, shape: script.down, line: &line, state: down };
        let both = async {
            tokio::join!(
                upward.run(from_client, to_server, &mut random),
                downward.run(from_server, to_client, &mut other),
            )
        };
        tokio::pin!(both);
        tokio::select! {
            _ended = &mut both => return Ok(()),
            () = line.due() => {}
        }
        match script.ending.filter(|_| tally.take_place()) {
            Some((ending @ (Ending::Cut | Ending::Reset), ..)) => {
                tally.count(ending);
                ending == Ending::Reset
            }
            Some((ending, way, _)) => {
                tally.count(ending);
                let state =
                    if ending == Ending::HalfClose { State::Shut } else { State::Swallowed };
                if way.covers(Way::Up) {
                    tell_up.send_replace(state);
                }
                if way.covers(Way::Down) {
                    tell_down.send_replace(state);
                }
                both.await;
                return Ok(());
            }
            None => {
                // A truce: whoever waits at the byte of the ending goes on.
                line.is_off.set(true);
                tell_up.send_replace(State::Passing);
                tell_down.send_replace(State::Passing);
                both.await;
                return Ok(());
            }
        }
    };
    if is_broken {
        client.set_zero_linger()?;
        server.set_zero_linger()?;
    }
    Ok(())
}

/// One direction.
struct Pump<'a> {
    way: Way,
    shape: Shape,
    line: &'a Line,
    state: watch::Receiver<State>,
}

impl Pump<'_> {
    /// Until the source has ended and all of it is written, or either side is gone. An end is passed
    /// on; not while nothing passes.
    async fn run(self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, random: &mut SmallRng) {
        let (hold, held) = mpsc::channel(HELD);
        let Shape { delay, jitter, .. } = self.shape;
        let reading = async move {
            let mut buffer = vec![0; READ];
            let mut due = Instant::now();
            while let Ok(count @ 1..) = from.read(&mut buffer).await {
                let sway = random.random_range(0.0..=2.0);
                let wait = (delay + jitter.mul_f64(sway)).saturating_sub(jitter);
                // Bytes never overtake each other.
                due = due.max(Instant::now() + wait);
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                if hold.send((due, bytes)).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(reading, self.write(held, &mut to));
    }

    async fn write(mut self, mut held: mpsc::Receiver<(Instant, Vec<u8>)>, to: &mut WriteHalf<'_>) {
        loop {
            let state = *self.state.borrow_and_update();
            if state == State::Shut {
                let _gone = to.shutdown().await;
                // Dropping `held` ends the reading as well.
                return;
            }
            let next = tokio::select! {
                _ending = self.state.changed() => continue,
                next = held.recv() => next,
            };
            let Some((due, bytes)) = next else { break };
            if *self.state.borrow() == State::Swallowed {
                continue;
            }
            sleep_until(due).await;
            if self.put(&bytes, to).await.is_err() {
                return;
            }
        }
        if *self.state.borrow() == State::Passing {
            let _gone = to.shutdown().await;
        }
    }

    /// Writes in pieces, and stops at the byte of the ending until it has come.
    async fn put(&mut self, mut bytes: &[u8], to: &mut WriteHalf<'_>) -> Result<()> {
        let Shape { piece, pause, .. } = self.shape;
        while !bytes.is_empty() {
            if *self.state.borrow_and_update() != State::Passing {
                return Ok(());
            }
            let count = self.line.allowance(self.way, bytes.len().min(piece));
            if count == 0 {
                if self.state.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            }
            let (now, later) = bytes.split_at(count);
            to.write_all(now).await?;
            self.line.pass(self.way, count);
            bytes = later;
            if !pause.is_zero() {
                sleep(pause).await;
            } else if piece == 1 {
                // The reader gets its chance between two bytes.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}
