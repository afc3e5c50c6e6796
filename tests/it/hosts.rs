//! Only people host groups, and only people keep them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, eventually, on_both};

on_both!(
    the_assistant_is_brought_into_no_group,
    a_group_goes_from_person_to_person_and_ends_with_the_last,
    a_group_without_a_person_for_a_host_gets_one_at_the_next_start,
);

async fn make(app: &TestApp, host: &Person, name: &str, others: &[&Person]) -> String {
    let others: Vec<_> = others.iter().map(|other| &other.id).collect();
    let body = json!({ "name": name, "member_ids": others, "listed": true });
    let room = app.rest.post(&host.token, "/v1/rooms", &body).await;
    room["id"].as_str().unwrap().to_owned()
}

async fn host(app: &TestApp, who: &Person, room: &str) -> Value {
    app.rest.get(&who.token, &format!("/v1/rooms/{room}")).await["host_id"].clone()
}

/// The number behind an id.
fn number(id: &str) -> &str {
    id.split_once('_').unwrap().1
}

/// As it could be brought in once: before everybody else.
async fn let_assistant_in(app: &TestApp, room: &str) {
    let room = number(room);
    app.sql(&format!(
        "INSERT INTO room_member (room_id, user_id, joined_at, is_inside) VALUES ({room}, 0, 1, TRUE)"
    ))
    .await;
}

async fn the_assistant_is_brought_into_no_group(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = make(app, &mina, "trip", &[]).await;
    let calls = [
        (
            "/v1/rooms".to_owned(),
            "member_ids",
            json!({ "name": "us", "member_ids": ["u_ai", bob.id] }),
        ),
        (format!("/v1/rooms/{room}/members"), "user_ids", json!({ "user_ids": [bob.id, "u_ai"] })),
    ];
    for (path, field, body) in calls {
        let (status, problem) =
            app.rest.refused(Method::POST, Some(&mina.token), &path, Some(&body)).await;
        assert_eq!(status, 422, "{problem}");
        let wrong = &problem["errors"][0];
        assert_eq!((&wrong["field"], &wrong["reason"]), (&json!(field), &json!("no_person")));
    }
    assert_eq!(app.number("SELECT count(*) FROM room WHERE kind = 'group'").await, 1);
    let members = app.rest.get(&mina.token, &format!("/v1/rooms/{room}/members")).await;
    assert_eq!(members["items"].as_array().unwrap().len(), 1, "nobody of them came in");
}

async fn a_group_goes_from_person_to_person_and_ends_with_the_last(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    let room = make(app, &mina, "trip", &[&bob, &carol]).await;
    let_assistant_in(app, &room).await;
    let leave = format!("/v1/rooms/{room}/leave");
    app.rest.post(&mina.token, &leave, &json!({})).await;
    assert_eq!(host(app, &bob, &room).await, json!(bob.id));
    // Who erases the account leaves, too.
    let password = json!({ "password": "correct horse" });
    let gone = app.rest.send(Method::DELETE, Some(&bob.token), "/v1/me", Some(&password)).await;
    assert_eq!(gone.status(), 204);
    eventually("another one hosts it", async || host(app, &carol, &room).await == json!(carol.id))
        .await;
    app.rest.post(&carol.token, &leave, &json!({})).await;
    let found = app.rest.get(&mina.token, "/v1/rooms/directory?kind=group").await;
    assert_eq!(found["items"], json!([]));
    assert_ne!(make(app, &mina, "trip", &[]).await, room, "the name is free");
}

async fn a_group_without_a_person_for_a_host_gets_one_at_the_next_start(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let kept = make(app, &bob, "kept", &[]).await;
    let lost = make(app, &mina, "lost", &[]).await;
    let own = make(app, &mina, "own", &[&bob]).await;
    for room in [&kept, &lost] {
        let_assistant_in(app, room).await;
        app.sql(&format!("UPDATE room SET host_id = 0 WHERE room_id = {}", number(room))).await;
    }
    app.sql(&format!(
        "UPDATE room_member SET is_inside = FALSE WHERE user_id <> 0 AND room_id = {}",
        number(&lost)
    ))
    .await;
    let url = app.database_url();
    TestApp::spawn_with(&[("MOIM_DATABASE_URL", url.as_str())]).await.end().await;
    assert_eq!(host(app, &bob, &kept).await, json!(bob.id));
    assert_eq!(host(app, &mina, &own).await, json!(mina.id), "what was right stays");
    let found = app.rest.get(&mina.token, "/v1/rooms/directory?kind=group").await;
    let mut names: Vec<_> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|room| room["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["kept", "own"]);
}
