//! What was missed: a summary of the unread part of a room, each sentence with its sources.

use serde_json::json;

use super::{Fence, Language, Line, Place, rules};
use crate::llm::request::Request;

/// What is asked.
pub struct CatchUp<'a> {
    /// Where.
    pub place: Place<'a>,
    /// What is unread, oldest first.
    pub lines: &'a [Line<'a>],
    /// For whom.
    pub asker: &'a str,
    /// A number that nobody can foresee.
    pub seed: u64,
}

/// Builds the request.
#[must_use]
pub fn catch_up(ask: &CatchUp<'_>) -> Request {
    let said = ask.lines.iter().flat_map(|line| [line.by, line.text]);
    let texts = ask.place.texts().chain([ask.asker]).chain(said);
    let fence = Fence::around(ask.seed, &texts.collect::<Vec<_>>());
    let (special, limit) = match ask.place.language {
        Language::Ko => (
            "자료의 마지막 줄에 이름이 있는 사람(asker)이 읽지 못한 대화를 요약합니다.\n\
             한 줄에 한 문장씩, \"- \"로 시작하고, 근거가 된 메시지의 id로 [m_1_2]처럼 끝내세요. 정해진 것, 열려 있는 질문, asker에게 한 말을 먼저 쓰세요. 자료에 없는 것은 쓰지 마세요.",
            "열 줄, 1,500자를 넘기지 마세요.",
        ),
        Language::En => (
            "You sum up what the person named in the last line of the data (asker) has not read yet.\n\
             Write one sentence a line, beginning with \"- \" and ending with the ids of its messages like [m_1_2]. First what was decided, what is still open and what was said to the asker. Write nothing that is not in the data.",
            "Write at most ten lines and 1,500 characters.",
        ),
    };
    let asker = json!({"asker": ask.asker});
    let data = format!("{}\n{}{asker}", ask.place.names(), ask.place.lines(ask.lines, false));
    let now = match ask.place.language {
        Language::Ko => "이제 요약하세요.",
        Language::En => "Sum it up now.",
    };
    let system = rules(&ask.place, &fence, special, limit);
    Request::new(system, format!("{}{now}", fence.put(&data)))
}
