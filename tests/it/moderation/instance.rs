//! What is reported where there is no club: a queue for admins of the instance.

use reqwest::Method;
use serde_json::{Value, json};

use super::outside::{Town, group, pair, say, town};
use super::{call, send};
use crate::support::{Person, TestApp, on_both};

on_both!(
    what_is_reported_outside_clubs_is_for_admins,
    a_deletion_by_hand_decides_and_ones_own_is_for_another_admin,
    an_admin_decides_about_a_group_and_a_pair_by_a_report_alone,
    a_report_of_a_room_that_is_gone_can_be_dismissed,
);

async fn report(app: &TestApp, who: &Person, room: &str, message: &str) -> Value {
    let path = format!("/v1/rooms/{room}/messages/{message}/report");
    app.rest.post(&who.token, &path, &json!({ "reason": "spam" })).await["id"].clone()
}

async fn queue(app: &TestApp, admin: &Person, query: &str) -> Vec<Value> {
    let list = app.rest.get(&admin.token, &format!("/v1/admin/reports{query}")).await;
    list["items"].as_array().unwrap().clone()
}

async fn decide(app: &TestApp, who: &Person, report: &Value, body: Value) -> (u16, Value) {
    let path = format!("/v1/admin/reports/{}/decide", report.as_str().unwrap());
    call(app, Method::POST, who, &path, body).await
}

async fn what_is_reported_outside_clubs_is_for_admins(app: &TestApp) {
    let Town { admin, bob, carol, lobby } = town(app).await;
    let mut at_carol = app.session(&carol).await;
    at_carol.open(&lobby).await;
    let mut asked = Vec::new();
    for n in 0..5 {
        let message = say(app, &bob, &lobby, &format!("bad {n}")).await;
        asked.push((report(app, &carol, &lobby, &message).await, message));
    }
    let (club, plans) = app.club(&carol, "readers").await;
    app.join(&bob, &club).await;
    let elsewhere = say(app, &bob, &plans, "in a club").await;
    let of_club = report(app, &carol, &plans, &elsewhere).await;
    let open = queue(app, &admin, "").await;
    assert_eq!(open.len(), 5, "a club's reports stay with the club");
    assert_eq!((&open[4]["id"], &open[4]["text"]), (&asked[0].0, &json!("bad 0")));
    assert_eq!((&open[4]["author"], &open[4]["by"]), (&json!(bob.id), &json!(carol.id)));
    assert_eq!(queue(app, &admin, "?limit=2").await.len(), 2);
    let (status, _) =
        app.rest.refused(Method::GET, Some(&carol.token), "/v1/admin/reports", None).await;
    assert_eq!(status, 403);
    let dismiss = || json!({ "action": "dismiss", "reason": "harmless" });
    assert_eq!(decide(app, &carol, &asked[0].0, dismiss()).await.0, 403);
    assert_eq!(decide(app, &admin, &of_club, dismiss()).await.0, 404);
    let (status, body) = decide(app, &admin, &asked[0].0, dismiss()).await;
    assert_eq!(
        (status, &body["settlement"], &body["text"]),
        (200, &json!("dismiss"), &Value::Null)
    );
    let (status, body) = decide(app, &admin, &asked[0].0, dismiss()).await;
    assert_eq!((status, &body["reason"]), (409, &json!("decided")));
    let delete = json!({ "action": "delete", "reason": "spam" });
    assert_eq!(decide(app, &admin, &asked[1].0, delete).await.0, 200);
    assert_eq!(at_carol.expect("msg.delete").await["d"]["id"], asked[1].1.as_str());
    let mute = json!({ "action": "mute", "seconds": 60 });
    assert_eq!(decide(app, &admin, &asked[2].0, mute).await.0, 200);
    let mut at_bob = app.session(&bob).await;
    assert_eq!(at_bob.err(send(&lobby, "1", "x")).await["code"], "muted");
    assert_eq!(decide(app, &admin, &asked[3].0, json!({ "action": "kick" })).await.0, 200);
    assert_eq!(at_carol.expect("member.kick").await["d"]["user"], bob.id.as_str());
    let ban = json!({ "action": "ban", "seconds": 60 });
    assert_eq!(decide(app, &admin, &asked[4].0, ban).await.0, 200);
    assert_eq!(at_bob.err(json!({ "op": "open", "room": lobby })).await["code"], "banned");
    assert!(queue(app, &admin, "").await.is_empty());
    assert_eq!(queue(app, &admin, "?status=decided").await.len(), 5);
    let items = app.rest.get(&admin.token, "/v1/admin/audit").await["items"].clone();
    let did: Vec<_> = items.as_array().unwrap().iter().map(|one| one["action"].clone()).collect();
    let wanted = ["member.ban", "member.kick", "member.mute", "message.delete", "report.dismiss"];
    assert_eq!(did, wanted, "each once");
}

async fn a_deletion_by_hand_decides_and_ones_own_is_for_another_admin(app: &TestApp) {
    let Town { admin, carol, lobby, .. } = town(app).await;
    let more = say(app, &carol, &lobby, "more").await;
    report(app, &admin, &lobby, &more).await;
    let path = format!("/v1/rooms/{lobby}/messages/{more}");
    assert_eq!(call(app, Method::DELETE, &admin, &path, json!({})).await.0, 200);
    assert!(queue(app, &admin, "").await.is_empty());
    let mine = say(app, &admin, &lobby, "mine").await;
    let asked = report(app, &carol, &lobby, &mine).await;
    for action in ["delete", "kick"] {
        let (status, body) = decide(app, &admin, &asked, json!({ "action": action })).await;
        assert_eq!((status, &body["reason"]), (403, &json!("role")), "{action}");
    }
}

async fn an_admin_decides_about_a_group_and_a_pair_by_a_report_alone(app: &TestApp) {
    let Town { admin, bob, carol, .. } = town(app).await;
    let (room, dm) = (group(app, &bob, &[&carol]).await, pair(app, &bob, &carol).await);
    let mut at_carol = app.session(&carol).await;
    at_carol.open(&room).await;
    at_carol.open(&dm).await;
    say(app, &carol, &dm, "nobody else's affair").await;
    let bad = say(app, &bob, &dm, "bad").await;
    let asked = report(app, &carol, &dm, &bad).await;
    let told = app.rest.get(&admin.token, "/v1/admin/reports").await.to_string();
    assert!(told.contains("bad") && !told.contains("affair"), "{told}");
    for path in ["", "/messages", "/audit"] {
        let path = format!("/v1/rooms/{dm}{path}");
        let (status, _) = app.rest.refused(Method::GET, Some(&admin.token), &path, None).await;
        assert_eq!(status, 404, "{path}");
    }
    for action in ["kick", "ban"] {
        let (status, body) = decide(app, &admin, &asked, json!({ "action": action })).await;
        assert_eq!((status, &body["reason"]), (409, &json!("private_room")), "{action}");
    }
    let mute = json!({ "action": "mute", "seconds": 60 });
    assert_eq!(decide(app, &admin, &asked, mute).await.0, 200);
    let mut at_bob = app.session(&bob).await;
    assert_eq!(at_bob.err(send(&dm, "1", "x")).await["code"], "muted");
    let again = say(app, &carol, &dm, "again").await;
    let asked = report(app, &bob, &dm, &again).await;
    assert_eq!(decide(app, &admin, &asked, json!({ "action": "delete" })).await.0, 200);
    assert_eq!(at_carol.expect("msg.delete").await["d"]["id"], again.as_str());
    // The host is put out like others: somebody else is host then.
    let bad = say(app, &bob, &room, "bad").await;
    let asked = report(app, &carol, &room, &bad).await;
    assert_eq!(decide(app, &admin, &asked, json!({ "action": "kick" })).await.0, 200);
    assert_eq!(at_carol.expect("room.update").await["d"], json!({ "host": carol.id }));
    let path = format!("/v1/rooms/{room}");
    assert_eq!(app.rest.get(&carol.token, &path).await["host_id"], carol.id.as_str());
    assert_eq!(app.rest.status(Method::GET, &bob.token, &path).await, 404);
    let of_room = app.rest.get(&carol.token, &format!("{path}/audit")).await;
    assert_eq!(of_room["items"], json!([]), "what admins do is told to admins");
    let items = app.rest.get(&admin.token, "/v1/admin/audit").await["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 3, "{items}");
}

async fn a_report_of_a_room_that_is_gone_can_be_dismissed(app: &TestApp) {
    let Town { admin, bob, carol, .. } = town(app).await;
    let room = group(app, &bob, &[&carol]).await;
    let bad = say(app, &bob, &room, "bad").await;
    let asked = report(app, &carol, &room, &bad).await;
    let path = format!("/v1/rooms/{room}");
    assert_eq!(call(app, Method::DELETE, &bob, &path, json!({})).await.0, 204);
    for action in ["delete", "kick"] {
        let (status, _) = decide(app, &admin, &asked, json!({ "action": action })).await;
        assert_eq!(status, 404, "{action}");
    }
    let (status, body) = decide(app, &admin, &asked, json!({ "action": "dismiss" })).await;
    assert_eq!((status, &body["settlement"]), (200, &json!("dismiss")));
}
