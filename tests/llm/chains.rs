//! Who is asked when somebody fails, and when nobody is asked at all.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use moim::llm::{
    Answered, Chain, ChatModel, Endpoint, Finish, LlmError, OFFLINE, Part, Request, ScriptedModel,
    Wait,
};

use super::support::{BOTH, ask, chain, endpoint, mock, model, question, rest, timing};

#[tokio::test]
async fn the_next_is_asked_when_one_fails_before_its_first_word() {
    let (first, second) = (mock().await, mock().await);
    for broken in ["500", "429", "hang", "garbage", "401", "404", "silent", "413"] {
        let chain =
            chain(vec![endpoint(BOTH[1], &first, broken), endpoint(BOTH[0], &second, "fast")]);
        let Ok(Answered::Model { mut answer, tried }) = chain.ask(&question()).await else {
            panic!("{broken}: no answer");
        };
        assert_eq!((answer.provider(), answer.model()), ("openai", "fast"));
        assert_eq!(rest(&mut answer).await.1, Ok(Finish::Stop));
        assert_eq!((tried.len(), tried[0].provider), (1, "gemini"));
        assert!(first.asked(broken) > 0);
    }
    let chain =
        chain(vec![endpoint(BOTH[0], &first, "half"), endpoint(BOTH[0], &second, "words:9")]);
    let outcome = ask(&chain, &question()).await;
    assert_eq!(outcome.end, Err(LlmError::BrokenOff), "not behind the first word");
    assert_eq!(second.asked("words:9"), 0);
}

#[tokio::test]
async fn without_a_model_the_answer_is_offline() {
    let mock = mock().await;
    let reply = Chain::offline().ask(&question()).await;
    assert!(matches!(reply, Ok(Answered::Offline { tried }) if tried.is_empty()));
    let models = vec![model(endpoint(BOTH[0], &mock, "401"))];
    let reply = Chain::new(models, true, timing()).ask(&question()).await;
    let Ok(Answered::Offline { tried }) = reply else { panic!("{reply:?}") };
    assert_eq!(tried[0].error, LlmError::BadKey);
}

#[tokio::test]
async fn one_that_keeps_failing_is_left_alone_and_probed_once() {
    let mock = mock().await;
    let name = "flaky:15";
    let chain = chain(vec![endpoint(BOTH[0], &mock, name)]);
    for _ in 0..5 {
        assert_eq!(ask(&chain, &question()).await.end, Err(LlmError::Failing(500)));
    }
    assert_eq!(mock.asked(name), 15);
    let resting = ask(&chain, &question()).await;
    assert!(matches!(resting.end, Err(LlmError::Resting { .. })), "{resting:?}");
    assert_eq!((mock.asked(name), resting.tries), (15, 0));
    // As soon as its time has come, one of many goes through, and it is well again.
    let question = question();
    loop {
        let outcomes = join_all((0..10).map(|_| ask(&chain, &question))).await;
        let answered = outcomes.iter().filter(|outcome| outcome.end == Ok(Finish::Stop)).count();
        if answered > 0 {
            assert_eq!((answered, mock.asked(name)), (1, 16), "exactly one probe");
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&chain, &question).await.end, Ok(Finish::Stop));
}

#[tokio::test]
async fn a_probe_that_fails_is_one_call_and_what_is_not_its_fault_opens_nothing() {
    let mock = mock().await;
    let chain = chain(vec![endpoint(BOTH[0], &mock, "500")]);
    for _ in 0..5 {
        ask(&chain, &question()).await;
    }
    let before = mock.asked("500");
    while mock.asked("500") == before {
        ask(&chain, &question()).await;
    }
    assert_eq!(mock.asked("500"), before + 1);
    assert!(matches!(ask(&chain, &question()).await.end, Err(LlmError::Resting { .. })));
    for alive in ["401", "404", "413", "filter"] {
        let chain = self::chain(vec![endpoint(BOTH[0], &mock, alive)]);
        for _ in 0..7 {
            let end = ask(&chain, &question()).await.end;
            assert!(!matches!(end, Err(LlmError::Resting { .. })), "{alive}");
        }
    }
}

#[tokio::test]
async fn a_broken_answer_counts_and_a_dropped_one_does_not() {
    let mock = mock().await;
    let half = chain(vec![endpoint(BOTH[0], &mock, "half")]);
    for _ in 0..5 {
        assert_eq!(ask(&half, &question()).await.end, Err(LlmError::BrokenOff));
    }
    assert!(matches!(ask(&half, &question()).await.end, Err(LlmError::Resting { .. })));
    let dropped = chain(vec![endpoint(BOTH[0], &mock, "hang-after:1")]);
    for _ in 0..7 {
        assert!(matches!(dropped.ask(&question()).await, Ok(Answered::Model { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn the_usual_times_are_those_of_the_rules() {
    let silent = || ScriptedModel::new("s", |_| vec![Err(LlmError::Failing(500))]);
    let chain =
        Chain::new(vec![Arc::new(silent()) as Arc<dyn ChatModel>], false, Default::default());
    let began = tokio::time::Instant::now();
    let why = chain.ask(&question()).await.expect_err("it fails");
    assert_eq!((why.tried[0].tries, began.elapsed()), (3, Duration::from_millis(2_500)));
    let later = LlmError::RateLimited { retry_after: Some(Duration::from_secs(10)) };
    let limited = ScriptedModel::new("l", move |_| vec![Err(later)]);
    let chain =
        Chain::new(vec![Arc::new(limited) as Arc<dyn ChatModel>], false, Default::default());
    let began = tokio::time::Instant::now();
    let _why = chain.ask(&question()).await.expect_err("it fails");
    assert_eq!(began.elapsed(), Duration::from_secs(20));
    let whole = Wait::Whole;
    assert_eq!(LlmError::Timeout(whole).kind(), "timeout");
}

#[tokio::test]
async fn a_script_is_a_model_too() {
    let parrot = ScriptedModel::saying("parrot", |request| request.turns[0].text.clone());
    let chain = Chain::new(vec![Arc::new(parrot) as Arc<dyn ChatModel>], false, timing());
    let outcome = ask(&chain, &question()).await;
    assert_eq!((outcome.text.as_str(), outcome.end), ("안녕? What is up?", Ok(Finish::Stop)));
    let broken = ScriptedModel::new("b", |_| {
        vec![Ok(Part::Text("a".to_owned())), Err(LlmError::BadAnswer("it is not JSON"))]
    });
    let chain = Chain::new(vec![Arc::new(broken) as Arc<dyn ChatModel>], false, timing());
    assert_eq!(ask(&chain, &question()).await.text, "a");
}

#[tokio::test]
async fn who_offers_what_is_wished_for_is_asked_first() {
    let mock = mock().await;
    let first = Endpoint { models: vec!["words:2".to_owned()], ..endpoint(BOTH[0], &mock, "fast") };
    let chain = chain(vec![first, endpoint(BOTH[1], &mock, "words:3")]);
    for (wish, asked) in [
        (None, "fast"),
        (Some("fast"), "fast"),
        (Some("words:2"), "words:2"),
        (Some("words:3"), "words:3"),
        (Some("unheard"), "fast"),
    ] {
        let request = Request { model: wish.map(str::to_owned), ..question() };
        assert_eq!(chain.first_model(&request).as_deref(), Some(asked));
        assert_eq!(ask(&chain, &request).await.model, asked, "{wish:?}");
    }
    let request = Request { model: Some(OFFLINE.to_owned()), ..question() };
    let before = mock.calls().len();
    let reply = chain.ask(&request).await;
    assert!(matches!(reply, Ok(Answered::Offline { tried }) if tried.is_empty()));
    assert_eq!((chain.first_model(&request), mock.calls().len()), (None, before));
}
