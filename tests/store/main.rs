//! The store keeps its promises on SQLite and on PostgreSQL: one suite, both engines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at the unexpected, and says what it skips"
)]

mod harness;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/ready.rs"]
mod ready;

mod accounts;
mod acts;
mod append;
mod closings;
mod clubs;
mod demoted;
mod failures;
mod families;
mod files;
mod forgotten;
mod inbox;
mod jobs;
mod marks;
mod members;
mod moderation;
mod nodes;
mod opening;
mod outside;
mod pace;
mod permissions;
mod plain;
mod plans;
mod reading;
mod reports;
mod reviews;
mod rooms;
mod runs;
mod search;
mod tls;
