//! Rooms as those see them who may read them.

use serde_json::{Value, json};

use crate::moderation::call;
use crate::support::{TestApp, eventually, on_both};

on_both!(
    a_room_says_who_made_it_and_how_many_read_it,
    a_line_tells_where_somebody_was,
    the_members_of_a_club_hear_that_it_has_closed,
);

async fn a_room_says_who_made_it_and_how_many_read_it(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, plans) = app.club(&mina, "readers").await;
    let path = format!("/v1/rooms/{plans}");
    let shown = async || {
        let room = app.rest.get(&mina.token, &path).await;
        (room["member_count"].clone(), room["online_count"].clone(), room["created_by"].clone())
    };
    assert_eq!(shown().await, (json!(1), json!(0), json!(mina.id)), "asleep");
    app.join(&bob, &club).await;
    assert_eq!(shown().await, (json!(2), json!(0), json!(mina.id)));
    let mut session = app.session(&bob).await;
    session.open(&plans).await;
    eventually("bob is online", async || shown().await.1 == 1).await;
    let leave = format!("/v1/clubs/{club}/leave");
    for time in 0..4 {
        assert_eq!(app.rest.status(reqwest::Method::POST, &bob.token, &leave).await, 204);
        assert_eq!(shown().await, (json!(1), json!(0), json!(mina.id)), "awake, {time}");
        app.join(&bob, &club).await;
        assert_eq!(shown().await.0, 2, "awake, {time}");
    }
    let lobby = app.lobby(&mina).await;
    let lobby = app.rest.get(&mina.token, &format!("/v1/rooms/{lobby}")).await;
    assert_eq!((&lobby["member_count"], &lobby["created_by"]), (&json!(2), &Value::Null));
}

async fn a_line_tells_where_somebody_was(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, plans) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let kick = format!("/v1/clubs/{club}/members/{}/kick", bob.id);
    let lines = async || {
        let lines = "SELECT count(*) FROM room_event WHERE body LIKE '%member.kick%'";
        app.number(&format!("{lines} AND 'r_' || room_id = '{plans}'")).await
    };
    assert_eq!(call(app, reqwest::Method::POST, &mina, &kick, json!({})).await.0, 200);
    assert_eq!(lines().await, 0, "a member who never was there");
    app.join(&bob, &club).await;
    let mut session = app.session(&bob).await;
    session.open(&plans).await;
    let noted = "SELECT count(*) FROM room_member WHERE is_opened";
    eventually("it is noted", async || app.number(noted).await == 1).await;
    assert_eq!(call(app, reqwest::Method::POST, &mina, &kick, json!({})).await.0, 200);
    assert_eq!(lines().await, 1);
    session.wait_for(|line| line["ev"] == "member.kick" && line["room"] == plans.as_str()).await;
}

async fn the_members_of_a_club_hear_that_it_has_closed(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let carol = app.person("carol").await;
    app.sql("UPDATE account SET locale = 'en' WHERE username = 'carol'").await;
    app.sql("UPDATE account SET locale = 'ko' WHERE username = 'bob'").await;
    let (club, plans) = app.club(&mina, "독서").await;
    app.join(&bob, &club).await;
    app.join(&carol, &club).await;
    let mut session = app.session(&bob).await;
    session.open(&plans).await;
    let path = format!("/v1/clubs/{club}");
    assert_eq!(app.rest.status(reqwest::Method::DELETE, &mina.token, &path).await, 204);
    let told = session.expect("inbox").await["d"].clone();
    assert_eq!((&told["kind"], &told["club"]), (&json!("club_removed"), &json!(club)));
    assert_eq!(
        (&told["title"], &told["from"]),
        (&json!("독서 모임이 문을 닫았어요"), &Value::Null)
    );
    assert_eq!(told["link"], "/clubs");
    let inbox = async |who: &crate::support::Person| {
        app.rest.get(&who.token, "/v1/inbox").await["items"].as_array().unwrap().clone()
    };
    eventually("carol is told", async || !inbox(&carol).await.is_empty()).await;
    assert_eq!(inbox(&carol).await[0]["title"], "독서 has closed");
    assert!(inbox(&mina).await.is_empty(), "who closed it knows");
    assert_eq!(app.rest.status(reqwest::Method::DELETE, &mina.token, &path).await, 204);
    assert_eq!(inbox(&bob).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lobbies_of_the_settings_are_there() {
    let app = TestApp::spawn_with(&[("MOIM_LOBBIES", "lounge, 한담,, lounge")]).await;
    let mina = app.person("mina").await;
    let lobbies = app.rest.get(&mina.token, "/v1/rooms/directory?kind=lobby").await;
    let lobbies: Vec<_> = lobbies["items"].as_array().unwrap().iter().collect();
    let names: Vec<_> = lobbies.iter().map(|room| room["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["한담", "lounge", "general"]);
    let join = format!("/v1/rooms/{}/join", lobbies[1]["id"].as_str().unwrap());
    assert_eq!(app.rest.post(&mina.token, &join, &json!({})).await["joined"], true);
    app.end().await;
}
