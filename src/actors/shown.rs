//! Inbox entries that were shown to their user, to be written down: a queue that nobody ever waits
//! for. Without a reader there is no queue, and what is full leaves out what comes: an entry that is
//! shown again is left here again.

use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::store::ShownNotices;

/// Stretches of entries that may wait: as many as sessions that come back at once, and a few more.
const WAITING: usize = 16_384;

/// The queue. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ShownQueue(Arc<OnceLock<Sender<ShownNotices>>>);

impl ShownQueue {
    /// The end to read from; `None` if somebody has it already.
    #[must_use]
    pub fn open(&self) -> Option<Receiver<ShownNotices>> {
        let (sender, receiver) = channel(WAITING);
        self.0.set(sender).ok().map(|()| receiver)
    }

    /// Leaves what was shown.
    pub(crate) fn leave(&self, shown: ShownNotices) {
        if let Some(queue) = self.0.get()
            && queue.try_send(shown).is_err()
        {
            tracing::debug!("it is not noted that entries were shown: too many wait");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Millis, UserId};

    #[test]
    fn what_is_full_keeps_nobody_waiting() {
        let queue = ShownQueue::default();
        let shown = |first| ShownNotices { user: UserId(1), first, last: first, at: Millis(1) };
        queue.leave(shown(1));
        let mut reader = queue.open().unwrap();
        assert!(reader.try_recv().is_err() && queue.open().is_none());
        (2..100_000).for_each(|first| queue.leave(shown(first)));
        assert_eq!(reader.try_recv().unwrap(), shown(2));
        assert_eq!(reader.len(), WAITING - 1);
    }
}
