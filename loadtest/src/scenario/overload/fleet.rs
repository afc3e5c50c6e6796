//! Many sessions in many rooms, and an open-loop sender that never waits for any of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::board::Board;
use crate::check::{Faults, SeqWatch};
use crate::client::{Client, Ending, SignIn, Writer};
use crate::endpoint::Endpoint;
use crate::pace::{Epoch, Pace};
use crate::progress::Progress;
use crate::scan::{self, Delivery, Stamp};
use crate::setup::User;

/// Requests below this number are openings and pulls, and so no sends.
const FIRST_SEND: u32 = 10;
const OPEN: u32 = 2;
const PULL: u32 = 3;
/// No answer comes for so long: the others will not come.
const SILENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
const NUDGE: Duration = Duration::from_secs(1);

pub(super) struct Fleet {
    pub board: Rc<Board>,
    epoch: Epoch,
    seats: Vec<Rc<Seat>>,
    _readers: JoinSet<()>,
    padding: String,
    /// Messages that were due so far, in all phases.
    next: Cell<u64>,
}

/// One session.
struct Seat {
    room: String,
    writer: Writer,
    watch: RefCell<SeqWatch>,
    lags: Cell<u64>,
    ending: RefCell<Option<Ending>>,
}

impl Fleet {
    /// Signs everybody in and opens each one's room.
    pub(super) async fn gather(
        endpoint: &Endpoint,
        users: &[User],
        room_of: impl Fn(usize) -> String,
        (deadline, bytes): (Duration, usize),
    ) -> Result<(Self, String)> {
        let epoch = Epoch::now();
        let board = Rc::new(Board::new(epoch, deadline));
        let progress = Progress::new("sessions", users.len());
        let (mut seats, mut readers, mut server) = (Vec::new(), JoinSet::new(), String::new());
        for (number, user) in users.iter().enumerate() {
            let connected = Client::connect(endpoint, &user.token, SignIn::FirstFrame).await;
            let (mut client, welcome) = connected.context("a session could not sign in")?;
            let room = room_of(number);
            let opened = client.open(OPEN, &room).await?;
            let head = opened.get("head").and_then(Value::as_u64).context("open told no head")?;
            let seat = Rc::new(Seat {
                room,
                writer: client.writer(),
                watch: RefCell::new(SeqWatch::after(head)),
                lags: Cell::new(0),
                ending: RefCell::default(),
            });
            let (reading, board) = (Rc::clone(&seat), Rc::clone(&board));
            readers.spawn_local(async move { reading.read(client, &board).await });
            seats.push(seat);
            server = welcome.server;
            progress.step(1);
        }
        progress.done();
        let padding = "x".repeat(bytes.saturating_sub(scan::TEXT_HEAD));
        let next = Cell::new(0);
        Ok((Self { board, epoch, seats, _readers: readers, padding, next }, server))
    }

    /// Sends at `rate` for so long, whatever comes back; returns the number of the phase, and how
    /// late the sender itself was at the 99th percentile.
    pub(super) async fn press(&self, rate: f64, time: Duration) -> Result<(usize, Duration)> {
        let phase = self.board.begin(self.next.get(), rate)?;
        let mut pace = Pace::per_second(rate)?;
        let end = tokio::time::Instant::now() + time;
        loop {
            let due = tokio::select! {
                due = pace.due() => due,
                () = sleep_until(end) => break,
            };
            let number = self.next.get();
            self.next.set(number + 1);
            self.send(number, due).await;
            self.board.sent();
            // An overdue sender would not let anybody read.
            if number.is_multiple_of(16) {
                tokio::task::yield_now().await;
            }
            if tokio::time::Instant::now() >= end {
                break;
            }
        }
        Ok((phase, Duration::from_micros(pace.late().value_at_quantile(0.99))))
    }

    async fn send(&self, number: u64, due: Instant) {
        let count = self.seats.len() as u64;
        let Some(seat) = usize::try_from(number % count).ok().and_then(|at| self.seats.get(at))
        else {
            return;
        };
        let stamp = self.epoch.stamp(due);
        let id = u64::from(FIRST_SEND) + number;
        let head = Stamp { serial: number, due_us: stamp }.head();
        let (room, padding) = (&seat.room, &self.padding);
        let op = format!(
            r#"{{"id":{id},"op":"send","room":"{room}","cid":"o-{number}-{stamp}","text":"{head}{padding}"}}"#
        );
        say(&seat.writer, &op).await;
    }

    /// Waits until every send is answered. False when no answer came any more before that.
    pub(super) async fn settle(&self) -> bool {
        let mut owed = self.board.unanswered();
        let (mut since, mut nudged) = (Instant::now(), None::<Instant>);
        while owed > 0 && since.elapsed() < SILENCE {
            // What a socket did not take yet goes out before the next thing that is said there.
            if nudged.is_none_or(|nudged| nudged.elapsed() > NUDGE) {
                nudged = Some(Instant::now());
                for seat in &self.seats {
                    say(&seat.writer, "{}").await;
                }
            }
            sleep(POLL).await;
            let now = self.board.unanswered();
            if now != owed {
                (owed, since) = (now, Instant::now());
            }
        }
        owed == 0
    }

    /// Why sessions ended that should not have.
    pub(super) fn endings(&self) -> Vec<String> {
        let endings = self
            .seats
            .iter()
            .filter_map(|seat| seat.ending.borrow().as_ref().map(|ending| ending.to_string()));
        endings.collect()
    }

    pub(super) fn lags(&self) -> u64 {
        self.seats.iter().map(|seat| seat.lags.get()).sum()
    }

    /// Everybody has seen the same log of each room, each event once and in order.
    pub(super) fn verdict(&self) -> Faults {
        let mut heads = std::collections::BTreeMap::<&str, u64>::new();
        for seat in &self.seats {
            let head = heads.entry(&seat.room).or_default();
            *head = (*head).max(seat.watch.borrow().head());
        }
        let mut faults = Faults::default();
        for seat in self.seats.iter().filter(|seat| seat.ending.borrow().is_none()) {
            let head = heads.get(seat.room.as_str()).copied().unwrap_or(0);
            faults.add(seat.watch.borrow().verdict(head));
        }
        faults
    }
}

/// A socket that takes nothing now gets the rest with the next send: nobody is waited for.
async fn say(writer: &Writer, line: &str) {
    tokio::select! {
        biased;
        _written = writer.send(line) => {}
        () = std::future::ready(()) => {}
    }
}

impl Seat {
    async fn read(&self, mut client: Client, board: &Board) {
        let mut wants_pull = false;
        loop {
            let turn = client.read(|line, now| {
                wants_pull |= self.take(line, now, board);
            });
            if let Err(ending) = turn.await {
                self.ending.replace(Some(ending));
                return;
            }
            if std::mem::take(&mut wants_pull) {
                let after = self.watch.borrow().head();
                let pull = json!({"id": PULL, "op": "pull", "room": self.room, "after": after});
                // A connection that is gone is told by the next read.
                let _gone = self.writer.send(&pull.to_string()).await;
            }
        }
    }

    fn deliver(&self, event: &[u8], now: Instant, board: &Board) {
        if let Some(Delivery { seq, stamp: Some(stamp), .. }) = scan::delivery(event)
            && self.watch.borrow_mut().see(seq)
        {
            board.take_delivery(stamp, now);
        }
    }

    /// True when events are to be pulled.
    fn take(&self, line: &[u8], now: Instant, board: &Board) -> bool {
        if scan::is_plain(line) {
            self.deliver(line, now, board);
            return false;
        }
        if let Some(id) = reply_id(line).filter(|id| *id >= u64::from(FIRST_SEND)) {
            let number = id - u64::from(FIRST_SEND);
            match board.due(number) {
                Some(due) => board.take_reply(number, due, now, line),
                None => board.broken.borrow_mut().push(format!("a reply to nothing: {id}")),
            }
            return false;
        }
        let value: Value = serde_json::from_slice(line).unwrap_or_default();
        let is_lag = value.get("ev").and_then(Value::as_str) == Some("lag");
        self.lags.update(|lags| lags + u64::from(is_lag));
        let events = value.pointer("/ok/events").and_then(Value::as_array);
        for event in events.into_iter().flatten() {
            self.deliver(event.to_string().as_bytes(), now, board);
        }
        is_lag || value.pointer("/ok/more").and_then(Value::as_bool) == Some(true)
    }
}

/// The id in `{"re":12,…`, the shape of every reply.
fn reply_id(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(br#"{"re":"#)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}
