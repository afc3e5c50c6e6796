//! What is one's own: what one says of oneself, one's inbox.

use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Pairs, Rest, items};
use crate::http::Http;
use crate::scan::Stamp;
use crate::town::book::{Part, Wrong};
use crate::town::{Deed, Folk, Room};

impl Rest {
    /// Says something of oneself, and lets somebody else look at it.
    pub(crate) fn status(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        (index, other): (usize, usize),
        id: &str,
        due: Instant,
    ) {
        // One after the other: of two at a time nobody knows which stands.
        if !self.speaking.borrow_mut().insert(index) {
            return;
        }
        let (rest, id) = (self.clone(), id.to_owned());
        self.start(folk, async move |http, folk| {
            let said = say(http, folk, (index, other), &id, due).await;
            rest.speaking.borrow_mut().remove(&index);
            said
        });
    }

    /// Reads the inbox, marks its entries as read, and looks whether they are.
    pub(crate) fn inbox(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        index: usize,
        (rooms, pairs): (Vec<Rc<Room>>, &Rc<Pairs>),
        due: Instant,
    ) {
        let pairs = pairs.clone();
        self.start(folk, async move |http, folk| {
            let token = folk.token(index);
            let page = http.get(INBOX, Some(&token)).await?;
            let entries = items(&page).with_context(|| format!("{INBOX}: {page}"))?;
            let newest = entries.first().and_then(|entry| entry.get("seq")?.as_u64());
            if let Some(newest) = newest {
                let upto = json!({"upto_seq": newest});
                http.post("/v1/inbox/read", Some(&token), &upto).await?;
            }
            folk.tally().done(Deed::Inbox, due);
            let looked_at = entries.len() as u64;
            folk.tally().note(|noted| noted.notices += looked_at);
            // A private room may have been made meanwhile.
            let rooms: Vec<_> = rooms.into_iter().chain(pairs.of(index)).collect();
            let wrongs = entries.iter().filter_map(|entry| entry_wrong(entry, &rooms));
            wrongs.for_each(|wrong| folk.tally().wrong(wrong));
            let Some(newest) = newest else { return Ok(()) };
            let after = http.get(INBOX, Some(&token)).await?;
            let after = items(&after).with_context(|| format!("{INBOX}: {after}"))?;
            let unread = after.iter().filter(|entry| {
                let seq = entry.get("seq").and_then(Value::as_u64).unwrap_or(0);
                seq <= newest && entry.get("read_at").is_none_or(Value::is_null)
            });
            for entry in unread {
                let how = format!("read up to {newest}, and still unread: {}", id(entry));
                folk.tally().wrong(Part::Notice.wrong(how));
            }
            Ok(())
        });
    }
}

const INBOX: &str = "/v1/inbox";

async fn say(
    http: &mut Http,
    folk: &Folk,
    (index, other): (usize, usize),
    id: &str,
    due: Instant,
) -> Result<()> {
    let text = format!("{} is what I do now", Stamp::word(folk.tally().next_serial()));
    let body = json!({"status_text": text});
    let me = http.patch("/v1/me", &folk.token(index), &body).await?;
    folk.tally().done(Deed::Status, due);
    let path = format!("/v1/users/{id}");
    let shown = http.get(&path, Some(&folk.token(other))).await?;
    for (said, whose) in [(me.pointer("/user/status_text"), "me"), (shown.get("status_text"), id)] {
        if said.and_then(Value::as_str) != Some(&*text) {
            let how = format!("{whose} says {said:?}, and not {text:?}");
            folk.tally().wrong(Part::Status.wrong(how));
        }
    }
    Ok(())
}

fn id(entry: &Value) -> &str {
    entry.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// What is wrong with an entry about a message: it leads there, and quotes it.
fn entry_wrong(entry: &Value, rooms: &[Rc<Room>]) -> Option<Wrong> {
    let text = |key| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let wrong = |how: &str| Some(Part::Notice.wrong(format!("{} {how}: {entry}", id(entry))));
    let message = text("message");
    if message.is_empty() {
        return None;
    }
    let Some(room) = rooms.iter().find(|room| room.id == text("room")) else {
        return wrong("is about a room that its owner is not in");
    };
    let at = match text("kind") {
        "mention" | "reply" => format!("?at={}", message.rsplit('_').next().unwrap_or_default()),
        _ => String::new(),
    };
    if text("link") != format!("/rooms/{}{at}", room.id) {
        return wrong("leads somewhere else");
    }
    let is_quoted = room.book().is_none_or(|book| book.is_quoted(message, text("body")));
    if is_quoted { None } else { wrong("quotes something else") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::town::book::{Post, Who};

    #[test]
    fn an_entry_that_quotes_or_leads_elsewhere_is_caught() {
        let room = Rc::new(Room::new("r_1".to_owned()));
        room.keep_book();
        let post = Post { seq: 11, serial: 7, by: Some(Who::of("u_1")), ..Post::default() };
        room.book().unwrap().posted("m_1_11", post).unwrap();
        let rooms = [room];
        let entry = |room: &str, link: &str, serial: u64| {
            let body = Stamp { serial, due_us: 1 }.text("x");
            json!({"id": "n_1", "kind": "reply", "room": room, "message": "m_1_11", "link": link, "body": body})
        };
        let wrong = |entry: &Value| entry_wrong(entry, &rooms).map(|wrong| wrong.what);
        assert_eq!(wrong(&entry("r_1", "/rooms/r_1?at=11", 7)), None);
        assert_eq!(wrong(&json!({"id": "n_2", "kind": "club_role", "message": null})), None);
        for entry in [
            entry("r_1", "/rooms/r_1?at=11", 8),
            entry("r_1", "/rooms/r_1?at=12", 7),
            entry("r_2", "/rooms/r_2?at=11", 7),
        ] {
            assert_eq!(wrong(&entry), Some(Part::Notice), "{entry}");
        }
    }
}
