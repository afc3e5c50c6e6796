//! A thread of a room that is being made of a file.

use std::collections::BTreeSet;

use crate::domain::{ASSISTANT, RoomId};
use crate::store::StoreError;
use crate::store::db::{Conn, execute};

/// A thread, by the new seq of its root. Tombstones count, as they do while people talk.
#[derive(Default)]
pub(super) struct Thread {
    count: i64,
    last_seq: i64,
    last_at: i64,
    people: BTreeSet<i64>,
}

impl Thread {
    /// Takes the next reply. The assistant follows nothing that it answers in.
    pub(super) fn add(&mut self, author: i64, seq: i64, at: i64) {
        self.count += 1;
        (self.last_seq, self.last_at) = (seq, at);
        if author != ASSISTANT.0 {
            self.people.insert(author);
        }
    }

    /// Writes it: whoever wrote in it and who began it follow it, and have read it.
    pub(super) async fn write(
        &self,
        conn: &mut Conn,
        (room, root): (RoomId, i64),
    ) -> Result<(), StoreError> {
        execute!(
            conn,
            "INSERT INTO thread (room_id, root_seq, count, last_seq, last_at)
             VALUES ($1, $2, $3, $4, $5)",
            room.0,
            root,
            self.count,
            self.last_seq,
            self.last_at
        )?;
        for user in &self.people {
            execute!(
                conn,
                "INSERT INTO thread_member (room_id, root_seq, user_id, read_seq)
                 VALUES ($1, $2, $3, $4)",
                room.0,
                root,
                *user,
                self.last_seq
            )?;
        }
        execute!(
            conn,
            "INSERT INTO thread_member (room_id, root_seq, user_id, read_seq)
             SELECT room_id, seq, author_id, $3 FROM message WHERE room_id = $1 AND seq = $2
             ON CONFLICT DO NOTHING",
            room.0,
            root,
            self.last_seq
        )?;
        Ok(())
    }
}
