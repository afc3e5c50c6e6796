//! Whoever asks gets all that the server has of them, and nothing of anybody else.

use reqwest::Method;
use serde_json::{Value, json};

use super::say;
use crate::files::upload;
use crate::support::{TestApp, on_both};

on_both!(
    one_gets_what_is_ones_own,
    what_one_never_sent_and_whom_an_entry_is_about_is_in_it,
    a_long_history_is_whole,
    what_one_asked_the_assistant_is_in_it,
    where_one_was_and_stays_out_of_is_in_it,
);

async fn one_gets_what_is_ones_own(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let others = say(&mut at_mina, &room, "@bob not bob's words: plugh").await;
    let own = say(&mut at_bob, &room, "first").await;
    at_bob.ok(json!({ "op": "edit", "room": room, "message": own, "text": "second" })).await;
    let gone = say(&mut at_bob, &room, "taken back").await;
    at_bob.ok(json!({ "op": "delete", "room": room, "message": gone })).await;
    at_bob.ok(json!({ "op": "react", "room": room, "message": others, "emoji": "👍" })).await;
    let answer = json!({ "op": "send", "room": room, "text": "below", "thread": own });
    at_bob.ok(answer).await;
    let path = format!("/v1/rooms/{room}/messages/{}/report", others.as_str().unwrap());
    app.rest.post(&bob.token, &path, &json!({ "reason": "spam", "note": "look" })).await;
    let response = app.rest.send(Method::GET, Some(&bob.token), "/v1/me/export", None).await;
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&all["format"], &all["version"]), (&json!("moim-account"), &json!(1)));
    assert_eq!(
        (&all["profile"]["id"], &all["profile"]["username"]),
        (&json!(bob.id), &json!("bob"))
    );
    assert_eq!(all["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&all["clubs"][0]["club"], &all["clubs"][0]["role"]),
        (&json!(club), &json!("member"))
    );
    let messages = all["messages"].as_array().unwrap();
    let mut texts: Vec<_> = messages.iter().map(|m| m["text"].as_str().unwrap()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["below", "second"]);
    let edited = messages.iter().find(|m| m["text"] == "second").unwrap();
    assert_eq!((&edited["id"], &edited["earlier"][0]["text"]), (&own, &json!("first")));
    let below = messages.iter().find(|m| m["text"] == "below").unwrap();
    assert_eq!(below["thread"], own);
    assert_eq!(all["reactions"], json!([{ "message": others, "emoji": "👍" }]));
    assert_eq!(all["threads"][0]["thread"], own);
    assert_eq!(
        (&all["reports"][0]["message"], &all["reports"][0]["note"]),
        (&others, &json!("look"))
    );
    assert_eq!(all["notifications"][0]["kind"], "mention");
    let marks = all["rooms"].as_array().unwrap();
    assert!(
        marks.iter().any(|m| m["room"] == *room && m["read_n"].as_i64() > Some(0)),
        "{marks:?}"
    );
    for secret in ["taken back", "password", "argon2", &bob.token, &bob.refresh] {
        assert!(!text.contains(secret), "{secret}");
    }
    let (status, _) = app.rest.refused(Method::GET, None, "/v1/me/export", None).await;
    assert_eq!(status, 401);
}

async fn a_long_history_is_whole(app: &TestApp) {
    let mina = app.person("mina").await;
    let lobby = app.lobby(&mina).await;
    let (_club, room) = app.club(&mina, "readers").await;
    let mut at_mina = app.session(&mina).await;
    let mut asked = Vec::new();
    for n in 0..180 {
        let place = if n % 9 == 0 { &lobby } else { &room };
        let op = json!({ "op": "send", "room": place, "text": format!("w{n}") });
        asked.push(at_mina.begin(op).await);
    }
    // Two rooms answer in any order.
    for op in asked {
        at_mina.reply(op).await;
    }
    // More than a page of one room, without the time that it takes to say so much.
    app.sql(
        "INSERT INTO message (room_id, seq, n, author_id, cid, text, rev, at, is_deleted)
         SELECT room_id, seq + 1000, n + 1000, author_id, cid || '-b', text || '-b', 1, at, FALSE
           FROM message",
    )
    .await;
    let all = app.rest.get(&mina.token, "/v1/me/export").await;
    let texts = all["messages"].as_array().unwrap().iter().map(|m| m["text"].as_str().unwrap());
    let mut texts: Vec<_> = texts.collect();
    assert_eq!(texts.len(), 360);
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 360, "each once");
}

async fn what_one_asked_the_assistant_is_in_it(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let lobby = app.lobby(&mina).await;
    let mut at_mina = app.session(&mina).await;
    at_mina.open(&lobby).await;
    let question = say(&mut at_mina, &lobby, "@ai hello").await;
    let end = at_mina.expect("ai.end").await;
    let export = async |token: &str| app.rest.get(token, "/v1/me/export").await;
    let all = export(&mina.token).await;
    let asked = &all["ai_questions"][0];
    assert_eq!((&asked["question"], &asked["answer"]), (&question, &end["d"]["id"]));
    assert_eq!((&asked["run"], &asked["finish"]), (&end["d"]["run"], &json!("stop")));
    assert_eq!(all["ai_usage"][0]["runs"], 1);
    let all = export(&bob.token).await;
    assert_eq!((&all["ai_questions"], &all["ai_usage"]), (&json!([]), &json!([])));
}

async fn where_one_was_and_stays_out_of_is_in_it(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let mut clubs = Vec::new();
    for name in ["readers", "writers", "walkers"] {
        let (club, _room) = app.club(&mina, name).await;
        app.join(&bob, &club).await;
        clubs.push(club);
    }
    let [left, banned, muted] = clubs.as_slice() else { unreachable!() };
    app.rest.send(Method::POST, Some(&bob.token), &format!("/v1/clubs/{left}/leave"), None).await;
    let path = |club: &str, what: &str| format!("/v1/clubs/{club}/members/{}/{what}", bob.id);
    let out = json!({ "seconds": 3_600, "reason": "quarrels" });
    app.rest.post(&mina.token, &path(banned, "ban"), &out).await;
    app.rest.post(&mina.token, &path(muted, "mute"), &json!({ "seconds": 3_600 })).await;
    let group = json!({ "name": "trips", "member_ids": [mina.id] });
    let group = app.rest.post(&bob.token, "/v1/rooms", &group).await["id"].clone();
    let pair = app.rest.post(&bob.token, "/v1/dms", &json!({ "user_id": mina.id })).await;
    let mut at_bob = app.session(&bob).await;
    let said = say(&mut at_bob, group.as_str().unwrap(), "this one").await;
    at_bob.ok(json!({ "op": "pin", "room": group, "message": said })).await;
    let all = app.rest.get(&bob.token, "/v1/me/export").await;
    let of = |list: &str, field: &str, id: &Value| {
        let items = all[list].as_array().unwrap();
        items.iter().find(|item| item[field] == *id).cloned().unwrap_or_else(|| panic!("{all}"))
    };
    let club = |id: &str| of("clubs", "club", &json!(id));
    assert_eq!(club(left)["status"], "left");
    assert!(club(left)["left_at"].is_i64() && club(left)["ban_until"].is_null());
    assert_eq!(
        (&club(banned)["status"], &club(banned)["ban_reason"]),
        (&json!("banned"), &json!("quarrels"))
    );
    assert!(club(banned)["ban_until"].is_i64() && club(muted)["muted_until"].is_i64());
    let room = |id: &Value| of("rooms", "room", id);
    assert_eq!((&room(&group)["host"], &room(&group)["made"]), (&json!(true), &json!(true)));
    let pair = room(&pair["id"]);
    assert_eq!((&pair["peer"], &pair["host"]), (&json!(mina.id), &json!(false)));
    assert_eq!(of("pins", "message", &said)["message"], said);
    let all = app.rest.get(&mina.token, "/v1/me/export").await;
    assert_eq!(all["pins"], json!([]));
    assert!(!all.to_string().contains("quarrels"), "it was said to somebody else: {all}");
}

async fn what_one_never_sent_and_whom_an_entry_is_about_is_in_it(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let lobby = app.lobby(&bob).await;
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let call = say(&mut at_mina, &room, "@bob").await;
    let sent = upload(&app.rest, &bob, &lobby, "sent.txt", b"a".to_vec()).await;
    let kept = upload(&app.rest, &bob, &lobby, "kept.txt", b"abc".to_vec()).await;
    upload(&app.rest, &mina, &lobby, "hers.txt", b"b".to_vec()).await;
    let with_file = json!({ "op": "send", "room": lobby, "text": "look", "files": [sent["id"]] });
    at_bob.ok(with_file).await;
    let all = app.rest.get(&bob.token, "/v1/me/export").await;
    let uploads = all["uploads"].as_array().unwrap();
    assert_eq!(uploads.len(), 1, "{uploads:?}");
    let file = ["id", "name", "size", "room"].map(|field| uploads[0][field].clone());
    assert_eq!(file, [kept["id"].clone(), json!("kept.txt"), json!(3), json!(lobby)]);
    let said = all["messages"].as_array().unwrap().iter().find(|m| m["text"] == "look").unwrap();
    assert_eq!(said["files"][0]["name"], "sent.txt");
    let told = all["notifications"].as_array().unwrap().iter().find(|n| n["kind"] == "mention");
    let told = ["room", "message", "from"].map(|field| told.unwrap()[field].clone());
    assert_eq!(told, [json!(room), call, json!(mina.id)]);
}
