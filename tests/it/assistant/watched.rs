//! What operators see of the assistant: its actors while an answer is spoken, and its numbers. And what
//! is counted of models that have read a question, and did not answer.

use moim::actors::Note;
use moim::store::Manner;
use serde_json::{Value, json};

use super::{Models, ask, hear, talker};
use crate::support::{TestApp, eventually};

/// The actors of a kind, below one.
fn of_kind(actor: &Value, kind: &str) -> Vec<Value> {
    let below = actor["children"].as_array().unwrap().iter();
    let mut found: Vec<_> = below.flat_map(|child| of_kind(child, kind)).collect();
    found.extend((actor["kind"] == kind).then(|| actor.clone()));
    found
}

async fn root(app: &TestApp, token: &str) -> Value {
    app.rest.get(token, "/v1/admin/actors").await["root"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_are_seen_while_one_speaks() {
    let models = Models::listen().await;
    let app = models.app("tps:20+words:2000").await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai tell me something long").await;
    let run = session.expect("ai.start").await["d"]["run"].clone();
    let delta = session.expect("ai.delta").await;
    let seen = root(&app, &mina.token).await;
    let assistants = of_kind(&seen, "assistants");
    assert_eq!(assistants.len(), 1, "{seen}");
    let assistant = &of_kind(&assistants[0], "assistant")[0];
    let speaking = &of_kind(assistant, "run")[0];
    let said = delta["text"].as_str().unwrap().len() as u64;
    for actor in [assistant, speaking] {
        let about = &actor["run"];
        assert_eq!((&about["id"], &about["room_id"]), (&run, &json!(room)), "{actor}");
        assert!(about["bytes"].as_u64().unwrap() >= said, "{actor}");
        assert!(about["age_ms"].as_f64().unwrap() > 0.0, "{actor}");
    }
    assert_eq!(app.metric("moim_ai_working").await, 1.0);
    session.ok(json!({ "op": "ai.stop", "run": run })).await;
    session.expect("ai.end").await;
    eventually("they are gone", async || {
        let seen = root(&app, &mina.token).await;
        of_kind(&seen, "assistant").is_empty() && of_kind(&seen, "run").is_empty()
    })
    .await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_left_alone_is_seen() {
    let models = Models::listen().await;
    let often = [("MOIM_AI_QUESTIONS_PER_MINUTE", "100")];
    let app = models.app_with("silent", &often).await;
    let (_, room, mut session) = talker(&app, "mina").await;
    let breaker = r#"moim_ai_breaker{provider="openai",model="silent"}"#;
    assert_eq!(app.metric(breaker).await, 0.0);
    for n in 0..5 {
        ask(&mut session, &room, &format!("c-{n}"), "@ai hello").await;
        assert_eq!(hear(&mut session).await.end["d"]["finish"], "error");
    }
    assert_eq!(app.metric(breaker).await, 2.0);
    let ended = r#"moim_ai_ended_total{outcome="bad_answer"}"#;
    eventually("the ends are counted", async || app.metric(ended).await == 5.0).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_without_an_answer_are_counted() {
    let models = Models::listen().await;
    let app = models.app("hang").await;
    let (_, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai one").await;
    session.expect("ai.start").await;
    ask(&mut session, &room, "c-2", "@ai two").await;
    let waits = session.expect("ai.wait").await["run"].clone();
    assert_eq!(app.metric("moim_ai_waiting").await, 1.0);
    ask(&mut session, &room, "c-3", "@ai three").await;
    session.expect("ai.refused").await;
    assert_eq!(app.metric(r#"moim_ai_refused_total{code="ai_busy"}"#).await, 1.0);
    session.ok(json!({ "op": "ai.stop", "run": waits })).await;
    eventually("it is taken back", async || app.metric("moim_ai_taken_back_total").await == 1.0)
        .await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_has_read_in_vain_is_counted() {
    let models = Models::listen().await;
    // It answers with nothing: it has read the question, and another answers instead.
    let (second, prices) = ("words:3", "silent=2000000/4000000, words:3=1000000/1000000");
    let fallback = [
        ("MOIM_LLM_FALLBACK_PROVIDER", "openai"),
        ("MOIM_LLM_FALLBACK_BASE_URL", models.url.as_str()),
        ("MOIM_LLM_FALLBACK_MODEL", second),
        ("MOIM_AI_PRICES", prices),
    ];
    let app = models.app_with("silent", &fallback).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let end = hear(&mut session).await.end["d"].clone();
    assert_eq!((&end["model"], &end["finish"]), (&json!(second), &json!("stop")));
    let used = &end["use"];
    let number = |of: &Value| of.as_i64().unwrap();
    let (input, output, cost) =
        (number(&used["in"]), number(&used["out"]), number(&used["micro_usd"]));
    assert_eq!(used["guessed"], true, "nobody has counted what the first has read");
    // The first costs twice as much for a token that is read.
    assert!(cost > input + output, "{end}");
    let spent = app.rest.get(&mina.token, "/v1/me/ai/usage").await;
    assert_eq!((&spent["tokens"], &spent["micro_usd"]), (&json!(input + output), &json!(cost)));
    eventually("it is counted", async || {
        app.metric("moim_ai_micro_usd_total").await == cost as f64
    })
    .await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_an_answer_without_a_model_is_counted() {
    let models = Models::listen().await;
    let last = [("MOIM_AI_OFFLINE_LAST", "true"), ("MOIM_AI_PRICES", "silent=1000000/1000000")];
    for (model, is_read) in [("silent", true), ("500", false)] {
        let app = models.app_with(model, &last).await;
        let (mina, room, mut session) = talker(&app, "mina").await;
        ask(&mut session, &room, "c-1", "@ai hello").await;
        let end = hear(&mut session).await.end["d"].clone();
        assert_eq!((&end["model"], &end["finish"]), (&json!("offline"), &json!("stop")));
        let input = end["use"]["in"].as_i64().unwrap();
        assert_eq!(input > 0, is_read, "{model}: {end}");
        assert_eq!(end["use"]["micro_usd"].as_i64().unwrap_or(0), input, "{model}");
        let spent = app.rest.get(&mina.token, "/v1/me/ai/usage").await;
        assert_eq!(spent["tokens"], input, "{model}");
        app.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_of_notes_are_counted() {
    let models = Models::listen().await;
    let app = models.app_with("words:3", &[("MOIM_AI_PRICES", "words:3=1000000/1000000")]).await;
    let mina = app.person("mina").await;
    let (club, _) = app.club(&mina, "readers").await;
    let note = Note {
        asker: mina.id.parse().unwrap(),
        club: club.parse().unwrap(),
        club_name: "readers".to_owned(),
        manner: Manner::default(),
        title: "B-trees".to_owned(),
        body: "an index is a tree".to_owned(),
    };
    // Its words have not the form of a review: it is paid, and told as what it is.
    assert_eq!(app.rooms.review(note).await.unwrap_err().kind(), "format");
    assert_eq!(app.metric(r#"moim_ai_reviews_total{outcome="format"}"#).await, 1.0);
    let spent = app.rest.get(&mina.token, "/v1/me/ai/usage").await["tokens"].as_f64().unwrap();
    let [read, written] =
        ["in", "out"].map(|of| format!("moim_ai_tokens_total{{direction=\"{of}\"}}"));
    let counted = app.metric(&read).await + app.metric(&written).await;
    assert!(counted > 0.0 && counted == spent, "{counted} and {spent}");
    assert_eq!(app.metric("moim_ai_micro_usd_total").await, spent);
    app.end().await;
}
