//! How many machines there are between a bot's message and the last human. It is decided here, under the
//! lock of the room, where the order of the messages is: whatever node a bot speaks to, and however many
//! of them speak at once. A batch without bots' messages runs no statement here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::domain::{ASSISTANT, RoomId, UserId, limits};
use crate::store::StoreError;
use crate::store::append::NewMessage;
use crate::store::db::{Conn, fetch_all, fetch_optional};

use super::talk::Draft;

/// What was said in the rooms in which bots speak.
#[derive(Debug, Default)]
pub(super) struct Hops {
    /// The last messages of each, ascending.
    rooms: HashMap<RoomId, Vec<Said>>,
    /// Hops of messages that bots answer.
    answered: HashMap<(RoomId, i64), i64>,
}

/// A message, as far as it matters here.
#[derive(Debug, Clone, Copy)]
struct Said {
    by: UserId,
    is_machines: bool,
    hop: i64,
}

/// Reads it for the drafts of bots.
pub(super) async fn read(conn: &mut Conn, drafts: &[Draft<'_>]) -> Result<Hops, StoreError> {
    let mut hops = Hops::default();
    for message in drafts.iter().map(|draft| draft.message).filter(|message| message.is_bots) {
        if let Entry::Vacant(place) = hops.rooms.entry(message.room) {
            place.insert(last(conn, message.room).await?);
        }
        if let Some(seq) = message.reply_to {
            let hop = hop_of(conn, (message.room, seq)).await?.unwrap_or(0);
            hops.answered.insert((message.room, seq), hop);
        }
    }
    Ok(hops)
}

async fn last(conn: &mut Conn, room: RoomId) -> Result<Vec<Said>, StoreError> {
    let rows = fetch_all!(
        conn,
        (i64, bool, i64),
        "SELECT newest.author_id, account.kind IN ('bot', 'assistant'), newest.hop
           FROM (SELECT m.seq, m.author_id, m.hop FROM message m WHERE m.room_id = $1
                  ORDER BY m.seq DESC LIMIT $2) newest
           JOIN account ON account.user_id = newest.author_id
          ORDER BY newest.seq",
        room.0,
        limits::HOPS_BACK
    )?;
    let said = |(by, is_machines, hop)| Said { by: UserId(by), is_machines, hop };
    Ok(rows.into_iter().map(said).collect())
}

async fn hop_of(conn: &mut Conn, (room, seq): (RoomId, i64)) -> Result<Option<i64>, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64,),
        "SELECT hop FROM message WHERE room_id = $1 AND seq = $2",
        room.0,
        seq
    )?;
    Ok(row.map(|(hop,)| hop))
}

impl Hops {
    /// The hop of the next message of a room. Those of a room are asked for in their order.
    pub(super) fn next(&mut self, message: &NewMessage) -> i64 {
        let Some(said) = self.rooms.get_mut(&message.room) else { return 0 };
        let answered = message.reply_to.and_then(|seq| self.answered.get(&(message.room, seq)));
        let hop = match (message.is_bots, answered) {
            (false, _) => 0,
            (true, Some(hop)) => hop + 1,
            (true, None) => unanswered(said, message.author),
        };
        let is_machines = message.is_bots || message.author == ASSISTANT;
        said.push(Said { by: message.author, is_machines, hop });
        hop
    }
}

/// The hop of a message that answers none: behind the last one of somebody else. Who has spoken alone
/// for long is no nearer to a human than before.
fn unanswered(said: &[Said], author: UserId) -> i64 {
    match said.iter().rfind(|said| said.by != author) {
        Some(Said { is_machines: true, hop, .. }) => hop + 1,
        Some(_human) => 1,
        None => said.iter().map(|said| said.hop).max().unwrap_or(0).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Cid, Millis, Text};

    const ROOM: RoomId = RoomId(1);
    const MINA: UserId = UserId(1);
    const ONE: UserId = UserId(2);
    const OTHER: UserId = UserId(3);

    fn message(author: UserId, reply_to: Option<i64>) -> NewMessage {
        let (cid, text) = (Cid::parse("c").unwrap(), Text::parse("hi").unwrap());
        let message = NewMessage::new(ROOM, author, cid, text, Millis(0));
        NewMessage { is_bots: author != MINA, reply_to, ..message }
    }

    fn hops(before: &[(UserId, i64)]) -> Hops {
        let said =
            |(by, hop): &(UserId, i64)| Said { by: *by, is_machines: *by != MINA, hop: *hop };
        let rooms = [(ROOM, before.iter().map(said).collect())].into();
        Hops { rooms, answered: [((ROOM, 1), 0), ((ROOM, 2), 2)].into() }
    }

    #[test]
    fn each_machine_is_one_hop_further_and_a_human_begins_anew() {
        let mut room = hops(&[(MINA, 0)]);
        let said: Vec<_> = [ONE, OTHER, ONE, ONE, OTHER, MINA, OTHER]
            .into_iter()
            .map(|author| room.next(&message(author, None)))
            .collect();
        assert_eq!(said, [1, 2, 3, 3, 4, 0, 1]);
    }

    #[test]
    fn an_answer_is_one_hop_behind_what_it_answers() {
        let mut room = hops(&[(MINA, 0), (ONE, 7)]);
        assert_eq!(room.next(&message(OTHER, Some(1))), 1);
        assert_eq!(room.next(&message(OTHER, Some(2))), 3);
        assert_eq!(room.next(&message(OTHER, None)), 8);
    }

    #[test]
    fn the_assistant_is_a_machine() {
        assert_eq!(hops(&[(MINA, 0), (ASSISTANT, 1)]).next(&message(ONE, None)), 2);
    }

    #[test]
    fn who_speaks_alone_comes_no_nearer_to_a_human() {
        assert_eq!(hops(&[]).next(&message(ONE, None)), 1);
        assert_eq!(hops(&[(ONE, 4), (ONE, 1)]).next(&message(ONE, None)), 4);
    }

    #[test]
    fn rooms_without_bots_are_not_looked_at() {
        assert_eq!(Hops::default().next(&message(MINA, None)), 0);
    }
}
