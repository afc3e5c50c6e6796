//! What a model is told: the last messages of that room, oldest first, and nothing else.

use reqwest::Method;
use serde_json::json;

use super::{Models, ask, hear, on_both_with, set, talker};
use crate::support::TestApp;

on_both_with!("echo":
    it_reads_its_own_room_only_and_no_more_than_it_may,
    what_is_deleted_or_broken_is_not_read,
    nothing_from_before_the_last_who_came,
    answers_go_into_a_file_and_come_out_without_links,
);

mod drafting {
    use super::a_draft_reads_ten_messages_and_is_heard_by_nobody;

    super::on_both_with!("words:9": a_draft_reads_ten_messages_and_is_heard_by_nobody);
}

async fn it_reads_its_own_room_only_and_no_more_than_it_may(app: &TestApp, models: &Models) {
    let (mina, room, mut session) = talker(app, "mina").await;
    let (_, other) = app.club(&mina, "secrets").await;
    session.open(&other).await;
    session.send(&other, "s-1", "the code is 4711").await;
    for n in 0..60 {
        session.send(&room, &format!("c-{n}"), &format!("word number {n}.")).await;
    }
    ask(&mut session, &room, "q", "@ai what is the code?").await;
    let end = hear(&mut session).await.end;
    let told = models.last_told();
    assert!(!told.contains("4711"), "of another room");
    assert!(!told.contains("word number 9.") && told.contains("word number 10."), "fifty messages");
    let at = |n: i64| told.find(&format!("word number {n}.")).unwrap();
    assert!((10..59).all(|n| at(n) < at(n + 1)), "oldest first");
    assert_eq!(end["d"]["context"]["used"], 50);
    let long = "길고 긴 이야기 ".repeat(300);
    for n in 0..4 {
        session.send(&room, &format!("long-{n}"), &long).await;
    }
    ask(&mut session, &room, "q-2", "@ai and now?").await;
    let end = hear(&mut session).await.end["d"].clone();
    let context = &end["context"];
    assert!(context["left_out"]["budget"].as_i64().unwrap() > 0, "{context}");
    // Asked once more it reads the same, and leaves out the same.
    let path = format!("/v1/ai/runs/{}/retry", end["run"].as_str().unwrap());
    let again = app.rest.post(&mina.token, &path, &json!({})).await;
    let end = hear(&mut session).await.end["d"].clone();
    assert_eq!((&end["run"], &end["context"]), (&again["run"], context));
}

async fn what_is_deleted_or_broken_is_not_read(app: &TestApp, models: &Models) {
    let (_, room, mut session) = talker(app, "mina").await;
    let gone = session.send(&room, "c-1", "a secret that is deleted").await["id"].clone();
    session.send(&room, "c-2", "and one that stays").await;
    session.ok(json!({ "op": "delete", "room": room, "message": gone })).await;
    ask(&mut session, &room, "q", "@ai what was said?").await;
    let context = hear(&mut session).await.end["d"]["context"].clone();
    let told = models.last_told();
    assert!(told.contains("one that stays") && !told.contains("a secret that is deleted"));
    assert_eq!(context["used"], 1);
}

async fn nothing_from_before_the_last_who_came(app: &TestApp, models: &Models) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    set(app, &mina, &room, json!({ "history": "since_join" })).await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.send(&room, "c-1", "before bob was here").await;
    app.join(&bob, &club).await;
    session.send(&room, "c-2", "since bob is here").await;
    ask(&mut session, &room, "q", "@ai what was said?").await;
    hear(&mut session).await;
    let told = models.last_told();
    assert!(told.contains("since bob is here") && !told.contains("before bob"), "{told}");
}

async fn a_draft_reads_ten_messages_and_is_heard_by_nobody(app: &TestApp, models: &Models) {
    let (mina, room, mut session) = talker(app, "mina").await;
    let (_, _, mut at_bob) = talker(app, "bob").await;
    let path = format!("/v1/rooms/{room}/ai/draft");
    let call = async |body: &serde_json::Value| {
        app.rest.refused(Method::POST, Some(&mina.token), &path, Some(body)).await
    };
    let (status, why) = call(&json!({})).await;
    assert_eq!((status, &why["reason"]), (409, &json!("empty_room")));
    let (status, why) = call(&json!({ "hint": "x".repeat(201) })).await;
    assert_eq!((status, &why["code"]), (422, &json!("invalid")), "{why}");
    for n in 0..12 {
        session.send(&room, &format!("c-{n}"), &format!("line number {n}.")).await;
    }
    let hint = json!({ "hint": "be brief" });
    let draft = app.rest.post(&mina.token, &path, &hint).await;
    assert!(!draft["text"].as_str().unwrap().is_empty());
    assert_eq!(draft["context"]["used"], 10);
    let told = models.last_told();
    assert!(
        !told.contains("line number 1.")
            && told.contains("line number 2.")
            && told.contains("be brief")
    );
    at_bob.expect_none(|line| line["ev"] == "ai.start" || line["ev"] == "ai.delta").await;
    let stranger = app.person("stranger").await;
    let (_, closed) = app.club(&mina, "closed").await;
    let path = format!("/v1/rooms/{closed}/ai/draft");
    let calls = models.mock.calls().len();
    let call = app.rest.send(Method::POST, Some(&stranger.token), &path, Some(&json!({}))).await;
    assert_eq!((call.status().as_u16(), models.mock.calls().len()), (404, calls));
}

async fn answers_go_into_a_file_and_come_out_without_links(app: &TestApp, _models: &Models) {
    let (mina, _, mut session) = talker(app, "mina").await;
    let (club, room) = app.club(&mina, "readers").await;
    session.open(&room).await;
    ask(&mut session, &room, "q", "@ai what now?").await;
    let end = hear(&mut session).await.end;
    app.sql("UPDATE message SET text = 'see https://evil.example/a' WHERE author_id = 0").await;
    let file = app.tool(&["export", "--club", &club]).await;
    assert!(file.status.success());
    app.put("club.jsonl", &String::from_utf8(file.stdout).unwrap());
    let taken = app.tool(&["import", "club.jsonl", "--name", "copies"]).await;
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    let clubs = app.rest.get(&mina.token, "/v1/me/clubs").await;
    let copy = clubs["items"].as_array().unwrap().iter().find(|club| club["name"] == "copies");
    let copy = copy.unwrap();
    let path = format!("/v1/clubs/{}/rooms", copy["id"].as_str().unwrap());
    let rooms = app.rest.get(&mina.token, &path).await;
    let copied = rooms["items"].as_array().unwrap().iter().find(|room| room["name"] == "plans");
    let copied = copied.unwrap()["id"].as_str().unwrap();
    let said = app.rest.get(&mina.token, &format!("/v1/rooms/{copied}/messages")).await;
    let said = said["items"].as_array().unwrap();
    let answer = said.iter().find(|message| message["by"] == "u_ai");
    let answer = answer.unwrap_or_else(|| panic!("no answer in {said:?}"));
    assert_eq!(answer["text"], "see https://evil.example/a");
    assert_eq!(answer["html"], "<p>see https://evil.example/a</p>", "{answer}");
    let run = end["d"]["run"].as_str().unwrap();
    assert!(answer["cid"] != run, "the next run there may have its number: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_says_how_much_of_it_names_no_message() {
    let models = Models::listen().await;
    for (model, uncited) in [("says:as_said_[m__1__1]", 0), ("says:as_somebody_said", 1)] {
        let app = models.app(model).await;
        let (_, room, mut at_mina) = talker(&app, "mina").await;
        let (_, _, mut at_bob) = talker(&app, "bob").await;
        let first = at_mina.send(&room, "c-1", "we meet at seven").await["id"].clone();
        assert_eq!(first, "m_1_1");
        ask(&mut at_bob, &room, "q-1", "/ai catch up").await;
        let end = hear(&mut at_bob).await.end["d"].clone();
        assert_eq!((&end["finish"], &end["context"]["uncited"]), (&json!("stop"), &json!(uncited)));
        ask(&mut at_bob, &room, "q-2", "@ai hello").await;
        let end = hear(&mut at_bob).await.end["d"].clone();
        assert!(end["context"].get("uncited").is_none(), "an answer is no summary: {end}");
        app.end().await;
    }
}
