//! Cursors and the query strings of lists.

use crate::domain::limits;
use crate::http::{limit_of, rewritten};

/// Any text: a cursor is one of at most one list, with one spelling; a page has its limits.
pub fn cursors(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let read = rewritten(text);
    assert!(read.len() <= 1, "{text:?} is read in {} ways", read.len());
    for again in read {
        assert_eq!(again, text);
    }
    let limit = limit_of(text);
    assert!(limit.is_none_or(|limit| (1..=limits::PAGE.1).contains(&limit)), "{text:?}");
}
