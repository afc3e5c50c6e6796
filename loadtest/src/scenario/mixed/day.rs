//! What people do in a day, as a table: a new thing to do is a row and an arm.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use rand::RngExt;
use rand::rngs::SmallRng;
use serde_json::json;

use super::rarer::Rare;
use crate::town::{
    Contents, Deed, EMOJI, Folk, For, Hunt, Pairs, Picker, Rest, Room, Town, Wanted,
};

/// How often each thing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mix {
    /// All that people do
    Day,
    /// Only what there was before threads, pins, private rooms and the like: for figures of old
    Chat,
    /// Everything equally often: to try all of it, not to measure
    Even,
}

/// Something that a user does now and then.
pub(super) struct Action {
    /// What it is called in the report.
    pub name: &'static str,
    /// How often, in percent, in a day and in a chat.
    shares: [f64; 2],
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
    Rare(Rare),
}

/// A guess at a busy club, on the side of what costs. Most of what people do is to look: a read mark
/// for each time that they catch up, another room now and then, an older page. Who writes lets it be
/// seen (a client tells about twice for a message that somebody types for some seconds). One thing in
/// ten is a message; reactions are almost as many; of five messages one is edited, of fourteen one
/// brings a file, which some people open. Searches are rare, and dear. Phones lose their connection.
/// Of twenty messages one goes into a thread and one to a single person, of twenty-five one is deleted
/// again; what is pinned, set as status or asked of the assistant are single things in a day.
pub(super) const DAY: &[Action] = &[
    action("read", [32.3, 34.3], Act::Read, Deed::Read, ["read_p50", "read_p99"]),
    action("typing", [18.8, 20.0], Act::Typing, Deed::Typing, ["typing_p50", "typing_p99"]),
    action("open", [11.5, 12.0], Act::Reopen, Deed::Open, ["open_p50", "open_p99"]),
    action("send", [9.5, 10.0], Act::Send, Deed::Send, ["send_p50", "send_p99"]),
    action("react", [8.5, 9.0], Act::React, Deed::React, ["react_p50", "react_p99"]),
    action("history", [4.8, 5.0], Act::History, Deed::History, ["history_p50", "history_p99"]),
    action("resume", [3.0, 3.0], Act::GoAway, Deed::Arrive, ["resume_p50", "resume_p99"]),
    action("file", [2.2, 2.5], Act::Fetch, Deed::Fetch, ["file_p50", "file_p99"]),
    action("edit", [1.9, 2.0], Act::Edit, Deed::Edit, ["edit_p50", "edit_p99"]),
    action("search", [1.4, 1.5], Act::Search, Deed::Search, ["search_p50", "search_p99"]),
    action("upload", [0.7, 0.7], Act::Upload, Deed::Upload, ["upload_p50", "upload_p99"]),
    action("reply", [1.0, 0.0], Act::Rare(Rare::Reply), Deed::Reply, ["reply_p50", "reply_p99"]),
    action(
        "thread",
        [0.8, 0.0],
        Act::Rare(Rare::Thread),
        Deed::Thread,
        ["thread_p50", "thread_p99"],
    ),
    action("dm", [0.9, 0.0], Act::Rare(Rare::Dm), Deed::Dm, ["dm_p50", "dm_p99"]),
    action("inbox", [0.8, 0.0], Act::Rare(Rare::Inbox), Deed::Inbox, ["inbox_p50", "inbox_p99"]),
    action(
        "delete",
        [0.4, 0.0],
        Act::Rare(Rare::Delete),
        Deed::Delete,
        ["delete_p50", "delete_p99"],
    ),
    action("range", [0.4, 0.0], Act::Rare(Rare::Range), Deed::Range, ["range_p50", "range_p99"]),
    action(
        "unread",
        [0.3, 0.0],
        Act::Rare(Rare::Unread),
        Deed::Unread,
        ["unread_p50", "unread_p99"],
    ),
    action(
        "status",
        [0.3, 0.0],
        Act::Rare(Rare::Status),
        Deed::Status,
        ["status_p50", "status_p99"],
    ),
    action("pin", [0.2, 0.0], Act::Rare(Rare::Pin), Deed::Pin, ["pin_p50", "pin_p99"]),
    action("pins", [0.2, 0.0], Act::Rare(Rare::Pins), Deed::Pins, ["pins_p50", "pins_p99"]),
    action("ask", [0.1, 0.0], Act::Rare(Rare::Ask), Deed::Ask, ["ask_p50", "ask_p99"]),
];

const fn action(
    name: &'static str,
    shares: [f64; 2],
    act: Act,
    deed: Deed,
    figures: [&'static str; 2],
) -> Action {
    Action { name, shares, deed, figures, act }
}

impl Action {
    /// How often, in percent.
    pub(super) fn share(&self, mix: Mix) -> f64 {
        let [day, chat] = self.shares;
        match mix {
            Mix::Day => day,
            Mix::Chat => chat,
            Mix::Even => 100.0 / DAY.len() as f64,
        }
    }
}

/// Messages, counted from the newest, that people still edit and react to.
pub(super) const RECENT: usize = 20;
/// Of files one in so many is a picture.
const PICTURES: u32 = 4;
/// Bytes of the others.
const NOTES: std::ops::Range<usize> = 500..20_000;
/// Of searches one in so many is for what was deleted, and of messages in private one is looked for by
/// somebody else.
pub(super) const TRYING: u32 = 4;
/// Of the times that somebody opens a file, in one of so many somebody tries who may not.
const PRYING: u32 = 4;

/// Who does what, and where it is done.
pub(super) struct Day {
    pub folk: Rc<Folk>,
    pub town: Town,
    pub rest: Rc<Rest>,
    pub pairs: Rc<Pairs>,
    pub random: SmallRng,
    /// Tokens of people who are in no room of the town.
    pub outsiders: Vec<String>,
    pub picture: Contents,
    pub picker: Picker,
}

pub(super) fn picker(mix: Mix) -> Picker {
    Picker::weighted(DAY.iter().map(|action| action.share(mix)))
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
            Act::Rare(rare) => self.run_rare(rare, (index, users), room, due).await,
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.random_range(100..2_000))
    }

    /// Reacts to something that was said lately, or takes it back; some press twice. Where nothing
    /// was said yet, they say something, as in all that follows.
    async fn react(&mut self, index: usize, room: &Rc<Room>, due: Instant) {
        let (Some(book), Some(session)) = (room.book(), self.folk.session(index)) else { return };
        let Some(pick) = book.pick(For::Anything, RECENT, &mut self.random) else {
            return self.folk.send(index, room, due).await;
        };
        let emoji = self.random.random_range(0..EMOJI.len());
        let has_it = book.has_mark(&pick.id, session.me.get(), emoji);
        let is_on = !has_it || self.random.random_range(0..4) == 0;
        self.folk.react(index, room, (pick.id, emoji, is_on), due).await;
    }

    /// The author of something that was said lately says it in another way.
    async fn edit(&mut self, index: usize, room: &Rc<Room>, due: Instant) {
        let pick = self.pick(room, For::Anything, RECENT);
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
        let Some(pick) = self.pick(room, For::Anything, usize::MAX) else { return };
        let deleted = room.book().and_then(|book| book.any_deleted(&mut self.random));
        if let Some((id, serial)) = deleted.filter(|_| self.random.random_range(0..TRYING) == 0) {
            let (wanted, readable) = (Wanted::Gone, self.readable(index));
            let hunt = Hunt { room: room.clone(), id, serial, wanted, readable };
            return self.rest.search(&self.folk, self.folk.token(index), hunt, due);
        }
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
        let rooms = self.town.rooms_of(index).into_iter().chain(self.pairs.of(index));
        rooms.map(|room| room.id.clone()).collect()
    }

    /// Somebody who is not in this room, with the rooms that they are in.
    pub(super) fn stranger(&mut self, room: &Room, users: usize) -> (String, HashSet<String>) {
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
    fn the_shares_are_percent() {
        for mix in [Mix::Day, Mix::Chat, Mix::Even] {
            let whole: f64 = DAY.iter().map(|action| action.share(mix)).sum();
            assert!((whole - 100.0).abs() < 1e-9, "{mix:?}: {whole}");
        }
    }

    #[test]
    fn what_people_did_before_they_do_nearly_as_often_still() {
        for action in DAY.iter().filter(|action| action.share(Mix::Chat) > 0.0) {
            let [day, chat] = action.shares;
            assert!(day <= chat && day >= 0.85 * chat, "{}: {day} of {chat}", action.name);
        }
    }
}
