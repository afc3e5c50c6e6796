//! What a REST call has to say, and a cid for who sends none.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::{Cid, FileId, Text};

/// A message of a REST call.
#[derive(Debug, Clone)]
pub struct NewText {
    /// The client's id of the send.
    pub cid: Cid,
    /// The text.
    pub text: Text,
    /// The seq of the message that it answers.
    pub reply_to: Option<i64>,
    /// The seq of the message that began the thread which it goes into.
    pub thread: Option<i64>,
    /// The files that it brings.
    pub files: Vec<FileId>,
    /// Whether it asks the assistant, whatever it says.
    pub is_asked: bool,
    /// Whether a bot writes.
    pub is_bots: bool,
}

/// Makes cids: a random start for each life of a node, then a count.
pub(crate) struct OwnCids {
    life: u64,
    count: AtomicU64,
}

impl OwnCids {
    /// `life` is random.
    pub(crate) fn new(life: u64) -> Self {
        Self { life, count: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> Cid {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        Cid::own(self.life, count)
    }
}
