//! How many clients a node holds at once. Each is an open file, and a node without files can neither
//! open its database nor say no: so the door closes before, and what is left is for REST calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::protocol::{ErrorCode, Refusal};

/// A full node stays full for a while.
const RETRY: Duration = Duration::from_secs(5);

/// The connections of sessions and event streams of a node, and how many there may be.
#[derive(Debug)]
pub struct Connections {
    held: AtomicUsize,
    most: usize,
}

/// One that is held; dropped, it makes room for another.
#[derive(Debug)]
pub struct Connection(Arc<Connections>);

impl Connections {
    /// None yet, and at most so many.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), most })
    }

    /// One more.
    ///
    /// # Errors
    /// `overloaded` when the node is full.
    pub fn take(self: &Arc<Self>) -> Result<Connection, Refusal> {
        let mine = Connection(Arc::clone(self));
        // Counted before it is looked at: of two that come for the last place one is refused.
        if self.held.fetch_add(1, Ordering::Relaxed) < self.most {
            return Ok(mine);
        }
        let full = Refusal::new(ErrorCode::Overloaded, "this node holds all the clients it can");
        Err(full.retry_in(RETRY))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_makes_room_and_who_was_refused_took_none() {
        let connections = Connections::new(2);
        let first = connections.take().unwrap();
        let second = connections.take().unwrap();
        for _ in 0..3 {
            let refusal = connections.take().unwrap_err();
            assert_eq!(refusal.code, ErrorCode::Overloaded);
            assert_eq!(refusal.retry_ms, Some(5_000));
        }
        drop(first);
        let third = connections.take().unwrap();
        assert!(connections.take().is_err());
        drop((second, third));
        assert_eq!(connections.held.load(Ordering::Relaxed), 0);
    }
}
