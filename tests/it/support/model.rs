//! A room as a client keeps it: from a list or snapshot, and by applying events.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What a client knows of the messages of a room.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    /// Whose client it is.
    me: String,
    /// By the seq of their `msg.new`, in the shape of a list.
    pub(crate) messages: BTreeMap<i64, Value>,
    /// Everything up to here was applied.
    pub(crate) seq: i64,
}

impl Model {
    /// A client that knows nothing.
    pub(crate) fn new(me: &str) -> Self {
        Self { me: me.to_owned(), messages: BTreeMap::new(), seq: 0 }
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

    /// One event; it must be the next.
    pub(crate) fn apply(&mut self, event: &Value) {
        let seq = event["seq"].as_i64().unwrap();
        assert_eq!(seq, self.seq + 1, "a hole or a double: {event}");
        self.seq = seq;
        let d = &event["d"];
        match event["ev"].as_str().unwrap() {
            "msg.new" => self.new_message(event),
            "msg.edit" => {
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
                if let Some(message) = self.at(d).filter(|message| message["deleted"] != true) {
                    put(message, "previews", &d["previews"]);
                }
            }
            "msg.delete" => {
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
            _line => {}
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
