//! What may not be done, and what is no message, emoji or text.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Circle, circle, edit, on, react, read, say};
use crate::support::{Client, TestApp, on_both};

on_both!(
    whose_it_is_decides,
    what_is_gone_or_never_was_is_refused,
    limits_are_told,
    nobody_acts_from_outside,
    ten_thousand_reactions_at_once_count_as_one_or_none,
);

/// Code and reason of a refusal.
fn why(refusal: &Value) -> (&str, &str) {
    let word = |field: &str| refusal[field].as_str().unwrap_or_default();
    (word("code"), word("reason"))
}

/// An op that must be refused like this.
async fn refuses(client: &mut Client, op: Value, because: (&str, &str)) {
    assert_eq!(why(&client.err(op.clone()).await), because, "{op}");
}

async fn whose_it_is_decides(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let mut at_carol = app.session(&carol).await;
    let id = say(&mut at_bob, &room, "bob's").await;
    let not_author = ("forbidden", "not_author");
    let role = ("forbidden", "role");
    refuses(&mut at_carol, edit(&room, &id, "carol's"), not_author).await;
    refuses(&mut at_mina, edit(&room, &id, "mina's"), not_author).await;
    refuses(&mut at_carol, on("delete", &room, &id), not_author).await;
    refuses(&mut at_carol, on("pin", &room, &id), role).await;
    refuses(&mut at_bob, on("unpin", &room, &id), role).await;
    let many = json!({ "op": "delete.many", "room": room, "messages": [id] });
    refuses(&mut at_bob, many, role).await;
    assert_eq!(read(app, &carol, &room, &id).await["text"], "bob's");
    at_mina.ok(on("delete", &room, &id)).await;
    assert_eq!(read(app, &carol, &room, &id).await["deleted"], true);
    // In the lobby an admin of the instance moderates, and nobody else.
    let lobby = app.lobby(&bob).await;
    let id = say(&mut at_bob, &lobby, "hi").await;
    refuses(&mut at_carol, on("pin", &lobby, &id), role).await;
}

async fn what_is_gone_or_never_was_is_refused(app: &TestApp) {
    let Circle { mina, bob, room, .. } = circle(app).await;
    let mut session = app.session(&mina).await;
    let mut at_bob = app.session(&bob).await;
    let lobby = app.lobby(&mina).await;
    let elsewhere = say(&mut session, &lobby, "elsewhere").await;
    let gone = say(&mut session, &room, "gone").await;
    let here = say(&mut session, &room, "here").await;
    session.ok(on("delete", &room, &gone)).await;
    let deleted = ("conflict", "deleted");
    refuses(&mut session, edit(&room, &gone, "x"), deleted).await;
    refuses(&mut session, react("react", &room, &gone, "👍"), deleted).await;
    refuses(&mut session, on("pin", &room, &gone), deleted).await;
    let number = &room[2..];
    let ops = |id: &Value| {
        [
            edit(&room, id, "x"),
            on("delete", &room, id),
            react("react", &room, id, "👍"),
            react("unreact", &room, id, "👍"),
            on("pin", &room, id),
            on("unpin", &room, id),
            json!({ "op": "delete.many", "room": room, "messages": [here, id] }),
        ]
    };
    for odd in [999, i64::MAX] {
        for op in ops(&json!(format!("m_{number}_{odd}"))) {
            refuses(&mut session, op, ("not_found", "")).await;
        }
    }
    for op in ops(&elsewhere) {
        refuses(&mut session, op, ("not_found", "")).await;
    }
    for op in ops(&json!(format!("m_{number}_0"))).into_iter().take(3) {
        refuses(&mut session, op, ("bad_request", "")).await;
    }
    // The line of bob's coming into the club has a seq and is no message.
    let rooms = app.rest.get(&mina.token, "/v1/rooms").await;
    let rooms = rooms["items"].as_array().unwrap();
    let general = rooms.iter().find(|r| r["name"] == "general" && r["kind"] == "member").unwrap();
    let general = general["id"].as_str().unwrap();
    let line = json!(format!("m_{}_1", &general[2..]));
    refuses(&mut at_bob, react("react", general, &line, "👍"), ("not_found", "")).await;
    assert_eq!(read(app, &mina, &room, &here).await["deleted"], false, "all or nothing");
}

async fn limits_are_told(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let id = say(&mut at_bob, &room, "one").await;
    let emoji: Vec<String> = ('🍇'..).take(21).map(String::from).collect();
    for emoji in &emoji[..20] {
        at_bob.ok(react("react", &room, &id, emoji)).await;
    }
    let limit = ("conflict", "reaction_limit");
    refuses(&mut at_mina, react("react", &room, &id, &emoji[20]), limit).await;
    at_mina.ok(react("react", &room, &id, &emoji[3])).await;
    at_bob.ok(react("unreact", &room, &id, &emoji[0])).await;
    at_mina.ok(react("react", &room, &id, &emoji[20])).await;
    for odd in ["", "x", "👍👍", ":+1:", "a👍", "\u{fe0f}"] {
        refuses(&mut at_mina, react("react", &room, &id, odd), ("invalid", "no_emoji")).await;
    }
    for odd in ["", " \n", "a\0b"] {
        refuses(&mut at_bob, edit(&room, &id, odd), ("invalid", "")).await;
    }
    refuses(&mut at_bob, edit(&room, &id, &"x".repeat(4_001)), ("too_large", "")).await;
    let mut ids = Vec::new();
    let mut at_carol = app.session(&carol).await;
    for n in 0..51 {
        ids.push(say(&mut at_carol, &room, &format!("{n}")).await);
    }
    for id in &ids[..50] {
        at_mina.ok(on("pin", &room, id)).await;
    }
    refuses(&mut at_mina, on("pin", &room, &ids[50]), ("conflict", "pin_limit")).await;
    assert_eq!(at_mina.ok(on("pin", &room, &ids[0])).await["dup"], true);
    let many = |messages: Value| json!({ "op": "delete.many", "room": room, "messages": messages });
    refuses(&mut at_mina, many(json!([])), ("invalid", "")).await;
    refuses(&mut at_mina, many(json!(vec![&ids[0]; 101])), ("invalid", "")).await;
}

async fn nobody_acts_from_outside(app: &TestApp) {
    let Circle { bob, room, .. } = circle(app).await;
    let stranger = app.person("stranger").await;
    let mut at_bob = app.session(&bob).await;
    let mut outside = app.session(&stranger).await;
    let id = say(&mut at_bob, &room, "inside").await;
    for op in [
        edit(&room, &id, "x"),
        on("delete", &room, &id),
        react("react", &room, &id, "👍"),
        on("pin", &room, &id),
    ] {
        refuses(&mut outside, op, ("not_found", "")).await;
    }
    let at = format!("/v1/rooms/{room}/messages/{}", id.as_str().unwrap());
    let text = json!({ "text": "x" });
    for (method, path, body) in [
        (Method::GET, at.clone(), None),
        (Method::PATCH, at.clone(), Some(&text)),
        (Method::DELETE, at.clone(), None),
        (Method::GET, format!("{at}/revisions"), None),
        (Method::PUT, format!("{at}/reactions/%F0%9F%91%8D"), None),
        (Method::PUT, format!("{at}/pin"), None),
        (Method::GET, format!("/v1/rooms/{room}/pins"), None),
        (Method::GET, format!("/v1/rooms/{room}/threads"), None),
    ] {
        let (status, _problem) = app.rest.refused(method, Some(&stranger.token), &path, body).await;
        assert_eq!(status, 404, "{path}");
    }
    let path = format!("{at}/reactions/x");
    let (status, problem) = app.rest.refused(Method::PUT, Some(&bob.token), &path, None).await;
    assert_eq!((status, &problem["reason"]), (422, &json!("no_emoji")));
}

async fn ten_thousand_reactions_at_once_count_as_one_or_none(app: &TestApp) {
    let Circle { mina, bob, room, .. } = circle(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let id = say(&mut at_mina, &room, "look").await;
    let (mut done, mut refused, mut is_there) = (0, 0, false);
    for _ in 0..20 {
        let mut asked = Vec::new();
        for n in 0..500 {
            let op = ["react", "unreact"][n % 2];
            asked.push((op, at_bob.begin(react(op, &room, &id, "👍")).await));
        }
        for (op, re) in asked {
            let reply = at_bob.reply(re).await;
            if reply["err"].is_null() {
                (done, is_there) = (done + 1, op == "react");
            } else {
                assert_eq!(reply["err"]["code"], "rate_limited", "{reply}");
                assert!(reply["err"]["retry_ms"].as_u64().is_some(), "{reply}");
                refused += 1;
            }
        }
        // Nobody else waits for it.
        say(&mut at_mina, &room, "and on").await;
    }
    assert!(done >= 100 && refused >= 5_000, "{done} were done, {refused} refused");
    let wanted = match is_there {
        true => json!([{ "emoji": "👍", "count": 1, "mine": false }]),
        false => json!([]),
    };
    assert_eq!(read(app, &mina, &room, &id).await["reactions"], wanted);
    assert_eq!(at_mina.open(&room).await["snapshot"]["items"][0]["id"], id);
}
