//! Reading clubs and their members.

use super::types::{
    Club, ClubMember, ClubQuery, ClubRow, ClubSort, MemberRow, Membership, MembershipRow,
};
use crate::domain::{ClubId, UserId};
use crate::store::accounts::{containing, user_columns};
use crate::store::db::{Conn, fetch_all, fetch_optional};
use crate::store::page::Page;
use crate::store::{Store, StoreError};

/// Living clubs with their owner, as the user `$1` sees them. The joins begin where it is said.
macro_rules! select_clubs {
    ($from:literal) => {
        concat!(
            "SELECT club.club_id, club.name, club.greeting, club.description,
                    club.kind AS club_kind, club.category, club.visibility, club.join_policy,
                    club.capacity, club.member_count, club.seen_by,
                    club.created_at AS club_created_at,
                    my.role AS my_role, my.status AS my_status, ",
            user_columns!(),
            " FROM ",
            $from,
            " JOIN account ON account.user_id = club.owner_id
              WHERE club.deleted_at IS NULL "
        )
    };
    () => {
        select_clubs!(
            "club LEFT JOIN membership my ON my.club_id = club.club_id AND my.user_id = $1"
        )
    };
}

/// Public clubs, falling by one column and the id.
macro_rules! list_clubs {
    ($rank:literal) => {
        concat!(
            select_clubs!(),
            "AND club.visibility = 'public'
             AND ($2 IS NULL OR club.name_key LIKE $2 ESCAPE '!')
             AND ($3 IS NULL OR club.kind = $3) AND ($4 IS NULL OR club.category = $4)
             AND (",
            $rank,
            ", club.club_id) < ($5, $6) ORDER BY ",
            $rank,
            " DESC, club.club_id DESC LIMIT $7"
        )
    };
}

impl Store {
    /// A club, if the viewer may know of it: public ones and one's own.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn club(&self, club: ClubId, viewer: UserId) -> Result<Option<Club>, StoreError> {
        find(&mut self.db.read().await?, club, viewer).await
    }

    /// Public clubs.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn clubs(
        &self,
        query: ClubQuery<'_>,
        viewer: UserId,
    ) -> Result<Vec<Club>, StoreError> {
        let sql = match query.sort {
            ClubSort::New => list_clubs!("club.created_at"),
            ClubSort::Members => list_clubs!("club.member_count"),
        };
        let (rank, id) = query.page.below();
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            ClubRow,
            sql,
            viewer.0,
            query.query.map(containing),
            query.kind,
            query.category,
            rank,
            id,
            query.page.limit
        )?;
        rows.into_iter().map(Club::try_from).collect()
    }

    /// The clubs that a user is an active member of, newest membership first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn my_clubs(&self, user: UserId) -> Result<Vec<Club>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            ClubRow,
            concat!(
                select_clubs!("membership my JOIN club ON club.club_id = my.club_id"),
                "AND my.user_id = $1 AND my.status = 'active'
                 ORDER BY my.joined_at DESC, club.club_id DESC"
            ),
            user.0
        )?;
        rows.into_iter().map(Club::try_from).collect()
    }

    /// The active members of a club, newest first. The key of a page is (`joined_at`, user id).
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn club_members(
        &self,
        club: ClubId,
        page: Page<(i64, i64)>,
    ) -> Result<Vec<ClubMember>, StoreError> {
        let (joined_at, user) = page.below();
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            MemberRow,
            concat!(
                "SELECT m.role AS member_role, m.joined_at, ",
                user_columns!(),
                " FROM membership m JOIN account ON account.user_id = m.user_id
                  WHERE m.club_id = $1 AND m.status = 'active' AND (m.joined_at, m.user_id) < ($2, $3)
                  ORDER BY m.joined_at DESC, m.user_id DESC LIMIT $4"
            ),
            club.0,
            joined_at,
            user,
            page.limit
        )?;
        rows.into_iter().map(ClubMember::try_from).collect()
    }

    /// One active member of a club.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn club_member(
        &self,
        club: ClubId,
        user: UserId,
    ) -> Result<Option<ClubMember>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            MemberRow,
            concat!(
                "SELECT m.role AS member_role, m.joined_at, ",
                user_columns!(),
                " FROM membership m JOIN account ON account.user_id = m.user_id
                  WHERE m.club_id = $1 AND m.user_id = $2 AND m.status = 'active'"
            ),
            club.0,
            user.0
        )?;
        row.map(ClubMember::try_from).transpose()
    }

    /// What a user is to a club, if they ever were anything.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn membership(
        &self,
        club: ClubId,
        user: UserId,
    ) -> Result<Option<Membership>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            MembershipRow,
            "SELECT role, status, joined_at, left_at, ban_until, muted_until
               FROM membership WHERE club_id = $1 AND user_id = $2",
            club.0,
            user.0
        )?;
        row.map(Membership::try_from).transpose()
    }
}

/// A club on a connection that may be in a transaction.
pub(super) async fn find(
    conn: &mut Conn,
    club: ClubId,
    viewer: UserId,
) -> Result<Option<Club>, StoreError> {
    let row = fetch_optional!(
        conn,
        ClubRow,
        concat!(
            select_clubs!(),
            "AND club.club_id = $2 AND (club.visibility = 'public' OR my.status = 'active')"
        ),
        viewer.0,
        club.0
    )?;
    row.map(Club::try_from).transpose()
}
