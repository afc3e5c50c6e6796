//! Spoilers: what stands between two bars and two bars, whatever other marks stand there.
//!
//! They are found in the HTML of all other marks. To the parser bars are signs like any other: if it
//! read them, a mark that begins in a spoiler and ends behind it would undo the spoiler. Where another
//! element begins or ends in one, it is cut in two there.
//!
//! **Invariant:** of what is between the bars nothing is left outside of a spoiler, but blanks and the
//! tags of what reaches out of it; a link that does is none.

use super::signs::with_bars;

/// How a spoiler begins and ends.
pub(super) const BEGIN: &str = "<span class=\"spoiler\">";
pub(super) const END: &str = "</span>";
/// What makes a spoiler.
pub(super) const BARS: &str = "||";
/// Tags that stand in a line, by how they begin and end.
const INLINE: [(&str, &str); 6] = [
    ("<a ", "</a>"),
    ("<code", "</code>"),
    ("<del>", "</del>"),
    ("<em>", "</em>"),
    ("<strong>", "</strong>"),
    ("<br>", "<br>"),
];

/// HTML with its spoilers.
pub(super) struct Hidden {
    pub(super) html: String,
    /// Whether there are any.
    pub(super) is_any: bool,
    /// Whether there are bars that look for others.
    pub(super) is_loose: bool,
    /// All that look like bars, in code too.
    pub(super) bars: usize,
}

/// Puts what is between bars into spoilers. HTML is as `write.rs` makes it.
pub(super) fn hide(html: &str) -> Hidden {
    if !html.contains(BARS) {
        let html = with_bars(html).into_owned();
        return Hidden { html, is_any: false, is_loose: false, bars: 0 };
    }
    let pieces = pieces(html);
    let (acts, is_loose) = acts(&pieces);
    let is_any = acts.iter().any(|act| act.opens);
    let html = with_bars(&Painter::new(&pieces, &acts).paint()).into_owned();
    Hidden { html, is_any, is_loose, bars: count(texts(&pieces)) }
}

/// How many times two or more bars stand together.
pub(super) fn count<'t>(texts: impl Iterator<Item = &'t str>) -> usize {
    let (mut count, mut pieces) = (0, Vec::new());
    for text in texts {
        pieces.clear();
        cut(text, &mut pieces);
        count += pieces.iter().filter(|piece| matches!(piece, Piece::Bars(_))).count();
    }
    count
}

/// A piece of HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'h> {
    Tag(&'h str),
    Text(&'h str),
    /// Two bars or more, not in code.
    Bars(&'h str),
}

fn texts<'p>(pieces: &'p [Piece<'_>]) -> impl Iterator<Item = &'p str> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) | Piece::Bars(text) => Some(*text),
        Piece::Tag(_) => None,
    })
}

fn pieces(html: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest, mut is_code) = (Vec::new(), html, false);
    while !rest.is_empty() {
        let is_tag = rest.starts_with('<');
        let end = if is_tag { rest.find('>').map(|at| at + 1) } else { rest.find('<') };
        let (piece, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        if is_tag {
            is_code = piece.starts_with("<code") || (is_code && piece != "</code>");
            pieces.push(Piece::Tag(piece));
        } else if is_code {
            pieces.push(Piece::Text(piece));
        } else {
            cut(piece, &mut pieces);
        }
    }
    pieces
}

/// Cuts a text at its bars.
fn cut<'h>(mut text: &'h str, pieces: &mut Vec<Piece<'h>>) {
    while let Some(at) = text.find(BARS) {
        let (before, rest) = text.split_at(at);
        let (bars, behind) = rest.split_at(rest.len() - rest.trim_start_matches('|').len());
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Bars(bars));
        text = behind;
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
}

/// What bars do.
#[derive(Debug, Default, Clone, Copy)]
struct Act {
    closes: bool,
    opens: bool,
}

/// What each piece does, and whether bars are left that look for others. Bars open before something
/// and close behind something: between blanks they are a sign. Four bars do both.
fn acts(pieces: &[Piece<'_>]) -> (Vec<Act>, bool) {
    let mut acts = vec![Act::default(); pieces.len()];
    let (mut open, mut is_loose) = (None::<usize>, false);
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Bars(bars) = piece else { continue };
        let before = at.checked_sub(1).and_then(|before| pieces.get(before));
        let may_close = is_something(before, |text| text.chars().next_back());
        let may_open = is_something(pieces.get(at + 1), |text| text.chars().next());
        match open {
            Some(opener) if may_close => {
                if let Some(act) = acts.get_mut(opener) {
                    act.opens = true;
                }
                if let Some(act) = acts.get_mut(at) {
                    act.closes = true;
                }
                open = (bars.len() >= 2 * BARS.len() && may_open).then_some(at);
            }
            None if may_open => open = Some(at),
            None => is_loose |= may_close,
            Some(_opener) => {}
        }
    }
    (acts, is_loose || open.is_some())
}

/// Whether this is more than a blank, at the end that `first` gives: another mark is, for who wrote it.
fn is_something(piece: Option<&Piece<'_>>, first: impl Fn(&str) -> Option<char>) -> bool {
    match piece {
        Some(Piece::Tag(tag)) => *tag != "<br>" && is_inline(tag),
        Some(Piece::Text(text)) => first(text).is_some_and(|c| !c.is_whitespace()),
        Some(Piece::Bars(_)) => true,
        None => false,
    }
}

fn is_inline(tag: &str) -> bool {
    INLINE.iter().any(|(begin, end)| tag.starts_with(begin) || tag == *end)
}

struct Painter<'p> {
    pieces: &'p [Piece<'p>],
    acts: &'p [Act],
    /// Of each tag the one that ends or begins its element.
    others: Vec<usize>,
    /// Of each piece the spoiler that it stands in; 0 is none.
    places: Vec<usize>,
    html: String,
    is_open: bool,
}

impl<'p> Painter<'p> {
    fn new(pieces: &'p [Piece<'p>], acts: &'p [Act]) -> Self {
        let (mut place, mut spoilers) = (0, 0);
        let places = acts.iter().map(|act| {
            if act.opens {
                spoilers += 1;
            }
            if act.opens || act.closes {
                place = if act.opens { spoilers } else { 0 };
            }
            place
        });
        let places = places.collect();
        let html = String::new();
        Self { pieces, acts, others: others(pieces), places, html, is_open: false }
    }

    fn paint(mut self) -> String {
        for (at, (piece, act)) in self.pieces.iter().zip(self.acts).enumerate() {
            let place = self.place(at);
            match piece {
                Piece::Tag(tag) => self.tag(at, tag),
                Piece::Text(text) => self.text(text, place > 0),
                Piece::Bars(bars) => self.bars(bars, *act, place > 0),
            }
        }
        self.html
    }

    fn place(&self, at: usize) -> usize {
        self.places.get(at).copied().unwrap_or_default()
    }

    fn tag(&mut self, at: usize, tag: &str) {
        let place = self.place(at);
        let other = self.others.get(at).map_or(0, |other| self.place(*other));
        if place != other && (tag.starts_with("<a ") || tag == "</a>") {
            return;
        }
        if place > 0 && place == other && is_inline(tag) {
            self.open();
        } else {
            self.close();
        }
        self.html.push_str(tag);
    }

    fn text(&mut self, text: &str, is_hidden: bool) {
        if is_hidden && !text.chars().all(char::is_whitespace) {
            self.open();
        }
        self.html.push_str(text);
    }

    /// Bars that are too many are a part of what is hidden.
    fn bars(&mut self, bars: &str, Act { closes, opens }: Act, is_hidden: bool) {
        let made = BARS.len() * (usize::from(closes) + usize::from(opens));
        let more = bars.get(made..).unwrap_or_default();
        if closes && opens {
            self.close();
        }
        self.text(more, closes || is_hidden);
        if closes && !opens {
            self.close();
        }
    }

    fn open(&mut self) {
        if !self.is_open {
            self.html.push_str(BEGIN);
        }
        self.is_open = true;
    }

    fn close(&mut self) {
        if self.is_open {
            self.html.push_str(END);
        }
        self.is_open = false;
    }
}

/// Of each tag the one that ends or begins its element; of what has no such tag, itself.
fn others(pieces: &[Piece<'_>]) -> Vec<usize> {
    let mut others: Vec<usize> = (0..pieces.len()).collect();
    let mut open = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Tag("<br>" | "<hr>") | Piece::Text(_) | Piece::Bars(_) => {}
            Piece::Tag(tag) if tag.starts_with("</") => {
                let Some(begin) = open.pop() else { continue };
                for (one, other) in [(begin, at), (at, begin)] {
                    if let Some(known) = others.get_mut(one) {
                        *known = other;
                    }
                }
            }
            Piece::Tag(_begin) => open.push(at),
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(html: &str) -> String {
        hide(html).html.replace(BEGIN, "{").replace(END, "}")
    }

    #[test]
    fn a_spoiler_is_cut_where_something_reaches_out_of_it() {
        for (html, wanted) in [
            ("a||b||c", "a{b}c"),
            ("||.|c||", "{.|c}"),
            ("a||.b||c||!d||", "a{.b}c{!d}"),
            ("||<em>a</em> b<br>c||", "{<em>a</em> b<br>c}"),
            ("<em>a ||b</em> c||", "<em>a {b}</em>{ c}"),
            ("||a <em>b|| c</em>", "{a }<em>{b} c</em>"),
            ("<a href=\"x\">a ||b</a> c||", "a {b c}"),
            ("||a <a href=\"x\">b|| c</a>", "{a b} c"),
            ("<a href=\"x\">a ||b|| c</a>", "<a href=\"x\">a {b} c</a>"),
            ("||<a href=\"x\">a</a>||", "{<a href=\"x\">a</a>}"),
            ("<p>||a</p><ul><li>b||</li></ul>", "<p>{a}</p><ul><li>{b}</li></ul>"),
            (
                "<p>||a</p><pre><code>||</code></pre>b||",
                "<p>{a}</p><pre>{<code>||</code>}</pre>{b}",
            ),
            ("<code>||a||</code>", "<code>||a||</code>"),
            ("|| a ||b c|| d ||", "|| a {b c} d ||"),
            ("||a|| || ||b||", "{a} || {b}"),
            ("|||a|||", "{|a|}"),
            ("||a||||b||", "{a}{b}"),
            ("||||", "||||"),
            ("||||a||||", "{||a||}"),
            ("a||", "a||"),
            ("||a<br>||", "||a<br>||"),
        ] {
            assert_eq!(hidden(html), wanted, "{html}");
        }
    }

    #[test]
    fn bars_without_others_are_told() {
        let told = |html: &str| (hide(html).is_any, hide(html).is_loose, hide(html).bars);
        assert_eq!(told("||a||"), (true, false, 2));
        assert_eq!(told("||a|| b||c"), (true, true, 3));
        assert_eq!(told("a||"), (false, true, 1));
        assert_eq!(told("a || b <code>||</code>"), (false, false, 2));
        assert_eq!(count(["|a||b|||c||||", "|||||d"].into_iter()), 4);
    }
}
