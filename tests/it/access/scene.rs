//! A room with its people: who came which way, who went which way, and what was said when.
//!
//! `before` is said first. Then those come who are to be inside, open the room, and say `own` and
//! `mine`. Then those go, or lose their voice, who are to. Then `now` is said, with the name of
//! everybody in it, edited, answered in a thread, reacted to and pinned. Blocks come before that; between
//! the two of a private room, where nothing could be said then, behind it.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::places::{ANONYMOUS, APART, Kind, Place};
use super::stage::Stage;
use crate::support::{Client, Person};

/// Somebody of whom the table speaks.
pub(super) struct Actor {
    pub(super) who: &'static str,
    pub(super) person: Person,
    /// What they wrote in the room, if they ever could: twice.
    pub(super) own: Vec<String>,
    /// Signed in, and with the room open since they were inside.
    pub(super) session: Option<Client>,
}

/// A room and all that is around it.
pub(super) struct Scene {
    pub(super) stage: Stage,
    pub(super) place: &'static Place,
    /// In every text of this scene.
    pub(super) t: String,
    /// The owner, the host, the other one of two.
    pub(super) keeper: Person,
    /// A member of no distinction; the keeper where there are two.
    pub(super) other: Person,
    pub(super) club: Option<String>,
    pub(super) room: String,
    pub(super) epoch: String,
    /// Messages by the other, by what they are called in the table.
    pub(super) messages: BTreeMap<&'static str, (String, i64)>,
    /// A run of the assistant, if one was asked for.
    pub(super) run: OnceCell<String>,
    /// Who has blocked whom, where that shuts the room.
    shut: Option<(Person, String)>,
}

impl Scene {
    /// Sets a scene with these people.
    pub(super) async fn set(
        stage: &Stage,
        place: &'static Place,
        cast: &[&'static str],
    ) -> (Self, Vec<Actor>) {
        let mut actors = Vec::new();
        for who in cast {
            let person = match *who {
                "admin" => stage.admin(),
                // Whose it is comes first.
                "bot" => continue,
                _plain => stage.person().await,
            };
            actors.push(Actor { who, person, own: Vec::new(), session: None });
        }
        let boss = actors.iter().find(|one| matches!(one.who, "owner" | "host"));
        let keeper = match boss {
            Some(boss) => boss.person.clone(),
            None if place.kind == Kind::Lobby => stage.admin(),
            None => stage.person().await,
        };
        // In the same order as without.
        if let Some(at) = cast.iter().position(|who| *who == "bot") {
            let person = stage.bot(&keeper).await;
            actors.insert(at, Actor { who: "bot", person, own: Vec::new(), session: None });
        }
        let is_pair = place.kind == Kind::Pair;
        let other = if is_pair { keeper.clone() } else { stage.person().await };
        let mut scene = Self {
            stage: stage.clone(),
            place,
            t: stage.word(),
            keeper,
            other,
            club: None,
            room: String::new(),
            epoch: String::new(),
            messages: BTreeMap::new(),
            run: OnceCell::new(),
            shut: None,
        };
        scene.build(&actors).await;
        let file = scene.upload("before").await;
        let mut files = vec![file.clone()];
        if place.name == "since" {
            let photo = scene.upload_photo().await;
            files.push(photo.clone());
            scene.messages.insert("photobefore", (photo, 0));
        }
        for (name, files) in [("older", vec![]), ("before", files)] {
            let body = json!({ "text": format!("{}before", scene.t), "files": files });
            scene.say(name, body).await;
        }
        scene.messages.insert("filebefore", (file, 0));
        scene.fill(&mut actors).await;
        (scene, actors)
    }

    /// Everybody comes, and some go; then it is talked.
    async fn fill(&mut self, actors: &mut [Actor]) {
        for actor in &mut *actors {
            self.enter(actor).await;
        }
        for actor in &mut *actors {
            self.part(actor).await;
        }
        self.close_doors().await;
        self.keep_apart(actors).await;
        self.talk(actors).await;
        self.shut = self.shut_by(actors);
        self.shut(Method::PUT).await;
    }

    /// Makes the room, with the other in it.
    async fn build(&mut self, actors: &[Actor]) {
        let name = format!("{}room", self.t);
        let made = match self.place.kind {
            Kind::Club => {
                self.found().await;
                let is_for_managers = self.place.name == "managers";
                let kind = if is_for_managers { "manager" } else { "member" };
                let history = if self.place.name == "since" { "since_join" } else { "all" };
                let topic = format!("{}topic", self.t);
                let body =
                    json!({ "name": name, "kind": kind, "history": history, "topic": topic });
                self.stage.post(&self.keeper, &self.of_club("rooms"), &body).await
            }
            Kind::Group => {
                let is_listed = self.place.name == "listed";
                let body =
                    json!({ "name": name, "listed": is_listed, "member_ids": [self.other.id] });
                self.stage.post(&self.keeper, "/v1/rooms", &body).await
            }
            Kind::Pair => {
                let peer = actors.iter().find(|actor| self.place.has("in", actor.who));
                let peer = match peer {
                    Some(actor) => actor.person.clone(),
                    None => self.stage.person().await,
                };
                self.stage.post(&self.keeper, "/v1/dms", &json!({ "user_id": peer.id })).await
            }
            Kind::Lobby => {
                let rooms = self.stage.rest.get(&self.keeper.token, "/v1/rooms").await;
                let rooms = rooms["items"].as_array().unwrap().clone();
                rooms.into_iter().find(|room| room["kind"] == "lobby").unwrap()
            }
        };
        self.room = text(&made["id"]);
        self.epoch = text(&made["epoch"]);
    }

    async fn found(&mut self) {
        let body = json!({ "name": format!("{}club", self.t) });
        let club = self.stage.post(&self.keeper, "/v1/clubs", &body).await;
        self.club = Some(text(&club["id"]));
        self.join(&self.other).await;
        if self.place.name == "managers" {
            self.give(&self.other, "manager").await;
        }
    }

    /// A path below the club.
    pub(super) fn of_club(&self, end: &str) -> String {
        format!("/v1/clubs/{}/{end}", self.club.as_deref().unwrap_or("c_0"))
    }

    /// A path below the room.
    pub(super) fn of_room(&self, end: &str) -> String {
        format!("/v1/rooms/{}/{end}", self.room).trim_end_matches('/').to_owned()
    }

    async fn join(&self, who: &Person) {
        self.stage.post(who, &self.of_club("join"), &json!({})).await;
    }

    pub(super) async fn give(&self, who: &Person, role: &str) {
        let path = self.of_club(&format!("members/{}", who.id));
        self.stage.patch(&self.keeper, &path, &json!({ "role": role })).await;
    }

    /// Brings somebody to where they may write, who may.
    async fn enter(&self, actor: &mut Actor) {
        let is_apart = matches!(actor.who, "stranger" | "admin") && self.place.kind != Kind::Lobby;
        if actor.who == ANONYMOUS {
            return;
        }
        let mut session = self.stage.session(&actor.person).await;
        if !is_apart {
            match self.place.kind {
                Kind::Club if actor.who != "owner" => {
                    self.join(&actor.person).await;
                    if actor.who == "manager" || self.place.name == "managers" && actor.who != "bot"
                    {
                        self.give(&actor.person, "manager").await;
                    }
                }
                Kind::Group if actor.who != "host" => {
                    let body = json!({ "user_ids": [actor.person.id] });
                    self.stage.post(&self.keeper, &self.of_room("members"), &body).await;
                }
                _inside_already => {}
            }
            let is_inside = !(self.place.name == "managers" && actor.who == "bot");
            if is_inside {
                session.open(&self.room).await;
                for word in ["own", "mine"] {
                    let body = json!({ "text": format!("{}{word}", self.t) });
                    let path = self.of_room("messages");
                    let sent = self.stage.post(&actor.person, &path, &body).await;
                    actor.own.push(text(&sent["id"]));
                }
            }
        }
        actor.session = Some(session);
    }

    /// Makes of a member what they are to be.
    async fn part(&self, actor: &mut Actor) {
        let id = &actor.person.id;
        let none = json!({});
        match (self.place.kind, actor.who) {
            (Kind::Club, "left") => {
                self.stage.post(&actor.person, &self.of_club("leave"), &none).await;
            }
            (Kind::Group | Kind::Lobby, "left") => {
                self.stage.post(&actor.person, &self.of_room("leave"), &none).await;
            }
            (Kind::Group | Kind::Lobby, "banned") => {
                let path = self.of_room(&format!("members/{id}/ban"));
                self.stage.post(&self.keeper, &path, &none).await;
            }
            (Kind::Group | Kind::Lobby, "muted") => {
                let path = self.of_room(&format!("members/{id}/mute"));
                self.stage.post(&self.keeper, &path, &json!({ "seconds": 3_600 })).await;
                // Going and coming back does not end it.
                if self.place.kind == Kind::Lobby {
                    for end in ["leave", "join"] {
                        self.stage.post(&actor.person, &self.of_room(end), &none).await;
                    }
                }
            }
            (Kind::Group | Kind::Lobby, "kicked") => {
                let path = self.of_room(&format!("members/{id}"));
                self.stage.must(&self.keeper, (Method::DELETE, &path), &none).await;
            }
            (Kind::Club, "kicked") => {
                let path = self.of_club(&format!("members/{id}/kick"));
                self.stage.post(&self.keeper, &path, &none).await;
            }
            (Kind::Club, "banned") => {
                let path = self.of_club(&format!("members/{id}/ban"));
                self.stage.post(&self.keeper, &path, &none).await;
            }
            (Kind::Club, "muted") => {
                let path = self.of_club(&format!("members/{id}/mute"));
                self.stage.post(&self.keeper, &path, &json!({ "seconds": 3_600 })).await;
                // Going and coming back does not end it.
                if self.place.name == "club" {
                    self.stage.post(&actor.person, &self.of_club("leave"), &none).await;
                    self.join(&actor.person).await;
                }
            }
            // Nor does it change what an admin is.
            (Kind::Lobby, "admin") => {
                for end in ["leave", "join"] {
                    self.stage.post(&actor.person, &self.of_room(end), &none).await;
                }
            }
            (Kind::Club, "member") if self.place.name == "managers" => {
                self.give(&actor.person, "member").await;
            }
            _stays => {}
        }
    }

    /// Blocks, where something can be said behind them.
    async fn keep_apart(&self, actors: &[Actor]) {
        for actor in actors.iter().filter(|one| APART.contains(&one.who)) {
            if self.place.kind != Kind::Pair {
                let (by, on) = self.block_of(actor);
                self.set_block(Method::PUT, &by, &on).await;
            }
        }
    }

    /// Who has blocked whom in a room of two.
    fn shut_by(&self, actors: &[Actor]) -> Option<(Person, String)> {
        let apart = actors.iter().find(|one| APART.contains(&one.who));
        apart.filter(|_one| self.place.kind == Kind::Pair).map(|one| self.block_of(one))
    }

    /// Who blocks whom, that somebody is apart from the other.
    fn block_of(&self, actor: &Actor) -> (Person, String) {
        match actor.who {
            "blocked" => (self.other.clone(), actor.person.id.clone()),
            _blocker => (actor.person.clone(), self.other.id.clone()),
        }
    }

    async fn set_block(&self, method: Method, by: &Person, on: &str) {
        let path = format!("/v1/users/{on}/block");
        self.stage.must(by, (method, &path), &json!({})).await;
    }

    /// Shuts the room of a pair that is apart, or opens it for a moment.
    pub(super) async fn shut(&self, method: Method) {
        if let Some((by, on)) = &self.shut {
            self.set_block(method, by, on).await;
        }
    }

    async fn set_visibility(&self, word: &str) {
        let path = format!("/v1/clubs/{}", self.club.as_deref().unwrap());
        let policy = if word == "public" { "open" } else { "invite" };
        let body = json!({ "visibility": word, "join_policy": policy });
        self.stage.patch(&self.keeper, &path, &body).await;
    }

    /// Nobody joins a private club in this release, so it becomes one when all are in it.
    async fn close_doors(&self) {
        if self.place.name == "closed" {
            self.set_visibility("private").await;
        }
    }

    /// Brings in somebody of whom no table speaks.
    pub(super) async fn bring(&self, person: &Person) {
        match self.place.kind {
            Kind::Club => {
                let is_closed = self.place.name == "closed";
                if is_closed {
                    self.set_visibility("public").await;
                }
                self.join(person).await;
                if is_closed {
                    self.set_visibility("private").await;
                }
                if self.place.name == "managers" {
                    self.give(person, "manager").await;
                }
            }
            Kind::Group => {
                let body = json!({ "user_ids": [person.id] });
                self.stage.post(&self.keeper, &self.of_room("members"), &body).await;
            }
            Kind::Pair | Kind::Lobby => {}
        }
    }

    /// The other says something, to be found under a name.
    pub(super) async fn say(&mut self, name: &'static str, body: Value) -> String {
        let sent = self.stage.post(&self.other, &self.of_room("messages"), &body).await;
        let id = text(&sent["id"]);
        self.messages.insert(name, (id.clone(), sent["seq"].as_i64().unwrap()));
        id
    }

    /// A path below a message of the other.
    pub(super) fn of_message(&self, name: &str, end: &str) -> String {
        self.of_room(&format!("messages/{}{end}", self.messages[name].0))
    }

    async fn talk(&mut self, actors: &[Actor]) {
        let called: Vec<_> = actors.iter().map(|one| format!("@{}", one.person.name)).collect();
        let called = called.join(" ");
        self.say("other", json!({ "text": format!("{}now {called}", self.t) })).await;
        let body = json!({ "text": format!("{}now again {called}", self.t) });
        self.stage.patch(&self.other, &self.of_message("other", ""), &body).await;
        let thread = self.messages["other"].0.clone();
        let reply = format!("{}now {}reply", self.t, self.t);
        self.say("reply", json!({ "text": reply, "thread": thread })).await;
        for end in ["/reactions/👍", "/pin"] {
            let path = self.of_message("other", end);
            self.stage.must(&self.keeper, (Method::PUT, &path), &json!({})).await;
        }
        let seq = json!({ "seq": self.messages["other"].1 });
        self.stage.post(&self.keeper, &self.of_room("read"), &seq).await;
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
