//! A bot is only where its maker is, as no more than a member, and goes and is silent with them.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{bot, refused};
use crate::support::{Client, Person, TestApp, on_both};

on_both!(
    a_bot_comes_in_behind_its_maker,
    a_bot_goes_with_its_maker_from_a_club,
    a_bot_goes_with_its_maker_from_a_group,
    a_bot_goes_with_its_maker_from_a_lobby,
    a_bot_is_as_mute_as_its_maker,
    a_bot_is_a_member_and_no_more,
    a_bot_talks_in_private_with_its_maker_alone,
);

const OUTSIDE: &str = "forbidden/maker_outside";

async fn a_bot_comes_in_behind_its_maker(app: &TestApp) {
    let (owner, mina) = (app.person("owner").await, app.person("mina").await);
    let (club, _) = app.club(&owner, "plans").await;
    let robot = bot(app, &mina, "helper").await;
    let join = format!("/v1/clubs/{club}/join");
    let said = refused(app, &robot, (Method::POST, &join), json!({})).await;
    assert_eq!(said, (403, OUTSIDE.to_owned()));
    app.join(&mina, &club).await;
    app.join(&robot, &club).await;
    // Groups: brought in together with the maker, or behind them.
    let alone = json!({ "name": "lone", "member_ids": [robot.id] });
    let said = refused(app, &owner, (Method::POST, "/v1/rooms"), alone).await;
    assert_eq!(said, (403, OUTSIDE.to_owned()));
    let both = json!({ "name": "both", "member_ids": [robot.id, mina.id] });
    let group = app.rest.post(&owner.token, "/v1/rooms", &both).await["id"].clone();
    app.session(&robot).await.open(group.as_str().unwrap()).await;
    let listed = json!({ "name": "listed", "listed": true });
    let listed = app.rest.post(&owner.token, "/v1/rooms", &listed).await["id"].clone();
    let path = format!("/v1/rooms/{}/join", listed.as_str().unwrap());
    let said = refused(app, &robot, (Method::POST, &path), json!({})).await;
    assert_eq!(said, (403, OUTSIDE.to_owned()));
    let members = format!("/v1/rooms/{}/members", listed.as_str().unwrap());
    let body = json!({ "user_ids": [robot.id] });
    let said = refused(app, &owner, (Method::POST, &members), body).await;
    assert_eq!(said, (403, OUTSIDE.to_owned()));
    app.rest.post(&mina.token, &path, &json!({})).await;
    app.rest.post(&robot.token, &path, &json!({})).await;
    let said = refused(app, &robot, (Method::POST, &members), json!({ "user_ids": [owner.id] }));
    assert_eq!(said.await, (403, "forbidden/bot".to_owned()));
}

/// A bot and its maker, both with a room open.
struct Pair {
    maker: Person,
    robot: Person,
    at_robot: Client,
}

async fn pair(app: &TestApp, name: &str) -> Pair {
    let maker = app.person(name).await;
    let robot = bot(app, &maker, &format!("{name}bot")).await;
    let at_robot = app.session(&robot).await;
    Pair { maker, robot, at_robot }
}

impl Pair {
    /// The bot is told that it is out, within a moment, and hears no more.
    async fn expect_out(mut self, app: &TestApp, (room, why): (&str, &str), began: Instant) {
        let is_told = |line: &Value| line["ev"] == "room.remove" && line["room"] == *room;
        assert_eq!(self.at_robot.wait_for(is_told).await["why"], why);
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        let path = format!("/v1/rooms/{room}/messages");
        let (status, _) = app.rest.refused(Method::GET, Some(&self.robot.token), &path, None).await;
        assert!([403, 404].contains(&status));
        let sent = json!({ "op": "send", "room": room, "cid": "late", "text": "still here" });
        assert!(
            ["not_found", "banned"]
                .contains(&self.at_robot.err(sent).await["code"].as_str().unwrap())
        );
        self.at_robot.heard();
    }
}

async fn a_bot_goes_with_its_maker_from_a_club(app: &TestApp) {
    let owner = app.person("owner").await;
    let (club, general) = app.club(&owner, "plans").await;
    let mut at_owner = app.session(&owner).await;
    at_owner.open(&general).await;
    for (name, why, line) in [
        ("mina", "kicked", "member.kick"),
        ("bob", "kicked", "member.ban"),
        ("ann", "left", "member.leave"),
    ] {
        let mut pair = pair(app, name).await;
        app.join(&pair.maker, &club).await;
        app.join(&pair.robot, &club).await;
        pair.at_robot.open(&general).await;
        let members = format!("/v1/clubs/{club}/members/{}", pair.maker.id);
        let (who, path) = match line {
            "member.kick" => (&owner, format!("{members}/kick")),
            "member.ban" => (&owner, format!("{members}/ban")),
            _left => (&pair.maker, format!("/v1/clubs/{club}/leave")),
        };
        let (token, began) = (who.token.clone(), Instant::now());
        app.rest.send(Method::POST, Some(&token), &path, Some(&json!({}))).await;
        // Its own line says how it went; banned is its maker alone.
        let own = if line == "member.ban" { "member.kick" } else { line };
        let robot = pair.robot.id.clone();
        at_owner.wait_for(|said| said["ev"] == own && said["d"]["user"] == *robot).await;
        let robot = pair.robot.clone();
        pair.expect_out(app, (&general, why), began).await;
        let join = format!("/v1/clubs/{club}/join");
        let said = refused(app, &robot, (Method::POST, &join), json!({})).await;
        assert_eq!(said, (403, OUTSIDE.to_owned()));
    }
    let shown = app.rest.get(&owner.token, &format!("/v1/clubs/{club}")).await;
    assert_eq!(shown["member_count"], 1);
}

async fn a_bot_goes_with_its_maker_from_a_group(app: &TestApp) {
    let host = app.person("host").await;
    for (name, why) in [("mina", "kicked"), ("bob", "left")] {
        let mut pair = pair(app, name).await;
        let body = json!({ "name": name, "member_ids": [pair.maker.id, pair.robot.id] });
        let made = app.rest.post(&host.token, "/v1/rooms", &body).await["id"].clone();
        let room = made.as_str().unwrap();
        pair.at_robot.open(room).await;
        let began = Instant::now();
        if why == "kicked" {
            let path = format!("/v1/rooms/{room}/members/{}", pair.maker.id);
            assert_eq!(app.rest.status(Method::DELETE, &host.token, &path).await, 204);
        } else {
            let path = format!("/v1/rooms/{room}/leave");
            assert_eq!(app.rest.status(Method::POST, &pair.maker.token, &path).await, 204);
        }
        pair.expect_out(app, (room, why), began).await;
    }
    // A host who goes is followed by a human, and where there is none the room ends.
    let (maker, guest) = (app.person("maker").await, app.person("guest").await);
    let robot = bot(app, &maker, "early").await;
    let body = json!({ "name": "ours", "member_ids": [robot.id] });
    let room = app.rest.post(&maker.token, "/v1/rooms", &body).await["id"].clone();
    let room = room.as_str().unwrap();
    let members = format!("/v1/rooms/{room}/members");
    app.rest.post(&maker.token, &members, &json!({ "user_ids": [guest.id] })).await;
    let leave = format!("/v1/rooms/{room}/leave");
    assert_eq!(app.rest.status(Method::POST, &maker.token, &leave).await, 204);
    assert_eq!(
        app.rest.get(&guest.token, &format!("/v1/rooms/{room}")).await["host_id"],
        json!(guest.id)
    );
    assert_eq!(app.rest.status(Method::POST, &guest.token, &leave).await, 204);
    let left =
        "SELECT count(*) FROM room WHERE kind = 'group' AND name = 'ours' AND deleted_at IS NULL";
    assert_eq!(app.number(left).await, 0);
}

async fn a_bot_goes_with_its_maker_from_a_lobby(app: &TestApp) {
    let root = app.person("root").await;
    let room = app.lobby(&root).await;
    let mut pair = pair(app, "mina").await;
    pair.at_robot.open(&room).await;
    let (maker, began) = (pair.maker.clone(), Instant::now());
    let path = format!("/v1/rooms/{room}/members/{}/ban", maker.id);
    app.rest.send(Method::POST, Some(&root.token), &path, Some(&json!({}))).await;
    let robot = pair.robot.clone();
    pair.expect_out(app, (&room, "kicked"), began).await;
    let join = format!("/v1/rooms/{room}/join");
    let said = refused(app, &robot, (Method::POST, &join), json!({})).await;
    assert_eq!(said, (403, OUTSIDE.to_owned()));
    // A bot that is made outside is outside.
    let other = bot(app, &maker, "later").await;
    assert_eq!(app.rest.get(&other.token, "/v1/rooms").await["items"], json!([]));
}

/// The code that a session is answered when it writes.
async fn says(session: &mut Client, room: &str, cid: &str) -> String {
    let sent =
        session.request(json!({ "op": "send", "room": room, "cid": cid, "text": cid })).await;
    sent["err"]["code"].as_str().unwrap_or("ok").to_owned()
}

async fn a_bot_is_as_mute_as_its_maker(app: &TestApp) {
    let root = app.person("root").await;
    let (club, general) = app.club(&root, "plans").await;
    let lobby = app.lobby(&root).await;
    let mut pair = pair(app, "mina").await;
    app.join(&pair.maker, &club).await;
    app.join(&pair.robot, &club).await;
    let (of_club, of_lobby) =
        (format!("/v1/clubs/{club}/members"), format!("/v1/rooms/{lobby}/members"));
    for (room, members) in [(&general, &of_club), (&lobby, &of_lobby)] {
        pair.at_robot.open(room).await;
        assert_eq!(says(&mut pair.at_robot, room, "before").await, "ok");
        let maker = format!("{members}/{}/mute", pair.maker.id);
        let robot = format!("{members}/{}/mute", pair.robot.id);
        let long = json!({ "seconds": 3_600 });
        app.rest.send(Method::POST, Some(&root.token), &maker, Some(&long)).await;
        assert_eq!(says(&mut pair.at_robot, room, "muted").await, "muted");
        // Its own mute ends, and its maker's holds.
        app.rest.send(Method::DELETE, Some(&root.token), &robot, None).await;
        assert_eq!(says(&mut pair.at_robot, room, "still").await, "muted");
        let another = bot(app, &pair.maker, &format!("new{}", room.trim_start_matches("r_"))).await;
        if room == &general {
            app.join(&another, &club).await;
        }
        let mut at_another = app.session(&another).await;
        assert_eq!(says(&mut at_another, room, "born mute").await, "muted");
        app.rest.send(Method::DELETE, Some(&root.token), &maker, None).await;
        assert_eq!(says(&mut pair.at_robot, room, "after").await, "ok");
        assert_eq!(says(&mut at_another, room, "after").await, "ok");
    }
}

async fn a_bot_is_a_member_and_no_more(app: &TestApp) {
    let mina = app.person("mina").await;
    let (club, general) = app.club(&mina, "plans").await;
    let robot = bot(app, &mina, "helper").await;
    app.join(&robot, &club).await;
    let path = format!("/v1/clubs/{club}/members/{}", robot.id);
    let said = refused(app, &mina, (Method::PATCH, &path), json!({ "role": "manager" })).await;
    assert_eq!(said, (403, "forbidden/bot".to_owned()));
    let path = format!("/v1/clubs/{club}/owner");
    let said = refused(app, &mina, (Method::POST, &path), json!({ "user_id": robot.id })).await;
    assert_eq!(said, (403, "forbidden/bot".to_owned()));
    let settings = format!("/v1/rooms/{general}");
    let said = refused(app, &robot, (Method::PATCH, &settings), json!({ "topic": "mine" })).await;
    assert_eq!(said, (403, "forbidden/role".to_owned()));
    let members = app.rest.get(&mina.token, &format!("/v1/clubs/{club}/members")).await;
    let kinds: Vec<&Value> =
        members["items"].as_array().unwrap().iter().map(|member| &member["user"]["kind"]).collect();
    assert_eq!(kinds, ["bot", "human"]);
}

async fn a_bot_talks_in_private_with_its_maker_alone(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (robot, other) = (bot(app, &mina, "helper").await, bot(app, &mina, "other").await);
    for (one, two) in [(&robot, &bob), (&bob, &robot), (&robot, &other)] {
        let body = json!({ "user_id": two.id });
        let said = refused(app, one, (Method::POST, "/v1/dms"), body).await;
        assert_eq!(said, (403, "forbidden/bot".to_owned()));
    }
    let said = refused(app, &robot, (Method::POST, "/v1/dms"), json!({ "user_id": "u_ai" })).await;
    assert_eq!(said, (403, "forbidden/bot".to_owned()));
    let body = json!({ "user_id": mina.id });
    let room = app.rest.post(&robot.token, "/v1/dms", &body).await["id"].clone();
    app.session(&robot).await.send(room.as_str().unwrap(), "c-1", "psst").await;
}
