//! Through the front door: real sockets, a real database, the server as it is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

mod support;

mod bad_input;
mod crash;
mod edge;
mod presence;
mod process;
mod resume;
mod slow;
mod talk;
