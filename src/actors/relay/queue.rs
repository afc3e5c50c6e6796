//! The queue between whoever tells a relay something and the relay: what waits there, since when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};

use super::message::RelayMsg;
use crate::actors::meter::{Mailbox, Meter};
use crate::actors::task;

/// Places in the queue between the rooms and one relay.
const PLACES: usize = 8_192;
/// A relay only moves memory; one that takes nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// A message, and when it was left.
pub(crate) struct Posted {
    pub(super) msg: RelayMsg,
    pub(super) left: Instant,
}

/// The relay's end.
pub(crate) struct Intake {
    pub(super) messages: mpsc::Receiver<Posted>,
    pub(super) meter: Arc<Meter>,
}

/// The end of everybody else.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    sender: mpsc::Sender<Posted>,
    meter: Arc<Meter>,
}

impl Queue {
    /// Both ends of a new one.
    pub(super) fn new() -> (Self, Intake) {
        let (sender, messages) = mpsc::channel(PLACES);
        let meter = Arc::<Meter>::default();
        (Self { sender, meter: Arc::clone(&meter) }, Intake { messages, meter })
    }

    /// Leaves a message, and waits for a place if there is none. A worker that has ended hears
    /// nothing: its sessions ended with it.
    pub(super) async fn leave(&self, msg: RelayMsg) {
        let posted = match self.sender.try_send(self.post(msg, Instant::now())) {
            Ok(()) | Err(TrySendError::Closed(_)) => return,
            Err(TrySendError::Full(posted)) => posted,
        };
        match self.sender.send_timeout(posted, PATIENCE).await {
            // What takes something away is never dropped.
            Err(SendTimeoutError::Timeout(posted)) if posted.msg.takes_away() => {
                let sender = self.sender.clone();
                task::beside(async move {
                    let _it_has_ended = sender.send(posted).await;
                });
            }
            // The relay sees the hole at the next event and turns its seats to pull.
            Err(SendTimeoutError::Timeout(_)) => {
                tracing::error!("a relay takes no messages; one was dropped");
            }
            Ok(()) | Err(SendTimeoutError::Closed(_)) => {}
        }
    }

    /// Leaves a message if there is a place.
    pub(super) fn offer(&self, msg: RelayMsg) {
        // A full queue is an answer too.
        let _full = self.sender.try_send(self.post(msg, Instant::now()));
    }

    /// Messages that wait.
    pub(super) fn depth(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }

    /// What the queue shows now.
    pub(super) fn read(&self, now: Instant) -> Mailbox {
        let (depth, capacity) = (self.depth(), self.sender.max_capacity());
        let (handled, oldest) = (self.meter.handled(), self.meter.oldest(depth, now));
        Mailbox { depth, capacity, handled, oldest }
    }

    fn post(&self, msg: RelayMsg, left: Instant) -> Posted {
        if self.depth() == 0 {
            self.meter.is_first(left);
        }
        Posted { msg, left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RoomId;

    #[tokio::test]
    async fn the_age_is_that_of_the_oldest_message_and_not_of_the_question() {
        let (queue, mut intake) = Queue::new();
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(queue.read(begin + second).oldest, Duration::ZERO, "nothing waits");
        queue.leave(RelayMsg::Deleted(RoomId(1))).await;
        queue.offer(RelayMsg::Survey(mpsc::channel(1).0));
        let left = intake.messages.recv().await.map(|posted| posted.left).unwrap();
        // Both are in the queue as far as the meter knows, and the first is the older one.
        let reading = queue.read(left + 9 * second);
        assert_eq!((reading.depth, reading.oldest.as_secs()), (1, 9));
        intake.meter.take(left);
        assert_eq!(queue.read(left + 20 * second).oldest.as_secs(), 20, "it is in hand");
        intake.meter.put_down(left);
        let _question = intake.messages.recv().await.unwrap();
        let reading = queue.read(left + 30 * second);
        assert_eq!((reading.depth, reading.oldest), (0, Duration::ZERO), "all is done");
        assert_eq!(reading.handled, 1);
    }
}
