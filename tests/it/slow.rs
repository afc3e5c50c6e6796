//! Slow clients: push turns to pull, nothing is skipped in silence, and nobody else waits.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Closed, Person, Raw, TestApp, eventually, eventually_within, frame};

/// Sessions that read nothing: each may hold about 120 KB of the least that a worker has.
const STALLED: usize = 120;
/// Messages in one piece, of 11 KB each: more than that, and what a socket takes unread.
const AT_ONCE: i64 = 24;

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_reads_gets_lag_and_the_others_everything() {
    // Nobody here says that they live, and a hundred people take their time to come.
    let app = TestApp::spawn_with(&[("MOIM_HEARTBEAT_MS", "300000")]).await;
    let mina = app.person("mina").await;
    let (club, room) = app.club(&mina, "many").await;
    let lazy = app.person("lazy").await;
    app.join(&lazy, &club).await;
    let total = 160;
    let mut senders = Vec::new();
    let mut readers = Vec::new();
    for n in 0..99 {
        let person = app.person(&format!("p{n}")).await;
        app.join(&person, &club).await;
        let mut session = app.session(&person).await;
        if n < 20 {
            senders.push(app.session(&person).await);
        }
        session.open(&room).await;
        readers.push(session);
    }
    let mut stalled = Raw::upgraded(app.address, b"").await;
    shrink(&stalled);
    let auth = json!({ "id": 1, "op": "auth", "token": lazy.token, "want": [] }).to_string();
    stalled.write(&frame(0x81, auth.as_bytes())).await;
    let open = json!({ "id": 2, "op": "open", "room": room }).to_string();
    stalled.write(&frame(0x81, open.as_bytes())).await;
    // What is said before it is open would be in its snapshot. After this it reads nothing.
    next_line(&mut stalled, |line| line["re"] == 2).await;

    // Only now: what they wait for has a time limit.
    let reading: Vec<_> = readers
        .into_iter()
        .map(|mut session| {
            tokio::spawn(async move {
                for expected in 1..=total {
                    assert_eq!(session.expect("msg.new").await["seq"], expected);
                }
            })
        })
        .collect();
    let text = "가".repeat(4_000);
    for n in 0..total {
        let sender = &mut senders[usize::try_from(n).unwrap() % 20];
        sender.send(&room, &format!("c-{n}"), &text).await;
    }
    for reader in reading {
        reader.await.unwrap();
    }
    assert!(app.metric("moim_frames_dropped_total{reason=\"Lag\"}").await >= 1.0);

    let mut last = reads_up_to_the_lag(&mut stalled).await;
    last = pulls_until_level(&mut stalled, &room, last).await;
    assert_eq!(last, total);
    senders[0].send(&room, "after", "pushes go on").await;
    let next = next_line(&mut stalled, |line| line["ev"] == "msg.new").await;
    assert_eq!(next["seq"], last + 1);
    app.end().await;
}

pub(crate) async fn next_line(raw: &mut Raw, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let line: Value = serde_json::from_slice(&raw.frame().await.unwrap().payload).unwrap();
        if fits(&line) {
            return line;
        }
    }
}

/// Beside many who never read, little may wait for anybody. What comes in one piece is more than that,
/// and still no reason to turn a reader from push to pull who takes it as soon as it is written.
#[tokio::test(flavor = "multi_thread")]
async fn beside_many_who_never_read_a_reader_is_not_taken_for_slow() {
    let settings = [
        ("MOIM_HEARTBEAT_MS", "300000"),
        ("MOIM_WORKERS", "1"),
        ("MOIM_OUTBOX_MIB", "16"),
        ("MOIM_SESSIONS_PER_USER", "200"),
    ];
    let app = TestApp::spawn_with(&settings).await;
    let (mina, lazy) = (app.person("mina").await, app.person("lazy").await);
    let room = app.lobby(&mina).await;
    let (mut reader, mut sender) = (app.session(&mina).await, app.session(&mina).await);
    reader.open(&room).await;
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        let mut raw = Raw::upgraded(app.address, b"").await;
        shrink(&raw);
        let auth = json!({ "id": 1, "op": "auth", "token": lazy.token, "want": [] }).to_string();
        raw.write(&frame(0x81, auth.as_bytes())).await;
        let open = json!({ "id": 2, "op": "open", "room": room }).to_string();
        raw.write(&frame(0x81, open.as_bytes())).await;
        next_line(&mut raw, |line| line["re"] == 2).await;
        stalled.push(raw);
    }
    let text = "가".repeat(3_600);
    let lagging = async || app.metric("moim_frames_dropped_total{reason=\"Lag\"}").await;
    let mut said = 0_i64;
    while lagging().await < STALLED as f64 {
        assert!(said < 150, "they read");
        sender.send(&room, &format!("c-{said}"), &text).await;
        said += 1;
        assert_eq!(reader.expect("msg.new").await["seq"], said);
    }
    let mut asked = Vec::new();
    for n in 0..AT_ONCE {
        let send = json!({ "op": "send", "room": room, "cid": format!("d-{n}"), "text": text });
        asked.push(sender.begin(send).await);
    }
    for n in 1..=AT_ONCE {
        assert_eq!(reader.expect("msg.new").await["seq"], said + n);
    }
    assert_eq!(lagging().await, STALLED as f64, "the reader was turned from push to pull");
    drop((asked, stalled));
    app.end().await;
}

/// What was pushed is whole up to the lag.
async fn reads_up_to_the_lag(raw: &mut Raw) -> i64 {
    let mut last = 0;
    loop {
        let line = next_line(raw, |line| line["ev"] == "lag" || line["ev"] == "msg.new").await;
        if line["ev"] == "lag" {
            assert_eq!(line["from"], last + 1);
            return last;
        }
        last += 1;
        assert_eq!(line["seq"], last);
    }
}

/// Pulling brings the rest, in order.
async fn pulls_until_level(raw: &mut Raw, room: &str, mut last: i64) -> i64 {
    loop {
        let pull = json!({ "id": 9, "op": "pull", "room": room, "after": last }).to_string();
        raw.write(&frame(0x81, pull.as_bytes())).await;
        let reply = next_line(raw, |line| line["re"] == 9).await["ok"].clone();
        for event in reply["events"].as_array().unwrap() {
            last += 1;
            assert_eq!(event["seq"], last);
        }
        if !reply["more"].as_bool().unwrap() {
            return last;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_never_read_share_what_there_is_and_leave_it_when_they_go() {
    let app = TestApp::spawn_with(&[("MOIM_OUTBOX_MIB", "16"), ("MOIM_WORKERS", "1")]).await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    let wide = format!("x{}", "\u{1}".repeat(3_999));
    for n in 0..50 {
        session.send(&room, &format!("c-{n}"), &wide).await;
    }
    // Each asks for 1.2 MB: forty of them for three times of what there is.
    let mut stalled = Vec::new();
    for n in 0..4 {
        let lazy = app.person(&format!("lazy{n}")).await;
        for _ in 0..10 {
            let mut raw = Raw::upgraded(app.address, b"").await;
            shrink(&raw);
            let auth = json!({ "id": 1, "op": "auth", "token": lazy.token, "want": [] });
            raw.write(&frame(0x81, auth.to_string().as_bytes())).await;
            let open = json!({ "id": 2, "op": "open", "room": room }).to_string();
            raw.write(&frame(0x81, open.as_bytes())).await;
            stalled.push(raw);
        }
    }
    let open = json!({ "op": "open", "room": room });
    let mut refused = Value::Null;
    eventually("there is no room for one more", async || {
        refused = session.request(open.clone()).await["err"].clone();
        refused["code"] == "overloaded"
    })
    .await;
    assert!(refused["retry_ms"].is_u64(), "{refused}");
    assert_eq!(session.send(&room, "on", "talk goes on").await["seq"], 51);
    drop(stalled);
    eventually("there is room again", async || {
        session.request(open.clone()).await["ok"]["snapshot"].is_object()
    })
    .await;
    app.end().await;
}

/// A small window, so that the server's bytes wait at the server.
pub(crate) fn shrink(raw: &Raw) {
    let socket = socket2::SockRef::from(&raw.socket);
    socket.set_recv_buffer_size(4_096).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_does_not_sign_in_or_beat_is_closed() {
    let app = TestApp::spawn_with(&[("MOIM_HEARTBEAT_MS", "1000")]).await;
    let mina = app.person("mina").await;
    let began = std::time::Instant::now();
    let mut silent = app.session(&mina).await;
    assert_eq!(silent.expect_close().await, Closed { code: 4009 });
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let mut nobody = crate::support::Client::connect(app.address).await;
    let closed = tokio::time::timeout(Duration::from_secs(15), async {
        loop {
            if let Err(closed) = nobody.line().await {
                break closed;
            }
        }
    });
    assert_eq!(closed.await.unwrap(), Closed { code: 4401 });
    app.end().await;
}

/// Bytes that wait in all outboxes, when they have stopped growing.
async fn outboxes_at_rest(app: &TestApp, admin: &Person) -> u64 {
    let bytes = async || {
        let tree = app.rest.get(&admin.token, "/v1/admin/actors").await;
        let actors = tree["root"]["children"].as_array().unwrap();
        let of_workers = actors.iter().filter_map(|actor| actor["worker"]["outbox_bytes"].as_u64());
        of_workers.sum::<u64>()
    };
    let (mut before, mut looks) = (0, 0);
    eventually("the outboxes are at rest", async || {
        let now = bytes().await;
        looks = if now > 0 && now == before { looks + 1 } else { 0 };
        before = now;
        looks >= 20
    })
    .await;
    before
}

#[tokio::test(flavor = "multi_thread")]
async fn many_questions_in_one_message_are_not_many_answers_in_memory() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    let wide = format!("x{}", "\u{1}".repeat(3_999));
    for n in 0..50 {
        session.send(&room, &format!("c-{n}"), &wide).await;
    }
    let mut asks = Raw::upgraded(app.address, b"").await;
    // Little of an answer is out of the server's sight, and yet it is read quickly in the end.
    socket2::SockRef::from(&asks.socket).set_recv_buffer_size(64 * 1024).unwrap();
    let auth = json!({ "id": 1, "op": "auth", "token": mina.token, "want": [] }).to_string();
    asks.write(&frame(0x81, auth.as_bytes())).await;
    let open = |id: usize| json!({ "id": id, "op": "open", "room": room }).to_string();
    let many: Vec<String> = (1_000..1_150).map(open).collect();
    asks.write(&frame(0x81, many.join("\n").as_bytes())).await;
    // Nothing is read until the server has done all that it does for one who does not read.
    let held = outboxes_at_rest(&app, &mina).await;
    assert!((500_000..2_600_000).contains(&held), "{held} bytes; a snapshot has 1.2 MB");
    for id in 1_000..1_150 {
        let reply = answer(&mut asks, id).await;
        assert!(reply["ok"].is_object() || reply["err"]["code"] == "overloaded", "{reply}");
    }
    // The last opening counts: the room is open, and talk goes on.
    session.send(&room, "after", "hello").await;
    while heard(&mut asks).await["d"]["cid"] != "after" {}
    app.end().await;
}

/// The next line.
async fn heard(raw: &mut Raw) -> Value {
    let frame = raw.frame().await.expect("the session goes on");
    serde_json::from_slice(&frame.payload).unwrap_or_default()
}

/// The answer to a request; answers to others before it are dropped.
async fn answer(raw: &mut Raw, id: usize) -> Value {
    loop {
        let line = heard(raw).await;
        if line["re"] == id {
            return line;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_stuck_for_half_a_minute_ends_the_session() {
    let app = TestApp::spawn().await;
    let (mina, lazy) = (app.person("mina").await, app.person("lazy").await);
    let room = app.lobby(&mina).await;
    let mut stalled = Raw::upgraded(app.address, b"").await;
    shrink(&stalled);
    let auth = json!({ "id": 1, "op": "auth", "token": lazy.token, "want": [] }).to_string();
    let open = json!({ "id": 2, "op": "open", "room": room }).to_string();
    stalled.write(&frame(0x81, auth.as_bytes())).await;
    stalled.write(&frame(0x81, open.as_bytes())).await;
    let mut talker = app.session(&mina).await;
    let text = "가".repeat(4_000);
    for n in 0..60 {
        talker.send(&room, &format!("c-{n}"), &text).await;
    }
    let closed = async || app.metric("moim_sessions_closed_total{code=\"4003\"}").await >= 1.0;
    eventually_within(Duration::from_secs(45), "it is closed with 4003", closed).await;
    // Nor does it take the close frame; the session is gone all the same.
    eventually("it is gone", async || app.metric("moim_connections").await < 2.0).await;
    assert_eq!(talker.send(&room, "after", "nobody waited").await["seq"], 61);
    app.end().await;
}
