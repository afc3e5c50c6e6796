//! Server-sent events: the same log as on the socket, resumed by position, ended when rights end.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, Sse, TestApp};

async fn position(app: &TestApp, who: &Person, room: &str) -> (String, i64) {
    let room = app.rest.get(&who.token, &format!("/v1/rooms/{room}")).await;
    (room["epoch"].as_str().unwrap().to_owned(), room["head"].as_i64().unwrap())
}

async fn say(app: &TestApp, who: &Person, room: &str, text: &str) -> i64 {
    let path = format!("/v1/rooms/{room}/messages");
    let sent = app.rest.post(&who.token, &path, &json!({ "text": text })).await;
    sent["seq"].as_i64().unwrap()
}

fn seq_of(id: &str) -> i64 {
    id.rsplit_once('-').unwrap().1.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_position_a_stream_begins_with_the_next_event() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    say(&app, &mina, &room, "before").await;
    let (epoch, _) = position(&app, &mina, &room).await;
    let mut stream = Sse::open(&app.rest, &bob.token, &format!("/v1/rooms/{room}/events")).await;
    let headers = stream.response.headers();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(headers.get("content-encoding").is_none() && headers.contains_key("x-request-id"));
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.ok(json!({ "op": "typing", "room": room })).await;
    session.send(&room, "c-1", "after\nwith a line").await;
    let event = stream.next().await;
    assert_eq!((event.id, event.event), (format!("{epoch}-2"), "msg.new".to_owned()));
    assert_eq!(event.data, session.expect("msg.new").await, "as on the socket");
    assert_eq!(event.data["d"]["text"], "after\nwith a line");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_event_id_wins_over_since() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    for text in ["one", "two", "three", "four"] {
        say(&app, &mina, &room, text).await;
    }
    let (epoch, head) = position(&app, &mina, &room).await;
    let path = format!("/v1/rooms/{room}/events");
    let since = format!("{path}?since={epoch}-1");
    let mut stream = Sse::open(&app.rest, &mina.token, &since).await;
    for text in ["two", "three", "four"] {
        assert_eq!(stream.next().await.data["d"]["text"], text);
    }
    let mut stream = Sse::open_after(&app.rest, &mina.token, &since, &format!("{epoch}-3")).await;
    assert_eq!(stream.next().await.data["d"]["text"], "four");
    // Level: nothing is replayed and there is no gap.
    let level = format!("{epoch}-{head}");
    let mut stream = Sse::open_after(&app.rest, &mina.token, &since, &level).await;
    say(&app, &mina, &room, "five").await;
    let event = stream.next().await;
    assert_eq!((event.event.as_str(), seq_of(&event.id)), ("msg.new", 5));
    let mut stream = Sse::open_after(&app.rest, &mina.token, &path, &format!("{epoch}-0")).await;
    for seq in 1..=5 {
        assert_eq!(stream.next().await.data["seq"], seq);
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_means_nothing_gives_a_gap_and_then_goes_on() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    say(&app, &mina, &room, "one").await;
    let (epoch, mut head) = position(&app, &mina, &room).await;
    let path = format!("/v1/rooms/{room}/events");
    let above = format!("{epoch}-99");
    let negative = format!("{epoch}--1");
    let huge = format!("{epoch}-99999999999999999999");
    let odd = ["nonsense", "-", "elsewhere-1", "elsewhere-0", &above, &negative, &huge, "1", "a1-"];
    for id in odd {
        let mut stream = Sse::open_after(&app.rest, &mina.token, &path, id).await;
        let gap = stream.next().await;
        assert_eq!((gap.event.as_str(), &gap.id), ("gap", &format!("{epoch}-{head}")), "{id}");
        let told = json!({ "ev": "gap", "room": room, "epoch": epoch, "head": head });
        assert_eq!(gap.data, told, "{id}");
        head = say(&app, &mina, &room, "live").await;
        let live = stream.next().await;
        assert_eq!((live.event.as_str(), seq_of(&live.id)), ("msg.new", head), "{id}");
        // The id of a gap is a position like any other.
        let mut again = Sse::open_after(&app.rest, &mina.token, &path, &gap.id).await;
        assert_eq!(again.next().await.data["seq"], head);
    }
    let mut stream = Sse::open(&app.rest, &mina.token, &format!("{path}?since=nonsense")).await;
    assert_eq!(stream.next().await.event, "gap");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_again_and_again_in_a_busy_room_it_leaves_no_hole_and_no_double() {
    let app = TestApp::spawn().await;
    let bob = app.person("bob").await;
    let room = app.lobby(&bob).await;
    let mut talkers = Vec::new();
    for n in 0..3 {
        let person = app.person(&format!("talker{n}")).await;
        talkers.push(app.session(&person).await);
    }
    let path = format!("/v1/rooms/{room}/events");
    let (epoch, _) = position(&app, &bob, &room).await;
    let mut last = format!("{epoch}-0");
    for round in 0..50_usize {
        for talker in &mut talkers {
            let send =
                json!({ "op": "send", "room": room, "cid": format!("c-{round}"), "text": "word" });
            talker.begin(send).await;
        }
        let mut stream = Sse::open_after(&app.rest, &bob.token, &path, &last).await;
        for _ in 0..(round % 6) {
            let event = stream.next().await;
            assert_eq!(event.event, "msg.new");
            assert_eq!(seq_of(&event.id), seq_of(&last) + 1, "a hole or a double");
            assert_eq!(event.data["seq"], seq_of(&event.id));
            last = event.id;
        }
    }
    let mut stream = Sse::open_after(&app.rest, &bob.token, &path, &last).await;
    while seq_of(&last) < 150 {
        let event = stream.next().await;
        assert_eq!(seq_of(&event.id), seq_of(&last) + 1, "a hole or a double");
        last = event.id;
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_megabytes_behind_are_replayed_to_one_who_reads_slowly() {
    let app = TestApp::spawn().await;
    let bob = app.person("bob").await;
    let room = app.lobby(&bob).await;
    let (epoch, _) = position(&app, &bob, &room).await;
    let text = "가".repeat(1_000);
    let mut waiting = Vec::new();
    for n in 0..4 {
        let person = app.person(&format!("talker{n}")).await;
        let mut talker = app.session(&person).await;
        let (room, text) = (room.clone(), text.clone());
        waiting.push(tokio::spawn(async move {
            let mut last = 0;
            for n in 0..180 {
                let send =
                    json!({ "op": "send", "room": room, "cid": format!("c-{n}"), "text": text });
                last = talker.begin(send).await;
            }
            assert!(talker.reply(last).await["ok"].is_object());
        }));
    }
    for talker in waiting {
        talker.await.unwrap();
    }
    let path = format!("/v1/rooms/{room}/events?since={epoch}-0");
    let mut stream = Sse::open(&app.rest, &bob.token, &path).await;
    for seq in 1..=720 {
        assert_eq!(stream.next().await.data["seq"], seq);
    }
    let seq = say(&app, &bob, &room, "and on").await;
    assert_eq!(stream.next().await.data["seq"], seq);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_gets_no_stream() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (_, room) = app.club(&mina, "readers").await;
    let events = format!("/v1/rooms/{room}/events");
    for path in [events.as_str(), "/v1/rooms/r_999999/events", "/v1/rooms/nonsense/events"] {
        let (status, body) = app.rest.refused(Method::GET, Some(&bob.token), path, None).await;
        assert_eq!((status, &body["code"]), (404, &json!("not_found")), "{path}");
    }
    for path in [events.as_str(), "/v1/inbox/events"] {
        let (status, body) = app.rest.refused(Method::GET, None, path, None).await;
        assert_eq!((status, &body["code"]), (401, &json!("unauthorized")), "{path}");
        for odd in ["access_token=nonsense", "ticket=nonsense", "access_token=", "token=x"] {
            let path = format!("{path}?{odd}");
            let (status, _) = app.rest.refused(Method::GET, None, &path, None).await;
            assert_eq!(status, 401, "{path}");
        }
        let (status, _) = app.rest.refused(Method::GET, Some("nonsense"), path, None).await;
        assert_eq!(status, 401, "{path}");
        let by_url = format!("{path}?access_token={}", mina.token);
        Sse::open_with(&app.rest, &by_url, &[]).await.unwrap();
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_reader_leaves_and_shows_the_line_before() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, plans) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let rooms = app.rest.get(&bob.token, &format!("/v1/clubs/{club}/rooms")).await;
    let general = rooms["items"].as_array().unwrap().iter().find(|room| room["name"] == "general");
    let general = general.unwrap()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/rooms/{general}/events");
    let mut leaver = Sse::open(&app.rest, &bob.token, &path).await;
    let mut stays = Sse::open(&app.rest, &mina.token, &path).await;
    let other = format!("/v1/rooms/{plans}/events");
    let mut other = Sse::open(&app.rest, &bob.token, &other).await;
    let mut inbox = Sse::open(&app.rest, &bob.token, "/v1/inbox/events").await;
    let leave = format!("/v1/clubs/{club}/leave");
    app.rest.send(Method::POST, Some(&bob.token), &leave, None).await;
    let began = Instant::now();
    let said = leaver.rest().await;
    other.rest().await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let said: Vec<_> = said.iter().map(|event| (event.event.as_str(), &event.data["d"])).collect();
    assert_eq!(said, [("member.leave", &json!({ "user": bob.id }))]);
    assert_eq!(stays.next().await.event, "member.leave");
    let bearer = format!("Bearer {}", bob.token);
    let back = Sse::open_with(&app.rest, &path, &[("authorization", &bearer)]).await;
    assert_eq!(back.err(), Some(404));
    // The inbox is still bob's own.
    let lobby = app.lobby(&mina).await;
    say(&app, &mina, &lobby, "@bob hello").await;
    assert_eq!(inbox.next().await.data["d"]["kind"], "mention");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_a_log_like_any_other() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let call = async |text: &str| say(&app, &mina, &room, &format!("@bob {text}")).await;
    call("before").await;
    let path = "/v1/inbox/events";
    let mut stream = Sse::open(&app.rest, &bob.token, path).await;
    let head = app.session(&bob).await;
    let first = call("one").await;
    let event = stream.next().await;
    assert_eq!(event.event, "inbox");
    assert_eq!((&event.data["seq"], seq_of(&event.id)), (&json!(2), 2));
    assert_eq!(event.data["d"]["kind"], "mention");
    assert_eq!(event.data["d"]["from"], mina.id.as_str());
    assert_eq!(event.data["d"]["link"], format!("/rooms/{room}?at={first}"));
    head.cut();
    let epoch = event.id.rsplit_once('-').unwrap().0.to_owned();
    for text in ["two", "three"] {
        call(text).await;
    }
    drop(stream);
    for after in 0..4 {
        let mut stream =
            Sse::open_after(&app.rest, &bob.token, path, &format!("{epoch}-{after}")).await;
        for seq in after + 1..=4 {
            assert_eq!(seq_of(&stream.next().await.id), seq);
        }
    }
    let since = format!("{path}?since={epoch}-1");
    let mut stream = Sse::open_after(&app.rest, &bob.token, &since, &format!("{epoch}-3")).await;
    assert_eq!(seq_of(&stream.next().await.id), 4);
    for (odd, head) in
        [("nonsense".to_owned(), 4), ("elsewhere-1".to_owned(), 5), (format!("{epoch}-99"), 6)]
    {
        let mut stream = Sse::open_after(&app.rest, &bob.token, path, &odd).await;
        let gap = stream.next().await;
        assert_eq!((gap.event.as_str(), &gap.id), ("gap", &format!("{epoch}-{head}")), "{odd}");
        assert_eq!(gap.data, json!({ "ev": "gap", "epoch": epoch, "head": head }));
        call("live").await;
        let live = stream.next().await;
        assert_eq!((live.event.as_str(), seq_of(&live.id)), ("inbox", head + 1));
    }
    // What others are told is not for bob.
    say(&app, &bob, &room, "@mina hello").await;
    let mut stream = Sse::open_after(&app.rest, &mina.token, path, "nonsense").await;
    assert_eq!(stream.next().await.data["head"], 1);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_reach_the_inbox_stream_whole_however_it_is_cut() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut talker = app.session(&mina).await;
    let mut stream = Sse::open_after(&app.rest, &bob.token, "/v1/inbox/events", "nonsense").await;
    let mut last = stream.next().await.id;
    for round in 0..30_usize {
        for n in 0..4 {
            let cid = format!("c-{round}-{n}");
            let send = json!({ "op": "send", "room": room, "cid": cid, "text": "@bob now" });
            talker.begin(send).await;
        }
        stream = Sse::open_after(&app.rest, &bob.token, "/v1/inbox/events", &last).await;
        for _ in 0..(round % 5) {
            let event = stream.next().await;
            assert_eq!(seq_of(&event.id), seq_of(&last) + 1, "a hole or a double");
            last = event.id;
        }
    }
    stream = Sse::open_after(&app.rest, &bob.token, "/v1/inbox/events", &last).await;
    while seq_of(&last) < 120 {
        let event = stream.next().await;
        assert_eq!(seq_of(&event.id), seq_of(&last) + 1, "a hole or a double");
        last = event.id;
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_the_server_and_are_counted_until_then() {
    let mut app = TestApp::spawn_with(&[("MOIM_DRAIN_WINDOW_MS", "500")]).await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let path = format!("/v1/rooms/{room}/events");
    let mut streams = [
        Sse::open(&app.rest, &mina.token, &path).await,
        Sse::open(&app.rest, &mina.token, "/v1/inbox/events").await,
    ];
    let one = Sse::open(&app.rest, &mina.token, &path).await;
    assert_eq!(app.metric("moim_streams").await, 3.0);
    drop(one);
    crate::support::eventually("one is gone", async || app.metric("moim_streams").await == 2.0)
        .await;
    say(&app, &mina, &room, "last words").await;
    app.begin_end();
    assert_eq!(streams[0].rest().await.len(), 1);
    assert_eq!(streams[1].rest().await.len(), 0);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_no_presence_and_hears_a_room_that_crashed() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let path = format!("/v1/rooms/{room}/events");
    let mut stream = Sse::open(&app.rest, &bob.token, &path).await;
    for seq in 1..=3 {
        app.crash(&room).await;
        assert_eq!(say(&app, &mina, &room, "again").await, seq);
        assert_eq!(stream.next().await.data["seq"], seq);
    }
    let members = app.rest.get(&mina.token, &format!("/v1/rooms/{room}/members")).await;
    let online: Vec<&Value> =
        members["items"].as_array().unwrap().iter().filter(|m| m["online"] == true).collect();
    assert!(online.is_empty(), "{online:?}");
    app.end().await;
}
