//! Kicks and bans, through the front door.

use reqwest::Method;
use serde_json::{Value, json};

use super::{call, club, of_room, promote};
use crate::support::{Sse, TestApp, on_both};

on_both!(
    a_kick_is_seen_in_every_room_and_then_there_is_silence,
    who_was_kicked_asks_in_vain_and_may_come_back,
    who_is_banned_stays_out_until_the_ban_ends,
    one_acts_on_lower_roles_and_only_in_ones_own_club,
    odd_spans_and_reasons_are_refused_by_name,
    a_kick_finds_a_room_that_cannot_be_kept_alive,
    who_is_muted_is_told_in_all_rooms_of_the_club_and_moderators_see_who_it_is,
);

async fn a_kick_is_seen_in_every_room_and_then_there_is_silence(app: &TestApp) {
    let club = club(app).await;
    let lobby = app.lobby(&club.bob).await;
    let mut stays = app.session(&club.owner).await;
    let (mut leaves, mut at_head) = (app.session(&club.bob).await, app.session(&club.bob).await);
    for room in [&club.general, &club.plans, &lobby] {
        stays.open(room).await;
        leaves.open(room).await;
    }
    let path = format!("/v1/rooms/{}/events", club.plans);
    let mut stream = Sse::open(&app.rest, &club.bob.token, &path).await;
    let reason = json!({ "reason": "enough" });
    let (status, body) = club.act(app, &club.manager, ("kick", &club.bob), reason).await;
    assert_eq!((status, &body["status"], &body["role"]), (200, &json!("kicked"), &json!("member")));
    assert_eq!(body["user"]["id"], club.bob.id.as_str());

    for room in [&club.general, &club.plans] {
        let is_line = |line: &Value| line["ev"] == "member.kick" && of_room(line, room);
        let line = stays.wait_for(is_line).await;
        assert_eq!(line["d"], json!({ "user": club.bob.id }), "not by whom");
        assert!(line["seq"].is_i64() && line.get("n").is_none(), "{line}");
        assert_eq!(leaves.wait_for(is_line).await, line, "who goes sees the line");
        for session in [&mut leaves, &mut at_head] {
            let is_end = |line: &Value| line["ev"] == "room.remove" && of_room(line, room);
            assert_eq!(session.wait_for(is_end).await["why"], "kicked");
        }
    }
    assert_eq!(stream.rest().await.last().unwrap().event, "member.kick");
    let notice = leaves.expect("inbox").await["d"].clone();
    assert_eq!((&notice["kind"], &notice["club"]), (&json!("club_removed"), &json!(club.id)));
    assert_eq!((&notice["body"], &notice["link"]), (&json!("enough"), &json!("/clubs")));
    assert!(notice.get("room").is_none() && notice.get("from").is_none(), "{notice}");
    let inbox = app.rest.get(&club.bob.token, "/v1/inbox").await["items"].clone();
    assert_eq!((&inbox[0]["kind"], &inbox[0]["id"]), (&json!("club_removed"), &notice["id"]));

    for session in [&mut leaves, &mut at_head] {
        session.heard();
    }
    stays.send(&club.general, "1", "secret").await;
    stays.send(&club.plans, "2", "secret").await;
    stays.send(&lobby, "3", "for all").await;
    for session in [&mut leaves, &mut at_head] {
        let is_news = |line: &Value| line["ev"] == "msg.new" || line["ev"] == "room.head";
        session.wait_for(|line| of_room(line, &lobby) && is_news(line)).await;
        let is_theirs = |line: &Value| {
            of_room(line, &club.plans) || of_room(line, &club.general) || is_secret(line)
        };
        session.expect_none(is_theirs).await;
    }
}

async fn who_was_kicked_asks_in_vain_and_may_come_back(app: &TestApp) {
    let club = club(app).await;
    let mut leaves = app.session(&club.bob).await;
    leaves.open(&club.plans).await;
    leaves.send(&club.plans, "1", "here").await;
    let reason = json!({ "reason": "enough" });
    let (status, _) = club.act(app, &club.manager, ("kick", &club.bob), reason).await;
    assert_eq!(status, 200);
    for op in ["open", "send", "read", "pull", "typing"] {
        let ask = json!({ "op": op, "room": club.plans, "text": "x", "seq": 1, "after": 0 });
        assert_eq!(leaves.err(ask).await["code"], "not_found", "{op}");
    }
    for path in ["", "/messages", "/members", "/events", "/permissions"] {
        let path = format!("/v1/rooms/{}{path}", club.plans);
        let (status, _) = app.rest.refused(Method::GET, Some(&club.bob.token), &path, None).await;
        assert_eq!(status, 404, "{path}");
    }
    // Coming back follows the policy; a second kick of who is out is no second time.
    let (status, _) = club.act(app, &club.manager, ("kick", &club.bob), json!({})).await;
    assert_eq!(status, 200);
    app.join(&club.bob, &club.id).await;
    assert_eq!(leaves.open(&club.plans).await["snapshot"]["items"].as_array().unwrap().len(), 1);
    let audit = club.audit(app).await;
    assert_eq!(audit.len(), 1, "{audit:?}");
    assert_eq!(
        (&audit[0]["action"], &audit[0]["reason"]),
        (&json!("member.kick"), &json!("enough"))
    );
    assert_eq!(
        (&audit[0]["by"], &audit[0]["user"]),
        (&json!(club.manager.id), &json!(club.bob.id))
    );
}

fn is_secret(line: &Value) -> bool {
    line.to_string().contains("secret")
}

async fn who_is_banned_stays_out_until_the_ban_ends(app: &TestApp) {
    let club = club(app).await;
    let (mut stays, mut leaves) = (app.session(&club.owner).await, app.session(&club.bob).await);
    stays.open(&club.general).await;
    leaves.open(&club.general).await;
    let ban = json!({ "seconds": 60, "reason": "spam" });
    let (status, body) = club.act(app, &club.manager, ("ban", &club.bob), ban).await;
    let until = body["ban_until"].as_i64().unwrap();
    assert_eq!((status, &body["status"]), (200, &json!("banned")));
    assert_eq!(stays.expect("member.ban").await["d"]["user"], club.bob.id.as_str());
    assert_eq!(leaves.expect("room.remove").await["why"], "banned");
    let join = format!("/v1/clubs/{}/join", club.id);
    let (status, body) = call(app, Method::POST, &club.bob, &join, json!({})).await;
    assert_eq!((status, &body["code"], &body["until"]), (403, &json!("banned"), &json!(until)));
    assert_eq!(body["ban_reason"], "spam");
    let refused = leaves.err(json!({ "op": "open", "room": club.general })).await;
    assert_eq!((&refused["code"], &refused["until"]), (&json!("banned"), &json!(until)));
    assert_eq!(refused["ban_reason"], "spam");
    let path = format!("/v1/rooms/{}/messages", club.general);
    let (status, body) = app.rest.refused(Method::GET, Some(&club.bob.token), &path, None).await;
    assert_eq!((status, &body["code"]), (403, &json!("banned")));
    let bans = format!("/v1/clubs/{}/bans", club.id);
    let listed = app.rest.get(&club.owner.token, &bans).await["items"].clone();
    assert_eq!(
        (&listed[0]["user"]["id"], &listed[0]["until"]),
        (&json!(club.bob.id), &json!(until))
    );
    assert_eq!(listed[0]["reason"], "spam");
    let (status, _) = app.rest.refused(Method::GET, Some(&club.bob.token), &bans, None).await;
    assert_eq!(status, 403);
    // The end of the ban has passed.
    app.sql("UPDATE membership SET ban_until = 1 WHERE status = 'banned'").await;
    assert_eq!(app.rest.get(&club.owner.token, &bans).await["items"], json!([]));
    app.join(&club.bob, &club.id).await;

    // For ever, and lifted by hand.
    let (_, body) = club.act(app, &club.owner, ("ban", &club.bob), json!({})).await;
    assert_eq!(body["ban_until"], Value::Null);
    let stranger = app.person("stranger").await;
    let (status, _) = club.act(app, &club.manager, ("ban", &stranger), json!({})).await;
    assert_eq!(status, 200, "who never was in it can be kept out");
    for person in [&club.bob, &stranger] {
        let (status, body) = call(app, Method::POST, person, &join, json!({})).await;
        assert_eq!((status, body.get("until"), body.get("ban_reason")), (403, None, None));
        let lift = format!("{bans}/{}", person.id);
        for _twice in 0..2 {
            let (status, _) = call(app, Method::DELETE, &club.manager, &lift, json!({})).await;
            assert_eq!(status, 204);
        }
        app.join(person, &club.id).await;
    }
    let did: Vec<_> = club.audit(app).await.iter().map(|one| one["action"].clone()).collect();
    let unban = "member.unban";
    assert_eq!(did, ["member.ban", "member.ban", "member.ban", unban, unban]);
}

async fn one_acts_on_lower_roles_and_only_in_ones_own_club(app: &TestApp) {
    let club = club(app).await;
    let (other, stranger) = (app.person("manager2").await, app.person("stranger").await);
    app.join(&other, &club.id).await;
    promote(app, &club.owner, &club.id, &other).await;
    app.sql("UPDATE account SET role = 'admin' WHERE username = 'stranger'").await;
    let forbidden = (403, json!("forbidden"), json!("role"));
    for (by, on) in [
        (&club.manager, &other),
        (&club.manager, &club.owner),
        (&club.manager, &club.manager),
        (&club.owner, &club.owner),
        (&club.bob, &other),
        (&club.bob, &club.bob),
    ] {
        for what in ["kick", "ban", "mute"] {
            let (status, body) = club.act(app, by, (what, on), json!({ "seconds": 60 })).await;
            let answer = (status, body["code"].clone(), body["reason"].clone());
            assert_eq!(answer, forbidden, "{what} by {} on {}", by.name, on.name);
        }
    }
    let (status, body) = club.act(app, &stranger, ("kick", &club.bob), json!({})).await;
    assert_eq!(
        (status, &body["reason"]),
        (403, &json!("not_member")),
        "an admin has no master key"
    );
    for (what, status) in [("kick", 404), ("mute", 404)] {
        let seconds = json!({ "seconds": 60 });
        assert_eq!(club.act(app, &club.owner, (what, &stranger), seconds).await.0, status);
    }
    let leave = format!("/v1/clubs/{}/leave", club.id);
    call(app, Method::POST, &club.bob, &leave, json!({})).await;
    let (status, body) = club.act(app, &club.owner, ("kick", &club.bob), json!({})).await;
    assert_eq!((status, &body["reason"]), (409, &json!("not_active")));
    assert!(club.audit(app).await.is_empty());
    for path in ["audit", "bans", "reports", "filters"] {
        let path = format!("/v1/clubs/{}/{path}", club.id);
        for (who, reason) in [(&club.bob, "not_member"), (&stranger, "not_member")] {
            let refused = app.rest.refused(Method::GET, Some(&who.token), &path, None).await;
            assert_eq!((refused.0, &refused.1["reason"]), (403, &json!(reason)), "{path}");
        }
    }
    assert_eq!(club.act(app, &club.owner, ("kick", &other), json!({})).await.0, 200);
}

async fn odd_spans_and_reasons_are_refused_by_name(app: &TestApp) {
    let club = club(app).await;
    for (what, body, field) in [
        ("mute", json!({}), "seconds"),
        ("mute", json!({ "seconds": 59 }), "seconds"),
        ("mute", json!({ "seconds": 28 * 86_400 + 1 }), "seconds"),
        ("mute", json!({ "seconds": i64::MAX }), "seconds"),
        ("ban", json!({ "seconds": 0 }), "seconds"),
        ("ban", json!({ "seconds": i64::MAX }), "seconds"),
        ("kick", json!({ "reason": "x".repeat(256) }), "reason"),
        ("kick", json!({ "reason": "a\u{0}b" }), "reason"),
    ] {
        let (status, answer) = club.act(app, &club.owner, (what, &club.bob), body.clone()).await;
        assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!(field)), "{body}");
    }
    for path in ["members/nonsense/kick", "members/u_999999/kick", "members/c_1/kick"] {
        let path = format!("/v1/clubs/{}/{path}", club.id);
        assert_eq!(call(app, Method::POST, &club.owner, &path, json!({})).await.0, 404, "{path}");
    }
    assert_eq!(club.act(app, &club.owner, ("kick", &club.bob), json!(7)).await.0, 400);
    assert!(club.audit(app).await.is_empty());
    let seconds = json!({ "seconds": 28 * 86_400 });
    assert_eq!(club.act(app, &club.owner, ("mute", &club.bob), seconds).await.0, 200);
}

async fn a_kick_finds_a_room_that_cannot_be_kept_alive(app: &TestApp) {
    let club = club(app).await;
    let mut leaves = app.session(&club.bob).await;
    leaves.open(&club.plans).await;
    app.lay_down(&club.plans).await;
    let (status, _) = club.act(app, &club.owner, ("kick", &club.bob), json!({})).await;
    assert_eq!(status, 200);
    let is_end = |line: &Value| line["ev"] == "room.remove" && of_room(line, &club.plans);
    assert_eq!(leaves.wait_for(is_end).await["why"], "kicked");
}

async fn who_is_muted_is_told_in_all_rooms_of_the_club_and_moderators_see_who_it_is(app: &TestApp) {
    let club = club(app).await;
    let mut at_bob = app.session(&club.bob).await;
    let mute = json!({ "seconds": 600, "reason": "too loud" });
    let (status, body) = club.act(app, &club.owner, ("mute", &club.bob), mute).await;
    let until = body["muted_until"].clone();
    assert_eq!((status, until.is_i64()), (200, true));
    let told = json!({ "muted_until": until, "mute_reason": "too loud" });
    at_bob
        .wait_for(|line| {
            line["ev"] == "room.update" && of_room(line, &club.plans) && line["d"] == told
        })
        .await;
    let path = format!("/v1/rooms/{}/permissions", club.plans);
    let own = app.rest.get(&club.bob.token, &path).await;
    assert_eq!(
        (&own["muted_until"], &own["mute_reason"]),
        (&told["muted_until"], &told["mute_reason"])
    );
    let mutes = format!("/v1/clubs/{}/mutes", club.id);
    let listed = app.rest.get(&club.owner.token, &mutes).await["items"].clone();
    assert_eq!(
        (&listed[0]["user"]["id"], &listed[0]["until"]),
        (&json!(club.bob.id), &told["muted_until"])
    );
    assert_eq!(listed[1], Value::Null);
    let (status, _) = app.rest.refused(Method::GET, Some(&club.bob.token), &mutes, None).await;
    assert_eq!(status, 403);
}
