//! Two people in a room: what one says the other hears, durable, numbered, in order.

use serde_json::json;

use crate::support::{TestApp, on_both, seqs};

on_both!(one_cid_from_two_sessions_at_once_is_one_message);

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut at_mina, mut at_bob) = (app.session(&mina).await, app.session(&bob).await);
    let opened = at_mina.open(&room).await;
    assert_eq!(opened["head"], 0);
    assert_eq!(opened["snapshot"]["items"], json!([]));
    at_bob.open(&room).await;

    let sent = at_mina.send(&room, "c-1", "hi").await;
    assert_eq!((&sent["seq"], &sent["n"], &sent["dup"]), (&json!(1), &json!(1), &json!(false)));
    let heard = at_bob.expect("msg.new").await;
    assert_eq!(heard["d"]["text"], "hi");
    assert_eq!(heard["d"]["by"], mina.id.as_str());
    assert_eq!(heard["d"]["id"], sent["id"]);
    assert_eq!(at_mina.expect("msg.new").await["d"]["cid"], "c-1");

    at_bob.send(&room, "c-1", "hello").await;
    assert_eq!(seqs(&[at_mina.expect("msg.new").await]), [2]);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_cid_again_answers_the_first_result() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    session.open(&room).await;
    let first = session.send(&room, "c-1", "once").await;
    let again = session.send(&room, "c-1", "once").await;
    assert_eq!(again["dup"], true);
    for field in ["seq", "n", "id", "at"] {
        assert_eq!(first[field], again[field]);
    }
    session.expect("msg.new").await;
    session.expect_none(|line| line["ev"] == "msg.new").await;
    app.end().await;
}

async fn one_cid_from_two_sessions_at_once_is_one_message(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut phone, mut desk) = (app.session(&mina).await, app.session(&mina).await);
    let mut listener = app.session(&bob).await;
    listener.open(&room).await;
    // One by one, and many in the same batch of the journal.
    for (round, count) in [1, 1, 1, 10, 30].into_iter().enumerate() {
        let mut asked = Vec::new();
        for n in 0..count {
            let cid = format!("c-{round}-{n}");
            let op = json!({ "op": "send", "room": room, "cid": cid, "text": "once" });
            // Neither is answered before the other is asked.
            let both = (phone.begin(op.clone()).await, desk.begin(op).await);
            asked.push((cid, both));
        }
        for (cid, (at_phone, at_desk)) in asked {
            let one = phone.reply(at_phone).await["ok"].clone();
            let other = desk.reply(at_desk).await["ok"].clone();
            for field in ["seq", "n", "id", "at"] {
                assert_eq!(one[field], other[field], "{cid}: {one} {other}");
            }
            let mut dups = [&one["dup"], &other["dup"]].map(|dup| dup.as_bool().unwrap());
            dups.sort_unstable();
            assert_eq!(dups, [false, true], "{cid}: one of them was first");
            assert_eq!(listener.expect("msg.new").await["d"]["id"], one["id"]);
        }
    }
    listener.expect_none(|line| line["ev"] == "msg.new").await;
    let opened = listener.open(&room).await;
    assert_eq!((&opened["head"], &opened["n"]), (&json!(43), &json!(43)));
}
