//! Private rooms of two: made when one of them first writes to the other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use super::Rest;
use crate::http::Http;
use crate::setup::text_at;
use crate::town::{Folk, Room};

/// By the sessions of the two, the lower one first. Nothing while a room is being made.
type Rooms = HashMap<(usize, usize), Option<Rc<Room>>>;

/// The private rooms that there are.
#[derive(Default)]
pub(crate) struct Pairs(RefCell<Rooms>);

impl Pairs {
    pub(crate) fn room(&self, one: usize, other: usize) -> Option<Rc<Room>> {
        self.0.borrow().get(&(one.min(other), one.max(other)))?.clone()
    }

    /// Every room with its two.
    pub(crate) fn all(&self) -> Vec<(Rc<Room>, [usize; 2])> {
        let pairs = self.0.borrow();
        let made =
            pairs.iter().filter_map(|((one, other), room)| Some((room.clone()?, [*one, *other])));
        let mut made: Vec<_> = made.collect();
        made.sort_unstable_by_key(|(_, pair)| *pair);
        made
    }

    /// Those of one session.
    pub(crate) fn of(&self, index: usize) -> impl Iterator<Item = Rc<Room>> {
        self.all().into_iter().filter(move |(_, pair)| pair.contains(&index)).map(|(room, _)| room)
    }
}

impl Rest {
    /// Writes to somebody in private; `id` is theirs.
    pub(crate) fn dm(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        (pairs, index, other): (&Rc<Pairs>, usize, usize),
        id: &str,
        due: Instant,
    ) {
        let pair = (index.min(other), index.max(other));
        // While it is being made nothing more is said there.
        if pairs.0.borrow_mut().insert(pair, None).is_some() {
            return;
        }
        let (pairs, id) = (pairs.clone(), id.to_owned());
        self.start(folk, async move |http, folk| {
            let room = make(http, &folk.token(index), &id).await?;
            pairs.0.borrow_mut().insert(pair, Some(room.clone()));
            for one in [index, other] {
                folk.open(one, &room, Instant::now()).await;
            }
            folk.whisper(index, &room, due).await;
            Ok(())
        });
    }
}

async fn make(http: &mut Http, token: &str, id: &str) -> Result<Rc<Room>> {
    let made = http.post("/v1/dms", Some(token), &json!({"user_id": id})).await?;
    let room = Rc::new(Room::new(text_at(&made, "/id")?));
    // The other one's answer may come first, with a message in it already.
    room.begins_behind(0);
    room.keep_book();
    Ok(room)
}
