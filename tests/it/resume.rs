//! Coming back: from every position the client gets every event, once, in order, or a snapshot and
//! the reason.

use serde_json::{Value, json};

use crate::support::{Client, TestApp, eventually, seqs};

/// What a client holds of a room: its position, and the seqs that it applied.
struct Applied {
    epoch: String,
    seq: i64,
    seqs: Vec<i64>,
}

impl Applied {
    fn apply(&mut self, event: &Value) {
        let seq = event["seq"].as_i64().unwrap();
        assert_eq!(seq, self.seq + 1, "a hole or a double behind {}", self.seq);
        self.seq = seq;
        self.seqs.push(seq);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_at_every_frame_of_a_busy_exchange_leaves_no_hole() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut talker = app.session(&mina).await;
    talker.open(&room).await;
    let mut listener = app.session(&bob).await;
    let opened = listener.open(&room).await;
    let epoch = opened["epoch"].as_str().unwrap().to_owned();
    let mut applied = Applied { epoch, seq: 0, seqs: Vec::new() };
    for round in 0..40_usize {
        // Some are sent while the listener is there, some while it is away.
        for n in 0..5 {
            talker.begin(send(&room, &format!("c-{round}-{n}"))).await;
        }
        for _ in 0..(round % 6) {
            applied.apply(&listener.expect("msg.new").await);
        }
        listener.cut();
        listener = app.session(&bob).await;
        let opened = listener.open_since(&room, &applied.epoch, applied.seq).await;
        assert_eq!(opened["resumed"], true);
        let goal = opened["head"].as_i64().unwrap();
        assert_eq!(opened["replay"], goal - applied.seq);
        while applied.seq < goal {
            applied.apply(&listener.expect("msg.new").await);
        }
        assert_eq!(listener.expect("caught_up").await["seq"], goal);
    }
    while applied.seq < 200 {
        applied.apply(&listener.expect("msg.new").await);
    }
    assert_eq!(applied.seqs, (1..=200).collect::<Vec<_>>());
    app.end().await;
}

fn send(room: &str, cid: &str) -> Value {
    json!({ "op": "send", "room": room, "cid": cid, "text": "word" })
}

async fn fill(client: &mut Client, room: &str, count: usize) {
    let mut last = 0;
    for n in 0..count {
        last = client.begin(send(room, &format!("fill-{n}"))).await;
    }
    assert!(client.reply(last).await["ok"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_events_behind_is_resumed_from_the_store() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    // Many hands: a user may send twenty a second.
    let mut hands = Vec::new();
    for n in 0..6 {
        let person = app.person(&format!("hand{n}")).await;
        let club = app.rest.get(&mina.token, "/v1/clubs").await["items"][0]["id"].clone();
        app.join(&person, club.as_str().unwrap()).await;
        hands.push(app.session(&person).await);
    }
    for hand in &mut hands {
        fill(hand, &room, 180).await;
    }
    let mut client = app.session(&mina).await;
    let rooms = app.rest.get(&mina.token, "/v1/rooms").await;
    let entry = rooms["items"].as_array().unwrap().iter().find(|r| r["id"] == room.as_str());
    let epoch = entry.unwrap()["epoch"].as_str().unwrap().to_owned();
    let opened = client.open_since(&room, &epoch, 0).await;
    assert_eq!((&opened["resumed"], &opened["replay"]), (&json!(true), &json!(1_080)));
    let events = client.expect_many("msg.new", 1_080).await;
    assert_eq!(seqs(&events), (1..=1_080).collect::<Vec<_>>());
    assert_eq!(client.expect("caught_up").await["seq"], 1_080);
    hands[0].send(&room, "live", "and on").await;
    assert_eq!(client.expect("msg.new").await["seq"], 1_081);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_of_another_life_gets_a_snapshot() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut client = app.session(&mina).await;
    let epoch = client.open(&room).await["epoch"].as_str().unwrap().to_owned();
    client.send(&room, "c-1", "hi").await;
    client.ok(json!({ "op": "close", "room": room })).await;
    for (epoch, seq) in [("elsewhere", 1), (epoch.as_str(), 99)] {
        let opened = client.open_since(&room, epoch, seq).await;
        assert_eq!((&opened["resumed"], &opened["why"]), (&json!(false), &json!("epoch")));
        assert_eq!(opened["snapshot"]["upto"], 1);
        assert_eq!(opened["snapshot"]["items"][0]["text"], "hi");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_close_a_room_is_heard_by_its_head_only() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut talker, mut listener) = (app.session(&mina).await, app.session(&bob).await);
    listener.open(&room).await;
    listener.ok(json!({ "op": "close", "room": room })).await;
    talker.send(&room, "c-1", "quiet").await;
    let head = listener.expect("room.head").await;
    assert_eq!((&head["head"], &head["n"], &head["mentions"]), (&json!(1), &json!(1), &json!(0)));
    listener.expect_none(|line| line["ev"] == "msg.new").await;
    talker.send(&room, "c-2", "@bob look").await;
    let head = listener.wait_for(|line| line["ev"] == "room.head" && line["head"] == 2).await;
    assert_eq!(head["mentions"], 1);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_log_its_life_and_the_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let address = crate::support::free_address();
    let server = crate::support::Process::start(folder.path(), address).await;
    let mina = server.rest.register("mina").await;
    let mut client = Client::connect(address).await;
    let rooms = client.auth(&mina.token).await["rooms"].clone();
    let room = rooms[0]["room"].as_str().unwrap().to_owned();
    let epoch = client.open(&room).await["epoch"].as_str().unwrap().to_owned();
    client.send(&room, "c-1", "before").await;
    server.kill().await;
    let server = crate::support::Process::start(folder.path(), address).await;
    let mut client = Client::connect(address).await;
    client.auth(&mina.token).await;
    let opened = client.open_since(&room, &epoch, 0).await;
    assert_eq!((&opened["resumed"], &opened["replay"]), (&json!(true), &json!(1)));
    assert_eq!(client.expect("msg.new").await["d"]["text"], "before");
    assert_eq!(client.send(&room, "c-1", "before").await["dup"], true);
    assert_eq!(client.send(&room, "c-2", "after").await["seq"], 2);
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_that_is_behind_is_told_so() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut client = app.session(&mina).await;
    client.open(&room).await;
    client.send(&room, "c-1", "one").await;
    client.send(&room, "c-2", "two").await;
    client.expect_many("msg.new", 2).await;
    client.say(&json!({ "at": { room.as_str(): 1 } }).to_string()).await;
    assert_eq!(client.expect("behind").await["head"], 2);
    client.say(&json!({ "at": { room.as_str(): 2 } }).to_string()).await;
    client.expect_none(|line| line["ev"] == "behind").await;
    eventually("rooms are awake", async || app.metric("moim_rooms_awake").await >= 1.0).await;
    app.end().await;
}
