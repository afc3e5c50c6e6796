//! A look back on the week of a club.

use serde::Serialize;
use serde_json::json;

use super::{Fence, Language, Place, rules};
use crate::llm::request::{Limits, Request};

/// Notes that are read.
const NOTES: usize = 30;
/// Characters of a note that are read.
const NOTE_CHARS: usize = 300;

/// A learning note of the week.
#[derive(Clone)]
pub struct Note<'a> {
    /// Who wrote it.
    pub by: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its text, of which the beginning is read.
    pub body: &'a str,
}

/// The week in numbers.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Numbers {
    /// Members of the club.
    pub members: u64,
    /// Messages in its rooms.
    pub messages: u64,
    /// Posts on its boards.
    pub posts: u64,
    /// Comments there.
    pub comments: u64,
    /// Answers that were accepted.
    pub accepted: u64,
    /// Learning notes.
    pub tils: u64,
    /// Reviews of them.
    pub reviews: u64,
    /// Their mean score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_score: Option<f64>,
}

/// What is asked.
pub struct WeeklySummary<'a> {
    /// Where; the room's name is not told.
    pub place: Place<'a>,
    /// The week: `2026-W47`.
    pub week: &'a str,
    /// Notes of the week; the first thirty are read.
    pub notes: &'a [Note<'a>],
    /// The week in numbers.
    pub numbers: Numbers,
    /// A number that nobody can foresee.
    pub seed: u64,
}

/// Builds the request.
#[must_use]
pub fn weekly_summary(ask: &WeeklySummary<'_>) -> Request {
    let notes = ask.notes.get(..ask.notes.len().min(NOTES)).unwrap_or_default();
    let texts = notes.iter().flat_map(|note| [note.by, note.title, note.body]);
    let fence = Fence::around(ask.seed, &texts.chain(ask.place.club).collect::<Vec<_>>());
    let (special, limit) = match ask.place.language {
        Language::Ko => (
            "동아리의 지난 한 주를 돌아보는 글을 씁니다. 주, 동아리 이름, 숫자, 학습 노트(TIL)가 자료로 주어집니다.\n\
             JSON 객체 하나만 쓰세요: {\"headline\": \"…\", \"points\": [\"…\", \"…\", \"…\"], \"next\": \"…\"}\n\
             points는 3–5개입니다. next는 다음 주에 해 볼 만한 것입니다. 자료에 없는 일로 누구를 칭찬하지 마세요.",
            "headline은 60자, points는 각각 120자, next는 200자를 넘기지 마세요.",
        ),
        Language::En => (
            "You look back on the week of a club. The week, the name of the club, numbers and learning notes (TIL) are given as data.\n\
             Write one JSON object and nothing else: {\"headline\": \"…\", \"points\": [\"…\", \"…\", \"…\"], \"next\": \"…\"}\n\
             There are 3 to 5 points; next is what the club could do next week. Praise no one by invented facts.",
            "The headline has at most 60 characters, each point 120, next 200.",
        ),
    };
    let head = json!({"week": ask.week, "club": ask.place.club, "numbers": ask.numbers});
    let mut data = format!("{head}\n");
    for note in notes {
        let body: String = note.body.chars().take(NOTE_CHARS).collect();
        data.push_str(&json!({"by": note.by, "title": note.title, "note": body}).to_string());
        data.push('\n');
    }
    let system = rules(&ask.place, &fence, special, limit);
    let mut request = Request::new(system, fence.put(&data));
    request.limits = Limits { output_tokens: 1_500, text_chars: 6_000, ..Limits::default() };
    request.temperature = Some(0.2);
    request
}
