//! Feedback on a learning note: asked for again when the provider is in trouble, and never when its
//! answer has the wrong form.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moim::llm::prompts::{Language, Place, TilReview, til_review};
use moim::llm::{
    Chain, ChatModel, Finish, LlmError, Pace, Part, Request, Reviewing, ScriptedModel, Unreviewed,
    Usage, review,
};

use super::support::{BOTH, chain, endpoint, mock, timing};

const GOOD: &str = "well put | indexes are trees | 85";

fn note() -> Request {
    let place = Place {
        language: Language::En,
        club: Some("readers"),
        room: "",
        persona: None,
        assistant: "AI",
        minutes_ahead: 0,
    };
    til_review(&TilReview { place, title: "B-trees", body: "an index is a tree", seed: 7 })
}

fn quick() -> Pace {
    Pace {
        answer: Duration::from_secs(5),
        pauses: [1, 2, 4].map(Duration::from_millis).to_vec(),
        ..Pace::default()
    }
}

/// A model that says these, one a call, and the last one from then on.
fn says(lines: Vec<Result<&'static str, LlmError>>) -> (Chain, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let model = ScriptedModel::new("script", move |_request| {
        let at = counted.fetch_add(1, Ordering::SeqCst) as usize;
        match lines[at.min(lines.len() - 1)] {
            Ok(text) => vec![
                Ok(Part::Text(text.to_owned())),
                Ok(Part::Usage(Usage { input: 10, output: 3 })),
                Ok(Part::Finish(Finish::Stop)),
            ],
            Err(why) => vec![Err(why)],
        }
    });
    (Chain::new(vec![Arc::new(model) as Arc<dyn ChatModel>], false, timing()), calls)
}

#[tokio::test(start_paused = true)]
async fn two_failures_are_two_pauses_and_a_review() {
    let (chain, calls) =
        says(vec![Err(LlmError::Failing(500)), Err(LlmError::Failing(500)), Ok(GOOD)]);
    let began = tokio::time::Instant::now();
    let done = review(&chain, &note(), &Pace::default()).await;
    assert_eq!(began.elapsed(), Duration::from_secs(2 + 4));
    let review = done.outcome.expect("a review");
    assert_eq!((review.feedback.as_str(), review.score), ("well put", 85));
    assert_eq!((done.tries, calls.load(Ordering::SeqCst)), (3, 3));
    assert_eq!((done.model.as_str(), done.usage), ("script", Usage { input: 10, output: 3 }));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_stays_in_trouble_is_asked_four_times() {
    for (why, seconds) in [
        (LlmError::Failing(503), 2 + 4 + 8),
        (LlmError::Unreachable, 2 + 4 + 8),
        (LlmError::BrokenOff, 2 + 4 + 8),
        (LlmError::RateLimited { retry_after: Some(Duration::from_secs(5)) }, 5 + 5 + 8),
    ] {
        let (chain, calls) = says(vec![Err(why)]);
        let began = tokio::time::Instant::now();
        let done = review(&chain, &note(), &Pace::default()).await;
        assert_eq!(done.outcome, Err(Unreviewed::Model(why)));
        assert_eq!(calls.load(Ordering::SeqCst), 4, "{why}");
        assert_eq!(began.elapsed(), Duration::from_secs(seconds), "{why}");
        // What a model may have read is counted, each time.
        assert_eq!(done.usage.input > 0, why.may_have_cost(), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_fail_again_is_asked_once() {
    let minute = Some(Duration::from_secs(60));
    for why in
        [LlmError::BadKey, LlmError::UnknownModel, LlmError::RateLimited { retry_after: minute }]
    {
        let (chain, calls) = says(vec![Err(why)]);
        let done = review(&chain, &note(), &Pace::default()).await;
        assert_eq!((done.outcome, done.tries), (Err(Unreviewed::Model(why)), 1));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_wrong_form_is_asked_once() {
    for wrong in ["a | b", "a | b | c | 5", "a | b | 101", " | b | 5", "a | b | 5.5", "plain"] {
        let (chain, calls) = says(vec![Ok(wrong)]);
        let done = review(&chain, &note(), &quick()).await;
        assert_eq!(done.outcome, Err(Unreviewed::Format), "{wrong}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{wrong}");
        assert_eq!(done.usage, Usage { input: 10, output: 3 }, "it costs all the same");
    }
}

#[tokio::test]
async fn without_a_model_there_is_none() {
    let done = review(&Chain::offline(), &note(), &quick()).await;
    assert_eq!((done.outcome, done.tries), (Err(Unreviewed::NoModel), 0));
}

#[tokio::test]
async fn providers_are_asked_over_real_sockets() {
    for speaks in BOTH {
        for (model, tries) in [("flaky:2", 3), ("garbage", 1), ("fast", 1), ("half", 4), ("500", 4)]
        {
            let mock = mock().await;
            let chain = chain(vec![endpoint(speaks, &mock, model)]);
            let done: Reviewing = review(&chain, &note(), &quick()).await;
            assert_eq!((done.tries, mock.calls().len()), (tries, tries as usize), "{model}");
            // The mock knows no form: what it answers is wrong, and what fails has failed.
            let is_answer = ["flaky:2", "fast"].contains(&model);
            assert_eq!(done.outcome == Err(Unreviewed::Format), is_answer, "{model}: {done:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_given_up_after_half_a_minute() {
    #[derive(Debug)]
    struct Slow;
    impl ChatModel for Slow {
        fn provider(&self) -> &'static str {
            "slow"
        }
        fn model_for(&self, _request: &Request) -> String {
            "slow".to_owned()
        }
        fn ask<'a>(&'a self, _request: &'a Request) -> moim::llm::Asked<'a> {
            Box::pin(std::future::pending())
        }
    }
    let chain = Chain::new(vec![Arc::new(Slow) as Arc<dyn ChatModel>], false, timing());
    let began = tokio::time::Instant::now();
    let done = review(&chain, &note(), &Pace::default()).await;
    assert!(matches!(done.outcome, Err(Unreviewed::Model(LlmError::Timeout(_)))), "{done:?}");
    assert_eq!((done.tries, began.elapsed()), (1, Duration::from_secs(30)));
}
