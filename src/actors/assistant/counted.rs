//! What operators see of answers in numbers.

use std::time::Duration;

use crate::actors::rooms::RoomsHandle;
use crate::domain::Finish;
use crate::store::{Receipt, RunStepped};

/// An answer has begun, which may have so many tokens.
pub(super) fn began(rooms: &RoomsHandle, output: i64) -> i64 {
    rooms.metrics.assistant.started.inc();
    output
}

/// An answer is over, unless somebody else has ended it.
pub(super) fn over(
    rooms: &RoomsHandle,
    stepped: &RunStepped,
    (finish, reason): (Finish, Option<&'static str>),
    receipt: &Receipt,
) {
    if matches!(stepped, RunStepped::Ended { .. }) {
        rooms.metrics.assistant.used((receipt.input, receipt.output), receipt.micro_usd);
        let first = receipt.first_ms.and_then(|first| u64::try_from(first).ok());
        let outcome = reason.unwrap_or_else(|| finish.word());
        rooms.metrics.assistant.ended(outcome, first.map(Duration::from_millis));
    }
}
