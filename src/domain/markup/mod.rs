//! What a text looks like: Markdown becomes safe HTML.
//!
//! *Belongs here:* which marks mean what, and which HTML may come out. *Does not belong here:* who
//! sees it, and how a page paints it.
//!
//! The parser is `comrak`; `ammonia` has the last word on what comes out. In between, `write.rs`
//! leaves out what is no part of a conversation (images, raw HTML, headings as such) and what people
//! type without meaning it: see there.
//!
//! **Invariant:** what comes out holds the tags and attributes of `clean.rs` and no other, with links
//! of `http`, `https` and `mailto`. **Invariant:** work and output are bounded by the length of the
//! text, and a text that means to break that is shown as it was written. **Invariant:** either way,
//! what stands between the bars of a spoiler is hidden, whatever else is in it or around it; only bars
//! in code are none.

mod addresses;
mod clean;
mod glance;
mod links;
mod quote;
mod render;
mod shown;
mod signs;
mod spoilers;
mod write;

#[cfg(test)]
mod tests;

pub use self::addresses::Addresses;
#[cfg(feature = "faults")]
pub(crate) use self::clean::clean;
#[cfg(feature = "faults")]
pub(crate) use self::glance::may_be_marked;
pub(super) use self::links::links;
pub use self::quote::quote;
#[cfg(feature = "faults")]
pub(crate) use self::render::look_closely;
pub(super) use self::render::{Look, look};
pub(super) use self::shown::shown;
