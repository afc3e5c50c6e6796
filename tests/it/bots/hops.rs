//! How far machines go among themselves: each is one hop further from the last human, and behind the
//! third the assistant answers no more.

use serde_json::{Value, json};

use super::bot;
use crate::assistant::{Models, on_both_with};
use crate::support::{Client, TestApp, on_both};

on_both!(
    each_machine_is_one_hop_further,
    a_restart_forgets_no_hop,
    hops_are_right_however_many_speak
);

mod machines {
    use super::two_bots_and_the_assistant_stop;

    super::on_both_with!("tps:400+words:3": two_bots_and_the_assistant_stop);
}

/// A human, two bots and a room of theirs that lets bots ask.
struct Scene {
    room: String,
    token: String,
    human: Client,
    bots: [Client; 2],
    ids: [String; 2],
}

async fn scene(app: &TestApp) -> Scene {
    let mina = app.person("mina").await;
    let (club, room) = app.club(&mina, "plans").await;
    let wish = json!({ "assistant_bots": true });
    app.rest.patch(&mina.token, &format!("/v1/rooms/{room}"), &wish).await;
    let mut human = app.session(&mina).await;
    human.open(&room).await;
    let (one, other) = (bot(app, &mina, "one").await, bot(app, &mina, "other").await);
    let mut bots = Vec::new();
    for robot in [&one, &other] {
        app.join(robot, &club).await;
        let mut session = app.session(robot).await;
        session.open(&room).await;
        bots.push(session);
    }
    let bots = bots.try_into().ok().unwrap();
    Scene { room, token: mina.token, human, bots, ids: [one.id, other.id] }
}

impl Scene {
    /// Says something, in answer to something or not; gives the id and the hop as the human hears it.
    async fn says(
        &mut self,
        who: Option<usize>,
        cid: &str,
        reply_to: Option<&Value>,
    ) -> (Value, i64) {
        let send = json!({ "op": "send", "room": self.room, "cid": cid, "text": "words",
                           "reply_to": reply_to });
        match who {
            Some(bot) => self.bots[bot].ok(send).await,
            None => self.human.ok(send).await,
        };
        let heard =
            self.human.wait_for(|line| line["d"]["cid"] == cid && line["ev"] == "msg.new").await;
        (heard["d"]["id"].clone(), heard["d"]["hop"].as_i64().unwrap_or(0))
    }
}

async fn each_machine_is_one_hop_further(app: &TestApp) {
    let mut scene = scene(app).await;
    assert_eq!(scene.says(Some(0), "a-0", None).await.1, 1, "behind nobody");
    let (first, hop) = scene.says(None, "h-1", None).await;
    assert_eq!(hop, 0);
    assert_eq!(scene.says(Some(0), "a-1", None).await.1, 1);
    assert_eq!(scene.says(Some(0), "a-2", None).await.1, 1, "not behind itself");
    let (second, hop) = scene.says(Some(1), "b-1", None).await;
    assert_eq!(hop, 2);
    let (third, hop) = scene.says(Some(0), "a-3", None).await;
    assert_eq!(hop, 3);
    assert_eq!(scene.says(Some(1), "b-2", Some(&first)).await.1, 1, "it answers a human");
    assert_eq!(scene.says(Some(1), "b-3", Some(&second)).await.1, 3);
    assert_eq!(scene.says(Some(1), "b-4", Some(&third)).await.1, 4);
    assert_eq!(scene.says(None, "h-2", None).await.1, 0);
    assert_eq!(scene.says(Some(1), "b-5", None).await.1, 1, "a human begins anew");
    // Lists say the same, and a deleted message keeps its place and its hop.
    let (gone, _) = scene.says(Some(0), "a-4", None).await;
    scene.bots[0].ok(json!({ "op": "delete", "room": scene.room, "message": gone })).await;
    let path = format!("/v1/rooms/{}/messages", scene.room);
    let listed = app.rest.get(&scene.token, &path).await;
    let hops: Vec<i64> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["hop"].as_i64().unwrap_or(0))
        .collect();
    assert_eq!(hops, [1, 0, 1, 1, 2, 3, 1, 3, 4, 0, 1, 2]);
}

async fn a_restart_forgets_no_hop(app: &TestApp) {
    let mut scene = scene(app).await;
    scene.says(None, "h-1", None).await;
    scene.says(Some(0), "a-1", None).await;
    let (second, _) = scene.says(Some(1), "b-1", None).await;
    app.crash(&scene.room).await;
    assert_eq!(scene.says(Some(0), "a-2", None).await.1, 3);
    app.crash(&scene.room).await;
    assert_eq!(scene.says(Some(1), "b-2", Some(&second)).await.1, 3);
}

async fn hops_are_right_however_many_speak(app: &TestApp) {
    let mut scene = scene(app).await;
    for n in 0..40 {
        for (who, session) in [&mut scene.human].into_iter().chain(&mut scene.bots).enumerate() {
            let cid = format!("{who}-{n}");
            let op = json!({ "op": "send", "room": scene.room, "cid": cid, "text": "words" });
            session.begin(op).await;
        }
    }
    let heard = scene.human.expect_many("msg.new", 120).await;
    let mut before: Vec<(Value, i64)> = Vec::new();
    for event in &heard {
        let (by, hop) = (event["d"]["by"].clone(), event["d"]["hop"].as_i64().unwrap_or(0));
        let is_bot = scene.ids.iter().any(|id| by == **id);
        let behind = before.iter().rev().find(|(other, _)| *other != by);
        let expected = match (is_bot, behind) {
            (false, _) => 0,
            (true, Some((_, hop))) => hop + 1,
            (true, None) => 1,
        };
        assert_eq!(hop, expected, "seq {}", event["seq"]);
        before.push((by, hop));
    }
}

async fn two_bots_and_the_assistant_stop(app: &TestApp, models: &Models) {
    let mut scene = scene(app).await;
    for (round, start) in ["h-1", "h-2"].into_iter().enumerate() {
        let question =
            json!({ "op": "send", "room": scene.room, "cid": start, "text": "@ai begin" });
        scene.human.ok(question).await;
        let mut hops = Vec::new();
        // Whoever answers calls the assistant again: in turns, each behind what was said last.
        for turn in 0.. {
            let begun = scene.human.expect("ai.start").await;
            hops.push(begun["d"]["hop"].as_i64().unwrap());
            let end = scene.human.expect("ai.end").await;
            let session = &mut scene.bots[turn % 2];
            session
                .wait_for(|line| line["ev"] == "ai.end" && line["d"]["id"] == end["d"]["id"])
                .await;
            let cid = format!("{round}-{turn}");
            let op = json!({ "op": "send", "room": scene.room, "cid": cid, "text": "@ai more" });
            let sent = session.ok(op).await;
            let is_end = |line: &Value| {
                let is_refused = line["ev"] == "ai.refused" && line["message"] == sent["id"];
                is_refused || line["ev"] == "ai.start" && line["d"]["reply_to"] == sent["id"]
            };
            let told = session.wait_for(is_end).await;
            if told["ev"] == "ai.refused" {
                assert_eq!((&told["code"], &told["reason"]), (&json!("forbidden"), &json!("hops")));
                break;
            }
        }
        assert_eq!(hops, [1, 3], "round {round}");
        scene
            .human
            .expect_none(|line| line["ev"] == "ai.start" || line["ev"] == "ai.refused")
            .await;
        assert_eq!(models.mock.calls().len(), 2 * (round + 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_on_the_same_data_knows_the_hops() {
    let Some(url) = crate::support::fresh().await else { return };
    let settings = [("MOIM_DATABASE_URL", url.as_str())];
    let app = TestApp::spawn_with(&settings).await;
    let mina = app.person("mina").await;
    let (club, room) = app.club(&mina, "plans").await;
    let robots = [bot(&app, &mina, "one").await, bot(&app, &mina, "other").await];
    for robot in &robots {
        app.join(robot, &club).await;
        app.session(robot).await.send(&room, "before", "words").await;
    }
    app.end().await;
    let app = TestApp::spawn_with(&settings).await;
    let mut human = app.session(&mina).await;
    human.open(&room).await;
    app.session(&robots[0]).await.send(&room, "after", "words").await;
    assert_eq!(human.expect("msg.new").await["d"]["hop"], 3);
    app.end().await;
}
