//! Work that an actor begins and does not wait for: a read of the store, a commit. The result
//! comes back as a message.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Runs `work` beside its actor. A panic in it is logged and ends only itself, so `work` sends
/// its result from a place that also runs when it fails, or owns something whose drop answers.
#[expect(clippy::disallowed_methods, reason = "the one place from which actors begin work")]
pub(crate) fn beside(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async move {
        caught(work).await;
    });
}

/// The outcome of work that may panic; `None` when it did, so that whoever waits can be told.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    if done.is_err() {
        tracing::error!("work beside an actor panicked");
    }
    done.ok()
}
