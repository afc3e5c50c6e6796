//! Models that answer: one request in, a stream of text out, whoever serves it.
//!
//! *Belongs here:* what providers speak and how they fail, how long they may take, what is asked
//! of them (the prompts) and what is read from their answers.
//! *Does not belong here:* rooms, budgets, who may ask. Whoever asks brings the text, and offline
//! answers are made where the room's words are.
//!
//! A [`Chain`] asks its models in order and gives the first [`Answer`] that begins; an answer ends
//! in exactly one [`Piece::End`] or one [`LlmError`]. Errors are our own words: no key, no address
//! and nothing that people wrote is ever in one.

mod address;
mod answer;
mod breaker;
mod chain;
mod error;
mod estimate;
mod http;
mod model;
pub mod output;

mod price;
pub mod prompts;

mod request;
mod review;
mod sse;
mod wire;
pub mod words;

pub use address::points_at;
pub use answer::{Answer, Finish, Piece, Usage};
pub use breaker::{Breaker, Open, Pass, Standing};
pub use chain::{Answered, Chain, NoAnswer, OFFLINE, Spent, Timing, Tried};
pub use error::{LlmError, Wait};
pub use estimate::{estimate_request, estimate_text};
pub use http::{Endpoint, HttpModel, InvalidEndpoint, Key, Speaks};
pub use model::{Asked, ChatModel, Part, Parts, ScriptedModel};
pub use price::{MicroUsd, Price, Prices};
pub use request::{Limits, Meter, Request, Role, Turn};
pub use review::{Pace, Reviewing, Unreviewed, review};
pub use sse::{Sse, SseError, SseEvent};
pub use wire::Thinking;
