//! Messages that moderators are to look at.

use crate::domain::{
    AuditAction, ClubId, FilterId, Millis, ReportId, ReportStatus, RoomId, Settlement, UserId,
};
use crate::store::admins::is_admin;
use crate::store::db::{Conn, Sql, execute, fetch_all, fetch_one, fetch_optional};
use crate::store::given::{Bulk, Given, Script, bulk};
use crate::store::page::Page;
use crate::store::{Store, StoreError};

use super::audit::{Book, Note, note};
use super::touch::{lock_club, lock_room_of, moderates};
use super::types::{NewReport, Report, Reported, Settling};

#[derive(Debug, sqlx::FromRow)]
struct ReportRow {
    report_id: i64,
    room_id: i64,
    message_seq: i64,
    author_id: i64,
    by_id: Option<i64>,
    filter_id: Option<i64>,
    reason: String,
    note: String,
    text: Option<String>,
    created_at: i64,
    decided_at: Option<i64>,
    decided_by: Option<i64>,
    settlement: Option<String>,
}

impl TryFrom<ReportRow> for Report {
    type Error = StoreError;

    fn try_from(row: ReportRow) -> Result<Self, StoreError> {
        let decided = match (row.settlement, row.decided_at, row.decided_by) {
            (Some(how), Some(at), Some(by)) => Some((how.parse()?, Millis(at), UserId(by))),
            _open => None,
        };
        Ok(Self {
            id: ReportId(row.report_id),
            room: RoomId(row.room_id),
            message_seq: row.message_seq,
            author: UserId(row.author_id),
            by: row.by_id.map(UserId),
            filter: row.filter_id.map(FilterId),
            reason: row.reason.parse()?,
            note: row.note,
            text: row.text,
            at: Millis(row.created_at),
            decided,
        })
    }
}

/// A query for reports.
macro_rules! select_reports {
    ($which:literal) => {
        concat!(
            "SELECT report_id, room_id, message_seq, author_id, by_id, filter_id, reason, note, text,
                    created_at, decided_at, decided_by, settlement
               FROM report WHERE ",
            $which
        )
    };
}

/// A query for one of the lists of a queue: a club's, or that of the instance.
macro_rules! select_queue {
    ($queue:literal, $status:literal) => {
        concat!(
            select_reports!("report_id < $1 AND "),
            $queue,
            " AND ",
            $status,
            " ORDER BY report_id DESC LIMIT $2"
        )
    };
}

/// Messages in which a rule of their club found something.
const FLAGGED: Bulk = bulk!(
    "INSERT INTO report (club_id, room_id, message_seq, author_id, filter_id, reason, text,
                         created_at)
     SELECT club_id, room_id, message_seq, author_id, filter_id, 'filter', text, created_at FROM ",
    (room_id bigint, club_id bigint, message_seq bigint, author_id bigint, filter_id bigint,
     text text, created_at bigint),
    ""
);

/// A message in which a rule found something.
#[derive(Debug)]
pub(in crate::store) struct Flagged<'a> {
    /// None in a lobby.
    pub(in crate::store) club: Option<ClubId>,
    pub(in crate::store) room: RoomId,
    pub(in crate::store) seq: i64,
    pub(in crate::store) author: UserId,
    pub(in crate::store) filter: FilterId,
    pub(in crate::store) text: &'a str,
    pub(in crate::store) at: Millis,
}

/// Reports messages in the name of the club, or of the instance.
pub(in crate::store) fn flag<'a>(script: &mut Script<'a>, flagged: &[Flagged<'a>]) {
    let given = Given::new()
        .ints(flagged.iter().map(|one| one.room.0))
        .maybe_ints(flagged.iter().map(|one| one.club.map(|club| club.0)))
        .ints(flagged.iter().map(|one| one.seq))
        .ints(flagged.iter().map(|one| one.author.0))
        .ints(flagged.iter().map(|one| one.filter.0))
        .texts(flagged.iter().map(|one| one.text))
        .ints(flagged.iter().map(|one| one.at.0));
    script.add(&FLAGGED, given);
}

impl Store {
    /// Reports a message that the reporter may read.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn report(&self, new: &NewReport<'_>) -> Result<Reported, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = report(&mut tx, new).await;
        tx.end(done).await
    }

    /// Reports of a club, or of rooms of none, newest first. The key of a page is the id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reports(
        &self,
        queue: Option<ClubId>,
        status: ReportStatus,
        page: Page<i64>,
    ) -> Result<Vec<Report>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = if let Some(club) = queue {
            let sql = match status {
                ReportStatus::Open => select_queue!("club_id = $3", "decided_at IS NULL"),
                ReportStatus::Decided => select_queue!("club_id = $3", "decided_at IS NOT NULL"),
            };
            fetch_all!(conn, ReportRow, sql, page.below(), page.limit, club.0)?
        } else {
            let sql = match status {
                ReportStatus::Open => select_queue!("club_id IS NULL", "decided_at IS NULL"),
                ReportStatus::Decided => select_queue!("club_id IS NULL", "decided_at IS NOT NULL"),
            };
            fetch_all!(conn, ReportRow, sql, page.below(), page.limit)?
        };
        rows.into_iter().map(Report::try_from).collect()
    }

    /// One report of a queue.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn report_of(
        &self,
        queue: Option<ClubId>,
        report: ReportId,
    ) -> Result<Option<Report>, StoreError> {
        let mut conn = self.db.read().await?;
        let sql = select_reports!("report_id = $1 AND coalesce(club_id, 0) = $2");
        let row = fetch_optional!(conn, ReportRow, sql, report.0, number(queue))?;
        row.map(Report::try_from).transpose()
    }

    /// Decides that nothing is to be done about the message of a report, for who moderates the club at
    /// that moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn dismiss(
        &self,
        (queue, report): (Option<ClubId>, ReportId),
        reason: &str,
        (by, at): (UserId, Millis),
    ) -> Result<Settling, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = dismiss(&mut tx, (queue, report), reason, (by, at)).await;
        tx.end(done).await
    }
}

/// A queue as a number: no club has 0.
fn number(queue: Option<ClubId>) -> i64 {
    queue.map_or(0, |club| club.0)
}

async fn report(conn: &mut Conn, new: &NewReport<'_>) -> Result<Reported, StoreError> {
    let message = fetch_optional!(
        conn,
        (i64, Option<String>, Option<i64>),
        "SELECT message.author_id, message.text, room.club_id
           FROM message JOIN room ON room.room_id = message.room_id
          WHERE message.room_id = $1 AND message.seq = $2 AND room.deleted_at IS NULL",
        new.room.0,
        new.message_seq
    )?;
    let (author, text, club) = match message {
        Some((_, None, _)) | None => return Ok(Reported::NoMessage),
        Some((author, ..)) if author == new.by.0 => return Ok(Reported::Own),
        Some((author, Some(text), club)) => (author, text, club),
    };
    let made = fetch_optional!(
        conn,
        (i64,),
        "INSERT INTO report (club_id, room_id, message_seq, author_id, by_id, reason, note, text,
                             created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (room_id, message_seq, by_id) DO NOTHING RETURNING report_id",
        club,
        new.room.0,
        new.message_seq,
        author,
        new.by.0,
        new.reason.word(),
        new.note,
        text,
        new.at.0
    )?;
    if let Some((id,)) = made {
        return Ok(Reported::New(ReportId(id)));
    }
    let (id,): (i64,) = fetch_one!(
        conn,
        (i64,),
        "SELECT report_id FROM report WHERE room_id = $1 AND message_seq = $2 AND by_id = $3",
        new.room.0,
        new.message_seq,
        new.by.0
    )?;
    Ok(Reported::Before(ReportId(id)))
}

async fn dismiss(
    conn: &mut Conn,
    (queue, report): (Option<ClubId>, ReportId),
    reason: &str,
    who: (UserId, Millis),
) -> Result<Settling, StoreError> {
    // A deleted room may have left something to decide, a deleted club has not.
    let (is_there, book) = match queue {
        Some(club) => (lock_club(conn, club).await?, Book::Club(club)),
        None => (lock_room_of(conn, report).await?, Book::Instance),
    };
    if !is_there {
        return Ok(Settling::Gone);
    }
    let may = match queue {
        Some(club) => moderates(conn, club, who.0).await?,
        None => is_admin(conn, who.0).await?,
    };
    if !may {
        return Ok(Settling::Denied);
    }
    let case = match case(conn, queue, report).await? {
        Case::Open(case) => case,
        Case::Decided => return Ok(Settling::Decided),
        Case::Gone => return Ok(Settling::Gone),
    };
    settle(conn, case.place, Settlement::Dismiss, who).await?;
    let entry = Note::new(AuditAction::DismissReport, book, who);
    let (user, place) = (Some(case.author), Some(case.place));
    note(conn, &Note { user, place, reason, ..entry }).await?;
    Ok(Settling::Done)
}

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) enum Case {
    /// Nobody has decided.
    Open(OpenCase),
    /// Somebody has.
    Decided,
    /// There is no such report in this queue.
    Gone,
}

/// A message that somebody has reported.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct OpenCase {
    pub(in crate::store) place: (RoomId, i64),
    pub(in crate::store) author: UserId,
}

/// What a report of a queue is about. The club, or without one the room, must be locked: it is decided
/// once.
pub(in crate::store) async fn case(
    conn: &mut Conn,
    queue: Option<ClubId>,
    report: ReportId,
) -> Result<Case, StoreError> {
    let row = fetch_optional!(
        conn,
        (i64, i64, i64, Option<i64>),
        "SELECT room_id, message_seq, author_id, decided_at FROM report
          WHERE report_id = $1 AND coalesce(club_id, 0) = $2",
        report.0,
        number(queue)
    )?;
    Ok(match row {
        Some((room, seq, author, None)) => {
            Case::Open(OpenCase { place: (RoomId(room), seq), author: UserId(author) })
        }
        Some(_decided) => Case::Decided,
        None => Case::Gone,
    })
}

/// Decides an open report of a queue and every other of its message. False when it is decided, or
/// is none: of several who want to decide at once, one does.
pub(in crate::store) async fn settle_once(
    conn: &mut Conn,
    (queue, report, place): (Option<ClubId>, ReportId, (RoomId, i64)),
    how: Settlement,
    who: (UserId, Millis),
) -> Result<bool, StoreError> {
    let (by, at) = who;
    lock_open(conn, place).await?;
    let settled = execute!(
        conn,
        "UPDATE report SET decided_at = $5, decided_by = $6, settlement = $7, text = NULL
          WHERE report_id = $1 AND coalesce(club_id, 0) = $2 AND room_id = $3 AND message_seq = $4
            AND decided_at IS NULL",
        report.0,
        number(queue),
        place.0.0,
        place.1,
        at.0,
        by.0,
        how.word()
    )?;
    if settled > 0 {
        settle(conn, place, how, who).await?;
    }
    Ok(settled > 0)
}

/// Locks the open reports of a message, by id: who decides holds the club or the room of it, and not
/// both.
async fn lock_open(conn: &mut Conn, (room, seq): (RoomId, i64)) -> Result<(), StoreError> {
    const OPEN: Sql = Sql {
        sqlite: "SELECT report_id FROM report
                  WHERE room_id = $1 AND message_seq = $2 AND decided_at IS NULL",
        postgres: "SELECT report_id FROM report
                    WHERE room_id = $1 AND message_seq = $2 AND decided_at IS NULL
                    ORDER BY report_id FOR NO KEY UPDATE",
    };
    fetch_all!(conn, (i64,), OPEN, room.0, seq)?;
    Ok(())
}

/// Decides every open report of a message. Its text is kept no longer.
pub(in crate::store) async fn settle(
    conn: &mut Conn,
    (room, seq): (RoomId, i64),
    how: Settlement,
    (by, at): (UserId, Millis),
) -> Result<(), StoreError> {
    lock_open(conn, (room, seq)).await?;
    execute!(
        conn,
        "UPDATE report SET decided_at = $3, decided_by = $4, settlement = $5, text = NULL
          WHERE room_id = $1 AND message_seq = $2 AND decided_at IS NULL",
        room.0,
        seq,
        at.0,
        by.0,
        how.word()
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&FLAGGED]).await;
    }
}
