//! From a text to its look: the parser, its budget, and when there is nothing to show.

use std::cell::Cell;
use std::panic::catch_unwind;

use comrak::{Arena, Options, try_parse_document};

use super::addresses::Addresses;
use super::clean::clean;
use super::glance::may_be_marked;
use super::signs::{escape, prepared, restored};
use super::write::{Written, write};
use crate::domain::limits;

/// The parser asks once in so many steps whether to go on.
const ASKS_EVERY: usize = 256;
/// Steps that any text may take.
const STEPS: usize = 2_048;
/// Steps for each byte of it. Texts that are hard to read take five.
const STEPS_PER_BYTE: usize = 8;

/// What a text looks like.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Safe HTML; none where it would be nothing but the text, escaped, and no reader is to look for
    /// links in it.
    pub(crate) html: Option<String>,
    /// What is said in it, where that is not all of it: neither code nor links.
    pub(crate) spoken: Option<String>,
}

/// What a text looks like. A defect of the parser costs the look and not the session. Where `told` is
/// given, only its addresses are links, and a text that holds any says in HTML which of them are: who
/// finds none looks for links on their own.
pub(in crate::domain) fn look(text: &str, told: Option<&Addresses>) -> Look {
    let mut look = Look::default();
    if may_be_marked(text) {
        look = catch_unwind(|| look_through(text, told)).unwrap_or_default();
    }
    if told.is_some() && look.html.is_none() && may_lead_out(text) {
        look.html = Some(bare(text)).filter(|html| fits(html));
    }
    look
}

/// Whether somebody may take something in a text for an address.
fn may_lead_out(text: &str) -> bool {
    text.contains("://") || text.to_lowercase().contains("www.")
}

/// A text as it was written, as HTML.
fn bare(text: &str) -> String {
    let mut html = String::from("<p>");
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            html.push_str("<br>");
        }
        escape(line, &mut html);
    }
    html.push_str("</p>");
    clean(&html)
}

fn fits(html: &str) -> bool {
    html.len() <= limits::HTML_BYTES
}

/// As [`look`], without the glance before.
#[cfg(any(test, feature = "faults"))]
pub(crate) fn look_closely(text: &str) -> Look {
    look_through(text, None)
}

fn look_through(text: &str, told: Option<&Addresses>) -> Look {
    let Some(source) = prepared(text) else { return Look::default() };
    let arena = Arena::new();
    let Some(root) = parse(&arena, &source) else {
        return Look::default();
    };
    let Written { html, shown, spoken, is_marked } = write(root, &source, told);
    let shown = restored(&shown);
    // Definitions of links are shown nowhere: then the text is shown as it was written.
    let colons = |text: &str| text.matches("]:").count();
    let is_all = colons(text) == colons(&shown) && (is_marked || !shown.trim().is_empty());
    let is_plain = !is_marked && is_same(text, &shown);
    let html = Some(html).filter(|html| is_all && !is_plain && fits(html));
    let html = html.map(|html| clean(&html)).filter(|html| fits(html));
    Look { html, spoken: spoken.map(|spoken| restored(&spoken).into_owned()) }
}

/// The tree of a text; none when that takes more than its share of steps.
pub(super) fn parse<'a>(arena: &'a Arena<'a>, text: &str) -> Option<comrak::Node<'a>> {
    let most = STEPS + STEPS_PER_BYTE * text.len();
    parse_within(arena, text, most).0
}

/// The same within so many steps; and how many it took.
pub(super) fn parse_within<'a>(
    arena: &'a Arena<'a>,
    text: &str,
    most: usize,
) -> (Option<comrak::Node<'a>>, usize) {
    let steps = Cell::new(0_usize);
    let has_enough = || {
        steps.set(steps.get() + ASKS_EVERY);
        steps.get() > most
    };
    let root = try_parse_document(arena, text, &options(), &has_enough).ok();
    (root, steps.get())
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.autolink = true;
    extension.shortcodes = true;
    extension.spoiler = true;
    extension.strikethrough = true;
    // So that `~` alone can be told from `~~`: see `write.rs`.
    extension.subscript = true;
    // `**"가"**는`: a mark may stand between a quotation mark and a particle.
    extension.cjk_friendly_emphasis = true;
    // `>_<` is a face.
    extension.greentext = true;
    options.parse.ignore_setext = true;
    options
}

/// Whether two texts differ in nothing but blanks.
fn is_same(one: &str, other: &str) -> bool {
    let seen = |c: &char| !c.is_whitespace() && *c != '\u{feff}';
    one.chars().filter(seen).eq(other.chars().filter(seen))
}
