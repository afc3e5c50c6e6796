//! One client of the crash scenario: follows the room through every restart, and perhaps sends.
//!
//! `Memory` is what survives a lost connection: where it was, what it saw, what is not yet
//! acknowledged. It takes lines and knows nothing of sockets.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::notes::{Past, PutOff, Shown};
use crate::check::{Message, SeqWatch};
use crate::disk;

const OPEN: u64 = 1;
const PULL: u64 = 2;
/// Replies above this are to sends.
const FIRST_SEND: u64 = 10;

/// A message that is sent again, with the same cid, until it is acknowledged.
struct Unacked {
    cid: String,
    /// The request it is in flight with; `None` before the first try of a connection.
    request: Option<u64>,
    /// On the clock of `disk::now`.
    composed_at: u64,
    /// Times it goes out without waiting for a reply. Only the reply to the last one counts, as if
    /// those before were lost.
    copies: u32,
    not_before: Instant,
}

/// What one client knows.
pub(in crate::scenario) struct Memory {
    pub name: String,
    pub room: String,
    epoch: Option<String>,
    /// The head when the room was first opened.
    start: u64,
    watch: SeqWatch,
    pub seen: Vec<Message>,
    pub shown: Vec<Shown>,
    pub past: Vec<Past>,
    pub acked: Vec<Message>,
    /// When each of them came, on the clock of `disk::now`.
    pub seen_at: Vec<u64>,
    pub acked_at: Vec<u64>,
    /// When each that is acknowledged was composed.
    pub composed_at: Vec<u64>,
    pub put_off: Vec<PutOff>,
    pub sent: BTreeSet<String>,
    unacked: VecDeque<Unacked>,
    next_request: u64,
    next_cid: u64,
    is_open: bool,
    wants_pull: bool,
    /// The server said that it ends.
    is_drained: bool,
    pub dups: u64,
    pub resumes: u64,
    pub replayed: u64,
    /// Things the contract rules out.
    pub broken: Vec<String>,
}

impl Memory {
    pub(in crate::scenario) fn new(name: String, room: String) -> Self {
        Self {
            name,
            room,
            epoch: None,
            start: 0,
            watch: SeqWatch::after(0),
            seen: Vec::new(),
            shown: Vec::new(),
            past: Vec::new(),
            acked: Vec::new(),
            seen_at: Vec::new(),
            acked_at: Vec::new(),
            composed_at: Vec::new(),
            put_off: Vec::new(),
            sent: BTreeSet::new(),
            unacked: VecDeque::new(),
            next_request: FIRST_SEND,
            next_cid: 1,
            is_open: false,
            wants_pull: false,
            is_drained: false,
            dups: 0,
            resumes: 0,
            replayed: 0,
            broken: Vec::new(),
        }
    }

    pub(in crate::scenario) fn head(&self) -> u64 {
        self.watch.head()
    }

    pub(in crate::scenario) fn start(&self) -> u64 {
        self.start
    }

    pub(in crate::scenario) fn watch(&self) -> &SeqWatch {
        &self.watch
    }

    pub(in crate::scenario) fn unacked(&self) -> usize {
        self.unacked.len()
    }

    pub(in crate::scenario) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Loses the place in the room, as a client that was started anew; what is to be sent stays.
    pub(in crate::scenario) fn forget(&mut self) {
        if self.epoch.take().is_some() {
            let (start, end, seen) = (self.start, self.head(), std::mem::take(&mut self.seen));
            let faults = self.watch.verdict(end);
            self.broken.extend(faults.examples);
            let seen_at = std::mem::take(&mut self.seen_at);
            self.past.push(Past { start, end, seen, seen_at });
        }
    }

    pub(in crate::scenario) fn is_drained(&self) -> bool {
        self.is_drained
    }

    /// A new connection: everything in flight is unknown again. Returns the first op.
    pub(in crate::scenario) fn connected(&mut self) -> String {
        self.is_open = false;
        self.wants_pull = false;
        self.is_drained = false;
        for message in &mut self.unacked {
            message.request = None;
            message.not_before = Instant::now();
        }
        let mut open = json!({"id": OPEN, "op": "open", "room": self.room});
        if let (Some(epoch), Some(op)) = (&self.epoch, open.as_object_mut()) {
            op.insert("since".to_owned(), json!({"epoch": epoch, "seq": self.head()}));
        }
        open.to_string()
    }

    /// One more message to send, in so many copies at once.
    pub(in crate::scenario) fn compose(&mut self, copies: u32) {
        let cid = format!("{}-{}", self.name, self.next_cid);
        self.next_cid += 1;
        self.sent.insert(cid.clone());
        let (composed_at, not_before) = (disk::now(), Instant::now());
        self.unacked.push_back(Unacked { cid, request: None, composed_at, copies, not_before });
    }

    /// The op that may go out now, if any.
    pub(in crate::scenario) fn next_op(&mut self) -> Option<String> {
        if !self.is_open {
            return None;
        }
        if std::mem::take(&mut self.wants_pull) {
            let pull = json!({"id": PULL, "op": "pull", "room": self.room, "after": self.head()});
            return Some(pull.to_string());
        }
        let now = Instant::now();
        let due = |message: &&mut Unacked| {
            (message.request.is_none() || message.copies > 0) && message.not_before <= now
        };
        let message = self.unacked.iter_mut().find(due)?;
        let id = self.next_request;
        // Ids are 32 bits on the wire.
        self.next_request = if id == u64::from(u32::MAX) { FIRST_SEND } else { id + 1 };
        message.request = Some(id);
        message.copies = message.copies.saturating_sub(1);
        let cid = &message.cid;
        let text = format!("message {cid} of the crash run");
        Some(
            json!({"id": id, "op": "send", "room": self.room, "cid": cid, "text": text})
                .to_string(),
        )
    }

    pub(in crate::scenario) fn take(&mut self, line: &[u8]) {
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            return self.broken.push(format!("not JSON: {}", String::from_utf8_lossy(line)));
        };
        let id = value.get("re").and_then(Value::as_u64);
        match (id, value.get("ev").and_then(Value::as_str)) {
            (Some(OPEN), _) => self.take_open(&value),
            (Some(PULL), _) => self.take_pull(&value),
            (Some(id), _) => self.take_ack(id, &value),
            (None, Some("lag")) => self.wants_pull = true,
            (None, Some("drain")) => self.is_drained = true,
            (None, Some(_)) => self.take_event(&value),
            (None, None) => self.broken.push(format!("neither reply nor event: {value}")),
        }
    }

    fn take_open(&mut self, reply: &Value) {
        let ok = reply.get("ok");
        let epoch = ok.and_then(|ok| ok.get("epoch")).and_then(Value::as_str);
        let head = ok.and_then(|ok| ok.get("head")).and_then(Value::as_u64);
        let (Some(epoch), Some(head)) = (epoch, head) else {
            return self.broken.push(format!("open was refused: {reply}"));
        };
        let is_resumed = reply.pointer("/ok/resumed").and_then(Value::as_bool) == Some(true);
        match &self.epoch {
            None => {
                self.epoch = Some(epoch.to_owned());
                self.start = head;
                self.watch = SeqWatch::after(head);
                self.shown.extend(Shown::of(reply));
            }
            Some(_) if is_resumed => {
                self.resumes += 1;
                self.replayed += head.saturating_sub(self.head());
            }
            Some(held) => {
                let (was, why) = (self.head(), reply.pointer("/ok/why"));
                self.broken.push(format!(
                    "not resumed from {held}/{was}: head {epoch}/{head}, why {why:?}"
                ));
                // Go on from the new state; what lies between is missing and will be counted.
                self.epoch = Some(epoch.to_owned());
            }
        }
        self.is_open = true;
    }

    fn take_pull(&mut self, reply: &Value) {
        let Some(events) = reply.pointer("/ok/events").and_then(Value::as_array) else {
            return self.broken.push(format!("pull was refused: {reply}"));
        };
        for event in events {
            self.take_event(event);
        }
        self.wants_pull = reply.pointer("/ok/more").and_then(Value::as_bool) == Some(true);
    }

    fn take_event(&mut self, event: &Value) {
        let is_ours = event.get("room").and_then(Value::as_str) == Some(&self.room);
        let kind = event.get("ev").and_then(Value::as_str).unwrap_or_default();
        let (true, Some(seq)) = (is_ours, event.get("seq").and_then(Value::as_u64)) else {
            return;
        };
        if kind == "caught_up" {
            if seq > self.head() {
                self.broken.push(format!("caught_up at {seq}, but seen only to {}", self.head()));
            }
            return;
        }
        // My own read mark names a seq of the log, but is not in it.
        if kind == "read" {
            return;
        }
        self.watch.see(seq);
        if kind == "msg.new" {
            let text = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (id, cid) = (text("/d/id").to_owned(), text("/d/cid").to_owned());
            self.seen.push(Message { seq, id, cid });
            self.seen_at.push(disk::now());
        }
    }

    fn take_ack(&mut self, id: u64, reply: &Value) {
        let Some(at) = self.unacked.iter().position(|message| message.request == Some(id)) else {
            return;
        };
        if let Some(ok) = reply.get("ok") {
            let Some(message) = self.unacked.remove(at) else { return };
            let seq = ok.get("seq").and_then(Value::as_u64).unwrap_or(0);
            let id = ok.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            self.dups += u64::from(ok.get("dup").and_then(Value::as_bool) == Some(true));
            self.acked_at.push(disk::now());
            self.composed_at.push(message.composed_at);
            return self.acked.push(Message { seq, id, cid: message.cid });
        }
        let is_temporary = reply.pointer("/err/temporary").and_then(Value::as_bool) == Some(true);
        if !is_temporary {
            self.broken.push(format!("a send was refused for good: {reply}"));
            self.unacked.remove(at);
            return;
        }
        let put_off = PutOff::of(reply);
        let wait = put_off.retry_ms.unwrap_or(100);
        self.put_off.push(put_off);
        if let Some(message) = self.unacked.get_mut(at) {
            message.request = None;
            message.not_before = Instant::now() + Duration::from_millis(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        let mut memory = Memory::new("s1".to_owned(), "r_1".to_owned());
        memory.connected();
        memory
            .take(br#"{"re":1,"ok":{"room":"r_1","epoch":"a","head":3,"snapshot":{"items":[]}}}"#);
        memory
    }

    fn event(seq: u64, cid: &str) -> Vec<u8> {
        let d = json!({"id": format!("m_{seq}"), "cid": cid});
        json!({"ev": "msg.new", "room": "r_1", "seq": seq, "d": d}).to_string().into_bytes()
    }

    #[test]
    fn an_unanswered_send_is_repeated_with_its_cid_after_a_reconnect() {
        let mut memory = memory();
        memory.compose(1);
        let first = memory.next_op().unwrap();
        assert_eq!(memory.next_op(), None);
        let open: Value = serde_json::from_str(&memory.connected()).unwrap();
        assert_eq!(open.pointer("/since"), Some(&json!({"epoch": "a", "seq": 3})));
        assert_eq!(memory.next_op(), None, "not before the room is open");
        memory.take(br#"{"re":1,"ok":{"room":"r_1","epoch":"a","head":4,"resumed":true}}"#);
        memory.take(&event(4, "s1-1"));
        let again = memory.next_op().unwrap();
        assert!(first.contains(r#""cid":"s1-1""#) && again.contains(r#""cid":"s1-1""#));
        memory.take(br#"{"re":11,"ok":{"seq":4,"id":"m_4","dup":true}}"#);
        assert_eq!((memory.unacked(), memory.dups, memory.resumes), (0, 1, 1));
        assert_eq!(memory.acked, memory.seen);
        assert!(memory.broken.is_empty(), "{:?}", memory.broken);
    }

    #[test]
    fn a_send_in_two_copies_is_acknowledged_by_the_reply_to_the_second() {
        let mut memory = memory();
        memory.compose(2);
        assert!(memory.next_op().is_some_and(|op| op.contains("s1-1")));
        assert!(memory.next_op().is_some_and(|op| op.contains("s1-1")));
        assert_eq!(memory.next_op(), None);
        memory.take(br#"{"re":10,"ok":{"seq":4,"id":"m_4","dup":false}}"#);
        assert_eq!(memory.unacked(), 1);
        memory.take(br#"{"re":11,"ok":{"seq":4,"id":"m_4","dup":true}}"#);
        assert_eq!((memory.unacked(), memory.dups), (0, 1));
    }

    #[test]
    fn a_send_that_is_put_off_waits() {
        let mut memory = memory();
        memory.compose(1);
        memory.next_op();
        memory.take(br#"{"re":10,"err":{"code":"slow_mode","temporary":true,"retry_ms":9000}}"#);
        assert_eq!((memory.unacked(), memory.next_op()), (1, None));
    }

    #[test]
    fn a_restart_that_forgot_the_log_is_noticed() {
        let mut memory = memory();
        memory.take(&event(4, "x"));
        memory.connected();
        memory.take(
            br#"{"re":1,"ok":{"room":"r_1","epoch":"a","head":3,"resumed":false,"why":"epoch"}}"#,
        );
        assert_eq!(memory.broken.len(), 1);
    }

    #[test]
    fn catching_up_short_of_the_head_is_noticed() {
        let mut memory = memory();
        memory.take(br#"{"ev":"caught_up","room":"r_1","seq":3}"#);
        assert!(memory.broken.is_empty());
        memory.take(br#"{"ev":"caught_up","room":"r_1","seq":5}"#);
        assert_eq!(memory.broken.len(), 1);
    }

    #[test]
    fn a_lag_is_answered_by_a_pull_from_the_newest_seq() {
        let mut memory = memory();
        memory.take(br#"{"ev":"lag","room":"r_1","from":4,"head":5}"#);
        assert!(memory.next_op().unwrap().contains(r#""after":3"#));
        let events = format!(
            r#"{{"re":2,"ok":{{"events":[{},{}],"head":5,"more":false}}}}"#,
            String::from_utf8(event(4, "a")).unwrap(),
            String::from_utf8(event(5, "b")).unwrap()
        );
        memory.take(events.as_bytes());
        assert_eq!((memory.head(), memory.seen.len(), memory.next_op()), (5, 2, None));
    }
}
