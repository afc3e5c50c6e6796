//! What admins see of the actors.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, Raw, TestApp, eventually, frame};

const PATH: &str = "/v1/admin/actors";

/// The actors of a kind, wherever they stand in the tree.
fn of_kind<'a>(actor: &'a Value, kind: &str) -> Vec<&'a Value> {
    let below = actor["children"].as_array().unwrap().iter();
    let mut found: Vec<_> = below.flat_map(|child| of_kind(child, kind)).collect();
    if actor["kind"] == kind {
        found.push(actor);
    }
    found
}

async fn survey(app: &TestApp, admin: &Person) -> Value {
    app.rest.get(&admin.token, PATH).await
}

/// The room of this id in a fresh picture.
async fn room(app: &TestApp, admin: &Person, id: &str) -> Option<Value> {
    let survey = survey(app, admin).await;
    let found = of_kind(&survey["root"], "room").into_iter().find(|room| room["room"]["id"] == id);
    found.cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_for_admins() {
    let app = TestApp::spawn().await;
    let (admin, other) = (app.person("mina").await, app.person("bob").await);
    let (status, problem) = app.rest.refused(Method::GET, None, PATH, None).await;
    assert_eq!((status, &problem["code"]), (401, &json!("unauthorized")));
    let (status, problem) = app.rest.refused(Method::GET, Some(&other.token), PATH, None).await;
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
    let odd = format!("{PATH}?limit=201");
    let (status, problem) = app.rest.refused(Method::GET, Some(&admin.token), &odd, None).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("limit")));
    assert_eq!(survey(&app, &admin).await["root"]["kind"], "root");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_the_tree_with_a_room_and_its_listeners() {
    let app = TestApp::spawn().await;
    let (admin, bob) = (app.person("mina").await, app.person("bob").await);
    let lobby = app.lobby(&admin).await;
    let (mut talker, mut listener) = (app.session(&admin).await, app.session(&bob).await);
    talker.open(&lobby).await;
    listener.open(&lobby).await;
    let seen = survey(&app, &admin).await;
    let branches = seen["root"]["children"].as_array().unwrap().iter();
    let names: Vec<_> = branches.map(|branch| branch["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "Presence",
            "Rooms",
            "Journal",
            "Lookup",
            "Indexer",
            "Sweeper",
            "Assistants",
            "Worker 1",
            "Worker 2"
        ]
    );
    let rooms = of_kind(&seen["root"], "rooms")[0];
    assert_eq!((&rooms["rooms"]["awake"], &rooms["rooms"]["shown"]), (&json!(1), &json!(1)));
    assert_eq!(rooms["rooms"]["seats"], 2);
    let before = of_kind(&seen["root"], "room")[0].clone();
    assert_eq!((&before["name"], &before["room"]["seats"]), (&json!("general"), &json!(2)));
    assert_eq!((&before["capacity"], &before["restarts"]), (&json!(1_024), &json!(0)));
    let workers = of_kind(&seen["root"], "worker");
    let sum = |field: &str| workers.iter().map(|w| w["worker"][field].as_u64().unwrap()).sum();
    assert_eq!((sum("sessions"), sum("streams"), sum("opened")), (2_u64, 0_u64, 2_u64));
    assert_eq!(of_kind(&seen["root"], "relay").len(), 2);
    assert_eq!(seen["totals"]["connections"], 2);

    for n in 0..20 {
        talker.send(&lobby, &format!("c-{n}"), "word").await;
    }
    listener.expect_many("msg.new", 20).await;
    let seen = survey(&app, &admin).await;
    let after = of_kind(&seen["root"], "room")[0];
    // Each is two: the question of the session, and the commit.
    let handled = |room: &Value| room["handled"].as_u64().unwrap();
    assert!(handled(after) >= handled(&before) + 40, "{before} {after}");
    assert_eq!(after["room"]["head"], 20);
    assert!(after["room"]["ring_bytes"].as_u64().unwrap() > 20 * 50, "{after}");
    let deliveries: u64 = of_kind(&seen["root"], "worker")
        .iter()
        .map(|worker| worker["worker"]["deliveries"].as_u64().unwrap())
        .sum();
    assert_eq!(deliveries, 40);
    eventually("the lane has nothing left to do", async || {
        let seen = survey(&app, &admin).await;
        let lane = of_kind(&seen["root"], "lane")[0].clone();
        lane["handled"] == 20 && lane["depth"] == 0 && lane["oldest_ms"] == 0.0
    })
    .await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_the_relays_does_not_see_their_own_question_wait() {
    let app = TestApp::spawn().await;
    let admin = app.person("mina").await;
    let lobby = app.lobby(&admin).await;
    let mut session = app.session(&admin).await;
    session.open(&lobby).await;
    session.send(&lobby, "c-1", "word").await;
    let handled = |relays: &[&Value]| -> u64 {
        relays.iter().map(|relay| relay["handled"].as_u64().unwrap()).sum()
    };
    let mut before = 0;
    eventually("the relays have done what there was", async || {
        let seen = survey(&app, &admin).await;
        let relays = of_kind(&seen["root"], "relay");
        let last = std::mem::replace(&mut before, handled(&relays));
        before == last && relays.iter().all(|r| r["depth"] == 0 && r["oldest_ms"] == 0.0)
    })
    .await;
    assert!(before >= 2, "an event to each of them: {before}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_again_gets_rates() {
    let app = TestApp::spawn().await;
    let admin = app.person("mina").await;
    let lobby = app.lobby(&admin).await;
    let mut session = app.session(&admin).await;
    session.open(&lobby).await;
    let first = survey(&app, &admin).await;
    assert_eq!(first["over_ms"], 0);
    assert_eq!(first["totals"]["lines_per_second"], Value::Null);
    for n in 0..10 {
        session.send(&lobby, &format!("c-{n}"), "word").await;
    }
    let mut seen = Value::Null;
    eventually("there is a look to compare with", async || {
        seen = survey(&app, &admin).await;
        seen["over_ms"].as_u64().unwrap() > 0
    })
    .await;
    let seconds = seen["over_ms"].as_f64().unwrap() / 1_000.0;
    let rate = |value: &Value| value.as_f64().unwrap() * seconds;
    // Rates are rounded to a tenth, and the span to a millisecond.
    assert!((rate(&seen["totals"]["lines_per_second"]) - 10.0).abs() < 0.5, "{seen}");
    assert!((rate(&seen["totals"]["appends_per_second"]) - 10.0).abs() < 0.5, "{seen}");
    assert!((rate(&seen["totals"]["deliveries_per_second"]) - 10.0).abs() < 0.5, "{seen}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_counted_where_it_was() {
    let app = TestApp::spawn().await;
    let admin = app.person("mina").await;
    let lobby = app.lobby(&admin).await;
    let (_, other) = app.club(&admin, "elsewhere").await;
    let mut session = app.session(&admin).await;
    session.open(&lobby).await;
    session.open(&other).await;
    app.crash(&lobby).await;
    eventually("the room is back and says so", async || {
        room(&app, &admin, &lobby).await.is_some_and(|room| room["restarts"] == 1)
    })
    .await;
    eventually("who listened to it sits there still", async || {
        room(&app, &admin, &lobby).await.is_some_and(|room| room["room"]["seats"] == 1)
    })
    .await;
    assert_eq!(room(&app, &admin, &other).await.unwrap()["restarts"], 0);
    assert_eq!(survey(&app, &admin).await["totals"]["room_restarts"], 1);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_busiest_rooms_are_told_of_and_the_rest_is_summed_up() {
    let app = TestApp::spawn().await;
    let admin = app.person("mina").await;
    let mut session = app.session(&admin).await;
    let (club, first) = app.club(&admin, "many").await;
    let mut rooms = vec![first];
    for n in 0..4 {
        let path = format!("/v1/clubs/{club}/rooms");
        let made = app.rest.post(&admin.token, &path, &json!({ "name": format!("r{n}") })).await;
        rooms.push(made["id"].as_str().unwrap().to_owned());
    }
    for room in &rooms {
        session.open(room).await;
    }
    for n in 0..5 {
        session.send(&rooms[3], &format!("c-{n}"), "word").await;
    }
    let seen = app.rest.get(&admin.token, &format!("{PATH}?limit=2")).await;
    let all = of_kind(&seen["root"], "rooms")[0];
    assert_eq!((&all["rooms"]["shown"], &all["children"][2]), (&json!(2), &Value::Null));
    assert!(all["rooms"]["awake"].as_u64().unwrap() >= 5, "{all}");
    assert_eq!(all["children"][0]["room"]["id"], rooms[3]);
    assert_eq!(all["children"][0]["room"]["club_id"], club);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_named_with_what_waits() {
    let app = TestApp::spawn().await;
    let (admin, bob) = (app.person("mina").await, app.person("bob").await);
    let lobby = app.lobby(&admin).await;
    let mut talker = app.session(&admin).await;
    talker.open(&lobby).await;
    let mut stalled = Raw::upgraded(app.address, b"").await;
    socket2::SockRef::from(&stalled.socket).set_recv_buffer_size(4_096).unwrap();
    let auth = json!({ "id": 1, "op": "auth", "token": bob.token }).to_string();
    stalled.write(&frame(0x81, auth.as_bytes())).await;
    let open = json!({ "id": 2, "op": "open", "room": lobby }).to_string();
    stalled.write(&frame(0x81, open.as_bytes())).await;
    let text = "가".repeat(4_000);
    for n in 0..80 {
        talker.send(&lobby, &format!("c-{n}"), &text).await;
    }
    let mut seen = Value::Null;
    eventually("something waits for who does not read", async || {
        seen = survey(&app, &admin).await;
        of_kind(&seen["root"], "session").iter().any(|s| s["session"]["user_id"] == bob.id)
    })
    .await;
    let sessions = of_kind(&seen["root"], "session");
    let session = sessions.iter().find(|s| s["session"]["user_id"] == bob.id).unwrap();
    assert!(session["session"]["outbox_bytes"].as_u64().unwrap() > 0, "{session}");
    assert!(session["name"].as_str().unwrap().starts_with("s_"), "{session}");
    app.end().await;
}
