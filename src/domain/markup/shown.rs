//! What a text says to its readers, without the signs of its marks.

use super::quote::unescaped;

/// Tags over which a word goes on.
const INLINE: [&str; 6] = ["a", "code", "del", "em", "span", "strong"];

/// The text of HTML, line by line; what a spoiler hides is shown when it is asked for.
pub(in crate::domain) fn shown(html: &str) -> String {
    let mut shown = String::with_capacity(html.len());
    for part in html.split('<') {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        let name = tag.strip_prefix('/').unwrap_or(tag);
        let name = name.split(' ').next().unwrap_or_default();
        if !name.is_empty() && !INLINE.contains(&name) {
            shown.push('\n');
        }
        shown.push_str(&unescaped(text));
    }
    shown
}

#[cfg(test)]
mod tests {
    use crate::domain::Text;

    #[test]
    fn words_go_on_over_marks_and_end_with_their_line() {
        for (text, seen) in [
            ("b**a**d", "bad"),
            ("b||a||~~d~~ `e`f", "bad ef"),
            ("b[a](https://x.y/z)d", "bad"),
            ("- b\n- a\n  - *d*", "b a d"),
            ("> b\n\na *d*\ne", "b a d e"),
            ("```\na\nb\n```\n1. c\n2. <d> & &lt;", "a b c <d> & &lt;"),
        ] {
            let shown = Text::parse(text).unwrap().shown().unwrap();
            assert_eq!(shown.split_whitespace().collect::<Vec<_>>().join(" "), seen, "{text}");
        }
        assert_eq!(Text::parse("plain").unwrap().shown(), None);
    }
}
