//! On several nodes: what is done on one is heard on the other, and what is erased is nowhere.

use serde_json::json;

use super::{edit, everything, on, react, read, say};
use crate::nodes::over;
use crate::support::{Hub, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_here_is_heard_and_erased_there() {
    let hub = Hub::sound();
    let Some([here, there]) = over(&hub).await else { return };
    let (mina, bob) = (here.person("mina").await, there.person("bob").await);
    let room = here.lobby(&mina).await;
    let (mut at_mina, mut at_bob) = (here.session(&mina).await, there.session(&bob).await);
    at_mina.open(&room).await;
    at_bob.open(&room).await;
    let id = say(&mut at_mina, &room, "@bob xyzzy one").await;
    at_bob.expect("msg.new").await;
    at_mina.ok(edit(&room, &id, "@bob xyzzy two")).await;
    let told = at_bob.expect("msg.edit").await;
    assert_eq!(told["d"]["text"], "@bob xyzzy two");
    at_bob.ok(react("react", &room, &id, "👍")).await;
    assert_eq!(at_mina.expect("msg.react").await["d"]["by"], bob.id.as_str());
    // The node there has it in its ring and its snapshot.
    assert!(everything(&there, &bob, &room).await.contains("xyzzy"));
    let notice = at_bob.expect("inbox").await;
    at_mina.ok(on("delete", &room, &id)).await;
    at_bob.expect("msg.delete").await;
    let gone = at_bob.expect("inbox.drop").await;
    assert_eq!(gone["ids"], json!([notice["d"]["id"]]));
    for (node, person) in [(&here, &mina), (&there, &bob)] {
        let all = everything(node, person, &room).await;
        assert!(!all.contains("xyzzy"), "{all}");
        assert_eq!(read(node, person, &room, &id).await["deleted"], true);
    }
    tokio::join!(here.end(), there.end());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_the_link_loses_is_found() {
    let hub = Hub::faulty();
    let Some([here, there]) = over(&hub).await else { return };
    let (mina, bob) = (here.person("mina").await, there.person("bob").await);
    let room = here.lobby(&mina).await;
    let (mut at_mina, mut at_bob) = (here.session(&mina).await, there.session(&bob).await);
    at_bob.open(&room).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(say(&mut at_mina, &room, &format!("xyzzy {n}")).await);
    }
    for id in &ids {
        at_mina.ok(edit(&room, id, "xyzzy again")).await;
    }
    for id in &ids {
        at_mina.ok(on("delete", &room, id)).await;
    }
    hub.heal();
    let last = at_mina.send(&room, "last", "the end").await["seq"].clone();
    at_bob.wait_for(|line| line["ev"] == "msg.new" && line["seq"] == last).await;
    eventually("nothing is kept there", async || {
        !everything(&there, &bob, &room).await.contains("xyzzy")
    })
    .await;
    tokio::join!(here.end(), there.end());
}
