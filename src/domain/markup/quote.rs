//! What of a text may be told where it cannot be uncovered.

use std::borrow::Cow;

/// How a spoiler begins, as `clean.rs` lets it out.
pub(super) const SPOILER: &str = "span class=\"spoiler\"";
/// Stands for what a spoiler hides.
const HIDDEN: &str = "▒▒▒";

/// A text as an inbox entry quotes it: as it was written or, where its HTML has spoilers, as it looks
/// with them covered.
#[must_use]
pub fn quote<'t>(text: &'t str, html: Option<&str>) -> Cow<'t, str> {
    match html {
        Some(html) if html.contains(SPOILER) => covered(html).into(),
        _nothing_hidden => text.into(),
    }
}

/// What is seen of HTML, line by line.
fn covered(html: &str) -> String {
    let (mut seen, mut depth) = (String::new(), 0_usize);
    for part in html.split('<') {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        match tag {
            SPOILER => {
                if depth == 0 {
                    seen.push_str(HIDDEN);
                }
                depth += 1;
            }
            "/span" => depth = depth.saturating_sub(1),
            "br" | "hr" | "/p" | "/li" | "/pre" if depth == 0 => seen.push('\n'),
            _other => {}
        }
        if depth == 0 {
            seen.push_str(&unescaped(text));
        }
    }
    seen.truncate(seen.trim_end().len());
    seen
}

/// A text of HTML as it was before.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let signs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&nbsp;", "\u{a0}")];
    let text = signs.iter().fold(text.to_owned(), |text, (name, sign)| text.replace(name, sign));
    text.replace("&amp;", "&").into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::quote;
    use crate::domain::Text;

    fn quoted(text: &str) -> String {
        let text = Text::parse(text).unwrap();
        quote(text.as_str(), text.html()).into_owned()
    }

    #[test]
    fn what_a_spoiler_hides_is_not_quoted() {
        for (text, seen) in [
            ("it was **bold**", "it was **bold**"),
            ("he is ||the *killer*||, I say", "he is ▒▒▒, I say"),
            ("||a|| ||b|| c & d < e &lt;", "▒▒▒ ▒▒▒ c & d < e &lt;"),
            ("> ||a||\n\nb\nc", "▒▒▒\nb\nc"),
            ("[||a||](https://b.cd)", "▒▒▒"),
            ("- x\n- ||y||", "x\n▒▒▒"),
            ("`||code||` \\||b||", "`||code||` \\||b||"),
            ("||no spoiler", "||no spoiler"),
        ] {
            assert_eq!(quoted(text), seen, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_around_it(before in "[ -~\n]{0,20}", after in "[ -~\n]{0,20}") {
            let text = Text::parse(&format!("{before}||xyzzy||{after}")).unwrap();
            let hides = |html: &str| html.contains("<span class=\"spoiler\">xyzzy</span>");
            if text.html().is_some_and(hides) {
                prop_assert!(!quote(text.as_str(), text.html()).contains("xyzzy"));
            }
        }
    }
}
