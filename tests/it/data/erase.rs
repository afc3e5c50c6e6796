//! An account is erased: at once nobody is signed in with it, and soon nothing is left of what it said.

use reqwest::Method;
use serde_json::{Value, json};

use super::{everything, listed, say};
use crate::files::upload;
use crate::support::{Closed, Person, TestApp, eventually, on_both};

on_both!(
    what_somebody_said_goes_with_the_account,
    who_owns_clubs_hands_them_over_first,
    an_admin_erases_and_it_is_written_down,
    many_messages_go_in_pieces_and_a_crash_costs_none,
    a_name_is_held_for_a_while,
    what_was_never_sent_and_what_was_said_at_a_ban_go_as_well,
);

async fn leave(app: &TestApp, who: &Person, password: &str) -> (u16, Value) {
    let body = json!({ "password": password });
    let response = app.rest.send(Method::DELETE, Some(&who.token), "/v1/me", Some(&body)).await;
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

async fn what_somebody_said_goes_with_the_account(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let lobby = app.lobby(&mina).await;
    let dm = app.rest.post(&bob.token, "/v1/dms", &json!({ "user_id": mina.id })).await;
    let dm = dm["id"].as_str().unwrap().to_owned();
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&room).await;
    at_mina.open(&dm).await;
    let kept = say(&mut at_mina, &room, "stays where it is").await;
    let first = say(&mut at_bob, &room, "@mina the xyzzy one").await;
    at_bob
        .ok(json!({ "op": "edit", "room": room, "message": first, "text": "@mina xyzzy two" }))
        .await;
    let reaction = json!({ "op": "react", "room": room, "message": kept, "emoji": "👍" });
    at_bob.ok(reaction.clone()).await;
    at_mina.ok(reaction).await;
    say(&mut at_bob, &lobby, "xyzzy to everybody").await;
    say(&mut at_bob, &dm, "xyzzy between us").await;
    // What was said in a room that was deleted since is still there, and goes as well.
    let path = format!("/v1/clubs/{club}/rooms");
    let gone = app.rest.post(&mina.token, &path, &json!({ "name": "gone" })).await;
    let gone = gone["id"].as_str().unwrap();
    say(&mut at_bob, gone, "xyzzy in a lost room").await;
    assert_eq!(
        app.rest.status(Method::DELETE, &mina.token, &format!("/v1/rooms/{gone}")).await,
        204
    );
    assert!(everything(app, &mina, &room).await.contains("xyzzy"));

    let (status, body) = leave(app, &bob, "wrong password").await;
    assert_eq!((status, &body["reason"]), (403, &json!("wrong_password")));
    assert_eq!(leave(app, &bob, "correct horse").await.0, 204);
    assert_eq!(at_bob.expect_close().await, Closed { code: 4501 });
    assert_eq!(app.rest.status(Method::GET, &bob.token, "/v1/me").await, 401);
    let body = json!({ "username": "bob", "password": "correct horse" });
    let (status, _) = app.rest.refused(Method::POST, None, "/v1/auth/login", Some(&body)).await;
    assert_eq!(status, 401);

    let told = at_mina.wait_for(|line| line["ev"] == "msg.delete" && line["room"] == *room).await;
    assert_eq!(told["d"], json!({ "id": first, "by": bob.id }));
    let told = at_mina.expect("msg.unreact").await;
    assert_eq!((&told["d"]["id"], &told["d"]["count"]), (&kept, &json!(1)));
    at_mina.wait_for(|line| line["ev"] == "msg.delete" && line["room"] == *dm).await;
    let renamed = at_mina.wait_for(|line| line["ev"] == "room.update" && line["room"] == *dm).await;
    assert_eq!(renamed["d"]["name"], "Deleted user");
    let left = Left { mina: &mina, bob: &bob, club: &club, rooms: [&room, &lobby, &dm] };
    nothing_is_left(app, left, &first, &kept).await;
}

/// Where to look for what somebody left.
struct Left<'a> {
    mina: &'a Person,
    bob: &'a Person,
    club: &'a str,
    rooms: [&'a str; 3],
}

async fn nothing_is_left(app: &TestApp, left: Left<'_>, first: &Value, kept: &Value) {
    let Left { mina, bob, club, rooms: [room, lobby, dm] } = left;
    eventually("nothing is left", async || {
        let mut all = everything(app, mina, room).await;
        all.push_str(&everything(app, mina, lobby).await);
        all.push_str(&everything(app, mina, dm).await);
        !all.contains("xyzzy")
    })
    .await;
    let found = app.rest.get(&mina.token, "/v1/search?q=xyzzy").await;
    assert_eq!(found["items"], json!([]));
    let path = format!("/v1/rooms/{room}/messages/{}", first.as_str().unwrap());
    let tombstone = app.rest.get(&mina.token, &path).await;
    assert_eq!((&tombstone["deleted"], &tombstone["by"]), (&json!(true), &json!(bob.id)));
    let path = format!("/v1/rooms/{room}/messages/{}", kept.as_str().unwrap());
    let kept = app.rest.get(&mina.token, &path).await;
    assert_eq!(kept["reactions"], json!([{ "emoji": "👍", "count": 1, "mine": true }]));
    let user = app.rest.get(&mina.token, &format!("/v1/users/{}", bob.id)).await;
    assert_eq!((&user["display_name"], &user["deleted"]), (&json!("Deleted user"), &json!(true)));
    assert!(!user.to_string().contains("bob"), "{user}");
    let members = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/members")).await;
    assert_eq!(members["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed(app, mina, dm).await["name"], "Deleted user");
    assert_eq!(listed(app, mina, room).await["mentions"], 0);
    // A room that was asleep, or another node, reads it from the store.
    app.crash(room).await;
    assert!(!everything(app, mina, room).await.contains("xyzzy"));
}

async fn who_owns_clubs_hands_them_over_first(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, _room) = app.club(&mina, "readers").await;
    let (lone, _room) = app.club(&mina, "lone").await;
    app.join(&bob, &club).await;
    let (status, body) = leave(app, &mina, "correct horse").await;
    assert_eq!((status, &body["reason"]), (409, &json!("owns_clubs")));
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(&club) && !detail.contains(&lone), "{detail}");
    let path = format!("/v1/clubs/{club}/owner");
    app.rest.post(&mina.token, &path, &json!({ "user_id": bob.id })).await;
    assert_eq!(leave(app, &mina, "correct horse").await.0, 204);
    let clubs = app.rest.get(&bob.token, "/v1/clubs").await;
    let names: Vec<_> =
        clubs["items"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
    assert_eq!(names, ["readers"], "a club that nobody else is in goes, too");
}

async fn an_admin_erases_and_it_is_written_down(app: &TestApp) {
    let (admin, bob) = (app.person("mina").await, app.person("bob").await);
    let (carol, lobby) = (app.person("carol").await, app.lobby(&admin).await);
    let mut at_bob = app.session(&bob).await;
    say(&mut at_bob, &lobby, "xyzzy").await;
    let path = format!("/v1/admin/users/{}", bob.id);
    let why = json!({ "reason": "asked by post" });
    let (status, body) =
        app.rest.refused(Method::DELETE, Some(&carol.token), &path, Some(&why)).await;
    assert_eq!((status, &body["code"]), (403, &json!("forbidden")));
    for _again in 0..2 {
        let done = app.rest.send(Method::DELETE, Some(&admin.token), &path, Some(&why)).await;
        assert_eq!(done.status(), 204);
    }
    assert_eq!(at_bob.expect_close().await, Closed { code: 4501 });
    eventually("nothing is left", async || {
        !everything(app, &admin, &lobby).await.contains("xyzzy")
    })
    .await;
    let log = app.rest.get(&admin.token, "/v1/admin/audit").await;
    let [entry] = &log["items"].as_array().unwrap()[..] else { panic!("{log}") };
    assert_eq!((&entry["action"], &entry["user"]), (&json!("user.erase"), &json!(bob.id)));
    assert_eq!((&entry["by"], &entry["reason"]), (&json!(admin.id), &json!("asked by post")));
    let (status, _) =
        app.rest.refused(Method::GET, Some(&carol.token), "/v1/admin/audit", None).await;
    assert_eq!(status, 403);
    let path = "/v1/admin/users/u_999999";
    let (status, _) = app.rest.refused(Method::DELETE, Some(&admin.token), path, Some(&why)).await;
    assert_eq!(status, 404);
}

async fn many_messages_go_in_pieces_and_a_crash_costs_none(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let lobby = app.lobby(&mina).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    at_mina.open(&lobby).await;
    let mut last = 0;
    for n in 0..190 {
        let op = json!({ "op": "send", "room": lobby, "text": format!("xyzzy {n}") });
        last = at_bob.begin(op).await;
        if n % 50 == 0 {
            at_bob.reply(last).await;
        }
    }
    at_bob.reply(last).await;
    let sent = at_mina.expect_many("msg.new", 190).await.len();
    assert_eq!(leave(app, &bob, "correct horse").await.0, 204);
    at_mina.expect("msg.delete").await;
    app.crash(&lobby).await;
    let gone = 1 + at_mina.expect_many("msg.delete", sent - 1).await.len();
    assert_eq!(gone, sent, "each is told, once");
    assert!(!everything(app, &mina, &lobby).await.contains("xyzzy"));
    at_mina.expect_none(|line| line["ev"] == "msg.delete").await;
}

async fn a_name_is_held_for_a_while(app: &TestApp) {
    let (_admin, bob) = (app.person("mina").await, app.person("Bob").await);
    assert_eq!(leave(app, &bob, "correct horse").await.0, 204);
    let free = app.rest.get("", "/v1/auth/available?username=bob").await;
    assert_eq!(free["available"], false);
    let body = json!({ "username": "bob", "password": "correct horse" });
    let (status, taken) =
        app.rest.refused(Method::POST, None, "/v1/auth/register", Some(&body)).await;
    assert_eq!((status, &taken["code"]), (409, &json!("username_taken")));
}

async fn what_was_never_sent_and_what_was_said_at_a_ban_go_as_well(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let lobby = app.lobby(&bob).await;
    let (club, _room) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let path = format!("/v1/clubs/{club}/members/{}/ban", bob.id);
    app.rest.post(&mina.token, &path, &json!({ "reason": "xyzzy again" })).await;
    upload(&app.rest, &bob, &lobby, "xyzzy.txt", b"words".to_vec()).await;
    let left = "SELECT (SELECT count(*) FROM file WHERE name LIKE '%xyzzy%')
                     + (SELECT count(*) FROM membership WHERE ban_reason LIKE '%xyzzy%')";
    assert_eq!(app.number(left).await, 2);
    assert_eq!(leave(app, &bob, "correct horse").await.0, 204);
    eventually("nothing is left", async || app.number(left).await == 0).await;
    let log = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/audit")).await;
    assert!(log.to_string().contains("xyzzy again"), "what moderators did stays written: {log}");
}
