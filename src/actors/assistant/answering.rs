//! An answer while it is spoken: what was said so far, shared by who speaks, the room that tells it
//! and whoever comes late. It outlives the actors that work on it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::domain::{RoomId, RunId, UserId};

/// A question that is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    /// The run.
    pub(crate) run: RunId,
    /// Where.
    pub(crate) room: RoomId,
    /// The seq of the question.
    pub(crate) seq: i64,
    /// Who asks.
    pub(crate) asker: UserId,
}

/// One answer.
pub(crate) struct Answering {
    /// What it answers.
    pub(crate) question: Question,
    /// Since when it is worked on.
    pub(crate) since: Instant,
    /// The seq of the answer, once it has begun.
    message: OnceLock<i64>,
    said: Mutex<Said>,
    is_over: AtomicBool,
    /// Whether it cannot begin now, and is tried again.
    is_put_off: AtomicBool,
    /// Whether another node speaks it, and this one only hears of it.
    pub(crate) is_abroad: bool,
}

#[derive(Default)]
struct Said {
    text: String,
    /// Its end is being written: whoever speaks it and has not heard of that comes too late.
    is_sealed: bool,
}

impl Answering {
    /// An answer to which nothing was said yet.
    pub(crate) fn new(question: Question) -> Arc<Self> {
        Arc::new(Self {
            question,
            since: Instant::now(),
            message: OnceLock::new(),
            said: Mutex::default(),
            is_over: AtomicBool::new(false),
            is_put_off: AtomicBool::new(false),
            is_abroad: false,
        })
    }

    /// One that another node speaks; it stands at this seq.
    fn abroad(question: Question, message: i64) -> Self {
        Self {
            question,
            since: Instant::now(),
            message: OnceLock::from(message),
            said: Mutex::default(),
            is_over: AtomicBool::new(false),
            is_put_off: AtomicBool::new(false),
            is_abroad: true,
        }
    }

    /// It stands in the log from here on.
    pub(crate) fn begins(&self, message: i64) {
        let _known = self.message.set(message);
    }

    /// The seq of the answer, once it has begun.
    pub(crate) fn message(&self) -> Option<i64> {
        self.message.get().copied()
    }

    /// Says more.
    pub(crate) fn say(&self, more: &str) {
        let mut said = self.lock();
        if !said.is_sealed {
            said.text.push_str(more);
        }
    }

    /// All that was said, and will be: what listeners got joins to what its end brings.
    pub(crate) fn seal(&self) -> String {
        let mut said = self.lock();
        said.is_sealed = true;
        said.text.clone()
    }

    /// Bytes that were said.
    pub(crate) fn len(&self) -> usize {
        self.lock().text.len()
    }

    /// All that was said.
    pub(crate) fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// What was said from one byte to another; both are where a piece began or ended.
    pub(crate) fn part(&self, from: usize, to: usize) -> String {
        self.lock().text.get(from..to).unwrap_or_default().to_owned()
    }

    /// It cannot begin now, and is tried again.
    pub(super) fn put_off(&self) {
        self.is_put_off.store(true, Ordering::Release);
    }

    /// Whether it is tried again.
    pub(super) fn is_put_off(&self) -> bool {
        self.is_put_off.load(Ordering::Acquire)
    }

    /// Nothing more will be said.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Whether nothing more will be said.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// What a model says must not reach a log by way of `{:?}`.
impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} bytes", self.question.run, self.len())
    }
}

/// The answers that are being spoken on this node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Living(Arc<Mutex<HashMap<RunId, Arc<Answering>>>>);

impl Living {
    /// One more.
    pub(crate) fn add(&self, answering: &Arc<Answering>) {
        self.lock().insert(answering.question.run, Arc::clone(answering));
    }

    /// One less.
    pub(crate) fn remove(&self, run: RunId) {
        if let Some(answering) = self.lock().remove(&run) {
            answering.end();
        }
    }

    /// That of a run.
    pub(crate) fn of(&self, run: RunId) -> Option<Arc<Answering>> {
        self.lock().get(&run).cloned()
    }

    /// That of a room, if it has begun and its end does not stand in the log.
    pub(crate) fn in_room(&self, room: RoomId) -> Option<Arc<Answering>> {
        let living = self.lock();
        let is_meant = |known: &&Arc<Answering>| {
            known.question.room == room && known.message().is_some() && !known.is_over()
        };
        living.values().find(is_meant).cloned()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// All of them, by their runs.
    pub(crate) fn all(&self) -> Vec<Arc<Answering>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_unstable_by_key(|answering| answering.question.run);
        all
    }

    /// Another node has said more; none when this one has missed something before it.
    pub(crate) fn heard(
        &self,
        (question, message): (Question, i64),
        (off, text): (usize, &str),
    ) -> Option<Arc<Answering>> {
        let mut living = self.lock();
        living.retain(|_run, answering| !answering.is_over());
        let answering = living
            .entry(question.run)
            .or_insert_with(|| Arc::new(Answering::abroad(question, message)));
        let known = answering.len();
        let new = known.checked_sub(off).and_then(|known| text.get(known..))?;
        answering.say(new);
        Some(Arc::clone(answering))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Arc<Answering>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(room: i64) -> Arc<Answering> {
        let (run, room, asker) = (RunId(room), RoomId(room), UserId(1));
        let answering = Answering::new(Question { run, room, seq: 1, asker });
        answering.begins(2);
        answering
    }

    #[test]
    fn who_speaks_on_behind_the_seal_is_not_heard() {
        let answering = begun(7);
        answering.say("so far");
        assert_eq!(answering.seal(), "so far");
        answering.say(" and no further");
        assert_eq!((answering.text().as_str(), answering.len()), ("so far", 6));
    }

    #[test]
    fn an_answer_that_is_over_is_spoken_nowhere() {
        let (living, answering) = (Living::default(), begun(7));
        living.add(&answering);
        assert!(living.in_room(RoomId(7)).is_some() && living.in_room(RoomId(8)).is_none());
        answering.end();
        assert!(living.in_room(RoomId(7)).is_none());
    }
}
