//! A call that asks is told at once when there will be no answer, and then nothing stands in the room.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Models, ask, hear, on_both_with, talker};
use crate::support::{Person, TestApp};

on_both_with!("hang": a_room_that_is_busy_takes_no_call);

/// How many messages stand in a room.
async fn standing(app: &TestApp, person: &Person, room: &str) -> usize {
    let path = format!("/v1/rooms/{room}/messages?limit=200");
    app.rest.get(&person.token, &path).await["items"].as_array().unwrap().len()
}

/// A call that is to be refused.
async fn refused(app: &TestApp, person: &Person, path: &str, body: &Value) -> (u16, Value) {
    app.rest.refused(Method::POST, Some(&person.token), path, Some(body)).await
}

async fn a_room_that_is_busy_takes_no_call(app: &TestApp, models: &Models) {
    let (mina, room, mut at_mina) = talker(app, "mina").await;
    let (bob, _, mut at_bob) = talker(app, "bob").await;
    let path = format!("/v1/rooms/{room}/ai");
    let first = app.rest.post(&mina.token, &path, &json!({ "text": "one", "cid": "q" })).await;
    at_mina.expect("ai.start").await;
    ask(&mut at_mina, &room, "c-2", "@ai two").await;
    let waits = at_mina.expect("ai.wait").await["run"].clone();
    let (status, why) = refused(app, &bob, &path, &json!({ "text": "three", "cid": "q" })).await;
    assert_eq!((status, &why["code"]), (429, &json!("ai_busy")));
    assert!(why["retry_ms"].as_i64().unwrap() > 0, "{why}");
    at_bob.expect_none(|line| line["ev"] == "ai.refused").await;
    assert_eq!(standing(app, &bob, &room).await, 3, "two questions and an answer");
    // The same call again is the same question, however much waits by now.
    let again = app.rest.post(&mina.token, &path, &json!({ "text": "one", "cid": "q" })).await;
    assert_eq!(again, first);
    // Where there is a place again, it is taken.
    at_mina.ok(json!({ "op": "ai.stop", "run": waits })).await;
    crate::support::eventually("there is a place", async || {
        let call = (Method::POST, Some(bob.token.as_str()), Some(json!({ "text": "four" })));
        app.rest.send(call.0, call.1, &path, call.2.as_ref()).await.status() == 202
    })
    .await;
    assert_eq!(models.mock.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_by_the_call() {
    let models = Models::listen().await;
    let app = models.app_with("fast", &[("MOIM_AI_QUESTIONS_PER_MINUTE", "2")]).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    let path = format!("/v1/rooms/{room}/ai");
    let mut run = Value::Null;
    for _ in 0..2 {
        run = app.rest.post(&mina.token, &path, &json!({ "text": "hi" })).await["run"].clone();
        hear(&mut session).await;
    }
    let before = standing(&app, &mina, &room).await;
    let retry = format!("/v1/ai/runs/{}/retry", run.as_str().unwrap());
    for path in [path.as_str(), retry.as_str()] {
        let (status, why) = refused(&app, &mina, path, &json!({ "text": "hi" })).await;
        assert_eq!((status, &why["code"]), (429, &json!("ai_busy")), "{path}");
        let retry = why["retry_ms"].as_i64().unwrap();
        assert!(retry > 5_000 && retry <= 60_000, "until the minute is over: {why}");
    }
    assert_eq!(standing(&app, &mina, &room).await, before);
    assert_eq!(models.mock.calls().len(), 2);
    session.expect_none(|line| line["ev"] == "ai.refused").await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_budget_is_told_by_the_call() {
    let models = Models::listen().await;
    for setting in [
        "MOIM_AI_USER_TOKENS_PER_DAY",
        "MOIM_AI_ROOM_TOKENS_PER_DAY",
        "MOIM_AI_CLUB_TOKENS_PER_DAY",
        "MOIM_AI_TOKENS_PER_DAY",
    ] {
        let app = models.app_with("fast+words:20", &[(setting, "1500")]).await;
        let mina = app.person("mina").await;
        let (_, room) = app.club(&mina, "readers").await;
        let mut session = app.session(&mina).await;
        session.open(&room).await;
        let path = format!("/v1/rooms/{room}/ai");
        let (mut run, mut answered) = (String::new(), 0);
        let why = loop {
            let body = json!({ "text": "hello" });
            let call = app.rest.send(Method::POST, Some(&mina.token), &path, Some(&body)).await;
            let (status, said) = (call.status(), call.json::<Value>().await.unwrap());
            if status == 429 {
                break said;
            }
            assert_eq!(status, 202, "{said}");
            run = said["run"].as_str().unwrap().to_owned();
            assert_eq!(hear(&mut session).await.end["d"]["finish"], "stop");
            answered += 1;
            assert!(answered < 5, "{setting}: the budget is never used up");
        };
        assert_eq!(why["code"], "ai_budget", "{setting}");
        let retry = why["retry_ms"].as_i64().unwrap();
        assert!(retry > 0 && retry <= 86_400_000);
        assert!(answered > 0, "{setting}");
        assert_eq!(standing(&app, &mina, &room).await, 2 * answered, "{setting}");
        let path = format!("/v1/ai/runs/{run}/retry");
        let (status, why) = refused(&app, &mina, &path, &json!({})).await;
        assert_eq!((status, &why["code"]), (429, &json!("ai_budget")), "{setting}");
        session.expect_none(|line| line["ev"] == "ai.refused").await;
        app.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_needs_no_model_needs_no_budget() {
    let models = Models::listen().await;
    let app = models.app_with("fast", &[("MOIM_AI_USER_TOKENS_PER_DAY", "10")]).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    let path = format!("/v1/rooms/{room}/ai");
    let (status, why) = refused(&app, &mina, &path, &json!({ "text": "hello" })).await;
    assert_eq!((status, &why["code"]), (429, &json!("ai_budget")));
    super::set(&app, &mina, &room, json!({ "ai_model": "offline" })).await;
    app.rest.post(&mina.token, &path, &json!({ "text": "hello" })).await;
    assert_eq!(hear(&mut session).await.end["d"]["finish"], "stop");
    assert!(models.mock.calls().is_empty());
    app.end().await;
}
