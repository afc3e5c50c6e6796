//! Where a text leads, as its readers see it.

use super::quote::{SPOILER, unescaped};

/// How a link begins, as `clean.rs` lets it out.
const LINK: &str = "a href=\"";

/// The addresses of links in HTML, in their order: not those of code, which are none, nor those that a
/// spoiler hides.
pub(in crate::domain) fn links(html: &str) -> Vec<String> {
    let (mut found, mut hidden) = (Vec::new(), 0_usize);
    for part in html.split('<') {
        let tag = part.split_once('>').map_or(part, |(tag, _text)| tag);
        match tag {
            SPOILER => hidden += 1,
            "/span" => hidden = hidden.saturating_sub(1),
            tag if hidden == 0 => {
                let address = tag.strip_prefix(LINK).and_then(|rest| rest.split('"').next());
                found.extend(address.map(|address| unescaped(address).into_owned()));
            }
            _hidden => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::domain::Text;

    #[test]
    fn links_are_those_that_a_reader_sees() {
        let links = |text: &str| Text::parse(text).unwrap().links();
        assert_eq!(links("see https://e.org/a?b=1&c=\"2\""), ["https://e.org/a?b=1&c=\"2"]);
        assert_eq!(
            links("[one](https://e.org/1) **https://e.org/2** <https://e.org/3>"),
            ["https://e.org/1", "https://e.org/2", "https://e.org/3"]
        );
        for text in [
            "no link",
            "`https://e.org`",
            "```\nhttps://e.org\n```",
            "||see https://e.org here||",
            "||https://e.org/x||",
            "||**https://e.org**|| and ||~~www.e.org~~||.",
            "||the end: [it](https://e.org) **is** near||",
        ] {
            assert!(links(text).is_empty(), "{text}");
        }
        assert_eq!(links("||see https://e.org/a here|| https://e.org/b"), ["https://e.org/b"]);
        assert_eq!(links("||https://e.org/a||https://e.org/b"), ["https://e.org/b"]);
        // What is no address in the text is none that somebody wrote.
        assert!(links("www.e.org").is_empty());
    }
}
