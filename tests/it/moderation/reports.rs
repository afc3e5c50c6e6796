//! Reports and their queue.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Club, call, club};
use crate::support::{Person, TestApp, on_both};

on_both!(
    a_report_reaches_the_moderators_and_is_decided_once,
    a_decision_acts_on_the_author,
    a_message_is_deleted_with_its_reports,
    what_cannot_be_reported_is_refused,
);

async fn say(app: &TestApp, who: &Person, room: &str, text: &str) -> String {
    let path = format!("/v1/rooms/{room}/messages");
    let sent = app.rest.post(&who.token, &path, &json!({ "text": text })).await;
    sent["id"].as_str().unwrap().to_owned()
}

async fn report(
    app: &TestApp,
    club: &Club,
    who: &Person,
    (message, body): (&str, Value),
) -> (u16, Value) {
    let path = format!("/v1/rooms/{}/messages/{message}/report", club.plans);
    call(app, Method::POST, who, &path, body).await
}

async fn queue(app: &TestApp, club: &Club, query: &str) -> Vec<Value> {
    let path = format!("/v1/clubs/{}/reports{query}", club.id);
    let items = app.rest.get(&club.manager.token, &path).await["items"].clone();
    items.as_array().unwrap().clone()
}

async fn decide(
    app: &TestApp,
    club: &Club,
    (who, report): (&Person, &Value),
    body: Value,
) -> (u16, Value) {
    let id = report["id"].as_str().unwrap();
    let path = format!("/v1/clubs/{}/reports/{id}/decide", club.id);
    call(app, Method::POST, who, &path, body).await
}

async fn a_report_reaches_the_moderators_and_is_decided_once(app: &TestApp) {
    let club = club(app).await;
    let carol = app.person("carol").await;
    app.join(&carol, &club.id).await;
    let message = say(app, &club.bob, &club.plans, "buy this").await;
    let why = || json!({ "reason": "spam", "note": "third time" });
    let (status, first) = report(app, &club, &carol, (&message, why())).await;
    assert_eq!((status, &first["dup"]), (201, &json!(false)));
    let (status, again) = report(app, &club, &carol, (&message, why())).await;
    assert_eq!((status, &again["dup"], &again["id"]), (200, &json!(true), &first["id"]));
    let other = json!({ "reason": "other" });
    assert_eq!(report(app, &club, &club.owner, (&message, other)).await.0, 201);
    let open = queue(app, &club, "").await;
    assert_eq!(open.len(), 2);
    let one = &open[1];
    assert_eq!((&one["id"], &one["status"]), (&first["id"], &json!("open")));
    assert_eq!((&one["text"], &one["note"]), (&json!("buy this"), &json!("third time")));
    assert_eq!((&one["author"], &one["by"]), (&json!(club.bob.id), &json!(carol.id)));
    assert_eq!((&one["message"], &one["filter"]), (&json!(message), &Value::Null));
    let dismiss = || json!({ "action": "dismiss", "reason": "harmless" });
    let (status, body) = decide(app, &club, (&carol, one), dismiss()).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
    let (status, body) = decide(app, &club, (&club.manager, one), dismiss()).await;
    assert_eq!(
        (status, &body["status"], &body["settlement"]),
        (200, &json!("decided"), &json!("dismiss"))
    );
    assert_eq!((&body["text"], &body["decided_by"]), (&Value::Null, &json!(club.manager.id)));
    for report in &open {
        let (status, body) = decide(app, &club, (&club.owner, report), dismiss()).await;
        assert_eq!(
            (status, &body["code"], &body["reason"]),
            (409, &json!("conflict"), &json!("decided"))
        );
    }
    assert!(queue(app, &club, "").await.is_empty());
    assert_eq!(queue(app, &club, "?status=decided&limit=1").await.len(), 1);
    let audit = club.audit(app).await;
    assert_eq!(audit.len(), 1);
    assert_eq!(
        (&audit[0]["action"], &audit[0]["message"]),
        (&json!("report.dismiss"), &json!(message))
    );
}

async fn a_decision_acts_on_the_author(app: &TestApp) {
    let club = club(app).await;
    let mut session = app.session(&club.bob).await;
    session.open(&club.plans).await;
    let mut reported = Vec::new();
    for n in 0..3 {
        let message = say(app, &club.bob, &club.plans, &format!("bad {n}")).await;
        let spam = json!({ "reason": "spam" });
        reported.push(report(app, &club, &club.owner, (&message, spam)).await.1);
    }
    let who = &club.manager;
    let (status, body) = decide(app, &club, (who, &reported[0]), json!({ "action": "mute" })).await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("seconds")));
    let mute = json!({ "action": "mute", "seconds": 600 });
    let (status, body) = decide(app, &club, (who, &reported[0]), mute).await;
    assert_eq!((status, &body["settlement"]), (200, &json!("mute")));
    assert_eq!(session.err(super::send(&club.plans, "x", "hi")).await["code"], "muted");
    let kick = || json!({ "action": "kick" });
    assert_eq!(decide(app, &club, (who, &reported[0]), kick()).await.0, 409);
    session.expect_none(|line| line["ev"] == "room.remove").await;
    assert_eq!(decide(app, &club, (who, &reported[1]), kick()).await.0, 200);
    assert_eq!(session.expect("room.remove").await["why"], "kicked");
    let (status, body) = decide(app, &club, (who, &reported[2]), json!({ "action": "ban" })).await;
    assert_eq!((status, &body["settlement"]), (200, &json!("ban")));
    assert_eq!(session.err(json!({ "op": "open", "room": club.plans })).await["code"], "banned");
    let did: Vec<_> = club.audit(app).await.iter().map(|one| one["action"].clone()).collect();
    assert_eq!(did, ["member.mute", "member.kick", "member.ban"]);
    // A manager cannot act on the owner, and what was asked stays open.
    let message = say(app, &club.owner, &club.plans, "mine").await;
    let (_, asked) =
        report(app, &club, &club.manager, (&message, json!({ "reason": "other" }))).await;
    let (status, body) = decide(app, &club, (who, &asked), kick()).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
    assert_eq!(queue(app, &club, "").await.len(), 1);
}

async fn a_message_is_deleted_with_its_reports(app: &TestApp) {
    let club = club(app).await;
    let mut session = app.session(&club.bob).await;
    session.open(&club.plans).await;
    let spam = || json!({ "reason": "spam" });
    let mut reported = Vec::new();
    for n in 0..4 {
        let who = if n == 3 { &club.manager } else { &club.bob };
        let message = say(app, who, &club.plans, &format!("bad {n}")).await;
        reported.push((report(app, &club, &club.owner, (&message, spam())).await.1, message));
    }
    let [by_decision, by_hand, by_author, of_manager] = &reported[..] else { unreachable!() };
    assert_eq!(report(app, &club, &club.manager, (&by_decision.1, spam())).await.0, 201);
    let (manager, delete) = (&club.manager, || json!({ "action": "delete", "reason": "spam" }));
    let (status, body) = decide(app, &club, (manager, &by_decision.0), delete()).await;
    assert_eq!((status, &body["settlement"], &body["text"]), (200, &json!("delete"), &Value::Null));
    assert_eq!(session.expect("msg.delete").await["d"]["id"], by_decision.1.as_str());
    let (status, body) = decide(app, &club, (&club.owner, &by_decision.0), delete()).await;
    assert_eq!((status, &body["reason"]), (409, &json!("decided")));
    assert_eq!(queue(app, &club, "").await.len(), 3, "the other report of it is decided as well");
    let entry = club.audit(app).await.pop().unwrap();
    assert_eq!((&entry["action"], &entry["reason"]), (&json!("message.delete"), &json!("spam")));
    assert_eq!((&entry["message"], &entry["user"]), (&json!(by_decision.1), &json!(club.bob.id)));
    // However a moderator deletes it.
    let path = |message: &str| format!("/v1/rooms/{}/messages/{message}", club.plans);
    assert_eq!(call(app, Method::DELETE, manager, &path(&by_hand.1), json!({})).await.0, 200);
    let settled = queue(app, &club, "?status=decided").await;
    assert!(settled.iter().all(|one| one["settlement"] == "delete"), "{settled:?}");
    assert_eq!(settled.len(), 3);
    // Its author hides nothing by deleting it.
    assert_eq!(call(app, Method::DELETE, &club.bob, &path(&by_author.1), json!({})).await.0, 200);
    assert_eq!(queue(app, &club, "").await[1]["text"], "bad 2");
    let (status, body) = decide(app, &club, (manager, &by_author.0), delete()).await;
    assert_eq!((status, &body["settlement"], &body["text"]), (200, &json!("delete"), &Value::Null));
    // One's own is for another moderator.
    let (status, body) = decide(app, &club, (manager, &of_manager.0), delete()).await;
    assert_eq!((status, &body["reason"]), (403, &json!("role")));
    assert_eq!(decide(app, &club, (&club.owner, &of_manager.0), delete()).await.0, 200);
    let did: Vec<_> = club.audit(app).await.iter().map(|one| one["action"].clone()).collect();
    assert_eq!(did, ["message.delete"; 4]);
    assert!(queue(app, &club, "").await.is_empty());
}

async fn what_cannot_be_reported_is_refused(app: &TestApp) {
    let club = club(app).await;
    let message = say(app, &club.bob, &club.plans, "hi").await;
    let spam = || json!({ "reason": "spam" });
    let (status, body) = report(app, &club, &club.bob, (&message, spam())).await;
    assert_eq!((status, &body["reason"]), (403, &json!("own_message")));
    let stranger = app.person("stranger").await;
    assert_eq!(report(app, &club, &stranger, (&message, spam())).await.0, 404);
    let elsewhere = say(app, &club.bob, &club.general, "hi").await;
    let room = club.plans.trim_start_matches("r_");
    for odd in ["nonsense", elsewhere.as_str(), &format!("m_{room}_999")] {
        assert_eq!(report(app, &club, &club.owner, (odd, spam())).await.0, 404, "{odd}");
    }
    for (body, field) in [
        (json!({}), "reason"),
        (json!({ "reason": "filter" }), "reason"),
        (json!({ "reason": "spam", "note": "x".repeat(501) }), "note"),
    ] {
        let (status, answer) = report(app, &club, &club.owner, (&message, body)).await;
        assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!(field)));
    }
    let path = format!("/v1/clubs/{}/reports?status=odd", club.id);
    let (status, _) = app.rest.refused(Method::GET, Some(&club.owner.token), &path, None).await;
    assert_eq!(status, 422);
    let gone = json!({ "id": "rp_999" });
    assert_eq!(
        decide(app, &club, (&club.owner, &gone), json!({ "action": "dismiss" })).await.0,
        404
    );
}
