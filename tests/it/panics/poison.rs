//! A message that always crashes whoever handles it is answered and set aside; others go on.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_always_crashes_its_room_is_set_aside() {
    let app = TestApp::spawn_with(&[("MOIM_PLANT", "poison_room=hemlock")]).await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut talker, mut poisoner) = (app.session(&mina).await, app.session(&bob).await);
    talker.open(&room).await;
    poisoner.open(&room).await;
    talker.send(&room, "c-1", "good morning").await;
    let send = json!({ "op": "send", "room": room, "cid": "c-2", "text": "a cup of hemlock" });
    let bad = poisoner.begin(send).await;
    let after = talker.send(&room, "c-3", "and good night").await;
    let refused = poisoner.reply(bad).await;
    assert_eq!(refused["err"]["code"], "internal", "{refused}");
    assert_eq!(after["seq"], 2);
    assert_eq!(poisoner.expect("msg.new").await["d"]["cid"], "c-1");
    assert_eq!(poisoner.expect("msg.new").await["d"]["cid"], "c-3");
    assert_eq!(app.metric("moim_messages_set_aside_total").await, 1.0);
    assert_eq!(app.metric("moim_room_restarts_total").await, 3.0);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_always_crashes_its_batch_is_found_and_set_aside() {
    let app = TestApp::spawn_with(&[("MOIM_PLANT", "poison_journal=hemlock")]).await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut talker, mut listener) = (app.session(&mina).await, app.session(&bob).await);
    talker.open(&room).await;
    listener.open(&room).await;
    let mut waiting = Vec::new();
    for n in 0..60 {
        let text = if n % 20 == 7 { "a cup of hemlock" } else { "a cup of tea" };
        let send = json!({ "op": "send", "room": room, "cid": format!("c-{n}"), "text": text });
        waiting.push((n, talker.begin(send).await));
    }
    let mut seqs = Vec::new();
    for (n, re) in waiting {
        let reply = talker.reply(re).await;
        match reply["ok"]["seq"].as_i64() {
            Some(seq) if n % 20 != 7 => seqs.push(seq),
            _bad => assert_eq!(reply["err"]["code"], "internal", "{n}: {reply}"),
        }
    }
    assert_eq!(seqs, (1..=57).collect::<Vec<_>>());
    let heard = crate::support::seqs(&listener.expect_many("msg.new", 57).await);
    assert_eq!(heard, seqs);
    assert_eq!(app.metric("moim_messages_set_aside_total").await, 3.0);
    app.end().await;
}
