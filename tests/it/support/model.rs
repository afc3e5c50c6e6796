//! A room as a client keeps it: from a list or snapshot, and by applying events.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// What a client knows of a room.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// Whose client it is.
    me: String,
    /// By the seq of their `msg.new`, in the shape of a list.
    pub(crate) messages: BTreeMap<i64, Value>,
    /// Who came and went, by seq.
    pub(crate) lines: BTreeMap<i64, Value>,
    /// Everything up to here was applied.
    pub(crate) seq: i64,
    /// Up to here the room has forgotten everything.
    pub(crate) horizon: i64,
    /// Messages so far, and how many of them are read.
    pub(crate) n: i64,
    pub(crate) read_n: i64,
    /// When `read_n` was told, everything up to here had been counted in.
    told_at: i64,
    /// Ordinals of the messages that call this client's user.
    pub(crate) calls: BTreeSet<i64>,
    /// The threads that are followed, by their roots, and up to which seq they are read.
    pub(crate) threads: BTreeMap<String, i64>,
    /// What has to be read to be known.
    pub(crate) unseen: BTreeSet<String>,
}

impl Model {
    /// A client that knows nothing.
    pub(crate) fn new(me: &str) -> Self {
        Self {
            me: me.to_owned(),
            messages: BTreeMap::new(),
            lines: BTreeMap::new(),
            seq: 0,
            horizon: 0,
            n: 0,
            read_n: 0,
            told_at: 0,
            calls: BTreeSet::new(),
            threads: BTreeMap::new(),
            unseen: BTreeSet::new(),
        }
    }

    /// A client that begins behind a seq, as one who knows how far it has read.
    pub(crate) fn behind(seq: i64, of: &Self) -> Self {
        let (n, read_n, told_at) = (of.n, of.read_n, of.told_at);
        Self { seq, horizon: of.horizon, n, read_n, told_at, ..Self::new(&of.me) }
    }

    /// What is not read, and how much of it calls.
    pub(crate) fn unread(&self) -> [i64; 4] {
        let calls = self.calls.range(self.read_n + 1..).count();
        [self.n, self.read_n, self.n - self.read_n, i64::try_from(calls).unwrap()]
    }

    /// The threads that are followed: up to where they are read, and what is not.
    pub(crate) fn in_threads(&self) -> BTreeMap<String, [i64; 2]> {
        let known = self.threads.iter().filter(|(root, _)| self.message(root).is_some());
        let unread = |root: &str, read: i64| {
            let later = self.messages.range(read + 1..);
            i64::try_from(later.filter(|(_, m)| m["thread"] == *root).count()).unwrap()
        };
        known.map(|(root, read)| (root.clone(), [*read, unread(root, *read)])).collect()
    }

    /// The room in the list of a session that has just begun.
    pub(crate) fn listed(&mut self, entry: &Value) {
        let number = |field: &str| entry[field].as_i64().unwrap();
        (self.n, self.read_n, self.told_at) = (number("n"), number("read_n"), number("head"));
    }

    /// A thread is read up to there.
    pub(crate) fn thread_read(&mut self, root: &Value, seq: &Value) {
        let read = self.threads.entry(root.as_str().unwrap().to_owned()).or_insert(0);
        *read = (*read).max(seq.as_i64().unwrap());
    }

    /// What is told of the room besides its log.
    pub(crate) fn hear(&mut self, line: &Value) {
        match line["ev"].as_str().unwrap_or_default() {
            "read" => self.read_n = line["read_n"].as_i64().unwrap(),
            "thread.read" => self.thread_read(&line["thread"], &line["seq"]),
            "room.update" if line["d"]["horizon"].is_i64() => {
                let number = |field: &str| line["d"][field].as_i64().unwrap();
                self.forget(number("horizon"), number("horizon_n"));
            }
            _log if line["room"].is_string() && line["seq"].is_i64() && line["d"].is_object() => {
                self.apply(line);
            }
            _else => {}
        }
    }

    /// Messages as they are read.
    pub(crate) fn take(&mut self, items: &[Value]) {
        for item in items {
            let mut item = item.clone();
            // Not told by every way.
            item.as_object_mut().unwrap().remove("cid");
            self.messages.insert(item["seq"].as_i64().unwrap(), item);
        }
    }

    /// The state in a snapshot.
    pub(crate) fn open(&mut self, snapshot: &Value) {
        self.messages.clear();
        self.take(snapshot["items"].as_array().unwrap());
        self.seq = snapshot["upto"].as_i64().unwrap();
    }

    /// The room has forgotten what was said up to a seq, and so many messages with it.
    pub(crate) fn forget(&mut self, horizon: i64, horizon_n: i64) {
        (self.horizon, self.read_n) = (horizon, self.read_n.max(horizon_n));
        self.messages.retain(|seq, _| *seq > horizon);
        self.lines.retain(|seq, _| *seq > horizon);
        self.calls.retain(|n| *n > horizon_n);
        let kept = |id: &String| self.messages.values().any(|message| message["id"] == **id);
        self.unseen.retain(kept);
    }

    /// One event; it must be the next.
    pub(crate) fn apply(&mut self, event: &Value) {
        let seq = event["seq"].as_i64().unwrap();
        assert_eq!(seq, self.seq + 1, "a hole or a double: {event}");
        self.seq = seq;
        let d = &event["d"];
        match event["ev"].as_str().unwrap() {
            "msg.new" => self.new_message(event),
            "msg.edit" => {
                self.called(d);
                if d["deleted"] != true && d["text"].is_null() {
                    self.read_later(d);
                }
                if let Some(message) = self.at(d) {
                    message["rev"] = d["rev"].clone();
                    message["edited_at"] = event["at"].clone();
                    // They were of the text before.
                    message.as_object_mut().unwrap().remove("previews");
                    if d["deleted"] != true {
                        message["text"] = d["text"].clone();
                        put(message, "html", &d["html"]);
                    }
                }
            }
            "msg.preview" => {
                if d["previews"].is_null() {
                    self.read_later(d);
                }
                if let Some(message) = self.at(d).filter(|message| message["deleted"] != true) {
                    put(message, "previews", &d["previews"]);
                }
            }
            "msg.delete" => {
                self.called(d);
                self.unseen.remove(d["id"].as_str().unwrap());
                if let Some(message) = self.at(d) {
                    for field in ["text", "html", "files", "previews"] {
                        put(message, field, &Value::Null);
                    }
                    message["deleted"] = json!(true);
                    message["pinned"] = json!(false);
                    message["reactions"] = json!([]);
                }
            }
            "msg.react" => self.react(d, Way::Added),
            "msg.unreact" => self.react(d, Way::Removed),
            "msg.pin" => self.pin(d, Way::Added),
            "msg.unpin" => self.pin(d, Way::Removed),
            line if line.starts_with("member.") => {
                self.lines.insert(seq, json!({ "ev": line, "at": event["at"], "d": d }));
            }
            other => panic!("nothing is known of {other}: {event}"),
        }
    }

    /// Whether a message that stands calls whose client this is.
    fn called(&mut self, d: &Value) {
        let Some(n) = self.at(d).and_then(|message| message["n"].as_i64()) else { return };
        let is_called = d["mentions"].as_array().is_some_and(|all| all.contains(&json!(self.me)));
        if is_called {
            self.calls.insert(n);
        } else {
            self.calls.remove(&n);
        }
    }

    fn read_later(&mut self, d: &Value) {
        if self.at(d).is_some_and(|message| message["deleted"] != true) {
            self.unseen.insert(d["id"].as_str().unwrap().to_owned());
        }
    }

    fn message(&self, id: &str) -> Option<&Value> {
        self.messages.values().find(|message| message["id"] == *id)
    }

    /// What a new message does to what is read: who writes has read, and follows the thread.
    fn note(&mut self, event: &Value) {
        let (d, seq) = (&event["d"], self.seq);
        let is_mine = d["by"] == self.me.as_str();
        self.n = self.n.max(event["n"].as_i64().unwrap());
        if is_mine && seq > self.told_at {
            self.read_n = self.n;
        }
        let root = d["thread"].as_str().and_then(|root| self.message(root));
        let Some((by, begun)) = root.map(|root| (root["by"].clone(), root["seq"].clone())) else {
            return;
        };
        if by == self.me.as_str() {
            self.thread_read(&d["thread"], &begun);
        }
        if is_mine {
            self.thread_read(&d["thread"], &json!(seq));
        }
    }

    fn new_message(&mut self, event: &Value) {
        let d = &event["d"];
        let mut message = json!({
            "id": d["id"], "seq": event["seq"], "n": event["n"], "at": event["at"], "by": d["by"],
            "reply_to": d["reply_to"], "rev": 1, "deleted": d["deleted"] == true, "reactions": [],
            "pinned": false,
        });
        if d["deleted"] != true {
            message["text"] = d["text"].clone();
            put(&mut message, "html", &d["html"]);
            put(&mut message, "files", &d["files"]);
        }
        if d["thread"].is_string() {
            message["thread"] = d["thread"].clone();
            if let Some(root) = self.messages.values_mut().find(|m| m["id"] == d["thread"]) {
                let count = root["thread"]["count"].as_i64().unwrap_or(0);
                root["thread"] = json!({ "count": count + 1, "last_at": event["at"] });
            }
        }
        self.messages.insert(self.seq, message);
        self.called(d);
        self.note(event);
    }

    fn react(&mut self, d: &Value, way: Way) {
        let is_mine = d["by"] == self.me.as_str();
        // Of a message that was deleted later nothing is kept.
        let Some(message) = self.at(d).filter(|message| message["deleted"] != true) else { return };
        let reactions = message["reactions"].as_array_mut().unwrap();
        let at = reactions.iter().position(|reaction| reaction["emoji"] == d["emoji"]);
        let at = at.unwrap_or_else(|| {
            reactions.push(json!({ "emoji": d["emoji"], "mine": false }));
            reactions.len() - 1
        });
        reactions[at]["count"] = d["count"].clone();
        if is_mine {
            reactions[at]["mine"] = json!(way == Way::Added);
        }
        reactions.retain(|reaction| reaction["count"] != 0);
    }

    fn pin(&mut self, d: &Value, way: Way) {
        if let Some(message) = self.at(d).filter(|message| message["deleted"] != true) {
            message["pinned"] = json!(way == Way::Added);
        }
    }

    fn at(&mut self, d: &Value) -> Option<&mut Value> {
        self.messages.values_mut().find(|message| message["id"] == d["id"])
    }
}

/// What is not there has no field.
fn put(message: &mut Value, field: &str, value: &Value) {
    let fields = message.as_object_mut().unwrap();
    if value.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), value.clone());
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Added,
    Removed,
}
