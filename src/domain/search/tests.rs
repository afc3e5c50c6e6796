//! What must hold of any text and any query.

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::fold::{Kind, folded};
use super::{SearchText, tokens};
use crate::domain::Text;

/// Runs of dense scripts, words of letters and what stands between them.
fn any_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[가-힣]{1,8}",
        2 => "[ぁ-んァ-ヶ一-龠々]{1,8}",
        2 => "[一-龠]{1,6}",
        3 => "[a-zA-Z0-9éßÄñωΣда]{1,8}",
        1 => "[ก-ฮ]{1,5}",
        1 => "[🎉👍🏽❤️₩]{1,3}",
        2 => "[ .,!?~「」。、\\-_/\"'*()\n]{1,4}",
        1 => "\\PC{0,6}",
    ];
    prop::collection::vec(part, 1..12).prop_map(|parts| parts.concat())
}

fn kept(text: &str) -> Option<String> {
    Text::parse(text).ok().map(|text| text.as_str().to_owned())
}

fn quoted(text: &str) -> Option<SearchText> {
    SearchText::parse(&format!("\"{text}\"")).ok()
}

/// What the index would find: all of the query's tokens are kept of the text.
fn is_named(query: &SearchText, text: &str) -> bool {
    let kept = tokens(text);
    query.tokens().iter().all(|token| kept.binary_search(token).is_ok())
}

proptest! {
    #[test]
    fn every_part_of_a_dense_text_is_found(
        before in any_text(), inside in "[가-힣ぁ-んァ-ヶ一-龠]{2,12}", behind in any_text(),
        from in 0_usize..10, len in 2_usize..12,
    ) {
        let text = kept(&format!("{before}{inside}{behind}")).unwrap();
        let inside: Vec<char> = inside.chars().collect();
        let from = from.min(inside.len() - 2);
        let part: String = inside[from..(from + len).min(inside.len())].iter().collect();
        for query in [SearchText::parse(&part).unwrap(), quoted(&part).unwrap()] {
            prop_assert!(query.is_in(&text), "{part:?} in {text:?}");
            prop_assert!(is_named(&query, &text), "{part:?} in {text:?}");
            prop_assert!(!query.spans(&text).is_empty());
        }
    }

    #[test]
    fn a_word_is_found_however_it_is_written(
        before in any_text(), word in "[a-zA-Z0-9éàößñçÄÖωσΣжДЯї]{2,12}", behind in any_text(),
    ) {
        let text = kept(&format!("{before} {word} {behind}")).unwrap();
        let forms = [
            word.clone(),
            word.to_uppercase(),
            word.to_lowercase(),
            word.nfd().collect(),
            word.to_uppercase().nfd().collect(),
        ];
        for form in forms {
            let query = SearchText::parse(&form).unwrap();
            prop_assert!(query.is_in(&text), "{form:?} in {text:?}");
            prop_assert!(is_named(&query, &text), "{form:?} in {text:?}");
        }
    }

    #[test]
    fn what_is_in_a_text_is_named_by_its_tokens(query in any_text(), text in any_text()) {
        let Some(text) = kept(&text) else { return Ok(()) };
        let Ok(query) = SearchText::parse(&query) else { return Ok(()) };
        prop_assert!(!query.is_in(&text) || is_named(&query, &text), "{query:?} in {text:?}");
    }

    #[test]
    fn any_stretch_between_blanks_is_found_between_quotes(text in any_text(), at in 0_usize..12) {
        let Some(text) = kept(&text) else { return Ok(()) };
        let stretch = text.split_whitespace().nth(at).unwrap_or_default().replace(['"', '“', '”'], "");
        let Some(query) = quoted(&stretch) else { return Ok(()) };
        if text.contains(&stretch) {
            prop_assert!(query.is_in(&text), "{stretch:?} in {text:?}");
            prop_assert!(is_named(&query, &text), "{stretch:?} in {text:?}");
        }
    }

    #[test]
    fn spans_are_within_the_text_and_apart(query in any_text(), text in any_text()) {
        let Some(text) = kept(&text) else { return Ok(()) };
        let Ok(query) = SearchText::parse(&query) else { return Ok(()) };
        let mut end = None;
        for span in query.spans(&text) {
            prop_assert!(span.len > 0 && end.is_none_or(|end| span.start > end));
            end = Some(span.start + span.len);
        }
        prop_assert!(end.unwrap_or(0) <= text.chars().count());
    }

    #[test]
    fn any_query_is_taken_or_refused(query in "\\PC{0,260}|[\"\\-* ()a-c가-나]{0,60}") {
        if let Ok(query) = SearchText::parse(&query) {
            prop_assert!(!query.tokens().is_empty());
        }
    }

    #[test]
    fn a_text_has_few_tokens(text in any_text()) {
        let Some(text) = kept(&text) else { return Ok(()) };
        let is_kept = |c: char| !matches!(Kind::of(c), Kind::Blank | Kind::Other);
        let letters = folded(&text).filter(|(c, _at)| is_kept(*c)).count();
        prop_assert!(tokens(&text).len() <= letters);
    }
}
