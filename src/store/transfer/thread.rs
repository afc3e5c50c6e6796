//! A thread of a room that is being made of a file.

use std::collections::BTreeSet;

/// A thread, by the new seq of its root.
#[derive(Default)]
pub(super) struct Thread {
    pub(super) count: i64,
    pub(super) last_seq: i64,
    pub(super) last_at: i64,
    pub(super) people: BTreeSet<i64>,
}

impl Thread {
    /// Takes the next reply.
    pub(super) fn add(&mut self, author: i64, seq: i64, at: i64) {
        self.count += 1;
        (self.last_seq, self.last_at) = (seq, at);
        self.people.insert(author);
    }
}
