//! What spoilers hide, and what they do not.

use proptest::prelude::*;

use super::{LINK, html, is_plain, shows};
use crate::domain::markup::quote;
use crate::domain::{Text, limits};

#[test]
fn addresses_end_at_the_bars_of_a_spoiler() {
    let spoiler = |inside: &str| format!("<span class=\"spoiler\">{inside}</span>");
    let link = |address: &str| format!("<a href=\"{address}\" {LINK}>{address}</a>");
    let hides = |text: &str, inside: &str| shows(text, &format!("<p>{}</p>", spoiler(inside)));
    hides("||https://a.b/c||", &link("https://a.b/c"));
    hides("||https://a.b/c?d&e=f|g||", &link("https://a.b/c?d&amp;e=f|g"));
    hides("||see www.a.b||", &format!("see <a href=\"http://www.a.b\" {LINK}>www.a.b</a>"));
    hides("||a@b.cd||", &format!("<a href=\"mailto:a@b.cd\" {LINK}>a@b.cd</a>"));
    hides("||**https://a.b**||", &format!("<strong>{}</strong>", link("https://a.b")));
    hides("||~~(https://a.b/)~~||", &format!("<del>({})</del>", link("https://a.b/")));
    hides("||https://a.b/.||", &format!("{}.", link("https://a.b/")));
    hides("||[x](https://a.b/||c)||", &format!("<a href=\"https://a.b/||c\" {LINK}>x</a>"));
    shows("||https://a.b/||는 c", &format!("<p>{}는 c</p>", spoiler(&link("https://a.b/"))));
    shows("||https://a.b/||c", &format!("<p>{}c</p>", spoiler(&link("https://a.b/"))));
    shows("https://a.b||c||", &format!("<p>{}{}</p>", link("https://a.b"), spoiler("c")));
    shows("https://a.b/||\"c\"||", &format!("<p>{}{}</p>", link("https://a.b/"), spoiler("\"c\"")));
    shows(
        "||https://a.b||https://c.d||e||",
        &format!("<p>{}{}{}</p>", spoiler(&link("https://a.b")), link("https://c.d"), spoiler("e")),
    );
    shows("https://a.b||c", &format!("<p>{}||c</p>", link("https://a.b")));
    shows("`https://a.b||c||`", "<p><code>https://a.b||c||</code></p>");
    shows("```\nhttps://a.b||c||\n```", "<pre><code>https://a.b||c||</code></pre>");
    // HTML is text.
    shows(
        "<a href=\"x://a.b||c||\">",
        &format!("<p>&lt;a href=\"x://a.b{}\"&gt;</p>", spoiler("c")),
    );
    is_plain("a://b||c");
}

#[test]
fn no_mark_opens_a_spoiler() {
    let hides = |text: &str, wanted: &str| {
        let wanted = wanted.replace('{', "<span class=\"spoiler\">").replace('}', "</span>");
        shows(text, &wanted);
    };
    hides("||.|c||", "<p>{.|c}</p>");
    hides("a||.b|c.||d", "<p>a{.b|c.}d</p>");
    hides("**a ||b** c||", "<p><strong>a {b}</strong>{ c}</p>");
    hides("||a **b|| c**", "<p>{a }<strong>{b} c</strong></p>");
    hides("~~a ||b~~ *c|| d*", "<p><del>a {b}</del> <em>{c} d</em></p>");
    hides("[a ||b](https://c.d) e||", "<p>a {b e}</p>");
    hides("||[ a ](https://c.d)||", &format!("<p>{{<a href=\"https://c.d\" {LINK}> a </a>}}</p>"));
    hides(
        "||a\n\n> b\n\n- c||",
        "<p>{a}</p><blockquote><p>{b}</p></blockquote><ul><li>{c}</li></ul>",
    );
    hides("||a\n```\nb\n```\nc||", "<p>{a}</p><pre>{<code>b</code>}</pre><p>{c}</p>");
    hides("<div>\n||a||\n</div>", "<p>&lt;div&gt;<br>{a}<br>&lt;/div&gt;</p>");
    hides("[a]: https://b.c\n||**d**||", "<p>[a]: https://b.c<br>{**d**}</p>");
    hides("||[a](https://b.c||d)", "<p>{[a](https://b.c}d)</p>");
    hides("\\||a|| b||", "<p>||a|| b||</p>");
    hides("\\|\\|a\\|\\| `\\||`", "<p>||a|| <code>\\||</code></p>");
    for text in ["a || b || c", "`a||b||`", "a||b", "||\na\n||"] {
        let html = html(text).unwrap_or_default();
        assert!(!html.contains("spoiler"), "{html}");
    }
}

#[test]
fn a_spoiler_is_one_where_marks_have_an_end() {
    let quoted = |text: &str| {
        let html = html(text).unwrap();
        assert!(html.len() <= limits::HTML_BYTES, "{}", html.len());
        quote(text, Some(&html)).into_owned()
    };
    assert_eq!(quoted(&format!("{}||a||", "> ".repeat(40))).matches('a').count(), 0);
    let links = "a@b.cd ".repeat(560);
    for text in [format!("{links}||xyzzy||"), format!("||xyzzy {links}z||"), "||\"||".repeat(800)] {
        let seen = quoted(&text);
        assert!(seen.contains('▒') && !seen.contains("xyzzy") && !seen.contains('"'), "{seen}");
    }
}

/// What may stand in one line between the bars of a spoiler, beginning and ending with more than a blank.
fn hidden() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "가",
        " ",
        ".",
        ",",
        "!",
        "?",
        ")",
        "(",
        "'",
        "\"",
        ":",
        ";",
        "/",
        "&",
        "=",
        "**b**",
        "_b_",
        "~~b~~",
        "https://a.b",
        "https://c.d/e?f=g",
        "HTTP://h.i/",
        " www.j.k",
        "l@m.no",
        " mailto:p@q.rs",
    ]);
    let line =
        prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat().trim().to_owned());
    line.prop_filter("says something", |line| line.contains(char::is_alphanumeric))
}

/// Any marks but those of code, and no bars that would be those of a spoiler.
fn signs() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "*",
        "**",
        "_",
        "__",
        "~",
        "~~",
        "|",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        "!",
        "&",
        ":",
        "\n",
        "\n\n",
        " ",
        "- ",
        "1. ",
        "2) ",
        "# ",
        "> ",
        "---",
        "a",
        "가",
        ".",
        ",",
        "@",
        "www.",
        "http://",
        "https://a.b/c",
        "l@m.no",
        "]:",
        "](",
        "](https://d.e)",
        "<b>",
        "<a href=\"",
        "\">",
        "<!--",
        "-->",
        "[f]: https://g.h",
        "\u{fdd1}",
        "&amp;",
        ":smile:",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_stands_between_bars_is_hidden_whatever_else_does(
        before in signs(), inside in (signs(), signs()), after in signs(),
    ) {
        let (begin, end) = inside;
        // Next to a blank bars are a sign, however many they are.
        let is_edge = |c: char| c == '|' || c.is_whitespace();
        let (begin, end) = (begin.trim_start_matches(is_edge), end.trim_end_matches(is_edge));
        let text = format!("{before}||{begin}xyzzy{end}||{after}");
        // Other bars may take those, and behind four blanks there is code.
        prop_assume!(text.matches("||").count() == 2 && !before.ends_with('|'));
        // A link that leads nowhere leaves no trace of its brackets: a blank behind it is next to the bars.
        prop_assume!(!before.contains('[') && !after.contains(']'));
        if let Ok(text) = Text::parse(&text) {
            let seen = quote(text.as_str(), text.html()).into_owned();
            let is_code = text.html().is_some_and(|html| html.contains("<code"));
            prop_assert!(is_code || !seen.contains("xyzzy"), "{:?} {:?}", text.as_str(), text.html());
        }
    }

    #[test]
    fn what_stands_between_bars_is_hidden_and_its_links_too(
        inside in hidden(), before in "(x |\n)?", after in "( y|\n|은)?",
    ) {
        let text = Text::parse(&format!("{before}||{inside}||{after}")).unwrap();
        let seen = quote(text.as_str(), text.html()).into_owned();
        let wanted = format!("{before}▒▒▒{after}");
        prop_assert_eq!(seen.trim(), wanted.trim(), "{:?}", text.html());
        prop_assert!(text.links().is_empty());
    }
}
