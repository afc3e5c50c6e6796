//! Searching texts: what counts as the same, what is looked up in an index, what a query means.
//!
//! A query is a list of terms, and a term is found where it stands in the text letter for letter,
//! apart from case and white space (`fold.rs`). What an index keeps of a text (`tokens.rs`) only
//! narrows down where to look: whether a text matches is decided on the text itself (`query.rs`),
//! so a collision or a stale entry of the index never shows what does not match.

mod fold;
mod query;
#[cfg(test)]
mod tests;
mod tokens;

pub use query::{InvalidQuery, SEARCH_TERMS, SearchText, Span};
pub use tokens::{Token, author_token, file_token, holds_link, link_token, room_token, tokens};
