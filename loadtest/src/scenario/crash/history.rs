//! The room's whole history by REST: what the log holds when all is over.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::check::Message;
use crate::http::Http;
use crate::setup::text_at;

const PAGE: usize = 200;

pub(in crate::scenario) async fn read(
    http: &mut Http,
    token: &str,
    room: &str,
) -> Result<Vec<Message>> {
    let mut all: Vec<Message> = Vec::new();
    loop {
        let after = all.last().map_or(0, |message| message.seq);
        let path = format!("/v1/rooms/{room}/messages?after_seq={after}&limit={PAGE}");
        let page = http.get(&path, Some(token)).await?;
        let items = page.get("items").and_then(Value::as_array).context("a page without items")?;
        if items.is_empty() {
            return Ok(all);
        }
        for item in items {
            let message = message(item)?;
            ensure!(message.seq > after, "seq {} on a page after {after}", message.seq);
            all.push(message);
        }
    }
}

fn message(item: &Value) -> Result<Message> {
    Ok(Message {
        seq: item.get("seq").and_then(Value::as_u64).context("a message without seq")?,
        id: text_at(item, "/id")?,
        cid: item.get("cid").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}
