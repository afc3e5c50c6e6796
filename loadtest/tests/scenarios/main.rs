//! The load tester as a person runs it, small, against a real server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

#[cfg(feature = "actors")]
mod actors;
mod ai;
mod fanout;
mod kept;
mod markup;
mod scale;
mod search;
#[path = "../support/shows.rs"]
mod shows;
mod tool;
mod town;
