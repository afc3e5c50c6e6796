//! What is read from answers. A model may write anything: what does not fit is an error, not a
//! guess.

use serde_json::Value;

use crate::domain::MessageId;

/// Characters of a draft.
const DRAFT_CHARS: usize = 500;
/// Characters of feedback, and of a summary.
const REVIEW_CHARS: usize = 200;
/// Characters of a headline.
const HEADLINE_CHARS: usize = 60;
/// Characters of a point.
const POINT_CHARS: usize = 120;
/// Characters of what comes next.
const NEXT_CHARS: usize = 200;
/// Quotes around a whole text.
const QUOTES: &[(char, char)] = &[
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('‘', '’'),
    ('«', '»'),
    ('「', '」'),
    ('『', '』'),
];

/// The answer has not the form that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer has not the form that was asked for")]
pub struct FormatError;

/// A judged learning note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// 1–200 characters.
    pub feedback: String,
    /// 1–200 characters.
    pub summary: String,
    /// 0–100.
    pub score: u8,
}

/// A look back on a week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week {
    /// 1–60 characters.
    pub headline: String,
    /// 3–5 of 1–120 characters.
    pub points: Vec<String>,
    /// 1–200 characters.
    pub next: String,
}

/// A sentence with its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cited {
    /// The sentence, its citations taken out.
    pub text: String,
    /// Messages that it rests on; each was in the context.
    pub cites: Vec<MessageId>,
}

/// The messages that a text cites, `[m_1_2]` or `[m_1_2, m_1_3]`, each once, in order. Only those
/// that stood in the context: a model may make ids up.
#[must_use]
pub fn citations(text: &str, context: &[MessageId]) -> Vec<MessageId> {
    let mut found = Vec::new();
    for (_, ids) in brackets(text) {
        for id in ids {
            if context.contains(&id) && !found.contains(&id) {
                found.push(id);
            }
        }
    }
    found
}

/// The lines of a summary, each with its sources; what is no line of it is left out.
#[must_use]
pub fn cited_lines(text: &str, context: &[MessageId]) -> Vec<Cited> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches(['-', '*', '•']).trim());
    let cited = lines.map(|line| {
        let mut text = String::new();
        let mut from = 0;
        for (place, _) in brackets(line) {
            text.push_str(line.get(from..place.start).unwrap_or_default().trim_end());
            from = place.end;
        }
        text.push_str(line.get(from..).unwrap_or_default());
        Cited { text: text.trim().to_owned(), cites: citations(line, context) }
    });
    cited.filter(|cited| !cited.text.is_empty()).collect()
}

/// Brackets that hold ids of messages and nothing else, and where they stand.
fn brackets(text: &str) -> Vec<(std::ops::Range<usize>, Vec<MessageId>)> {
    let mut found = Vec::new();
    for (open, _) in text.match_indices('[') {
        let inside = text.get(open + 1..).and_then(|rest| rest.split_once(']')).map(|(ids, _)| ids);
        let Some(inside) = inside else {
            break;
        };
        let ids: Result<Vec<MessageId>, _> =
            inside.split([',', ';']).map(|id| id.trim().parse()).collect();
        if let Ok(ids) = ids {
            found.push((open..open + inside.len() + 2, ids));
        }
    }
    found
}

/// Reads `feedback | summary | score`.
///
/// # Errors
/// When it is anything else: another number of bars, an empty part, a score that is no whole
/// number from 0 to 100.
pub fn review(text: &str) -> Result<Review, FormatError> {
    let text = text.trim();
    let parts: Vec<_> = text.split('|').map(str::trim).collect();
    let [feedback, summary, score] = *parts.as_slice() else {
        return Err(FormatError);
    };
    let is_number =
        !score.is_empty() && score.len() <= 3 && score.bytes().all(|b| b.is_ascii_digit());
    let score = score.parse::<u8>().ok().filter(|score| is_number && *score <= 100);
    if text.contains(['\n', '\r']) {
        return Err(FormatError);
    }
    Ok(Review {
        feedback: some_text(feedback, REVIEW_CHARS)?,
        summary: some_text(summary, REVIEW_CHARS)?,
        score: score.ok_or(FormatError)?,
    })
}

/// What is left of a draft without the name of a speaker in front, quotes around it and blank
/// ends: at most 500 characters. `speakers` are the names that it may begin with.
///
/// # Errors
/// When nothing is left.
pub fn draft(text: &str, speakers: &[&str]) -> Result<String, FormatError> {
    let mut rest = text.trim();
    // A name may stand inside the quotes or before them, so both are looked at more than once.
    for _ in 0..3 {
        rest = unquoted(unlabelled(rest, speakers));
    }
    some_text(rest, DRAFT_CHARS)
}

fn unlabelled<'t>(text: &'t str, speakers: &[&str]) -> &'t str {
    for speaker in speakers.iter().filter(|speaker| !speaker.is_empty()) {
        let bare = text.strip_prefix('[').or_else(|| text.strip_prefix("**")).unwrap_or(text);
        if let Some(behind) = bare.strip_prefix(*speaker) {
            let behind = behind.trim_start_matches(['*', ']', ' ']);
            if let Some(said) = behind.strip_prefix(':').or_else(|| behind.strip_prefix('：')) {
                return said.trim_start_matches('*').trim();
            }
        }
    }
    text
}

fn unquoted(text: &str) -> &str {
    for (open, close) in QUOTES {
        let inside = text.strip_prefix(*open).and_then(|rest| rest.strip_suffix(*close));
        if let Some(inside) = inside
            && !inside.contains([*open, *close])
        {
            return inside.trim();
        }
    }
    text
}

/// Reads the JSON object of a week; fences of code and words around it are overlooked.
///
/// # Errors
/// When there is none, a text is missing or blank, or there are fewer than three points. What is
/// too long is cut, and of more than five points the first five are taken.
pub fn week(text: &str) -> Result<Week, FormatError> {
    let (from, to) = (text.find('{').ok_or(FormatError)?, text.rfind('}').ok_or(FormatError)?);
    let object = text.get(from..=to).ok_or(FormatError)?;
    let week: Value = serde_json::from_str(object).map_err(|_odd| FormatError)?;
    let field = |name: &str, chars| {
        some_text(week.get(name).and_then(Value::as_str).ok_or(FormatError)?, chars)
    };
    let points = week.get("points").and_then(Value::as_array).ok_or(FormatError)?;
    let points = points
        .iter()
        .take(5)
        .map(|point| some_text(point.as_str().ok_or(FormatError)?, POINT_CHARS));
    let points = points.collect::<Result<Vec<_>, _>>()?;
    if points.len() < 3 {
        return Err(FormatError);
    }
    Ok(Week {
        headline: field("headline", HEADLINE_CHARS)?,
        points,
        next: field("next", NEXT_CHARS)?,
    })
}

/// A text that is not blank, cut to its limit. U+0000 is dropped: no store keeps it.
fn some_text(text: &str, chars: usize) -> Result<String, FormatError> {
    let kept: String = text.trim().chars().filter(|c| *c != '\0').take(chars).collect();
    let kept = kept.trim();
    if kept.is_empty() { Err(FormatError) } else { Ok(kept.to_owned()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::RoomId;

    fn id(seq: i64) -> MessageId {
        MessageId { room: RoomId(1), seq }
    }

    #[test]
    fn only_messages_of_the_context_are_cited_each_once() {
        let context = [id(1), id(2), id(3)];
        let text = "[[m_1_2] a [m_1_1, m_1_2], [m_1_9] [x] [m_1_03] [m_1_3";
        assert_eq!(citations(text, &context), [id(2), id(1)]);
        assert_eq!(citations("", &context), []);
    }

    #[test]
    fn a_summary_is_read_by_lines() {
        let context = [id(1), id(2)];
        let text = "- We meet at 7 [m_1_1].\n\n* 회의는 [m_1_2][m_1_9] 끝났다\n- [m_1_1]\n";
        let lines = cited_lines(text, &context);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], Cited { text: "We meet at 7.".to_owned(), cites: vec![id(1)] });
        assert_eq!(lines[1], Cited { text: "회의는 끝났다".to_owned(), cites: vec![id(2)] });
    }

    #[test]
    fn a_review_is_one_line_of_three_parts() {
        let good = review(" good | sum | 85\n").unwrap();
        assert_eq!(
            (good.feedback.as_str(), good.summary.as_str(), good.score),
            ("good", "sum", 85)
        );
        assert_eq!(review("a|b|100").unwrap().score, 100);
        assert_eq!(
            review(&format!("{}|b|0", "가".repeat(300))).unwrap().feedback.chars().count(),
            200
        );
        for odd in [
            "a | b",
            "a | b | c | 5",
            "a | b | 101",
            " | b | 5",
            "a | b | 5.5",
            "plain",
            "a | b | +5",
            "a | b | -1",
            "a | b | ",
            "a\nb | c | 5",
            "a | b | 0005",
            "",
            "||",
            "a | b | ５",
        ] {
            assert_eq!(review(odd), Err(FormatError), "{odd}");
        }
    }

    #[test]
    fn a_draft_loses_its_label_and_its_quotes() {
        let of = |text| draft(text, &["Mina", "민아"]).unwrap_or_default();
        for text in [
            "hi",
            " hi\n",
            "Mina: hi",
            "\"hi\"",
            "Mina: \"hi\"",
            "\"Mina: hi\"",
            "“hi”",
            "「hi」",
            "**Mina:** hi",
            "[Mina]: hi",
            "민아： hi",
            "Mina : 'hi'",
        ] {
            assert_eq!(of(text), "hi", "{text}");
        }
        assert_eq!(of("\"a\" and \"b\""), "\"a\" and \"b\"");
        assert_eq!(of("note: hi"), "note: hi");
        assert_eq!(of("Minamoto: hi"), "Minamoto: hi");
        assert_eq!(of(&"가".repeat(600)).chars().count(), 500);
        for empty in ["", " ", "Mina:", "\"\"", "“ ”", "\0"] {
            assert_eq!(draft(empty, &["Mina"]), Err(FormatError), "{empty:?}");
        }
    }

    #[test]
    fn a_week_is_read_from_its_object() {
        let text = "```json\n{\"headline\": \"H\", \"points\": [\"a\", \"b\", \"c\"], \"next\": \"n\"}\n```";
        let found = week(text).unwrap();
        assert_eq!(
            (found.headline.as_str(), found.points.len(), found.next.as_str()),
            ("H", 3, "n")
        );
        let long =
            serde_json::json!({"headline": "h".repeat(99), "points": vec!["p"; 9], "next": "n"});
        let found = week(&long.to_string()).unwrap();
        assert_eq!((found.headline.len(), found.points.len()), (60, 5));
        for odd in [
            "",
            "}{",
            "{}",
            "[1]",
            r#"{"headline":"h","points":["a","b"],"next":"n"}"#,
            r#"{"headline":" ","points":["a","b","c"],"next":"n"}"#,
            r#"{"headline":"h","points":["a",1,"c"],"next":"n"}"#,
        ] {
            assert_eq!(week(odd), Err(FormatError), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_model_writes_is_read_or_refused(text in "[\\[\\]|{}\",:m_0-9가a\n ]{0,80}") {
            let _read = (review(&text), week(&text), cited_lines(&text, &[id(1)]));
            if let Ok(left) = draft(&text, &["a"]) {
                prop_assert!(!left.trim().is_empty());
            }
        }
    }
}
