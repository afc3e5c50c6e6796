//! Several nodes on one database serve the same rooms: whoever is where hears everything once and in
//! order, whatever happens to what lies between the nodes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::postgres::Cluster;
use crate::redis::Redis;
use crate::support::{Client, Hub, Person, TestApp, eventually, seqs};

/// Two nodes that meet over a hub.
pub(crate) async fn over(hub: &std::sync::Arc<Hub>) -> Option<[TestApp; 2]> {
    let database = Cluster::of_this_process()?.fresh_database().await;
    let settings = [("MOIM_DATABASE_URL", database.as_str())];
    let one = TestApp::spawn_linked(&settings, hub.link()).await;
    Some([one, TestApp::spawn_linked(&settings, hub.link()).await])
}

/// Two nodes that meet over Redis.
pub(crate) async fn over_redis() -> Option<([TestApp; 2], Redis)> {
    let cluster = Cluster::of_this_process()?;
    let redis = Redis::start()?;
    let (database, url) = (cluster.fresh_database().await, redis.url());
    let settings = [("MOIM_DATABASE_URL", database.as_str()), ("MOIM_REDIS_URL", url.as_str())];
    let one = TestApp::spawn_with(&settings).await;
    Some(([one, TestApp::spawn_with(&settings).await], redis))
}

/// Somebody on each node, in the lobby.
struct Pair {
    people: [Person; 2],
    sessions: [Client; 2],
    room: String,
}

async fn pair(nodes: &[TestApp; 2]) -> Pair {
    let people = [nodes[0].person("mina").await, nodes[1].person("bob").await];
    let room = nodes[0].lobby(&people[0]).await;
    let mut sessions = [nodes[0].session(&people[0]).await, nodes[1].session(&people[1]).await];
    for session in &mut sessions {
        session.open(&room).await;
    }
    Pair { people, sessions, room }
}

/// Both write at the same time, without waiting for each other.
async fn both_write(pair: &mut Pair, round: &str, count: usize) {
    for n in 0..count {
        for session in &mut pair.sessions {
            let cid = format!("{round}-{n}");
            let op = json!({ "op": "send", "room": pair.room, "cid": cid, "text": "word" });
            session.begin(op).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Both have heard everything, once and in order.
async fn both_heard(pair: &mut Pair, from: i64, to: i64) {
    for session in &mut pair.sessions {
        let count = usize::try_from(to - from + 1).unwrap();
        let heard = session.expect_many("msg.new", count).await;
        assert_eq!(seqs(&heard), (from..=to).collect::<Vec<_>>());
        session.expect_none(|line| line["ev"] == "msg.new" || line["ev"] == "lag").await;
    }
}

pub(crate) async fn end(nodes: [TestApp; 2]) {
    let [one, other] = nodes;
    tokio::join!(one.end(), other.end());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_hear_everything_once_and_in_order_while_both_write() {
    let Some((nodes, _redis)) = over_redis().await else { return };
    let mut pair = pair(&nodes).await;
    both_write(&mut pair, "a", 100).await;
    both_heard(&mut pair, 1, 200).await;
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_loses_doubles_and_reorders_changes_nothing() {
    let hub = Hub::faulty();
    let Some(nodes) = over(&hub).await else { return };
    let mut pair = pair(&nodes).await;
    both_write(&mut pair, "a", 100).await;
    hub.heal();
    both_heard(&mut pair, 1, 200).await;
    both_write(&mut pair, "b", 10).await;
    both_heard(&mut pair, 201, 220).await;
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_dies_in_a_burst_and_comes_back_empty_changes_nothing() {
    let Some((nodes, mut redis)) = over_redis().await else { return };
    let mut pair = pair(&nodes).await;
    both_write(&mut pair, "before", 20).await;
    redis.kill();
    both_write(&mut pair, "without", 100).await;
    eventually("it is said that the nodes are cut off", async || {
        let path = "/readyz";
        let (status, problem) = nodes[0].rest.refused(reqwest::Method::GET, None, path, None).await;
        status == 503 && problem["reason"] == "bus"
    })
    .await;
    both_heard(&mut pair, 1, 240).await;
    redis.again();
    both_write(&mut pair, "after", 100).await;
    both_heard(&mut pair, 241, 440).await;
    for node in &nodes {
        node.rest.ready().await;
    }
    both_write(&mut pair, "end", 5).await;
    both_heard(&mut pair, 441, 450).await;
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_without_redis_finds_it_later() {
    let Some(cluster) = Cluster::of_this_process() else { return };
    let Some(mut redis) = Redis::start() else { return };
    let (database, url) = (cluster.fresh_database().await, redis.url());
    let settings = [("MOIM_DATABASE_URL", database.as_str()), ("MOIM_REDIS_URL", url.as_str())];
    redis.kill();
    let later = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        redis.again();
    };
    let (one, ()) = tokio::join!(TestApp::spawn_with(&settings), later);
    let nodes = [one, TestApp::spawn_with(&settings).await];
    let mut pair = pair(&nodes).await;
    both_write(&mut pair, "a", 10).await;
    both_heard(&mut pair, 1, 20).await;
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coming_and_going_on_one_node_is_told_on_the_other() {
    let hub = Hub::sound();
    let Some(nodes) = over(&hub).await else { return };
    let [here, there] = &nodes;
    let mut pair = pair(&nodes).await;
    let [mina, bob] = pair.people.clone();
    let (club, room) = here.club(&mina, "chess").await;
    // Bob's session is there; he joins by a call to here.
    here.join(&bob, &club).await;
    let at_bob = &mut pair.sessions[1];
    let added = at_bob.wait_for(|l| l["ev"] == "room.add" && l["room"]["room"] == room.as_str());
    assert_eq!(added.await["room"]["name"], "plans");
    assert_eq!(at_bob.open(&room).await["snapshot"]["items"], json!([]));
    let at_mina = &mut pair.sessions[0];
    at_mina.open(&room).await;
    at_mina.send(&room, "c-1", "hello @bob").await;
    let at_bob = &mut pair.sessions[1];
    assert_eq!(at_bob.expect("msg.new").await["d"]["text"], "hello @bob");
    assert_eq!(at_bob.expect("inbox").await["d"]["kind"], "mention");
    // A new room is everybody's.
    let path = format!("/v1/clubs/{club}/rooms");
    here.rest.post(&mina.token, &path, &json!({ "name": "later" })).await;
    at_bob.wait_for(|l| l["ev"] == "room.add" && l["room"]["name"] == "later").await;
    // Who leaves hears nothing more, and may neither read nor write.
    let path = format!("/v1/clubs/{club}/leave");
    here.rest.send(reqwest::Method::POST, Some(&bob.token), &path, Some(&json!({}))).await;
    at_bob.wait_for(|l| l["ev"] == "room.remove" && l["room"] == room.as_str()).await;
    pair.sessions[0].send(&room, "c-2", "is he gone?").await;
    let at_bob = &mut pair.sessions[1];
    at_bob.expect_none(|line| line["d"]["text"] == "is he gone?").await;
    let send = json!({ "op": "send", "room": room, "text": "no" });
    assert_eq!(at_bob.err(send).await["code"], "not_found");
    // A room that is gone here is gone there.
    there.join(&bob, &club).await;
    at_bob.wait_for(|l| l["ev"] == "room.add" && l["room"]["room"] == room.as_str()).await;
    let path = format!("/v1/clubs/{club}");
    here.rest.send(reqwest::Method::DELETE, Some(&mina.token), &path, None).await;
    let gone = at_bob.wait_for(|l| l["ev"] == "room.remove" && l["room"] == room.as_str()).await;
    assert_eq!(gone["why"], "deleted");
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_and_went_while_nothing_crossed_is_known_afterwards() {
    let hub = Hub::sound();
    let Some(nodes) = over(&hub).await else { return };
    let mut pair = pair(&nodes).await;
    let [mina, bob] = pair.people.clone();
    let (club, room) = nodes[0].club(&mina, "chess").await;
    let (other_club, other) = nodes[0].club(&mina, "go").await;
    nodes[0].join(&bob, &club).await;
    let at_bob = &mut pair.sessions[1];
    at_bob.wait_for(|l| l["ev"] == "room.add" && l["room"]["room"] == room.as_str()).await;
    at_bob.open(&room).await;
    hub.cut();
    nodes[0]
        .rest
        .send(
            reqwest::Method::POST,
            Some(&bob.token),
            &format!("/v1/clubs/{club}/leave"),
            Some(&json!({})),
        )
        .await;
    nodes[0].join(&bob, &other_club).await;
    pair.sessions[0].open(&other).await;
    pair.sessions[0].send(&other, "c-1", "welcome").await;
    hub.heal();
    let at_bob = &mut pair.sessions[1];
    at_bob.wait_for(|l| l["ev"] == "room.remove" && l["room"] == room.as_str()).await;
    at_bob.wait_for(|l| l["ev"] == "room.add" && l["room"]["room"] == other.as_str()).await;
    let opened = at_bob.open(&other).await;
    assert_eq!(opened["snapshot"]["items"][0]["text"], "welcome");
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_just_come_on_one_node_may_open_on_the_other_at_once() {
    // Nothing ever arrives: only the store knows.
    struct Deaf;
    impl moim::store::Link for Deaf {
        fn publish(&self, _line: String) -> Result<(), moim::store::Unsent> {
            Ok(())
        }
        fn listen(&self) -> tokio::sync::mpsc::Receiver<moim::store::Heard> {
            tokio::sync::mpsc::channel(1).1
        }
        fn is_up(&self) -> bool {
            true
        }
    }
    let Some(cluster) = Cluster::of_this_process() else { return };
    let database = cluster.fresh_database().await;
    let settings = [("MOIM_DATABASE_URL", database.as_str())];
    let here = TestApp::spawn_linked(&settings, std::sync::Arc::new(Deaf)).await;
    let there = TestApp::spawn_linked(&settings, std::sync::Arc::new(Deaf)).await;
    let (mina, bob) = (here.person("mina").await, here.person("bob").await);
    let (club, room) = here.club(&mina, "chess").await;
    let mut at_mina = there.session(&mina).await;
    at_mina.open(&room).await;
    let mut at_bob = there.session(&bob).await;
    here.join(&bob, &club).await;
    at_bob.open(&room).await;
    at_bob.send(&room, "c-1", "here I am").await;
    assert_eq!(at_mina.expect("msg.new").await["d"]["text"], "here I am");
    let stranger = here.person("eve").await;
    let mut at_eve = there.session(&stranger).await;
    let open = json!({ "op": "open", "room": room });
    assert_eq!(at_eve.err(open).await["code"], "not_found");
    end([here, there]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_on_one_node_closes_the_sockets_on_the_other() {
    let Some((nodes, _redis)) = over_redis().await else { return };
    let mina = nodes[0].person("mina").await;
    let mut session = nodes[1].session(&mina).await;
    let path = "/v1/auth/logout";
    nodes[0].rest.send(reqwest::Method::POST, Some(&mina.token), path, None).await;
    let closed = tokio::time::timeout(Duration::from_secs(1), session.expect_close());
    assert_eq!(closed.await.unwrap().code, 4501);
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_online_and_who_types_is_seen_on_the_other_node() {
    let Some((nodes, _redis)) = over_redis().await else { return };
    let mut pair = pair(&nodes).await;
    let [mina, bob] = pair.people.clone();
    let [at_mina, at_bob] = &mut pair.sessions;
    at_mina.wait_for(|line| line["joins"].to_string().contains(&bob.id)).await;
    let count = |line: &Value| line["ev"] == "presence.diff" && line["count"] == 2;
    at_bob.wait_for(count).await;
    let path = format!("/v1/rooms/{}/members", pair.room);
    for node in &nodes {
        let members = node.rest.get(&mina.token, &path).await;
        assert!(members["items"].as_array().unwrap().iter().all(|m| m["online"] == true));
    }
    at_mina.ok(json!({ "op": "typing", "room": pair.room })).await;
    assert_eq!(at_bob.expect("typing").await["by"], mina.id.as_str());
    let mut phone = nodes[0].session(&bob).await;
    phone.open(&pair.room).await;
    at_mina.send(&pair.room, "c-1", "hi").await;
    let marked = at_bob.ok(json!({ "op": "read", "room": pair.room, "seq": 1 })).await;
    assert_eq!(phone.expect("read").await["unread"], marked["unread"]);
    end(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn badges_of_rooms_that_sleep_on_this_node_go_on() {
    let Some(cluster) = Cluster::of_this_process() else { return };
    let database = cluster.fresh_database().await;
    let (hub, settings) = (Hub::sound(), [("MOIM_DATABASE_URL", database.as_str())]);
    let here = TestApp::spawn_linked(&settings, hub.link()).await;
    let (mina, bob) = (here.person("mina").await, here.person("bob").await);
    let (club, room) = here.club(&mina, "chess").await;
    here.join(&bob, &club).await;
    let mut at_mina = here.session(&mina).await;
    at_mina.open(&room).await;
    let there = TestApp::spawn_linked(&settings, hub.link()).await;
    let mut at_bob = there.session(&bob).await;
    let sent = at_mina.send(&room, "c-1", "hey @bob").await;
    let is_this = |line: &Value| line["ev"] == "room.head" && line["room"] == room.as_str();
    let head = at_bob.wait_for(is_this).await;
    assert_eq!((&head["head"], &head["mentions"]), (&sent["seq"], &json!(1)));
    assert_eq!(there.metric("moim_rooms_awake").await, 0.0, "nobody there needs it");
    end([here, there]).await;
}
