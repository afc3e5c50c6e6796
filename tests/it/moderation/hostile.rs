//! Somebody who does everything to go on hearing, with several sockets and streams at once, and is
//! put out all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{call, club, of_room, send};
use crate::support::{Client, Raw, Sse, TestApp, frame, on_both};

on_both!(
    nothing_is_heard_behind_a_kick_whatever_was_asked_before,
    who_asks_all_the_time_while_being_put_out_hears_nothing_behind_it,
);

/// Revocation is as quick as this, on every node.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A text of its own kind, so long that a room full of them is more than a socket takes.
fn wide(n: usize) -> String {
    format!("{n:05}{}", "가".repeat(3_900))
}

async fn nothing_is_heard_behind_a_kick_whatever_was_asked_before(app: &TestApp) {
    let club = club(app).await;
    let room = &club.plans;
    let mut owner = app.session(&club.owner).await;
    for n in 0..60 {
        owner.send(room, &format!("a-{n}"), &wide(n)).await;
    }
    // One that reads, one that only hears heads.
    let (mut open, mut head) = (app.session(&club.bob).await, app.session(&club.bob).await);
    let epoch = open.open(room).await["epoch"].as_str().unwrap().to_owned();
    open.open(&club.general).await;
    // One that does not read: what is pushed waits in its outbox, then it is to pull.
    let mut lags = stalled(app, &club.bob.token).await;
    ask(&mut lags, json!({ "id": 2, "op": "open", "room": room })).await;
    // One in the middle of a long replay that it does not read.
    let mut replays = stalled(app, &club.bob.token).await;
    let since = json!({ "epoch": epoch, "seq": 0 });
    ask(&mut replays, json!({ "id": 2, "op": "open", "room": room, "since": since })).await;
    // Streams: one live, one in a replay that nobody reads.
    let path = format!("/v1/rooms/{room}/events");
    let mut live = Sse::open(&app.rest, &club.bob.token, &path).await;
    let since = format!("{path}?since={epoch}-0");
    let mut old = Sse::open(&app.rest, &club.bob.token, &since).await;
    for n in 60..180 {
        owner.send(room, &format!("a-{n}"), &wide(n)).await;
    }

    let began = Instant::now();
    let (status, _) = club.act(app, &club.manager, ("kick", &club.bob), json!({})).await;
    assert_eq!(status, 200);
    for session in [&mut open, &mut head] {
        for room in [room, &club.general] {
            let is_end = |line: &Value| line["ev"] == "room.remove" && of_room(line, room);
            assert_eq!(session.wait_for(is_end).await["why"], "kicked");
        }
    }
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    // What is said from here on is not for them. Nobody may say as much as that alone.
    let mut owner = app.session(&club.manager).await;
    for n in 0..50 {
        owner.send(room, &format!("b-{n}"), "secret").await;
        owner.send(&club.general, &format!("b-{n}"), "secret").await;
    }
    let lobby = app.lobby(&club.manager).await;
    owner.send(&lobby, "last", "last").await;
    for session in [&mut open, &mut head] {
        session.heard();
        let is_last = |line: &Value| of_room(line, &lobby) && line["ev"] == "room.head";
        session.wait_for(is_last).await;
        session.expect_none(|line| line["room"] == *room || line["room"] == *club.general).await;
    }
    for slow in [&mut lags, &mut replays] {
        hears_nothing_more(slow, room).await;
    }
    // Streams end with what they had; the kick itself is the last that they may tell.
    for stream in [&mut live, &mut old] {
        let rest = stream.rest().await;
        assert!(rest.iter().all(|event| !event.data.to_string().contains("secret")));
    }
    let since = [("authorization", format!("Bearer {}", club.bob.token))];
    let since: Vec<_> = since.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let refused = Sse::open_with(&app.rest, &path, &since).await;
    assert_eq!(refused.err(), Some(404));
}

/// A slow one finds what was on its way before, and nothing behind it.
async fn hears_nothing_more(slow: &mut Raw, room: &str) {
    ask(slow, json!({ "id": 9, "op": "pull", "room": room, "after": 59 })).await;
    loop {
        let line: Value = next(slow).await;
        assert!(!line.to_string().contains("secret"), "{line}");
        if line["re"] == 2 && line["err"].is_object() {
            assert_eq!(line["err"]["code"], "not_found");
        }
        if line["re"] == 9 {
            assert_eq!(line["err"]["code"], "not_found");
            break;
        }
    }
    ask(slow, json!({ "id": 10, "op": "ping" })).await;
    while next(slow).await["re"] != 10 {}
}

/// A socket with a small window, signed in, that nobody reads. Not smaller: into less the kernel does
/// not fit what it sends at once here, and tries again after longer and longer pauses.
async fn stalled(app: &TestApp, token: &str) -> Raw {
    let mut raw = Raw::upgraded(app.address, b"").await;
    let socket = socket2::SockRef::from(&raw.socket);
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    ask(&mut raw, json!({ "id": 1, "op": "auth", "token": token, "want": [] })).await;
    raw
}

async fn ask(raw: &mut Raw, op: Value) {
    raw.write(&frame(0x81, op.to_string().as_bytes())).await;
}

async fn next(raw: &mut Raw) -> Value {
    serde_json::from_slice(&raw.frame().await.unwrap().payload).unwrap()
}

async fn who_asks_all_the_time_while_being_put_out_hears_nothing_behind_it(app: &TestApp) {
    let club = club(app).await;
    let room = club.plans.clone();
    let mut owner = app.session(&club.owner).await;
    let lobby = app.lobby(&club.owner).await;
    for round in 0..6 {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut asking = Vec::new();
        for _ in 0..3 {
            let mut session = app.session(&club.bob).await;
            let (room, is_over) = (room.clone(), Arc::clone(&is_over));
            asking.push(tokio::spawn(async move {
                while !is_over.load(Ordering::Acquire) {
                    session.request(json!({ "op": "open", "room": room })).await;
                    session.request(json!({ "op": "close", "room": room })).await;
                }
                session
            }));
        }
        for n in 0..5 {
            owner.send(&room, &format!("{round}-{n}"), "open").await;
        }
        let (status, _) = club.act(app, &club.owner, ("kick", &club.bob), json!({})).await;
        assert_eq!(status, 200);
        for n in 5..15 {
            owner.send(&room, &format!("{round}-{n}"), &format!("secret {round}")).await;
        }
        is_over.store(true, Ordering::Release);
        owner.send(&lobby, &format!("{round}"), "last").await;
        for asking in asking {
            let mut session: Client = asking.await.unwrap();
            // All badges that there are come together, and that of the lobby is the newest.
            let is_last = |line: &Value| of_room(line, &lobby) && line["ev"] == "room.head";
            let mut heard = Vec::new();
            loop {
                let line = session.line().await.unwrap();
                let is_last = is_last(&line) && line["head"] == round + 1;
                heard.push(line);
                if is_last {
                    break;
                }
            }
            let secret = format!("secret {round}");
            assert!(heard.iter().all(|line| !line.to_string().contains(&secret)), "{heard:?}");
            let gone = heard.iter().rposition(|line| line["ev"] == "room.remove");
            let behind = &heard[gone.map_or(0, |gone| gone + 1)..];
            assert!(behind.iter().all(|line| !of_room(line, &room)), "{behind:?}");
        }
        let path = format!("/v1/rooms/{room}/read");
        let read = call(app, Method::POST, &club.bob, &path, json!({ "seq": 1 }));
        assert_eq!(read.await.0, 404);
        app.join(&club.bob, &club.id).await;
    }
    let mut bob = app.session(&club.bob).await;
    bob.open(&room).await;
    bob.ok(send(&room, "back", "all is well")).await;
}
