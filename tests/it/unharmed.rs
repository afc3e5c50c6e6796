//! Everything bad that the people of a room can send: each is answered as it should be, and what the
//! server keeps and shows is the same before and behind it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::files::{lying, refused, try_upload};
use crate::moderation::{Club, call, club, send};
use crate::support::{Client, Person, Raw, TestApp, eventually, on_both};

on_both!(what_is_refused_leaves_no_trace, strangers_hear_nothing_of_being_named,);

/// What holds what is said, and what follows from it.
const TABLES: &str = "room_event message mention reaction reaction_count revision pin thread \
                      thread_member notice file club_filter report audit pace fanout";

/// What somebody is shown of everything.
async fn shown(app: &TestApp, who: &Person, paths: &[&str]) -> Vec<Value> {
    let mut all = Vec::new();
    for path in paths {
        let mut list = app.rest.get(&who.token, path).await;
        // When an entry was shown is noted a little later.
        for item in list["items"].as_array_mut().into_iter().flatten() {
            item.as_object_mut().unwrap().remove("delivered_at");
        }
        all.push(list);
    }
    all
}

/// All that the server keeps of a club, and what its people see of it.
async fn state(app: &TestApp, club: &Club) -> Value {
    let mut rows = Vec::new();
    for table in TABLES.split_whitespace() {
        rows.push((table, app.number(&format!("SELECT count(*) FROM {table}")).await));
    }
    let room = format!("/v1/rooms/{}", club.plans);
    let of_room = ["/messages?limit=200", "/pins", "/threads", "/permissions"];
    let of_room = of_room.map(|end| format!("{room}{end}"));
    let mut paths = vec!["/v1/rooms", "/v1/inbox", "/v1/search?q=word"];
    paths.extend(of_room.iter().map(String::as_str));
    let mut seen = Vec::new();
    for who in [&club.owner, &club.manager, &club.bob] {
        seen.push(shown(app, who, &paths).await);
    }
    let of_club = ["filters", "audit", "reports"].map(|end| format!("/v1/clubs/{}/{end}", club.id));
    seen.push(shown(app, &club.owner, &of_club.each_ref().map(String::as_str)).await);
    json!({ "rows": rows, "seen": seen, "files": lying(&app.data()) })
}

/// An op that must be refused so.
async fn no(session: &mut Client, op: Value, because: (&str, &str)) {
    let err = session.err(op.clone()).await;
    let word = |field: &str| err[field].as_str().unwrap_or_default();
    assert_eq!((word("code"), word("reason")), because, "{op}: {err}");
}

/// A club in which something was said by each, something of it deleted, reacted to and pinned.
async fn furnished(app: &TestApp) -> (Club, Client, [Value; 3]) {
    let club = club(app).await;
    let mut at_owner = app.session(&club.owner).await;
    let mut at_bob = app.session(&club.bob).await;
    let hers = at_owner.send(&club.plans, "o-1", "a word @bob").await["id"].clone();
    let own = at_bob.send(&club.plans, "b-1", "a word **too**").await["id"].clone();
    let gone = at_owner.send(&club.plans, "o-2", "a word no more").await["id"].clone();
    let on =
        |op: &str, message: &Value| json!({ "op": op, "room": club.plans, "message": message });
    let mut react = on("react", &hers);
    react["emoji"] = json!("👍");
    at_bob.ok(react).await;
    at_owner.ok(on("pin", &own)).await;
    at_owner.ok(on("delete", &gone)).await;
    at_bob.ok(json!({ "op": "read", "room": club.plans, "seq": 3 })).await;
    (club, at_bob, [hers, own, gone])
}

async fn what_is_refused_leaves_no_trace(app: &TestApp) {
    let (club, mut at_bob, [hers, own, gone]) = furnished(app).await;
    // Who floods is answered nothing else for a moment.
    let carol = app.person("carol").await;
    app.join(&carol, &club.id).await;
    let mut at_carol = app.session(&carol).await;
    let react = json!({ "op": "react", "room": club.plans, "message": hers, "emoji": "👍" });
    assert_eq!(at_carol.ok(react.clone()).await["dup"], false);
    let before = state(app, &club).await;
    assert_eq!(before, state(app, &club).await, "looking changes nothing");
    let same = async |what: &str| {
        let after = state(app, &club).await;
        assert_eq!(before, after, "{what}");
    };
    others_words(&mut at_bob, &club, [&hers, &own]).await;
    same("what is not one's own").await;
    what_is_gone(&mut at_bob, &club, &gone).await;
    same("what is gone").await;
    the_same_again_and_again(&mut at_carol, &react).await;
    same("reactions").await;
    files(app, &club).await;
    same("files").await;
    expressions(app, &club).await;
    same("expressions").await;
    questions(app, &club).await;
    same("questions").await;
    // All the while others talk on.
    at_bob.ok(send(&club.general, "b-2", "and on")).await;
}

async fn others_words(at_bob: &mut Client, club: &Club, [hers, own]: [&Value; 2]) {
    let on = |op: &str| json!({ "op": op, "room": club.plans, "message": hers });
    let mut edit = on("edit");
    edit["text"] = json!("his now");
    no(at_bob, edit, ("forbidden", "not_author")).await;
    no(at_bob, on("delete"), ("forbidden", "not_author")).await;
    for op in ["pin", "unpin"] {
        no(at_bob, on(op), ("forbidden", "role")).await;
    }
    let many = json!({ "op": "delete.many", "room": club.plans, "messages": [own, hers] });
    no(at_bob, many, ("forbidden", "role")).await;
}

async fn what_is_gone(at_bob: &mut Client, club: &Club, gone: &Value) {
    let never = json!(format!("m_{}_999", club.plans.trim_start_matches("r_")));
    let react = |message: &Value, emoji: &str| json!({ "op": "react", "room": club.plans, "message": message, "emoji": emoji });
    no(at_bob, react(gone, "👍"), ("conflict", "deleted")).await;
    no(at_bob, react(&never, "👍"), ("not_found", "")).await;
    no(at_bob, react(gone, "thumbs up"), ("invalid", "no_emoji")).await;
    let answer = |field: &str| {
        let mut op = send(&club.plans, "b-3", "an answer");
        op[field] = never.clone();
        op
    };
    no(at_bob, answer("reply_to"), ("invalid", "no_such_message")).await;
    no(at_bob, answer("thread"), ("invalid", "no_such_thread")).await;
}

/// Ten thousand at once of changing ones: `acts::refusals`. These change nothing at all.
async fn the_same_again_and_again(at_carol: &mut Client, react: &Value) {
    let mut asked = Vec::new();
    for _ in 0..1_000 {
        asked.push(at_carol.begin(react.clone()).await);
    }
    let mut refused = 0;
    for re in asked {
        let reply = at_carol.reply(re).await;
        if reply["err"].is_null() {
            assert_eq!(reply["ok"]["dup"], true, "{reply}");
        } else {
            assert_eq!(reply["err"]["code"], "rate_limited", "{reply}");
            assert!(reply["err"]["retry_ms"].is_u64(), "{reply}");
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
}

/// A gigabyte, a picture that is a bomb, one that is none, and nothing.
async fn files(app: &TestApp, club: &Club) {
    let mut raw = Raw::connect(app.address).await;
    let head = format!(
        "POST /v1/rooms/{}/files?name=big HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\
         Authorization: Bearer {}\r\n\r\n",
        club.plans, club.bob.token
    );
    raw.write(head.as_bytes()).await;
    let (head, body) = raw.response().await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    assert_eq!(body["code"], "too_large");
    let side = 60_000_u32.to_be_bytes();
    let ihdr = [&b"IHDR"[..], &side, &side, &[8, 6, 0, 0, 0]].concat();
    let mut sum = flate2::Crc::new();
    sum.update(&ihdr);
    let bomb = [&b"\x89PNG\r\n\x1a\n\0\0\0\x0d"[..], &ihdr, &sum.sum().to_be_bytes()].concat();
    for (name, bytes, reason) in [
        ("bomb.png", bomb, "bad_image"),
        ("broken.jpg", [&b"\xff\xd8\xff\xe0"[..], &[7; 300]].concat(), "bad_image"),
        ("nothing.txt", Vec::new(), "empty_file"),
    ] {
        let answer = try_upload(&app.rest, &club.bob, &club.plans, name, bytes).await;
        let wanted = (422, "invalid".to_owned(), reason.to_owned());
        assert_eq!(refused(answer).await, wanted, "{name}");
    }
    eventually("nothing is left", async || lying(&app.data()).is_empty()).await;
}

async fn expressions(app: &TestApp, club: &Club) {
    let path = format!("/v1/clubs/{}/filters", club.id);
    for (pattern, reason) in [
        ("(a{1000}){1000}", "regex_large"),
        (r"\w{100}", "regex_large"),
        (r"(a)\1", "regex"),
        ("(ab", "regex"),
        ("a*", "regex_empty"),
    ] {
        let rule = json!({ "kind": "regex", "pattern": pattern, "action": "reject" });
        let (status, body) = call(app, Method::POST, &club.owner, &path, rule).await;
        let error = &body["errors"][0];
        assert_eq!((status, &error["field"]), (422, &json!("pattern")), "{pattern}");
        assert_eq!(error["reason"], reason, "{pattern}");
    }
}

/// The syntax of engines is text, and no engine sees it; cursors of every list: `cursors`.
async fn questions(app: &TestApp, club: &Club) {
    let get = async |path: &str| {
        let answer = app.rest.send(Method::GET, Some(&club.bob.token), path, None).await;
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap())
    };
    for (query, status) in [
        ("NEAR(word%2C%201)", 200),
        ("text%3Aword", 200),
        ("word%5E2%20%7Bword%7D", 200),
        ("%27%20OR%201%3D1%3B%20--", 200),
        ("%22", 422),
        ("*", 422),
        ("word%00", 422),
    ] {
        let (found, body) = get(&format!("/v1/search?q={query}")).await;
        assert_eq!(found, status, "{query}: {body}");
        match status {
            200 => assert_eq!(body["items"], json!([]), "{query}"),
            _refused => assert_eq!(body["code"], "invalid", "{query}"),
        }
    }
    for cursor in ["made-up", "AQgAAAAAAAAABQ", "%00"] {
        for list in [format!("rooms/{}/pins", club.plans), format!("clubs/{}/members", club.id)] {
            let (status, body) = get(&format!("/v1/{list}?cursor={cursor}")).await;
            assert_eq!((status, &body["errors"][0]["reason"]), (422, &json!("cursor")), "{cursor}");
        }
    }
}

/// A name of somebody who may not read the room is a word: the message stands, and they hear nothing.
async fn strangers_hear_nothing_of_being_named(app: &TestApp) {
    let (club, mut at_bob, [_hers, own, _gone]) = furnished(app).await;
    let stranger = app.person("stranger").await;
    let mut at_stranger = app.session(&stranger).await;
    let paths = ["/v1/rooms", "/v1/inbox", "/v1/search?q=word", "/v1/me"];
    let before = shown(app, &stranger, &paths).await;
    let sent = at_bob.ok(send(&club.plans, "b-2", "a word @stranger @nobody")).await;
    let edit =
        json!({ "op": "edit", "room": club.plans, "message": own, "text": "@stranger look" });
    at_bob.ok(edit).await;
    let answer = json!({ "op": "send", "room": club.plans, "text": "@stranger", "thread": own });
    at_bob.ok(answer).await;
    assert_eq!(shown(app, &stranger, &paths).await, before);
    at_stranger.expect_none(|line| line["ev"] != "hello" && line["ev"] != "auth").await;
    let path = format!("/v1/rooms/{}/messages/{}", club.plans, sent["id"].as_str().unwrap());
    let message = app.rest.get(&club.owner.token, &path).await;
    assert_eq!(message["text"], "a word @stranger @nobody");
    let number = stranger.id.trim_start_matches("u_");
    let mentions = format!("SELECT count(*) FROM mention WHERE user_id = {number}");
    assert_eq!(app.number(&mentions).await, 0);
    app.join(&stranger, &club.id).await;
    let listed = shown(app, &stranger, &["/v1/rooms"]).await;
    let rooms = listed[0]["items"].as_array().unwrap();
    let plans = rooms.iter().find(|room| room["id"] == *club.plans).unwrap();
    assert_eq!(plans["mentions"], 0, "nor later");
}
