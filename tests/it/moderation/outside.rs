//! Moderation where there is no club: in lobbies by admins, in groups by the host.

use reqwest::Method;
use serde_json::{Value, json};

use super::{call, of_room, send};
use crate::support::{Person, Sse, TestApp, on_both};

on_both!(
    who_is_muted_in_a_lobby_reads_and_reacts_there_and_writes_elsewhere,
    a_host_mutes_and_the_muted_one_does_not_speak_by_going_and_coming_back,
    who_is_put_out_of_a_lobby_loses_it_at_once_and_may_come_back,
    who_is_banned_from_a_lobby_stays_out_until_the_ban_ends,
    nobody_is_brought_into_a_group_who_is_banned_from_it,
    one_acts_on_lower_ranks_and_only_where_one_moderates,
);

/// An admin of the instance, who moderates the lobby, and others.
pub(super) struct Town {
    pub(super) admin: Person,
    pub(super) bob: Person,
    pub(super) carol: Person,
    pub(super) lobby: String,
}

pub(super) async fn town(app: &TestApp) -> Town {
    // Who comes first is the admin.
    let (admin, bob) = (app.person("mina").await, app.person("bob").await);
    let (carol, lobby) = (app.person("carol").await, app.lobby(&admin).await);
    Town { admin, bob, carol, lobby }
}

pub(super) async fn group(app: &TestApp, host: &Person, members: &[&Person]) -> String {
    let ids: Vec<_> = members.iter().map(|one| one.id.as_str()).collect();
    let body = json!({ "name": "friends", "listed": true, "member_ids": ids });
    let room = app.rest.post(&host.token, "/v1/rooms", &body).await;
    room["id"].as_str().unwrap().to_owned()
}

pub(super) async fn pair(app: &TestApp, one: &Person, other: &Person) -> String {
    let room = app.rest.post(&one.token, "/v1/dms", &json!({ "user_id": other.id })).await;
    room["id"].as_str().unwrap().to_owned()
}

pub(super) async fn say(app: &TestApp, who: &Person, room: &str, text: &str) -> String {
    let path = format!("/v1/rooms/{room}/messages");
    let sent = app.rest.post(&who.token, &path, &json!({ "text": text })).await;
    sent["id"].as_str().unwrap().to_owned()
}

/// Acts on somebody in a room; status and body.
async fn act(
    app: &TestApp,
    (by, room): (&Person, &str),
    (what, on): (&str, &Person),
    body: Value,
) -> (u16, Value) {
    let path = format!("/v1/rooms/{room}/members/{}/{what}", on.id);
    call(app, Method::POST, by, &path, body).await
}

async fn who_is_muted_in_a_lobby_reads_and_reacts_there_and_writes_elsewhere(app: &TestApp) {
    let Town { admin, bob, carol, lobby } = town(app).await;
    let plans = group(app, &bob, &[&carol]).await;
    let mut at_bob = app.session(&bob).await;
    at_bob.open(&lobby).await;
    at_bob.open(&plans).await;
    let own = say(app, &bob, &lobby, "before").await;
    let other = say(app, &carol, &lobby, "hi").await;
    let mute = json!({ "seconds": 600, "reason": "too loud" });
    let (status, body) = act(app, (&admin, &lobby), ("mute", &bob), mute).await;
    let until = body["muted_until"].as_i64().unwrap();
    assert_eq!(
        (status, &body["status"], &body["user"]["id"]),
        (200, &json!("active"), &json!(bob.id))
    );
    let told = at_bob.expect("room.update").await;
    assert_eq!(told["d"], json!({ "muted_until": until, "mute_reason": "too loud" }));
    let refused = at_bob.err(send(&lobby, "1", "hello?")).await;
    assert_eq!((&refused["code"], &refused["until"]), (&json!("muted"), &json!(until)));
    let edit = json!({ "op": "edit", "room": lobby, "message": own, "text": "said anew" });
    assert_eq!(at_bob.err(edit).await["code"], "muted");
    let path = format!("/v1/rooms/{lobby}/messages");
    let (status, body) = call(app, Method::POST, &bob, &path, json!({ "text": "x" })).await;
    assert_eq!((status, &body["code"], &body["until"]), (403, &json!("muted"), &json!(until)));
    let path = format!("/v1/rooms/{lobby}/files?name=a.txt");
    assert_eq!(call(app, Method::POST, &bob, &path, json!({})).await.1["code"], "muted");
    at_bob.ok(json!({ "op": "react", "room": lobby, "message": other, "emoji": "👍" })).await;
    at_bob.send(&plans, "2", "elsewhere").await;
    // Nor does it help that the room forgets it.
    app.crash(&lobby).await;
    assert_eq!(at_bob.err(send(&lobby, "3", "hello?")).await["code"], "muted");
    let entry = app.rest.get(&admin.token, "/v1/admin/audit").await["items"][0].clone();
    assert_eq!((&entry["action"], &entry["reason"]), (&json!("member.mute"), &json!("too loud")));
    assert_eq!((&entry["until"], &entry["room"]), (&json!(until), &json!(lobby)));
    let (mutes, own) =
        (format!("/v1/rooms/{lobby}/mutes"), format!("/v1/rooms/{lobby}/permissions"));
    let of = async |who: &Person| {
        let body = app.rest.get(&who.token, &own).await;
        (body["muted_until"].clone(), body["mute_reason"].clone())
    };
    assert_eq!(of(&bob).await, (json!(until), json!("too loud")));
    assert_eq!(of(&carol).await, (Value::Null, json!("")));
    let listed = app.rest.get(&admin.token, &mutes).await["items"].clone();
    assert_eq!((&listed[0]["user"]["id"], &listed[0]["until"]), (&json!(bob.id), &json!(until)));
    assert_eq!(listed[1], Value::Null);
    let path = format!("/v1/rooms/{lobby}/members/{}/mute", bob.id);
    for _twice in 0..2 {
        assert_eq!(call(app, Method::DELETE, &admin, &path, json!({})).await.0, 204);
    }
    let told = at_bob.expect("room.update").await;
    assert_eq!(told["d"], json!({ "muted_until": 0 }));
    assert_eq!(of(&bob).await, (Value::Null, json!("")));
    assert_eq!(app.rest.get(&admin.token, &mutes).await["items"], json!([]));
    at_bob.send(&lobby, "4", "again").await;
    // One that has passed means nothing, also to a room that is read from the store.
    act(app, (&admin, &lobby), ("mute", &bob), json!({ "seconds": 60 })).await;
    app.sql("UPDATE room_member SET muted_until = 1 WHERE muted_until IS NOT NULL").await;
    app.crash(&lobby).await;
    at_bob.send(&lobby, "5", "and again").await;
}

async fn a_host_mutes_and_the_muted_one_does_not_speak_by_going_and_coming_back(app: &TestApp) {
    let Town { bob, carol, .. } = town(app).await;
    let room = group(app, &bob, &[&carol]).await;
    let mut at_carol = app.session(&carol).await;
    at_carol.open(&room).await;
    let minute = || json!({ "seconds": 60 });
    assert_eq!(act(app, (&bob, &room), ("mute", &carol), minute()).await.0, 200);
    assert_eq!(at_carol.err(send(&room, "1", "hi")).await["code"], "muted");
    let of_room = |end: &str| format!("/v1/rooms/{room}{end}");
    for back in ["join", "invite"] {
        assert_eq!(call(app, Method::POST, &carol, &of_room("/leave"), json!({})).await.0, 204);
        let body = json!({ "user_ids": [carol.id] });
        let status = match back {
            "join" => call(app, Method::POST, &carol, &of_room("/join"), json!({})).await.0,
            _brought => call(app, Method::POST, &bob, &of_room("/members"), body).await.0,
        };
        assert_eq!(status, 200, "{back}");
        at_carol.open(&room).await;
        assert_eq!(at_carol.err(send(&room, "2", "hi")).await["code"], "muted", "{back}");
    }
    let book = app.rest.get(&bob.token, &of_room("/audit")).await;
    assert_eq!(book["items"][0]["action"], "member.mute");
    let outside = app.person("dave").await;
    assert_eq!(act(app, (&bob, &room), ("mute", &outside), minute()).await.0, 404);
    call(app, Method::POST, &carol, &of_room("/leave"), json!({})).await;
    let (status, body) = act(app, (&bob, &room), ("mute", &carol), minute()).await;
    assert_eq!((status, &body["reason"]), (409, &json!("not_active")));
    // A room may say that nobody mutes there.
    app.rest.patch(&bob.token, &of_room("/permissions"), &json!({ "mute": "nobody" })).await;
    call(app, Method::POST, &carol, &of_room("/join"), json!({})).await;
    let (status, body) = act(app, (&bob, &room), ("mute", &carol), minute()).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
}

/// Everything that somebody has open of a lobby ends, and nothing can be asked.
async fn loses_the_lobby(app: &TestApp, town: &Town, (end, body): (&str, Value)) {
    let Town { admin, bob, carol, lobby } = town;
    let said = say(app, carol, lobby, "a word with a file").await;
    let (mut open, mut at_head) = (app.session(bob).await, app.session(bob).await);
    let mut stays = app.session(carol).await;
    open.open(lobby).await;
    stays.open(lobby).await;
    let of_lobby = |end: &str| format!("/v1/rooms/{lobby}{end}");
    let mut stream = Sse::open(&app.rest, &bob.token, &of_lobby("/events")).await;
    let (method, line) = match end {
        "" => (Method::DELETE, "member.kick"),
        _ban => (Method::POST, "member.ban"),
    };
    let path = of_lobby(&format!("/members/{}{end}", bob.id));
    let (status, answer) = call(app, method, admin, &path, body).await;
    assert!((200..300).contains(&status), "{answer}");
    let is_line = |one: &Value| one["ev"] == line && of_room(one, lobby);
    assert_eq!(stays.wait_for(is_line).await["d"], json!({ "user": bob.id }), "not by whom");
    let why = if end.is_empty() { "kicked" } else { "banned" };
    for session in [&mut open, &mut at_head] {
        let is_end = |one: &Value| one["ev"] == "room.remove" && of_room(one, lobby);
        assert_eq!(session.wait_for(is_end).await["why"], why);
        session.heard();
    }
    assert_eq!(stream.rest().await.last().unwrap().event, line);
    stays.send(lobby, line, "a secret word").await;
    for session in [&mut open, &mut at_head] {
        session.ok(json!({ "op": "ping" })).await;
        session.expect_none(|one| of_room(one, lobby)).await;
    }
    let found = app.rest.get(&bob.token, "/v1/search?q=word").await;
    assert_eq!(found["items"], json!([]));
    for end in ["", "/messages", "/members", "/events", "/pins", &format!("/messages/{said}")] {
        let (_, body) = app.rest.refused(Method::GET, Some(&bob.token), &of_lobby(end), None).await;
        assert_eq!(body["code"], if why == "kicked" { "not_found" } else { "banned" }, "{end}");
    }
}

async fn who_is_put_out_of_a_lobby_loses_it_at_once_and_may_come_back(app: &TestApp) {
    let town = town(app).await;
    loses_the_lobby(app, &town, ("", json!({}))).await;
    let Town { admin, bob, lobby, .. } = &town;
    let path = format!("/v1/rooms/{lobby}/members/{}", bob.id);
    assert_eq!(call(app, Method::DELETE, admin, &path, json!({})).await.0, 204, "once more");
    let book = app.rest.get(&admin.token, "/v1/admin/audit").await;
    assert_eq!(book["items"].as_array().unwrap().len(), 1, "{book}");
    let join = format!("/v1/rooms/{lobby}/join");
    let joined = app.rest.post(&bob.token, &join, &json!({})).await;
    assert_eq!(joined["joined"], true);
    say(app, bob, lobby, "back").await;
}

async fn who_is_banned_from_a_lobby_stays_out_until_the_ban_ends(app: &TestApp) {
    let town = town(app).await;
    let body = json!({ "seconds": 60, "reason": "spam" });
    loses_the_lobby(app, &town, ("/ban", body)).await;
    let Town { admin, bob, carol, lobby } = &town;
    let (join, bans) = (format!("/v1/rooms/{lobby}/join"), format!("/v1/rooms/{lobby}/bans"));
    let listed = app.rest.get(&admin.token, &bans).await["items"].clone();
    let until = listed[0]["until"].as_i64().unwrap();
    assert_eq!(listed[0]["user"]["id"], bob.id.as_str());
    assert_eq!(listed[0]["reason"], "spam", "who can lift it sees why");
    let (status, body) = call(app, Method::POST, bob, &join, json!({})).await;
    assert_eq!((status, &body["code"], &body["until"]), (403, &json!("banned"), &json!(until)));
    assert_eq!(body["ban_reason"], "spam");
    let path = format!("/v1/rooms/{lobby}");
    let (_, body) = app.rest.refused(Method::GET, Some(&bob.token), &path, None).await;
    assert_eq!((&body["until"], &body["ban_reason"]), (&json!(until), &json!("spam")));
    let mut at_bob = app.session(bob).await;
    let refused = at_bob.err(json!({ "op": "open", "room": lobby })).await;
    assert_eq!((&refused["code"], &refused["until"]), (&json!("banned"), &json!(until)));
    assert_eq!(refused["ban_reason"], "spam");
    let (status, _) = app.rest.refused(Method::GET, Some(&carol.token), &bans, None).await;
    assert_eq!(status, 403);
    // The end has passed.
    app.sql("UPDATE room_member SET ban_until = 1 WHERE banned_at IS NOT NULL").await;
    assert_eq!(app.rest.get(&admin.token, &bans).await["items"], json!([]));
    let (_, body) = app.rest.refused(Method::GET, Some(&bob.token), &bans, None).await;
    assert_eq!(body["code"], "not_found");
    assert_eq!(app.rest.post(&bob.token, &join, &json!({})).await["joined"], true);
    at_bob.open(lobby).await;
    // For ever, also who has left before; and lifted by hand.
    let leave = format!("/v1/rooms/{lobby}/leave");
    assert_eq!(call(app, Method::POST, carol, &leave, json!({})).await.0, 204);
    for person in [bob, carol] {
        let (status, body) = act(app, (admin, lobby), ("ban", person), json!({})).await;
        assert_eq!((status, &body["status"]), (200, &json!("banned")));
        assert_eq!(body["ban_until"], Value::Null);
        let (status, body) = call(app, Method::POST, person, &join, json!({})).await;
        assert_eq!((status, &body["code"], body.get("until")), (403, &json!("banned"), None));
        assert_eq!(body.get("ban_reason"), None, "one that was said before is forgotten");
        let lift = format!("{bans}/{}", person.id);
        for _twice in 0..2 {
            assert_eq!(call(app, Method::DELETE, admin, &lift, json!({})).await.0, 204);
        }
        assert_eq!(app.rest.post(&person.token, &join, &json!({})).await["joined"], true);
    }
    let items = app.rest.get(&admin.token, "/v1/admin/audit").await["items"].clone();
    let did: Vec<_> = items.as_array().unwrap().iter().map(|one| one["action"].clone()).collect();
    let (ban, unban) = ("member.ban", "member.unban");
    assert_eq!(did, [unban, ban, unban, ban, ban]);
}

async fn nobody_is_brought_into_a_group_who_is_banned_from_it(app: &TestApp) {
    let Town { bob, carol, .. } = town(app).await;
    let dave = app.person("dave").await;
    let room = group(app, &bob, &[&carol, &dave]).await;
    for reason in ["a mistake", "quarrels"] {
        let ban = json!({ "seconds": 60, "reason": reason });
        assert_eq!(act(app, (&bob, &room), ("ban", &carol), ban).await.0, 200);
    }
    let members = format!("/v1/rooms/{room}/members");
    let body = json!({ "user_ids": [carol.id] });
    for who in [&bob, &dave] {
        let (status, answer) = call(app, Method::POST, who, &members, body.clone()).await;
        assert_eq!((status, &answer["reason"]), (409, &json!("kept_out")));
    }
    let join = format!("/v1/rooms/{room}/join");
    let refused = call(app, Method::POST, &carol, &join, json!({})).await.1;
    assert_eq!((&refused["code"], &refused["ban_reason"]), (&json!("banned"), &json!("quarrels")));
    let lift = format!("/v1/rooms/{room}/bans/{}", carol.id);
    assert_eq!(call(app, Method::DELETE, &bob, &lift, json!({})).await.0, 204);
    assert_eq!(call(app, Method::POST, &dave, &members, body).await.0, 200);
}

async fn one_acts_on_lower_ranks_and_only_where_one_moderates(app: &TestApp) {
    let Town { admin, bob, carol, lobby } = town(app).await;
    let other = app.person("other").await;
    app.sql("UPDATE account SET role = 'admin' WHERE username = 'other'").await;
    let room = group(app, &bob, &[&carol]).await;
    let dm = pair(app, &bob, &carol).await;
    let (_, plans) = app.club(&bob, "readers").await;
    let minute = || json!({ "seconds": 60 });
    for what in ["mute", "ban"] {
        for (by, place, on, status, reason) in [
            (&admin, &lobby, &other, 403, "role"),
            (&admin, &lobby, &admin, 403, "role"),
            (&bob, &lobby, &carol, 403, "role"),
            (&carol, &room, &bob, 403, "role"),
            (&bob, &room, &bob, 403, "role"),
            (&bob, &dm, &carol, 409, "private_room"),
            (&bob, &plans, &carol, 403, "not_group"),
        ] {
            let (found, body) = act(app, (by, place), (what, on), minute()).await;
            let told = format!("{what} by {} on {} in {place}", by.name, on.name);
            assert_eq!((found, &body["reason"]), (status, &json!(reason)), "{told}");
        }
        // Without a report an admin has no say among others.
        assert_eq!(act(app, (&admin, &room), (what, &carol), minute()).await.0, 404);
        for odd in [json!({ "seconds": 59 }), json!({ "seconds": 60, "reason": "x".repeat(256) })] {
            assert_eq!(act(app, (&admin, &lobby), (what, &bob), odd).await.0, 422);
        }
    }
    // An admin who has left the lobby is one all the same.
    let leave = format!("/v1/rooms/{lobby}/leave");
    assert_eq!(call(app, Method::POST, &other, &leave, json!({})).await.0, 204);
    assert_eq!(act(app, (&admin, &lobby), ("ban", &other), minute()).await.0, 403);
    let none = "SELECT (SELECT count(*) FROM instance_audit) + (SELECT count(*) FROM audit
                          WHERE action LIKE 'member%')";
    assert_eq!(app.number(none).await, 0);
}
