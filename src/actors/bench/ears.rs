//! What listeners hear, and when.

use std::fmt;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Notify;

/// Where the frames of an outbox end.
#[derive(Clone)]
pub(crate) struct Tap(Rc<dyn Fn(&Bytes)>);

impl Tap {
    pub(super) fn new(take: impl Fn(&Bytes) + 'static) -> Self {
        Self(Rc::new(take))
    }

    /// Shows a frame to whoever listens.
    pub(crate) fn take(&self, frame: &Bytes) {
        (self.0)(frame);
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

/// The ears of all listeners of one worker. Written by that worker alone.
#[derive(Debug, Default)]
pub(super) struct Ears {
    /// Events that they got.
    pub(super) events: AtomicU64,
    /// The count at which a message has come to the last of them; 0 for none.
    upto: AtomicU64,
    times: Mutex<Option<(Instant, Instant)>>,
    /// Rings when it has.
    pub(super) bell: Notify,
}

impl Ears {
    /// Hears an event.
    pub(super) fn hear(&self) {
        let count = self.events.load(Relaxed) + 1;
        self.events.store(count, Relaxed);
        let upto = self.upto.load(Relaxed);
        if upto == 0 {
            return;
        }
        let now = Instant::now();
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, last) = times.get_or_insert((now, now));
        *last = now;
        if count == upto {
            self.bell.notify_one();
        }
    }

    /// A message is to come to so many of them.
    pub(super) fn expect(&self, listeners: u64) {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.upto.store(self.events.load(Relaxed) + listeners, Relaxed);
    }

    /// Nothing is looked at closely any more.
    pub(super) fn relax(&self) {
        self.upto.store(0, Relaxed);
    }

    /// When the message came to the first and to the last of them.
    pub(super) async fn heard(&self) -> Option<(Instant, Instant)> {
        while self.events.load(Relaxed) < self.upto.load(Relaxed) {
            self.bell.notified().await;
        }
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
