//! A room keeps what is said for a time: what is older is nowhere, and nobody counts it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{everything, listed, say};
use crate::files::{lying, upload, with_files};
use crate::support::{Person, Sse, TestApp, eventually, on_both};

on_both!(
    what_is_old_goes_and_counts_stay_exact,
    who_was_away_too_long_starts_anew,
    an_open_stream_is_told_what_the_room_forgets,
    later_texts_of_old_messages_go_with_them,
    a_room_may_forget_everything,
    retention_is_a_setting_of_the_room,
    answers_of_the_assistant_go_with_their_questions,
    answers_go_with_what_they_quote,
    a_deleted_room_leaves_nothing_of_what_was_said,
);

/// Everything in a room up to a seq was said long ago.
async fn age(app: &TestApp, room: &str, upto: i64) {
    let room = room.trim_start_matches("r_");
    for (table, seq) in [("room_event", "seq"), ("message", "seq")] {
        let sql = format!(
            "UPDATE {table} SET at = at - 3456000000 WHERE room_id = {room} AND {seq} <= {upto}"
        );
        app.sql(&sql).await;
    }
}

/// Keeps what is said for 30 days from now on.
async fn keep(app: &TestApp, owner: &Person, room: &str) {
    let path = format!("/v1/rooms/{room}");
    let detail = app.rest.patch(&owner.token, &path, &json!({ "retention_days": 30 })).await;
    assert_eq!(detail["retention_days"], 30);
}

fn swept(room: &str) -> impl Fn(&Value) -> bool + '_ {
    move |line| {
        line["ev"] == "room.update" && line["room"] == *room && line["d"]["horizon"] != Value::Null
    }
}

fn seq(id: &Value) -> i64 {
    id.as_str().unwrap().rsplit('_').next().unwrap().parse().unwrap()
}

async fn what_is_old_goes_and_counts_stay_exact(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    let mut last = Value::Null;
    for n in 0..5 {
        last = say(&mut at_mina, &room, &format!("@bob xyzzy {n}")).await;
    }
    at_bob.ok(json!({ "op": "react", "room": room, "message": last, "emoji": "👍" })).await;
    at_mina.ok(json!({ "op": "pin", "room": room, "message": last })).await;
    let answer = json!({ "op": "send", "room": room, "text": "xyzzy below", "thread": last });
    at_mina.ok(answer).await;
    let head = listed(app, &mina, &room).await["head"].as_i64().unwrap();
    for n in 0..3 {
        say(&mut at_mina, &room, &format!("@bob fresh {n}")).await;
    }
    let before = listed(app, &bob, &room).await;
    assert_eq!((&before["unread"], &before["mentions"]), (&json!(9), &json!(8)));
    assert!(everything(app, &bob, &room).await.contains("xyzzy"));
    age(app, &room, head).await;
    keep(app, &mina, &room).await;
    let told = at_mina.wait_for(swept(&room)).await;
    assert_eq!(told["d"], json!({ "horizon": head, "horizon_n": 6 }));
    at_bob.wait_for(swept(&room)).await;
    let gone = at_bob.expect("inbox.drop").await;
    assert!(!gone["ids"].as_array().unwrap().is_empty(), "{gone}");
    let after = listed(app, &bob, &room).await;
    assert_eq!((&after["read_n"], &after["unread"]), (&json!(6), &json!(3)));
    assert_eq!(after["mentions"], 3);
    for person in [&mina, &bob] {
        let all = everything(app, person, &room).await;
        assert!(!all.contains("xyzzy") && all.contains("fresh"), "{all}");
    }
    nothing_old_is_found(app, (&mina, &bob), &room, &last).await;
    // A mark below, and one taken back there, count nothing that has gone.
    let read = json!({ "op": "read", "room": room, "seq": 1 });
    let mark = at_bob.ok(read).await;
    assert_eq!(
        (&mark["read_n"], &mark["unread"], &mark["mentions"]),
        (&json!(6), &json!(3), &json!(3))
    );
    let unread =
        app.rest.post(&mina.token, &format!("/v1/rooms/{room}/unread"), &json!({ "seq": 1 })).await;
    assert_eq!((&unread["read_n"], &unread["unread"]), (&json!(6), &json!(3)));
    app.crash(&room).await;
    assert!(!everything(app, &bob, &room).await.contains("xyzzy"));
    assert_eq!(listed(app, &bob, &room).await["unread"], 3);
    let said = say(&mut at_mina, &room, "and on").await;
    assert!(seq(&said) > head + 3);
}

async fn nothing_old_is_found(
    app: &TestApp,
    (mina, bob): (&Person, &Person),
    room: &str,
    last: &Value,
) {
    let head = seq(last) + 3;
    let list = app.rest.get(&bob.token, &format!("/v1/rooms/{room}/messages")).await;
    assert_eq!((&list["items"][0]["n"], &list["items"][0]["seq"]), (&json!(7), &json!(head + 1)));
    assert_eq!(
        app.rest.get(&bob.token, &format!("/v1/rooms/{room}/pins")).await["items"],
        json!([])
    );
    let threads = app.rest.get(&mina.token, &format!("/v1/rooms/{room}/threads")).await;
    assert_eq!(threads["items"], json!([]));
    assert_eq!(app.rest.get(&bob.token, "/v1/search?q=xyzzy").await["items"], json!([]));
    let path = format!("/v1/rooms/{room}/messages/{}", last.as_str().unwrap());
    assert_eq!(app.rest.status(Method::GET, &bob.token, &path).await, 404);
}

async fn who_was_away_too_long_starts_anew(app: &TestApp) {
    let mina = app.person("mina").await;
    let (_club, room) = app.club(&mina, "readers").await;
    let mut at_mina = app.session(&mina).await;
    let epoch = at_mina.open(&room).await["epoch"].as_str().unwrap().to_owned();
    for n in 0..6 {
        say(&mut at_mina, &room, &format!("word {n}")).await;
    }
    age(app, &room, 4).await;
    keep(app, &mina, &room).await;
    at_mina.wait_for(swept(&room)).await;
    let mut again = app.session(&mina).await;
    for seq in [0, 3] {
        let opened = again.open_since(&room, &epoch, seq).await;
        assert_eq!((&opened["resumed"], &opened["why"]), (&json!(false), &json!("too_old")));
        let items = opened["snapshot"]["items"].as_array().unwrap();
        assert_eq!(crate::support::seqs(items), [5, 6]);
    }
    // Who resumes was not told when it went: they may have it still.
    for (seq, replay) in [(4, 2), (6, 0)] {
        let opened = again.open_since(&room, &epoch, seq).await;
        assert_eq!((&opened["resumed"], &opened["replay"]), (&json!(true), &json!(replay)));
        assert_eq!(opened["horizon"], 4);
    }
    let events = async |since: i64| {
        let path = format!("/v1/rooms/{room}/events?since={epoch}-{since}");
        Sse::open(&app.rest, &mina.token, &path).await
    };
    assert_eq!(events(2).await.next().await.data["ev"], "gap");
    // From what the room has at hand, and from the store. Whoever breaks off behind it comes back to
    // where they were.
    for _look in 0..2 {
        for (seq, rest) in [(4, vec![5, 6]), (5, vec![6]), (6, vec![])] {
            let mut stream = events(seq).await;
            let told = stream.next().await;
            assert_eq!((told.event.as_str(), told.id), ("horizon", format!("{epoch}-{seq}")));
            assert_eq!(told.data, json!({ "ev": "horizon", "room": room, "horizon": 4 }));
            for next in rest {
                assert_eq!(stream.next().await.data["seq"], next);
            }
        }
        app.crash(&room).await;
    }
    // Who asks for no past is told of none.
    let path = format!("/v1/rooms/{room}/events");
    let mut live = Sse::open(&app.rest, &mina.token, &path).await;
    say(&mut at_mina, &room, "and on").await;
    assert_eq!(live.next().await.data["seq"], 7);
    again.open(&room).await;
    let pulled = again.ok(json!({ "op": "pull", "room": room, "after": 0 })).await;
    assert_eq!(crate::support::seqs(pulled["events"].as_array().unwrap()), [5, 6, 7]);
}

/// Neither told twice nor told by a room of others; and who comes back stands where they stood.
async fn an_open_stream_is_told_what_the_room_forgets(app: &TestApp) {
    let mina = app.person("mina").await;
    let (_club, room) = app.club(&mina, "readers").await;
    let (_other_club, other) = app.club(&mina, "writers").await;
    let mut at_mina = app.session(&mina).await;
    let epoch = at_mina.open(&room).await["epoch"].as_str().unwrap().to_owned();
    for n in 0..6 {
        say(&mut at_mina, &room, &format!("word {n}")).await;
    }
    let path = |room: &str| format!("/v1/rooms/{room}/events");
    let mut elsewhere = Sse::open(&app.rest, &mina.token, &path(&other)).await;
    let mut live = Sse::open(&app.rest, &mina.token, &path(&room)).await;
    let back = format!("{epoch}-5");
    let mut resumed = Sse::open_after(&app.rest, &mina.token, &path(&room), &back).await;
    assert_eq!(resumed.next().await.data["seq"], 6);
    age(app, &room, 4).await;
    keep(app, &mina, &room).await;
    at_mina.wait_for(swept(&room)).await;
    for stream in [&mut live, &mut resumed] {
        let told = stream.next().await;
        // Without an id of its own: a client that is cut off now comes back with its last one.
        assert_eq!((told.event.as_str(), told.id.as_str()), ("horizon", ""));
        assert_eq!(told.data, json!({ "ev": "horizon", "room": room, "horizon": 4 }));
    }
    // What else changes about a room is not for streams.
    app.rest.patch(&mina.token, &format!("/v1/rooms/{room}"), &json!({ "topic": "trips" })).await;
    age(app, &room, 5).await;
    app.rest
        .patch(&mina.token, &format!("/v1/rooms/{room}"), &json!({ "retention_days": 31 }))
        .await;
    for stream in [&mut live, &mut resumed] {
        assert_eq!(stream.next().await.data["horizon"], 5);
    }
    say(&mut at_mina, &room, "and on").await;
    say(&mut at_mina, &other, "and on").await;
    for stream in [&mut live, &mut resumed] {
        let event = stream.next().await;
        assert_eq!((event.event.as_str(), event.id), ("msg.new", format!("{epoch}-7")));
    }
    assert_eq!(elsewhere.next().await.event, "msg.new");
}

async fn later_texts_of_old_messages_go_with_them(app: &TestApp) {
    let mina = app.person("mina").await;
    let (_club, room) = app.club(&mina, "readers").await;
    let mut at_mina = app.session(&mina).await;
    let epoch = at_mina.open(&room).await["epoch"].as_str().unwrap().to_owned();
    let old = say(&mut at_mina, &room, "old").await;
    let fresh = say(&mut at_mina, &room, "fresh").await;
    at_mina.ok(json!({ "op": "edit", "room": room, "message": old, "text": "xyzzy" })).await;
    age(app, &room, seq(&old)).await;
    keep(app, &mina, &room).await;
    at_mina.wait_for(swept(&room)).await;
    // From what the room has at hand, and from the store.
    for _look in 0..2 {
        let mut again = app.session(&mina).await;
        assert_eq!(again.open_since(&room, &epoch, 1).await["resumed"], true);
        assert_eq!(again.expect("msg.new").await["d"]["id"], fresh);
        assert_eq!(again.expect("msg.edit").await["d"]["deleted"], true);
        assert!(!everything(app, &mina, &room).await.contains("xyzzy"));
        app.crash(&room).await;
    }
}

async fn a_room_may_forget_everything(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let mut at_mina = app.session(&mina).await;
    at_mina.open(&room).await;
    let mut at_bob = app.session(&bob).await;
    for n in 0..150 {
        for client in [&mut at_mina, &mut at_bob] {
            let text = format!("xyzzy {n}");
            client.begin(json!({ "op": "send", "room": room, "text": text })).await;
        }
    }
    at_mina.expect_many("msg.new", 300).await;
    age(app, &room, 300).await;
    keep(app, &mina, &room).await;
    let whole = |line: &Value| line["ev"] == "room.update" && line["d"]["horizon"] == 300;
    at_mina.wait_for(whole).await;
    let opened = app.session(&bob).await.open(&room).await;
    assert_eq!((&opened["head"], &opened["n"]), (&json!(300), &json!(300)));
    assert_eq!(opened["snapshot"]["items"], json!([]));
    app.crash(&room).await;
    assert_eq!(app.session(&bob).await.open(&room).await["snapshot"]["items"], json!([]));
    assert_eq!(listed(app, &bob, &room).await["unread"], 0);
    say(&mut at_mina, &room, "once more").await;
    let opened = app.session(&bob).await.open(&room).await;
    assert_eq!((&opened["head"], &opened["n"]), (&json!(301), &json!(301)));
    assert_eq!(listed(app, &bob, &room).await["unread"], 1);
}

async fn retention_is_a_setting_of_the_room(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let path = format!("/v1/rooms/{room}");
    for days in [0, -1, 3_651] {
        let body = json!({ "retention_days": days });
        let (status, no) =
            app.rest.refused(Method::PATCH, Some(&mina.token), &path, Some(&body)).await;
        assert_eq!((status, &no["errors"][0]["field"]), (422, &json!("retention_days")));
    }
    let body = json!({ "retention_days": 30 });
    let (status, _) = app.rest.refused(Method::PATCH, Some(&bob.token), &path, Some(&body)).await;
    assert_eq!(status, 403);
    let mut at_bob = app.session(&bob).await;
    keep(app, &mina, &room).await;
    assert_eq!(at_bob.expect("room.update").await["d"], json!({ "retention_days": 30 }));
    let detail = app.rest.patch(&mina.token, &path, &json!({ "retention_days": null })).await;
    assert_eq!((&detail["retention_days"], &detail["horizon"]), (&Value::Null, &json!(0)));
    assert_eq!(at_bob.expect("room.update").await["d"], json!({ "retention_days": 0 }));
    let log = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/audit")).await;
    let details: Vec<_> =
        log["items"].as_array().unwrap().iter().map(|e| e["detail"].clone()).collect();
    assert_eq!(details, ["retention_days=none", "retention_days=30", "plans"]);
}

async fn answers_of_the_assistant_go_with_their_questions(app: &TestApp) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    let mut at_mina = app.session(&mina).await;
    at_mina.open(&room).await;
    say(&mut at_mina, &room, "the xyzzy is at seven").await;
    say(&mut at_mina, &room, "@ai when is the xyzzy?").await;
    let end = at_mina.expect("ai.end").await;
    assert!(end["d"]["text"].as_str().unwrap().contains("xyzzy"), "it quotes: {end}");
    let run = format!("/v1/ai/runs/{}", end["d"]["run"].as_str().unwrap());
    assert_eq!(app.rest.get(&mina.token, &run).await["status"], "done");
    say(&mut at_mina, &room, "fresh").await;
    age(app, &room, end["seq"].as_i64().unwrap()).await;
    keep(app, &mina, &room).await;
    at_mina.wait_for(swept(&room)).await;
    let all = everything(app, &mina, &room).await;
    assert!(!all.contains("xyzzy") && all.contains("fresh"), "{all}");
    assert_eq!(app.rest.status(Method::GET, &mina.token, &run).await, 404);
    let own = app.rest.get(&mina.token, "/v1/me/export").await;
    assert_eq!(own["ai_questions"], json!([]), "nor does the row of the question stay");
}

async fn answers_go_with_what_they_quote(app: &TestApp) {
    let mina = app.person("mina").await;
    let (_, room) = app.club(&mina, "readers").await;
    let mut at_mina = app.session(&mina).await;
    at_mina.open(&room).await;
    let old = say(&mut at_mina, &room, "the key is under the xyzzy").await;
    say(&mut at_mina, &room, "@ai where is the key?").await;
    let end = at_mina.expect("ai.end").await;
    assert!(end["d"]["text"].as_str().unwrap().contains("xyzzy"), "it quotes: {end}");
    age(app, &room, seq(&old)).await;
    keep(app, &mina, &room).await;
    let told = at_mina.expect("msg.delete").await;
    assert_eq!(told["d"]["id"], end["d"]["id"], "the question is fresh and stays");
    at_mina.wait_for(swept(&room)).await;
    for _look in 0..2 {
        let all = everything(app, &mina, &room).await;
        assert!(!all.contains("xyzzy") && all.contains("where is the key?"), "{all}");
        app.crash(&room).await;
    }
}

async fn a_deleted_room_leaves_nothing_of_what_was_said(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    for n in 0..150 {
        for client in [&mut at_mina, &mut at_bob] {
            let text = format!("xyzzy {n}");
            client.begin(json!({ "op": "send", "room": room, "text": text })).await;
        }
    }
    let last = say(&mut at_mina, &room, "@bob xyzzy at last").await;
    at_bob.expect("inbox").await;
    at_bob.ok(json!({ "op": "react", "room": room, "message": last, "emoji": "👍" })).await;
    at_mina.ok(json!({ "op": "pin", "room": room, "message": last })).await;
    at_mina.ok(json!({ "op": "edit", "room": room, "message": last, "text": "@bob xyzzy" })).await;
    at_bob.ok(json!({ "op": "send", "room": room, "text": "xyzzy", "thread": last })).await;
    let file = upload(&app.rest, &mina, &room, "a.txt", b"xyzzy".to_vec()).await;
    at_mina.ok(with_files(&room, "f", "xyzzy", &[&file])).await;
    let beside = app.lobby(&mina).await;
    say(&mut at_mina, &beside, "xyzzy stays").await;
    let found = || async { app.rest.get(&mina.token, "/v1/search?q=xyzzy&limit=200").await };
    eventually("all of it is found", async || {
        found().await["items"].as_array().unwrap().len() == 200
    })
    .await;
    let path = format!("/v1/rooms/{room}");
    let gone = app.rest.send(Method::DELETE, Some(&mina.token), &path, None).await;
    assert_eq!(gone.status(), 204);
    let dropped = at_bob.expect("inbox.drop").await;
    assert_eq!(dropped["unread"], 0, "{dropped}");
    let number = room.trim_start_matches("r_");
    let left = async |table: &str| {
        app.number(&format!("SELECT count(*) FROM {table} WHERE room_id = {number}")).await
    };
    eventually("the log is gone", async || left("room_event").await == 0).await;
    let tables = "message mention reaction reaction_count revision pin thread thread_member fanout \
                  message_preview search_entry pace";
    for table in tables.split_whitespace() {
        assert_eq!(left(table).await, 0, "{table}");
    }
    assert_eq!(left("room").await, 1, "that it was is known");
    app.sweeper.sweep(std::time::Duration::ZERO).await;
    assert!(lying(&app.data()).is_empty() && left("file").await == 0);
    let items = found().await["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(items[0]["message"]["text"], "xyzzy stays");
    assert_eq!(app.rest.status(Method::GET, &bob.token, &path).await, 404);
    assert_eq!(app.rest.get(&bob.token, "/v1/inbox").await["items"], json!([]));
}
