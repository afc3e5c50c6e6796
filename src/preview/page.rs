//! What a page says about itself: its title, and the words that it has for others to show.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use crate::domain::LinkPreview;

/// Where a page that does not say it in its header says what its bytes mean.
const PRESCAN: usize = 1_024;

/// What was found in a page.
#[derive(Debug, Default)]
struct Found {
    title: Option<String>,
    og_title: Option<String>,
    og_description: Option<String>,
    description: Option<String>,
    site: Option<String>,
}

/// Reads the beginning of a page, sent as `charset` if that was said.
pub(super) fn read(url: &str, charset: Option<&str>, bytes: &[u8]) -> Option<LinkPreview> {
    let text = decoded(charset, bytes);
    let mut emitter = DefaultEmitter::<()>::default();
    // What stands in a script or a title is no tag.
    emitter.naively_switch_states(true);
    let (mut found, mut in_title) = (Found::default(), None);
    for Ok(token) in Tokenizer::new_with_emitter(&*text, emitter) {
        match token {
            Token::StartTag(tag) => match tag.name.as_slice() {
                b"title" if found.title.is_none() => in_title = Some(String::new()),
                b"meta" => found.meta(&tag),
                b"body" => break,
                _other => {}
            },
            Token::String(text) => {
                if let Some(title) = &mut in_title {
                    title.push_str(&String::from_utf8_lossy(&text));
                }
            }
            Token::EndTag(tag) => match tag.name.as_slice() {
                b"title" => found.title = in_title.take().or(found.title),
                b"head" => break,
                _other => {}
            },
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    found.preview(url)
}

impl Found {
    fn meta(&mut self, tag: &StartTag<()>) {
        let of = |name: &[u8]| {
            let value = tag.attributes.get(name)?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        // Both are in use for the same thing.
        let (Some(name), Some(content)) = (of(b"property").or_else(|| of(b"name")), of(b"content"))
        else {
            return;
        };
        let place = match name.to_ascii_lowercase().as_str() {
            "og:title" => &mut self.og_title,
            "og:description" => &mut self.og_description,
            "og:site_name" => &mut self.site,
            "description" => &mut self.description,
            _other => return,
        };
        // The first of each counts.
        place.get_or_insert(content);
    }

    fn preview(self, url: &str) -> Option<LinkPreview> {
        let description = self.og_description.or(self.description);
        let (description, site) = (description.as_deref(), self.site.as_deref());
        let titles = [self.og_title, self.title].into_iter().flatten();
        titles.into_iter().find_map(|title| LinkPreview::new(url, &title, description, site))
    }
}

fn decoded<'b>(charset: Option<&str>, bytes: &'b [u8]) -> Cow<'b, str> {
    let told = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding = told.or_else(|| declared(bytes)).unwrap_or(UTF_8);
    encoding.decode(bytes).0
}

/// `<meta charset="euc-kr">`, or the same in the older way.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..PRESCAN).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let (_, after) = text.split_once("charset=")?;
    let after = after.trim_start_matches(['"', '\'', ' ']);
    let label = after.split(['"', '\'', ' ', ';', '>', '/']).next()?;
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(html: &str) -> Option<LinkPreview> {
        read("https://e.org/", None, html.as_bytes())
    }

    #[test]
    fn a_page_is_told_by_what_it_says_for_others() {
        let html = r#"<!doctype html><html><head><script>var x = "<title>no</title>";</script>
            <title>Plain &amp; simple</title>
            <meta property="og:title" content="For others"><meta name=description content="What it is">
            <meta content="A site" property="OG:SITE_NAME"/><meta property="og:title" content="second">
            </head><body><title>late</title>"#;
        let preview = page(html).unwrap();
        assert_eq!(preview.url, "https://e.org/");
        assert_eq!(preview.title, "For others");
        assert_eq!(preview.description.as_deref(), Some("What it is"));
        assert_eq!(preview.site.as_deref(), Some("A site"));
        assert_eq!(page("<title>Plain &amp; simple</title>").unwrap().title, "Plain & simple");
        assert_eq!(page("<title><b>bold</b></title>").unwrap().title, "<b>bold</b>");
        assert_eq!(page("<title>cut off").map(|preview| preview.title), None);
        assert_eq!(page("<p>no head</p>"), None);
        assert_eq!(
            page("<meta property='og:title' content=' '><title>x</title>").unwrap().title,
            "x"
        );
    }

    #[test]
    fn older_pages_are_read_in_their_encoding() {
        let (bytes, _, _) =
            encoding_rs::EUC_KR.encode("<meta charset='euc-kr'><title>모임</title>");
        assert_eq!(read("u", None, &bytes).unwrap().title, "모임");
        let (bytes, _, _) = encoding_rs::EUC_KR.encode("<title>모임</title>");
        assert_eq!(read("u", Some("EUC-KR"), &bytes).unwrap().title, "모임");
        assert!(read("u", Some("nonsense"), b"<title>x</title>").is_some());
    }

    proptest! {
        #[test]
        fn whatever_a_page_is_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let _whatever = read("u", None, &bytes);
        }

        #[test]
        fn tags_in_any_order(parts in prop::collection::vec(prop::sample::select(vec![
            "<title>", "</title>", "<meta ", "property=og:title ", "content='", "'>", "<head>",
            "</head>", "<script>", "</script>", "<!--", "-->", "&#x41;", "&amp", "<", ">", "\"", "가",
        ]), 0..40)) {
            let _whatever = page(&parts.concat());
        }
    }
}
