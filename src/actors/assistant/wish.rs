//! What a question wishes for: an answer, or what its asker has missed. Pure.

use crate::domain::asked_words;

/// How people say that they want to know what they have missed, without spaces.
const WISHES: &str = "catchup catchmeup whatdidimiss whathaveimissed whativemissed whatimissed \
    따라잡기 따라잡게 밀린대화 밀린메시지 밀린거 밀린것 놓친대화 놓친메시지 놓친거 놓친것 뭐놓쳤어 뭐놓쳤지 \
    뭐놓쳤나 뭘놓쳤어 뭘놓쳤지 뭘놓쳤나";
/// What may stand before it and says nothing.
const BEFORE: &str = "hey hi hello please canyou couldyou 안녕하세요 안녕 내가 제가 좀";
/// What may stand behind it.
const BEHIND: &str = "please pls thanks thankyou 해줘 해줘요 해주세요 해줄래 해줄래요 해 정리 요약 \
    알려줘 알려줘요 알려주세요 보여줘 보여줘요 보여주세요 부탁 부탁해 부탁해요 부탁드려요 부탁합니다 \
    부탁드립니다 좀 를 을 요";

/// Whether somebody wants to know what they have missed.
pub(super) fn is_catch_up(text: &str) -> bool {
    let said: String = asked_words(text).collect();
    // Signs say nothing here, be it at the end or within: `catch-up`.
    let said: String = said.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let mut wish = said.as_str();
    loop {
        if WISHES.split_whitespace().any(|known| known == wish) {
            return true;
        }
        let before = BEFORE.split_whitespace().find_map(|word| wish.strip_prefix(word));
        let behind = BEHIND.split_whitespace().find_map(|word| wish.strip_suffix(word));
        match before.or(behind) {
            Some(rest) => wish = rest,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_catch_up_is_heard_in_two_languages() {
        for yes in [
            "catch up",
            "/ai Catch  Up",
            "/ai catch me up.",
            "@ai catch me up please",
            "hey @ai catch me up",
            "Hi @AI, please catch me up!",
            "catch me up, @ai",
            "/ai catch-up",
            "/ai what did I miss?",
            "/ai what have I missed?",
            "@ai what I’ve missed, thanks",
            "/ai can you catch me up, please?",
            "/ai 따라잡기",
            "/ai 따라잡기 해줘",
            "/ai 따라 잡기 좀 해 줘요~",
            "/ai 밀린 대화",
            "/ai 밀린 대화 정리해줘",
            "/ai 밀린 대화 정리해 줘",
            "/ai 밀린 대화를 요약해 주세요.",
            "@ai님 따라잡기",
            "안녕하세요 @ai님, 밀린 메시지 좀 부탁드려요",
            "놓친 대화 알려줘 @ai",
            "@ai 내가 뭐 놓쳤어?",
        ] {
            assert!(is_catch_up(yes), "{yes}");
        }
        for no in [
            "",
            "?",
            "@ai",
            "/ai please",
            "/ai 정리해 줘",
            "/ai 부탁해요",
            "catch up with mina",
            "/ai catch up with Tom tomorrow?",
            "@ai when do we catch up?",
            "/ai catch me up on the budget",
            "@bob catch me up",
            "/ai what did Bob miss?",
            "놓친",
            "/ai 따라잡기 모임은 언제예요?",
            "/ai 밀린 회비 정리해 줘",
            "/ai 밀린 대화방이 뭐예요?",
        ] {
            assert!(!is_catch_up(no), "{no}");
        }
    }
}
