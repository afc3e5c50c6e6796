//! What people write, shown as HTML.

use crate::domain::markup::{clean, look_closely, may_be_marked};
use crate::domain::{Text, calls, limits};

/// An attribute, and what its value may begin with.
type Attribute = (&'static str, &'static [&'static str]);

/// The tags that may be there, each with the beginning of the values of its attributes.
const TAGS: [(&str, &[Attribute]); 14] = [
    (
        "a",
        &[
            ("href", &["http:", "https:", "mailto:"]),
            ("target", &["_blank"]),
            ("rel", &["noopener noreferrer nofollow ugc"]),
        ],
    ),
    ("blockquote", &[]),
    ("br", &[]),
    ("code", &[("class", &["language-"])]),
    ("del", &[]),
    ("em", &[]),
    ("hr", &[]),
    ("li", &[]),
    ("ol", &[]),
    ("p", &[]),
    ("pre", &[]),
    ("span", &[("class", &["spoiler"])]),
    ("strong", &[]),
    ("ul", &[]),
];
/// Tags without an end.
const VOID: [&str; 2] = ["br", "hr"];
/// Tags inside one another: marks, and what stands around them by itself.
const DEPTH: usize = 32;
/// HTML for each byte of a text: a link to `a@b.cd` has a hundred of its own.
const BYTES_PER_BYTE: usize = 24;

/// Any text: its HTML holds what may be there and nothing else, in a form that every reader of HTML
/// understands in the same way; it says nothing but the text does.
pub fn looks(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let look = look_closely(text);
    if !may_be_marked(text) {
        assert!(look.html.is_none() && look.spoken.is_none(), "{text:?} is marked after all");
    }
    if let Some(html) = &look.html {
        assert!(
            html.len() <= limits::HTML_BYTES.min(64 + text.len() * BYTES_PER_BYTE),
            "{text:?} is {html}"
        );
        assert_eq!(read(html), Ok(()), "{text:?} is {html}");
        assert_eq!(clean(html), *html, "{text:?}");
    }
    if let Ok(text) = Text::parse(text) {
        assert!(calls(text.spoken()).names.len() <= limits::MENTIONS);
    }
}

/// Reads HTML in its strictest form: tags in lower case, each closed in its turn, attributes known and
/// in double quotes, and no `<`, `>` or `"` of their own in texts and values.
fn read(html: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut rest = html;
    while let Some((text, behind)) = rest.split_once('<') {
        is_text(text)?;
        let (tag, behind) = behind.split_once('>').ok_or("a tag without an end")?;
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("{name} ends and is not open"));
            }
            continue;
        }
        let name = opened(tag)?;
        if !VOID.contains(&name) {
            open.push(name);
        }
        if open.len() > DEPTH {
            return Err(format!("deeper than {DEPTH}"));
        }
    }
    is_text(rest)?;
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open")) }
}

fn is_text(text: &str) -> Result<(), String> {
    let entities = ["amp;", "lt;", "gt;", "nbsp;"];
    let is_entity = |rest: &str| entities.iter().any(|entity| rest.starts_with(entity));
    let is_escaped = text.split('&').skip(1).all(is_entity);
    if is_escaped && !text.contains('>') { Ok(()) } else { Err(format!("{text:?} is not escaped")) }
}

/// The name of a tag whose attributes may be there.
fn opened(tag: &str) -> Result<&str, String> {
    let (name, mut rest) = tag.split_at(tag.find(' ').unwrap_or(tag.len()));
    let known = TAGS.iter().find(|(known, _)| *known == name);
    let (_, known) = known.ok_or_else(|| format!("{name} is not allowed"))?;
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let odd = || format!("{rest:?} is no attribute");
        let (attribute, behind) =
            rest.strip_prefix(' ').and_then(|rest| rest.split_once("=\"")).ok_or_else(odd)?;
        let (value, behind) = behind.split_once('"').ok_or_else(odd)?;
        let begins = known.iter().find(|(known, _)| *known == attribute);
        let (_, begins) = begins.ok_or_else(|| format!("{attribute} of {name} is not allowed"))?;
        let value_begins = value.to_ascii_lowercase();
        if seen.contains(&attribute) || !begins.iter().any(|begin| value_begins.starts_with(begin))
        {
            return Err(format!("{attribute} of {name} is {value:?}"));
        }
        seen.push(attribute);
        rest = behind;
    }
    if name == "a" && seen.len() != known.len() {
        return Err(format!("a link has {seen:?}"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_reader_is_strict() {
        let link = "target=\"_blank\" rel=\"noopener noreferrer nofollow ugc\"";
        for html in [
            "<p>a &amp; b<br>\"c\"</p>".to_owned(),
            format!("<p><a href=\"HTTPS://a.b/?c&amp;d\" {link}>e</a></p>"),
            "<pre><code class=\"language-rust\">a</code></pre>".to_owned(),
        ] {
            assert_eq!(read(&html), Ok(()), "{html}");
        }
        for html in [
            "<p>",
            "</p>",
            "<p></em></p>",
            "<P></P>",
            "<p >a</p>",
            "<p onclick=\"a\">b</p>",
            "<p style=\"a\">b</p>",
            "<img>",
            "<br/>",
            "<a>b</a>",
            "<a href=\"https://a.b\">c</a>",
            "<span class=\"card\">a</span>",
            "<span class='spoiler'>a</span>",
            "a > b",
            "a & b",
            "&copy;",
            "<!-- a -->",
            "<svg></svg>",
        ] {
            assert!(read(html).is_err(), "{html}");
        }
        let scheme = format!("<a href=\"javascript:a\" {link}>b</a>");
        assert!(read(&scheme).is_err());
    }
}
