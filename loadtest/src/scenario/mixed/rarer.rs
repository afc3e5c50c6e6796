//! What people do now and then: threads, pins, private rooms, what is taken back, the assistant.

use std::rc::Rc;
use std::time::Instant;

use rand::RngExt;

use super::day::{Day, RECENT, TRYING};
use crate::town::{For, Hunt, Pick, Room, Wanted};

/// Pinned messages of a room, beyond which one is let go.
const PINS: usize = 10;

#[derive(Clone, Copy)]
pub(super) enum Rare {
    /// A message into a thread.
    Reply,
    Thread,
    Dm,
    Inbox,
    Delete,
    Range,
    Unread,
    Status,
    Pin,
    Pins,
    Ask,
}

impl Day {
    pub(super) async fn run_rare(
        &mut self,
        rare: Rare,
        (index, users): (usize, usize),
        room: &Rc<Room>,
        due: Instant,
    ) {
        let folk = self.folk.clone();
        match rare {
            Rare::Reply => self.reply(index, room, due).await,
            Rare::Thread => match room.book().and_then(|book| book.any_thread(&mut self.random)) {
                Some(root) => self.rest.thread(&folk, index, (room, root), due),
                None => self.reply(index, room, due).await,
            },
            Rare::Dm => self.whisper((index, users), due).await,
            Rare::Inbox => {
                let rooms = self.town.rooms_of(index);
                self.rest.inbox(&folk, index, (rooms, &self.pairs), due);
            }
            Rare::Delete => self.delete(index, room, due).await,
            Rare::Range => self.ranges(index, room, due),
            Rare::Unread => self.unread(index, room, due).await,
            Rare::Status => {
                let other = self.random.random_range(0..users.max(1));
                let id = self.town.users.get(index).map(|user| user.id.clone());
                self.rest.status(&folk, (index, other), &id.unwrap_or_default(), due);
            }
            Rare::Pin => self.pin(index, room, due).await,
            Rare::Pins => self.rest.pins(&folk, index, room, due),
            Rare::Ask => self.ask(index, room, due).await,
        }
    }

    pub(super) fn pick(&mut self, room: &Room, what: For, among: usize) -> Option<Pick> {
        room.book()?.pick(what, among, &mut self.random)
    }

    /// Answers something that was said lately, aside.
    async fn reply(&mut self, index: usize, room: &Rc<Room>, due: Instant) {
        let folk = self.folk.clone();
        match self.pick(room, For::Thread, RECENT) {
            Some(root) => {
                if let Some(book) = room.book() {
                    book.keep(&root.id);
                }
                folk.reply(index, room, root.id, due).await;
            }
            None => folk.send(index, room, due).await,
        }
    }

    /// Writes to the one with whom they talk in private. Sometimes somebody else looks for what is
    /// said there.
    async fn whisper(&mut self, (index, users): (usize, usize), due: Instant) {
        let other = index ^ 1;
        let id = self.town.users.get(other).filter(|_| other < users).map(|user| user.id.clone());
        let Some(id) = id else { return };
        let Some(room) = self.pairs.room(index, other) else {
            return self.rest.dm(&self.folk, (&self.pairs, index, other), &id, due);
        };
        self.folk.whisper(index, &room, due).await;
        if self.random.random_range(0..TRYING) == 0
            && let Some(pick) = self.pick(&room, For::Anything, usize::MAX)
        {
            let (token, readable) = self.stranger(&room, users);
            let (wanted, serial) = (Wanted::Hidden, pick.serial);
            let hunt = Hunt { room, id: pick.id, serial, wanted, readable };
            self.rest.search(&self.folk, token, hunt, Instant::now());
        }
    }

    /// The author of something that was said lately takes it back.
    async fn delete(&mut self, index: usize, room: &Rc<Room>, due: Instant) {
        let folk = self.folk.clone();
        match self.pick(room, For::Delete, RECENT) {
            Some(pick) if folk.is_here(pick.author) => {
                folk.delete(pick.author, room, pick.id, due).await;
            }
            Some(_) => {}
            None => folk.send(index, room, due).await,
        }
    }

    /// A part of a file that somebody brought, as who goes on with a download asks for it.
    fn ranges(&mut self, index: usize, room: &Rc<Room>, due: Instant) {
        let parcel = room.book().and_then(|book| book.any_parcel(&mut self.random));
        let Some(parcel) = parcel else { return };
        let from = self.random.random_range(0..parcel.len().max(1));
        let upto = self.random.random_range(from..parcel.len().max(from + 1)) + 1;
        self.rest.ranges(&self.folk, index, (parcel, (from, upto)), due);
    }

    /// Wants to come back to something that was said lately.
    async fn unread(&mut self, index: usize, room: &Rc<Room>, due: Instant) {
        let folk = self.folk.clone();
        match self.pick(room, For::Anything, RECENT) {
            Some(Pick { seq, n: Some(n), .. }) => folk.unread(index, room, (seq, n), due).await,
            _ => folk.send(index, room, due).await,
        }
    }

    /// The owner pins something that was said lately, or lets something go. While they are away
    /// somebody looks at what is pinned.
    async fn pin(&mut self, index: usize, room: &Rc<Room>, due: Instant) {
        let folk = self.folk.clone();
        let owner = self.town.owner(room);
        let Some(owner) = owner.filter(|owner| folk.is_here(*owner)) else {
            return self.rest.pins(&folk, index, room, due);
        };
        let pins = room.book().map(|book| book.pins()).unwrap_or_default();
        let is_end = pins.len() >= PINS || self.random.random_range(0..3) == 0;
        let last = pins.get(self.random.random_range(0..pins.len().max(1))).filter(|_| is_end);
        match (last, self.pick(room, For::Pin, RECENT)) {
            (Some(last), _) => folk.pin(owner, room, (last.clone(), false), due).await,
            (None, Some(pick)) => folk.pin(owner, room, (pick.id, true), due).await,
            (None, None) => folk.send(index, room, due).await,
        }
    }

    /// Asks the assistant about something that was said at any time.
    async fn ask(&mut self, index: usize, room: &Rc<Room>, due: Instant) {
        let folk = self.folk.clone();
        match self.pick(room, For::Anything, usize::MAX) {
            Some(pick) => self.rest.ask(&folk, index, (room, pick), due),
            None => folk.send(index, room, due).await,
        }
    }
}
