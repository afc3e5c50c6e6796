//! Moderation over several nodes: at once where the link is up, and in the end where it was not.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{call, club, of_room, send};
use crate::nodes::{end, over, over_redis};
use crate::support::{Hub, Sse, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_kick_on_one_node_is_silence_on_the_other_within_a_second() {
    let Some((nodes, _redis)) = over_redis().await else { return };
    let [here, there] = &nodes;
    let club = club(here).await;
    let room = &club.plans;
    let mut owner = there.session(&club.owner).await;
    let mut sessions = [there.session(&club.bob).await, there.session(&club.bob).await];
    owner.open(room).await;
    sessions[0].open(room).await;
    let path = format!("/v1/rooms/{room}/events");
    let mut stream = Sse::open(&there.rest, &club.bob.token, &path).await;
    owner.send(room, "1", "for all").await;
    sessions[0].expect("msg.new").await;
    let began = Instant::now();
    assert_eq!(club.act(here, &club.manager, ("kick", &club.bob), json!({})).await.0, 200);
    for session in &mut sessions {
        for room in [room, &club.general] {
            let is_end = |line: &Value| line["ev"] == "room.remove" && of_room(line, room);
            assert_eq!(session.wait_for(is_end).await["why"], "kicked");
        }
        session.heard();
    }
    stream.rest().await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    owner.send(room, "2", "secret").await;
    let mut at_home = here.session(&club.owner).await;
    at_home.send(room, "3", "secret").await;
    let lobby = there.lobby(&club.owner).await;
    owner.send(&lobby, "4", "last").await;
    for session in &mut sessions {
        session.wait_for(|line| of_room(line, &lobby) && line["ev"] == "room.head").await;
        session.expect_none(|line| line["room"] == *room).await;
        assert_eq!(session.err(send(room, "5", "hi")).await["code"], "not_found");
    }
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mutes_pace_and_rules_hold_on_the_other_node() {
    let hub = Hub::sound();
    let Some(nodes) = over(&hub).await else { return };
    let [here, there] = &nodes;
    let club = club(here).await;
    let room = &club.plans;
    let mut talks = there.session(&club.bob).await;
    talks.open(room).await;
    talks.send(room, "0", "awake").await;
    let seconds = json!({ "seconds": 600 });
    assert_eq!(club.act(here, &club.manager, ("mute", &club.bob), seconds).await.0, 200);
    // The store knows at once, whoever was told.
    assert_eq!(talks.err(send(room, "1", "hi")).await["code"], "muted");
    let lift = format!("/v1/clubs/{}/members/{}/mute", club.id, club.bob.id);
    call(here, reqwest::Method::DELETE, &club.manager, &lift, json!({})).await;
    crate::support::eventually("the other node has heard", async || {
        talks.request(send(room, "1", "hi")).await["ok"].is_object()
    })
    .await;
    let path = format!("/v1/rooms/{room}/permissions");
    let only = json!({ "send": "moderator" });
    call(here, reqwest::Method::PATCH, &club.owner, &path, only).await;
    crate::support::eventually("the other node obeys", async || {
        let reply = talks.request(json!({ "op": "typing", "room": room })).await;
        reply["err"]["reason"] == "role"
    })
    .await;
    call(here, reqwest::Method::PATCH, &club.owner, &path, json!({ "send": null })).await;
    let rule = json!({ "pattern": "bad", "action": "reject" });
    let filters = format!("/v1/clubs/{}/filters", club.id);
    assert_eq!(call(here, reqwest::Method::POST, &club.manager, &filters, rule).await.0, 201);
    let mut n = 0;
    crate::support::eventually("the other node does not take it", async || {
        n += 1;
        talks.request(send(room, &format!("bad-{n}"), "bad")).await["err"]["reason"] == "filtered"
    })
    .await;
    // One pace for both nodes, to the letter: the store counts.
    club.slow_mode(here, 600).await;
    let mut at_home = here.session(&club.bob).await;
    at_home.send(room, "2", "here").await;
    let refused = talks.err(send(room, "3", "there")).await;
    assert_eq!(refused["code"], "slow_mode");
    assert!(refused["retry_ms"].as_u64().unwrap() <= 600_000, "{refused}");
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_nothing_crossed_is_made_good() {
    let hub = Hub::sound();
    let Some(nodes) = over(&hub).await else { return };
    let [here, there] = &nodes;
    let club = club(here).await;
    // A room that bob has opened and never read: his leaving writes a line there. In `plans` he never
    // was: nothing in its log tells.
    let rooms = format!("/v1/clubs/{}/rooms", club.id);
    let silent = here.rest.post(&club.owner.token, &rooms, &json!({ "name": "silent" })).await;
    let silent = silent["id"].as_str().unwrap();
    let mut owner = there.session(&club.owner).await;
    let (mut open, mut head) = (there.session(&club.bob).await, there.session(&club.bob).await);
    open.open(silent).await;
    let path = format!("/v1/rooms/{silent}/events");
    let mut stream = Sse::open(&there.rest, &club.bob.token, &path).await;
    let carol = here.person("carol").await;
    here.join(&carol, &club.id).await;
    let mut talks = there.session(&carol).await;
    talks.open(silent).await;
    let noted = format!(
        "SELECT count(*) FROM room_member WHERE is_opened AND 'r_' || room_id = '{silent}'"
    );
    eventually("who opened it is noted", async || here.number(&noted).await == 2).await;
    hub.cut();
    assert_eq!(club.act(here, &club.manager, ("kick", &club.bob), json!({})).await.0, 200);
    let seconds = json!({ "seconds": 600 });
    assert_eq!(club.act(here, &club.manager, ("mute", &carol), seconds).await.0, 200);
    let lines = async |room: &str| {
        let lines = "SELECT count(*) FROM room_event WHERE 'r_' || room_id =";
        here.number(&format!("{lines} '{room}'")).await
    };
    assert_eq!((lines(silent).await, lines(&club.plans).await), (1, 0));
    // Who went writes nothing, who is muted neither, whatever this node has heard.
    assert_eq!(open.err(send(silent, "1", "hi")).await["code"], "not_found");
    assert_eq!(talks.err(send(silent, "1", "hi")).await["code"], "muted");
    hub.heal();
    for session in [&mut open, &mut head] {
        for room in [silent, &club.plans, &club.general] {
            session.wait_for(|line| line["ev"] == "room.remove" && of_room(line, room)).await;
        }
        session.heard();
    }
    stream.rest().await;
    let typing = json!({ "op": "typing", "room": silent });
    assert_eq!(talks.err(typing).await["code"], "muted", "the room has read it");
    owner.send(silent, "2", "secret").await;
    let lobby = there.lobby(&club.owner).await;
    owner.send(&lobby, "3", "last").await;
    for session in [&mut open, &mut head] {
        session.wait_for(|line| of_room(line, &lobby) && line["ev"] == "room.head").await;
        session.expect_none(|line| line["room"] == silent).await;
    }
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_admin_does_in_a_lobby_holds_on_the_other_node() {
    let hub = Hub::sound();
    let Some(nodes) = over(&hub).await else { return };
    let [here, there] = &nodes;
    let (admin, bob) = (here.person("mina").await, here.person("bob").await);
    let lobby = here.lobby(&admin).await;
    let mut talks = there.session(&bob).await;
    talks.open(&lobby).await;
    talks.send(&lobby, "0", "awake").await;
    let path = |end: &str| format!("/v1/rooms/{lobby}/members/{}/{end}", bob.id);
    let seconds = || json!({ "seconds": 600 });
    let (post, delete) = (reqwest::Method::POST, reqwest::Method::DELETE);
    assert_eq!(call(here, post.clone(), &admin, &path("mute"), seconds()).await.0, 200);
    // The store knows at once, whoever was told.
    assert_eq!(talks.err(send(&lobby, "1", "hi")).await["code"], "muted");
    assert_eq!(call(here, delete, &admin, &path("mute"), json!({})).await.0, 204);
    crate::support::eventually("the other node has heard", async || {
        talks.request(send(&lobby, "1", "hi")).await["ok"].is_object()
    })
    .await;
    let began = Instant::now();
    assert_eq!(call(here, post, &admin, &path("ban"), seconds()).await.0, 200);
    let is_end = |line: &Value| line["ev"] == "room.remove" && of_room(line, &lobby);
    assert_eq!(talks.wait_for(is_end).await["why"], "banned");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(talks.err(send(&lobby, "2", "hi")).await["code"], "banned");
    end(nodes).await;
}
