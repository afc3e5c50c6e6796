//! From a text to its look: the parser, its budget, and when there is nothing to show.

use std::cell::Cell;
use std::panic::catch_unwind;

use comrak::{Arena, Options, try_parse_document};

use super::addresses::Addresses;
use super::clean::clean;
use super::glance::may_be_marked;
use super::signs::{escape, prepared, restored};
use super::spoilers::{BARS, BEGIN, END, Hidden, count, hide};
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
        let seen = catch_unwind(|| look_through(text, told));
        look = seen.unwrap_or_else(|_| Look { html: covered(text), spoken: None });
    }
    if told.is_some() && look.html.is_none() && may_lead_out(text) {
        look.html = Some(clean(&lines(text))).filter(|html| fits(html));
    }
    look
}

/// Whether somebody may take something in a text for an address.
fn may_lead_out(text: &str) -> bool {
    text.contains("://") || text.to_lowercase().contains("www.")
}

/// A text as it was written, as HTML.
fn lines(text: &str) -> String {
    let mut html = String::from("<p>");
    add_lines(text, &mut html);
    html.push_str("</p>");
    html
}

fn add_lines(text: &str, html: &mut String) {
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            html.push_str("<br>");
        }
        escape(line, html);
    }
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
    let as_written = || Look { html: covered(text), spoken: None };
    let Some(source) = prepared(text) else { return as_written() };
    let arena = Arena::new();
    let Some(root) = parse(&arena, &source) else { return as_written() };
    let Written { html, shown, spoken, is_marked } = write(root, &source, told);
    let spoken = spoken.map(|spoken| restored(&spoken).into_owned());
    let Hidden { html, is_any, is_loose, bars } = hide(&html);
    let (shown, is_marked) = (restored(&shown), is_marked || is_any);
    if !is_marked && is_same(text, &shown) {
        return Look { html: None, spoken };
    }
    // Definitions of links are shown nowhere: then the text is shown as it was written. So it is where
    // addresses that are not shown have taken the bars of a spoiler.
    let colons = |text: &str| text.matches("]:").count();
    let lost = count(std::iter::once(&*source)).saturating_sub(bars);
    let is_all = colons(text) == colons(&shown)
        && (is_marked || !shown.trim().is_empty())
        && (lost == 0 || (lost == 1 && !is_loose));
    let html = Some(html).filter(|html| is_all && fits(html));
    let html = html.map(|html| clean(&html)).filter(|html| fits(html));
    Look { html: html.or_else(|| covered(text)), spoken }
}

/// A text as it was written but for what is between its bars; none where it holds nothing such.
fn covered(text: &str) -> Option<String> {
    let Hidden { html, is_any, .. } = hide(&lines(text));
    if !is_any {
        return None;
    }
    let html = if fits(&html) { html } else { covered_as_one(text)? };
    Some(clean(&html)).filter(|html| fits(html))
}

/// The same in short: all between the first bars and the last is one spoiler.
fn covered_as_one(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(BARS)?;
    let (hidden, behind) = rest.rsplit_once(BARS)?;
    let mut html = String::from("<p>");
    for (part, end) in [(before, BEGIN), (hidden, END), (behind, "</p>")] {
        add_lines(part, &mut html);
        html.push_str(end);
    }
    Some(html)
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
