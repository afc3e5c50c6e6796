//! The rooms, one for each way a model behaves, and what was asked in them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::eventually;
use super::mock::BEHAVIOURS;
use crate::endpoint::Endpoint;
use crate::http::Http;
use crate::setup::{self, text_at};

const AGAIN: Duration = Duration::from_millis(25);

/// A question, and what is known of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Unknown until it is acknowledged.
    pub run: String,
    pub message: String,
    /// What the server says of the run, once that is over.
    pub end: Option<Value>,
}

pub(super) struct Place {
    pub id: String,
    pub behaviour: &'static str,
    pub asked: RefCell<Vec<Asked>>,
}

pub(super) struct Company {
    endpoint: Endpoint,
    pub token: String,
    pub places: Vec<Rc<Place>>,
    count: Cell<usize>,
}

impl Company {
    pub(super) async fn found(endpoint: &Endpoint, name: &str) -> Result<Rc<Self>> {
        let users = setup::register(endpoint, name, 1).await?;
        let user = users.first().context("nobody is there")?;
        let club = setup::make_club(endpoint, user, name, BEHAVIOURS.len()).await?;
        let mut http = Http::new(endpoint.clone());
        let mut places = Vec::new();
        for (id, behaviour) in club.rooms.into_iter().zip(BEHAVIOURS) {
            choose(&mut http, &user.token, &id, Some(behaviour)).await?;
            places.push(Rc::new(Place { id, behaviour, asked: RefCell::default() }));
        }
        let (endpoint, token) = (endpoint.clone(), user.token.clone());
        Ok(Rc::new(Self { endpoint, token, places, count: Cell::new(0) }))
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.places.iter().map(|place| place.id.clone()).collect()
    }

    pub(super) fn asked(&self) -> usize {
        self.count.get()
    }

    /// Rooms in which nothing is open.
    pub(super) fn idle(&self) -> Vec<Rc<Place>> {
        self.places.iter().filter(|place| place.is_idle()).cloned().collect()
    }

    /// What is open, for an error.
    pub(super) fn open_ones(&self) -> String {
        let open = self.places.iter().filter(|place| !place.is_idle());
        let named =
            open.map(|place| format!("{} {:?}", place.behaviour, place.asked.borrow().last()));
        named.collect::<Vec<_>>().join("; ")
    }

    /// Asks, with the same id until the question is taken, over whatever number of lives.
    pub(super) fn ask(self: &Rc<Self>, place: Rc<Place>) {
        let number = self.count.get();
        self.count.set(number + 1);
        place.asked.borrow_mut().push(Asked::default());
        let company = self.clone();
        spawn_local(async move {
            let mut http = Http::new(company.endpoint.clone());
            let path = format!("/v1/rooms/{}/ai", place.id);
            let body = json!({"text": format!("question {number}?"), "cid": format!("q-{number}")});
            let (run, message) = loop {
                let taken = http.post(&path, Some(&company.token), &body).await;
                let known = taken
                    .and_then(|body| Ok((text_at(&body, "/run")?, text_at(&body, "/message")?)));
                match known {
                    Ok(known) => break known,
                    Err(_the_server_is_away) => sleep(AGAIN).await,
                }
            };
            if let Some(asked) = place.asked.borrow_mut().last_mut() {
                (asked.run, asked.message) = (run, message);
            }
        });
    }

    /// Waits until everything that was asked is over; false when it is not by then.
    pub(super) async fn settle(&self, limit: Duration) -> bool {
        let mut http = Http::new(self.endpoint.clone());
        eventually(limit, async || {
            for place in &self.places {
                place.look(&mut http, &self.token).await;
            }
            self.places.iter().all(|place| place.is_idle())
        })
        .await
    }

    /// Gives every room the server's own model, which is without fault, and asks once more. Returns
    /// where that went wrong.
    pub(super) async fn go_on(self: &Rc<Self>, limit: Duration) -> Result<Vec<String>> {
        let mut http = Http::new(self.endpoint.clone());
        for place in &self.places {
            choose(&mut http, &self.token, &place.id, None).await?;
        }
        for place in self.idle() {
            self.ask(place);
        }
        self.settle(limit).await;
        let is_silent = |place: &&Rc<Place>| {
            let asked = place.asked.borrow();
            let end = asked.last().and_then(|asked| asked.end.as_ref());
            end.and_then(|end| end.get("finish")).and_then(Value::as_str) != Some("stop")
        };
        let silent = self.places.iter().filter(is_silent);
        let told =
            |place: &Rc<Place>| format!("{}: {:?}", place.behaviour, place.asked.borrow().last());
        Ok(silent.map(told).collect())
    }

    /// All messages of a room.
    pub(super) async fn messages(&self, room: &str) -> Result<Vec<Value>> {
        let mut http = Http::new(self.endpoint.clone());
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let path = format!("/v1/rooms/{room}/messages?after_seq={after}&limit=200");
            let page = http.get(&path, Some(&self.token)).await?;
            let items = page.get("items").and_then(Value::as_array).context("no items")?;
            let Some(last) = items.last() else { return Ok(all) };
            after = last.get("seq").and_then(Value::as_u64).context("a message without seq")?;
            all.extend(items.iter().cloned());
        }
    }

    /// The head of every room, by its id.
    pub(super) async fn heads(&self) -> Result<HashMap<String, u64>> {
        let mut http = Http::new(self.endpoint.clone());
        let mut heads = HashMap::new();
        for place in &self.places {
            let path = format!("/v1/rooms/{}", place.id);
            let room = http.get(&path, Some(&self.token)).await?;
            let head = room.get("head").and_then(Value::as_u64).unwrap_or(0);
            heads.insert(place.id.clone(), head);
        }
        Ok(heads)
    }
}

impl Place {
    fn is_idle(&self) -> bool {
        self.asked.borrow().last().is_none_or(|asked| asked.end.is_some())
    }

    /// Asks what became of the last question, if that is open.
    async fn look(&self, http: &mut Http, token: &str) {
        let open = self.asked.borrow().last().filter(|asked| asked.end.is_none()).cloned();
        let Some(Asked { run, .. }) = open.filter(|asked| !asked.run.is_empty()) else { return };
        let Ok(body) = http.get(&format!("/v1/ai/runs/{run}"), Some(token)).await else { return };
        if body.get("status").and_then(Value::as_str) == Some("done")
            && let Some(asked) = self.asked.borrow_mut().last_mut()
        {
            asked.end = Some(body);
        }
    }
}

/// Chooses the model of a room; none is the server's own.
async fn choose(http: &mut Http, token: &str, room: &str, model: Option<&str>) -> Result<()> {
    let body = json!({"ai_model": model});
    http.patch(&format!("/v1/rooms/{room}"), token, &body).await?;
    Ok(())
}
