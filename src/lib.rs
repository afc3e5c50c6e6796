//! Moim: a self-hosted realtime server for clubs.

pub mod actors;
pub mod domain;
pub mod protocol;
pub mod store;
pub mod telemetry;
