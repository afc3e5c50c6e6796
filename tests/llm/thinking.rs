//! Models that think before they speak.

use std::time::Duration;

use moim::llm::{Answered, Endpoint, Finish, LlmError, NoAnswer, Request, Speaks, Thinking, Usage};
use serde_json::{Value, json};

use super::support::{BOTH, ask, chain, endpoint, mock, question, rest};

/// A question that leaves room for so many tokens of thoughts.
fn with_room(tokens: u32) -> Request {
    let mut request = question();
    request.limits.thought_tokens = tokens;
    request
}

#[tokio::test]
async fn who_fails_behind_a_thought_has_said_nothing_and_the_next_is_asked() {
    for speaks in BOTH {
        let mock = mock().await;
        for broken in ["think:3+silent", "think:3+garbage", "think:3+hang", "think:3+half+words:0"]
        {
            let models = vec![endpoint(speaks, &mock, broken), endpoint(speaks, &mock, "fast")];
            let request = question();
            let reply = chain(models).ask(&request).await;
            let Ok(Answered::Model { mut answer, tried }) = reply else {
                panic!("{broken}: {reply:?}");
            };
            assert_eq!(answer.model(), "fast");
            assert_eq!(rest(&mut answer).await.1, Ok(Finish::Stop));
            let used = tried[0].used(100).expect("it has read the question");
            assert!(used.output >= 3, "{speaks:?} {broken}: {used:?}");
        }
        let failing = chain(vec![endpoint(speaks, &mock, "think:3+error+words:0")]);
        let Err(NoAnswer { tried }) = failing.ask(&question()).await else { panic!("it answers") };
        assert_eq!((tried[0].error, tried[0].tries), (LlmError::Failing(503), 3), "tried again");
        assert_eq!(tried[0].used(100), Some(Usage { input: 100, output: 9 }));
    }
}

#[tokio::test]
async fn the_first_word_is_no_thought() {
    let mock = mock().await;
    let thinks = chain(vec![endpoint(BOTH[0], &mock, "think:40+words:2+no-done")]);
    let request = question();
    let Ok(Answered::Model { mut answer, .. }) = thinks.ask(&request).await else {
        panic!("no answer")
    };
    assert!(answer.first_after() >= Duration::from_millis(190), "{:?}", answer.first_after());
    assert_eq!(rest(&mut answer).await.1, Ok(Finish::Stop));
    assert_eq!((answer.usage(), answer.thoughts(), request.thoughts.tokens()), (None, 40, 40));
}

#[tokio::test]
async fn who_thinks_long_answers_all_the_same() {
    for speaks in BOTH {
        let mock = mock().await;
        let long = chain(vec![endpoint(speaks, &mock, "think:40+thought:64KB+words:3")]);
        let outcome = ask(&long, &question()).await;
        assert_eq!((outcome.text.is_empty(), outcome.end), (false, Ok(Finish::Stop)));
    }
}

#[tokio::test]
async fn there_is_room_to_think_beside_the_text() {
    for speaks in BOTH {
        let mock = mock().await;
        let name = "capped+think:1+thought:12KB+words:5";
        let outcome = ask(&chain(vec![endpoint(speaks, &mock, name)]), &question()).await;
        assert_eq!(outcome.end, Err(LlmError::NoRoom));
        let outcome = ask(&chain(vec![endpoint(speaks, &mock, name)]), &with_room(8_192)).await;
        assert_eq!((outcome.text.is_empty(), outcome.end), (false, Ok(Finish::Stop)));
        assert_eq!(outcome.usage.map(|usage| usage.output), Some(3_072 + 5));
        let asked: Vec<_> = mock.calls().iter().map(|call| limit(&call.body)).collect();
        assert_eq!(asked, [Some(2_000), Some(10_192)]);
    }
}

#[tokio::test]
async fn a_model_with_little_room_is_asked_without_thoughts() {
    for speaks in BOTH {
        let mock = mock().await;
        let small = chain(vec![endpoint(speaks, &mock, "window:4000")]);
        assert_eq!(ask(&small, &with_room(8_192)).await.end, Ok(Finish::Stop));
        let asked: Vec<_> = mock.calls().iter().map(|call| limit(&call.body)).collect();
        assert_eq!(asked, [Some(10_192), Some(2_000)]);
        let none = chain(vec![endpoint(speaks, &mock, "window:1000")]);
        assert_eq!(ask(&none, &with_room(8_192)).await.end, Err(LlmError::TooLarge));
    }
}

/// Tokens that were to be written at most.
fn limit(body: &Value) -> Option<u64> {
    body["max_tokens"].as_u64().or_else(|| body["generationConfig"]["maxOutputTokens"].as_u64())
}

#[tokio::test]
async fn how_much_to_think_is_said_only_by_who_wants_it() {
    let effort = |word: &str| Some(Thinking::Effort(word.to_owned()));
    let rows = [
        (Speaks::OpenAi, None, Value::Null),
        (Speaks::OpenAi, effort("low"), json!("low")),
        (Speaks::Gemini, None, Value::Null),
        (Speaks::Gemini, Some(Thinking::Tokens(0)), json!({ "thinkingBudget": 0 })),
        (
            Speaks::Gemini,
            Some(Thinking::Tokens(512)),
            json!({ "thinkingBudget": 512, "includeThoughts": true }),
        ),
        (Speaks::Gemini, effort("low"), json!({ "thinkingLevel": "low", "includeThoughts": true })),
    ];
    for (speaks, thinking, told) in rows {
        let mock = mock().await;
        let model = Endpoint { thinking, ..endpoint(speaks, &mock, "fast") };
        assert_eq!(ask(&chain(vec![model]), &question()).await.end, Ok(Finish::Stop));
        let body = mock.calls()[0].body.clone();
        let place = match speaks {
            Speaks::OpenAi => &body["reasoning_effort"],
            Speaks::Gemini => &body["generationConfig"]["thinkingConfig"],
        };
        assert_eq!(*place, told, "{speaks:?}");
    }
}
