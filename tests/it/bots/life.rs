//! The life of a bot: its token opens whatever a token opens, until it is renewed or the bot is gone.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{bot, of, refused};
use crate::nodes;
use crate::support::{Client, Closed, Hub, Person, Sse, TestApp, eventually, on_both};

on_both!(
    a_token_opens_what_tokens_open,
    a_renewed_token_is_another,
    a_bot_that_is_deleted_leaves_its_messages_under_no_name,
    bots_go_with_their_maker,
    bots_go_with_a_maker_whom_an_admin_erases,
    there_are_so_many_and_no_more,
    what_is_no_bot_is_refused,
    what_accounts_of_people_can_bots_cannot,
    a_bot_is_in_the_export_of_its_maker,
);

async fn a_token_opens_what_tokens_open(app: &TestApp) {
    let mina = app.person("mina").await;
    let body = json!({ "username": "helper", "display_name": "Helper" });
    let made = app.rest.post(&mina.token, "/v1/bots", &body).await;
    let robot = of(&made);
    assert_eq!((&made["kind"], &made["display_name"]), (&json!("bot"), &json!("Helper")));
    assert!(made["created_at"].as_i64().unwrap() > 0 && robot.token.starts_with("moim_bot_"));
    let me = app.rest.get(&robot.token, "/v1/me").await;
    assert_eq!((&me["kind"], &me["user"]["id"]), (&json!("bot"), &json!(robot.id)));
    let room = app.lobby(&robot).await;
    let mut at_mina = app.session(&mina).await;
    at_mina.open(&room).await;
    // By the first line, by header, by query and by ticket; streams as well.
    let mut first = Client::connect(app.address).await;
    assert_eq!(first.auth(&robot.token).await["user"]["id"], json!(robot.id));
    first.open(&room).await;
    first.send(&room, "c-1", "hello").await;
    let heard = at_mina.expect("msg.new").await;
    assert_eq!((&heard["d"]["by"], &heard["d"]["hop"]), (&json!(robot.id), &json!(1)));
    first.ok(json!({ "op": "auth.refresh", "token": robot.token })).await;
    let bearer = format!("Bearer {}", robot.token);
    let headers = [("authorization", bearer.as_str())];
    Client::connect_with(app.address, "/v1/ws", &headers).await.unwrap().expect("auth").await;
    let query = format!("/v1/ws?access_token={}", robot.token);
    Client::connect_with(app.address, &query, &[]).await.unwrap().expect("auth").await;
    let ticket = app.rest.post(&robot.token, "/v1/auth/ticket", &json!({})).await;
    let path = format!("/v1/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut by_ticket = Client::connect_with(app.address, &path, &[]).await.unwrap();
    by_ticket.expect("auth").await;
    by_ticket.send(&room, "c-2", "and by a ticket").await;
    assert_eq!(at_mina.expect("msg.new").await["d"]["hop"], 1, "a ticket is the bot's as well");
    let path = format!("/v1/rooms/{room}/events");
    let mut stream = Sse::open(&app.rest, &robot.token, &path).await;
    at_mina.send(&room, "m-1", "heard?").await;
    assert_eq!(stream.next().await.data["d"]["text"], "heard?");
    // Others see what it is; only its maker has it in a list, and nobody its token.
    let bob = app.person("bob").await;
    let shown = app.rest.get(&bob.token, &format!("/v1/users/{}", robot.id)).await;
    assert_eq!(shown["kind"], "bot");
    assert_eq!(app.rest.get(&bob.token, "/v1/users/u_ai").await["kind"], "assistant");
    let own = app.rest.get(&mina.token, "/v1/bots").await;
    assert_eq!(own["items"][0]["id"], json!(robot.id));
    assert!(own["items"][0]["seen_at"].is_i64() && own["items"][0]["token"].is_null(), "{own}");
    assert_eq!(app.rest.get(&bob.token, "/v1/bots").await["items"], json!([]));
}

async fn is_dead(app: &TestApp, token: &str) {
    let (status, body) = app.rest.refused(Method::GET, Some(token), "/v1/me", None).await;
    assert_eq!((status, &body["code"]), (401, &json!("unauthorized")));
    let path = format!("/v1/ws?access_token={token}");
    assert_eq!(Client::connect_with(app.address, &path, &[]).await.err(), Some(401));
    let path = format!("/v1/inbox/events?access_token={token}");
    assert_eq!(Sse::open_with(&app.rest, &path, &[]).await.err(), Some(401));
    let mut session = Client::connect(app.address).await;
    session.err(json!({ "op": "auth", "token": token })).await;
    assert_eq!(session.expect_close().await, Closed { code: 4401 });
}

async fn a_renewed_token_is_another(app: &TestApp) {
    let mina = app.person("mina").await;
    let robot = bot(app, &mina, "helper").await;
    let mut session = app.session(&robot).await;
    let path = format!("/v1/bots/{}/token", robot.id);
    let bob = app.person("bob").await;
    assert_eq!(refused(app, &bob, (Method::POST, &path), json!({})).await.0, 404);
    let began = Instant::now();
    let token = app.rest.post(&mina.token, &path, &json!({})).await["token"].clone();
    assert_eq!(session.expect_close().await, Closed { code: 4501 });
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    is_dead(app, &robot.token).await;
    let robot = Person { token: token.as_str().unwrap().to_owned(), ..robot };
    app.session(&robot).await.ok(json!({ "op": "ping" })).await;
    assert_eq!(app.rest.get(&robot.token, "/v1/me").await["user"]["id"], json!(robot.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_token_is_dead_on_every_node_and_a_new_one_alive() {
    let Some(nodes) = nodes::over(&Hub::sound()).await else { return };
    let [one, other] = &nodes;
    let mina = one.person("mina").await;
    let robot = bot(one, &mina, "helper").await;
    let mut sessions = [one.session(&robot).await, other.session(&robot).await];
    assert_eq!(other.rest.get(&robot.token, "/v1/me").await["kind"], "bot");
    let path = format!("/v1/bots/{}/token", robot.id);
    let made = one.rest.post(&mina.token, &path, &json!({})).await;
    let token = made["token"].as_str().unwrap();
    for session in &mut sessions {
        assert_eq!(session.expect_close().await, Closed { code: 4501 });
    }
    for node in [one, other] {
        // A node that was not asked hears of it within a second.
        eventually("the token is dead", async || {
            node.rest.status(Method::GET, &robot.token, "/v1/me").await == 401
        })
        .await;
        is_dead(node, &robot.token).await;
        assert_eq!(node.rest.get(token, "/v1/me").await["user"]["id"], json!(robot.id));
    }
    nodes::end(nodes).await;
}

/// Whether an account is being erased.
async fn is_going(app: &TestApp, who: &Person) -> bool {
    let id = who.id.trim_start_matches("u_");
    app.number(&format!("SELECT count(*) FROM erasure WHERE user_id = {id}")).await == 1
}

async fn a_bot_that_is_deleted_leaves_its_messages_under_no_name(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let robot = bot(app, &mina, "helper").await;
    let room = app.lobby(&robot).await;
    let mut session = app.session(&robot).await;
    let sent = session.send(&room, "c-1", "I was here").await;
    let path = format!("/v1/bots/{}", robot.id);
    assert_eq!(refused(app, &bob, (Method::DELETE, &path), json!({})).await.0, 404);
    for _again in 0..2 {
        assert_eq!(app.rest.status(Method::DELETE, &mina.token, &path).await, 204);
    }
    assert_eq!(session.expect_close().await, Closed { code: 4501 });
    is_dead(app, &robot.token).await;
    assert_eq!(app.rest.get(&mina.token, "/v1/bots").await["items"], json!([]));
    let path = format!("/v1/rooms/{room}/messages/{}", sent["id"].as_str().unwrap());
    eventually("its message is a tombstone", async || {
        let left = app.rest.get(&mina.token, &path).await;
        left["deleted"] == true && left["by"] == *robot.id
    })
    .await;
    let shown = app.rest.get(&mina.token, &format!("/v1/users/{}", robot.id)).await;
    assert_eq!((&shown["deleted"], &shown["display_name"]), (&json!(true), &json!("Deleted user")));
}

async fn bots_go_with_their_maker(app: &TestApp) {
    let mina = app.person("mina").await;
    // A club in which there is nobody else but her bots goes with her.
    let (club, general) = app.club(&mina, "alone").await;
    let robots = [bot(app, &mina, "one").await, bot(app, &mina, "two").await];
    let mut sessions = Vec::new();
    for robot in &robots {
        app.join(robot, &club).await;
        let mut session = app.session(robot).await;
        session.open(&general).await;
        sessions.push(session);
    }
    let body = json!({ "password": "correct horse" });
    let left = app.rest.send(Method::DELETE, Some(&mina.token), "/v1/me", Some(&body)).await;
    assert_eq!(left.status(), 204);
    for (robot, session) in robots.iter().zip(&mut sessions) {
        assert_eq!(session.expect_close().await, Closed { code: 4501 });
        is_dead(app, &robot.token).await;
        assert!(is_going(app, robot).await);
    }
}

async fn bots_go_with_a_maker_whom_an_admin_erases(app: &TestApp) {
    let (root, mina) = (app.person("root").await, app.person("mina").await);
    let robot = bot(app, &mina, "helper").await;
    let mut session = app.session(&robot).await;
    let path = format!("/v1/admin/users/{}", mina.id);
    let body = json!({ "reason": "spam" });
    let gone = app.rest.send(Method::DELETE, Some(&root.token), &path, Some(&body)).await;
    assert_eq!(gone.status(), 204);
    assert_eq!(session.expect_close().await, Closed { code: 4501 });
    is_dead(app, &robot.token).await;
    assert!(is_going(app, &robot).await);
}

async fn there_are_so_many_and_no_more(app: &TestApp) {
    let mina = app.person("mina").await;
    let mut robots = Vec::new();
    for n in 0..20 {
        robots.push(bot(app, &mina, &format!("robot{n}")).await);
    }
    let one_more = json!({ "username": "onemore" });
    let too_many = refused(app, &mina, (Method::POST, "/v1/bots"), one_more.clone()).await;
    assert_eq!(too_many, (409, "conflict/bot_limit".to_owned()));
    let page = app.rest.get(&mina.token, "/v1/bots?limit=15").await;
    let next = page["next"].as_str().unwrap();
    let rest = app.rest.get(&mina.token, &format!("/v1/bots?limit=15&cursor={next}")).await;
    assert_eq!(
        (page["items"][0]["username"].clone(), &rest["next"]),
        (json!("robot19"), &json!(null))
    );
    assert_eq!(rest["items"].as_array().unwrap().len(), 5);
    let path = format!("/v1/bots/{}", robots[3].id);
    assert_eq!(app.rest.status(Method::DELETE, &mina.token, &path).await, 204);
    app.rest.post(&mina.token, "/v1/bots", &one_more).await;
}

async fn what_is_no_bot_is_refused(app: &TestApp) {
    let mina = app.person("mina").await;
    for taken in ["mina", "MINA"] {
        let refused = refused(app, &mina, (Method::POST, "/v1/bots"), json!({ "username": taken }));
        assert_eq!(refused.await, (409, "conflict/name_taken".to_owned()));
    }
    for odd in [
        json!({}),
        json!({ "username": "" }),
        json!({ "username": "a b" }),
        json!({ "username": "ai" }),
        json!({ "username": "all" }),
        json!({ "username": "fine", "display_name": "x".repeat(65) }),
    ] {
        assert_eq!(refused(app, &mina, (Method::POST, "/v1/bots"), odd).await.0, 422);
    }
    for (method, path) in [
        (Method::POST, "/v1/bots/u_99999/token"),
        (Method::POST, "/v1/bots/nonsense/token"),
        (Method::DELETE, "/v1/bots/u_99999"),
        (Method::DELETE, "/v1/bots/u_ai"),
    ] {
        assert_eq!(refused(app, &mina, (method, path), json!({})).await.0, 404, "{path}");
    }
    let own = format!("/v1/bots/{}", mina.id);
    assert_eq!(refused(app, &mina, (Method::DELETE, &own), json!({})).await.0, 404);
    for odd in ["moim_bot_", "moim_bot_x", "moim_bot_%00"] {
        is_dead(app, odd).await;
    }
}

async fn what_accounts_of_people_can_bots_cannot(app: &TestApp) {
    let mina = app.person("mina").await;
    let robot = bot(app, &mina, "helper").await;
    let room = app.lobby(&robot).await;
    let draft = format!("/v1/rooms/{room}/ai/draft");
    let own = format!("/v1/bots/{}/token", robot.id);
    for (method, path) in [
        (Method::POST, "/v1/bots"),
        (Method::GET, "/v1/bots"),
        (Method::POST, &*own),
        (Method::POST, "/v1/clubs"),
        (Method::POST, "/v1/rooms"),
        (Method::PUT, "/v1/me/password"),
        (Method::GET, "/v1/me/devices"),
        (Method::DELETE, "/v1/me/devices"),
        (Method::DELETE, "/v1/me/devices/d_1"),
        (Method::DELETE, "/v1/me"),
        (Method::POST, "/v1/auth/logout"),
        (Method::POST, &draft),
    ] {
        let said = refused(app, &robot, (method.clone(), path), json!({})).await;
        assert_eq!(said, (403, "forbidden/bot".to_owned()), "{method} {path}");
    }
    // There is no password that opens it, and its token renews nothing.
    for password in ["", "correct horse"] {
        let body = json!({ "username": "helper", "password": password });
        let (status, _) = app.rest.refused(Method::POST, None, "/v1/auth/login", Some(&body)).await;
        assert_eq!(status, 401);
    }
    let body = json!({ "refresh_token": robot.token });
    let (status, _) = app.rest.refused(Method::POST, None, "/v1/auth/refresh", Some(&body)).await;
    assert_eq!(status, 401);
    assert_eq!(app.rest.get(&robot.token, "/v1/me").await["kind"], "bot");
}

async fn a_bot_is_in_the_export_of_its_maker(app: &TestApp) {
    let mina = app.person("mina").await;
    let robot = bot(app, &mina, "helper").await;
    let text = app.rest.send(Method::GET, Some(&mina.token), "/v1/me/export", None).await;
    let text = text.text().await.unwrap();
    let export: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(export["bots"][0]["id"], json!(robot.id));
    assert!(!text.contains(&robot.token));
    let own = app.rest.get(&robot.token, "/v1/me/export").await;
    assert_eq!((&own["profile"]["kind"], &own["bots"]), (&json!("bot"), &json!([])));
}
