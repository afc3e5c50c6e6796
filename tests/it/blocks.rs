//! Blocks: who has blocked somebody hears nothing more of them, and is not heard.

use reqwest::Method;
use serde_json::{Value, json};

use crate::files::{upload, with_files};
use crate::moderation::{call, send};
use crate::nodes::{end, over};
use crate::support::{Client, Hub, Person, TestApp, on_both};

on_both!(
    who_is_apart_writes_no_more_in_the_private_room,
    a_shut_room_is_read_and_says_what_it_is,
    a_private_room_is_not_made_across_a_block,
    who_is_apart_is_neither_called_nor_told,
    nobody_is_brought_in_across_a_block,
    both_have_to_take_it_back,
    a_block_is_in_ones_export_and_goes_with_the_account,
    there_is_an_end_to_whom_one_blocks,
    nobody_writes_past_a_block_however_much_is_written,
);

async fn set(app: &TestApp, who: &Person, other: &Person, method: Method) -> u16 {
    app.rest.status(method, &who.token, &format!("/v1/users/{}/block", other.id)).await
}

async fn block(app: &TestApp, who: &Person, other: &Person) {
    assert_eq!(set(app, who, other, Method::PUT).await, 204);
}

async fn unblock(app: &TestApp, who: &Person, other: &Person) {
    assert_eq!(set(app, who, other, Method::DELETE).await, 204);
}

async fn dm(app: &TestApp, who: &Person, other: &Person) -> (u16, Value) {
    call(app, Method::POST, who, "/v1/dms", json!({ "user_id": other.id })).await
}

fn is_blocked(refusal: &Value) -> bool {
    refusal["code"] == "forbidden" && refusal["reason"] == "blocked"
}

/// Waits until a session has been told whether its private room is shut.
async fn told(session: &mut Client, room: &str) -> Value {
    let is_news = |line: &Value| line["ev"] == "room.update" && line["room"] == room;
    session.wait_for(is_news).await["d"].clone()
}

/// The private room of two who have both written there.
struct Pair {
    mina: Person,
    bob: Person,
    room: String,
    /// What she said, and what he said.
    hers: Value,
    his: Value,
}

async fn pair(app: &TestApp) -> Pair {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = dm(app, &mina, &bob).await.1["id"].as_str().unwrap().to_owned();
    let his = app.session(&bob).await.send(&room, "c-1", "hello").await["id"].clone();
    let hers = app.session(&mina).await.send(&room, "c-1", "hello").await["id"].clone();
    Pair { mina, bob, room, hers, his }
}

async fn who_is_apart_writes_no_more_in_the_private_room(app: &TestApp) {
    let Pair { mina, bob, room, hers, his } = pair(app).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    let kept = upload(&app.rest, &bob, &room, "a.txt", b"words".to_vec()).await;
    block(app, &mina, &bob).await;
    for session in [&mut at_mina, &mut at_bob] {
        assert_eq!(told(session, &room).await, json!({ "blocked": true }));
    }
    let op = |op: &str, message: &Value, more: Value| {
        let mut op = json!({ "op": op, "room": room, "message": message });
        op.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        op
    };
    for (session, own, other) in [(&mut at_mina, &hers, &his), (&mut at_bob, &his, &hers)] {
        for refused in [
            send(&room, "c-2", "still there?"),
            op("edit", own, json!({ "text": "still there?" })),
            op("react", other, json!({ "emoji": "👍" })),
            op("pin", other, json!({})),
            op("unpin", other, json!({})),
        ] {
            let refusal = session.err(refused.clone()).await;
            assert!(is_blocked(&refusal), "{refused} {refusal}");
        }
        session.ok(json!({ "op": "read", "room": room, "seq": 2 })).await;
    }
    let refusal = at_bob.err(with_files(&room, "c-3", "", &[&kept])).await;
    assert!(is_blocked(&refusal), "{refusal}");
    // Nor does it help that the room forgets it; and one's own one may take back.
    app.crash(&room).await;
    assert!(is_blocked(&at_bob.err(send(&room, "c-4", "hello?")).await));
    at_bob.ok(op("delete", &his, json!({}))).await;
    unblock(app, &mina, &bob).await;
    for session in [&mut at_mina, &mut at_bob] {
        assert_eq!(told(session, &room).await, json!({ "blocked": false }));
    }
    at_bob.send(&room, "c-5", "hello again").await;
    at_mina.send(&room, "c-5", "hello again").await;
}

async fn a_shut_room_is_read_and_says_what_it_is(app: &TestApp) {
    let Pair { mina, bob, room, .. } = pair(app).await;
    block(app, &mina, &bob).await;
    let path = |end: &str| format!("/v1/rooms/{room}{end}");
    for (who, end, body) in [
        (&bob, "/messages", json!({ "text": "hi" })),
        (&mina, "/messages", json!({ "text": "hi" })),
        (&bob, "/files?name=a.txt", json!({})),
    ] {
        let (status, body) = call(app, Method::POST, who, &path(end), body).await;
        assert!(status == 403 && is_blocked(&body), "{end} {body}");
    }
    for (who, other) in [(&mina, &bob), (&bob, &mina)] {
        let (status, body) = dm(app, who, other).await;
        assert!(status == 403 && is_blocked(&body), "{body}");
        assert_eq!(app.rest.get(&who.token, &path("")).await["blocked"], true);
        let said = app.rest.get(&who.token, &path("/messages")).await;
        assert_eq!(said["items"].as_array().unwrap().len(), 2, "what was said is read");
        let may = app.rest.get(&who.token, &path("/permissions")).await["may"].clone();
        let has = |what: &str| may.as_array().unwrap().contains(&json!(what));
        assert!(has("read") && !has("send") && !has("react") && !has("attach"), "{may}");
    }
    unblock(app, &mina, &bob).await;
    assert_eq!(app.rest.get(&mina.token, &path("")).await["blocked"], false);
    assert_eq!(dm(app, &bob, &mina).await.0, 200);
}

async fn a_private_room_is_not_made_across_a_block(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    block(app, &mina, &bob).await;
    for (who, other) in [(&bob, &mina), (&mina, &bob)] {
        let (status, body) = dm(app, who, other).await;
        assert!(status == 403 && is_blocked(&body), "{body}");
    }
    let rooms = app.rest.get(&mina.token, "/v1/rooms?hidden=true").await;
    assert!(rooms["items"].as_array().unwrap().iter().all(|room| room["kind"] != "private"));
    unblock(app, &mina, &bob).await;
    assert_eq!(dm(app, &bob, &mina).await.0, 201);
}

async fn who_is_apart_is_neither_called_nor_told(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let room = app.lobby(&mina).await;
    let friends = json!({ "name": "friends", "member_ids": [bob.id, carol.id] });
    let friends = app.rest.post(&mina.token, "/v1/rooms", &friends).await["id"].clone();
    let friends = friends.as_str().unwrap();
    let mut at_bob = app.session(&bob).await;
    let mut at_carol = app.session(&carol).await;
    at_bob.open(&room).await;
    let hers = app.session(&mina).await.send(&room, "c-1", "what now?").await["id"].clone();
    // Either way round.
    block(app, &bob, &mina).await;
    let answer = |cid: &str, text: &str| json!({ "op": "send", "room": room, "cid": cid, "text": text, "reply_to": hers });
    let (_, before) = call(app, Method::GET, &mina, "/v1/inbox", json!({})).await;
    let before = before["items"].as_array().unwrap().len();
    let named = at_bob.ok(answer("b-1", "@mina @carol look")).await["seq"].clone();
    let is_it = |line: &Value| line["ev"] == "msg.new" && line["seq"] == named;
    assert_eq!(at_bob.wait_for(is_it).await["d"]["mentions"], json!([carol.id]));
    at_bob.ok(answer("b-2", "no name")).await;
    let message = named_id(app, &bob, &room, &named).await;
    let text = "@mina @carol again";
    at_bob.ok(json!({ "op": "edit", "room": room, "message": message, "text": text })).await;
    at_bob.send(friends, "b-3", "for all of us").await;
    // She follows what she began.
    let below =
        json!({ "op": "send", "room": room, "cid": "b-6", "text": "below", "thread": hers });
    at_bob.ok(below).await;
    at_bob.send(&room, "b-4", "@all come").await;
    // Carol heard of all that; whom a call of everybody reaches is told piece by piece, and she comes
    // after Mina.
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        let entry = at_carol.expect("inbox").await["d"].clone();
        kinds.push(entry["kind"].as_str().unwrap().to_owned());
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["chat", "mention", "mention"]);
    let entries = app.rest.get(&mina.token, "/v1/inbox").await["items"].clone();
    assert_eq!(entries.as_array().unwrap().len(), before, "{entries}");
    let rooms = app.rest.get(&mina.token, "/v1/rooms").await["items"].clone();
    let rooms = rooms.as_array().unwrap();
    assert!(rooms.iter().all(|room| room["mentions"] == 0), "{rooms:?}");
    // What is taken back counts for what is said from then on.
    unblock(app, &bob, &mina).await;
    at_bob.send(&room, "b-5", "@mina hello").await;
    let entries = app.rest.get(&mina.token, "/v1/inbox").await["items"].clone();
    assert_eq!(entries[0]["kind"], "mention");
    assert_eq!(entries.as_array().unwrap().len(), before + 1);
}

async fn named_id(app: &TestApp, who: &Person, room: &str, seq: &Value) -> Value {
    let path = format!("/v1/rooms/{room}/messages?around_seq={seq}");
    let list = app.rest.get(&who.token, &path).await["items"].clone();
    list.as_array().unwrap().iter().find(|one| one["seq"] == *seq).unwrap()["id"].clone()
}

async fn nobody_is_brought_in_across_a_block(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    block(app, &mina, &bob).await;
    let new = |host: &Person, other: &Person| json!({ "name": format!("of {}", host.name), "member_ids": [carol.id, other.id] });
    for (host, other) in [(&mina, &bob), (&bob, &mina)] {
        let (status, body) = call(app, Method::POST, host, "/v1/rooms", new(host, other)).await;
        assert!(status == 403 && is_blocked(&body), "{body}");
    }
    let own = json!({ "name": "of carol", "member_ids": [bob.id] });
    let room = app.rest.post(&carol.token, "/v1/rooms", &own).await["id"].clone();
    let path = format!("/v1/rooms/{}/members", room.as_str().unwrap());
    let both = json!({ "user_ids": [carol.id, mina.id] });
    let (status, body) = call(app, Method::POST, &bob, &path, both.clone()).await;
    assert!(status == 403 && is_blocked(&body), "{body}");
    // Whom nothing keeps apart brings both together: then neither is brought in any more.
    let (status, body) = call(app, Method::POST, &carol, &path, both.clone()).await;
    assert_eq!((status, &body["added"]), (200, &json!([mina.id])));
    let (status, body) = call(app, Method::POST, &bob, &path, both).await;
    assert_eq!((status, &body["added"]), (200, &json!([])));
}

async fn both_have_to_take_it_back(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let room = dm(app, &mina, &bob).await.1["id"].as_str().unwrap().to_owned();
    let mut at_bob = app.session(&bob).await;
    for _twice in 0..2 {
        block(app, &mina, &bob).await;
        block(app, &bob, &mina).await;
        block(app, &mina, &carol).await;
    }
    let list = async |who: &Person, query: &str| {
        app.rest.get(&who.token, &format!("/v1/me/blocks{query}")).await
    };
    let both = list(&mina, "").await;
    assert_eq!(both["items"][0]["user"]["id"], *carol.id, "the newest first");
    assert_eq!(both["items"][1]["user"]["username"], "bob");
    assert!(both["items"][1]["at"].as_i64().unwrap() > 0);
    let first = list(&mina, "?limit=1").await;
    let rest = list(&mina, &format!("?limit=1&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!((&rest["items"][0], &rest["next"]), (&both["items"][1], &Value::Null));
    unblock(app, &mina, &bob).await;
    unblock(app, &mina, &bob).await;
    assert!(is_blocked(&at_bob.err(send(&room, "c-1", "hello")).await), "his own stands");
    assert_eq!(list(&bob, "").await["items"].as_array().unwrap().len(), 1);
    unblock(app, &bob, &mina).await;
    at_bob.send(&room, "c-2", "hello").await;
    for (odd, wanted) in [(mina.id.as_str(), 422), ("u_99999", 404), ("bob", 404)] {
        let path = format!("/v1/users/{odd}/block");
        let (status, body) = app.rest.refused(Method::PUT, Some(&mina.token), &path, None).await;
        assert_eq!(status, wanted, "{odd} {body}");
    }
    let assistant = app.rest.get(&mina.token, "/v1/ai").await["user"].clone();
    let id = assistant["id"].as_str().or(assistant.as_str()).unwrap().to_owned();
    let path = format!("/v1/users/{id}/block");
    let (status, _) = app.rest.refused(Method::PUT, Some(&mina.token), &path, None).await;
    assert_eq!(status, 422);
}

async fn a_block_is_in_ones_export_and_goes_with_the_account(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    block(app, &mina, &bob).await;
    let own = app.rest.get(&mina.token, "/v1/me/export").await;
    assert_eq!(own["blocks"][0]["user"], *bob.id);
    let other = app.rest.get(&bob.token, "/v1/me/export").await;
    assert_eq!(other["blocks"], json!([]), "whom others have blocked is theirs to know");
    let password = json!({ "password": "correct horse" });
    let (status, body) = call(app, Method::DELETE, &bob, "/v1/me", password).await;
    assert_eq!(status, 204, "{body}");
    assert_eq!(app.rest.get(&mina.token, "/v1/me/blocks").await["items"], json!([]));
    assert_eq!(app.number("SELECT count(*) FROM block").await, 0);
    assert_eq!(set(app, &mina, &bob, Method::PUT).await, 404, "nobody is there to block");
    unblock(app, &mina, &bob).await;
}

async fn there_is_an_end_to_whom_one_blocks(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let number = mina.id.trim_start_matches("u_");
    block(app, &mina, &bob).await;
    // As many others as there may be, but for one.
    app.sql(
        "WITH RECURSIVE others(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM others WHERE n < 999)
         INSERT INTO account (username, username_key, display_name, display_key, password_hash,
                              role, locale, created_at)
         SELECT 'o' || n, 'o' || n, 'o' || n, 'o' || n, '', 'user', 'en', 1 FROM others",
    )
    .await;
    app.sql(&format!(
        "INSERT INTO block (user_id, blocked_id, at)
         SELECT {number}, user_id, 1 FROM account WHERE username LIKE 'o%' AND created_at = 1"
    ))
    .await;
    let count =
        async || app.number(&format!("SELECT count(*) FROM block WHERE user_id = {number}")).await;
    assert_eq!(count().await, 1_000);
    let path = format!("/v1/users/{}/block", carol.id);
    let (status, body) = app.rest.refused(Method::PUT, Some(&mina.token), &path, None).await;
    assert_eq!((status, &body["code"]), (409, &json!("conflict")));
    assert_eq!((&body["reason"], count().await), (&json!("block_limit"), 1_000));
    assert_eq!(dm(app, &mina, &carol).await.0, 201, "nothing stands between them");
    // Whoever is blocked is blocked, also once more; who is blocked by many may block.
    block(app, &mina, &bob).await;
    block(app, &bob, &mina).await;
    unblock(app, &mina, &bob).await;
    block(app, &mina, &carol).await;
    assert_eq!((set(app, &mina, &bob, Method::PUT).await, count().await), (409, 1_000));
}

/// Messages of rooms that make no inbox entries are written without a look at anything (in a batch of
/// plain ones); a private room makes them, whatever its two want to hear of it.
async fn nobody_writes_past_a_block_however_much_is_written(app: &TestApp) {
    let Pair { mina, bob, room, .. } = pair(app).await;
    let carol = app.person("carol").await;
    let lobby = app.lobby(&carol).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let mut at_carol = app.session(&carol).await;
    for (session, who) in [(&mut at_mina, &mina), (&mut at_bob, &bob)] {
        session.open(&room).await;
        let path = format!("/v1/rooms/{room}/notify");
        app.rest.put(&who.token, &path, &json!({ "notify": "none" })).await;
    }
    let mut asked = Vec::new();
    let mut beside = Vec::new();
    for n in 0..80 {
        // The block comes in the middle of it.
        if n == 50 {
            block(app, &mina, &bob).await;
        }
        let cid = format!("w-{n}");
        beside.push(at_carol.begin(send(&lobby, &cid, "word")).await);
        let ids = (
            at_mina.begin(send(&room, &cid, "word")).await,
            at_bob.begin(send(&room, &cid, "word")).await,
        );
        asked.push((n, ids));
    }
    let mut stood = Vec::new();
    for (n, (hers, his)) in asked {
        for reply in [at_mina.reply(hers).await, at_bob.reply(his).await] {
            match reply["ok"]["seq"].as_i64() {
                Some(seq) => {
                    assert!(n < 50, "said behind the block: {reply}");
                    stood.push(seq);
                }
                None => assert!(is_blocked(&reply["err"]), "{reply}"),
            }
        }
    }
    for re in beside {
        let reply = at_carol.reply(re).await;
        assert!(reply["ok"].is_object(), "nobody else is held up: {reply}");
    }
    let list = app.rest.get(&carol.token, &format!("/v1/rooms/{lobby}")).await;
    assert_eq!(list["n"], 80);
    // What was acknowledged is there, and nothing else.
    let list = app.rest.get(&bob.token, &format!("/v1/rooms/{room}/messages?limit=200")).await;
    let mut kept = crate::support::seqs(list["items"].as_array().unwrap());
    kept.retain(|seq| *seq > 2);
    stood.sort_unstable();
    assert_eq!(kept, stood);
}

/// A node that has not heard of it refuses all the same: the store asks once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_holds_on_a_node_that_has_not_heard_of_it() {
    let hub = Hub::sound();
    let Some(nodes) = over(&hub).await else { return };
    let [here, there] = &nodes;
    let (mina, bob) = (here.person("mina").await, here.person("bob").await);
    let room = dm(here, &mina, &bob).await.1["id"].as_str().unwrap().to_owned();
    let mut at_bob = there.session(&bob).await;
    at_bob.open(&room).await;
    let own = at_bob.send(&room, "c-1", "awake").await["id"].clone();
    // Nobody tells the other node.
    here.sql("INSERT INTO block (user_id, blocked_id, at) SELECT pair_low, pair_high, 1 FROM room WHERE pair_low IS NOT NULL").await;
    here.sql("UPDATE room SET is_shut = TRUE WHERE pair_low IS NOT NULL").await;
    for op in [
        send(&room, "c-2", "hello?"),
        json!({ "op": "react", "room": room, "message": own, "emoji": "👍" }),
        json!({ "op": "edit", "room": room, "message": own, "text": "anew" }),
        json!({ "op": "pin", "room": room, "message": own }),
    ] {
        let refusal = at_bob.err(op.clone()).await;
        assert!(is_blocked(&refusal), "{op} {refusal}");
    }
    let again = at_bob.send(&room, "c-1", "awake").await;
    assert_eq!((&again["id"], &again["dup"]), (&own, &json!(true)), "what stands is told");
    end(nodes).await;
}
