//! What became of the messages of each phase. A message belongs to the phase in which it was due,
//! whenever its answer comes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

use crate::pace::Epoch;
use crate::scan::Stamp;
use crate::timeline::Timeline;

/// Width of one stretch of the timelines.
pub(super) const STRETCH: Duration = Duration::from_millis(500);

/// Everything that was sent and came back.
pub(super) struct Board {
    epoch: Epoch,
    /// What comes later is of no use.
    deadline: Duration,
    phases: RefCell<Vec<Phase>>,
    /// Answers that the contract rules out.
    pub(super) broken: RefCell<Vec<String>>,
}

/// A stretch of time with one rate.
pub(super) struct Phase {
    /// The first serial of it.
    first: u64,
    rate: f64,
    pub(super) begin: Instant,
    pub(super) acks: Timeline,
    pub(super) counts: Counts,
}

#[derive(Clone, Default, Serialize)]
pub(super) struct Counts {
    pub sent: u64,
    /// Acknowledged within the deadline.
    pub acked: u64,
    pub acked_late: u64,
    /// Deliveries within the deadline.
    pub delivered: u64,
    pub delivered_late: u64,
    /// Refused, by code.
    pub refused: BTreeMap<String, u64>,
}

impl Counts {
    pub(super) fn all_refused(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Neither acknowledged nor refused, so far.
    pub(super) fn unanswered(&self) -> u64 {
        self.sent.saturating_sub(self.acked + self.acked_late + self.all_refused())
    }
}

impl Board {
    pub(super) fn new(epoch: Epoch, deadline: Duration) -> Self {
        Self { epoch, deadline, phases: RefCell::default(), broken: RefCell::default() }
    }

    /// From here on messages belong to a new phase; returns its number.
    pub(super) fn begin(&self, first: u64, rate: f64) -> Result<usize> {
        let begin = Instant::now();
        let acks = Timeline::new(begin, STRETCH)?;
        let mut phases = self.phases.borrow_mut();
        phases.push(Phase { first, rate, begin, acks, counts: Counts::default() });
        Ok(phases.len() - 1)
    }

    pub(super) fn read<T>(&self, phase: usize, what: impl FnOnce(&Phase) -> T) -> Option<T> {
        self.phases.borrow().get(phase).map(what)
    }

    /// Sends of all phases that were neither acknowledged nor refused, so far.
    pub(super) fn unanswered(&self) -> u64 {
        self.phases.borrow().iter().map(|phase| phase.counts.unanswered()).sum()
    }

    /// The phases that these are of.
    pub(super) fn owed(&self) -> Vec<String> {
        let phases = self.phases.borrow();
        let owing = phases.iter().filter(|phase| phase.counts.unanswered() > 0).take(5);
        let told = |phase: &Phase| {
            let (open, sent) = (phase.counts.unanswered(), phase.counts.sent);
            format!("{open} of {sent} sends at {:.0} a second", phase.rate)
        };
        owing.map(told).collect()
    }

    pub(super) fn sent(&self) {
        if let Some(phase) = self.phases.borrow_mut().last_mut() {
            phase.counts.sent += 1;
        }
    }

    fn of(&self, serial: u64, note: impl FnOnce(&mut Phase)) {
        let mut phases = self.phases.borrow_mut();
        if let Some(phase) = phases.iter_mut().rev().find(|phase| phase.first <= serial) {
            note(phase);
        }
    }

    /// When a message was due.
    pub(super) fn due(&self, serial: u64) -> Option<Instant> {
        let phases = self.phases.borrow();
        let phase = phases.iter().rev().find(|phase| phase.first <= serial)?;
        let after = (serial - phase.first) as f64 / phase.rate;
        Some(phase.begin + Duration::from_secs_f64(after))
    }

    /// The answer to a send, which was due at `due`.
    pub(super) fn take_reply(&self, serial: u64, due: Instant, now: Instant, line: &[u8]) {
        let latency = now.saturating_duration_since(due);
        if is_ok(line) {
            return self.of(serial, |phase| {
                let is_useful = latency <= self.deadline;
                phase.counts.acked += u64::from(is_useful);
                phase.counts.acked_late += u64::from(!is_useful);
                if let Err(error) = phase.acks.record(due, latency) {
                    self.broken.borrow_mut().push(format!("{error:#}"));
                }
            });
        }
        let reply: Value = serde_json::from_slice(line).unwrap_or_default();
        let text = |pointer| reply.pointer(pointer).and_then(Value::as_str);
        let code = text("/err/code").unwrap_or("no code").to_owned();
        let is_typed = reply.pointer("/err/retry_ms").is_some_and(Value::is_u64)
            && reply.pointer("/err/temporary") == Some(&Value::Bool(true));
        if !is_typed {
            self.broken.borrow_mut().push(format!("refused without a time to come back: {reply}"));
        }
        self.of(serial, |phase| *phase.counts.refused.entry(code).or_default() += 1);
    }

    /// A message at one of its readers.
    pub(super) fn take_delivery(&self, stamp: Stamp, now: Instant) {
        let due = self.epoch.moment(stamp.due_us);
        let is_useful = now.saturating_duration_since(due) <= self.deadline;
        self.of(stamp.serial, |phase| {
            phase.counts.delivered += u64::from(is_useful);
            phase.counts.delivered_late += u64::from(!is_useful);
        });
    }
}

/// The usual shape of an acknowledgement; any other is parsed in full.
fn is_ok(line: &[u8]) -> bool {
    let digits = line.strip_prefix(br#"{"re":"#).unwrap_or_default();
    let behind = digits.iter().position(|byte| !byte.is_ascii_digit());
    let rest = behind.and_then(|at| digits.get(at..)).unwrap_or_default();
    if rest.starts_with(br#","ok":"#) {
        return true;
    }
    let reply: Value = serde_json::from_slice(line).unwrap_or_default();
    reply.get("ok").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_where_their_messages_were_due() {
        let (epoch, begin) = (Epoch::now(), Instant::now());
        let board = Board::new(epoch, Duration::from_secs(1));
        board.begin(0, 100.0).unwrap();
        (0..3).for_each(|_| board.sent());
        board.begin(3, 100.0).unwrap();
        (0..2).for_each(|_| board.sent());
        let after = |ms| begin + Duration::from_millis(ms);
        board.take_reply(2, begin, after(999), br#"{"re":2,"ok":{"seq":1}}"#);
        board.take_reply(0, begin, after(1_001), br#"{"ok":{"seq":2},"re":0}"#);
        let no = br#"{"re":3,"err":{"code":"overloaded","temporary":true,"retry_ms":700}}"#;
        board.take_reply(3, begin, after(5), no);
        let first = board.read(0, |phase| phase.counts.clone()).unwrap();
        assert_eq!((first.sent, first.acked, first.acked_late, first.unanswered()), (3, 1, 1, 1));
        let second = board.read(1, |phase| phase.counts.clone()).unwrap();
        assert_eq!((second.all_refused(), second.unanswered()), (1, 1));
        assert_eq!((board.unanswered(), board.owed().len()), (2, 2));
        assert!(board.broken.borrow().is_empty());
        board.take_reply(4, begin, after(5), br#"{"re":4,"err":{"code":"internal"}}"#);
        assert_eq!(board.broken.borrow().len(), 1);
    }
}
