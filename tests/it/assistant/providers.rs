//! Models that think, fail and cost: who else is asked, what is counted, and who is told how it ended.

use serde_json::{Value, json};

use super::{Models, ask, hear, on_both_with, talker};
use crate::support::{Person, TestApp};

mod thinking {
    use super::what_nobody_counted_is_guessed_and_has_no_price;

    super::on_both_with!("think:3+no-done+words:4": what_nobody_counted_is_guessed_and_has_no_price);
}

mod breaking {
    use super::who_went_is_told_that_it_broke_off;

    super::on_both_with!("half+words:3": who_went_is_told_that_it_broke_off);
}

mod silent {
    use super::who_went_is_told_that_there_is_no_answer;

    super::on_both_with!("garbage": who_went_is_told_that_there_is_no_answer);
}

mod long {
    use super::who_stopped_it_is_not_told;

    super::on_both_with!("tps:20+words:2000": who_stopped_it_is_not_told);
}

async fn what_nobody_counted_is_guessed_and_has_no_price(app: &TestApp, _models: &Models) {
    let (mina, room, mut session) = talker(app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let end = hear(&mut session).await.end["d"].clone();
    assert_eq!((&end["finish"], &end["use"]["guessed"]), (&json!("stop"), &json!(true)), "{end}");
    // Three thoughts, and some words.
    assert!(end["use"]["out"].as_i64().unwrap() > 3 + 4, "{end}");
    let path = format!("/v1/ai/runs/{}", end["run"].as_str().unwrap());
    let told = app.rest.get(&mina.token, &path).await["use"].clone();
    assert_eq!((&told["guessed"], &told["micro_usd"]), (&json!(true), &Value::Null), "{told}");
    assert_eq!((&told["in"], &told["out"]), (&end["use"]["in"], &end["use"]["out"]));
    let spent = app.rest.get(&mina.token, "/v1/me/ai/usage").await["tokens"].clone();
    let used = end["use"]["in"].as_i64().unwrap() + end["use"]["out"].as_i64().unwrap();
    assert_eq!(spent, used);
}

/// Asks without having the room open; gives the run.
async fn ask_from_afar(app: &TestApp, who: &Person, room: &str) -> Value {
    let path = format!("/v1/rooms/{room}/ai");
    app.rest.post(&who.token, &path, &json!({ "text": "hello?" })).await["run"].clone()
}

async fn who_went_is_told_that_it_broke_off(app: &TestApp, _models: &Models) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    ask_from_afar(app, &mina, &room).await;
    let told = session.expect("inbox").await["d"].clone();
    assert_eq!((&told["kind"], &told["from"]), (&json!("reply"), &json!("u_ai")), "{told}");
    let path = format!("/v1/rooms/{room}/messages");
    let listed = app.rest.get(&mina.token, &path).await;
    let answer = listed["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&told["message"], &answer["ai"]["finish"]), (&answer["id"], &json!("error")));
    let body = told["body"].as_str().unwrap().trim();
    assert!(!body.is_empty() && answer["text"].as_str().unwrap().starts_with(body), "{told}");
}

async fn who_went_is_told_that_there_is_no_answer(app: &TestApp, _models: &Models) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    ask_from_afar(app, &mina, &room).await;
    let told = session.expect("inbox").await["d"].clone();
    assert_eq!((&told["kind"], &told["from"]), (&json!("reply"), &json!("u_ai")), "{told}");
    assert!(!told["body"].as_str().unwrap().is_empty(), "{told}");
}

async fn who_stopped_it_is_not_told(app: &TestApp, _models: &Models) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    let mut open = app.session(&mina).await;
    let run = ask_from_afar(app, &mina, &room).await;
    let path = format!("/v1/ai/runs/{}", run.as_str().unwrap());
    crate::support::eventually("it has begun", async || {
        app.rest.get(&mina.token, &path).await["status"] == "running"
    })
    .await;
    session.ok(json!({ "op": "ai.stop", "run": run })).await;
    crate::support::eventually("it is over", async || {
        app.rest.get(&mina.token, &path).await["finish"] == "cancel"
    })
    .await;
    open.expect_none(|line| line["ev"] == "inbox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_thinks_and_fails_is_followed_by_the_fallback() {
    let models = Models::listen().await;
    let fallback = [
        ("MOIM_LLM_FALLBACK_PROVIDER", "openai"),
        ("MOIM_LLM_FALLBACK_BASE_URL", models.url.as_str()),
        ("MOIM_LLM_FALLBACK_MODEL", "words:5"),
    ];
    let app = models.app_with("think:30+silent", &fallback).await;
    let (_, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let end = hear(&mut session).await.end["d"].clone();
    assert_eq!((&end["finish"], &end["model"]), (&json!("stop"), &json!("words:5")), "{end}");
    assert!(end["use"]["out"].as_i64().unwrap() >= 30, "thoughts in vain count: {end}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_thinks_has_room_for_it() {
    let models = Models::listen().await;
    let url = models.url.replace("/v1", "/v1beta");
    let gemini = [
        ("MOIM_LLM_PROVIDER", "gemini"),
        ("MOIM_LLM_BASE_URL", url.as_str()),
        ("MOIM_LLM_MODEL", "capped+think:1+thought:12KB+words:5"),
    ];
    for (more, finish) in [(&[][..], "stop"), (&[("MOIM_AI_THOUGHT_TOKENS", "0")][..], "error")] {
        let app = TestApp::spawn_with(&[&gemini, more].concat()).await;
        let (mina, room, mut session) = talker(&app, "mina").await;
        ask(&mut session, &room, "c-1", "@ai hello").await;
        let end = hear(&mut session).await.end["d"].clone();
        assert_eq!(end["finish"], finish, "{end}");
        let path = format!("/v1/ai/runs/{}", end["run"].as_str().unwrap());
        let error = app.rest.get(&mina.token, &path).await["error"].clone();
        assert_eq!(error == "no_room", finish == "error", "{error}");
        app.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_in_money_holds_for_the_dearest_model() {
    for (limit, is_enough) in [("5000", false), ("500000", true)] {
        let models = Models::listen().await;
        let settings = [
            ("MOIM_LLM_FALLBACK_PROVIDER", "openai"),
            ("MOIM_LLM_FALLBACK_BASE_URL", models.url.as_str()),
            ("MOIM_LLM_FALLBACK_MODEL", "words:5"),
            ("MOIM_AI_PRICES", "404=1000/1000,words:5=50000000/50000000"),
            ("MOIM_AI_USER_MICRO_USD_PER_DAY", limit),
        ];
        let app = models.app_with("404", &settings).await;
        let (mina, room, mut session) = talker(&app, "mina").await;
        ask(&mut session, &room, "c-1", "@ai hello").await;
        if is_enough {
            assert_eq!(hear(&mut session).await.end["d"]["finish"], "stop");
            let most = models.mock.calls()[1].body["max_tokens"].as_i64().unwrap();
            assert!(most * 50 <= 500_000, "the model is told: {most}");
        } else {
            assert_eq!(session.expect("ai.refused").await["code"], "ai_budget");
            assert_eq!(models.mock.calls().len(), 0);
        }
        let spent = app.rest.get(&mina.token, "/v1/me/ai/usage").await;
        assert!(spent["micro_usd"].as_i64().unwrap() <= limit.parse().unwrap(), "{spent}");
        app.end().await;
    }
}
