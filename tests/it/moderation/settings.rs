//! What a room is set to, and who may do what to messages: at once, and written down.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Club, call, club, send};
use crate::support::{Client, Person, TestApp, on_both};

on_both!(
    what_a_room_is_set_to_holds_at_once,
    permissions_hold_for_what_is_done_to_messages,
    rules_hold_for_edits,
    a_group_says_who_brings_others_in,
);

async fn patch(app: &TestApp, who: &Person, path: &str, body: Value) -> (u16, Value) {
    call(app, Method::PATCH, who, path, body).await
}

async fn allow(app: &TestApp, club: &Club, who: &Person, body: Value) {
    let path = format!("/v1/rooms/{}/permissions", club.plans);
    let (status, body) = patch(app, who, &path, body).await;
    assert_eq!(status, 200, "{body}");
}

async fn say(client: &mut Client, room: &str, cid: &str) -> Value {
    client.send(room, cid, "hi").await["id"].clone()
}

fn on(op: &str, club: &Club, message: &Value) -> Value {
    json!({ "op": op, "room": club.plans, "message": message, "emoji": "👍" })
}

async fn what_a_room_is_set_to_holds_at_once(app: &TestApp) {
    let club = club(app).await;
    let mut talks = app.session(&club.bob).await;
    talks.open(&club.plans).await;
    let room = format!("/v1/rooms/{}", club.plans);
    let (status, _) = patch(app, &club.bob, &room, json!({ "slow_mode_s": 600 })).await;
    assert_eq!(status, 403);
    let slow = json!({ "slow_mode_s": 600, "topic": "slowly" });
    assert_eq!(patch(app, &club.manager, &room, slow).await.0, 200);
    assert_eq!(talks.expect("room.update").await["d"]["slow_mode_s"], 600);
    talks.send(&club.plans, "1", "one").await;
    assert_eq!(talks.err(send(&club.plans, "2", "two")).await["code"], "slow_mode");
    // Who is a manager does not wait, from the moment they are.
    let member = format!("/v1/clubs/{}/members/{}", club.id, club.bob.id);
    assert_eq!(patch(app, &club.owner, &member, json!({ "role": "manager" })).await.0, 200);
    talks.send(&club.plans, "2", "two").await;
    assert_eq!(patch(app, &club.owner, &member, json!({ "role": "member" })).await.0, 200);
    assert_eq!(talks.err(send(&club.plans, "3", "three")).await["code"], "slow_mode");
    let quiet = json!({ "slow_mode_s": 0, "write": "moderators" });
    assert_eq!(patch(app, &club.manager, &room, quiet).await.0, 200);
    assert_eq!(talks.err(send(&club.plans, "3", "three")).await["reason"], "role");
    let shown = app.rest.get(&club.bob.token, &format!("{room}/permissions")).await;
    assert_eq!(
        (&shown["permissions"]["send"], &shown["own"]),
        (&json!("moderator"), &json!(["send"]))
    );
    // Said as a permission it is the same setting, and told as that.
    allow(app, &club, &club.manager, json!({ "send": null })).await;
    talks.wait_for(|line| line["ev"] == "room.update" && line["d"]["write"] == "all").await;
    talks.send(&club.plans, "3", "three").await;
    // Who may configure it is for the owner to say.
    allow(app, &club, &club.owner, json!({ "configure": "owner" })).await;
    let (status, body) = patch(app, &club.manager, &room, json!({ "topic": "mine" })).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
    assert_eq!(patch(app, &club.owner, &room, json!({ "topic": "slowly" })).await.0, 200);
    assert_eq!(call(app, Method::DELETE, &club.manager, &room, json!({})).await.0, 403);
    assert_eq!(call(app, Method::DELETE, &club.owner, &room, json!({})).await.0, 204);
    let audit = club.audit(app).await;
    let did: Vec<_> = audit
        .iter()
        .map(|one| (one["action"].as_str().unwrap(), one["detail"].as_str().unwrap()))
        .collect();
    assert_eq!(
        did,
        [
            ("room.settings", "topic slow_mode_s=600"),
            ("member.role", "manager"),
            ("member.role", "member"),
            ("room.settings", "write=moderators slow_mode_s=0"),
            ("room.permissions", "send=default"),
            ("room.permissions", "configure=owner"),
            ("room.delete", "plans"),
        ],
        "what changes nothing is not in it"
    );
}

async fn permissions_hold_for_what_is_done_to_messages(app: &TestApp) {
    let club = club(app).await;
    let (mut bob, mut manager) = (app.session(&club.bob).await, app.session(&club.manager).await);
    bob.open(&club.plans).await;
    manager.open(&club.plans).await;
    let (of_bob, of_manager) =
        (say(&mut bob, &club.plans, "1").await, say(&mut manager, &club.plans, "1").await);
    assert_eq!(bob.err(on("pin", &club, &of_manager)).await["reason"], "role");
    allow(app, &club, &club.manager, json!({ "pin": "member", "react": "nobody" })).await;
    bob.ok(on("pin", &club, &of_manager)).await;
    for session in [&mut bob, &mut manager] {
        assert_eq!(session.err(on("react", &club, &of_bob)).await["reason"], "role");
        session.ok(on("unreact", &club, &of_bob)).await;
    }
    allow(app, &club, &club.manager, json!({ "react": null })).await;
    bob.ok(on("react", &club, &of_manager)).await;
    allow(app, &club, &club.owner, json!({ "delete_others": "owner" })).await;
    assert_eq!(manager.err(on("delete", &club, &of_bob)).await["reason"], "not_author");
    let many = json!({ "op": "delete.many", "room": club.plans, "messages": [of_bob] });
    assert_eq!(manager.err(many).await["reason"], "role");
    manager.ok(on("delete", &club, &of_manager)).await;
    let mut owner = app.session(&club.owner).await;
    owner.open(&club.plans).await;
    owner.ok(on("delete", &club, &of_bob)).await;
    let last = club.audit(app).await.pop().unwrap();
    assert_eq!(
        (&last["action"], &last["message"], &last["user"]),
        (&json!("message.delete"), &of_bob, &json!(club.bob.id))
    );
    let deletions = club.audit(app).await;
    let deletions = deletions.iter().filter(|one| one["action"] == "message.delete").count();
    assert_eq!(deletions, 1, "one's own is nobody's business");
}

async fn rules_hold_for_edits(app: &TestApp) {
    let club = club(app).await;
    let mut bob = app.session(&club.bob).await;
    bob.open(&club.plans).await;
    let filters = format!("/v1/clubs/{}/filters", club.id);
    for (pattern, action) in [("worst", "reject"), ("bad", "mask"), ("odd", "report")] {
        let rule = json!({ "pattern": pattern, "action": action });
        assert_eq!(call(app, Method::POST, &club.manager, &filters, rule).await.0, 201);
    }
    let message = say(&mut bob, &club.plans, "1").await;
    let edit =
        |text: &str| json!({ "op": "edit", "room": club.plans, "message": message, "text": text });
    assert_eq!(bob.err(edit("the worst")).await["reason"], "filtered");
    bob.ok(edit("a bad, odd one")).await;
    assert_eq!(bob.expect("msg.edit").await["d"]["text"], "a ***, odd one");
    let reports = format!("/v1/clubs/{}/reports", club.id);
    let open = app.rest.get(&club.manager.token, &reports).await["items"].clone();
    assert_eq!((&open[0]["message"], &open[0]["reason"]), (&message, &json!("filter")));
    assert_eq!(open[0]["text"], "a ***, odd one");
    let mute = json!({ "seconds": 600 });
    assert_eq!(club.act(app, &club.manager, ("mute", &club.bob), mute).await.0, 200);
    assert_eq!(bob.err(edit("harmless")).await["code"], "muted");
    bob.ok(on("react", &club, &message)).await;
    bob.ok(on("delete", &club, &message)).await;
}

async fn a_group_says_who_brings_others_in(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let body = json!({ "name": "trip", "member_ids": [bob.id] });
    let group = app.rest.post(&mina.token, "/v1/rooms", &body).await["id"].clone();
    let room = format!("/v1/rooms/{}", group.as_str().unwrap());
    let only = json!({ "invite": "owner" });
    assert_eq!(patch(app, &bob, &format!("{room}/permissions"), only.clone()).await.0, 403);
    assert_eq!(patch(app, &mina, &format!("{room}/permissions"), only).await.0, 200);
    let bring = async |who: &Person| {
        let body = json!({ "user_ids": [carol.id] });
        call(app, Method::POST, who, &format!("{room}/members"), body).await
    };
    let (status, body) = bring(&bob).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
    assert_eq!(bring(&mina).await.0, 200);
}
