//! Who may not read a room hears nothing of its answers, and can neither see nor stop them.

use reqwest::Method;
use serde_json::json;

use super::{Models, ask, hear, on_both_with};
use crate::support::TestApp;

on_both_with!("words:30":
    a_stranger_gets_nothing,
    who_may_not_write_gets_no_draft,
    who_may_not_write_has_nothing_written_again,
);

mod long {
    use super::who_is_put_out_in_the_middle_hears_no_more;

    super::on_both_with!("tps:20+words:2000": who_is_put_out_in_the_middle_hears_no_more);
}

async fn a_stranger_gets_nothing(app: &TestApp, models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (_, room) = app.club(&mina, "readers").await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    assert_eq!(at_bob.err(super::send(&room, "b", "@ai hi")).await["code"], "not_found");
    let path = format!("/v1/rooms/{room}/ai");
    let call =
        app.rest.send(Method::POST, Some(&bob.token), &path, Some(&json!({ "text": "x" }))).await;
    assert_eq!((call.status().as_u16(), models.mock.calls().len()), (404, 0));
    ask(&mut at_mina, &room, "c-1", "@ai hello").await;
    let run = at_mina.expect("ai.start").await["d"]["run"].clone();
    assert_eq!(at_bob.err(json!({ "op": "ai.stop", "run": run })).await["code"], "not_found");
    let run = run.as_str().unwrap().to_owned();
    for (method, path) in [
        (Method::GET, format!("/v1/ai/runs/{run}")),
        (Method::POST, format!("/v1/ai/runs/{run}/stop")),
        (Method::POST, format!("/v1/ai/runs/{run}/retry")),
        (Method::POST, format!("/v1/ai/runs/{run}/continue")),
        (Method::GET, format!("/v1/rooms/{room}/ai/usage")),
    ] {
        let call = app.rest.send(method, Some(&bob.token), &path, Some(&json!({}))).await;
        assert_eq!(call.status(), 404, "{path}");
    }
    let end = at_mina.expect("ai.end").await;
    assert_eq!(end["d"]["finish"], "stop");
    at_bob.expect_none(|line| line.to_string().contains(&room)).await;
    let shown = app.rest.get(&mina.token, &format!("/v1/ai/runs/{run}")).await;
    assert_eq!(shown["status"], "done");
}

async fn who_is_put_out_in_the_middle_hears_no_more(app: &TestApp, _models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    ask(&mut at_mina, &room, "c-1", "@ai hello").await;
    let run = at_bob.expect("ai.start").await["d"]["run"].clone();
    at_bob.expect("ai.delta").await;
    let kick = format!("/v1/clubs/{club}/members/{}/kick", bob.id);
    app.rest.send(Method::POST, Some(&mina.token), &kick, Some(&json!({}))).await;
    at_bob.wait_for(|line| line["ev"] == "room.remove" && line["room"] == room.as_str()).await;
    at_mina.ok(json!({ "op": "ai.stop", "run": run })).await;
    hear(&mut at_mina).await;
    at_bob.expect_none(|line| line["ev"] == "ai.end").await;
}

async fn who_may_not_write_gets_no_draft(app: &TestApp, models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    app.session(&mina).await.send(&room, "c-1", "Who comes tomorrow?").await;
    let mute = format!("/v1/clubs/{club}/members/{}/mute", bob.id);
    app.rest.send(Method::POST, Some(&mina.token), &mute, Some(&json!({ "seconds": 600 }))).await;
    let path = format!("/v1/rooms/{room}/ai/draft");
    let hint = json!({ "hint": "kindly" });
    let (status, why) = app.rest.refused(Method::POST, Some(&bob.token), &path, Some(&hint)).await;
    assert_eq!((status, &why["code"]), (403, &json!("muted")), "{why}");
    assert!(why["until"].is_i64(), "{why}");

    let pair = app.rest.post(&mina.token, "/v1/dms", &json!({ "user_id": bob.id })).await;
    let pair = pair["id"].as_str().unwrap();
    app.session(&mina).await.send(pair, "c-2", "Hello!").await;
    let block = format!("/v1/users/{}/block", mina.id);
    app.rest.send(Method::PUT, Some(&bob.token), &block, None).await;
    let path = format!("/v1/rooms/{pair}/ai/draft");
    for person in [&mina, &bob] {
        let token = Some(person.token.as_str());
        let (status, why) = app.rest.refused(Method::POST, token, &path, Some(&hint)).await;
        assert_eq!((status, &why["reason"]), (403, &json!("blocked")), "{why}");
    }
    assert!(models.mock.calls().is_empty());
}

async fn who_may_not_write_has_nothing_written_again(app: &TestApp, models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let mut at_bob = app.session(&bob).await;
    at_bob.open(&room).await;
    ask(&mut at_bob, &room, "c-1", "@ai hello").await;
    let run = hear(&mut at_bob).await.end["d"]["run"].as_str().unwrap().to_owned();
    let again = async |run: &str, code: &str, reason: &serde_json::Value| {
        for what in ["retry", "continue"] {
            let path = format!("/v1/ai/runs/{run}/{what}");
            let token = Some(bob.token.as_str());
            let (status, why) =
                app.rest.refused(Method::POST, token, &path, Some(&json!({}))).await;
            assert_eq!((status, &why["code"], &why["reason"]), (403, &json!(code), reason));
        }
    };
    super::set(app, &mina, &room, json!({ "write": "moderators" })).await;
    again(&run, "forbidden", &json!("role")).await;
    super::set(app, &mina, &room, json!({ "write": "all" })).await;
    let mute = format!("/v1/clubs/{club}/members/{}/mute", bob.id);
    app.rest.send(Method::POST, Some(&mina.token), &mute, Some(&json!({ "seconds": 600 }))).await;
    again(&run, "muted", &json!(null)).await;

    let pair = app.rest.post(&mina.token, "/v1/dms", &json!({ "user_id": bob.id })).await;
    let pair = pair["id"].as_str().unwrap();
    at_bob.open(pair).await;
    ask(&mut at_bob, pair, "c-2", "@ai hello").await;
    let run = hear(&mut at_bob).await.end["d"]["run"].as_str().unwrap().to_owned();
    let block = format!("/v1/users/{}/block", bob.id);
    app.rest.send(Method::PUT, Some(&mina.token), &block, None).await;
    again(&run, "forbidden", &json!("blocked")).await;
    assert_eq!(models.mock.calls().len(), 2, "nobody was asked again");
}
