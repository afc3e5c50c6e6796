//! Models over real sockets: every behaviour of the mock, in both languages that providers speak.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

mod chains;
mod faults;
mod prompts;
mod reviews;
mod secrets;
mod support;
mod thinking;
