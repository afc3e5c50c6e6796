//! A client that follows the room by server-sent events, through every cut.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::check::{Message, SeqWatch};
use crate::endpoint::Endpoint;
use crate::sse::{Event, Events};

/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(20);

/// Where the streams begin, and how long a silent one is waited for.
#[derive(Clone)]
pub(super) struct Place {
    pub room: String,
    pub epoch: String,
    pub seq: u64,
    pub patience: Duration,
}

/// All clients of this kind.
pub(super) struct Audience {
    goal: watch::Sender<Option<u64>>,
    pub streams: Vec<Rc<Stream>>,
    tasks: JoinSet<()>,
}

pub(super) struct Stream {
    pub name: String,
    place: Place,
    token: String,
    last_id: RefCell<String>,
    pub seen: RefCell<Vec<Message>>,
    pub watch: RefCell<SeqWatch>,
    pub connects: Cell<u64>,
    /// Things the contract rules out.
    pub broken: RefCell<Vec<String>>,
}

impl Audience {
    pub(super) fn start(endpoint: &Endpoint, tokens: Vec<String>, place: &Place) -> Self {
        let (goal, told) = watch::channel(None);
        let (mut streams, mut tasks) = (Vec::new(), JoinSet::new());
        for (number, token) in tokens.into_iter().enumerate() {
            let stream = Rc::new(Stream {
                name: format!("e{number}"),
                place: place.clone(),
                token,
                last_id: RefCell::new(format!("{}-{}", place.epoch, place.seq)),
                seen: RefCell::default(),
                watch: RefCell::new(SeqWatch::after(place.seq)),
                connects: Cell::new(0),
                broken: RefCell::default(),
            });
            let (one, endpoint, told) = (Rc::clone(&stream), endpoint.clone(), told.clone());
            tasks.spawn_local(async move { one.follow(&endpoint, told).await });
            streams.push(stream);
        }
        Self { goal, streams, tasks }
    }

    /// Everybody follows to `head`; true when all got there.
    pub(super) async fn reach(&mut self, head: u64, limit: Duration) -> bool {
        self.goal.send_replace(Some(head));
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let is_done = timeout(limit, all).await.is_ok();
        self.tasks.abort_all();
        is_done
    }
}

impl Stream {
    async fn follow(&self, endpoint: &Endpoint, mut goal: watch::Receiver<Option<u64>>) {
        loop {
            let told = goal.clone();
            tokio::select! {
                there = goal.wait_for(|goal| goal.is_some_and(|goal| self.head() >= goal)) => {
                    let _all_gone = there;
                    return;
                }
                // However a connection ends, the next goes on behind the last id.
                _lost = self.listen(endpoint, told) => sleep(PAUSE).await,
            }
        }
    }

    fn head(&self) -> u64 {
        self.watch.borrow().head()
    }

    /// Until the connection is lost, or the goal is reached.
    async fn listen(&self, endpoint: &Endpoint, goal: watch::Receiver<Option<u64>>) -> Result<()> {
        let Place { room, patience, .. } = &self.place;
        let path = format!("/v1/rooms/{room}/events");
        let last_id = self.last_id.borrow().clone();
        let open = Events::open(endpoint, &path, &self.token, &last_id);
        let mut events = timeout(*patience, open).await??;
        self.connects.update(|count| count + 1);
        loop {
            let more = timeout(*patience, events.read(|event| self.take(&event))).await??;
            if !more || goal.borrow().is_some_and(|goal| self.head() >= goal) {
                return Ok(());
            }
        }
    }

    fn take(&self, event: &Event) {
        match self.log_event(event) {
            Ok((seq, message)) => {
                self.watch.borrow_mut().see(seq);
                self.seen.borrow_mut().extend(message);
                self.last_id.replace(event.id.clone());
            }
            Err(error) => self.broken.borrow_mut().push(format!("{event:?}: {error:#}")),
        }
    }

    /// The seq, and the message if it is one.
    fn log_event(&self, event: &Event) -> Result<(u64, Option<Message>)> {
        anyhow::ensure!(event.name != "gap", "everything is in reach, and there is a gap");
        let data: Value = serde_json::from_str(&event.data)?;
        let seq = data.get("seq").and_then(Value::as_u64).context("no seq")?;
        let id = format!("{}-{seq}", self.place.epoch);
        anyhow::ensure!(event.id == id, "the id should be {id}");
        let text = |pointer| data.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let message = || Message { seq, id: text("/d/id").into(), cid: text("/d/cid").into() };
        Ok((seq, (event.name == "msg.new").then(message)))
    }
}
