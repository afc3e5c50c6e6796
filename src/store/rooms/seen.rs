//! Who has read a message, and who has reacted to it.

use crate::domain::{Emoji, RoomId};
use crate::store::accounts::{User, UserRow, user_columns};
use crate::store::db::{fetch_all, fetch_one, fetch_optional};
use crate::store::{Store, StoreError};

/// Readers of the message `$2` of the room `$1` who were there when it came and have read up to it,
/// but its author.
macro_rules! readers {
    ($columns:expr, $tail:expr) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM message JOIN room ON room.room_id = message.room_id
                   JOIN membership m ON m.club_id = room.club_id AND m.status = 'active'
                        AND (room.kind = 'member' OR m.role <> 'member')
                   JOIN room_member seen
                        ON seen.room_id = room.room_id AND seen.user_id = m.user_id
                   JOIN account ON account.user_id = seen.user_id
              WHERE message.room_id = $1 AND message.seq = $2 AND seen.read_seq >= $2
                AND seen.join_seq < $2 AND seen.user_id <> message.author_id
             UNION ALL SELECT ",
            $columns,
            " FROM message JOIN room ON room.room_id = message.room_id AND room.club_id IS NULL
                   JOIN room_member seen ON seen.room_id = room.room_id AND seen.is_inside
                   JOIN account ON account.user_id = seen.user_id
              WHERE message.room_id = $1 AND message.seq = $2 AND seen.read_seq >= $2
                AND seen.join_seq < $2 AND seen.user_id <> message.author_id ",
            $tail
        )
    };
}

/// Who has read a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenBy {
    /// How many.
    pub count: i64,
    /// The first of them, by their ids.
    pub users: Vec<User>,
}

/// Who has reacted to a message with an emoji.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReactedBy {
    /// How many.
    pub count: i64,
    /// The first of them, who came first before the others.
    pub users: Vec<User>,
}

/// What came of asking who has read a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// By these.
    By(SeenBy),
    /// There is no such message.
    NoMessage,
    /// The club does not want it to be known.
    Off,
}

impl Store {
    /// Who has read up to a message, of those who were there; at most `limit` by name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn seen_by(&self, room: RoomId, seq: i64, limit: i64) -> Result<Seen, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (bool,),
            "SELECT coalesce(club.seen_by, TRUE) FROM message
                    JOIN room ON room.room_id = message.room_id
                    LEFT JOIN club ON club.club_id = room.club_id
              WHERE message.room_id = $1 AND message.seq = $2",
            room.0,
            seq
        )?;
        match row {
            None => return Ok(Seen::NoMessage),
            Some((false,)) => return Ok(Seen::Off),
            Some((true,)) => {}
        }
        let counted =
            concat!("SELECT count(*) FROM (", readers!("account.user_id", ""), ") readers");
        let (count,): (i64,) = fetch_one!(conn, (i64,), counted, room.0, seq)?;
        let named = readers!(user_columns!(), "ORDER BY 1 LIMIT $3");
        let rows = fetch_all!(conn, UserRow, named, room.0, seq, limit)?;
        let users = rows.into_iter().map(User::try_from).collect::<Result<_, _>>()?;
        Ok(Seen::By(SeenBy { count, users }))
    }

    /// Who has reacted to a message with an emoji; at most `limit` by name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reactors(
        &self,
        (room, seq): (RoomId, i64),
        emoji: Emoji,
        limit: i64,
    ) -> Result<ReactedBy, StoreError> {
        let mut conn = self.db.read().await?;
        let counted = fetch_optional!(
            conn,
            (i64,),
            "SELECT count FROM reaction_count
              WHERE room_id = $1 AND message_seq = $2 AND emoji = $3",
            room.0,
            seq,
            emoji.as_str()
        )?;
        let Some((count,)) = counted else { return Ok(ReactedBy::default()) };
        let named = concat!(
            "SELECT ",
            user_columns!(),
            " FROM reaction JOIN account ON account.user_id = reaction.user_id
              WHERE reaction.room_id = $1 AND reaction.message_seq = $2 AND reaction.emoji = $3
              ORDER BY reaction.seq, reaction.user_id LIMIT $4"
        );
        let rows = fetch_all!(conn, UserRow, named, room.0, seq, emoji.as_str(), limit)?;
        let users = rows.into_iter().map(User::try_from).collect::<Result<_, _>>()?;
        Ok(ReactedBy { count, users })
    }
}
