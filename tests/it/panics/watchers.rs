//! A panic in what tells who is online, and in what crosses nodes.

use moim::faults::{Moment, Part};
use serde_json::{Value, json};

use super::talker::Talker;
use super::{MOMENTS, restarted};
use crate::nodes::over;
use crate::support::{Hub, TestApp, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_presence_that_panics_knows_again_who_is_online() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut watcher = app.session(&mina).await;
    watcher.open(&room).await;
    let guest = app.session(&bob).await;
    let is_of_bob = |names: &Value| names.as_array().is_some_and(|n| n.contains(&json!(bob.id)));
    watcher.wait_for(|line| line["ev"] == "presence.diff" && is_of_bob(&line["joins"])).await;
    for moment in MOMENTS {
        app.panic_in(Part::Presence, moment, async || {
            drop(app.session(&mina).await);
        })
        .await;
    }
    // It has panicked; that it is back comes a moment later.
    restarted(&app, "presence", 3).await;
    // Nobody was taken for gone meanwhile, and who goes now is seen to go.
    watcher.expect_none(|line| line["ev"] == "presence.diff" && is_of_bob(&line["leaves"])).await;
    guest.cut();
    eventually("bob is seen to go", async || {
        let line = watcher.line().await.unwrap();
        line["ev"] == "presence.diff" && is_of_bob(&line["leaves"])
    })
    .await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_while_the_presence_restarts_is_not_shown_for_ever() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut watcher = app.session(&mina).await;
    watcher.open(&room).await;
    let guest = app.session(&bob).await;
    let is_of_bob = |names: &Value| names.as_array().is_some_and(|n| n.contains(&json!(bob.id)));
    watcher.wait_for(|line| line["ev"] == "presence.diff" && is_of_bob(&line["joins"])).await;
    // The news that bob went is in its hand when it panics.
    app.faults.crash(Part::Presence, Moment::Middle, 1);
    guest.cut();
    watcher.wait_for(|line| line["ev"] == "presence.diff" && is_of_bob(&line["leaves"])).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_panics_delays_what_crosses_and_loses_none_of_it() {
    let hub = Hub::sound();
    let Some(nodes) = over(&hub).await else {
        return;
    };
    let (mina, bob) = (nodes[0].person("mina").await, nodes[1].person("bob").await);
    let room = nodes[0].lobby(&mina).await;
    let mut here = Talker::arrive(&nodes[0], &mina, &room).await;
    let mut there = Talker::arrive(&nodes[1], &bob, &room).await;
    for moment in MOMENTS {
        nodes[0].panic_in(Part::Bus, moment, async || here.say(&nodes[0]).await).await;
        here.say(&nodes[0]).await;
        there.say(&nodes[1]).await;
    }
    here.settle(&nodes[0]).await;
    there.settle(&nodes[1]).await;
    assert_eq!(here.cuts + there.cuts, 0);
    restarted(&nodes[0], "bus", 3).await;
    let [one, other] = nodes;
    one.end().await;
    other.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_that_end_with_their_supervisor_wake_though_nobody_speaks() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (club, room) = app.club(&mina, "runners").await;
    app.join(&bob, &club).await;
    let mut watcher = app.session(&mina).await;
    watcher.open(&room).await;
    app.panic_in(Part::Rooms, Moment::Start, async || {
        app.club(&bob, "elsewhere").await;
        app.rest.get(&bob.token, "/v1/rooms").await;
        app.join(&mina, &app.club(&bob, "there").await.0).await;
    })
    .await;
    let _guest = app.session(&bob).await;
    let is_of_bob = |line: &Value| {
        let joins = line["joins"].as_array();
        line["room"] == json!(room) && joins.is_some_and(|names| names.contains(&json!(bob.id)))
    };
    watcher.wait_for(is_of_bob).await;
    app.end().await;
}
