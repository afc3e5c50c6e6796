//! What stands between the server and the mock: it sees which question is asked when, and holds one
//! at the point where something is to happen.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_local};

use crate::scenario::ai::provider::{is_whole, number_in};

/// Events of an answer that pass before it is held in the middle of its words.
const WORDS: usize = 5;
/// Bytes of an answer that are held back until its end: less than an event, and its end mark.
const LAST: usize = 24;

/// Where a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// The question is here, and goes no further.
    Asked,
    /// The head of the answer has passed.
    Headed,
    /// Some events have passed.
    Speaking,
    /// All but the last bytes have passed, and the provider has closed the line.
    Ending,
}

/// What is known of one question.
struct Plan {
    hold: Option<Point>,
    calls: u32,
    is_reached: bool,
    release: watch::Sender<bool>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { hold: None, calls: 0, is_reached: false, release: watch::Sender::new(false) }
    }
}

#[derive(Default)]
struct Shared {
    plans: RefCell<HashMap<u64, Plan>>,
}

pub(super) struct Tap {
    pub address: String,
    shared: Rc<Shared>,
    life: AbortHandle,
}

impl Tap {
    pub(super) async fn start(mock: String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let shared = Rc::new(Shared::default());
        let life = spawn_local(serve(listener, mock, shared.clone())).abort_handle();
        Ok(Self { address, shared, life })
    }

    /// Holds the first call of a question there.
    pub(super) fn hold(&self, question: u64, at: Point) {
        self.shared.plans.borrow_mut().entry(question).or_default().hold = Some(at);
    }

    pub(super) fn is_reached(&self, question: u64) -> bool {
        self.shared.plans.borrow().get(&question).is_some_and(|plan| plan.is_reached)
    }

    /// How often the provider was asked this.
    pub(super) fn calls(&self, question: u64) -> u32 {
        self.shared.plans.borrow().get(&question).map_or(0, |plan| plan.calls)
    }

    pub(super) fn release(&self, question: u64) {
        let mut plans = self.shared.plans.borrow_mut();
        plans.entry(question).or_default().release.send_replace(true);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.life.abort();
    }
}

impl Shared {
    /// Another call; where it is held.
    fn called(&self, question: u64) -> Option<Point> {
        let mut plans = self.plans.borrow_mut();
        let plan = plans.entry(question).or_default();
        plan.calls += 1;
        plan.hold.filter(|_| plan.calls == 1)
    }

    /// Waits at a point until it is released.
    async fn wait(&self, question: u64) {
        let mut released = {
            let mut plans = self.plans.borrow_mut();
            let plan = plans.entry(question).or_default();
            plan.is_reached = true;
            plan.release.subscribe()
        };
        let _gone = released.wait_for(|is_released| *is_released).await;
    }
}

async fn serve(listener: TcpListener, mock: String, shared: Rc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (mock, shared) = (mock.clone(), shared.clone());
        spawn_local(async move {
            // Who hangs up in the middle is the server's business.
            let _hung_up = pass(socket, &mock, &shared).await;
        });
    }
}

async fn pass(mut socket: TcpStream, mock: &str, shared: &Shared) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut request = Vec::new();
    while !is_whole(&request) {
        if socket.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let question = number_in(&String::from_utf8_lossy(&request)).unwrap_or(0);
    let hold = shared.called(question);
    if hold == Some(Point::Asked) {
        shared.wait(question).await;
    }
    let mut provider = TcpStream::connect(mock).await?;
    provider.set_nodelay(true)?;
    provider.write_all(&request).await?;
    let (from_server, mut to_server) = socket.into_split();
    let hung_up = gone(from_server);
    tokio::select! {
        done = answer(provider, &mut to_server, (hold, question), shared) => done,
        () = hung_up => Ok(()),
    }
}

/// Until the server has hung up; it says nothing behind its request.
async fn gone(mut server: OwnedReadHalf) {
    let mut scratch = [0; 64];
    while server.read(&mut scratch).await.is_ok_and(|bytes| bytes > 0) {}
}

async fn answer(
    mut provider: TcpStream,
    server: &mut OwnedWriteHalf,
    (hold, question): (Option<Point>, u64),
    shared: &Shared,
) -> io::Result<()> {
    let (mut bytes, mut hold) = (Vec::new(), hold);
    loop {
        let is_end = provider.read_buf(&mut bytes).await.unwrap_or(0) == 0;
        let (passes, is_there) = match hold {
            None | Some(Point::Asked) => (bytes.len(), false),
            Some(Point::Headed) => after(&bytes, b"\r\n\r\n", 1),
            Some(Point::Speaking) => after(&bytes, b"\ndata:", WORDS),
            Some(Point::Ending) => (bytes.len().saturating_sub(LAST), is_end),
        };
        // What is held at a place in the middle goes on in one piece up to there.
        let is_counted = matches!(hold, Some(Point::Headed | Point::Speaking));
        if !is_counted || is_there || is_end {
            let passes = if is_end && is_counted && !is_there { bytes.len() } else { passes };
            server.write_all(bytes.get(..passes).unwrap_or_default()).await?;
            bytes.drain(..passes);
        }
        if is_there {
            shared.wait(question).await;
            hold = None;
            server.write_all(&bytes).await?;
            bytes.clear();
        }
        if is_end {
            return server.shutdown().await;
        }
    }
}

/// The bytes up to where a mark ends for the so-many-th time, and whether it is here so often.
fn after(bytes: &[u8], mark: &[u8], count: usize) -> (usize, bool) {
    let mut marks = bytes.windows(mark.len()).enumerate().filter(|(_, window)| *window == mark);
    match marks.nth(count - 1) {
        Some((at, _)) => (at + mark.len(), true),
        None => (0, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_behind_the_mark() {
        assert_eq!(after(b"head\r\n\r\nbody", b"\r\n\r\n", 1), (8, true));
        assert_eq!(after(b"a\ndata:1\n\n\ndata:2", b"\ndata:", 2), (16, true));
        assert_eq!(after(b"a\ndata:1", b"\ndata:", 2), (0, false));
    }
}
