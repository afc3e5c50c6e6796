//! Single signs: what they are in a text, what stands for them on the way through the parser, and what
//! they become in HTML.

use std::borrow::Cow;

/// Stands for `&` on its way through the parser; no character of any language.
const AMPERSAND: char = '\u{fdd0}';
/// Ends an address before the bars of a spoiler. The parser would read them as part of it, and cuts an
/// address at `<`; behind that stands what is no character of any language either, and to the parser
/// one of a script without blanks: next to those, bars may open and close, whatever follows.
const STOP: &str = "<\u{2fffe}";
/// The character of it.
const STOPPER: char = '\u{2fffe}';

/// Whether a sign before an underscore makes a face of it: not a bracket, a quotation mark, or
/// another mark.
pub(super) const fn is_of_face(before: u8) -> bool {
    before.is_ascii_punctuation()
        && !matches!(before, b'(' | b'[' | b'{' | b'"' | b'\'' | b'*' | b'_' | b'~' | b'|' | b'/')
}

/// A text as it is given to the parser, which reads `&lt;` as `<` where who talks means what is there,
/// and takes the bars of a spoiler for a part of the address before them. None for a text that holds
/// what stands for something.
pub(super) fn prepared(text: &str) -> Option<Cow<'_, str>> {
    if text.contains([AMPERSAND, STOPPER]) {
        return None;
    }
    let text = match text.contains('&') {
        true => Cow::from(text.replace('&', "\u{fdd0}")),
        false => Cow::from(text),
    };
    let may_swallow = text.contains("||") && begin_of_address(&text).is_some();
    Some(if may_swallow { stopped(&text).into() } else { text })
}

/// A text with stops in it.
fn stopped(text: &str) -> String {
    let mut stopped = String::with_capacity(text.len() * 2);
    for word in text.split_inclusive(|c: char| c.is_ascii_whitespace()) {
        let (before, address) = word.split_at(begin_of_address(word).unwrap_or(word.len()));
        stopped.push_str(before);
        let mut rest = address;
        while let Some((part, behind)) = rest.split_once("||") {
            let bars = behind.len() - behind.trim_start_matches('|').len();
            let (more, behind) = behind.split_at(bars);
            for part in [part, STOP, "||", more] {
                stopped.push_str(part);
            }
            rest = behind;
        }
        stopped.push_str(rest);
    }
    stopped
}

/// Where the first address of a text may begin.
fn begin_of_address(text: &str) -> Option<usize> {
    let begins = ["://", "www."].into_iter().filter_map(|begin| text.find(begin));
    begins.min()
}

/// What the parser gave back, as it was written.
pub(super) fn restored(text: &str) -> Cow<'_, str> {
    if text.contains([AMPERSAND, STOPPER]) {
        text.replace(STOP, "").replace(AMPERSAND, "&").into()
    } else {
        text.into()
    }
}

/// Adds a text to HTML.
pub(super) fn escape(text: &str, html: &mut String) {
    for c in restored(text).chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_end_where_a_spoiler_does() {
        for (text, read) in [
            ("a & b", "a \u{fdd0} b"),
            ("||a|| http://b", "||a|| http://b"),
            ("||http://b|| ||c||", "||http://b<\u{2fffe}|| ||c||"),
            ("www.a||b|||c|d\n||", "www.a<\u{2fffe}||b<\u{2fffe}|||c|d\n||"),
        ] {
            let prepared = prepared(text).unwrap();
            assert_eq!(prepared, read);
            assert_eq!(restored(&prepared), text);
        }
        for odd in ["\u{fdd0}", "a\u{2fffe}"] {
            assert_eq!(prepared(odd), None);
        }
    }
}
