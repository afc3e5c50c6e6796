//! A store that numbers what it is given and keeps nothing: what a message costs without a database.
//! Only in builds with the feature `bench`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Store;
use super::append::{Append, AppendRefusal, Appended, NewMessage, ReadMark, StoredEvent};
use super::writer::EventWriter;
use crate::domain::RoomId;

/// The heads of the rooms, which nothing else knows.
#[derive(Debug, Default)]
pub(super) struct Null {
    heads: Mutex<HashMap<RoomId, (i64, i64)>>,
    calls: Mutex<Calls>,
}

/// When batches came and went; nothing is written down before somebody wants to know.
#[derive(Debug, Default)]
struct Calls {
    is_on: bool,
    calls: Vec<Call>,
}

/// One batch in the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// When it came.
    pub(crate) began: Instant,
    /// When it was answered.
    pub(crate) ended: Instant,
}

impl Null {
    /// Answers a batch as a transaction would in which nobody is named and nothing is repeated.
    pub(super) fn append(&self, batch: &[Append], writer: &dyn EventWriter) -> Vec<Appended> {
        let began = Instant::now();
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = |room: RoomId| {
            let (head, n) = heads.entry(room).or_default();
            (*head, *n) = (*head + 1, *n + 1);
            (*head, *n)
        };
        let answers = batch.iter().map(|append| match append {
            Append::Message(message) => number(message, next(message.room), writer),
            Append::Mark { seq, .. } => {
                let mark = ReadMark { seq: *seq, read_n: *seq, n: *seq, mentions: 0 };
                Appended::Marked(mark, None)
            }
            _other => Appended::Refused(AppendRefusal::Gone),
        });
        let answers = answers.collect();
        drop(heads);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.is_on {
            calls.calls.push(Call { began, ended: Instant::now() });
        }
        answers
    }
}

fn number(message: &NewMessage, (seq, n): (i64, i64), writer: &dyn EventWriter) -> Appended {
    let body = writer.message(message, seq, n, &[], &[]).into();
    let event = StoredEvent { seq, n, at: message.at, body };
    Appended::Message {
        event,
        mentions: Vec::new(),
        notices: Vec::new(),
        read: None,
        has_fanout: false,
        asked: None,
    }
}

impl Store {
    /// The same store for reading; what is appended gets a number and is forgotten. `heads` says where
    /// the logs stand, head and `n`. The rooms must stay awake: one that slept would begin there again.
    pub(crate) fn that_forgets(
        &self,
        heads: impl IntoIterator<Item = (RoomId, (i64, i64))>,
    ) -> Self {
        let heads = Mutex::new(heads.into_iter().collect());
        Self { null: Some(Arc::new(Null { heads, ..Null::default() })), ..self.clone() }
    }

    /// Writes down from now on when batches come and go; gives what was written down before.
    pub(crate) fn calls(&self, is_on: bool) -> Vec<Call> {
        let calls = self.null.as_ref().map(|null| &null.calls);
        calls.map_or_else(Vec::new, |calls| {
            let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.is_on = is_on;
            std::mem::take(&mut calls.calls)
        })
    }
}
