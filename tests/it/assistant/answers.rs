//! An answer streams into the room for everybody, and is a message afterwards.

use reqwest::Method;
use serde_json::json;

use super::{Models, ask, hear, on_both_with, send, set, talker};
use crate::support::{TestApp, eventually};

on_both_with!("tps:200+words:30":
    an_answer_streams_and_becomes_a_message,
    a_deleted_answer_is_gone_everywhere,
    who_wants_no_answers_gets_only_the_log,
    answers_are_counted,
    nobody_edits_an_answer,
    an_answer_waits_for_no_slow_mode,
    who_asked_and_went_is_told,
);

mod long {
    use super::{
        who_asked_stops_it_and_what_was_said_stays,
        who_comes_in_the_middle_gets_what_was_said_so_far,
    };

    // Long enough for a slow machine to come in the middle.
    super::on_both_with!("tps:40+words:200":
        who_comes_in_the_middle_gets_what_was_said_so_far,
        who_asked_stops_it_and_what_was_said_stays,
    );
}

async fn an_answer_streams_and_becomes_a_message(app: &TestApp, models: &Models) {
    let (mina, room, mut at_mina) = talker(app, "mina").await;
    let (bob, _, mut at_bob) = talker(app, "bob").await;
    at_bob.send(&room, "b-1", "We meet at seven. 일곱 시에 만나요.").await;
    let question = ask(&mut at_mina, &room, "c-1", "@ai when do we meet?").await;
    let heard = hear(&mut at_mina).await;
    let start = &heard.start["d"];
    assert_eq!((&start["by"], &start["reply_to"]), (&json!("u_ai"), &question));
    assert_eq!((&start["asker"], &start["model"]), (&json!(mina.id), &json!("tps:200+words:30")));
    assert!(!heard.deltas.is_empty() && !heard.text().is_empty());
    assert_eq!(heard.joined(), heard.text());
    let end = &heard.end["d"];
    assert_eq!((&end["finish"], &end["run"]), (&json!("stop"), &start["run"]));
    assert_eq!(heard.start["seq"].as_i64().unwrap() + 1, heard.end["seq"].as_i64().unwrap());
    assert!(heard.start["n"].is_i64() && heard.end.get("n").is_none());
    assert!(end["use"]["in"].as_i64().unwrap() > 0 && end["use"]["out"].as_i64().unwrap() > 0);
    assert_eq!((&end["context"]["used"], &end["context"]["to"]), (&json!(1), &json!(2)));
    let at_bob = hear(&mut at_bob).await;
    assert_eq!((at_bob.joined(), &at_bob.end), (heard.joined(), &heard.end));
    let told = models.last_told();
    assert!(told.contains("We meet at seven.") && told.contains("when do we meet?"), "{told}");
    assert_eq!(models.mock.calls().len(), 1);
    let path = format!("/v1/rooms/{room}/messages");
    let listed = app.rest.get(&bob.token, &path).await;
    let last = listed["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["id"], &last["text"]), (&start["id"], &end["text"]));
    assert_eq!((&last["ai"]["state"], &last["ai"]["use"]), (&json!("done"), &end["use"]));
    let run = start["run"].as_str().unwrap();
    let run = app.rest.get(&bob.token, &format!("/v1/ai/runs/{run}")).await;
    assert_eq!((&run["status"], &run["finish"]), (&json!("done"), &json!("stop")));
    assert_eq!((&run["mode"], &run["context"]), (&json!("reply"), &end["context"]));
    assert_eq!(run["cites"], end["cites"]);
    let usage = app.rest.get(&mina.token, "/v1/me/ai/usage").await;
    let used = end["use"]["in"].as_i64().unwrap() + end["use"]["out"].as_i64().unwrap();
    assert_eq!((&usage["tokens"], &usage["runs"]), (&json!(used), &json!(1)));
}

async fn who_comes_in_the_middle_gets_what_was_said_so_far(app: &TestApp, _models: &Models) {
    let (_, room, mut at_mina) = talker(app, "mina").await;
    let bob = app.person("bob").await;
    let mut late = app.session(&bob).await;
    ask(&mut at_mina, &room, "c-1", "@ai tell me something long").await;
    let start = at_mina.expect("ai.start").await;
    at_mina.expect("ai.delta").await;
    let opened = late.open(&room).await;
    let last = opened["snapshot"]["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["id"], &last["text"]), (&start["d"]["id"], &json!("")));
    assert_eq!((&last["ai"]["state"], &last["ai"]["run"]), (&json!("running"), &start["d"]["run"]));
    let state = late.expect("ai.state").await;
    assert_eq!(state["run"], start["d"]["run"]);
    let mut text = state["text"].as_str().unwrap().to_owned();
    assert!(!text.is_empty());
    assert_eq!(state["off"], text.len());
    let end = loop {
        let line = late
            .wait_for(|line| ["ai.delta", "ai.end"].contains(&line["ev"].as_str().unwrap_or("")))
            .await;
        if line["ev"] == "ai.end" {
            break line;
        }
        assert_eq!(line["off"], text.len(), "a hole or a double: {line}");
        text.push_str(line["text"].as_str().unwrap());
    };
    assert_eq!(end["d"]["text"], text);
}

async fn who_asked_stops_it_and_what_was_said_stays(app: &TestApp, _models: &Models) {
    let (_, room, mut at_mina) = talker(app, "mina").await;
    let (_, _, mut at_bob) = talker(app, "bob").await;
    // Before the answer begins: to come takes as long as it does.
    let (_, _, mut at_ines) = talker(app, "ines").await;
    ask(&mut at_bob, &room, "c-1", "@ai tell me something long").await;
    let run = at_bob.expect("ai.start").await["d"]["run"].clone();
    let said = at_bob.expect("ai.delta").await["text"].as_str().unwrap().to_owned();
    let stop = json!({ "op": "ai.stop", "run": run });
    assert_eq!(at_ines.err(stop.clone()).await["code"], "forbidden", "neither asker nor moderator");
    // The first account is an admin, who moderates the lobby.
    at_mina.ok(stop.clone()).await;
    let end = at_bob.expect("ai.end").await;
    assert_eq!(end["d"]["finish"], "cancel");
    assert!(end["d"]["text"].as_str().unwrap().starts_with(&said));
    at_bob.ok(stop).await;
    assert_eq!(at_bob.err(json!({ "op": "ai.stop", "run": "run_999" })).await["code"], "not_found");
    at_bob.expect_none(|line| line["ev"] == "ai.end").await;
}

async fn a_deleted_answer_is_gone_everywhere(app: &TestApp, _models: &Models) {
    let (mina, room, mut at_mina) = talker(app, "mina").await;
    let epoch = at_mina.open(&room).await["epoch"].as_str().unwrap().to_owned();
    ask(&mut at_mina, &room, "c-1", "@ai hello").await;
    let heard = hear(&mut at_mina).await;
    let delete = json!({ "op": "delete", "room": room, "message": heard.start["d"]["id"] });
    at_mina.ok(delete).await;
    at_mina.expect("msg.delete").await;
    let mut again = app.session(&mina).await;
    again.open_since(&room, &epoch, 0).await;
    let end = again.expect("ai.end").await;
    assert_eq!((&end["d"]["deleted"], end["d"].get("text")), (&json!(true), None));
    // One that is deleted while it is spoken comes to an end without a text.
    ask(&mut at_mina, &room, "c-2", "@ai hello again").await;
    let start = at_mina.expect("ai.start").await;
    at_mina.ok(json!({ "op": "delete", "room": room, "message": start["d"]["id"] })).await;
    let end = at_mina.expect("ai.end").await;
    assert_eq!((&end["d"]["deleted"], end["d"].get("text")), (&json!(true), None));
    let path = format!("/v1/rooms/{room}/messages");
    let listed = app.rest.get(&mina.token, &path).await;
    let last = listed["items"].as_array().unwrap().last().unwrap();
    assert!(last.get("text").is_none());
    assert_eq!(last["ai"]["state"], "done", "nobody writes it any more: {last}");
}

async fn who_wants_no_answers_gets_only_the_log(app: &TestApp, _models: &Models) {
    let (_, room, mut at_mina) = talker(app, "mina").await;
    let bob = app.person("bob").await;
    let mut plain = crate::support::Client::connect(app.address).await;
    let want = json!({ "op": "auth", "token": bob.token, "want": ["head"] });
    plain.ok(want).await;
    plain.open(&room).await;
    ask(&mut at_mina, &room, "c-1", "@ai hello").await;
    hear(&mut at_mina).await;
    plain.expect("ai.start").await;
    plain.expect("ai.end").await;
    plain.expect_none(|line| line["ev"] == "ai.delta" || line["ev"] == "ai.state").await;
    eventually("nothing is left to do", async || {
        let admin = app.rest.get(&bob.token, "/v1/me/ai/usage").await;
        admin["runs"] == 0
    })
    .await;
}

async fn answers_are_counted(app: &TestApp, _models: &Models) {
    let (_, room, mut session) = talker(app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let heard = hear(&mut session).await;
    let ended = r#"moim_ai_ended_total{outcome="stop"}"#;
    eventually("the end is counted", async || app.metric(ended).await == 1.0).await;
    let used = &heard.end["d"]["use"];
    for (name, count) in [
        ("moim_ai_started_total", 1.0),
        (r#"moim_ai_refused_total{code="ai_busy"}"#, 0.0),
        ("moim_ai_waiting", 0.0),
        ("moim_ai_taken_back_total", 0.0),
        ("moim_ai_micro_usd_total", 0.0),
        (r#"moim_ai_breaker{provider="openai",model="tps:200+words:30"}"#, 0.0),
        ("moim_ai_first_token_seconds_count", 1.0),
        ("moim_ai_deltas_total", heard.deltas.len() as f64),
        (r#"moim_ai_tokens_total{direction="in"}"#, used["in"].as_f64().unwrap()),
        (r#"moim_ai_tokens_total{direction="out"}"#, used["out"].as_f64().unwrap()),
    ] {
        assert_eq!(app.metric(name).await, count, "{name}");
    }
    eventually("nothing is left", async || app.metric("moim_ai_working").await == 0.0).await;
}

async fn nobody_edits_an_answer(app: &TestApp, _models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    ask(&mut at_bob, &room, "c-1", "@ai tell me something").await;
    let answer = at_bob.expect("ai.start").await["d"]["id"].clone();
    let op = json!({ "op": "edit", "room": room, "message": answer, "text": "what I wanted" });
    let path = format!("/v1/rooms/{room}/messages/{}", answer.as_str().unwrap());
    let body = json!({ "text": "what I wanted" });
    // While it is spoken, and when it stands: neither who asked nor who moderates.
    let mut end = None;
    for _when in 0..2 {
        for (person, session) in [(&bob, &mut at_bob), (&mina, &mut at_mina)] {
            let refused = session.err(op.clone()).await;
            let why = (&refused["code"], &refused["reason"]);
            assert_eq!(why, (&json!("forbidden"), &json!("not_author")));
            let token = Some(person.token.as_str());
            let (status, problem) =
                app.rest.refused(Method::PATCH, token, &path, Some(&body)).await;
            assert_eq!((status, &problem["reason"]), (403, &json!("not_author")));
        }
        if end.is_none() {
            end = Some(at_bob.expect("ai.end").await);
        }
    }
    let message = app.rest.get(&bob.token, &path).await;
    assert_eq!((&message["text"], &message["rev"]), (&end.unwrap()["d"]["text"], &json!(1)));
    at_mina.expect_none(|line| line["ev"] == "msg.edit").await;
}

async fn an_answer_waits_for_no_slow_mode(app: &TestApp, _models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    set(app, &mina, &room, json!({ "slow_mode_s": 600 })).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    // Two answers, one right behind the other, and somebody who has to wait.
    ask(&mut at_bob, &room, "c-1", "@ai hello").await;
    assert_eq!(hear(&mut at_bob).await.end["d"]["finish"], "stop");
    assert_eq!(at_bob.err(send(&room, "c-2", "@ai again")).await["code"], "slow_mode");
    ask(&mut at_mina, &room, "c-1", "@ai hello").await;
    assert_eq!(hear(&mut at_bob).await.end["d"]["finish"], "stop");
    // It leaves no pace behind, for itself or for who asked.
    assert_eq!(at_bob.err(send(&room, "c-3", "more")).await["code"], "slow_mode");
    ask(&mut at_mina, &room, "c-2", "@ai hello").await;
    assert_eq!(hear(&mut at_bob).await.end["d"]["finish"], "stop");
}

async fn who_asked_and_went_is_told(app: &TestApp, _models: &Models) {
    let (_, room, mut at_mina) = talker(app, "mina").await;
    ask(&mut at_mina, &room, "c-1", "@ai and while I am here?").await;
    hear(&mut at_mina).await;
    at_mina.expect_none(|line| line["ev"] == "inbox").await;
    ask(&mut at_mina, &room, "c-2", "@ai and when I am elsewhere?").await;
    let answer = at_mina.expect("ai.start").await["d"]["id"].clone();
    at_mina.ok(json!({ "op": "close", "room": room })).await;
    let told = at_mina.expect("inbox").await["d"].clone();
    assert_eq!((&told["kind"], &told["from"]), (&json!("reply"), &json!("u_ai")), "{told}");
    assert_eq!(told["message"], answer, "{told}");
}
