//! What admins of the instance do not want to read in its lobbies.

use reqwest::Method;
use serde_json::{Value, json};

use super::outside::{Town, group, pair, say, town};
use super::{call, send};
use crate::nodes::{end, over};
use crate::support::{Hub, TestApp, eventually, on_both};

on_both!(
    a_rule_of_the_instance_holds_in_lobbies_and_nowhere_else,
    what_a_rule_reports_from_a_lobby_is_for_admins,
    the_rules_of_lobbies_are_for_admins,
);

const RULES: &str = "/v1/admin/filters";

async fn a_rule_of_the_instance_holds_in_lobbies_and_nowhere_else(app: &TestApp) {
    let Town { admin, bob, carol, lobby } = town(app).await;
    let friends = group(app, &bob, &[&carol]).await;
    let pair = pair(app, &bob, &carol).await;
    let (club, plans) = app.club(&carol, "readers").await;
    app.join(&bob, &club).await;
    let mut talks = app.session(&bob).await;
    talks.open(&lobby).await;
    talks.send(&lobby, "0", "바보").await;
    let reject = json!({ "pattern": "바보", "action": "reject" });
    let (status, rule) = call(app, Method::POST, &admin, RULES, reject).await;
    assert_eq!((status, &rule["kind"], &rule["action"]), (201, &json!("word"), &json!("reject")));
    // No pause in between: it holds.
    let refused = talks.err(send(&lobby, "1", "이런 바보야")).await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("forbidden"), &json!("filtered")));
    say(app, &admin, &lobby, "admins say 바보").await;
    for (n, room) in [&friends, &pair, &plans].into_iter().enumerate() {
        talks.send(room, &format!("e-{n}"), "바보").await;
    }
    let mask = json!({ "kind": "regex", "pattern": "[0-9]{3}-[0-9]{4}", "action": "mask" });
    assert_eq!(call(app, Method::POST, &admin, RULES, mask).await.0, 201);
    talks.open(&lobby).await;
    talks.send(&lobby, "2", "call 010-1234 now").await;
    let is_it = |line: &Value| line["ev"] == "msg.new" && line["d"]["cid"] == "2";
    assert_eq!(talks.wait_for(is_it).await["d"]["text"], "call ******** now");
    // And a club's rules hold in no lobby.
    let own = json!({ "pattern": "secret", "action": "reject" });
    let path = format!("/v1/clubs/{club}/filters");
    assert_eq!(call(app, Method::POST, &carol, &path, own).await.0, 201);
    talks.send(&lobby, "3", "secret").await;
    assert_eq!(talks.err(send(&plans, "3", "secret")).await["reason"], "filtered");
    app.crash(&lobby).await;
    assert_eq!(talks.err(send(&lobby, "4", "바보")).await["reason"], "filtered");
    let tried = json!({ "text": "바보 010-1234" });
    let (_, verdict) = call(app, Method::POST, &admin, &format!("{RULES}/test"), tried).await;
    assert_eq!((&verdict["action"], &verdict["text"]), (&json!("reject"), &Value::Null));
    let path = format!("{RULES}/{}", rule["id"].as_str().unwrap());
    for _twice in 0..2 {
        assert_eq!(call(app, Method::DELETE, &admin, &path, json!({})).await.0, 204);
    }
    talks.send(&lobby, "4", "바보").await;
    let did = app.rest.get(&admin.token, "/v1/admin/audit").await["items"].clone();
    let did: Vec<_> = did.as_array().unwrap().iter().map(|one| one["action"].clone()).collect();
    assert_eq!(did, ["filter.remove", "filter.add", "filter.add"]);
}

async fn what_a_rule_reports_from_a_lobby_is_for_admins(app: &TestApp) {
    let Town { admin, bob, lobby, .. } = town(app).await;
    let report = json!({ "pattern": "casino", "action": "report" });
    let (_, rule) = call(app, Method::POST, &admin, RULES, report).await;
    let message = say(app, &bob, &lobby, "best CASINO").await;
    let plain = say(app, &bob, &lobby, "nothing").await;
    let path = format!("/v1/rooms/{lobby}/messages/{plain}");
    let (status, _) =
        call(app, Method::PATCH, &bob, &path, json!({ "text": "a casino after all" })).await;
    assert_eq!(status, 200);
    let queue = app.rest.get(&admin.token, "/v1/admin/reports").await["items"].clone();
    let told = |n: usize| (&queue[n]["message"], &queue[n]["filter"], &queue[n]["reason"]);
    assert_eq!(told(0), (&json!(plain), &rule["id"], &json!("filter")));
    assert_eq!(told(1), (&json!(message), &rule["id"], &json!("filter")));
    assert_eq!((&queue[1]["by"], &queue[1]["text"]), (&Value::Null, &json!("best CASINO")));
    let path = format!("/v1/admin/reports/{}/decide", queue[1]["id"].as_str().unwrap());
    let (status, body) =
        call(app, Method::POST, &admin, &path, json!({ "action": "delete" })).await;
    assert_eq!((status, &body["settlement"]), (200, &json!("delete")));
}

async fn the_rules_of_lobbies_are_for_admins(app: &TestApp) {
    let Town { admin, bob, carol, .. } = town(app).await;
    let (club, _plans) = app.club(&carol, "readers").await;
    let rule = || json!({ "pattern": "bad", "action": "mask" });
    let (_, own) = call(app, Method::POST, &admin, RULES, rule()).await;
    let one = format!("{RULES}/{}", own["id"].as_str().unwrap());
    let test = format!("{RULES}/test");
    for (method, path, body) in [
        (Method::GET, RULES, json!({})),
        (Method::POST, RULES, rule()),
        (Method::POST, test.as_str(), json!({ "text": "bad" })),
        (Method::DELETE, one.as_str(), json!({})),
    ] {
        for who in [&bob, &carol] {
            assert_eq!(call(app, method.clone(), who, path, body.clone()).await.0, 403, "{path}");
        }
    }
    // One rule is of one place, and an id of one.
    let of_club = format!("/v1/clubs/{club}/filters");
    let (_, theirs) = call(app, Method::POST, &carol, &of_club, rule()).await;
    let theirs = theirs["id"].as_str().unwrap();
    assert_ne!(own["id"], theirs);
    let (status, _) =
        call(app, Method::DELETE, &admin, &format!("{RULES}/{theirs}"), json!({})).await;
    assert_eq!(status, 204, "it was none of these");
    let (status, _) = call(
        app,
        Method::DELETE,
        &carol,
        &format!("{of_club}/{}", own["id"].as_str().unwrap()),
        json!({}),
    )
    .await;
    assert_eq!(status, 204);
    for (token, path) in [(&admin.token, RULES), (&carol.token, of_club.as_str())] {
        let rules = app.rest.get(token, path).await["items"].clone();
        assert_eq!(rules.as_array().unwrap().len(), 1, "{path}");
    }
    let odd = json!({ "kind": "regex", "pattern": "(ab", "action": "mask" });
    assert_eq!(call(app, Method::POST, &admin, RULES, odd).await.0, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_the_instance_holds_on_the_other_node() {
    let hub = Hub::sound();
    let Some(nodes) = over(&hub).await else { return };
    let [here, there] = &nodes;
    let Town { admin, bob, lobby, .. } = town(here).await;
    let mut talks = there.session(&bob).await;
    talks.open(&lobby).await;
    talks.send(&lobby, "0", "bad").await;
    let reject = json!({ "pattern": "bad", "action": "reject" });
    assert_eq!(call(here, Method::POST, &admin, RULES, reject).await.0, 201);
    let mut n = 0;
    eventually("the other node obeys", async || {
        n += 1;
        let answer = talks.request(send(&lobby, &format!("n-{n}"), "bad")).await;
        answer["err"]["reason"] == "filtered"
    })
    .await;
    end(nodes).await;
}
