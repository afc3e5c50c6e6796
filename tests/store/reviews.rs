//! Feedback on a learning note spends what an asker and a club may, and settles what it really took.

use std::sync::Arc;
use std::time::Duration;

use moim::actors::{AssistantSettings, Note, ReviewError, review};
use moim::domain::{ClubId, Day, Millis, UserId};
use moim::llm::{
    Chain, ChatModel, Finish, LlmError, Pace, Part, Price, Prices, ScriptedModel, Timing, Usage,
};
use moim::store::{Budget, Budgets, Manner, Spent};
use moim::telemetry::Metrics;

use crate::harness::{World, on_both};

on_both!(a_review_is_paid_for, a_review_that_fails_says_why, a_budget_that_is_used_up_asks_nobody);

fn note(asker: UserId, club: ClubId) -> Note {
    Note {
        asker,
        club,
        club_name: "readers".to_owned(),
        manner: Manner::default(),
        title: "B-trees".to_owned(),
        body: "an index is a tree".to_owned(),
    }
}

fn pace() -> Pace {
    Pace { pauses: [1, 2, 4].map(Duration::from_millis).to_vec(), ..Pace::default() }
}

fn settings(says: Result<&'static str, LlmError>) -> AssistantSettings {
    let model = ScriptedModel::new("judge", move |_request| match says {
        Ok(text) => vec![
            Ok(Part::Text(text.to_owned())),
            Ok(Part::Usage(Usage { input: 70, output: 30 })),
            Ok(Part::Finish(Finish::Stop)),
        ],
        Err(why) => vec![Err(why)],
    });
    let models = vec![Arc::new(model) as Arc<dyn ChatModel>];
    let price = ("judge".to_owned(), Price { input: 1_000_000, output: 2_000_000 });
    AssistantSettings {
        models: Arc::new(Chain::new(models, true, Timing::default())),
        prices: Prices::new([price]),
        minutes_ahead: 0,
        ..AssistantSettings::default()
    }
}

/// What was used today by somebody and in a club.
async fn spent(world: &World, asker: UserId, club: ClubId) -> [Spent; 2] {
    let today = Day::of(Millis::now(), 0);
    let [own, room, all] = world.store.ai_spent((asker, None), today).await.unwrap();
    assert_eq!((room, all), (Spent::default(), own), "it is no room's");
    [own, world.store.ai_spent_in_club(club, today).await.unwrap()]
}

async fn a_review_is_paid_for(world: World) {
    let mina = world.user("mina").await;
    let club = world.club("readers", mina).await.0.id;
    let settings = settings(Ok("well put | indexes are trees | 85"));
    let metrics = Metrics::new();
    let means = (&world.store, &settings, &metrics.assistant);
    let done = review(means, &note(mina, club), &pace()).await.unwrap();
    assert_eq!((done.review.score, done.model.as_str()), (85, "judge"));
    assert_eq!((done.tokens, done.micro_usd), ((70, 30), Some(130)));
    let numbers = metrics.text();
    for counted in [
        r#"moim_ai_reviews_total{outcome="done"} 1"#,
        r#"moim_ai_tokens_total{direction="in"} 70"#,
        r#"moim_ai_tokens_total{direction="out"} 30"#,
        "moim_ai_micro_usd_total 130",
    ] {
        assert!(numbers.contains(counted), "{counted} in {numbers}");
    }
    let used = Spent { tokens: 100, micro_usd: 130, runs: 1 };
    assert_eq!(spent(&world, mina, club).await, [used; 2]);
}

async fn a_review_that_fails_says_why(world: World) {
    let mina = world.user("mina").await;
    let club = world.club("readers", mina).await.0.id;
    let note = note(mina, club);
    let refused = async |settings: &AssistantSettings, note: &Note| {
        let metrics = Metrics::new();
        let means = (&world.store, settings, &metrics.assistant);
        let why = review(means, note, &pace()).await.unwrap_err();
        let counted = format!("moim_ai_reviews_total{{outcome=\"{}\"}} 1", why.kind());
        assert!(metrics.text().contains(&counted), "{}", metrics.text());
        why
    };
    let offline = AssistantSettings::default();
    assert_eq!(refused(&offline, &note).await, ReviewError::NoModel);
    let off = AssistantSettings { is_on: false, ..settings(Ok("a | b | 5")) };
    assert_eq!(refused(&off, &note).await.kind(), "no_model");
    let none = Manner { model: "offline".to_owned(), ..Manner::default() };
    let unwanted = Note { manner: none, ..note.clone() };
    assert_eq!(refused(&settings(Ok("a | b | 5")), &unwanted).await.kind(), "no_model");
    assert_eq!(spent(&world, mina, club).await, [Spent::default(); 2]);
    // Nobody has read it: it costs nothing, and counts as one.
    let down = LlmError::Failing(500);
    assert_eq!(refused(&settings(Err(down)), &note).await, ReviewError::Model(down));
    let free = Spent { runs: 1, ..Spent::default() };
    assert_eq!(spent(&world, mina, club).await, [free; 2]);
    assert_eq!(refused(&settings(Ok("plain")), &note).await, ReviewError::Format);
    let used = Spent { tokens: 100, micro_usd: 130, runs: 2 };
    assert_eq!(spent(&world, mina, club).await, [used; 2]);
}

async fn a_budget_that_is_used_up_asks_nobody(world: World) {
    let mina = world.user("mina").await;
    let club = world.club("readers", mina).await.0.id;
    let little = Budget { tokens: 300, micro_usd: 0 };
    let by_user = Budgets { user: little, ..Budgets::default() };
    for budgets in [by_user, Budgets { club: little, ..Budgets::default() }] {
        let settings = AssistantSettings { budgets, ..settings(Ok("a | b | 5")) };
        let (metrics, note) = (Metrics::new(), note(mina, club));
        let means = (&world.store, &settings, &metrics.assistant);
        let why = review(means, &note, &pace()).await.unwrap_err();
        assert!(matches!(why, ReviewError::Budget { .. }), "{why:?}");
        assert_eq!(why.kind(), "ai_budget");
    }
    assert_eq!(spent(&world, mina, club).await, [Spent::default(); 2]);
}
