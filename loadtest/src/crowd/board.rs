//! Where every delivery of the room is noted: who saw what, how late, and when a message is through.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use crate::check::{Faults, SeqWatch};
use crate::pace::Epoch;
use crate::report::{microseconds, record};
use crate::scan::{self, Delivery};
use crate::timeline::Timeline;

/// The reply id of a pull; sends use their serial.
const PULL: u64 = u32::MAX as u64;

/// Latency over time is told in stretches of this.
const STRETCH: Duration = Duration::from_millis(250);

/// A send that the server asked to make again, later.
pub(crate) struct Again {
    pub serial: u64,
    /// When it was due the first time.
    pub due: Instant,
    pub wait_ms: u64,
}

pub(crate) struct Board(RefCell<Inner>);

struct Inner {
    epoch: Epoch,
    /// What the time of a timeline counts from.
    begin: Instant,
    watches: Vec<SeqWatch>,
    round: Option<Round>,
    /// Bytes of the last delivery, without its frame header.
    line_bytes: usize,
    again: UnboundedSender<Again>,
    refused: Vec<String>,
    lagged: u64,
}

/// What a round measured by itself.
pub(crate) struct Noted {
    /// From when a message was due to each receipt.
    pub receipts: Timeline,
    /// From when a message was due to the last receipt.
    pub whole: Histogram<u64>,
    pub deliveries: u64,
    pub reads: u64,
    /// Sends that the server asked to make again later.
    pub put_off: u64,
    /// Of them, those that were too many of one user.
    pub limited: u64,
}

struct Round {
    first: u64,
    messages: Vec<InFlight>,
    window: Rc<Semaphore>,
    noted: Noted,
}

struct InFlight {
    due: Instant,
    /// Receipts, and for the server its reply, that are still to come.
    left: usize,
}

/// What a member must do after a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    Nothing,
    Pull { after: u64 },
}

impl Board {
    /// `head` is the newest seq when the members opened the room.
    pub(crate) fn new(
        epoch: Epoch,
        members: usize,
        head: u64,
        again: UnboundedSender<Again>,
    ) -> Self {
        Self(RefCell::new(Inner {
            epoch,
            begin: Instant::now(),
            watches: vec![SeqWatch::after(head); members],
            round: None,
            line_bytes: 0,
            again,
            refused: Vec::new(),
            lagged: 0,
        }))
    }

    pub(crate) fn count_time_from(&self, begin: Instant) {
        self.0.borrow_mut().begin = begin;
    }

    /// A permit goes back to `window` for each message that is through.
    pub(crate) fn begin(&self, first: u64, window: Rc<Semaphore>) -> Result<()> {
        let begin = self.0.borrow().begin;
        let noted = Noted {
            receipts: Timeline::new(begin, STRETCH)?,
            whole: microseconds()?,
            deliveries: 0,
            reads: 0,
            put_off: 0,
            limited: 0,
        };
        let round = Round { first, messages: Vec::new(), window, noted };
        self.0.borrow_mut().round = Some(round);
        Ok(())
    }

    pub(crate) fn end(&self) -> Option<Noted> {
        self.0.borrow_mut().round.take().map(|round| round.noted)
    }

    /// The next serial of the round is on its way; `left` signs of it will come.
    pub(crate) fn sent(&self, due: Instant, left: usize) {
        if let Some(round) = &mut self.0.borrow_mut().round {
            round.messages.push(InFlight { due, left });
        }
    }

    pub(crate) fn read_done(&self) {
        if let Some(round) = &mut self.0.borrow_mut().round {
            round.noted.reads += 1;
        }
    }

    /// Takes one line that `member` read.
    pub(crate) fn take(&self, member: usize, line: &[u8], at: Instant) -> Duty {
        let mut inner = self.0.borrow_mut();
        if scan::is_plain(line) {
            inner.deliver(member, line, at);
            return Duty::Nothing;
        }
        inner.take_other(member, line, at)
    }

    pub(crate) fn line_bytes(&self) -> usize {
        self.0.borrow().line_bytes
    }

    pub(crate) fn lagged(&self) -> u64 {
        self.0.borrow().lagged
    }

    pub(crate) fn refused(&self) -> Vec<String> {
        self.0.borrow().refused.clone()
    }

    /// All members together, against the newest seq that any of them saw.
    pub(crate) fn verdict(&self, sent: u64, head: u64) -> Faults {
        let mut all = Faults::default();
        for watch in &self.0.borrow().watches {
            all.add(watch.verdict(head + sent));
        }
        all
    }
}

impl Inner {
    fn deliver(&mut self, member: usize, line: &[u8], at: Instant) {
        let Some(Delivery { seq, stamp: Some(stamp), .. }) = scan::delivery(line) else {
            return self.refused.push(format!("not ours: {}", String::from_utf8_lossy(line)));
        };
        self.line_bytes = line.len();
        let is_new = self.watches.get_mut(member).is_some_and(|watch| watch.see(seq));
        let due = self.epoch.moment(stamp.due_us);
        if let Some(round) = &mut self.round
            && is_new
            && round.sign_of(stamp.serial)
        {
            round.noted.deliveries += 1;
            let late = at.saturating_duration_since(due);
            if let Err(error) = round.noted.receipts.record(due, late) {
                self.refused.push(error.to_string());
            }
        }
    }

    fn take_other(&mut self, member: usize, line: &[u8], at: Instant) -> Duty {
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            self.refused.push(format!("not JSON: {}", String::from_utf8_lossy(line)));
            return Duty::Nothing;
        };
        match value.get("ev").and_then(Value::as_str) {
            Some("msg.new") => self.deliver(member, line, at),
            Some("lag") => {
                self.lagged += 1;
                return self.pull(member);
            }
            Some(_) => {}
            None => return self.take_reply(member, &value, at),
        }
        Duty::Nothing
    }

    fn take_reply(&mut self, member: usize, reply: &Value, at: Instant) -> Duty {
        let Some(id) = reply.get("re").and_then(Value::as_u64) else {
            return Duty::Nothing;
        };
        if id == PULL {
            let events = reply.pointer("/ok/events").and_then(Value::as_array);
            for event in events.into_iter().flatten() {
                self.deliver(member, event.to_string().as_bytes(), at);
            }
            let is_more = reply.pointer("/ok/more").and_then(Value::as_bool) == Some(true);
            return if is_more { self.pull(member) } else { Duty::Nothing };
        }
        let retry_ms = reply.pointer("/err/retry_ms").and_then(Value::as_u64);
        let code = reply.pointer("/err/code").and_then(Value::as_str);
        if reply.get("ok").is_some() {
            if let Some(round) = &mut self.round {
                round.sign_of(id);
            }
        } else if let Some(wait_ms) = retry_ms {
            if let Some(round) = &mut self.round
                && let Some(due) = round.message(id).map(|message| message.due)
            {
                round.noted.put_off += 1;
                round.noted.limited += u64::from(code == Some("rate_limited"));
                let _ = self.again.send(Again { serial: id, due, wait_ms });
            }
        } else {
            self.refused.push(reply.to_string());
        }
        Duty::Nothing
    }

    fn pull(&self, member: usize) -> Duty {
        self.watches.get(member).map_or(Duty::Nothing, |watch| Duty::Pull { after: watch.head() })
    }
}

impl Round {
    fn message(&mut self, serial: u64) -> Option<&mut InFlight> {
        let index = serial.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        self.messages.get_mut(index?)
    }

    /// A receipt of the message, or the server's reply to its sender; false when it is of no
    /// message of this round.
    fn sign_of(&mut self, serial: u64) -> bool {
        let Some(message) = self.message(serial) else {
            return false;
        };
        message.left = message.left.saturating_sub(1);
        if message.left == 0 {
            let took = message.due.elapsed();
            record(&mut self.noted.whole, took);
            self.window.add_permits(1);
        }
        true
    }
}

pub(crate) fn pull_op(room: &str, after: u64) -> String {
    json!({"id": PULL, "op": "pull", "room": room, "after": after}).to_string()
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn line(seq: u64, serial: u64) -> Vec<u8> {
        let head = scan::Stamp { serial, due_us: 0 }.head();
        format!(r#"{{"ev":"msg.new","seq":{seq},"d":{{"text":"{head}x"}}}}"#).into_bytes()
    }

    fn board(members: usize, head: u64) -> (Board, UnboundedReceiver<Again>) {
        let (again, put_off) = unbounded_channel();
        (Board::new(Epoch::now(), members, head, again), put_off)
    }

    #[test]
    fn a_message_is_through_when_all_saw_it_and_the_sender_has_its_reply() {
        let (board, _put_off) = board(2, 10);
        let window = Rc::new(Semaphore::new(0));
        board.begin(1, window.clone()).unwrap();
        board.sent(Instant::now(), 3);
        let at = Instant::now() + Duration::from_millis(1);
        board.take(0, &line(11, 1), at);
        board.take(0, br#"{"re":1,"ok":{"seq":11}}"#, at);
        assert_eq!(window.available_permits(), 0);
        board.take(1, &line(11, 1), at);
        assert_eq!(window.available_permits(), 1);
        assert_eq!(board.verdict(1, 10), Faults::default());
        assert_eq!(board.end().map(|noted| noted.deliveries), Some(2));
    }

    #[test]
    fn a_delivery_that_comes_twice_does_not_count_as_two() {
        let (board, _put_off) = board(2, 0);
        let window = Rc::new(Semaphore::new(0));
        board.begin(1, window.clone()).unwrap();
        board.sent(Instant::now(), 2);
        board.take(0, &line(1, 1), Instant::now());
        board.take(0, &line(1, 1), Instant::now());
        assert_eq!(window.available_permits(), 0);
        let faults = board.verdict(1, 0);
        assert_eq!((faults.lost, faults.doubled), (1, 1));
    }

    #[test]
    fn what_the_server_puts_off_is_handed_back() {
        let (board, mut put_off) = board(1, 0);
        board.begin(5, Rc::new(Semaphore::new(0))).unwrap();
        let due = Instant::now();
        board.sent(due, 2);
        let reply = br#"{"re":5,"err":{"code":"rate_limited","temporary":true,"retry_ms":40}}"#;
        board.take(0, reply, Instant::now());
        let again = put_off.try_recv().unwrap();
        assert_eq!((again.serial, again.due, again.wait_ms), (5, due, 40));
        let busy = br#"{"re":5,"err":{"code":"overloaded","temporary":true,"retry_ms":100}}"#;
        board.take(0, busy, Instant::now());
        assert_eq!(put_off.try_recv().unwrap().wait_ms, 100);
        assert!(board.refused().is_empty());
        board.take(0, br#"{"re":6,"err":{"code":"forbidden"}}"#, Instant::now());
        assert_eq!(board.refused().len(), 1);
        let noted = board.end().unwrap();
        assert_eq!((noted.put_off, noted.limited), (2, 1));
    }

    #[test]
    fn a_lag_is_pulled_until_it_is_level() {
        let (board, _put_off) = board(1, 4);
        let now = Instant::now();
        let lag = br#"{"ev":"lag","room":"r","from":5,"head":7}"#;
        assert!(board.take(0, lag, now) == Duty::Pull { after: 4 });
        let event = |seq: u64| String::from_utf8(line(seq, seq)).unwrap();
        let part = |events: String, more: bool| {
            format!(r#"{{"re":{PULL},"ok":{{"events":[{events}],"head":7,"more":{more}}}}}"#)
        };
        let first = part(format!("{},{}", event(5), event(6)), true);
        assert!(board.take(0, first.as_bytes(), now) == Duty::Pull { after: 6 });
        assert!(board.take(0, part(event(7), false).as_bytes(), now) == Duty::Nothing);
        assert_eq!(board.verdict(3, 4), Faults::default());
    }
}
