//! Which bots wake the assistant: none, but where a room says so, and there only by calling it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{bot, refused};
use crate::assistant::{Models, ask, on_both_with};
use crate::support::{Client, Person, TestApp};

on_both_with!("tps:200+words:3":
    nobody_lets_bots_ask_by_default,
    a_room_lets_bots_ask,
    a_club_lets_bots_ask_in_its_rooms,
    what_a_bot_says_wakes_nobody_where_everything_wakes,
);

struct Scene {
    mina: Person,
    robot: Person,
    club: String,
    room: String,
    at_mina: Client,
    at_robot: Client,
}

async fn scene(app: &TestApp) -> Scene {
    let mina = app.person("mina").await;
    let (club, room) = app.club(&mina, "plans").await;
    let robot = bot(app, &mina, "helper").await;
    app.join(&robot, &club).await;
    let (mut at_mina, mut at_robot) = (app.session(&mina).await, app.session(&robot).await);
    at_mina.open(&room).await;
    at_robot.open(&room).await;
    Scene { mina, robot, club, room, at_mina, at_robot }
}

impl Scene {
    async fn says(&self, app: &TestApp, said: Value) -> Value {
        app.rest.patch(&self.mina.token, &format!("/v1/rooms/{}", self.room), &said).await
    }
}

async fn nobody_lets_bots_ask_by_default(app: &TestApp, models: &Models) {
    let mut scene = scene(app).await;
    let shown = app.rest.get(&scene.mina.token, &format!("/v1/rooms/{}", scene.room)).await;
    assert_eq!(
        (&shown["assistant_bots"], &shown["assistant_bots_own"]),
        (&json!(false), &json!(false))
    );
    let question = ask(&mut scene.at_robot, &scene.room, "c-1", "@ai hello").await;
    let refused_as = scene.at_robot.expect("ai.refused").await;
    assert_eq!(refused_as["message"], question);
    assert_eq!(
        (&refused_as["code"], &refused_as["reason"]),
        (&json!("forbidden"), &json!("ai_bots"))
    );
    let path = format!("/v1/rooms/{}/ai", scene.room);
    let said = refused(app, &scene.robot, (Method::POST, &path), json!({ "text": "hello" })).await;
    assert_eq!(said, (403, "forbidden/ai_bots".to_owned()));
    assert_eq!(scene.at_mina.expect("msg.new").await["d"]["id"], question, "the message stands");
    scene.at_mina.expect_none(|line| line["ev"] == "ai.refused" || line["ev"] == "ai.start").await;
    assert_eq!(models.mock.calls().len(), 0);
}

async fn a_room_lets_bots_ask(app: &TestApp, models: &Models) {
    let mut scene = scene(app).await;
    let said = scene.says(app, json!({ "assistant_bots": true })).await;
    assert_eq!(
        (&said["assistant_bots"], &said["assistant_bots_own"]),
        (&json!(true), &json!(true))
    );
    scene
        .at_mina
        .wait_for(|line| line["ev"] == "room.update" && line["d"]["assistant_bots"] == true)
        .await;
    let question = ask(&mut scene.at_robot, &scene.room, "c-1", "@ai hello").await;
    let begun = scene.at_mina.expect("ai.start").await;
    assert_eq!((&begun["d"]["reply_to"], &begun["d"]["hop"]), (&question, &json!(2)));
    let end = scene.at_mina.expect("ai.end").await;
    // An answer to it is a question, too.
    let answer = json!({ "op": "send", "room": scene.room, "cid": "c-2", "text": "go on",
                         "reply_to": end["d"]["id"] });
    scene.at_robot.ok(answer).await;
    scene.at_mina.expect("ai.end").await;
    let path = format!("/v1/rooms/{}/ai", scene.room);
    scene.at_mina.send(&scene.room, "m-1", "a human speaks").await;
    let asked = app.rest.post(&scene.robot.token, &path, &json!({ "text": "by REST" })).await;
    assert!(asked["run"].is_string(), "{asked}");
    scene.at_mina.expect("ai.end").await;
    assert_eq!(models.mock.calls().len(), 3);
    scene.says(app, json!({ "assistant_bots": false })).await;
    let said = refused(app, &scene.robot, (Method::POST, &path), json!({ "text": "again" })).await;
    assert_eq!(said, (403, "forbidden/ai_bots".to_owned()));
    let plain = format!("/v1/rooms/{}", scene.room);
    let wish = json!({ "assistant_bots": true });
    let said = refused(app, &scene.robot, (Method::PATCH, &plain), wish).await;
    assert_eq!(said, (403, "forbidden/role".to_owned()));
}

async fn a_club_lets_bots_ask_in_its_rooms(app: &TestApp, _models: &Models) {
    let mut scene = scene(app).await;
    let of_club = format!("/v1/clubs/{}/ai", scene.club);
    let said =
        app.rest.patch(&scene.mina.token, &of_club, &json!({ "assistant_bots": true })).await;
    assert_eq!(said["assistant_bots"], true);
    let room = json!(scene.room);
    let is_told = |line: &Value| line["ev"] == "room.update" && line["room"] == room;
    let told = scene.at_robot.wait_for(is_told).await;
    assert_eq!(told["d"], json!({ "assistant_bots": true }), "those in the room are told");
    assert_eq!(app.rest.get(&scene.mina.token, &of_club).await["assistant_bots"], true);
    ask(&mut scene.at_robot, &scene.room, "c-1", "@ai hello").await;
    scene.at_mina.expect("ai.end").await;
    // A room says otherwise, and then again what its club says.
    scene.says(app, json!({ "assistant_bots": false })).await;
    ask(&mut scene.at_robot, &scene.room, "c-2", "@ai hello").await;
    assert_eq!(scene.at_robot.expect("ai.refused").await["reason"], "ai_bots");
    assert_eq!(scene.at_robot.wait_for(is_told).await["d"], json!({ "assistant_bots": false }));
    for may in [false, true] {
        let wish = json!({ "assistant_bots": may, "assistant": "always" });
        app.rest.patch(&scene.mina.token, &of_club, &wish).await;
    }
    let told = scene.at_robot.wait_for(is_told).await;
    assert_eq!(told["d"], json!({ "assistant": "always" }), "for bots the room has its own word");
    scene.at_robot.expect_none(is_told).await;
    let said = scene.says(app, json!({ "assistant_bots": null })).await;
    assert_eq!(
        (&said["assistant_bots"], &said["assistant_bots_own"]),
        (&json!(true), &json!(false))
    );
    let rooms = format!("/v1/clubs/{}/rooms", scene.club);
    let made = app.rest.post(&scene.mina.token, &rooms, &json!({ "name": "new" })).await;
    let made = format!("/v1/rooms/{}", made["id"].as_str().unwrap());
    assert_eq!(app.rest.get(&scene.mina.token, &made).await["assistant_bots"], true);
}

async fn what_a_bot_says_wakes_nobody_where_everything_wakes(app: &TestApp, models: &Models) {
    let mut scene = scene(app).await;
    scene.says(app, json!({ "assistant": "always", "assistant_bots": true })).await;
    scene.at_robot.send(&scene.room, "c-1", "just saying").await;
    scene.at_mina.expect_none(|line| line["ev"] == "ai.start").await;
    assert_eq!(models.mock.calls().len(), 0);
    scene.at_robot.send(&scene.room, "c-2", "@ai and now").await;
    scene.at_mina.expect("ai.end").await;
    scene.at_mina.send(&scene.room, "m-1", "a human").await;
    scene.at_mina.expect("ai.end").await;
    assert_eq!(models.mock.calls().len(), 2);
}
