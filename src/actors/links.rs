//! Messages whose links somebody is to look at: a short queue that nobody ever waits for. Without a
//! reader there is no queue, and what is full leaves out what comes; a preview is no promise.

use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::domain::{MessageId, Text};

/// Messages that may wait.
const WAITING: usize = 256;

/// A message whose links are to be looked at.
#[derive(Debug, Clone)]
pub struct LinkAsk {
    /// Which.
    pub message: MessageId,
    /// Seq of the event that brought the text.
    pub text_seq: i64,
    /// Its text.
    pub text: Text,
}

/// The queue. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct LinkQueue(Arc<OnceLock<Sender<LinkAsk>>>);

impl LinkQueue {
    /// The end to read from; `None` if somebody has it already.
    #[must_use]
    pub fn open(&self) -> Option<Receiver<LinkAsk>> {
        let (sender, receiver) = channel(WAITING);
        self.0.set(sender).ok().map(|()| receiver)
    }

    /// Leaves a message whose text may have links.
    pub fn ask(&self, message: MessageId, text_seq: i64, text: &Text) {
        if let Some(queue) = self.0.get()
            && text.as_str().contains("://")
            && queue.try_send(LinkAsk { message, text_seq, text: text.clone() }).is_err()
        {
            tracing::debug!("links of a message are left out: too many wait");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RoomId;

    #[test]
    fn what_nobody_reads_costs_nothing_and_what_is_full_keeps_nobody_waiting() {
        let queue = LinkQueue::default();
        let text = Text::parse("see https://e.org").unwrap();
        let message = |seq| MessageId { room: RoomId(1), seq };
        queue.ask(message(1), 1, &text);
        let mut asks = queue.open().unwrap();
        assert!(asks.try_recv().is_err() && queue.open().is_none());
        queue.ask(message(2), 2, &Text::parse("no link").unwrap());
        for seq in 3..1_000 {
            queue.ask(message(seq), seq, &text);
        }
        assert_eq!(asks.try_recv().unwrap().message.seq, 3);
        assert_eq!(asks.len(), WAITING - 1);
    }
}
