//! What a client writes down for the verdict, beside its place in the room.

use serde_json::Value;

use crate::check::Message;
use crate::disk;

/// The room as an `open` without a position showed it.
pub(in crate::scenario) struct Shown {
    pub upto: u64,
    pub items: Vec<Message>,
}

/// What a client had seen before it forgot where it was: everything in `start + 1 ..= end`.
pub(in crate::scenario) struct Past {
    pub start: u64,
    pub end: u64,
    pub seen: Vec<Message>,
    pub seen_at: Vec<u64>,
}

/// A send that was put off.
pub(in crate::scenario) struct PutOff {
    /// When the answer came, on the clock of `disk::now`.
    pub at: u64,
    pub code: String,
    pub retry_ms: Option<u64>,
}

impl Shown {
    /// Of the reply to an `open`; nothing when that holds no snapshot.
    pub(super) fn of(reply: &Value) -> Option<Self> {
        let snapshot = reply.pointer("/ok/snapshot")?;
        let message = |item: &Value| {
            let text = |name| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let seq = item.get("seq").and_then(Value::as_u64).unwrap_or(0);
            Message { seq, id: text("id"), cid: text("cid") }
        };
        let items = snapshot.get("items").and_then(Value::as_array)?.iter().map(message).collect();
        Some(Self { upto: snapshot.get("upto").and_then(Value::as_u64).unwrap_or(0), items })
    }
}

impl PutOff {
    /// Of a refusal that is temporary.
    pub(super) fn of(reply: &Value) -> Self {
        let code = reply.pointer("/err/code").and_then(Value::as_str).unwrap_or_default();
        let retry_ms = reply.pointer("/err/retry_ms").and_then(Value::as_u64);
        Self { at: disk::now(), code: code.to_owned(), retry_ms }
    }
}
