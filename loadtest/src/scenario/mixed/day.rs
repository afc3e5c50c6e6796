//! What people do in a day, as a table: a new thing to do is a row and an arm.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::SmallRng;
use serde_json::json;

use crate::town::{Contents, Deed, EMOJI, Folk, Hunt, Picker, Rest, Room, Town, Wanted};

/// Something that a user does now and then.
pub(super) struct Action {
    /// How often, in percent.
    pub weight: f64,
    /// What is timed: from when it was due until its answer.
    pub deed: Deed,
    /// Its figures: the 50th and the 99th percentile.
    pub figures: [&'static str; 2],
    act: Act,
}

#[derive(Clone, Copy)]
enum Act {
    Send,
    Read,
    Typing,
    Reopen,
    React,
    Edit,
    History,
    Search,
    Upload,
    Fetch,
    GoAway,
}

/// A guess at a busy club, on the side of what costs. Most of what people do is to look: a read mark
/// for each time that they catch up, another room now and then, an older page. Who writes lets it be
/// seen (a client tells about twice for a message that somebody types for some seconds). One thing in
/// ten is a message; reactions are almost as many; of five messages one is edited, of fourteen one
/// brings a file, which some people open. Searches are rare, and dear. Phones lose their connection.
pub(super) const DAY: &[Action] = &[
    action(34.3, Act::Read, Deed::Read, ["read_p50", "read_p99"]),
    action(20.0, Act::Typing, Deed::Typing, ["typing_p50", "typing_p99"]),
    action(12.0, Act::Reopen, Deed::Open, ["open_p50", "open_p99"]),
    action(10.0, Act::Send, Deed::Send, ["send_p50", "send_p99"]),
    action(9.0, Act::React, Deed::React, ["react_p50", "react_p99"]),
    action(5.0, Act::History, Deed::History, ["history_p50", "history_p99"]),
    action(3.0, Act::GoAway, Deed::Arrive, ["resume_p50", "resume_p99"]),
    action(2.5, Act::Fetch, Deed::Fetch, ["file_p50", "file_p99"]),
    action(2.0, Act::Edit, Deed::Edit, ["edit_p50", "edit_p99"]),
    action(1.5, Act::Search, Deed::Search, ["search_p50", "search_p99"]),
    action(0.7, Act::Upload, Deed::Upload, ["upload_p50", "upload_p99"]),
];

const fn action(weight: f64, act: Act, deed: Deed, figures: [&'static str; 2]) -> Action {
    Action { weight, deed, figures, act }
}

/// Messages, counted from the newest, that people still edit and react to.
const RECENT: usize = 20;
/// Of files one in so many is a picture.
const PICTURES: u32 = 4;
/// Bytes of the others.
const NOTES: std::ops::Range<usize> = 500..20_000;
/// Of the times that somebody opens a file, in one of so many somebody tries who may not.
const PRYING: u32 = 4;

/// Who does what, and where it is done.
pub(super) struct Day {
    pub folk: Rc<Folk>,
    pub town: Town,
    pub rest: Rc<Rest>,
    pub random: SmallRng,
    /// Tokens of people who are in no room of the town.
    pub outsiders: Vec<String>,
    pub picture: Contents,
    pub picker: Picker,
}

pub(super) fn picker() -> Picker {
    Picker::weighted(DAY.iter().map(|action| action.weight))
}

impl Day {
    /// One action of one of the first `users`, who are those that are connected.
    pub(super) async fn act(&mut self, users: usize, due: Instant) {
        let index = self.random.random_range(0..users.max(1));
        let rooms = self.town.rooms_of(index);
        let at = self.random.random_range(0..rooms.len().max(1));
        let (Some(room), true) = (rooms.get(at), self.folk.is_here(index)) else { return };
        let Some(action) = DAY.get(self.picker.pick(&mut self.random)) else { return };
        self.run(action.act, (index, users), room, due).await;
    }

    async fn run(
        &mut self,
        act: Act,
        (index, users): (usize, usize),
        room: &Rc<Room>,
        due: Instant,
    ) {
        let folk = self.folk.clone();
        match act {
            Act::Send => folk.send(index, room, due).await,
            Act::Read => folk.read(index, room, due).await,
            Act::Typing => {
                let op = json!({"op": "typing", "room": room.id});
                folk.ask(index, Deed::Typing, op, due).await;
            }
            Act::Reopen => folk.reopen(index, room, self.pause(), due).await,
            Act::React => self.react(index, room, due).await,
            Act::Edit => self.edit(index, room, due).await,
            Act::History => self.rest.history(&folk, index, room, due),
            Act::Search => self.search((index, users), room, due),
            Act::Upload => {
                let contents = if self.random.random_range(0..PICTURES) == 0 {
                    self.picture.clone()
                } else {
                    let bytes = self.random.random_range(NOTES);
                    Contents::Text { serial: folk.tally().next_serial(), bytes }
                };
                self.rest.upload(&folk, index, (room, contents), due);
            }
            Act::Fetch => self.fetch((index, users), room, due),
            Act::GoAway => folk.go_away(index, self.pause()),
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.random_range(100..2_000))
    }

    /// Reacts to something that was said lately, or takes it back; some press twice. Where nothing
    /// was said yet, they say something, as in all that follows.
    async fn react(&mut self, index: usize, room: &Rc<Room>, due: Instant) {
        let (Some(book), Some(session)) = (room.book(), self.folk.session(index)) else { return };
        let Some(pick) = book.pick(RECENT, &mut self.random) else {
            return self.folk.send(index, room, due).await;
        };
        let emoji = self.random.random_range(0..EMOJI.len());
        let has_it = book.has_mark(&pick.id, session.me.get(), emoji);
        let is_on = !has_it || self.random.random_range(0..4) == 0;
        self.folk.react(index, room, (pick.id, emoji, is_on), due).await;
    }

    /// The author of something that was said lately says it in another way.
    async fn edit(&mut self, index: usize, room: &Rc<Room>, due: Instant) {
        let pick = room.book().and_then(|book| book.pick(RECENT, &mut self.random));
        match pick {
            Some(pick) if self.folk.is_here(pick.author) => {
                self.folk.edit(pick.author, room, pick.id, due).await;
            }
            Some(_) => {}
            None => self.folk.send(index, room, due).await,
        }
    }

    /// Looks for any message of the room, old or new, by its own word or by one that it has no
    /// more; or somebody who is not in the room does.
    fn search(&mut self, (index, users): (usize, usize), room: &Rc<Room>, due: Instant) {
        let pick = room.book().and_then(|book| book.pick(usize::MAX, &mut self.random));
        let Some(pick) = pick else { return };
        let (wanted, serial) = match (self.random.random_range(0..10), pick.former) {
            (0..2, _) => (Wanted::Hidden, pick.serial),
            (2..5, Some(former)) => (Wanted::Gone, former),
            _ => (Wanted::Found, pick.serial),
        };
        let (token, readable) = match wanted {
            Wanted::Hidden => self.stranger(room, users),
            Wanted::Found | Wanted::Gone => (self.folk.token(index), self.readable(index)),
        };
        let hunt = Hunt { room: room.clone(), id: pick.id, serial, wanted, readable };
        self.rest.search(&self.folk, token, hunt, due);
    }

    fn fetch(&mut self, (index, users): (usize, usize), room: &Rc<Room>, due: Instant) {
        let parcel = room.book().and_then(|book| book.any_parcel(&mut self.random));
        let Some(parcel) = parcel else { return };
        if self.random.random_range(0..PRYING) == 0 {
            let (token, _) = self.stranger(room, users);
            self.rest.pry(&self.folk, token, parcel.clone());
        }
        self.rest.fetch(&self.folk, index, parcel, due);
    }

    fn readable(&self, index: usize) -> HashSet<String> {
        self.town.rooms_of(index).iter().map(|room| room.id.clone()).collect()
    }

    /// Somebody who is not in this room, with the rooms that they are in.
    fn stranger(&mut self, room: &Room, users: usize) -> (String, HashSet<String>) {
        let index = self.random.random_range(0..users.max(1));
        let readable = self.readable(index);
        if !readable.contains(&room.id) {
            return (self.folk.token(index), readable);
        }
        let outsider = self.random.random_range(0..self.outsiders.len().max(1));
        (self.outsiders.get(outsider).cloned().unwrap_or_default(), HashSet::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_percent() {
        let whole: f64 = DAY.iter().map(|action| action.weight).sum();
        assert!((whole - 100.0).abs() < 1e-9, "{whole}");
    }
}
