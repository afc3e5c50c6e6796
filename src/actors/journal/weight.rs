//! Bytes that wait for the journal. Its mailbox counts appends; a few thousand long texts behind a
//! store that stands still would be hundreds of megabytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::store::Append;

/// Bytes of text that may wait or be in a transaction: of ordinary texts the mailbox is full before.
const MOST: usize = 16 << 20;

/// What waits. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Scale(Arc<AtomicUsize>);

/// One append on the scale; dropped, it is off.
#[derive(Debug)]
pub(crate) struct Weight {
    scale: Scale,
    bytes: usize,
}

impl Scale {
    /// Puts an append on, if it is not too much.
    pub(super) fn put(&self, append: &Append) -> Option<Weight> {
        let bytes = append.text_bytes();
        let weight = Weight { scale: self.clone(), bytes };
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        (before + bytes <= MOST || bytes == 0).then_some(weight)
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.scale.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Cid, Millis, RoomId, Text, UserId};
    use crate::store::NewMessage;

    #[test]
    fn long_texts_fill_it_and_what_has_none_always_fits() {
        let message = Append::Message(NewMessage {
            room: RoomId(1),
            author: UserId(1),
            cid: Cid::parse("c").unwrap(),
            text: Text::parse(&"🎈".repeat(4_000)).unwrap(),
            reply_to: None,
            thread: None,
            called: None,
            flagged: None,
            judge: None,
            files: Vec::new(),
            wakes: None,
            is_bots: false,
            hop: 0,
            at: Millis(0),
        });
        let scale = Scale::default();
        let mut waiting: Vec<_> = std::iter::from_fn(|| scale.put(&message)).collect();
        assert_eq!(waiting.len(), MOST / 16_000);
        assert!(scale.put(&message).is_none(), "who was refused weighs nothing");
        let mark = Append::Mark { room: RoomId(1), user: UserId(1), seq: 0, at: Millis(0) };
        assert!(scale.put(&mark).is_some());
        waiting.pop();
        assert!(scale.put(&message).is_some());
        waiting.clear();
        assert_eq!(scale.0.load(Ordering::Relaxed), 0);
    }
}
