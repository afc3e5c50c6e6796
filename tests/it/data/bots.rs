//! Bots in the file of a club: they are bots again where it is brought to, of the same makers, and have
//! no token before they are given one.

use serde_json::json;

use super::transfer::{club_of, room_of, tool};
use crate::bots::{bot, of};
use crate::support::{TestApp, person};

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_moves_with_its_club() {
    let (from, to) = (TestApp::spawn().await, TestApp::spawn().await);
    let mina = from.person("mina").await;
    let (club, room) = from.club(&mina, "readers").await;
    let wish = json!({ "assistant_bots": true });
    from.rest.patch(&mina.token, &format!("/v1/rooms/{room}"), &wish).await;
    let robot = bot(&from, &mina, "helper").await;
    from.join(&robot, &club).await;
    from.session(&robot).await.send(&room, "c-1", "beep").await;
    let text = tool(&from, &["export", "--all"]).await;
    assert!(!text.contains(&robot.token));
    to.put("club.jsonl", &text);
    let known = to.person("known").await;
    tool(&to, &["import", "club.jsonl"]).await;
    let told = tool(&to, &["admin", "reset-password", "mina"]).await;
    let password = told.trim().rsplit(' ').next().unwrap();
    let body = json!({ "username": "mina", "password": password });
    let there = person(&to.rest.post("", "/v1/auth/login", &body).await);
    let bots = to.rest.get(&there.token, "/v1/bots").await["items"].clone();
    assert_eq!((&bots[0]["username"], &bots[0]["kind"]), (&json!("helper"), &json!("bot")));
    let path = format!("/v1/bots/{}/token", bots[0]["id"].as_str().unwrap());
    let mut made = bots[0].clone();
    made["token"] = to.rest.post(&there.token, &path, &json!({})).await["token"].clone();
    let robot = of(&made);
    let club = club_of(&to, &there, "readers").await;
    let moved = room_of(&to, &robot, &club, "plans").await;
    let shown = to.rest.get(&robot.token, &format!("/v1/rooms/{moved}")).await;
    assert_eq!(shown["assistant_bots"], true);
    let listed = to.rest.get(&robot.token, &format!("/v1/rooms/{moved}/messages")).await;
    assert_eq!(
        (&listed["items"][0]["text"], &listed["items"][0]["hop"]),
        (&json!("beep"), &json!(1))
    );
    assert!(!known.id.is_empty());
    from.end().await;
    to.end().await;
}
