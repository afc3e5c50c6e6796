//! The house rules: what must hold for the tree itself, read from the files as they stand.
//!
//! Each file is one rule or one family of rules, with its table on top. A rule that cannot fail is
//! no rule, so what checks is tested on small strings before it is let loose on the tree.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the unexpected"
)]

mod access;
mod codes;
mod docs;
mod exported;
mod faults;
mod features;
mod layers;
mod length;
mod licences;
mod migrations;
mod names;
mod reasons;
mod results;
mod rust;
mod spdx;
mod tidy;
mod timers;
mod tree;
mod uses;
mod wire;
