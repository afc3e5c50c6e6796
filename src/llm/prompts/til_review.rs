//! Feedback on a learning note.

use serde_json::json;

use super::{Fence, Language, Place, rules};
use crate::llm::request::{Limits, Request};

/// What is asked.
pub struct TilReview<'a> {
    /// Where; the room's name is not told.
    pub place: Place<'a>,
    /// The title of the note.
    pub title: &'a str,
    /// The note, as it was when the review was asked for.
    pub body: &'a str,
    /// A number that nobody can foresee.
    pub seed: u64,
}

/// Builds the request.
#[must_use]
pub fn til_review(ask: &TilReview<'_>) -> Request {
    let fence = Fence::around(ask.seed, &[ask.title, ask.body]);
    let (special, limit) = match ask.place.language {
        Language::Ko => (
            "자료로 주어진 학습 노트(TIL) 하나를 평가합니다. 정확한지, 스스로 이해한 말로 썼는지, 다음에 무엇을 하면 좋을지 보세요.\n\
             정확히 한 줄로 이렇게 쓰세요: 피드백 | 요약 | 점수\n\
             세로줄(|)은 두 개이고 더는 없습니다. 점수는 0에서 100까지의 정수입니다. 다른 말은 쓰지 마세요.",
            "피드백과 요약은 각각 200자를 넘기지 마세요.",
        ),
        Language::En => (
            "You judge one learning note that is given as data: is it right, is it in the author's own words, what would be a good next step.\n\
             Write exactly one line: feedback | summary | score\n\
             Two bars and no other bar. The score is a whole number from 0 to 100. Write nothing else.",
            "Feedback and summary have at most 200 characters each.",
        ),
    };
    let note = json!({"title": ask.title, "note": ask.body}).to_string();
    let system = rules(&ask.place, &fence, special, limit);
    let mut request = Request::new(system, fence.put(&note));
    request.limits = Limits { output_tokens: 800, text_chars: 4_000, ..Limits::default() };
    request.temperature = Some(0.2);
    request
}
