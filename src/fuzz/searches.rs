//! What people type into a search, and the texts that it is held against.

use crate::domain::{SearchText, Text, tokens};

/// A line with a query, and behind it a text: what is meant is named by the tokens of the text, and
/// what is shown of it lies within.
pub fn searches(data: &[u8]) {
    let Ok(data) = std::str::from_utf8(data) else {
        return;
    };
    let (query, text) = data.split_once('\n').unwrap_or((data, ""));
    let Ok(query) = SearchText::parse(query) else {
        return;
    };
    let wanted = query.tokens();
    assert!(!wanted.is_empty(), "nothing to ask an index for");
    let Ok(text) = Text::parse(text) else {
        return;
    };
    let (text, kept) = (text.as_str(), tokens(text.as_str()));
    assert!(kept.is_sorted(), "{text:?}");
    if query.is_in(text) {
        assert!(wanted.iter().all(|token| kept.contains(token)), "{query:?} in {text:?}");
        assert!(!query.spans(text).is_empty(), "{query:?} in {text:?}");
    }
    let mut end = 0;
    for span in query.spans(text) {
        assert!(span.len > 0 && (end == 0 || span.start > end), "{query:?} in {text:?}");
        end = span.start + span.len;
    }
    assert!(end <= text.chars().count(), "{query:?} in {text:?}");
}
