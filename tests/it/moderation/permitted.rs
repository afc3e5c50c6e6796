//! What a room may say of a permission, a call obeys: none can be set that changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use super::{call, club};
use crate::files::try_upload;
use crate::support::{Person, TestApp, on_both};

on_both!(whatever_can_be_set_changes_what_is_answered, what_no_call_obeys_cannot_be_set);

/// A room of some kind with people in it.
struct Place {
    room: String,
    /// Configures the room.
    keeper: Person,
    /// May do everything there that may be done, until the room says otherwise.
    actor: Person,
    /// Somebody of no rank, where there is such a one.
    member: Person,
    settable: &'static [&'static str],
}

impl Place {
    fn path(&self, rest: &str) -> String {
        format!("/v1/rooms/{}{rest}", self.room)
    }

    async fn set(&self, app: &TestApp, permission: &str, least: Option<&str>) {
        let body = json!({ permission: least });
        let set = call(app, Method::PATCH, &self.keeper, &self.path("/permissions"), body).await;
        assert_eq!(set.0, 200, "{permission}: {}", set.1);
    }

    /// A message of somebody else than the actor.
    async fn message(&self, app: &TestApp) -> String {
        let (path, body) = (self.path("/messages"), json!({ "text": "hi" }));
        let said = app.rest.post(&self.member.token, &path, &body);
        said.await["id"].as_str().unwrap().to_owned()
    }

    /// Whether something is done that takes the permission.
    async fn may(&self, app: &TestApp, permission: &str, newcomer: &Person) -> bool {
        let actor = if permission == "send" { &self.member } else { &self.actor };
        let ids = json!({ "user_ids": [newcomer.id] });
        let (status, body) = match permission {
            "send" => {
                let body = json!({ "text": "may I" });
                call(app, Method::POST, actor, &self.path("/messages"), body).await
            }
            "mention_all" => {
                let count = "SELECT count(*) FROM fanout";
                let before = app.number(count).await;
                let body = json!({ "text": "@all look" });
                let said = call(app, Method::POST, actor, &self.path("/messages"), body).await;
                assert_eq!(said.0, 201, "it is a text all the same");
                return app.number(count).await > before;
            }
            "react" => {
                let path =
                    self.path(&format!("/messages/{}/reactions/👍", self.message(app).await));
                call(app, Method::PUT, actor, &path, Value::Null).await
            }
            "pin" => {
                let path = self.path(&format!("/messages/{}/pin", self.message(app).await));
                call(app, Method::PUT, actor, &path, Value::Null).await
            }
            "delete_others" => {
                let path = self.path("/messages/delete");
                let body = json!({ "messages": [self.message(app).await] });
                call(app, Method::POST, actor, &path, body).await
            }
            "attach" => {
                let answer = try_upload(&app.rest, actor, &self.room, "a.txt", b"a".to_vec()).await;
                (answer.status().as_u16(), answer.json().await.unwrap())
            }
            "invite" => call(app, Method::POST, actor, &self.path("/members"), ids).await,
            "kick" | "mute" => {
                // Everybody is in a lobby.
                if self.settable.contains(&"invite") {
                    let brought = call(app, Method::POST, actor, &self.path("/members"), ids).await;
                    assert_eq!(brought.0, 200, "{}", brought.1);
                }
                let path = self.path(&format!("/members/{}", newcomer.id));
                if permission == "kick" {
                    call(app, Method::DELETE, actor, &path, Value::Null).await
                } else {
                    let body = json!({ "seconds": 60 });
                    call(app, Method::POST, actor, &format!("{path}/mute"), body).await
                }
            }
            "configure" => {
                let body = json!({ "topic": newcomer.name });
                call(app, Method::PATCH, actor, &self.path(""), body).await
            }
            other => panic!("nothing is known that takes {other}"),
        };
        assert!(status < 300 || body["reason"] == "role", "{permission}: {status} {body}");
        status < 300
    }
}

/// One room of each kind in which something can be set.
async fn places(app: &TestApp) -> Vec<Place> {
    let club = club(app).await;
    let admin = app.person("admin").await;
    app.sql("UPDATE account SET role = 'admin' WHERE username = 'admin'").await;
    let rooms = format!("/v1/clubs/{}/rooms", club.id);
    let board = json!({ "name": "board", "kind": "manager" });
    let board = app.rest.post(&club.owner.token, &rooms, &board).await;
    let trip = json!({ "name": "trip", "member_ids": [club.bob.id] });
    let trip = app.rest.post(&club.manager.token, "/v1/rooms", &trip).await;
    let id = |room: &Value| room["id"].as_str().unwrap().to_owned();
    let place = |room, keeper: &Person, actor: &Person, member: &Person, settable| Place {
        room,
        keeper: keeper.clone(),
        actor: actor.clone(),
        member: member.clone(),
        settable,
    };
    let (owner, manager, bob) = (&club.owner, &club.manager, &club.bob);
    vec![
        place(
            club.plans.clone(),
            owner,
            manager,
            bob,
            &["send", "react", "attach", "mention_all", "pin", "delete_others", "configure"],
        ),
        place(
            id(&board),
            owner,
            manager,
            owner,
            &["react", "attach", "mention_all", "pin", "delete_others", "configure"],
        ),
        place(
            id(&trip),
            manager,
            manager,
            bob,
            &[
                "send",
                "react",
                "attach",
                "mention_all",
                "pin",
                "delete_others",
                "invite",
                "kick",
                "mute",
            ],
        ),
        place(
            app.lobby(&admin).await,
            &admin,
            &admin,
            bob,
            &["send", "react", "attach", "mention_all", "pin", "delete_others", "kick", "mute"],
        ),
    ]
}

async fn whatever_can_be_set_changes_what_is_answered(app: &TestApp) {
    let mut newcomers = 0;
    for place in places(app).await {
        let shown = app.rest.get(&place.keeper.token, &place.path("/permissions")).await;
        assert_eq!(shown["settable"], json!(place.settable), "{}", place.room);
        for permission in place.settable {
            let strict = match *permission {
                "send" => "moderator",
                "configure" => "owner",
                _other => "nobody",
            };
            for (least, is_allowed) in [(None, true), (Some(strict), false), (None, true)] {
                newcomers += 1;
                let newcomer = app.person(&format!("newcomer{newcomers}")).await;
                place.set(app, permission, least).await;
                let may = place.may(app, permission, &newcomer).await;
                assert_eq!(may, is_allowed, "{permission} of {least:?} in {}", place.room);
            }
        }
    }
}

async fn what_no_call_obeys_cannot_be_set(app: &TestApp) {
    for place in places(app).await {
        let path = place.path("/permissions");
        let shown = app.rest.get(&place.keeper.token, &path).await;
        let all = shown["permissions"].as_object().unwrap();
        for permission in all.keys().filter(|name| !place.settable.contains(&name.as_str())) {
            for least in [json!("owner"), Value::Null] {
                let body = json!({ permission: least });
                let (status, body) = call(app, Method::PATCH, &place.keeper, &path, body).await;
                let error = &body["errors"][0];
                assert_eq!((status, &error["field"]), (422, &json!(permission)));
                let message = error["message"].as_str().unwrap();
                assert!(message.contains("the same in all rooms of this kind"), "{message}");
            }
        }
    }
    // What a room said before this was so means nothing, and is not shown.
    let owner = app.rest.register("said").await;
    let (club, plans) = app.club(&owner, "earlier").await;
    app.sql("UPDATE room SET permissions = 'kick=nobody invite=member pin=member'").await;
    let path = format!("/v1/rooms/{plans}/permissions");
    let shown = app.rest.get(&owner.token, &path).await;
    assert_eq!(shown["own"], json!(["pin"]));
    assert_eq!(
        (&shown["permissions"]["kick"], &shown["permissions"]["invite"]),
        (&json!("moderator"), &json!("nobody"))
    );
    let guest = app.person("guest").await;
    app.join(&guest, &club).await;
    let kick = format!("/v1/clubs/{club}/members/{}/kick", guest.id);
    assert_eq!(call(app, Method::POST, &owner, &kick, json!({})).await.0, 200);
}
