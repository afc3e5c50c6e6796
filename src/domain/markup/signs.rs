//! Single signs: what they are in a text, what stands for them on the way through the parser, and what
//! they become in HTML.

use std::borrow::Cow;

/// Stands for `&` on its way through the parser; no character of any language.
const AMPERSAND: char = '\u{fdd0}';
/// Stands for `\|`, a bar that is no mark, so that it can be told from others behind the parser.
const BAR: char = '\u{fdd1}';
/// Ends an address before the bars of a spoiler. The parser would read them as part of it, and cuts an
/// address at `<`; behind that stands what is no character of any language either.
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
/// takes the bars of a spoiler for a part of the address before them, and forgets which bars are no
/// mark. None for a text that holds what stands for something.
pub(super) fn prepared(text: &str) -> Option<Cow<'_, str>> {
    if text.contains([AMPERSAND, BAR, STOPPER]) {
        return None;
    }
    let text = match text.contains('&') {
        true => Cow::from(text.replace('&', "\u{fdd0}")),
        false => Cow::from(text),
    };
    let text = if text.contains("\\|") { barred(&text).into() } else { text };
    let may_swallow = text.contains("||") && begin_of_address(&text).is_some();
    Some(if may_swallow { stopped(&text).into() } else { text })
}

/// A text with another sign for bars that are no marks. A backslash before a backslash is none.
fn barred(text: &str) -> String {
    let mut barred = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        barred.push_str(before);
        let mut signs = behind.chars();
        match signs.next() {
            Some('|') => barred.push(BAR),
            Some('\\') => barred.push_str("\\\\"),
            _other => {
                barred.push('\\');
                signs = behind.chars();
            }
        }
        rest = signs.as_str();
    }
    barred.push_str(rest);
    barred
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

/// What the parser gave back, as it is read.
pub(super) fn restored(text: &str) -> Cow<'_, str> {
    if text.contains([AMPERSAND, BAR, STOPPER]) {
        with_bars(&unstopped(text)).into_owned().into()
    } else {
        text.into()
    }
}

/// What the parser gave back where nothing is a mark, as it was written.
pub(super) fn unread(text: &str) -> Cow<'_, str> {
    if text.contains(BAR) { text.replace(BAR, "\\|").into() } else { text.into() }
}

/// A text with the bars that are no marks.
pub(super) fn with_bars(text: &str) -> Cow<'_, str> {
    if text.contains(BAR) { text.replace(BAR, "|").into() } else { text.into() }
}

fn unstopped(text: &str) -> Cow<'_, str> {
    if text.contains([AMPERSAND, STOPPER]) {
        text.replace(STOP, "").replace(AMPERSAND, "&").into()
    } else {
        text.into()
    }
}

/// Adds a text to HTML, where bars that are no marks are still to be told from others.
pub(super) fn escape(text: &str, html: &mut String) {
    for c in unstopped(text).chars() {
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
            ("\\\\||a\\*\\", "\\\\||a\\*\\"),
        ] {
            let prepared = prepared(text).unwrap();
            assert_eq!(prepared, read);
            assert_eq!(restored(&prepared), text);
        }
        let escaped = prepared("a \\|| \\\\\\|").unwrap();
        assert_eq!(escaped, "a \u{fdd1}| \\\\\u{fdd1}");
        assert_eq!(restored(&escaped), "a || \\\\|");
        assert_eq!(unread(&escaped), "a \\|| \\\\\\|");
        for odd in ["\u{fdd0}", "\u{fdd1}", "a\u{2fffe}"] {
            assert_eq!(prepared(odd), None);
        }
    }
}
