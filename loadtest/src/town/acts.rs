//! What sessions are let do.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::session::Posting;
use super::{Deed, Folk, Parcel, Room, Session};

impl Folk {
    /// Sends a message that was due at `due`. Of a session that is away, it goes out on its return.
    pub(crate) async fn send(&self, index: usize, room: &Rc<Room>, due: Instant) {
        self.send_with(index, room, None, due).await;
    }

    /// The same, with a file that the session's user brought into the room.
    pub(crate) async fn send_with(
        &self,
        index: usize,
        room: &Rc<Room>,
        parcel: Option<Rc<Parcel>>,
        due: Instant,
    ) {
        self.say(index, |session| session.send(room.clone(), parcel, due)).await;
    }

    /// A message that goes into the thread of another one.
    pub(crate) async fn reply(&self, index: usize, room: &Rc<Room>, root: Rc<str>, due: Instant) {
        let posting = Posting { thread: Some(root), deed: Deed::Reply, ..Posting::default() };
        self.say(index, |session| session.post(room.clone(), posting, due)).await;
    }

    /// A message into a private room.
    pub(crate) async fn whisper(&self, index: usize, room: &Rc<Room>, due: Instant) {
        let posting = Posting { deed: Deed::Dm, ..Posting::default() };
        self.say(index, |session| session.post(room.clone(), posting, due)).await;
    }

    /// Deletes a message of its own.
    pub(crate) async fn delete(&self, index: usize, room: &Rc<Room>, id: Rc<str>, due: Instant) {
        self.say(index, |session| session.delete(room.clone(), id, due)).await;
    }

    /// Pins a message, or lets it go.
    pub(crate) async fn pin(
        &self,
        index: usize,
        room: &Rc<Room>,
        pin: (Rc<str>, bool),
        due: Instant,
    ) {
        self.say(index, |session| session.pin(room.clone(), pin, due)).await;
    }

    /// The message at this seq, the n-th, and all behind it are unread to its user.
    pub(crate) async fn unread(&self, index: usize, room: &Room, from: (u64, u64), due: Instant) {
        self.say(index, |session| Some(session.unread(room, from, due))).await;
    }

    /// Gives a message another text. Who is away does so on their return, as with all that lasts.
    pub(crate) async fn edit(&self, index: usize, room: &Rc<Room>, id: Rc<str>, due: Instant) {
        self.say(index, |session| session.edit(room.clone(), id, due)).await;
    }

    /// Reacts to a message with this of [`super::EMOJI`], or takes that back.
    pub(crate) async fn react(
        &self,
        index: usize,
        room: &Rc<Room>,
        (id, emoji, is_on): (Rc<str>, usize, bool),
        due: Instant,
    ) {
        self.say(index, |session| session.react(room.clone(), id, (emoji, is_on), due)).await;
    }

    /// Reads a room up to what the session saw last.
    pub(crate) async fn read(&self, index: usize, room: &Room, due: Instant) {
        self.say(index, |session| session.read(room, due)).await;
    }

    async fn say(&self, index: usize, op: impl FnOnce(&Session) -> Option<String>) {
        if let Some(seat) = self.seats.get(index)
            && let Some(op) = op(&seat.session)
        {
            seat.say(&op).await;
        }
    }

    pub(crate) async fn open(&self, index: usize, room: &Rc<Room>, due: Instant) {
        if let Some(seat) = self.seats.get(index) {
            seat.session.wish(room);
            let op = seat.session.open(&room.id, due);
            seat.say(&op).await;
        }
    }

    pub(crate) async fn close(&self, index: usize, room: &Room, due: Instant) {
        if let Some(seat) = self.seats.get(index) {
            let op = seat.session.close(room, due);
            seat.say(&op).await;
        }
    }

    /// Closes a room and opens it again later, unless it is away or has it closed already.
    pub(crate) async fn reopen(
        self: &Rc<Self>,
        index: usize,
        room: &Rc<Room>,
        after: Duration,
        due: Instant,
    ) {
        let has_it = self.session(index).is_some_and(|session| session.has_open(room));
        if !has_it || !self.is_here(index) {
            return;
        }
        self.close(index, room, due).await;
        let (folk, room) = (self.clone(), room.clone());
        spawn_local(async move {
            sleep(after).await;
            if folk.session(index).is_some_and(|session| !session.wants(&room)) {
                folk.open(index, &room, Instant::now()).await;
            }
        });
    }

    /// Leaves without a word, and comes back later.
    pub(crate) fn go_away(self: &Rc<Self>, index: usize, time: Duration) {
        self.leave(index);
        let folk = self.clone();
        spawn_local(async move {
            sleep(time).await;
            folk.arrive(index);
        });
    }

    /// Any other op, timed as `deed`.
    pub(crate) async fn ask(&self, index: usize, deed: Deed, op: Value, due: Instant) {
        if let Some(seat) = self.seats.get(index) {
            let op = seat.session.other(deed, op, due);
            seat.say(&op).await;
        }
    }

    /// Shows a fresh token, now and whenever it connects again.
    pub(crate) async fn refresh(&self, index: usize, token: String, due: Instant) {
        if let Some(seat) = self.seats.get(index) {
            let op = json!({"op": "auth.refresh", "token": token});
            seat.token.replace(token);
            if self.is_here(index) {
                self.ask(index, Deed::Refresh, op, due).await;
            }
        }
    }
}
