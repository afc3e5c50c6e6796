//! Rules of a club, and what they make of texts.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::*;

fn rule(id: i64, kind: FilterKind, pattern: &str, action: FilterAction) -> FilterRule {
    let pattern = Pattern::parse(kind, pattern).unwrap();
    FilterRule { id: FilterId(id), pattern, action }
}

fn filter(rules: &[(FilterKind, &str, FilterAction)]) -> Filter {
    let rules = rules.iter().zip(1..);
    let rules: Vec<_> = rules.map(|((kind, what, act), id)| rule(id, *kind, what, *act)).collect();
    Filter::new(&rules)
}

fn said(text: &str) -> Text {
    Text::parse(text).unwrap()
}

fn taken(masked: Option<&str>) -> Verdict {
    Verdict::Taken { masked: masked.map(str::to_owned), flagged: None }
}

#[test]
fn a_word_is_found_as_its_script_writes_words() {
    let found = |word: &str, text: &str| {
        let filter = filter(&[(FilterKind::Word, word, FilterAction::Reject)]);
        filter.judge(&said(text)) == Verdict::Rejected(FilterId(1))
    };
    assert!(found("ass", "What an ASS!") && found("ass", "ass") && found("ass", "이 ass는"));
    assert!(!found("ass", "a first class compass"));
    assert!(found("ass", "class ass"), "a later one counts");
    assert!(found("바보", "이런바보야") && found("바보", "바보"));
    assert!(!found("바보", "바 보"));
    assert!(found("café", "CAFE\u{301}!".nfc_of().as_str()));
    assert!(found("18", "18!") && !found("18", "2018"));
    assert!(found("sp am", "no SP AM here") && !found("sp am", "asp am"));
    assert!(found("$$$", "a$$$b"));
    assert!(found("straße", "die STRAßE"));
}

/// Texts come in form NFC.
trait Composed {
    fn nfc_of(&self) -> String;
}

impl Composed for str {
    fn nfc_of(&self) -> String {
        self.nfc().collect()
    }
}

#[test]
fn an_expression_is_looked_for_without_case() {
    let filter = filter(&[(FilterKind::Regex, r"https?://\S+\.example", FilterAction::Reject)]);
    let rejected = Verdict::Rejected(FilterId(1));
    assert_eq!(filter.judge(&said("see HTTP://Bad.Example now")), rejected);
    assert_eq!(filter.judge(&said("see http://good.org")), taken(None));
    let filter = self::filter(&[(FilterKind::Regex, "[가-힣]{2}놈", FilterAction::Reject)]);
    assert_eq!(filter.judge(&said("이 나쁜놈아")), rejected);
}

#[test]
fn masks_hide_characters_and_keep_the_rest() {
    let filter = filter(&[
        (FilterKind::Word, "바보", FilterAction::Mask),
        (FilterKind::Regex, r"[0-9]{3}-[0-9]{4}", FilterAction::Mask),
        (FilterKind::Word, "i am", FilterAction::Mask),
    ]);
    assert_eq!(filter.judge(&said("바보야, 010-1234")), taken(Some("**야, ********")));
    assert_eq!(filter.judge(&said("I am")), taken(Some("* **")), "white space stays");
    assert_eq!(filter.judge(&said("nothing")), taken(None));
    // Lower case is longer here than what was written.
    assert_eq!(filter.judge(&said("İİ 바보 İ")), taken(Some("İİ ** İ")));
}

#[test]
fn a_word_in_disguise_is_the_word() {
    let reject = |what: &str| filter(&[(FilterKind::Word, what, FilterAction::Reject)]);
    let found = |word: &str, text: &str| reject(word).judge(&said(text)) != taken(None);
    for text in [
        "ｂａｄ",
        "B\u{200b}A\u{200b}D",
        "so b\u{336}a\u{336}d!",
        "b**a**d",
        "b||a||d, ~~b~~`ad`",
        "ｂ**\u{2060}a**[d](https://x.y)",
    ] {
        assert!(found("bad", text) && !found("bas", text), "{text:?}");
    }
    assert!(found("바보", "ㅂㅏㅂㅗ") && found("ＢＡＤ", "bad") && found("bad", "ＢＡＤ"));
    assert!(found("b\u{200b}ad", "bad") && found("b\u{200b}ad", "b\u{200b}ad"));
    for (word, text) in [("ano", "año"), ("bad", "bád"), ("bad", "b\u{430}d")] {
        assert!(!found(word, text), "{word} in {text}");
    }
    assert!(!found("ba", "- b\n- a") && !found("\u{200b}", "ab"));
    let filter = filter(&[(FilterKind::Regex, "b[a4]d", FilterAction::Reject)]);
    let rejected = Verdict::Rejected(FilterId(1));
    assert_eq!(filter.judge(&said("ｂ**4**ｄ")), rejected);
    assert_eq!(
        (filter.judge_name("b\u{200b}ad.txt"), filter.judge_name("b**a**d")),
        (rejected, taken(None))
    );
}

#[test]
fn what_is_masked_in_disguise_is_masked_where_it_stands() {
    let filter = filter(&[
        (FilterKind::Word, "bad", FilterAction::Mask),
        (FilterKind::Word, "나쁜말", FilterAction::Mask),
        (FilterKind::Word, "바보", FilterAction::Mask),
        (FilterKind::Regex, "[*]{3,}", FilterAction::Mask),
    ]);
    for (text, masked) in [
        ("a ｂａｄ day", "a *** day"),
        ("a b\u{200b}ad day", "a **** day"),
        ("a b**a**d **day**", "a ******* **day**"),
        ("[x](https://bx.y/) bad **day**", "[x](https://bx.y/) *** **day**"),
        // Where it stands is not certain: then as much as is needed.
        ("[x](https://ab.y/) ba*d*", "[x](https://a***** *****"),
        // Stars would show the rest together.
        ("나바보쁜바보말", "*******"),
        ("a *** b", "a *** b"),
    ] {
        assert_eq!(filter.judge(&said(text)), taken(Some(masked)), "{text}");
    }
    assert_eq!(filter.judge(&said("a **b** c")), taken(None));
}

#[test]
fn the_hardest_rule_wins_and_a_report_comes_besides() {
    let filter = filter(&[
        (FilterKind::Word, "odd", FilterAction::Report),
        (FilterKind::Word, "bad", FilterAction::Mask),
        (FilterKind::Word, "worst", FilterAction::Reject),
    ]);
    let flagged = Some(FilterId(1));
    assert_eq!(filter.judge(&said("odd")), Verdict::Taken { masked: None, flagged });
    let masked = Some("*** odd".to_owned());
    assert_eq!(filter.judge(&said("bad odd")), Verdict::Taken { masked, flagged });
    assert_eq!(filter.judge(&said("odd bad worst")), Verdict::Rejected(FilterId(3)));
    assert_eq!(filter.found_by(&said("worst odd")), [FilterId(1), FilterId(3)]);
}

#[test]
fn what_cannot_be_a_rule_is_refused_with_the_reason() {
    let word = |text: &str| Pattern::parse(FilterKind::Word, text).unwrap_err();
    let regex = |text: &str| Pattern::parse(FilterKind::Regex, text).unwrap_err();
    assert_eq!(word("  "), InvalidPattern::Blank);
    assert_eq!(word(&"x".repeat(201)), InvalidPattern::TooLong(200));
    assert_eq!(word("a\0"), InvalidPattern::Unstorable);
    assert!(matches!(regex("(ab"), InvalidPattern::Syntax(why) if why.contains("unclosed")));
    assert!(matches!(regex(r"(a)\1"), InvalidPattern::Syntax(_)), "no references back");
    assert!(matches!(regex("(?=a)b"), InvalidPattern::Syntax(_)), "no looking ahead");
    assert!(matches!(regex(&"(".repeat(100)), InvalidPattern::Syntax(_)));
    for large in [r"\w{100}", "(a{1000}){1000}", "[ab]*a[ab]{30}", r"(\pL\pN?){60}"] {
        assert_eq!(regex(large), InvalidPattern::TooBig, "{large}");
    }
    assert_eq!(regex(r"\bfoo\b"), InvalidPattern::Unsupported);
    assert!(Pattern::parse(FilterKind::Regex, r"(?-u:\b)foo(?-u:\b)").is_ok());
    for empty in ["a*", "^$", "(x|)", "()"] {
        assert_eq!(regex(empty), InvalidPattern::Empty, "{empty}");
    }
}

#[test]
fn expressions_that_are_deadly_elsewhere_take_a_step_a_byte() {
    let long = said(&"a".repeat(4_000));
    let wide = said(&"가".repeat(4_000));
    let marked = said(&"a**a** ".repeat(500));
    // Each is eighteen letters, once it is folded.
    let odd = said(&"\u{fdfa}".repeat(1_000));
    for deadly in [
        "(a+)+$",
        "(a|a)*b",
        "(a|aa)+$",
        "(.*a){12}",
        "(x+x+)+y",
        ".*[^A-Z]|[A-Z]",
        "[^b]*b|a",
        "(?:a?){20}a{20}",
    ] {
        let Ok(pattern) = Pattern::parse(FilterKind::Regex, deadly) else { continue };
        let rules = [FilterAction::Reject, FilterAction::Mask, FilterAction::Report]
            .map(|action| FilterRule { id: FilterId(1), pattern: pattern.clone(), action });
        for rule in rules {
            let filter = Filter::new(std::slice::from_ref(&rule));
            let began = Instant::now();
            for text in [&long, &wide, &marked, &odd] {
                let _any = filter.judge(text);
            }
            // Backtracking would take for ever; the bound is wide for slow machines.
            assert!(began.elapsed() < Duration::from_secs(2), "{deadly} {}", rule.action);
        }
    }
}

#[test]
fn common_expressions_have_room() {
    for common in [
        r"https?://\S+",
        r"\d{2,3}-\d{3,4}-\d{4}",
        r"[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}",
        "시[0-9]*발",
        r"(무료|공짜)\s*(머니|충전)",
        r"카톡\s*(아이디|id)\s*[:：]\s*\w+",
        "ㅋ{10}",
        "[\u{1F300}-\u{1FAFF}]{5}",
    ] {
        let parsed = Pattern::parse(FilterKind::Regex, common);
        assert!(parsed.is_ok(), "{common}: {parsed:?}");
    }
}

#[test]
fn a_club_without_rules_takes_everything() {
    let filter = Filter::default();
    assert!(filter.is_empty() && filter.bytes() == 0);
    assert_eq!(filter.judge(&said("anything")), taken(None));
}

fn text() -> impl Strategy<Value = String> {
    let letters = vec!["a", "b", "A", "İ", "ß", "가", "나", " ", "\n", "1", "-", "🙂", "é"];
    prop::collection::vec(prop::sample::select(letters), 0..40).prop_map(|parts| parts.concat())
}

/// As many characters as before, each as it was or hidden.
fn is_masked(text: &Text, masked: &Text) -> Result<(), TestCaseError> {
    let (text, masked) = (text.as_str(), masked.as_str());
    prop_assert_eq!(masked.chars().count(), text.chars().count());
    for (was, is) in text.chars().zip(masked.chars()) {
        prop_assert!(is == was || (is == MASK && !was.is_whitespace()));
    }
    Ok(())
}

/// A word, and the same as somebody writes it who does not want it to be found.
fn disguised() -> impl Strategy<Value = (String, String)> {
    let letter = prop::sample::select(vec!["a", "b", "d", "x", "가", "보", "바"]);
    let dress = prop::sample::select(vec![
        "",
        "\u{200b}",
        "\u{2060}\u{ad}",
        "\u{336}",
        "\u{20dd}\u{fe0f}",
        "wide",
        "capital",
    ]);
    let letters = prop::collection::vec((letter, dress), 3..8);
    let mark = prop::sample::select(vec![
        ("", ""),
        ("**", "**"),
        ("~~", "~~"),
        ("||", "||"),
        ("`", "`"),
        ("[", "](https://x.y)"),
    ]);
    (letters, mark, 1_usize..3, 1_usize..3).prop_map(|(letters, (open, close), from, len)| {
        let (mut word, mut worn) = (String::new(), String::new());
        for (at, (letter, dress)) in letters.iter().enumerate() {
            if at == from {
                worn.push_str(open);
            }
            word.push_str(letter);
            match *dress {
                "wide" if letter.is_ascii() => {
                    worn.extend(
                        letter
                            .bytes()
                            .map(|byte| char::from_u32(u32::from(byte) + 0xfee0).unwrap()),
                    );
                }
                "wide" => worn.extend(letter.nfd()),
                "capital" => worn.push_str(&letter.to_uppercase()),
                dress => worn.extend([*letter, dress]),
            }
            if at + 1 == (from + len).min(letters.len()) {
                worn.push_str(close);
            }
        }
        (word, worn)
    })
}

proptest! {
    /// Whatever is masked: as many characters as before, each as it was or hidden, and what was
    /// found is not found in what is left.
    #[test]
    fn a_mask_hides_what_it_finds_and_nothing_else(text in text(), word in "[abA가나1]{1,3}") {
        let filter = filter(&[
            (FilterKind::Word, &word, FilterAction::Mask),
            (FilterKind::Regex, "-+", FilterAction::Mask),
        ]);
        let Ok(text) = Text::parse(&text) else { return Ok(()) };
        let Verdict::Taken { masked, flagged: None } = filter.judge(&text) else {
            return Err(TestCaseError::fail("nothing rejects"));
        };
        prop_assert_eq!(masked.is_some(), !filter.found_by(&text).is_empty());
        let masked = masked.map_or_else(|| text.clone(), |masked| said(&masked));
        is_masked(&text, &masked)?;
        prop_assert_eq!(filter.found_by(&masked), Vec::<FilterId>::new());
    }

    /// However a word is dressed up, it is found, and it goes where it is to be masked.
    #[test]
    fn a_word_is_found_whatever_it_wears(
        (word, worn) in disguised(), before in "(x \\*y\\* |https://x\\.y/z |가 |\n)?", after in "( y|!|\n- z)?",
    ) {
        let text = Text::parse(&format!("{before}{worn}{after}")).unwrap();
        for (kind, action) in [
            (FilterKind::Word, FilterAction::Reject),
            (FilterKind::Regex, FilterAction::Report),
            (FilterKind::Word, FilterAction::Mask),
            (FilterKind::Regex, FilterAction::Mask),
        ] {
            let filter = filter(&[(kind, &word, action)]);
            prop_assert_eq!(filter.found_by(&text), [FilterId(1)], "{} {:?}", action, text);
            let masked = match filter.judge(&text) {
                Verdict::Taken { masked, .. } => masked,
                Verdict::Rejected(_) => None,
            };
            prop_assert_eq!(masked.is_some(), action == FilterAction::Mask);
            if let Some(masked) = masked {
                let masked = said(&masked);
                is_masked(&text, &masked)?;
                prop_assert_eq!(filter.found_by(&masked), Vec::<FilterId>::new(), "{:?}", masked);
            }
        }
    }

    /// No pattern that is taken, and no text, brings it down.
    #[test]
    fn nothing_that_is_taken_panics(pattern in "\\PC{1,20}", text in "\\PC{0,80}") {
        if let Ok(pattern) = Pattern::parse(FilterKind::Regex, &pattern) {
            let rule = FilterRule { id: FilterId(1), pattern, action: FilterAction::Mask };
            let filter = Filter::new(&[rule]);
            if let Ok(text) = Text::parse(&text) {
                let _any = filter.judge(&text);
            }
            let _any = filter.judge_name(&text.nfc_of());
        }
    }
}

#[test]
fn what_is_ready_stays_ready() {
    let rule = |id, text: &str| FilterRule {
        id: FilterId(id),
        pattern: Pattern::parse(FilterKind::Regex, text).unwrap(),
        action: FilterAction::Mask,
    };
    let before = Filter::new(&[rule(1, "a+"), rule(2, "b+")]);
    let after = before.renewed(&[rule(2, "b+"), rule(3, "c+")]);
    assert!(Arc::ptr_eq(&before.rules[1].matcher, &after.rules[0].matcher));
    assert_eq!(after.found_by(&said("abc")), [FilterId(2), FilterId(3)]);
}
