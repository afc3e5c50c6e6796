//! However badly a model behaves: exactly one end, in words that its readers understand, and the
//! room goes on.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Heard, Models, ask, hear, talker};
use crate::support::TestApp;

/// Asks once of a server whose model behaves so; the answer as it was heard, and what an admin sees
/// of its run.
async fn asked(model: &str) -> (Heard, Value) {
    let models = Models::listen().await;
    let quick = [
        ("MOIM_AI_FIRST_TOKEN_MS", "400"),
        ("MOIM_AI_BETWEEN_TOKENS_MS", "400"),
        ("MOIM_AI_ANSWER_MS", "6000"),
    ];
    let app = models.app_with(model, &quick).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let heard = hear(&mut session).await;
    let run = heard.start["d"]["run"].as_str().unwrap();
    let run = app.rest.get(&mina.token, &format!("/v1/ai/runs/{run}")).await;
    assert!(!heard.end.to_string().contains("sk-very-secret"));
    the_room_goes_on(&app, &room, &mut session).await;
    app.end().await;
    (heard, run)
}

async fn the_room_goes_on(_app: &TestApp, room: &str, session: &mut crate::support::Client) {
    let sent = session.send(room, "after", "we talk on").await;
    assert_eq!(sent["dup"], false);
    session.expect_none(|line| line["ev"] == "ai.end" || line["ev"] == "ai.start").await;
}

async fn breaks_off(model: &str, told: &str, kind: &str) {
    let (heard, run) = asked(model).await;
    // What no model has read costs nothing; what one may have read is guessed.
    let was_read = ["timeout", "bad_answer", "declined"].contains(&kind);
    let is_counted = heard.end["d"]["use"]["in"].as_i64().unwrap() > 0;
    assert_eq!(is_counted, was_read, "{model}: {}", heard.end);
    let end = &heard.end["d"];
    assert_eq!((&end["finish"], &end["error"]), (&json!("error"), &json!(told)), "{model}");
    assert_eq!(run["error"], kind, "{model}");
    assert_eq!(heard.joined(), heard.text(), "{model}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_says_nothing() {
    breaks_off("hang", "timeout", "timeout").await;
    breaks_off("silent", "unavailable", "bad_answer").await;
    breaks_off("filter", "declined", "declined").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_refuses() {
    breaks_off("429:60", "busy", "rate_limited").await;
    breaks_off("404", "unavailable", "unknown_model").await;
    breaks_off("key:other", "unavailable", "bad_key").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_fails() {
    breaks_off("500", "unavailable", "unavailable").await;
    breaks_off("garbage", "unavailable", "bad_answer").await;
    breaks_off("wrong-json", "unavailable", "bad_answer").await;
    breaks_off("bad-utf8", "unavailable", "bad_answer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_breaks_off_leaves_what_it_said() {
    for (model, told) in [("half+words:9", "unavailable"), ("hang-after:9", "timeout")] {
        let (heard, _run) = asked(model).await;
        assert_eq!(heard.end["d"]["error"], told, "{model}");
        assert!(!heard.text().is_empty() && heard.joined() == heard.text(), "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_never_stops_is_cut() {
    for model in ["endless", "huge:10MB"] {
        let (heard, _run) = asked(model).await;
        assert_eq!(heard.end["d"]["finish"], "length", "{model}");
        assert!(heard.text().chars().count() <= 4_000);
        assert_eq!(heard.joined(), heard.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_not_there() {
    let settings = [
        ("MOIM_LLM_PROVIDER", "openai"),
        ("MOIM_LLM_BASE_URL", "http://127.0.0.1:9/v1"),
        ("MOIM_LLM_MODEL", "nobody"),
    ];
    let app = TestApp::spawn_with(&settings).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let heard = hear(&mut session).await;
    assert_eq!(
        (&heard.end["d"]["finish"], &heard.end["d"]["error"]),
        (&json!("error"), &json!("unavailable"))
    );
    assert_eq!(heard.end["d"]["use"]["in"], 0, "nobody has read it");
    let used = app.rest.get(&mina.token, "/v1/me/ai/usage").await;
    assert_eq!((&used["tokens"], &used["runs"]), (&json!(0), &json!(1)));
    the_room_goes_on(&app, &room, &mut session).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_answer_goes_on_where_it_broke() {
    let models = Models::listen().await;
    let app = models.app_with("hang-after:6", &[("MOIM_AI_BETWEEN_TOKENS_MS", "300")]).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let broken = hear(&mut session).await;
    let path = format!("/v1/ai/runs/{}/continue", broken.start["d"]["run"].as_str().unwrap());
    app.rest.post(&mina.token, &path, &json!({})).await;
    let more = hear(&mut session).await;
    assert!(more.text().starts_with(broken.text()) && more.text().len() > broken.text().len());
    assert_eq!(more.joined(), more.text());
    assert!(models.last_told().contains(r#""role":"assistant""#));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_full_goes_on_nowhere() {
    let models = Models::listen().await;
    let app = models.app("endless").await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let full = hear(&mut session).await;
    assert_eq!((full.text().chars().count(), &full.end["d"]["finish"]), (4_000, &json!("length")));
    let path = format!("/v1/ai/runs/{}/continue", full.start["d"]["run"].as_str().unwrap());
    let call = app.rest.send(Method::POST, Some(&mina.token), &path, Some(&json!({}))).await;
    assert_eq!(call.status(), 409);
    assert_eq!(call.json::<Value>().await.unwrap()["reason"], "not_broken");
    the_room_goes_on(&app, &room, &mut session).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_as_long_as_a_message_may_be_is_asked_whole() {
    let models = Models::listen().await;
    let app = models.app("fast").await;
    let (_, room, mut session) = talker(&app, "mina").await;
    let long = format!("@ai {}끝", "가".repeat(3_995));
    assert_eq!(long.chars().count(), 4_000);
    ask(&mut session, &room, "c-1", &long).await;
    assert_eq!(hear(&mut session).await.end["d"]["finish"], "stop");
    assert!(models.last_told().contains(&format!("{}끝", "가".repeat(3_995))));
    let longer = session.err(super::send(&room, "c-2", &format!("{long}x"))).await;
    assert_eq!(longer["code"], "too_large");
    the_room_goes_on(&app, &room, &mut session).await;
    app.end().await;
}
