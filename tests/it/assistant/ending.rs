//! A server that is asked to end: what can be said to its end is, the rest can be gone on with.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Models, ask};
use crate::support::{Client, Closed, Process, free_address};

const SHORT: &str = "tps:20+words:30";
const LONG: &str = "tps:20+words:400";

async fn opened(process: &Process, token: &str, rooms: &[&str]) -> Client {
    let mut session = Client::connect(process.address).await;
    session.auth(token).await;
    for room in rooms {
        session.open(room).await;
    }
    session
}

async fn end_of(session: &mut Client, run: &Value) -> Value {
    session.wait_for(|line| line["ev"] == "ai.end" && line["d"]["run"] == *run).await["d"].clone()
}

async fn asked_to_end(more: &[(&str, &str)]) {
    let models = Models::listen().await;
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let settings = [models.settings(SHORT).as_slice(), &[("MOIM_AI_MODELS", LONG)], more].concat();
    let mut process = Process::start_with(folder.path(), address, &settings).await;
    let mina = process.rest.register("mina").await;
    let lobby = process.rest.get(&mina.token, "/v1/rooms").await["items"][0]["id"].clone();
    let lobby = lobby.as_str().unwrap();
    let club = process.rest.post(&mina.token, "/v1/clubs", &json!({ "name": "readers" })).await;
    let path = format!("/v1/clubs/{}/rooms", club["id"].as_str().unwrap());
    let room = process.rest.get(&mina.token, &path).await["items"][0]["id"].clone();
    let room = room.as_str().unwrap();
    let path = format!("/v1/rooms/{room}");
    process.rest.patch(&mina.token, &path, &json!({ "ai_model": LONG })).await;
    let mut session = opened(&process, &mina.token, &[lobby, room]).await;
    ask(&mut session, room, "c-1", "@ai a long story").await;
    let long = session.expect("ai.start").await["d"]["run"].clone();
    ask(&mut session, lobby, "c-2", "@ai a word").await;
    let short = session.expect("ai.start").await["d"]["run"].clone();
    let third = ask(&mut session, room, "c-3", "@ai and another").await;
    session.expect("ai.wait").await;
    session.expect_many("ai.delta", 4).await;

    let id = process.child.id().unwrap().to_string();
    let asked = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(asked.unwrap().success());
    session.expect("drain").await;
    let end = end_of(&mut session, &short).await;
    assert_eq!(end["finish"], "stop", "{end}");
    let cut = end_of(&mut session, &long).await;
    assert_eq!((&cut["finish"], &cut["error"]), (&json!("error"), &json!("restart")));
    assert!(!cut["text"].as_str().unwrap().is_empty());
    assert_eq!(session.expect_close().await, Closed { code: 4001 });
    let ended = tokio::time::timeout(Duration::from_secs(10), process.child.wait()).await;
    assert!(ended.unwrap().unwrap().success());

    let process = Process::start_with(folder.path(), address, &settings).await;
    let mut session = opened(&process, &mina.token, &[room]).await;
    // The one that waited has its turn now.
    let run = format!("/v1/ai/runs/{}", long.as_str().unwrap());
    let shown = process.rest.get(&mina.token, &run).await;
    assert_eq!((&shown["status"], &shown["error"]), (&json!("done"), &json!("restart")));
    let list = format!("/v1/rooms/{room}/messages?limit=200");
    let mut begun = Value::Null;
    crate::support::eventually("the one that waited is answered", async || {
        let list = process.rest.get(&mina.token, &list).await;
        let mut answers = list["items"].as_array().unwrap().iter();
        let answer = answers.rfind(|m| m["by"] == "u_ai" && m["reply_to"] == third);
        begun = answer.map(|answer| answer["ai"]["run"].clone()).unwrap_or_default();
        begun.is_string()
    })
    .await;
    session.ok(json!({ "op": "ai.stop", "run": begun })).await;
    end_of(&mut session, &begun).await;
    // And what was cut off goes on where it was.
    process.rest.post(&mina.token, &format!("{run}/continue"), &json!({})).await;
    let more = session.wait_for(|line| line["ev"] == "ai.start").await["d"]["run"].clone();
    let first = session
        .wait_for(|line| line["ev"] == "ai.delta" && line["run"] == more && line["off"] == 0)
        .await;
    assert!(first["text"].as_str().unwrap().starts_with(cut["text"].as_str().unwrap()), "{first}");
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_it_lets_answers_end_and_cuts_off_long_ones() {
    asked_to_end(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_it_does_the_same_on_postgres() {
    let Some(url) = crate::support::fresh().await else { return };
    asked_to_end(&[("MOIM_DATABASE_URL", url.as_str())]).await;
}
