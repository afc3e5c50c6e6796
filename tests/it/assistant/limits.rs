//! Queues and budgets: who has to wait is told their place, who asks too much is told when to come
//! back, and the message itself is always taken.

use reqwest::Method;
use serde_json::json;

use super::{Models, ask, hear, on_both_with, talker};
use crate::support::{TestApp, eventually};

on_both_with!("tps:20+words:2000": one_answer_at_a_time_and_one_that_waits);

mod hanging {
    use super::{
        a_question_that_is_gone_is_told, a_room_that_turns_it_off_hears_no_more_of_it,
        a_thousand_calls_are_two_questions,
    };

    // The one that is asked stays silent for as long as a slow machine takes to hear the others.
    super::on_both_with!(
        "hang", [("MOIM_AI_FIRST_TOKEN_MS", "600000"), ("MOIM_AI_ANSWER_MS", "600000")] =>
        a_thousand_calls_are_two_questions,
        a_room_that_turns_it_off_hears_no_more_of_it,
        a_question_that_is_gone_is_told
    );
}

async fn one_answer_at_a_time_and_one_that_waits(app: &TestApp, models: &Models) {
    let (_, room, mut at_mina) = talker(app, "mina").await;
    let (_, _, mut at_bob) = talker(app, "bob").await;
    ask(&mut at_mina, &room, "c-1", "@ai one").await;
    let first = at_mina.expect("ai.start").await["d"]["run"].clone();
    let second = ask(&mut at_bob, &room, "c-2", "@ai two").await;
    let wait = at_bob.expect("ai.wait").await;
    assert_eq!((&wait["message"], &wait["place"]), (&second, &json!(1)));
    let third = ask(&mut at_bob, &room, "c-3", "@ai three").await;
    let refused = at_bob.expect("ai.refused").await;
    assert_eq!((&refused["message"], &refused["code"]), (&third, &json!("ai_busy")));
    assert!(refused["retry_ms"].as_i64().unwrap() > 0);
    assert_eq!(at_mina.expect("ai.wait").await, wait, "who listens hears that it waits");
    at_mina.expect_none(|line| line["ev"] == "ai.refused").await;
    assert_eq!(at_mina.expect_many("msg.new", 3).await.len(), 3, "every message was taken");
    at_mina.ok(json!({ "op": "ai.stop", "run": first })).await;
    at_bob.expect("ai.end").await;
    let heard = hear_next(&mut at_bob).await;
    assert_eq!(heard["d"]["reply_to"], second);
    let second = heard["d"]["run"].clone();
    // A question that waits is taken back.
    let fourth = ask(&mut at_mina, &room, "c-4", "@ai four").await;
    let wait = at_mina.expect("ai.wait").await;
    assert_eq!(wait["message"], fourth);
    at_mina.ok(json!({ "op": "ai.stop", "run": wait["run"] })).await;
    at_mina.ok(json!({ "op": "ai.stop", "run": second })).await;
    at_bob.expect("ai.end").await;
    at_bob.expect_none(|line| line["ev"] == "ai.start" && line["d"]["reply_to"] == fourth).await;
    assert_eq!(models.mock.calls().len(), 2);
}

async fn a_thousand_calls_are_two_questions(app: &TestApp, models: &Models) {
    let mut talkers = Vec::new();
    for name in ["mina", "bob", "ann", "joon", "sora"] {
        talkers.push(talker(app, name).await);
    }
    let (_, room, session) = &mut talkers[0];
    ask(session, room, "first", "@ai one").await;
    let first = session.expect("ai.start").await["d"]["run"].clone();
    ask(session, room, "second", "@ai two").await;
    let waits = session.expect("ai.wait").await["run"].clone();
    let mut waiting = Vec::new();
    for (_, room, session) in &mut talkers {
        for n in 0..198 {
            let text = "@ai ".repeat(5);
            waiting.push(session.begin(super::send(room, &format!("c-{n}"), &text)).await);
        }
    }
    for (at, (_, _, session)) in talkers.iter_mut().enumerate() {
        for re in waiting.iter().skip(198 * at).take(198) {
            let reply = session.reply(*re).await;
            assert!(reply["ok"].is_object(), "every message is taken: {reply}");
        }
        assert_eq!(session.expect_many("ai.refused", 198).await.len(), 198);
        session.expect_none(|line| line["ev"] == "ai.wait" && line["run"] != waits).await;
    }
    assert_eq!(models.mock.calls().len(), 1);
    // When those two are over nothing of the others is left, and the next is asked like any.
    let (_, room, session) = &mut talkers[0];
    session.ok(json!({ "op": "ai.stop", "run": first })).await;
    let second = session.expect("ai.start").await["d"]["run"].clone();
    session.ok(json!({ "op": "ai.stop", "run": second })).await;
    session.expect_many("ai.end", 2).await;
    let third = ask(session, room, "third", "@ai three").await;
    assert_eq!(session.expect("ai.start").await["d"]["reply_to"], third);
    eventually("it is asked", async || models.mock.calls().len() == 3).await;
}

async fn a_room_that_turns_it_off_hears_no_more_of_it(app: &TestApp, models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    ask(&mut at_mina, &room, "c-1", "@ai one").await;
    let first = at_mina.expect("ai.start").await["d"]["run"].clone();
    let second = ask(&mut at_bob, &room, "c-2", "@ai two").await;
    let waits = at_bob.expect("ai.wait").await["run"].clone();
    super::set(app, &mina, &room, json!({ "assistant": "off" })).await;
    at_mina.ok(json!({ "op": "ai.stop", "run": first })).await;
    let refused = at_bob.expect("ai.refused").await;
    assert_eq!((&refused["message"], &refused["reason"]), (&second, &json!("ai_off")));
    assert_eq!(refused["code"], "forbidden");
    at_mina.expect("ai.end").await;
    at_mina.expect_none(|line| line["ev"] == "ai.start" || line["ev"] == "ai.refused").await;
    let path = format!("/v1/ai/runs/{}", waits.as_str().unwrap());
    let run = app.rest.get(&bob.token, &path).await;
    assert_eq!((&run["status"], &run["error"]), (&json!("done"), &json!("ai_off")));
    assert_eq!((&run["message"], models.mock.calls().len()), (&json!(null), 1));
}

async fn a_question_that_is_gone_is_told(app: &TestApp, models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    let question = ask(&mut at_mina, &room, "c-1", "@ai one").await;
    let first = at_mina.expect("ai.start").await["d"]["run"].clone();
    let second = ask(&mut at_bob, &room, "c-2", "@ai two").await;
    at_bob.expect("ai.wait").await;
    at_mina.ok(json!({ "op": "delete", "room": room, "message": second })).await;
    at_mina.ok(json!({ "op": "ai.stop", "run": first })).await;
    let refused = at_bob.expect("ai.refused").await;
    assert_eq!((&refused["message"], &refused["reason"]), (&second, &json!("gone")));
    assert_eq!(refused["code"], "conflict");
    at_mina.expect("ai.end").await;
    // One that is asked again is known to be gone at once.
    at_mina.ok(json!({ "op": "delete", "room": room, "message": question })).await;
    for what in ["retry", "continue"] {
        let path = format!("/v1/ai/runs/{}/{what}", first.as_str().unwrap());
        let token = Some(mina.token.as_str());
        let (status, why) = app.rest.refused(Method::POST, token, &path, Some(&json!({}))).await;
        assert_eq!((status, &why["reason"]), (409, &json!("gone")), "{what}");
    }
    assert_eq!(models.mock.calls().len(), 1);
}

async fn hear_next(session: &mut crate::support::Client) -> serde_json::Value {
    session.expect("ai.start").await;
    session.expect("ai.start").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_used_up_refuses_until_tomorrow() {
    let models = Models::listen().await;
    let few = [("MOIM_AI_USER_TOKENS_PER_DAY", "1500")];
    let app = models.app_with("fast+words:20", &few).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    let mut answered = 0;
    let refused = loop {
        ask(&mut session, &room, &format!("c-{answered}"), "@ai hello").await;
        let line = session
            .wait_for(|line| ["ai.refused", "ai.end"].contains(&line["ev"].as_str().unwrap_or("")))
            .await;
        if line["ev"] == "ai.refused" {
            break line;
        }
        answered += 1;
        assert!(answered < 5, "the budget is never used up");
    };
    assert!(answered > 0);
    assert_eq!(refused["code"], "ai_budget");
    let retry = refused["retry_ms"].as_i64().unwrap();
    assert!(retry > 0 && retry <= 86_400_000);
    let usage = app.rest.get(&mina.token, "/v1/me/ai/usage").await;
    assert!(usage["tokens"].as_i64().unwrap() <= 1_500, "{usage}");
    assert_eq!(usage["tokens_limit"], 1_500);
    // Others have a budget of their own.
    let (_, _, mut at_bob) = talker(&app, "bob").await;
    ask(&mut at_bob, &room, "b-1", "@ai hello").await;
    hear(&mut at_bob).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_counted_by_the_table_of_prices() {
    let models = Models::listen().await;
    let priced = [
        ("MOIM_AI_PRICES", "fast+words:20=1000000/2000000"),
        ("MOIM_AI_ROOM_MICRO_USD_PER_DAY", "6000"),
    ];
    let app = models.app_with("fast+words:20", &priced).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let usage = hear(&mut session).await.end["d"]["use"].clone();
    let cost = usage["in"].as_i64().unwrap() + 2 * usage["out"].as_i64().unwrap();
    assert_eq!(usage["micro_usd"], cost);
    let path = format!("/v1/rooms/{room}/ai/usage");
    let spent = app.rest.get(&mina.token, &path).await;
    assert_eq!((&spent["micro_usd"], &spent["micro_usd_limit"]), (&json!(cost), &json!(6000)));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_in_a_minute_waits() {
    let models = Models::listen().await;
    let app = models.app_with("fast", &[("MOIM_AI_QUESTIONS_PER_MINUTE", "2")]).await;
    let (_, room, mut session) = talker(&app, "mina").await;
    for n in 0..2 {
        ask(&mut session, &room, &format!("c-{n}"), "@ai hello").await;
        hear(&mut session).await;
    }
    ask(&mut session, &room, "c-3", "@ai hello").await;
    let refused = session.expect("ai.refused").await;
    assert_eq!(refused["code"], "ai_busy");
    assert!(refused["retry_ms"].as_i64().unwrap() <= 60_000);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_a_question_too() {
    let models = Models::listen().await;
    let app = models.app_with("fast", &[("MOIM_AI_QUESTIONS_PER_MINUTE", "2")]).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    session.send(&room, "c-0", "hello").await;
    let path = format!("/v1/rooms/{room}/ai/draft");
    for _ in 0..2 {
        app.rest.post(&mina.token, &path, &json!({})).await;
    }
    let draft = (Method::POST, Some(mina.token.as_str()), path.as_str(), Some(json!({})));
    let (status, why) = app.rest.refused(draft.0, draft.1, draft.2, draft.3.as_ref()).await;
    assert_eq!((status, &why["code"]), (429, &json!("ai_busy")));
    ask(&mut session, &room, "c-1", "@ai hello").await;
    assert_eq!(session.expect("ai.refused").await["code"], "ai_busy");
    let bob = app.person("bob").await;
    app.rest.post(&bob.token, &path, &json!({})).await;
    assert_eq!(models.mock.calls().len(), 3);
    assert_eq!(app.metric(r#"moim_ai_drafts_total{outcome="done"}"#).await, 3.0);
    assert_eq!(app.metric(r#"moim_ai_drafts_total{outcome="ai_busy"}"#).await, 1.0);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_holds_more_than_two_places_for_drafts() {
    let models = Models::listen().await;
    let slow = [("MOIM_AI_FIRST_TOKEN_MS", "1500")];
    let app = models.app_with("hang", &slow).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    session.send(&room, "c-0", "hello").await;
    let path = format!("/v1/rooms/{room}/ai/draft");
    let body = json!({});
    let draft =
        async || app.rest.refused(Method::POST, Some(&mina.token), &path, Some(&body)).await;
    let (one, two, three, four) = tokio::join!(draft(), draft(), draft(), draft());
    let mut statuses = [one, two, three, four].map(|(status, _why)| status);
    statuses.sort_unstable();
    assert_eq!(statuses, [429, 429, 503, 503], "two were asked for, in vain");
    assert_eq!(models.mock.calls().len(), 2);
    // What is over holds no place.
    assert_eq!(draft().await.0, 503);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_meets_its_budget_ends_with_it() {
    let models = Models::listen().await;
    let few = [("MOIM_AI_USER_TOKENS_PER_DAY", "1500")];
    let app = models.app_with("endless", &few).await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let heard = hear(&mut session).await;
    let end = &heard.end["d"];
    assert_eq!((&end["finish"], end.get("error")), (&json!("budget"), None), "{end}");
    assert!(!heard.text().is_empty() && heard.joined() == heard.text());
    let most = models.mock.calls()[0].body["max_tokens"].as_i64();
    assert!(most.is_some_and(|most| most < 1_500), "the model is told: {most:?}");
    let path = format!("/v1/ai/runs/{}", end["run"].as_str().unwrap());
    assert_eq!(app.rest.get(&mina.token, &path).await["finish"], "budget");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_in_many_rooms_waits_behind_who_asks_once() {
    let models = Models::listen().await;
    let one = [("MOIM_AI_CONCURRENCY", "1")];
    let app = models.app_with("tps:20+words:2000", &one).await;
    let (mina, lobby, mut at_mina) = talker(&app, "mina").await;
    let mut rooms = vec![lobby];
    for name in ["readers", "writers"] {
        rooms.push(app.club(&mina, name).await.1);
    }
    for room in &rooms {
        at_mina.open(room).await;
        ask(&mut at_mina, room, "c-1", "@ai hello").await;
    }
    let first = at_mina.expect("ai.start").await["d"]["run"].clone();
    let waiting: Vec<_> =
        at_mina.expect_many("ai.wait", 2).await.iter().map(|wait| wait["run"].clone()).collect();
    let bob = app.person("bob").await;
    let (_, room) = app.club(&bob, "singers").await;
    let mut at_bob = app.session(&bob).await;
    at_bob.open(&room).await;
    ask(&mut at_bob, &room, "c-1", "@ai hello").await;
    assert_eq!(at_bob.expect("ai.wait").await["place"], 1, "one is answered");
    let places: Vec<_> =
        at_mina.expect_many("ai.wait", 2).await.iter().map(|wait| wait["place"].clone()).collect();
    assert_eq!(places, [2, 3], "who asked twice before comes behind");
    at_mina.ok(json!({ "op": "ai.stop", "run": first })).await;
    at_bob.expect("ai.start").await;
    for run in waiting {
        let path = format!("/v1/ai/runs/{}", run.as_str().unwrap());
        assert_eq!(app.rest.get(&mina.token, &path).await["status"], "queued");
    }
    app.end().await;
}
