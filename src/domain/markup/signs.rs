//! Single signs: what they are in a text, and what they become in HTML.

use super::render::AMPERSAND;

/// Whether a sign before an underscore makes a face of it: not a bracket, a quotation mark, or
/// another mark.
pub(super) const fn is_of_face(before: u8) -> bool {
    before.is_ascii_punctuation()
        && !matches!(before, b'(' | b'[' | b'{' | b'"' | b'\'' | b'*' | b'_' | b'~' | b'|' | b'/')
}

/// Adds a text to HTML.
pub(super) fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' | AMPERSAND => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c => html.push(c),
        }
    }
}
