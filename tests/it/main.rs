//! Through the front door: real sockets, a real database, the server as it is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking and spawns what it likes; the settings miss helper functions"
)]

#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/ready.rs"]
mod ready;
#[path = "../support/redis.rs"]
mod redis;
mod support;

mod access;
mod accounts;
mod acts;
mod again;
mod assistant;
mod bad_input;
mod blocks;
mod both;
mod bots;
mod club_rules;
mod clubs;
mod conformance;
mod crash;
mod crowded;
mod cursors;
mod data;
mod database;
mod delivered;
mod descriptions;
mod devices;
mod edge;
mod endings;
mod files;
mod groups;
mod hosts;
mod http;
mod lists;
mod locks;
mod looks;
mod moderation;
mod nodes;
mod overload;
mod panics;
mod presence;
mod previews;
mod private;
mod process;
mod profile;
mod proxies;
mod reading;
mod resume;
mod roles;
mod rooms;
mod search;
mod since_join;
mod slow;
mod slow_streams;
mod storm;
mod streams;
mod survey;
mod talk;
mod top;
mod unharmed;
mod unread;
mod weights;
