//! A crash of one room: sockets stay, nothing is lost, nobody else notices.

use serde_json::json;

use crate::support::{TestApp, eventually, seqs};

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_crashes_while_people_talk_is_back_at_once() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut talker, mut listener) = (app.session(&mina).await, app.session(&bob).await);
    let epoch = talker.open(&room).await["epoch"].clone();
    listener.open(&room).await;
    let mut waiting = Vec::new();
    for n in 0..120 {
        let send = json!({ "op": "send", "room": room, "cid": format!("c-{n}"), "text": "word" });
        waiting.push(talker.begin(send).await);
        if n % 40 == 20 {
            app.crash(&room).await;
        }
    }
    for re in waiting {
        let reply = talker.reply(re).await;
        assert!(reply["ok"]["seq"].is_i64(), "{reply}");
    }
    let events = listener.expect_many("msg.new", 120).await;
    assert_eq!(seqs(&events), (1..=120).collect::<Vec<_>>());
    assert_eq!(listener.open(&room).await["epoch"], epoch);
    eventually("restarts are counted", async || {
        app.metric("moim_room_restarts_total").await >= 3.0
    })
    .await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_always_crashes_is_set_aside() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let (_, other) = app.club(&mina, "elsewhere").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    session.open(&other).await;
    app.poison(&room).await;
    session.send(&other, "c-1", "the others talk on").await;
    eventually("it is set aside", async || {
        app.metric("moim_messages_set_aside_total").await >= 1.0
    })
    .await;
    assert_eq!(app.metric("moim_room_restarts_total").await, 3.0);
    assert_eq!(session.send(&room, "c-2", "and so do we").await["seq"], 1);
    app.end().await;
}
