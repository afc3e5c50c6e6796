//! A question that waits for its turn: who may read it is told so, by whatever they open the room and
//! by a look at its run, and hears when it waits no more. Nobody else does.

use std::time::Duration;

use moim::faults::{Moment, Part};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Models, ask, on_both_with, talker};
use crate::slow::{next_line, shrink};
use crate::support::{Client, Person, Raw, TestApp, eventually, eventually_within, frame};

// The one that is answered stays silent for as long as a slow machine takes to hear the others.
const PATIENT: [(&str, &str); 2] =
    [("MOIM_AI_FIRST_TOKEN_MS", "600000"), ("MOIM_AI_ANSWER_MS", "600000")];

on_both_with!("hang", super::PATIENT =>
    who_opens_the_room_is_told_what_waits,
    all_who_listen_hear_that_it_waits_no_more,
    who_came_later_is_told_nothing_of_it,
    a_room_that_crashed_says_that_it_waits_no_more,
    assistants_that_crash_leave_nobody_waiting,
    who_left_is_not_answered_and_nobody_is_shown_that_they_wait,
);

/// Mina is answered in a room of her club, and Bob's question waits there.
struct Scene {
    mina: Person,
    bob: Person,
    room: String,
    at_mina: Client,
    at_bob: Client,
    /// The run that is answered.
    answered: Value,
    /// What Bob is told.
    wait: Value,
}

async fn scene(app: &TestApp) -> Scene {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    scene_in(app, (mina, bob), room).await
}

async fn scene_in(app: &TestApp, (mina, bob): (Person, Person), room: String) -> Scene {
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    ask(&mut at_mina, &room, "c-1", "@ai one").await;
    let answered = at_mina.expect("ai.start").await["d"]["run"].clone();
    let question = ask(&mut at_bob, &room, "c-2", "@ai two").await;
    let wait = at_bob.expect("ai.wait").await;
    let told = json!({ "ev": "ai.wait", "room": room, "message": question, "run": wait["run"],
                       "asker": bob.id, "place": 1 });
    assert_eq!(wait, told);
    Scene { mina, bob, room, at_mina, at_bob, answered, wait }
}

fn path(run: &Value) -> String {
    format!("/v1/ai/runs/{}", run.as_str().unwrap())
}

/// How far a run is, and its place.
async fn standing(app: &TestApp, who: &Person, run: &Value) -> (Value, Value) {
    let run = app.rest.get(&who.token, &path(run)).await;
    (run["status"].clone(), run["place"].clone())
}

fn is_wait(line: &Value) -> bool {
    line["ev"] == "ai.wait"
}

async fn who_opens_the_room_is_told_what_waits(app: &TestApp, _models: &Models) {
    let mut scene = scene(app).await;
    assert_eq!(scene.at_mina.expect("ai.wait").await, scene.wait, "who listens hears it, too");
    for person in [&scene.mina, &scene.bob] {
        let mut again = app.session(person).await;
        let opened = again.open(&scene.room).await;
        assert_eq!(again.expect("ai.wait").await, scene.wait);
        let (epoch, head) = (opened["epoch"].as_str().unwrap(), opened["head"].as_i64().unwrap());
        again.open_since(&scene.room, epoch, head).await;
        assert_eq!(again.expect("ai.wait").await, scene.wait, "and who comes back");
        let waits = standing(app, person, &scene.wait["run"]).await;
        assert_eq!(waits, (json!("queued"), json!(1)));
        let is_answered = standing(app, person, &scene.answered).await;
        assert_eq!(is_answered, (json!("running"), json!(null)));
    }
    // A room that crashed forgets nothing of it.
    app.crash(&scene.room).await;
    let mut again = app.session(&scene.mina).await;
    again.open(&scene.room).await;
    assert_eq!(again.expect("ai.wait").await, scene.wait);

    let carol = app.person("carol").await;
    let mut at_carol = app.session(&carol).await;
    let open = json!({ "op": "open", "room": scene.room });
    assert_eq!(at_carol.err(open).await["code"], "not_found");
    let (path, token) = (path(&scene.wait["run"]), Some(carol.token.as_str()));
    let (status, why) = app.rest.refused(Method::GET, token, &path, None).await;
    assert_eq!((status, &why["code"]), (404, &json!("not_found")));
    at_carol.expect_none(|line| line["room"] == *scene.room).await;
}

async fn all_who_listen_hear_that_it_waits_no_more(app: &TestApp, _models: &Models) {
    let mut scene = scene(app).await;
    // Who asked hears it wherever they are.
    let mut elsewhere = app.session(&scene.bob).await;
    let mut over = scene.wait.clone();
    over.as_object_mut().unwrap().remove("place");
    over["ev"] = json!("ai.unwait");
    // Whoever moderates takes it back.
    scene.at_mina.ok(json!({ "op": "ai.stop", "run": scene.wait["run"] })).await;
    for session in [&mut scene.at_mina, &mut scene.at_bob, &mut elsewhere] {
        assert_eq!(session.expect("ai.unwait").await, over);
    }
    eventually("it is given up", async || {
        standing(app, &scene.bob, &scene.wait["run"]).await == (json!("done"), json!(null))
    })
    .await;
    let mut again = app.session(&scene.mina).await;
    again.open(&scene.room).await;
    again.expect_none(is_wait).await;
    // The next one has its turn.
    ask(&mut scene.at_bob, &scene.room, "c-3", "@ai three").await;
    let run = scene.at_bob.expect("ai.wait").await["run"].clone();
    scene.at_mina.wait_for(|line| is_wait(line) && line["run"] == run).await;
    scene.at_mina.ok(json!({ "op": "ai.stop", "run": scene.answered })).await;
    for session in [&mut scene.at_mina, &mut scene.at_bob, &mut elsewhere] {
        assert_eq!(session.expect("ai.unwait").await["run"], run);
    }
    scene.at_mina.wait_for(|line| line["ev"] == "ai.start" && line["d"]["run"] == run).await;
    let mut again = app.session(&scene.bob).await;
    again.open(&scene.room).await;
    again.expect_none(is_wait).await;
    assert_eq!(standing(app, &scene.bob, &run).await, (json!("running"), json!(null)));
}

async fn who_came_later_is_told_nothing_of_it(app: &TestApp, _models: &Models) {
    let people = (app.person("mina").await, app.person("bob").await);
    let body = json!({ "name": "secrets", "listed": true });
    let room = app.rest.post(&people.0.token, "/v1/rooms", &body).await["id"].clone();
    let room = room.as_str().unwrap().to_owned();
    let since = json!({ "history": "since_join" });
    app.rest.patch(&people.0.token, &format!("/v1/rooms/{room}"), &since).await;
    let join = format!("/v1/rooms/{room}/join");
    app.rest.post(&people.1.token, &join, &json!({})).await;
    let mut scene = scene_in(app, people, room).await;
    let run = scene.wait["run"].clone();
    let carol = app.person("carol").await;
    app.rest.post(&carol.token, &join, &json!({})).await;
    let mut at_carol = app.session(&carol).await;
    at_carol.open(&scene.room).await;
    let (status, _why) = app.rest.refused(Method::GET, Some(&carol.token), &path(&run), None).await;
    assert_eq!(status, 404);
    // Who was there is told, whoever came since.
    let mut again = app.session(&scene.mina).await;
    again.open(&scene.room).await;
    assert_eq!(again.expect("ai.wait").await, scene.wait);
    scene.at_bob.ok(json!({ "op": "ai.stop", "run": run })).await;
    for session in [&mut scene.at_bob, &mut scene.at_mina, &mut again] {
        assert_eq!(session.expect("ai.unwait").await["run"], run, "who was there hears on");
    }
    at_carol.expect_none(|line| line.to_string().contains(run.as_str().unwrap())).await;
}

async fn a_room_that_crashed_says_that_it_waits_no_more(app: &TestApp, _models: &Models) {
    let mut scene = scene(app).await;
    // It knows nothing of what was told before, and nobody opens it again.
    app.crash(&scene.room).await;
    scene.at_bob.ok(json!({ "op": "ai.stop", "run": scene.wait["run"] })).await;
    for session in [&mut scene.at_mina, &mut scene.at_bob] {
        assert_eq!(session.expect("ai.unwait").await["run"], scene.wait["run"]);
    }
}

async fn assistants_that_crash_leave_nobody_waiting(app: &TestApp, _models: &Models) {
    let mut scene = scene(app).await;
    let run = &scene.wait["run"];
    app.faults.crash(Part::Assistants, Moment::End, 1);
    eventually("they have crashed", async || app.faults.crashes_to_come() == 0).await;
    scene.at_bob.ok(json!({ "op": "ai.stop", "run": run })).await;
    for session in [&mut scene.at_mina, &mut scene.at_bob] {
        assert_eq!(session.expect("ai.unwait").await["run"], *run);
    }
    // Where several nodes may write, a moment passes before one takes up what was left.
    eventually_within(Duration::from_secs(60), "it is over", async || {
        scene.at_bob.ok(json!({ "op": "ping" })).await;
        scene.at_mina.ok(json!({ "op": "ping" })).await;
        standing(app, &scene.bob, run).await == (json!("done"), json!(null))
    })
    .await;
}

async fn who_left_is_not_answered_and_nobody_is_shown_that_they_wait(
    app: &TestApp,
    _models: &Models,
) {
    let mut scene = scene(app).await;
    let run = &scene.wait["run"];
    let room = app.rest.get(&scene.mina.token, &format!("/v1/rooms/{}", scene.room)).await;
    let leave = format!("/v1/clubs/{}/leave", room["club_id"].as_str().unwrap());
    app.rest.post(&scene.bob.token, &leave, &json!({})).await;
    scene.at_mina.ok(json!({ "op": "ai.stop", "run": scene.answered })).await;
    for session in [&mut scene.at_mina, &mut scene.at_bob] {
        assert_eq!(session.expect("ai.unwait").await["run"], *run);
    }
    let refused = scene.at_bob.expect("ai.refused").await;
    assert_eq!((&refused["message"], &refused["reason"]), (&scene.wait["message"], &json!("gone")));
    // The room is free for the next one.
    ask(&mut scene.at_mina, &scene.room, "c-9", "@ai three").await;
    let is_begun = |line: &Value| line["ev"] == "ai.start" && line["d"]["run"] != scene.answered;
    assert_ne!(scene.at_mina.wait_for(is_begun).await["d"]["run"], *run);
    let waits = standing(app, &scene.mina, run).await;
    assert_eq!(waits, (json!("done"), json!(null)));
}

/// What has no seq cannot be pulled: it is told to those, too, for whom everything else is left out.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_listener_hears_that_it_waits_no_more() {
    let models = Models::listen().await;
    let slow = [("MOIM_HEARTBEAT_MS", "300000"), ("MOIM_WORKERS", "1")];
    let app = models.app_with("hang", &[PATIENT.as_slice(), &slow].concat()).await;
    let mut scene = scene(&app).await;
    let mut slow = Raw::upgraded(app.address, b"").await;
    shrink(&slow);
    let auth = json!({ "id": 1, "op": "auth", "token": scene.mina.token, "want": ["ai"] });
    slow.write(&frame(0x81, auth.to_string().as_bytes())).await;
    let open = json!({ "id": 2, "op": "open", "room": scene.room }).to_string();
    slow.write(&frame(0x81, open.as_bytes())).await;
    // Behind this it reads nothing, until much more waits for it than others may be left out for.
    assert_eq!(next_line(&mut slow, is_wait).await["run"], scene.wait["run"]);
    let text = "가".repeat(4_000);
    let mut said = 0;
    while app.metric("moim_frames_dropped_total{reason=\"Lag\"}").await < 1.0 {
        assert!(said < 150, "it reads");
        scene.at_bob.send(&scene.room, &format!("d-{said}"), &text).await;
        scene.at_mina.wait_for(|line| line["d"]["cid"] == format!("d-{said}")).await;
        said += 1;
    }
    scene.at_bob.ok(json!({ "op": "ai.stop", "run": scene.wait["run"] })).await;
    scene.at_mina.expect("ai.unwait").await;
    let is_over = |line: &Value| line["ev"] == "ai.unwait";
    assert_eq!(next_line(&mut slow, is_over).await["run"], scene.wait["run"]);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_hears_how_places_move() {
    let models = Models::listen().await;
    let one = [PATIENT.as_slice(), &[("MOIM_AI_CONCURRENCY", "1")]].concat();
    let app = models.app_with("hang", &one).await;
    let (_mina, lobby, mut at_mina) = talker(&app, "mina").await;
    ask(&mut at_mina, &lobby, "c-1", "@ai hello").await;
    let answered = at_mina.expect("ai.start").await["d"]["run"].clone();
    let (bob, ann) = (app.person("bob").await, app.person("ann").await);
    let (club, room) = app.club(&bob, "singers").await;
    app.join(&ann, &club).await;
    let (mut at_bob, mut at_ann) = (app.session(&bob).await, app.session(&ann).await);
    at_bob.open(&room).await;
    at_ann.open(&room).await;
    let (mut runs, mut heard) = (Vec::new(), Vec::new());
    for (cid, place) in [("c-1", 1), ("c-2", 2)] {
        ask(&mut at_bob, &room, cid, "@ai hello").await;
        let wait = at_bob.expect("ai.wait").await;
        assert_eq!(wait["place"], place);
        runs.push(wait["run"].clone());
        heard.push(at_ann.expect("ai.wait").await["place"].clone());
    }
    assert_eq!(heard, [1, 2]);
    let mut again = app.session(&ann).await;
    again.open(&room).await;
    let told = again.expect_many("ai.wait", 2).await;
    let told: Vec<_> = told.iter().map(|wait| (&wait["run"], &wait["place"])).collect();
    assert_eq!(told, [(&runs[0], &json!(1)), (&runs[1], &json!(2))]);
    at_mina.ok(json!({ "op": "ai.stop", "run": answered })).await;
    for session in [&mut at_bob, &mut at_ann, &mut again] {
        assert_eq!(session.expect("ai.unwait").await["run"], runs[0]);
        let wait = session.expect("ai.wait").await;
        assert_eq!((&wait["run"], &wait["place"]), (&runs[1], &json!(1)));
    }
    assert_eq!(standing(&app, &ann, &runs[1]).await, (json!("queued"), json!(1)));
    app.end().await;
}
