//! Moim: a self-hosted realtime server for clubs.

pub mod actors;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod protocol;
pub mod store;
pub mod telemetry;
