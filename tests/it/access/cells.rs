//! Every cell of the table, asked over HTTP and WebSocket. What differs is gathered and told at once.

use std::sync::Arc;

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::places::{ANONYMOUS, PLACES, Place};
use super::scene::{Actor, Scene};
use super::stage::Stage;
use super::table::{Ask, Row, filled, names, read};
use super::{CALLS, OPS};
use crate::support::{Client, TestApp};

/// Scenes that are played at once.
const AT_ONCE: usize = 8;

/// What came back.
struct Answer {
    outcome: String,
    body: String,
}

/// Asks everything; what is not as the table says.
pub(super) async fn differences(app: &TestApp, rows: Vec<Row>) -> Vec<String> {
    let (stage, rows) = (Stage::new(app).await, Arc::new(rows));
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut scenes = JoinSet::new();
    for (place, who, alone) in scripts(&rows) {
        let (stage, rows, turns) = (stage.clone(), Arc::clone(&rows), Arc::clone(&turns));
        scenes.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            play(&stage, &rows, (place, who, alone)).await
        });
    }
    let mut all = Vec::new();
    while let Some(found) = scenes.join_next().await {
        all.extend(found.unwrap());
    }
    all.sort();
    all
}

/// A scene for each kind of room and person, and one more for each row that changes it.
fn scripts(rows: &[Row]) -> Vec<(&'static Place, &'static str, Option<usize>)> {
    let mut scripts = Vec::new();
    for place in PLACES {
        for who in place.people() {
            scripts.push((place, who, None));
            let alone = rows.iter().enumerate().filter(|(_, row)| is_alone(row, place, who));
            scripts.extend(alone.map(|(at, _row)| (place, who, Some(at))));
        }
    }
    scripts
}

fn is_alone(row: &Row, place: &'static Place, who: &str) -> bool {
    row.is_alone && row.is_at(place) && row.outcome(place, who) == "ok"
}

async fn play(
    stage: &Stage,
    rows: &[Row],
    (place, who, alone): (&'static Place, &'static str, Option<usize>),
) -> Vec<String> {
    let (scene, mut actors) = Scene::set(stage, place, &[who]).await;
    let actor = &mut actors[0];
    let mut found = Vec::new();
    let is_played = |at: usize, row: &Row| match alone {
        Some(only) => at == only,
        None => row.is_at(place) && !is_alone(row, place, who),
    };
    for (at, row) in rows.iter().enumerate() {
        if is_played(at, row) {
            found.extend(differs(&scene, actor, row).await);
        }
    }
    found
}

/// What is wrong with the answer to one cell.
async fn differs(scene: &Scene, actor: &mut Actor, row: &Row) -> Option<String> {
    let (place, who) = (scene.place, actor.who);
    let wanted = row.outcome(place, who);
    let look = fill(scene, actor, &row.look).await;
    let Answer { outcome, body } = ask(scene, actor, row).await;
    let is_right = match wanted {
        "sees" => outcome == "ok" && body.contains(&look),
        "blind" => outcome == "ok" && !body.contains(&look),
        other => outcome == other,
    };
    let leak = secrets(scene, who).into_iter().find(|secret| body.contains(secret));
    let cell = format!("{} × {who}: {}", place.name, row.line);
    match leak {
        Some(secret) => Some(format!("{cell}: must not say {secret}: {body}")),
        None if is_right => None,
        None => Some(format!("{cell}: wanted {wanted}, got {outcome} {body:.300}")),
    }
}

/// Words that no answer to somebody may hold, whatever they ask.
pub(super) fn secrets(scene: &Scene, who: &str) -> Vec<String> {
    let (place, word) = (scene.place, |end: &str| format!("{}{end}", scene.t));
    let mut secrets = Vec::new();
    if !place.has("in", who) {
        secrets.extend([word("now"), word("before")]);
    }
    if !place.has("in", who) && place.name != "listed" {
        secrets.push(word("topic"));
    }
    if place.has("late", who) {
        secrets.push(word("before"));
    }
    secrets
}

async fn fill(scene: &Scene, actor: &Actor, template: &str) -> String {
    let mut things = Vec::new();
    for name in names(template) {
        things.push((name, scene.thing(name, actor).await));
    }
    let of = |name: &str| things.iter().find(|(one, _)| *one == name).unwrap().1.clone();
    filled(template, of)
}

/// What a row asks, with all its things.
enum Asked {
    Call { path: String, body: String },
    Op(Value),
}

async fn prepare(scene: &Scene, actor: &Actor, row: &Row) -> Asked {
    match &row.ask {
        Ask::Call { path, body, .. } => {
            // In one, so that what stands in both is the same thing.
            let both = fill(scene, actor, &format!("{path}\n{body}")).await;
            let (path, body) = both.split_once('\n').unwrap();
            Asked::Call { path: path.to_owned(), body: body.to_owned() }
        }
        Ask::Op { name, fields } => {
            let fields = fill(scene, actor, fields).await;
            let fields = if fields.is_empty() { "{}" } else { &fields };
            let mut op: Value = serde_json::from_str(fields).unwrap();
            op["op"] = json!(name);
            Asked::Op(op)
        }
    }
}

async fn ask(scene: &Scene, actor: &mut Actor, row: &Row) -> Answer {
    let asked = prepare(scene, actor, row).await;
    put(scene, actor, (row, asked)).await
}

async fn put(scene: &Scene, actor: &mut Actor, (row, asked): (&Row, Asked)) -> Answer {
    match asked {
        Asked::Call { path, body } => {
            let Ask::Call { method, .. } = &row.ask else { panic!("no call: {}", row.line) };
            let url = format!("{}{path}", scene.stage.rest.base);
            let mut request = scene.stage.rest.http.request(method.clone(), url);
            if actor.who != ANONYMOUS {
                request = request.bearer_auth(&actor.person.token);
            }
            if !body.is_empty() {
                request = request.header(CONTENT_TYPE, "application/json").body(body);
            }
            let answer = request.send().await.unwrap();
            let is_good = answer.status().is_success();
            if is_good && row.operation().ends_with("/events") {
                return Answer { outcome: "ok".to_owned(), body: String::new() };
            }
            let body = answer.text().await.unwrap();
            Answer { outcome: if is_good { "ok".to_owned() } else { outcome(&body) }, body }
        }
        Asked::Op(op) => {
            // One signs in once, and who has not hears nothing of what others did before.
            let mut unsigned = None;
            let session = match &mut actor.session {
                Some(session) if op["op"] != "auth" => session,
                _none => unsigned.insert(Client::connect(scene.stage.address).await),
            };
            let reply = session.request(op).await;
            let outcome = match &reply["err"] {
                Value::Null => "ok".to_owned(),
                err => outcome(&err.to_string()),
            };
            Answer { outcome, body: reply.to_string() }
        }
    }
}

/// Everything that can be asked about a room, with things that were made while it was there.
pub(super) struct Doors(Vec<(Row, Asked)>);

impl Doors {
    /// Takes what somebody might ask: each row about the room, its files and its runs, and that of
    /// signing in. Of those that end something there is no need.
    pub(super) async fn of(scene: &Scene, actor: &Actor) -> Self {
        let is_meant = |row: &Row| {
            let things = ["{room}", "GET /files/", "{run}", "auth "];
            !row.is_alone
                && row.is_at(scene.place)
                && things.iter().any(|thing| row.is_about(thing))
        };
        let rows = read(OPS).into_iter().chain(read(CALLS)).filter(is_meant);
        let mut doors = Vec::new();
        for row in rows {
            let asked = prepare(scene, actor, &row).await;
            doors.push((row, asked));
        }
        Self(doors)
    }

    /// Tries all of them as one who is somebody else by now; what is not answered as they are.
    pub(super) async fn are_shut(
        self,
        (scene, actor): (&Scene, &mut Actor),
        (then, secret): (&'static str, &str),
    ) -> Vec<String> {
        let mut found = Vec::new();
        for (row, asked) in self.0 {
            let wanted = row.outcome(scene.place, then).to_owned();
            let Answer { outcome, body } = put(scene, actor, (&row, asked)).await;
            let is_open = !row.is_about("auth") && !CLOSED.contains(&wanted.as_str());
            if outcome != wanted || body.contains(secret) || is_open && row.operation() != "close" {
                found.push(format!("{}: wanted {wanted}, got {outcome} {body:.300}", row.line));
            }
        }
        found
    }
}

/// How one is answered from outside.
const CLOSED: [&str; 3] = ["not_found", "banned", "unauthorized"];

/// The code of a refusal, with its reason.
pub(super) fn outcome(body: &str) -> String {
    let said: Value = serde_json::from_str(body).unwrap_or_default();
    match (said["code"].as_str(), said["reason"].as_str()) {
        (Some(code), Some(reason)) => format!("{code}/{reason}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => format!("no problem at all: {body}"),
    }
}
