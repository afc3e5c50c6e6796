//! Reading what is gathered from a room: its threads, its pins.

use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{PAGE, Rest, items};
use crate::http::Http;
use crate::town::book::{Part, Shown};
use crate::town::{Deed, Folk, Room};

impl Rest {
    /// Reads the messages of a thread, and marks them as read.
    pub(crate) fn thread(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        index: usize,
        (room, root): (&Rc<Room>, Rc<str>),
        due: Instant,
    ) {
        let room = room.clone();
        self.start(folk, async move |http, folk| {
            read_thread(http, folk, (index, &room, &root), due).await
        });
    }

    /// Reads the pins of a room.
    pub(crate) fn pins(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        index: usize,
        room: &Rc<Room>,
        due: Instant,
    ) {
        let room = room.clone();
        self.start(folk, async move |http, folk| {
            pins(http, folk, (&folk.token(index), &room)).await?;
            folk.tally().done(Deed::Pins, due);
            Ok(())
        });
    }
}

async fn read_thread(
    http: &mut Http,
    folk: &Folk,
    (index, room, root): (usize, &Room, &str),
    due: Instant,
) -> Result<()> {
    let token = folk.token(index);
    let path = format!("/v1/rooms/{}/threads/{root}", room.id);
    // What happened before it is asked for must be in it.
    let upto = room.end();
    let page = http.get(&format!("{path}/messages"), Some(&token)).await?;
    let items = items(&page).with_context(|| format!("{path}: {page}"))?;
    let last = items.last().and_then(|item| item.get("seq")?.as_u64()).unwrap_or(0);
    let mark = http.post(&format!("{path}/read"), Some(&token), &json!({"seq": last})).await?;
    folk.tally().done(Deed::Thread, due);
    let (Some(book), Some(session)) = (room.book(), folk.session(index)) else { return Ok(()) };
    let shown = Shown::newest(items, PAGE, session.me.get());
    let wrongs = book.compare_thread(root, shown, upto);
    wrongs.into_iter().for_each(|wrong| folk.tally().wrong(wrong));
    let read = mark.get("seq").and_then(Value::as_u64);
    // Who follows it has read so far; for others there is nothing to mark.
    let is_marked = read.is_some_and(|read| read >= last || !book.follows(root, session.me.get()));
    if !is_marked {
        let how = format!("the thread of {root} was read up to {last}, told is {mark}");
        folk.tally().wrong(Part::Thread.wrong(how));
    }
    Ok(())
}

/// Holds the pins of a room, as a member sees them, against what is known of them.
pub(crate) async fn pins(http: &mut Http, folk: &Folk, (token, room): (&str, &Room)) -> Result<()> {
    let path = format!("/v1/rooms/{}/pins", room.id);
    let upto = room.end();
    let list = http.get(&path, Some(token)).await?;
    let items = items(&list).with_context(|| format!("{path}: {list}"))?;
    let wrongs = room.book().map(|book| book.compare_pins(items, upto)).unwrap_or_default();
    wrongs.into_iter().for_each(|wrong| folk.tally().wrong(wrong));
    Ok(())
}
