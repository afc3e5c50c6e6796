//! What a test asks for.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use super::state::Effect;

/// Panics so many times.
#[expect(clippy::panic, reason = "what this is for")]
pub(super) fn crash(times: &AtomicU32) -> Vec<Effect> {
    let left = times.fetch_update(AcqRel, Acquire, |times| times.checked_sub(1));
    if left.is_ok() {
        panic!("a test asked for this");
    }
    Vec::new()
}
