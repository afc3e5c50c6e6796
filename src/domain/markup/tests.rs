mod spoilers;

use comrak::Arena;
use proptest::prelude::*;

use super::glance::may_be_marked;
use super::render::{Look, look, look_closely, parse, parse_within};
use super::signs::prepared;
use crate::domain::limits;

fn html(text: &str) -> Option<String> {
    let Look { html, .. } = look(text, None);
    assert_eq!(html, look_closely(text).html, "the glance missed {text:?}");
    html
}

/// A text that looks like this.
fn shows(text: &str, wanted: &str) {
    assert_eq!(html(text).as_deref(), Some(wanted), "{text:?}");
}

/// A text that is shown as it was written.
fn is_plain(text: &str) {
    assert_eq!(html(text), None, "{text:?}");
}

const LINK: &str = "target=\"_blank\" rel=\"noopener noreferrer nofollow ugc\"";

#[test]
fn marks_are_understood() {
    shows("**a** *b* _c_ ~~d~~", "<p><strong>a</strong> <em>b</em> <em>c</em> <del>d</del></p>");
    shows("`a<b` ||c||", "<p><code>a&lt;b</code> <span class=\"spoiler\">c</span></p>");
    shows("- a\n- b\n  - c", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>");
    shows("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>");
    shows("> a\n> b", "<blockquote><p>a<br>b</p></blockquote>");
    shows(
        "```rust\nfn f() {}\n\n  x\n```",
        "<pre><code class=\"language-rust\">fn f() {}\n\n  x</code></pre>",
    );
    shows("```a\"b<c\nx\n```", "<pre><code>x</code></pre>");
    shows("# a **b**\nc", "<p><strong>a <strong>b</strong></strong></p><p>c</p>");
    shows("a\n***\nb", "<p>a</p><hr><p>b</p>");
    shows(":smile: `:smile:`", "<p>😄 <code>:smile:</code></p>");
    shows("a **b**\nc\n\nd", "<p>a <strong>b</strong><br>c</p><p>d</p>");
    shows("\\*a\\* &amp; b&c", "<p>*a* &amp;amp; b&amp;c</p>");
    shows("**\"가\"**는 **나.**다", "<p><strong>\"가\"</strong>는 <strong>나.</strong>다</p>");
}

#[test]
fn links_lead_out_in_a_new_tab_or_nowhere() {
    shows(
        "see https://a.b/c.",
        &format!("<p>see <a href=\"https://a.b/c\" {LINK}>https://a.b/c</a>.</p>"),
    );
    shows("[a](HTTPS://b.c \"d\")", &format!("<p><a href=\"HTTPS://b.c\" {LINK}>a</a></p>"));
    shows("a@b.cd", &format!("<p><a href=\"mailto:a@b.cd\" {LINK}>a@b.cd</a></p>"));
    shows("![a](https://b.c)", &format!("<p><a href=\"https://b.c\" {LINK}>a</a></p>"));
    shows("![](https://b.c)", &format!("<p><a href=\"https://b.c\" {LINK}>https://b.c</a></p>"));
    shows(
        "[![a](https://b.c)](https://d.e)",
        &format!("<p><a href=\"https://d.e\" {LINK}>a</a></p>"),
    );
    for address in [
        "javascript:alert(1)",
        "data:text/html,x",
        "/rooms/r_1",
        "//a.b",
        "ftp://a.b",
        "vbscript:x",
        "#x",
        "http://|",
    ] {
        shows(&format!("[a]({address})"), "<p>a</p>");
        shows(&format!("[]({address})"), &format!("<p>{address}</p>"));
    }
}

#[test]
fn what_is_typed_without_meaning_it_stays() {
    for text in [
        "안녕하세요",
        "12:30 - 13:00",
        "note: a|b, a_b_c, 2 * 3 = 6, 5 > 3 & 4",
        "*^^* 반가워요 *^^*",
        "^_^ 안녕 ^_^ -_- 응 -_-",
        ">_< ㅠ_ㅠ",
        "하하~호호~ 반가워~",
        "2026. 11. 20. 모임",
        "3. 셋\n7. 일곱",
        "3) 셋",
        "11. 20.",
        "<b>a</b> <script>alert(1)</script>",
        "<div>\n**a**\n</div>",
        "a\n---x",
        "[공지]: 모임",
        "[a]: https://b.c\n**d**",
        "![",
        "|| a",
        "a\n\n\nb",
        ":no_such_emoji:",
        "#태그 #1",
        "&lt;b&gt; &amp; &copy; &#42;a&#42; R&B",
    ] {
        is_plain(text);
    }
    shows("- 2026. 11. 20. 모임", "<ul><li><p>2026. 11. 20. 모임</p></li></ul>");
    shows("3. **셋**\n4. 넷", "<p>3. <strong>셋</strong></p><p>4. 넷</p>");
    shows("**a** 하하~호호~ *^^*", "<p><strong>a</strong> 하하~호호~ *^^*</p>");
    shows("**a** <i>b</i>", "<p><strong>a</strong> &lt;i&gt;b&lt;/i&gt;</p>");
    shows(
        "`&lt;` [&](https://a.b/?c&d)",
        &format!("<p><code>&amp;lt;</code> <a href=\"https://a.b/?c&amp;d\" {LINK}>&amp;</a></p>"),
    );
    shows(
        "https://a.b/?c&d=&quot;",
        &format!(
            "<p><a href=\"https://a.b/?c&amp;d=&amp;quot\" {LINK}>https://a.b/?c&amp;d=&amp;quot</a>;</p>"
        ),
    );
    shows("```\n[a]: b\n```", "<pre><code>[a]: b</code></pre>");
}

#[test]
fn depth_and_length_have_an_end() {
    let deep = format!("{}a", "> ".repeat(1_500));
    let html = look_closely(&deep).html.unwrap();
    assert_eq!(html.matches("<blockquote>").count(), html.matches("</blockquote>").count());
    assert!(html.matches("<blockquote>").count() <= 12, "{html}");
    let nested = format!("{}a{}", "*a **b ".repeat(200), "** *".repeat(200));
    let html = look_closely(&nested).html.unwrap();
    assert!(html.matches("<em>").count() <= 100 && html.len() < nested.len() * 4, "{html}");
    let links = "a@b.cd ".repeat(571);
    assert_eq!(look_closely(&links).html, None, "{} links", links.len() / 7);
    assert!(look_closely(&links[..700]).html.is_some());
}

/// What parsers of Markdown have stumbled over, when there was much of it.
const PIECES: [&str; 52] = [
    "*a_ ",
    "**a *a ",
    "_a *a",
    "a**b",
    "*",
    "_",
    "~",
    "~~a ",
    "|",
    "||a ",
    "`",
    "`a``",
    "\\",
    "[",
    "]",
    "[a](",
    "[a](<b",
    "![a](",
    "[a][",
    "[^a]",
    "](a)",
    "<",
    "<a ",
    "<!--",
    "<?",
    "<![CDATA[",
    "</",
    "&",
    "&#",
    "&a;",
    ":a",
    ":smile:",
    "> ",
    "- ",
    "1. ",
    " - a\n",
    "> - ",
    "www.",
    "(www.a",
    "http://",
    "http://a||",
    "||http://a|| ",
    "||www.a||b",
    "://||",
    "*a||b ",
    "||*a*",
    "\\|",
    "||a\n\n",
    "a@",
    "a.b@c.",
    "```\n",
    "\t- a\n  ",
];

/// Texts of it, each of about so many bytes.
fn hostile(bytes: usize) -> Vec<(&'static str, String)> {
    let half = bytes / 2;
    let upto = |pieces: &mut dyn Iterator<Item = String>| {
        let mut text = String::new();
        while text.len() < bytes {
            text.extend(pieces.next());
        }
        text
    };
    let repeated = PIECES.iter().map(|piece| (*piece, piece.repeat(bytes / piece.len())));
    repeated
        .chain([
            ("[]", "[".repeat(half) + &"]".repeat(half)),
            ("[](", "[".repeat(half) + &"](".repeat(half / 2)),
            ("**", "*a ".repeat(half / 3) + &"a* ".repeat(half / 3)),
            ("deeper", upto(&mut (0..).map(|depth| " ".repeat(depth * 2) + "- a\n"))),
            ("longer", upto(&mut (1..).map(|ticks| "e".to_owned() + &"`".repeat(ticks)))),
        ])
        .collect()
}

#[test]
fn work_and_output_grow_with_the_length_alone() {
    const TIMES: usize = 8;
    let steps = |text: &str| parse_within(&Arena::new(), &prepared(text).unwrap(), usize::MAX).1;
    for ((name, text), (_, longer)) in hostile(4_000).iter().zip(hostile(4_000 * TIMES)) {
        let (few, many) = (steps(text), steps(&longer));
        assert!(many <= few * (TIMES + 2) + 2_048, "{name}: {few} steps, then {many}");
        let read = prepared(&longer).unwrap();
        assert!(parse(&Arena::new(), &read).is_some(), "{name} takes too many steps");
        for text in [text, &longer] {
            let length = look_closely(text).html.map_or(0, |html| html.len());
            assert!(length <= limits::HTML_BYTES, "{name}: {length}");
        }
    }
}

fn marked() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "*", "**", "_", "__", "~", "~~", "|", "||", "`", "```", "\\", "[", "]", "(", ")", "<", ">", "!", "&", "&amp;", ":", "smile", ":smile:",
            "\n", "\n\n", " ", "    ", "\t", "- ", "+ ", "1. ", "2) ", "# ", "> ", "---", "===", "a", "b", "가", "@", "@mina", "www.", "http://", "a.b",
            "https://a.b/c", "javascript:", "mailto:", "]:", "](", "<b>", "</b>", "<!--", "-->", "\r\n", "\u{feff}", "\u{a0}", "1", "9",
        ]).prop_map(str::to_owned),
        1 => "[ -~]{0,3}",
        1 => ".{0,2}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_glance_misses_nothing(text in marked()) {
        if !may_be_marked(&text) {
            prop_assert_eq!(look_closely(&text), Look::default());
        }
    }

    #[test]
    fn a_second_cleaning_changes_nothing(text in marked()) {
        if let Some(html) = look_closely(&text).html {
            prop_assert_eq!(super::clean::clean(&html), html);
        }
    }
}
