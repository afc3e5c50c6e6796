//! The rooms that people may find: listed groups, and lobbies.

use crate::domain::{Millis, RoomId, RoomKind, UserId};
use crate::store::accounts::containing;
use crate::store::db::fetch_all;
use crate::store::page::Page;
use crate::store::{Store, StoreError};

/// A room in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub room: RoomId,
    /// Its name.
    pub name: String,
    /// `group` or `lobby`.
    pub kind: RoomKind,
    /// What is talked about.
    pub topic: String,
    /// Who is inside.
    pub member_count: i64,
    /// Whether the viewer is.
    pub is_inside: bool,
    /// When it was made.
    pub created_at: Millis,
}

/// Which rooms of the directory.
#[derive(Debug, Clone, Copy)]
pub struct ListedQuery<'a> {
    /// The name contains this.
    pub query: Option<&'a str>,
    /// Of this kind.
    pub kind: Option<RoomKind>,
    /// Which page; its key is the id.
    pub page: Page<i64>,
}

#[derive(Debug, sqlx::FromRow)]
struct ListedRow {
    room_id: i64,
    name: String,
    kind: String,
    topic: String,
    member_count: i64,
    is_inside: bool,
    created_at: i64,
}

impl TryFrom<ListedRow> for Listed {
    type Error = StoreError;

    fn try_from(row: ListedRow) -> Result<Self, StoreError> {
        Ok(Self {
            room: RoomId(row.room_id),
            name: row.name,
            kind: row.kind.parse()?,
            topic: row.topic,
            member_count: row.member_count,
            is_inside: row.is_inside,
            created_at: Millis(row.created_at),
        })
    }
}

impl Store {
    /// Rooms that people may find, newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn directory(
        &self,
        query: ListedQuery<'_>,
        viewer: UserId,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            ListedRow,
            "SELECT room.room_id, room.name, room.kind, room.topic, room.created_at,
                    (SELECT count(*) FROM room_member i
                      WHERE i.room_id = room.room_id AND i.is_inside) AS member_count,
                    coalesce(own.is_inside, FALSE) AS is_inside
               FROM room LEFT JOIN room_member own
                      ON own.room_id = room.room_id AND own.user_id = $1
              WHERE room.is_listed AND room.deleted_at IS NULL AND room.room_id < $2
                AND ($3 IS NULL OR room.name_key LIKE $3 ESCAPE '!')
                AND ($4 IS NULL OR room.kind = $4)
              ORDER BY room.room_id DESC LIMIT $5",
            viewer.0,
            query.page.below(),
            query.query.map(containing),
            query.kind.map(RoomKind::word),
            query.page.limit
        )?;
        rows.into_iter().map(Listed::try_from).collect()
    }
}
