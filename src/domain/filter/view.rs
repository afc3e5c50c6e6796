//! The ways in which rules look at a text: as it was written, and folded; and as it is shown to its
//! readers, without the signs of its marks, folded as well. What is found in any of them is in the text.

use std::borrow::Cow;
use std::ops::Range;

use super::fold::Folded;
use super::word::Lowered;

/// One of them.
#[derive(Debug)]
pub(super) struct View<'t> {
    text: Cow<'t, str>,
    /// The same in lower case, if there are words to look for.
    lowered: Lowered,
    origin: Origin<'t>,
}

/// Where what a view shows stands in the text as it was written.
#[derive(Debug)]
enum Origin<'t> {
    /// There.
    There,
    /// Where it was folded from.
    Folded(Folded),
    /// Where the letters that are shown stand, one after the other.
    Shown { folded: Option<Folded>, shown: &'t str, written: &'t str },
}

impl<'t> View<'t> {
    /// All views of a text, of which readers are shown `shown` where that is something else. Those that
    /// say what another says already are left out.
    pub(super) fn all(written: &'t str, shown: Option<&'t str>, has_words: bool) -> Vec<Self> {
        let view = |text: Cow<'t, str>, origin| {
            let lowered = if has_words { Lowered::new(&text) } else { Lowered::default() };
            Self { text, lowered, origin }
        };
        let mut views = vec![view(Cow::Borrowed(written), Origin::There)];
        if let Some(folded) = Folded::of(written) {
            views.push(view(Cow::Owned(folded.as_str().to_owned()), Origin::Folded(folded)));
        }
        if let Some(shown) = shown.filter(|shown| *shown != written) {
            let folded = Folded::of(shown);
            let text = folded.as_ref().map(|folded| Cow::Owned(folded.as_str().to_owned()));
            let text = text.unwrap_or(Cow::Borrowed(shown));
            views.push(view(text, Origin::Shown { folded, shown, written }));
        }
        views
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) const fn lowered(&self) -> &Lowered {
        &self.lowered
    }

    /// Whether it is certain where in the text as it was written something stands.
    pub(super) const fn is_exact(&self) -> bool {
        matches!(self.origin, Origin::There | Origin::Folded(_))
    }

    /// The forms of a word that are looked for here. A text that is folded already has no other view.
    pub(super) fn forms<'w>(
        &self,
        lower: &'w str,
        folded: &'w str,
    ) -> impl Iterator<Item = &'w str> + use<'w> {
        let lower = matches!(self.origin, Origin::There).then_some(lower);
        let folded = Some(folded).filter(|folded| lower != Some(*folded));
        lower.into_iter().chain(folded)
    }

    /// Where what was found stands in the text as it was written.
    pub(super) fn origins(&self, found: Vec<Range<usize>>) -> Vec<Range<usize>> {
        match &self.origin {
            Origin::There => found,
            _nothing if found.is_empty() => found,
            Origin::Folded(folded) => found.iter().map(|range| folded.origin(range)).collect(),
            Origin::Shown { folded, shown, written } => {
                let letters = letters(shown, written);
                let origin = |range: Range<usize>| {
                    let shown = folded.as_ref().map_or(range.clone(), |it| it.origin(&range));
                    let within = letters.as_deref().and_then(|letters| among(letters, &shown));
                    within.unwrap_or(0..written.len())
                };
                found.into_iter().map(origin).collect()
            }
        }
    }
}

/// A letter or digit: its place in what is shown, and in what was written.
type Letter = (usize, Range<usize>);

/// The letters that are shown, each found again behind the one before; none where one is not there. An
/// address that is not shown may hold letters, too, and then a place is too early.
fn letters(shown: &str, written: &str) -> Option<Vec<Letter>> {
    let is_letter = |(_at, c): &(usize, char)| c.is_alphanumeric();
    let mut rest = written.char_indices().filter(is_letter);
    let find = |(at, c): (usize, char)| {
        let (place, _same) = rest.find(|(_place, other)| *other == c)?;
        Some((at, place..place + c.len_utf8()))
    };
    shown.char_indices().filter(is_letter).map(find).collect()
}

/// From the first to the last of the letters in a stretch of what is shown.
fn among(letters: &[Letter], shown: &Range<usize>) -> Option<Range<usize>> {
    let first = letters.partition_point(|(at, _)| *at < shown.start);
    let end = letters.partition_point(|(at, _)| *at < shown.end);
    let within = letters.get(first..end)?;
    Some(within.first()?.1.start..within.last()?.1.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_leads_back_to_what_was_written() {
        let origin = |shown: &'static str, written: &'static str, word: &str| {
            let views = View::all(written, Some(shown), false);
            let view = views.last().unwrap();
            let at = view.as_str().find(word).unwrap();
            let found = view.origins(std::iter::once(at..at + word.len()).collect()).pop().unwrap();
            &written[found]
        };
        assert_eq!(origin("so bad!", "so **b**a`d`!", "bad"), "b**a`d");
        assert_eq!(origin("so ｂad!", "so ｂ**a**d!", "bad"), "ｂ**a**d");
        assert_eq!(origin("a $$$", "a `$$$`", "$$$"), "a `$$$`", "no letter, no place");
        assert_eq!(origin("🅰 bad", ":a: **b**ad", "bad"), ":a: **b**ad", "not written so");
        assert_eq!(View::all("plain", None, true).len(), 1);
        assert_eq!(View::all("plain", Some("plain"), true).len(), 1);
    }
}
