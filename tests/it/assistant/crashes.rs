//! A crash of whatever works on an answer, at each moment, and of the whole program: every question
//! comes to exactly one end.

use std::time::Duration;

use moim::faults::{Faults, Moment, Part};
use serde_json::json;

use super::{Models, ask, hear, talker};
use crate::support::{
    Client, Person, Process, TestApp, eventually, eventually_within, free_address,
};

/// How the answers of a room ended, by their runs; each once.
async fn ends(app: &TestApp, person: &Person, room: &str) -> Vec<(String, String)> {
    let mut client = app.session(person).await;
    let epoch = client.open(room).await["epoch"].as_str().unwrap().to_owned();
    client.open_since(room, &epoch, 0).await;
    client.expect("caught_up").await;
    let mut ends = Vec::new();
    for event in client.heard().iter().filter(|line| line["ev"] == "ai.end") {
        let word = |field: &str| event["d"][field].as_str().unwrap().to_owned();
        ends.push((word("run"), word("finish")));
    }
    ends
}

async fn one_end_after_a_crash(part: Part, moment: Moment) {
    let models = Models::listen().await;
    let app = models.app("tps:100+words:20").await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "warm", "@ai first").await;
    hear(&mut session).await;
    app.faults.crash(part, moment, 1);
    ask(&mut session, &room, "c-1", "@ai second").await;
    let heard = hear(&mut session).await;
    assert_eq!(heard.joined(), heard.text(), "{part:?} {moment:?}");
    // Whoever ends it knows what it has read.
    let context = &heard.end["d"]["context"];
    assert_eq!(context["used"], 2, "{part:?} {moment:?}: {context}");
    while app.faults.crashes_to_come() > 0 {
        session.send(&room, "poke", "is it over?").await;
        tokio::task::yield_now().await;
    }
    ask(&mut session, &room, "c-2", "@ai third").await;
    let last = hear(&mut session).await;
    assert_eq!(last.end["d"]["finish"], "stop", "{part:?} {moment:?}");
    let ends = ends(&app, &mina, &room).await;
    assert_eq!(ends.len(), 3, "{part:?} {moment:?}: {ends:?}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_crashes_leaves_what_it_said() {
    for moment in [Moment::Start, Moment::Middle, Moment::End] {
        one_end_after_a_crash(Part::Run, moment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_that_crashes_is_buried_or_begins_again() {
    for moment in [Moment::Start, Moment::Middle, Moment::End] {
        one_end_after_a_crash(Part::Assistant, moment).await;
    }
}

/// Asks by the call, which says at once which run it is.
async fn asked(app: &TestApp, person: &Person, room: &str) -> String {
    let path = format!("/v1/rooms/{room}/ai");
    let asked = app.rest.post(&person.token, &path, &json!({ "text": "hello" })).await;
    asked["run"].as_str().unwrap().to_owned()
}

/// Waits for the end of a run, which may have to be found by the look that is taken now and then.
async fn is_over(app: &TestApp, person: &Person, run: &str) -> serde_json::Value {
    let path = format!("/v1/ai/runs/{run}");
    eventually_within(Duration::from_secs(60), "it is over", async || {
        app.rest.get(&person.token, &path).await["status"] == "done"
    })
    .await;
    app.rest.get(&person.token, &path).await
}

#[tokio::test(flavor = "multi_thread")]
async fn assistants_that_crash_leave_no_question_without_an_end() {
    for moment in [Moment::Start, Moment::Middle, Moment::End] {
        let models = Models::listen().await;
        let app = models.app("tps:100+words:20").await;
        let mina = app.person("mina").await;
        let room = app.lobby(&mina).await;
        // With the look of the call in hand, and with the question.
        app.faults.crash(Part::Assistants, moment, 2);
        let first = asked(&app, &mina, &room).await;
        eventually("they have crashed", async || app.faults.crashes_to_come() == 0).await;
        let over = is_over(&app, &mina, &first).await;
        let second = asked(&app, &mina, &room).await;
        assert_eq!(is_over(&app, &mina, &second).await["finish"], "stop", "{moment:?}");
        let ends = ends(&app, &mina, &room).await;
        let told: Vec<_> = ends.iter().map(|(run, _finish)| run.as_str()).collect();
        assert_eq!(told, [first, second], "{moment:?}: {over}");
        app.end().await;
    }
}

/// Questions are asked while something panics by the clock, as `plant` says: each has one end.
pub(crate) async fn by_the_clock(plant: impl FnOnce() -> Faults, times: u32) {
    let models = Models::listen().await;
    let many = [("MOIM_AI_QUESTIONS_PER_MINUTE", "1000")];
    let app = models.app_with("tps:100+words:20", &many).await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    app.faults.panic_as(&plant());
    let mut runs = Vec::new();
    while app.faults.crashes() < times {
        let run = asked(&app, &mina, &room).await;
        is_over(&app, &mina, &run).await;
        runs.push(run);
    }
    app.faults.panic_as(&Faults::default());
    let last = asked(&app, &mina, &room).await;
    assert_eq!(is_over(&app, &mina, &last).await["finish"], "stop");
    runs.push(last);
    let ends = ends(&app, &mina, &room).await;
    assert_eq!(ends.into_iter().map(|(run, _finish)| run).collect::<Vec<_>>(), runs);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_noted_survives_a_crash_of_who_buries_it() {
    let models = Models::listen().await;
    let app = models.app("words:5").await;
    let (mina, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let run = hear(&mut session).await.start["d"]["run"].clone();
    // As another node would have left it in the middle.
    app.sql("DELETE FROM revision").await;
    app.sql("UPDATE ai_run SET status = 'running', text = 'noted', node = 99, seen_at = 0").await;
    app.faults.crash(Part::Assistant, Moment::Start, 1);
    app.faults.crash(Part::Assistants, Moment::Start, 1);
    let draft = format!("/v1/rooms/{room}/ai/draft");
    let _they_crash_over_it =
        app.rest.send(reqwest::Method::POST, Some(&mina.token), &draft, Some(&json!({}))).await;
    let end = session.expect("ai.end").await;
    assert_eq!((&end["d"]["run"], &end["d"]["text"]), (&run, &json!("noted")));
    assert_eq!((&end["d"]["finish"], app.faults.crashes_to_come()), (&json!("error"), 0));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_room_in_the_middle_of_an_answer_is_no_end_of_it() {
    let models = Models::listen().await;
    let app = models.app("tps:40+words:160").await;
    let (_, room, mut session) = talker(&app, "mina").await;
    ask(&mut session, &room, "c-1", "@ai hello").await;
    let start = session.expect("ai.start").await;
    let first = session.expect("ai.delta").await;
    app.crash(&room).await;
    let state = session.expect("ai.state").await;
    assert_eq!(state["run"], start["d"]["run"]);
    assert!(state["text"].as_str().unwrap().starts_with(first["text"].as_str().unwrap()));
    let end = session.expect("ai.end").await;
    assert_eq!((&end["d"]["finish"], &end["d"]["run"]), (&json!("stop"), &start["d"]["run"]));
    app.end().await;
}

async fn killed(more: &[(&str, &str)]) {
    let models = Models::listen().await;
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let settings = [models.settings("tps:20+words:400").as_slice(), more].concat();
    let process = Process::start_with(folder.path(), address, &settings).await;
    let mina = process.rest.register("mina").await;
    let rooms = process.rest.get(&mina.token, "/v1/rooms").await;
    let room = rooms["items"][0]["id"].as_str().unwrap().to_owned();
    let mut session = Client::connect(address).await;
    session.auth(&mina.token).await;
    let epoch = session.open(&room).await["epoch"].as_str().unwrap().to_owned();
    ask(&mut session, &room, "c-1", "@ai a long story").await;
    let run = session.expect("ai.start").await["d"]["run"].clone();
    let second = ask(&mut session, &room, "c-2", "@ai and another").await;
    assert_eq!(session.expect("ai.wait").await["place"], 1);
    // Some of it is noted by now.
    session.expect_many("ai.delta", 25).await;
    process.kill().await;
    let process = Process::start_with(folder.path(), address, &settings).await;
    let mut session = Client::connect(address).await;
    session.auth(&mina.token).await;
    session.open_since(&room, &epoch, 0).await;
    // Where several nodes may write, a moment passes before one takes up what another has left.
    let path = format!("/v1/ai/runs/{}", run.as_str().unwrap());
    eventually_within(Duration::from_secs(60), "it is taken up", async || {
        process.rest.get(&mina.token, &path).await["status"] == "done"
    })
    .await;
    let end = session.expect("ai.end").await;
    assert_eq!((&end["d"]["run"], &end["d"]["finish"]), (&run, &json!("error")));
    assert!(!end["d"]["text"].as_str().unwrap().is_empty(), "what was noted stays");
    // Who is there while it is taken up hears what was noted, not that nothing was said.
    session
        .expect_none(|line| {
            line["ev"] == "ai.state" && line["run"] == run && line["text"] != end["d"]["text"]
        })
        .await;
    assert!(end["d"]["use"]["in"].as_i64().unwrap() > 0, "a model has read the question");
    // The one that waited is answered now, once.
    let run = session
        .wait_for(|line| line["ev"] == "ai.start" && line["d"]["reply_to"] == second)
        .await["d"]["run"]
        .clone();
    session.ok(json!({ "op": "ai.stop", "run": run })).await;
    let end = session.wait_for(|line| line["ev"] == "ai.end" && line["d"]["run"] == run).await;
    assert_eq!(end["d"]["finish"], "cancel");
    eventually_within(Duration::from_secs(5), "two questions, two calls", async || {
        models.mock.calls().len() == 2
    })
    .await;
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_ends_what_it_was_saying_when_it_is_back() {
    killed(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_ends_it_on_postgres_too() {
    let Some(url) = crate::support::fresh().await else { return };
    killed(&[("MOIM_DATABASE_URL", url.as_str())]).await;
}
