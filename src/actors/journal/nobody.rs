//! Outcomes that nobody hears: for who writes events without a tree of actors around.

use std::future::ready;

use super::{Outcome, Outcomes, Telling};
use crate::domain::{MessageId, RoomId, Text, UserId};
use crate::store::{NoticesRead, StoredNotice};

/// Nobody is there.
pub(crate) struct Nobody;

impl Outcomes for Nobody {
    fn arrived(&self, _outcomes: Vec<Outcome>) {}

    fn tell(&self, _notices: Vec<StoredNotice>) -> Telling<'_> {
        Box::pin(ready(()))
    }

    fn tell_read(&self, _read: Vec<NoticesRead>) -> Telling<'_> {
        Box::pin(ready(()))
    }

    fn untold(&self, _messages: Vec<(RoomId, i64)>) {}

    fn spoken(&self, _message: MessageId, _text_seq: i64, _text: &Text) {}

    fn is_listening(&self, _room: RoomId, _user: UserId) -> bool {
        false
    }
}
