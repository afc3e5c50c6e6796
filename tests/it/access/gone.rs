//! Whoever loses a room loses it at once: whatever they have open hears nothing of what is said
//! behind the answer of the call that took it away, and nothing can be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::cells::{Doors, outcome};
use super::places::{ANONYMOUS, Kind, Place};
use super::scene::{Actor, Scene, text};
use super::stage::Stage;
use crate::support::{Client, Closed, Person, Sse};

/// How many words are said behind the answer.
const WORDS: usize = 5;

/// A way to lose a room.
pub(super) struct Way {
    pub(super) name: &'static str,
    places: &'static str,
    who: &'static str,
    /// Who they are from then on.
    then: &'static str,
}

impl Way {
    /// What is answered from then on.
    fn outcome(&self) -> &'static str {
        match self.then {
            ANONYMOUS => "unauthorized",
            "banned" => "banned",
            _out => "not_found",
        }
    }
}

const fn way(
    name: &'static str,
    places: &'static str,
    who: &'static str,
    then: &'static str,
) -> Way {
    Way { name, places, who, then }
}

/// Every way there is.
pub(super) const WAYS: &[Way] = &[
    way("kick", "club closed since", "member", "kicked"),
    way("kick", "managers", "manager", "kicked"),
    way("ban", "club closed since", "member", "banned"),
    way("ban", "managers", "manager", "banned"),
    way("demote", "managers", "manager", "member"),
    way("leave", "club closed since group listed lobby", "member", "left"),
    way("leave", "managers", "manager", "left"),
    way("put out", "group listed lobby", "member", "kicked"),
    way("ban from the room", "group listed lobby", "member", "banned"),
    way("delete the room", "club closed since group listed", "member", "stranger"),
    way("delete the club", "club closed since", "member", "stranger"),
    way("sign out", "club dm lobby", "member", ANONYMOUS),
    way("erase the account", "club dm group lobby", "member", ANONYMOUS),
    way("end the device", "club", "member", ANONYMOUS),
    way("set a new password", "club", "member", ANONYMOUS),
];

/// Somebody goes this way, wherever it leads out; what they heard or got all the same.
pub(super) async fn differences(stage: &Stage, way: &Way) -> Vec<String> {
    let mut found = Vec::new();
    for place in way.places.split(' ').map(Place::named) {
        let said = goes(stage, place, way).await;
        found.extend(said.into_iter().map(|said| format!("{} × {}: {said}", place.name, way.name)));
    }
    found
}

async fn goes(stage: &Stage, place: &'static Place, way: &Way) -> Vec<String> {
    let (scene, mut actors) = Scene::set(stage, place, &[way.who]).await;
    let scene = Arc::new(scene);
    let actor = &mut actors[0];
    let commons = commons(&scene, &actor.person).await;
    let mut open = actor.session.take().unwrap();
    open.open(&commons).await;
    let mut head = stage.session(&actor.person).await;
    let path = scene.of_room("events");
    let mut stream = Sse::open(&stage.rest, &actor.person.token, &path).await;
    let doors = Doors::of(&scene, actor).await;
    let talk = Talk::begin(&scene);
    talk.goes_on(WORDS).await;
    scene.lose(actor, way.name).await;
    talk.is_behind.store(true, Ordering::Release);
    talk.goes_on(WORDS).await;
    talk.end().await;

    let gone = format!("{}gone", scene.t);
    let mut heard = Vec::new();
    for event in stream.rest().await {
        heard.push(event.data.to_string());
    }
    if way.then == ANONYMOUS {
        for session in [open, head] {
            heard.extend(until_closed(session).await);
        }
    } else {
        heard.extend(until_told(&scene, &commons, [&mut open, &mut head]).await);
        // It had the room open, and asks on.
        actor.session = Some(open);
    }
    let mut found: Vec<_> = heard.into_iter().filter(|line| line.contains(&gone)).collect();
    found.extend(doors.are_shut((&*scene, &mut *actor), (way.then, &gone)).await);
    let search = format!("/v1/search?q={gone}");
    let answer = stage.rest.send(Method::GET, Some(&actor.person.token), &search, None).await;
    let body = answer.text().await.unwrap();
    if outcome(&body) != way.outcome() && body.contains(&gone) {
        found.push(format!("finds {body}"));
    }
    found
}

async fn commons(scene: &Scene, person: &Person) -> String {
    let body = json!({ "name": "commons", "member_ids": [person.id] });
    text(&scene.stage.post(&scene.other, "/v1/rooms", &body).await["id"])
}

/// What a session hears until it is closed for good.
async fn until_closed(mut session: Client) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        match session.line().await {
            Ok(line) => heard.push(line.to_string()),
            Err(closed) => {
                assert_eq!(closed, Closed { code: 4501 });
                return heard;
            }
        }
    }
}

/// What sessions hear until they are told something else, and what was on its way has come.
async fn until_told(scene: &Scene, commons: &str, [open, head]: [&mut Client; 2]) -> Vec<String> {
    let path = format!("/v1/rooms/{commons}/messages");
    scene.stage.post(&scene.other, &path, &json!({ "text": "the end" })).await;
    let mut heard = Vec::new();
    for (session, ev) in [(open, "msg.new"), (head, "room.head")] {
        session.wait_for(|line| line["ev"] == ev && line["room"] == commons).await;
        session.ok(json!({ "op": "ping" })).await;
        heard.extend(session.heard().iter().map(Value::to_string));
    }
    heard
}

/// Somebody who does not stop talking.
struct Talk {
    /// What is said from here on nobody who is gone may hear.
    is_behind: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    said: Arc<AtomicUsize>,
    talking: JoinHandle<()>,
}

impl Talk {
    fn begin(scene: &Arc<Scene>) -> Self {
        let (is_behind, is_over) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let said = Arc::<AtomicUsize>::default();
        let scene = Arc::clone(scene);
        let shared = (Arc::clone(&is_behind), Arc::clone(&is_over), Arc::clone(&said));
        let talking = tokio::spawn(async move {
            let (is_behind, is_over, said) = shared;
            while !is_over.load(Ordering::Acquire) {
                let word = if is_behind.load(Ordering::Acquire) { "gone" } else { "still" };
                scene.utter(word).await;
                said.fetch_add(1, Ordering::AcqRel);
            }
        });
        Self { is_behind, is_over, said, talking }
    }

    /// Waits until some more was said, begun after this was asked.
    async fn goes_on(&self, words: usize) {
        let wanted = self.said.load(Ordering::Acquire) + words + 1;
        while self.said.load(Ordering::Acquire) < wanted {
            tokio::task::yield_now().await;
        }
    }

    async fn end(self) {
        self.is_over.store(true, Ordering::Release);
        self.talking.await.unwrap();
    }
}

impl Scene {
    /// Says something, changes it and points to it. Where the room has ended that is refused.
    async fn utter(&self, word: &str) {
        let said = json!({ "text": format!("{}{word}", self.t) });
        let send = async |method: Method, end: &str| {
            let path = self.of_room(end);
            self.stage.rest.send(method, Some(&self.other.token), &path, Some(&said)).await
        };
        let sent: Value = send(Method::POST, "messages").await.json().await.unwrap_or_default();
        let Some(id) = sent["id"].as_str() else { return };
        send(Method::PATCH, &format!("messages/{id}")).await;
        send(Method::PUT, &format!("messages/{id}/reactions/🎉")).await;
    }

    /// The call that takes the room away.
    async fn lose(&self, actor: &Actor, how: &str) {
        let (id, none) = (&actor.person.id, json!({}));
        let keeper = async |method: Method, path: String| {
            self.stage.must(&self.keeper, (method, &path), &none).await;
        };
        let own = async |method: Method, path: &str, body: Value| {
            self.stage.must(&actor.person, (method, path), &body).await;
        };
        match how {
            "kick" | "ban" => {
                keeper(Method::POST, self.of_club(&format!("members/{id}/{how}"))).await;
            }
            "ban from the room" => {
                keeper(Method::POST, self.of_room(&format!("members/{id}/ban"))).await;
            }
            "demote" => self.give(&actor.person, "member").await,
            "leave" if self.place.kind == Kind::Club => {
                own(Method::POST, &self.of_club("leave"), json!({})).await;
            }
            "leave" => own(Method::POST, &self.of_room("leave"), json!({})).await,
            "put out" => keeper(Method::DELETE, self.of_room(&format!("members/{id}"))).await,
            "delete the room" => keeper(Method::DELETE, self.of_room("")).await,
            "delete the club" => {
                keeper(Method::DELETE, self.of_club("").trim_end_matches('/').to_owned()).await;
            }
            "sign out" => own(Method::POST, "/v1/auth/logout", json!({})).await,
            "erase the account" => {
                own(Method::DELETE, "/v1/me", json!({ "password": "correct horse" })).await;
            }
            elsewhere => self.lose_elsewhere(actor, elsewhere).await,
        }
    }

    /// Another device of the same user ends this one.
    async fn lose_elsewhere(&self, actor: &Actor, how: &str) {
        let there = self.login(actor).await;
        let (method, path, body) = match how {
            "end the device" => (Method::DELETE, "/v1/me/devices", json!({})),
            "set a new password" => {
                let body = json!({ "old": "correct horse", "new": "battery staple" });
                (Method::PUT, "/v1/me/password", body)
            }
            other => panic!("no way out: {other}"),
        };
        self.stage.must(&there, (method, path), &body).await;
    }
}
