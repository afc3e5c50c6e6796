//! The members of a room, in pages: each begins at its place in an index, so that one of a lobby with
//! a hundred thousand people costs no more than one of a group.

use crate::domain::RoomId;
use crate::store::accounts::user_columns;
use crate::store::clubs::MemberRow;
use crate::store::db::{fetch_all, fetch_optional};
use crate::store::page::Page;
use crate::store::{Store, StoreError};

use super::types::RoomMember;

const ROOM: &str = "SELECT club_id, kind <> 'member' FROM room
                     WHERE room_id = $1 AND deleted_at IS NULL";

/// Members of a club below (`joined_at`, user id) `$2, $3`; where `$5` holds, only those who run it. The
/// page is cut before anybody's account is looked at.
const OF_CLUB: &str = concat!(
    "SELECT page.role AS member_role, page.joined_at, ",
    user_columns!(),
    " FROM (SELECT m.user_id, m.role, m.joined_at FROM membership m
             WHERE m.club_id = $1 AND m.status = 'active' AND (m.joined_at, m.user_id) < ($2, $3)
               AND (m.role <> 'member' OR NOT $5)
             ORDER BY m.joined_at DESC, m.user_id DESC LIMIT $4) page
      CROSS JOIN account WHERE account.user_id = page.user_id
      ORDER BY page.joined_at DESC, page.user_id DESC"
);

/// The same of a room outside of clubs.
const INSIDE: &str = concat!(
    "SELECT CASE WHEN room.kind = 'group' AND room.host_id = page.user_id THEN 'owner'
                 WHEN room.kind = 'lobby' AND account.role = 'admin' THEN 'manager'
                 ELSE 'member' END AS member_role, page.joined_at, ",
    user_columns!(),
    " FROM (SELECT i.room_id, i.user_id, i.joined_at FROM room_member i
             WHERE i.room_id = $1 AND i.is_inside AND (i.joined_at, i.user_id) < ($2, $3)
             ORDER BY i.joined_at DESC, i.user_id DESC LIMIT $4) page
      CROSS JOIN account CROSS JOIN room
      WHERE account.user_id = page.user_id AND room.room_id = page.room_id
      ORDER BY page.joined_at DESC, page.user_id DESC"
);

impl Store {
    /// The members of a room, newest first. The key of a page is (`joined_at`, user id).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn room_members(
        &self,
        room: RoomId,
        page: Page<(i64, i64)>,
    ) -> Result<Vec<RoomMember>, StoreError> {
        let ((joined_at, user), most) = (page.below(), page.limit);
        let mut conn = self.db.read().await?;
        let known = fetch_optional!(conn, (Option<i64>, bool), ROOM, room.0)?;
        let rows: Vec<MemberRow> = match known {
            None => Vec::new(),
            Some((Some(club), runs)) => {
                fetch_all!(conn, MemberRow, OF_CLUB, club, joined_at, user, most, runs)?
            }
            Some((None, _kind)) => {
                fetch_all!(conn, MemberRow, INSIDE, room.0, joined_at, user, most)?
            }
        };
        rows.into_iter().map(RoomMember::try_from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_is_read_from_its_place_on() {
        let of_club = "SEARCH m USING INDEX membership_newest \
                       (club_id=? AND (joined_at,user_id)<(?,?))";
        let inside = "SEARCH i USING INDEX room_member_newest \
                      (room_id=? AND (joined_at,user_id)<(?,?))";
        crate::store::plans::check_page(&[(OF_CLUB, of_club), (INSIDE, inside)]).await;
    }
}
