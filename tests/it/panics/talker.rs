//! Somebody who talks in a room whatever happens, and remembers everything: sends until acknowledged,
//! pulls when told to, comes back when cut off.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, Closed, Person, TestApp, seqs};

pub(super) struct Talker {
    client: Client,
    person: Person,
    room: String,
    epoch: String,
    /// The seq of the room's head when it was opened.
    start: i64,
    /// Every event of the room, as it came.
    seen: Vec<i64>,
    /// What was acknowledged: cid and seq.
    acked: BTreeMap<String, i64>,
    /// How often the socket ended.
    pub(super) cuts: usize,
}

impl Talker {
    pub(super) async fn arrive(app: &TestApp, person: &Person, room: &str) -> Self {
        let mut client = app.session(person).await;
        let opened = client.open(room).await;
        let epoch = opened["epoch"].as_str().unwrap().to_owned();
        Self {
            client,
            person: person.clone(),
            room: room.to_owned(),
            epoch,
            start: opened["head"].as_i64().unwrap(),
            seen: Vec::new(),
            acked: BTreeMap::new(),
            cuts: 0,
        }
    }

    /// Sends a message until it is acknowledged.
    pub(super) async fn say(&mut self, app: &TestApp) {
        let cid = format!("{}-{}", self.person.name, self.acked.len());
        let send = json!({ "op": "send", "room": self.room, "cid": cid, "text": "a word" });
        loop {
            let reply = self.ask(app, send.clone()).await;
            if let Some(seq) = reply["ok"]["seq"].as_i64() {
                self.acked.insert(cid, seq);
                return;
            }
            assert_eq!(reply["err"]["temporary"], true, "{reply}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Messages that were acknowledged.
    pub(super) fn said(&self) -> usize {
        self.acked.len()
    }

    /// Hears everything up to the end of the log, and compares it with what the log holds.
    pub(super) async fn settle(&mut self, app: &TestApp) {
        let log = history(app, &self.person, &self.room).await;
        for (cid, seq) in &self.acked {
            assert_eq!(log.get(cid), Some(seq), "{cid} was acknowledged as {seq}");
        }
        let head = log.values().copied().max().unwrap_or(self.start);
        while self.last() < head {
            match self.client.line().await {
                Ok(line) => self.hear(app, line).await,
                Err(closed) => self.come_back(app, &closed).await,
            }
        }
        assert_eq!(self.seen, (self.start + 1..=head).collect::<Vec<_>>(), "{}", self.person.name);
    }

    /// One request; asked again when the socket ended under it.
    async fn ask(&mut self, app: &TestApp, op: Value) -> Value {
        loop {
            let answer = self.client.try_request(op.clone()).await;
            for line in self.client.heard() {
                Box::pin(self.hear(app, line)).await;
            }
            match answer {
                Ok(answer) => return answer,
                Err(closed) => Box::pin(self.come_back(app, &closed)).await,
            }
        }
    }

    async fn hear(&mut self, app: &TestApp, line: Value) {
        if line["room"] != json!(self.room) {
            return;
        }
        if let Some(seq) = line["seq"].as_i64().filter(|_| line["d"].is_object()) {
            self.seen.push(seq);
        } else if line["ev"] == "lag" {
            self.pull(app).await;
        }
    }

    async fn pull(&mut self, app: &TestApp) {
        loop {
            let op = json!({ "op": "pull", "room": self.room, "after": self.last() });
            let part = self.ask(app, op).await;
            let part = &part["ok"];
            self.seen.extend(seqs(part["events"].as_array().unwrap_or(&Vec::new())));
            if part["more"] == false {
                return;
            }
        }
    }

    async fn come_back(&mut self, app: &TestApp, closed: &Closed) {
        assert!([4002, 1006].contains(&closed.code), "{closed:?}");
        self.cuts += 1;
        loop {
            self.client = app.session(&self.person).await;
            let since = json!({ "epoch": self.epoch, "seq": self.last() });
            let open = json!({ "op": "open", "room": self.room, "since": since });
            let opened = self.client.try_request(open).await;
            for line in self.client.heard() {
                Box::pin(self.hear(app, line)).await;
            }
            if opened.is_ok_and(|opened| opened["ok"]["resumed"] == true) {
                return;
            }
        }
    }

    fn last(&self) -> i64 {
        self.seen.last().copied().unwrap_or(self.start)
    }
}

/// Every message of a room: its cid and its seq. No cid stands there twice.
async fn history(app: &TestApp, person: &Person, room: &str) -> BTreeMap<String, i64> {
    let mut all = BTreeMap::new();
    let mut after = 0;
    loop {
        let path = format!("/v1/rooms/{room}/messages?after_seq={after}&limit=200");
        let page = app.rest.get(&person.token, &path).await;
        let items = page["items"].as_array().unwrap();
        for item in items {
            let (cid, seq) = (item["cid"].as_str().unwrap(), item["seq"].as_i64().unwrap());
            assert_eq!(all.insert(cid.to_owned(), seq), None, "{cid} stands in the log twice");
            after = seq;
        }
        if items.is_empty() {
            return all;
        }
    }
}
