//! Who may write, and how often: mutes, slow mode, who writes at all, permissions.

use reqwest::Method;
use serde_json::{Value, json};

use super::{call, club, of_room, send};
use crate::support::{TestApp, on_both};

on_both!(
    a_mute_while_sending_lets_nothing_through_behind_it,
    slow_mode_is_exact_and_outlives_the_room,
    a_bot_waits_like_everybody,
    only_moderators_write_where_a_room_says_so,
    permissions_are_shown_changed_and_refused,
);

async fn a_mute_while_sending_lets_nothing_through_behind_it(app: &TestApp) {
    let club = club(app).await;
    let (mut talks, mut hears) = (app.session(&club.bob).await, app.session(&club.owner).await);
    talks.open(&club.plans).await;
    hears.open(&club.plans).await;
    // A stream of messages is on its way while the mute is set.
    let mut asked = Vec::new();
    for n in 0..60 {
        asked.push(talks.begin(send(&club.plans, &format!("a-{n}"), "word")).await);
    }
    let seconds = json!({ "seconds": 600 });
    let (status, body) = club.act(app, &club.manager, ("mute", &club.bob), seconds).await;
    let until = body["muted_until"].as_i64().unwrap();
    assert_eq!((status, &body["status"]), (200, &json!("active")));
    for n in 0..20 {
        asked.push(talks.begin(send(&club.plans, &format!("b-{n}"), "word")).await);
    }
    let mut stood = 0;
    for (place, id) in asked.into_iter().enumerate() {
        let reply = talks.reply(id).await;
        if reply["ok"].is_object() {
            assert!(place < 60, "sent behind the mute: {reply}");
            stood += 1;
        } else {
            let err = &reply["err"];
            assert_eq!((&err["code"], &err["until"]), (&json!("muted"), &json!(until)), "{reply}");
        }
    }
    for seq in 1..=stood {
        assert_eq!(hears.expect("msg.new").await["seq"], seq);
    }
    hears.expect_none(|line| line["ev"] == "msg.new").await;
    // Reading goes on, in every room of the club writing does not; elsewhere it does.
    assert_eq!(talks.err(send(&club.general, "c", "word")).await["code"], "muted");
    let typing = json!({ "op": "typing", "room": club.plans });
    assert_eq!(talks.err(typing).await["code"], "muted");
    talks.ok(json!({ "op": "read", "room": club.plans, "seq": stood })).await;
    let lobby = app.lobby(&club.bob).await;
    talks.send(&lobby, "c", "still here").await;
    let path = format!("/v1/rooms/{}/messages", club.plans);
    let text = json!({ "text": "by REST" });
    let (status, body) = call(app, Method::POST, &club.bob, &path, text.clone()).await;
    assert_eq!((status, &body["code"], &body["until"]), (403, &json!("muted"), &json!(until)));
    // Leaving and coming back changes nothing.
    let leave = format!("/v1/clubs/{}/leave", club.id);
    call(app, Method::POST, &club.bob, &leave, json!({})).await;
    app.join(&club.bob, &club.id).await;
    assert_eq!(talks.err(send(&club.plans, "d", "word")).await["code"], "muted");
    let lift = format!("/v1/clubs/{}/members/{}/mute", club.id, club.bob.id);
    assert_eq!(call(app, Method::DELETE, &club.manager, &lift, json!({})).await.0, 204);
    talks.send(&club.plans, "e", "again").await;
    // What has ended holds nobody up.
    let (status, _) =
        club.act(app, &club.manager, ("mute", &club.bob), json!({ "seconds": 60 })).await;
    assert_eq!(status, 200);
    app.sql("UPDATE membership SET muted_until = 1 WHERE muted_until IS NOT NULL").await;
    app.crash(&club.plans).await;
    talks.send(&club.plans, "f", "and again").await;
}

async fn slow_mode_is_exact_and_outlives_the_room(app: &TestApp) {
    let club = club(app).await;
    let mut talks = app.session(&club.bob).await;
    let mut owner = app.session(&club.owner).await;
    talks.open(&club.plans).await;
    club.slow_mode(app, 600).await;
    let first = talks.send(&club.plans, "1", "one").await;
    let refused = talks.err(send(&club.plans, "2", "two")).await;
    let retry = refused["retry_ms"].as_u64().unwrap();
    assert_eq!((&refused["code"], &refused["temporary"]), (&json!("slow_mode"), &json!(true)));
    assert!((590_000..=600_000).contains(&retry), "{retry}");
    let path = format!("/v1/rooms/{}/messages", club.plans);
    let text = json!({ "text": "by REST", "cid": "3" });
    let (status, body) = call(app, Method::POST, &club.bob, &path, text).await;
    assert_eq!((status, &body["code"]), (429, &json!("slow_mode")));
    assert!(body["retry_ms"].as_u64().unwrap() <= retry, "{body}");
    // The same message once more is no second one.
    let again = talks.send(&club.plans, "1", "one").await;
    assert_eq!((&again["seq"], &again["dup"]), (&first["seq"], &json!(true)));
    for n in 0..3 {
        owner.send(&club.plans, &format!("{n}"), "moderators do not wait").await;
    }
    talks.send(&club.general, "1", "another room").await;
    // The room forgets, the store does not.
    app.crash(&club.plans).await;
    let refused = talks.err(send(&club.plans, "2", "two")).await;
    let later = refused["retry_ms"].as_u64().unwrap();
    assert_eq!(refused["code"], "slow_mode");
    assert!((580_000..=retry).contains(&later), "{later} after {retry}");
    assert_eq!(talks.send(&club.plans, "1", "one").await["dup"], true);
    // A shorter pace holds at once, and none holds nobody up.
    club.slow_mode(app, 1).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    talks.send(&club.plans, "2", "two").await;
    club.slow_mode(app, 0).await;
    talks.send(&club.plans, "3", "three").await;
    talks.send(&club.plans, "4", "four").await;
}

async fn a_bot_waits_like_everybody(app: &TestApp) {
    let club = club(app).await;
    let robot = crate::bots::bot(app, &club.owner, "robot").await;
    app.join(&robot, &club.id).await;
    assert_eq!(app.rest.get(&robot.token, "/v1/me").await["kind"], "bot");
    club.slow_mode(app, 600).await;
    let mut talks = app.session(&robot).await;
    for _life in 0..2 {
        talks.send(&club.plans, "1", "one").await;
        let refused = talks.err(send(&club.plans, "2", "two")).await;
        let retry = refused["retry_ms"].as_u64().unwrap();
        assert_eq!(refused["code"], "slow_mode");
        assert!((580_000..=600_000).contains(&retry), "{retry}");
        let path = format!("/v1/rooms/{}/messages", club.plans);
        let (status, body) =
            call(app, Method::POST, &robot, &path, json!({ "text": "by REST" })).await;
        assert_eq!((status, &body["code"]), (429, &json!("slow_mode")));
        // The room forgets, the store does not.
        app.crash(&club.plans).await;
    }
}

async fn only_moderators_write_where_a_room_says_so(app: &TestApp) {
    let club = club(app).await;
    let mut talks = app.session(&club.bob).await;
    let mut owner = app.session(&club.owner).await;
    talks.open(&club.plans).await;
    let path = format!("/v1/rooms/{}/permissions", club.plans);
    let only = json!({ "send": "moderator" });
    assert_eq!(call(app, Method::PATCH, &club.manager, &path, only).await.0, 200);
    let refused = talks.err(send(&club.plans, "1", "one")).await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("forbidden"), &json!("role")));
    let typing = json!({ "op": "typing", "room": club.plans });
    assert_eq!(talks.err(typing).await["reason"], "role");
    owner.send(&club.plans, "1", "news").await;
    assert_eq!(talks.expect("msg.new").await["d"]["text"], "news");
    let shown = app.rest.get(&club.bob.token, &format!("/v1/rooms/{}", club.plans)).await;
    assert_eq!(shown["write"], "moderators");
    app.crash(&club.plans).await;
    assert_eq!(talks.err(send(&club.plans, "1", "one")).await["reason"], "role");
    let all = json!({ "send": null });
    assert_eq!(call(app, Method::PATCH, &club.owner, &path, all).await.0, 200);
    talks.send(&club.plans, "1", "one").await;
}

async fn permissions_are_shown_changed_and_refused(app: &TestApp) {
    let club = club(app).await;
    let path = format!("/v1/rooms/{}/permissions", club.plans);
    let shown = app.rest.get(&club.bob.token, &path).await;
    assert_eq!((&shown["rank"], &shown["own"]), (&json!("member"), &json!([])));
    assert_eq!(shown["may"], json!(["read", "send", "react", "attach"]));
    let wanted = json!({
        "read": "member", "send": "member", "react": "member", "attach": "member",
        "mention_all": "moderator", "pin": "moderator", "delete_others": "moderator",
        "invite": "nobody", "kick": "moderator", "mute": "moderator",
        "configure": "moderator",
    });
    assert_eq!(shown["permissions"], wanted);
    let patch = async |who: &_, body: Value| call(app, Method::PATCH, who, &path, body).await;
    let (status, body) = patch(&club.bob, json!({ "pin": "member" })).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
    let (status, body) = patch(&club.manager, json!({ "pin": "member", "attach": "nobody" })).await;
    assert_eq!((status, &body["rank"]), (200, &json!("moderator")));
    assert_eq!(body["own"], json!(["attach", "pin"]));
    assert_eq!(
        (&body["permissions"]["pin"], &body["permissions"]["attach"]),
        (&json!("member"), &json!("nobody"))
    );
    for (body, field) in [
        (json!({ "read": "moderator" }), "read"),
        (json!({ "kick": "member" }), "kick"),
        (json!({ "configure": "owner" }), "configure"),
        (json!({ "fly": "member" }), "permission"),
        (json!({ "pin": "emperor" }), "pin"),
        (json!({ "pin": null, "send": "nobody" }), "send"),
    ] {
        let (status, answer) = patch(&club.manager, body.clone()).await;
        assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!(field)), "{body}");
    }
    let lobby = app.lobby(&club.bob).await;
    let (status, _) = call(
        app,
        Method::PATCH,
        &club.bob,
        &format!("/v1/rooms/{lobby}/permissions"),
        json!({ "pin": "member" }),
    )
    .await;
    assert_eq!(status, 403, "not even the owner of a club");
    let stranger = app.person("stranger").await;
    assert_eq!(patch(&stranger, json!({})).await.0, 404);
    let shown = app.rest.get(&club.owner.token, &path).await;
    assert_eq!(shown["own"], json!(["attach", "pin"]));
    let audit = club.audit(app).await;
    assert_eq!(audit.len(), 1, "{audit:?}");
    assert!(of_room(&audit[0], &club.plans) && audit[0]["action"] == "room.permissions");
}
