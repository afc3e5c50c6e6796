//! An answer that one node writes and others show: heard, joined late, stopped and deleted from the
//! other, and taken up by it when the first is gone.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Models, ask, hear};
use crate::nodes::end;
use crate::postgres::Cluster;
use crate::redis::Redis;
use crate::support::{
    Client, Hub, Person, Process, TestApp, eventually, eventually_within, free_address,
};

/// Two nodes that ask the same model, and Mina in the lobby: by one session on each.
struct Two {
    nodes: [TestApp; 2],
    _models: Models,
    mina: Person,
    room: String,
    here: Client,
    there: Client,
}

impl Two {
    async fn start(model: &str) -> Option<Self> {
        let database = Cluster::of_this_process()?.fresh_database().await;
        let (models, hub) = (Models::listen().await, Hub::sound());
        let more = [("MOIM_DATABASE_URL", database.as_str())];
        let settings = [models.settings(model).as_slice(), &more].concat();
        let one = TestApp::spawn_linked(&settings, hub.link()).await;
        let nodes = [one, TestApp::spawn_linked(&settings, hub.link()).await];
        let mina = nodes[0].person("mina").await;
        let room = nodes[0].lobby(&mina).await;
        let (mut here, mut there) = (nodes[0].session(&mina).await, nodes[1].session(&mina).await);
        here.open(&room).await;
        there.open(&room).await;
        Some(Self { nodes, _models: models, mina, room, here, there })
    }

    /// How often answers ended in the log.
    async fn ends(&self) -> usize {
        let mut session = self.nodes[1].session(&self.mina).await;
        let epoch = session.open(&self.room).await["epoch"].as_str().unwrap().to_owned();
        session.open_since(&self.room, &epoch, 0).await;
        session.expect("caught_up").await;
        session.heard().iter().filter(|line| line["ev"] == "ai.end").count()
    }
}

/// Follows an answer to its end from whatever it is told: every piece begins where the text has come
/// to. Gives the end, and how much was heard before.
async fn follow(session: &mut Client, run: &Value, mut text: Option<String>) -> (Value, String) {
    loop {
        let line = session
            .wait_for(|line| {
                let ev = line["ev"].as_str().unwrap_or("");
                let of = if ev == "ai.end" { &line["d"]["run"] } else { &line["run"] };
                ["ai.state", "ai.delta", "ai.end"].contains(&ev) && of == run
            })
            .await;
        let more = line["text"].as_str().unwrap_or_default();
        match line["ev"].as_str().unwrap() {
            "ai.state" => text = Some(more.to_owned()),
            "ai.delta" => {
                let text = text.get_or_insert_default();
                assert_eq!(line["off"], text.len(), "a hole or a double: {line}");
                text.push_str(more);
            }
            _end => return (line, text.unwrap_or_default()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_heard_on_the_other_node_and_who_comes_late_gets_what_was_said() {
    let Some(mut two) = Two::start("tps:40+words:120").await else { return };
    let bob = two.nodes[1].person("bob").await;
    ask(&mut two.here, &two.room, "c-1", "@ai a story").await;
    let start = two.there.expect("ai.start").await;
    let run = start["d"]["run"].clone();
    two.there.wait_for(|line| line["ev"] == "ai.delta" || line["ev"] == "ai.state").await;
    let mut late = two.nodes[1].session(&bob).await;
    let opened = late.open(&two.room).await;
    let last = opened["snapshot"]["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["ai"]["state"], &last["ai"]["run"]), (&json!("running"), &run));
    let state = late.expect("ai.state").await;
    let said = state["text"].as_str().unwrap().to_owned();
    assert_eq!((&state["run"], &state["off"]), (&run, &json!(said.len())));
    assert!(!said.is_empty(), "it is in the middle");
    let (at_bob, by_bob) = follow(&mut late, &run, Some(said)).await;
    let at_mina = hear(&mut two.here).await;
    assert_eq!((at_mina.joined().as_str(), &at_mina.end), (by_bob.as_str(), &at_bob));
    assert_eq!(at_bob["d"]["text"], by_bob);
    assert_eq!(two.there.expect("ai.end").await, at_bob, "the same for everybody");
    assert_eq!(two.ends().await, 1);
    end(two.nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_stopped_from_the_other_node() {
    let Some(mut two) = Two::start("tps:20+words:2000").await else { return };
    ask(&mut two.here, &two.room, "c-1", "@ai a long story").await;
    let run = two.there.expect("ai.start").await["d"]["run"].clone();
    two.here.expect("ai.delta").await;
    two.there.ok(json!({ "op": "ai.stop", "run": run })).await;
    for session in [&mut two.there, &mut two.here] {
        let over = session.expect("ai.end").await;
        assert_eq!((&over["d"]["run"], &over["d"]["finish"]), (&run, &json!("cancel")));
        assert!(!over["d"]["text"].as_str().unwrap().is_empty(), "what was said stays");
    }
    assert_eq!(two.ends().await, 1);
    end(two.nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_deleted_on_the_other_node_comes_to_an_end() {
    let Some(mut two) = Two::start("tps:20+words:2000").await else { return };
    ask(&mut two.here, &two.room, "c-1", "@ai a long story").await;
    let start = two.there.expect("ai.start").await;
    two.here.expect("ai.delta").await;
    let delete = json!({ "op": "delete", "room": two.room, "message": start["d"]["id"] });
    two.there.ok(delete).await;
    for session in [&mut two.there, &mut two.here] {
        let over = session.expect("ai.end").await;
        assert_eq!(over["d"]["run"], start["d"]["run"]);
        assert_eq!((&over["d"]["deleted"], over["d"].get("text")), (&json!(true), None));
        session.heard();
        let is_told = |line: &Value| line["ev"] == "ai.delta" || line["ev"] == "ai.state";
        session.expect_none(is_told).await;
    }
    // The next question is nobody's concern but that of the room.
    ask(&mut two.there, &two.room, "c-2", "@ai another").await;
    let run = two.here.expect("ai.start").await["d"]["run"].clone();
    two.there.ok(json!({ "op": "ai.stop", "run": run })).await;
    assert_eq!(two.here.expect("ai.end").await["d"]["finish"], "cancel");
    assert_eq!(two.ends().await, 2);
    end(two.nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_node_was_killed_is_ended_by_the_other() {
    let Some(cluster) = Cluster::of_this_process() else { return };
    let Some(redis) = Redis::start() else { return };
    let (database, url) = (cluster.fresh_database().await, redis.url());
    let models = Models::listen().await;
    let more = [("MOIM_DATABASE_URL", database.as_str()), ("MOIM_REDIS_URL", url.as_str())];
    let settings = [models.settings("tps:20+words:2000").as_slice(), &more].concat();
    let folder = tempfile::tempdir().unwrap();
    let one = Process::start_with(folder.path(), free_address(), &settings).await;
    let other = TestApp::spawn_with(&settings).await;
    let mina = one.rest.register("mina").await;
    let room = other.lobby(&mina).await;
    let mut there = other.session(&mina).await;
    there.open(&room).await;
    let mut here = Client::connect(one.address).await;
    here.auth(&mina.token).await;
    here.open(&room).await;
    ask(&mut here, &room, "c-1", "@ai a long story").await;
    let run = there.expect("ai.start").await["d"]["run"].clone();
    // Another question waits there, of which nobody will hear any more.
    let bob = other.person("bob").await;
    let mut at_bob = other.session(&bob).await;
    at_bob.open(&room).await;
    let second = ask(&mut here, &room, "c-2", "@ai another").await;
    let wait = at_bob.expect("ai.wait").await;
    assert_eq!((&wait["message"], &there.expect("ai.wait").await), (&second, &wait));
    // Some of it is noted by now.
    here.expect_many("ai.delta", 25).await;
    one.kill().await;
    there.ok(json!({ "op": "delete", "room": room, "message": second })).await;
    let path = format!("/v1/ai/runs/{}", run.as_str().unwrap());
    eventually_within(Duration::from_secs(60), "it is taken up", async || {
        there.ok(json!({ "op": "ping" })).await;
        at_bob.ok(json!({ "op": "ping" })).await;
        other.rest.get(&mina.token, &path).await["status"] == "done"
    })
    .await;
    let over = there.wait_for(|line| line["ev"] == "ai.end").await;
    assert_eq!((&over["d"]["run"], &over["d"]["finish"]), (&run, &json!("error")));
    assert!(!over["d"]["text"].as_str().unwrap().is_empty(), "what was noted stays");
    assert_eq!(at_bob.expect("ai.unwait").await["run"], wait["run"]);
    assert_eq!(there.expect("ai.unwait").await["run"], wait["run"]);
    let refused = there.expect("ai.refused").await;
    assert_eq!((&refused["message"], &refused["reason"]), (&second, &json!("gone")));
    there.expect_none(|line| line["ev"] == "ai.end" || line["ev"] == "ai.start").await;
    assert_eq!(models.mock.calls().len(), 1, "nobody asks once more");
    other.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_waits_for_an_answer_elsewhere_is_known_on_both_nodes() {
    let Some(mut two) = Two::start("tps:20+words:2000").await else { return };
    let (bob, room) = (two.nodes[1].person("bob").await, two.room.clone());
    let mut at_bob = two.nodes[1].session(&bob).await;
    at_bob.open(&room).await;
    ask(&mut two.here, &room, "c-1", "@ai a long story").await;
    let answered = at_bob.expect("ai.start").await["d"]["run"].clone();
    let question = ask(&mut at_bob, &room, "c-2", "@ai another").await;
    let wait = at_bob.expect("ai.wait").await;
    assert_eq!((&wait["message"], &wait["place"]), (&question, &json!(1)));
    for session in [&mut two.there, &mut two.here] {
        assert_eq!(session.expect("ai.wait").await, wait, "who listens hears it on both");
    }
    let path = format!("/v1/ai/runs/{}", wait["run"].as_str().unwrap());
    for node in &two.nodes {
        let run = node.rest.get(&bob.token, &path).await;
        assert_eq!((&run["status"], &run["place"]), (&json!("queued"), &json!(1)));
        let mut late = node.session(&bob).await;
        late.open(&room).await;
        assert_eq!(late.expect("ai.wait").await, wait, "who opens the room is told");
    }
    // It is taken back on the node where it does not wait.
    let mut late = two.nodes[0].session(&bob).await;
    late.open(&room).await;
    late.ok(json!({ "op": "ai.stop", "run": wait["run"] })).await;
    for session in [&mut late, &mut at_bob, &mut two.here, &mut two.there] {
        assert_eq!(session.expect("ai.unwait").await["run"], wait["run"]);
    }
    eventually("it is given up", async || {
        two.nodes[0].rest.get(&bob.token, &path).await["status"] == "done"
    })
    .await;
    two.here.ok(json!({ "op": "ai.stop", "run": answered })).await;
    assert_eq!(two.there.expect("ai.end").await["d"]["run"], answered);
    at_bob.expect_none(|line| line["ev"] == "ai.start").await;
    end(two.nodes).await;
}
