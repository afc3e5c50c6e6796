//! Whatever is done, in whatever order: the same state for who hears it live, for who comes back again
//! and again, and for who reads it afterwards.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{Circle, circle, edit, on, react};
use crate::support::{Client, Model, Person, TestApp, on_both};

on_both!(live_resumed_and_read_are_one_state);

const EMOJI: [&str; 4] = ["👍", "🎉", "❤️", "👩\u{200d}🚀"];

/// What happens next; messages are meant by their place among all so far.
#[derive(Debug, Clone)]
enum Step {
    Send(usize, Option<usize>),
    Edit(usize, usize),
    Delete(usize, usize),
    DeleteMany(usize, usize),
    React(usize, usize, usize),
    Unreact(usize, usize, usize),
    Pin(usize),
    Unpin(usize),
    /// All that was asked is answered.
    Settle,
    /// Who comes and goes loses the connection, having heard some.
    Cut(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let (who, which) = (0..3_usize, 0..1_000_usize);
    prop_oneof![
        6 => (who.clone(), prop::option::weighted(0.3, which.clone()))
            .prop_map(|(who, thread)| Step::Send(who, thread)),
        4 => (who.clone(), which.clone()).prop_map(|(who, of)| Step::Edit(who, of)),
        2 => (who.clone(), which.clone()).prop_map(|(who, of)| Step::Delete(who, of)),
        1 => (which.clone(), which.clone()).prop_map(|(a, b)| Step::DeleteMany(a, b)),
        6 => (who.clone(), which.clone(), 0..4_usize).prop_map(|(w, of, e)| Step::React(w, of, e)),
        3 => (who, which.clone(), 0..4_usize).prop_map(|(w, of, e)| Step::Unreact(w, of, e)),
        2 => which.clone().prop_map(Step::Pin),
        1 => which.prop_map(Step::Unpin),
        2 => Just(Step::Settle),
        2 => (0..6_i64).prop_map(Step::Cut),
    ]
}

/// Everybody who acts, and what they know of the messages by then.
struct World {
    room: String,
    people: [Person; 3],
    sessions: Vec<Client>,
    asked: Vec<(usize, u32)>,
    ids: Vec<Value>,
}

impl World {
    fn id(&self, of: usize) -> Value {
        self.ids[of % self.ids.len()].clone()
    }

    async fn ask(&mut self, who: usize, op: Value) {
        let re = self.sessions[who].begin(op).await;
        self.asked.push((who, re));
    }

    /// Waits for all answers; some are refusals, for what was deleted or is another's.
    async fn settle(&mut self) {
        for (who, re) in std::mem::take(&mut self.asked) {
            let answer = self.sessions[who].reply(re).await;
            if answer["ok"]["id"].is_string() {
                self.ids.push(answer["ok"]["id"].clone());
            }
            let allowed = ["not_author", "deleted", "no_such_thread"];
            let reason = &answer["err"]["reason"];
            let is_allowed = allowed.iter().any(|why| reason == why);
            assert!(answer["err"].is_null() || is_allowed, "{answer}");
        }
    }

    async fn step(&mut self, number: usize, step: &Step) {
        let room = self.room.clone();
        if self.ids.is_empty() && !matches!(step, Step::Send(..)) {
            return self.settle().await;
        }
        match *step {
            Step::Send(who, thread) => {
                let text = format!("text {number}");
                let mut op = json!({ "op": "send", "room": room, "text": text });
                if let Some(of) = thread.filter(|_of| !self.ids.is_empty()) {
                    op["thread"] = self.id(of);
                }
                self.ask(who, op).await;
            }
            Step::Edit(who, of) => {
                self.ask(who, edit(&room, &self.id(of), &format!("edit {number}"))).await;
            }
            Step::Delete(who, of) => self.ask(who, on("delete", &room, &self.id(of))).await,
            Step::DeleteMany(a, b) => {
                let messages = json!([self.id(a), self.id(b)]);
                let op = json!({ "op": "delete.many", "room": room, "messages": messages });
                self.ask(0, op).await;
            }
            Step::React(who, of, emoji) => {
                self.ask(who, react("react", &room, &self.id(of), EMOJI[emoji])).await;
            }
            Step::Unreact(who, of, emoji) => {
                self.ask(who, react("unreact", &room, &self.id(of), EMOJI[emoji])).await;
            }
            Step::Pin(of) => self.ask(0, on("pin", &room, &self.id(of))).await,
            Step::Unpin(of) => self.ask(0, on("unpin", &room, &self.id(of))).await,
            Step::Settle | Step::Cut(_) => self.settle().await,
        }
    }
}

/// Somebody who applies events.
struct Listener {
    person: Person,
    client: Client,
    model: Model,
    epoch: String,
}

impl Listener {
    async fn open(app: &TestApp, person: &Person, room: &str) -> Self {
        let (mut client, mut model) = (app.session(person).await, Model::new(&person.id));
        let opened = client.open(room).await;
        model.open(&opened["snapshot"]);
        let epoch = opened["epoch"].as_str().unwrap().to_owned();
        Self { person: person.clone(), client, model, epoch }
    }

    /// Applies the log up to a seq.
    async fn hear(&mut self, upto: i64) {
        while self.model.seq < upto {
            let is_next = |line: &Value| line["seq"].is_i64() && line["room"].is_string();
            let event = self.client.wait_for(|line| is_next(line) && line["d"].is_object()).await;
            self.model.apply(&event);
        }
    }

    /// Goes and comes back.
    async fn cut(&mut self, app: &TestApp, room: &str) {
        self.client = app.session(&self.person).await;
        let opened = self.client.open_since(room, &self.epoch, self.model.seq).await;
        assert_eq!(opened["resumed"], true);
    }
}

/// Shown of a test that fails.
#[expect(clippy::print_stdout, reason = "that is how a test says so")]
fn show(steps: &[Step]) {
    println!("{steps:?}");
}

async fn live_resumed_and_read_are_one_state(app: &TestApp) {
    let Circle { mina, bob, carol, room } = circle(app).await;
    let steps = prop::collection::vec(step(), 120..160);
    let steps = steps.new_tree(&mut TestRunner::default()).unwrap().current();
    show(&steps);
    let people = [mina, bob, carol];
    let mut sessions = Vec::new();
    for person in &people {
        sessions.push(app.session(person).await);
    }
    let (asked, ids) = (Vec::new(), Vec::new());
    let mut world = World { room: room.clone(), people, sessions, asked, ids };
    let mut live = Listener::open(app, &world.people[1], &room).await;
    let mut coming = Listener::open(app, &world.people[2], &room).await;
    for (number, step) in steps.iter().enumerate() {
        world.step(number, step).await;
        if let Step::Cut(some) = step {
            let head = app.rest.get(&world.people[0].token, &format!("/v1/rooms/{room}")).await;
            let upto = head["head"].as_i64().unwrap().min(coming.model.seq + some);
            coming.hear(upto).await;
            coming.cut(app, &room).await;
        }
    }
    world.settle().await;
    let last = world.sessions[0].send(&room, "last", "the end").await;
    let head = last["seq"].as_i64().unwrap();
    for listener in [&mut live, &mut coming] {
        listener.hear(head).await;
        let (me, model) = (&listener.person, &listener.model);
        let path = format!("/v1/rooms/{room}/messages?limit=200");
        let list = app.rest.get(&me.token, &path).await;
        let mut read = Model::new(&me.id);
        read.take(list["items"].as_array().unwrap());
        for (seq, message) in &read.messages {
            assert_eq!(model.messages.get(seq), Some(message));
        }
        assert_eq!(read.messages.len(), model.messages.len());
        // Opened anew, and replayed from the beginning.
        let opened = Listener::open(app, me, &room).await;
        for (seq, message) in &opened.model.messages {
            assert_eq!(model.messages.get(seq), Some(message));
        }
        let model = Model::new(&me.id);
        let mut replayed = Listener { model, ..opened };
        replayed.cut(app, &room).await;
        replayed.hear(head).await;
        assert_eq!(replayed.model, listener.model);
    }
}
