//! Everything through which somebody may hear of a room, and what came through it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::places::{ANONYMOUS, Place};
use super::scene::{Actor, Scene};
use super::table::Audience;
use crate::support::{Client, Closed, Person, Sse};

/// Told to all sessions when the server ends: everything else has happened by then.
pub(super) const DRAIN: &str = "drain";

/// What is said so that too much is said.
pub(super) const WIDE: &str = "wide";

/// Somebody who listens with all they have.
pub(super) struct Ears {
    pub(super) who: &'static str,
    pub(super) person: Person,
    /// Was inside with the room open, where they ever were.
    pub(super) open: Client,
    /// Opens nothing: it hears of heads, and of what is its user's.
    head: Option<Client>,
    inbox: Option<Sse>,
    /// The stream of the room, or why there is none.
    stream: Result<Sse, u16>,
    heard: Vec<Value>,
}

impl Ears {
    /// Pricks up the ears of somebody.
    pub(super) async fn of(scene: &Scene, actor: Actor) -> Self {
        let Actor { who, person, session, .. } = actor;
        let stage = &scene.stage;
        let mut heard = vec![json!({ "ev": "hello" })];
        let path = scene.of_room("events");
        let Some(mut open) = session else {
            let open = Client::connect(stage.address).await;
            let stream = Sse::open_with(&stage.rest, &path, &[]).await;
            return Self { who, person, open, head: None, inbox: None, stream, heard };
        };
        // What was on its way before is not of now.
        open.request(json!({ "op": "ping" })).await;
        open.heard();
        let mut head = stage.session(&person).await;
        heard.push(head.expect("auth").await);
        let inbox = Sse::open(&stage.rest, &person.token, "/v1/inbox/events").await;
        let bearer = format!("Bearer {}", person.token);
        let stream =
            Sse::open_with(&stage.rest, &path, &[("authorization", bearer.as_str())]).await;
        Self { who, person, open, head: Some(head), inbox: Some(inbox), stream, heard }
    }

    /// Somebody who is to come in: they have sockets and no room.
    pub(super) async fn of_newcomer(scene: &Scene, person: Person) -> Self {
        let open = scene.stage.session(&person).await;
        let actor = Actor { who: "newcomer", person, own: Vec::new(), session: Some(open) };
        Self::of(scene, actor).await
    }

    /// The stream of who has come in.
    pub(super) async fn stream_too(&mut self, scene: &Scene) {
        let path = scene.of_room("events");
        self.stream = Ok(Sse::open(&scene.stage.rest, &self.person.token, &path).await);
    }

    /// Whether they are in, early or late.
    fn is_in(&self, scene: &Scene) -> bool {
        scene.place.has("in", self.who) || self.who == "newcomer"
    }

    /// Hears on the stream of the room up to a seq. A stream that is not read would only end.
    pub(super) async fn leave_stream(&mut self, scene: &Scene, upto: i64) {
        if !self.is_in(scene) {
            return;
        }
        let Ok(stream) = &mut self.stream else { return };
        while let Some(event) = stream.try_next().await {
            let is_last = event.data["seq"] == upto;
            self.heard.push(event.data);
            if is_last {
                break;
            }
        }
        self.stream = Err(0);
    }

    /// Reads what waits, of a room in which much was said up to a seq, and is level again.
    pub(super) async fn read_on(&mut self, scene: &Scene, upto: i64) {
        let _closed = self.open.try_request(json!({ "op": "ping" })).await;
        if !self.is_in(scene) {
            return;
        }
        let wide = format!("{}{WIDE}", scene.t);
        self.open.forget(|line| says(line, &wide));
        let since = json!({ "epoch": scene.epoch, "seq": upto });
        self.open.ok(json!({ "op": "open", "room": scene.room, "since": since })).await;
        self.stream_too(scene).await;
    }

    /// Asks for all that there is, from here on or from any position. Whoever is not in asks for
    /// what they should not, in every way there is; gives what was granted all the same.
    pub(super) async fn guess(&mut self, scene: &Scene, seq: i64) -> Vec<String> {
        let room = &scene.room;
        let since = json!({ "epoch": scene.epoch, "seq": seq });
        let open = json!({ "op": "open", "room": room, "since": since });
        if self.is_in(scene) {
            self.open.ok(open).await;
            self.open.say(&json!({ "at": { room: 0 } }).to_string()).await;
            return Vec::new();
        }
        let asked = [
            open,
            json!({ "op": "open", "room": room }),
            json!({ "op": "open", "room": room, "since": { "epoch": scene.epoch, "seq": 0 } }),
            json!({ "op": "pull", "room": room, "after": 0 }),
            json!({ "op": "typing", "room": room }),
            json!({ "op": "read", "room": room, "seq": seq }),
            json!({ "op": "unread", "room": room, "seq": 1 }),
            json!({ "op": "send", "room": room, "text": "let me in" }),
        ];
        let mut granted = Vec::new();
        for ask in asked {
            // Who never signs in is sent away at last.
            let Ok(reply) = self.open.try_request(ask.clone()).await else { break };
            if reply["err"].is_null() {
                granted.push(format!("{} × {}: {ask}: {reply}", scene.place.name, self.who));
            }
        }
        let at = json!({ "at": { room: 0 } }).to_string();
        if self.who != ANONYMOUS {
            self.open.say(&at).await;
        }
        granted
    }

    /// Waits for an event of the room where it is open.
    pub(super) async fn hear(&mut self, scene: &Scene, ev: &str) -> Value {
        let is_meant = |line: &Value| line["ev"] == ev && line["room"] == *scene.room;
        let line = self.open.wait_for(is_meant).await;
        self.heard.push(line.clone());
        line
    }

    /// Asks the assistant three times: it answers once and is not done yet, has one that waits and
    /// one too many. The runs that are to be stopped, the one that waits first.
    pub(super) async fn ask(&mut self, scene: &Scene) -> [Value; 2] {
        let send = |word: &str| {
            let text = format!("@ai {}{word}", scene.t);
            json!({ "op": "send", "room": scene.room, "text": text })
        };
        self.open.ok(send("asked")).await;
        let run = self.hear(scene, "ai.start").await["d"]["run"].clone();
        self.hear(scene, "ai.delta").await;
        self.open.ok(send("asked again")).await;
        let waits = self.hear(scene, "ai.wait").await["run"].clone();
        self.open.ok(send("asked too often")).await;
        self.hear(scene, "ai.refused").await;
        [waits, run]
    }

    /// Has heard enough of the assistant.
    pub(super) async fn stop(&mut self, scene: &Scene, runs: &[Value]) {
        for run in runs {
            self.open.ok(json!({ "op": "ai.stop", "run": run })).await;
        }
        self.hear(scene, "ai.end").await;
    }

    /// Waits until somebody comes online, which is told once a second.
    pub(super) async fn meet_another(&mut self, scene: &Scene) {
        let is_diff = |line: &Value| line["ev"] == "presence.diff" && line["room"] == *scene.room;
        self.heard.push(self.open.wait_for(is_diff).await);
    }

    /// Waits for the end of all that was on its way, which is told in a room that all of them share.
    pub(super) async fn settle(&mut self, scene: &Scene, end: &End) {
        let Some(head) = &mut self.head else {
            let _closed = self.open.try_request(json!({ "op": "ping" })).await;
            self.heard.extend(self.open.heard());
            return;
        };
        let is_last = |line: &Value| {
            line["ev"] == "room.head" && line["room"] == *end.room && line["head"] == end.head
        };
        self.heard.push(head.wait_for(is_last).await);
        self.heard.extend(head.heard());
        let is_end = |line: &Value| line["ev"] == "msg.new" && line["room"] == *end.room;
        self.heard.push(self.open.wait_for(|line| is_end(line) && says(line, &end.text)).await);
        if scene.place.has("in", self.who) {
            self.meet_another(scene).await;
        }
        self.heard.extend(self.open.heard());
        if let Some(inbox) = &mut self.inbox {
            loop {
                let event = inbox.next().await.data;
                let is_end = event["d"]["room"] == *end.room;
                self.heard.push(event);
                if is_end {
                    break;
                }
            }
        }
        if let Ok(stream) = &mut self.stream {
            while let Some(event) = stream.try_next().await {
                let is_last = says(&event.data, &end.last) && self.who != "newcomer";
                self.heard.push(event.data);
                if is_last {
                    break;
                }
            }
        }
    }

    /// The names of events that are about the room, or about no room.
    pub(super) fn events(&self, scene: &Scene) -> BTreeSet<String> {
        let is_told = |line: &&Value| {
            let rooms = [&line["room"], &line["room"]["room"], &line["d"]["room"]];
            let is_elsewhere = rooms.iter().any(|room| room.is_string());
            !is_elsewhere || rooms.iter().any(|room| **room == *scene.room)
        };
        let told = self.heard.iter().filter(is_told);
        told.filter_map(|line| line["ev"].as_str().map(str::to_owned)).collect()
    }

    /// What was heard and must not have been: a word of the room, or its id.
    pub(super) fn leaks(&self, scene: &Scene) -> Vec<String> {
        let Scene { place, room, t, .. } = scene;
        let room = format!("\"{room}\"");
        let late = format!("{t}after");
        let is_leak = |line: &str| match self.who {
            "newcomer" => line.contains(&late),
            who if place.has("in", who) => {
                place.has("late", who) && line.contains(&format!("{t}before"))
            }
            _outside => line.contains(t.as_str()) || line.contains(&room),
        };
        let lines = self.heard.iter().map(Value::to_string).filter(|line| is_leak(line));
        lines.map(|line| format!("{} × {} hears {line}", place.name, self.who)).collect()
    }

    /// Waits for the end of the server, which is told on both sockets of whoever has signed in.
    pub(super) async fn drained(mut self, table: &[Audience]) {
        let Some(mut head) = self.head.take() else { return };
        let row = table.iter().find(|row| row.event == DRAIN).unwrap();
        assert!(row.is_for_all(), "nobody is left out when a server ends");
        for session in [&mut self.open, &mut head] {
            session.expect(DRAIN).await;
            assert_eq!(session.expect_close().await, Closed { code: 4001 });
        }
    }

    /// Why there is no stream of the room, if there is none.
    pub(super) fn is_shut_out(&self) -> bool {
        self.stream.is_err()
    }

    /// Who are to hear what: `in` is for who came in meanwhile as well.
    pub(super) fn are_of(&self, place: &'static Place, sets: &[String]) -> bool {
        let is_meant = |set: &String| match self.who {
            "newcomer" => ["in", "all", "newcomer"].contains(&set.as_str()),
            who => place.has(set, who),
        };
        sets.iter().any(is_meant)
    }
}

/// What is told last.
pub(super) struct End {
    /// In the room that all share, with this text, when this was its head.
    pub(super) room: String,
    pub(super) text: String,
    pub(super) head: i64,
    /// In the room itself.
    pub(super) last: String,
}

fn says(line: &Value, text: &str) -> bool {
    line["d"]["text"].as_str().is_some_and(|said| said.contains(text))
}
