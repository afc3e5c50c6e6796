//! A next line in the asker's own voice, for the asker alone.

use serde_json::json;

use super::{Fence, Language, Line, Place, rules};
use crate::llm::request::{Limits, Request};

/// Messages that a draft looks back on.
const LINES: usize = 10;

/// What is asked.
pub struct Draft<'a> {
    /// Where.
    pub place: Place<'a>,
    /// What was said, oldest first; the last ten are read.
    pub lines: &'a [Line<'a>],
    /// In whose name.
    pub asker: &'a str,
    /// What it should say.
    pub hint: Option<&'a str>,
    /// A number that nobody can foresee.
    pub seed: u64,
}

/// Builds the request.
#[must_use]
pub fn draft(ask: &Draft<'_>) -> Request {
    let from = ask.lines.len().saturating_sub(LINES);
    let lines = ask.lines.get(from..).unwrap_or_default();
    let said = lines.iter().flat_map(|line| [line.by, line.text]);
    let texts = ask.place.texts().chain([ask.asker]).chain(ask.hint).chain(said);
    let fence = Fence::around(ask.seed, &texts.collect::<Vec<_>>());
    let (special, limit) = match ask.place.language {
        Language::Ko => (
            "자료의 마지막 줄에 이름이 있는 사람(asker)을 대신해 그 사람이 보낼 다음 한마디를 씁니다. \"mine\"이 붙은 줄이 그 사람이 쓴 말입니다.\n\
             그 사람으로서 일인칭으로 쓰고, 흐름에 맞는 한마디만 쓰세요. 다른 사람의 말을 이어 쓰거나 되풀이하지 말고, 말하는 사람을 바꾸지 마세요. 그 사람이 쓰는 언어와 높임말을 지키세요. 이름표나 따옴표 없이 보낼 글만 쓰세요. 힌트(hint)가 있으면 그 뜻을 담으세요.",
            "500자를 넘기지 마세요.",
        ),
        Language::En => (
            "You write the next line for the person named in the last line of the data (asker). Lines marked \"mine\" are by that person.\n\
             Write as that person, in the first person, one fitting line. Do not continue or repeat what others said, and do not change the speaker. Keep that person's language and politeness. Write the text alone, without a name in front and without quotes. If there is a hint, say what it means.",
            "Write at most 500 characters.",
        ),
    };
    let asker = json!({"asker": ask.asker, "hint": ask.hint});
    let data = format!("{}\n{}{asker}", ask.place.names(), ask.place.lines(lines, true));
    let now = match ask.place.language {
        Language::Ko => "이제 그 한마디를 쓰세요.",
        Language::En => "Write that line now.",
    };
    let system = rules(&ask.place, &fence, special, limit);
    let mut request = Request::new(system, format!("{}{now}", fence.put(&data)));
    request.limits = Limits { output_tokens: 500, text_chars: 1_000, ..Limits::default() };
    request
}
