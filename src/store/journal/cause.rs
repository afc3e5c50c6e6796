//! A text that people are told of.

use crate::domain::{Millis, RoomId, UserId};
use crate::store::append::NewMessage;

/// A message, new or edited, as far as people are told of it.
#[derive(Debug)]
pub(super) struct Cause<'a> {
    pub(super) room: RoomId,
    pub(super) author: UserId,
    pub(super) text: &'a str,
    /// What it looks like, unless it is plain.
    pub(super) html: Option<&'a str>,
    /// What of it calls people.
    pub(super) spoken: &'a str,
    pub(super) at: Millis,
    /// The seq of the message; zero until it is numbered.
    pub(super) seq: i64,
    /// Who is named and may read it.
    pub(super) mentions: Vec<UserId>,
    /// Whom it answers: the author of the message before, and who follows the thread.
    pub(super) answered: Vec<UserId>,
    /// Who of these wants no entry from this room.
    pub(super) silent: Vec<UserId>,
    /// Who else is to hear of it, and as what.
    pub(super) watchers: Vec<UserId>,
    pub(super) news: &'static str,
    /// Name of the room, where somebody hears of it by that.
    pub(super) place: String,
}

impl<'a> Cause<'a> {
    /// A new message, before anything is known.
    pub(super) fn of(message: &'a NewMessage) -> Self {
        let text = &message.text;
        Self {
            html: text.html(),
            spoken: text.spoken(),
            ..Self::told(message.room, message.author, (text.as_str(), 0), message.at)
        }
    }

    /// A text that stands at a seq, of which it is known already whom it calls.
    pub(super) const fn told(
        room: RoomId,
        author: UserId,
        (text, seq): (&'a str, i64),
        at: Millis,
    ) -> Self {
        Self {
            room,
            author,
            text,
            html: None,
            spoken: "",
            at,
            seq,
            mentions: Vec::new(),
            answered: Vec::new(),
            silent: Vec::new(),
            watchers: Vec::new(),
            news: "chat",
            place: String::new(),
        }
    }

    /// Who hears of it, and as what: one entry each. Being named wins, then being answered.
    pub(super) fn receivers(&self) -> impl Iterator<Item = (UserId, &'static str)> + use<'_> {
        let named = self.mentions.iter().map(|user| (*user, "mention"));
        let is_new = |user: &&UserId| **user != self.author && !self.mentions.contains(user);
        let answered = self.answered.iter().filter(is_new).map(|user| (*user, "reply"));
        let is_asked = |(user, _kind): &(UserId, _)| !self.silent.contains(user);
        let watching = self.watchers.iter().map(|user| (*user, self.news));
        named.chain(answered).filter(is_asked).chain(watching)
    }
}
