//! Writing clubs into a file, as they stood in one moment.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use super::beside::{self, Beside};
use super::line::{
    ClubLine, EarlierLine, FilterLine, Line, MarkLine, MemberLine, MessageLine, PinLine,
    ReactionLine, ReportLine, RoomLine, UserLine,
};
use super::{FORMAT, TransferError, VERSION};
use crate::domain::{ClubId, Millis};
use crate::store::db::{Conn, Sql, fetch_all, fetch_optional};
use crate::store::given::{Bulk, Given, bulk};
use crate::store::{Store, StoreError};

/// Messages in one page.
const PAGE: i64 = 500;

/// Everything is read as of the same moment.
const BEGIN: Sql =
    Sql { sqlite: "BEGIN", postgres: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };

const USERS: Bulk = bulk!(
    "SELECT account.user_id, account.username, account.display_name,
            account.deleted_at IS NOT NULL,
            CASE WHEN account.deleted_at IS NULL THEN bot.maker_id END FROM ",
    (user_id bigint),
    " CROSS JOIN account LEFT JOIN bot ON bot.user_id = account.user_id
      WHERE account.user_id = given.user_id ORDER BY account.user_id"
);

const MAKERS: Bulk = bulk!(
    "SELECT bot.maker_id FROM ",
    (user_id bigint),
    " CROSS JOIN bot WHERE bot.user_id = given.user_id"
);

impl Store {
    /// Writes a club, or all of them, as lines; tells how many, and which files they name if they are
    /// to name any.
    ///
    /// # Errors
    /// [`TransferError::NoClub`] where there is none, and when the store does not answer or the file
    /// cannot be written.
    pub async fn export_clubs(
        &self,
        club: Option<ClubId>,
        (file, at): (&mut dyn Write, Millis),
        with_files: bool,
    ) -> Result<Exported, TransferError> {
        let mut conn = self.db.read().await?;
        conn.command(BEGIN).await?;
        let files = with_files.then(Vec::new);
        let mut file = Lines { file, lines: 0, known: HashSet::new(), files };
        let done = write(&mut conn, club, &mut file, at).await;
        conn.command("ROLLBACK".into()).await?;
        done?;
        Ok(Exported { lines: file.lines, files: file.files.unwrap_or_default() })
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// How many lines.
    pub lines: u64,
    /// The files that they name.
    pub files: Vec<Beside>,
}

/// The file, and who was introduced in it.
struct Lines<'f> {
    file: &'f mut dyn Write,
    lines: u64,
    known: HashSet<i64>,
    /// The files that were named, if files are wanted.
    files: Option<Vec<Beside>>,
}

impl Lines<'_> {
    fn write(&mut self, line: &Line) -> Result<(), TransferError> {
        serde_json::to_writer(&mut self.file, line).map_err(io::Error::from)?;
        self.file.write_all(b"\n")?;
        self.lines += 1;
        Ok(())
    }

    /// Introduces people whom the next lines name.
    async fn introduce(
        &mut self,
        conn: &mut Conn,
        users: impl Iterator<Item = i64>,
    ) -> Result<(), TransferError> {
        let mut fresh: Vec<i64> = users.filter(|user| !self.known.contains(user)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        // Makers come before their bots: they were there before.
        let makers: Vec<(i64,)> =
            conn.given_all(&MAKERS, Given::new().ints(fresh.iter().copied())).await?;
        fresh.extend(makers.into_iter().map(|(maker,)| maker));
        fresh.retain(|user| !self.known.contains(user));
        fresh.sort_unstable();
        fresh.dedup();
        let rows: Vec<(i64, String, String, bool, Option<i64>)> =
            conn.given_all(&USERS, Given::new().ints(fresh)).await?;
        for (id, username, display_name, deleted, maker) in rows {
            self.known.insert(id);
            self.write(&Line::User(UserLine { id, username, display_name, deleted, maker }))?;
        }
        Ok(())
    }
}

async fn write(
    conn: &mut Conn,
    club: Option<ClubId>,
    file: &mut Lines<'_>,
    at: Millis,
) -> Result<(), TransferError> {
    let clubs = fetch_all!(
        conn,
        (i64,),
        "SELECT club_id FROM club WHERE deleted_at IS NULL AND ($1 = 0 OR club_id = $1)
          ORDER BY club_id",
        club.map_or(0, |club| club.0)
    )?;
    if clubs.is_empty() && club.is_some() {
        return Err(TransferError::NoClub);
    }
    file.write(&Line::Head { format: FORMAT.to_owned(), version: VERSION, exported_at: at.0 })?;
    for (club,) in clubs {
        self::club(conn, club, file).await?;
    }
    let lines = file.lines + 1;
    file.write(&Line::End { lines })?;
    Ok(file.file.flush()?)
}

async fn club(conn: &mut Conn, club: i64, file: &mut Lines<'_>) -> Result<(), TransferError> {
    let line = fetch_optional!(
        conn,
        ClubLine,
        "SELECT name, greeting, description, kind, category, visibility, join_policy, capacity,
                seen_by, owner_id AS owner, created_at, assistant,
                CASE WHEN assistant_bots THEN TRUE END AS assistant_bots, persona, ai_language, ai_model
           FROM club WHERE club_id = $1",
        club
    )?;
    let Some(line) = line else { return Ok(()) };
    file.introduce(conn, [line.owner].into_iter()).await?;
    file.write(&Line::Club(line))?;
    let mut last = 0;
    loop {
        let members = fetch_all!(
            conn,
            MemberLine,
            "SELECT user_id AS user, role, status, joined_at, left_at, ban_until, ban_reason,
                    muted_until
               FROM membership WHERE club_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
            club,
            last,
            PAGE
        )?;
        let Some(end) = members.last() else { break };
        last = end.user;
        file.introduce(conn, members.iter().map(|member| member.user)).await?;
        for member in members {
            file.write(&Line::Member(member))?;
        }
    }
    let filters = fetch_all!(
        conn,
        FilterLine,
        "SELECT kind, pattern, action, made_by, created_at FROM club_filter WHERE club_id = $1
          ORDER BY filter_id",
        club
    )?;
    file.introduce(conn, filters.iter().map(|filter| filter.made_by)).await?;
    for filter in filters {
        file.write(&Line::Filter(filter))?;
    }
    let rooms = fetch_all!(
        conn,
        (i64,),
        "SELECT room_id FROM room WHERE club_id = $1 AND deleted_at IS NULL ORDER BY room_id",
        club
    )?;
    for (room,) in rooms {
        self::room(conn, (club, room), file).await?;
    }
    audit(conn, club, file).await
}

/// What the moderators of a club did.
async fn audit(conn: &mut Conn, club: i64, file: &mut Lines<'_>) -> Result<(), TransferError> {
    let mut after = 0;
    loop {
        let (acts, last) = beside::audit(conn, (club, after)).await?;
        let Some(last) = last else { break };
        after = last;
        file.introduce(conn, acts.iter().flat_map(|act| [act.by].into_iter().chain(act.user)))
            .await?;
        for act in acts {
            file.write(&Line::Audit(act))?;
        }
    }
    Ok(())
}

async fn room(
    conn: &mut Conn,
    (club, room): (i64, i64),
    file: &mut Lines<'_>,
) -> Result<(), TransferError> {
    let line = fetch_optional!(
        conn,
        RoomLine,
        "SELECT room_id AS id, kind, name, topic, is_general AS general, slow_mode_s, write, history, permissions,
                notify, retention_days, created_by, created_at,
                CASE WHEN has_own_waking THEN assistant END AS assistant,
                CASE WHEN has_own_bots THEN assistant_bots END AS assistant_bots, persona,
                ai_language, ai_model FROM room WHERE room_id = $1",
        room
    )?;
    let Some(line) = line else { return Ok(()) };
    file.introduce(conn, line.created_by.into_iter()).await?;
    file.write(&Line::Room(line))?;
    let mut after = 0;
    loop {
        let messages = page(conn, (room, after), &mut file.files).await?;
        let Some(last) = messages.last() else { break };
        after = last.seq;
        let named = messages.iter().flat_map(|message| {
            let reactors = message.reactions.iter().map(|reaction| reaction.by);
            reactors.chain([message.by]).chain(message.pin.iter().map(|pin| pin.by))
        });
        file.introduce(conn, named).await?;
        for message in messages {
            file.write(&Line::Message(message))?;
        }
    }
    let marks = fetch_all!(
        conn,
        MarkLine,
        "SELECT own.user_id AS user, own.read_n, own.join_seq AS since, own.notify FROM membership m
           JOIN room_member own ON own.user_id = m.user_id AND own.room_id = $2
          WHERE m.club_id = $1
            AND (own.read_n > 0 OR own.join_seq > 0 OR own.notify IS NOT NULL)
          ORDER BY own.user_id",
        club,
        room
    )?;
    for mark in marks {
        file.write(&Line::Mark(mark))?;
    }
    let reports = beside::reports(conn, room).await?;
    let named =
        |report: &ReportLine| [report.author].into_iter().chain(report.by).chain(report.decided_by);
    file.introduce(conn, reports.iter().flat_map(named)).await?;
    for report in reports {
        file.write(&Line::Report(report))?;
    }
    Ok(())
}

#[derive(Debug, sqlx::FromRow)]
struct TextRow {
    seq: i64,
    n: i64,
    author_id: i64,
    cid: String,
    at: i64,
    text: Option<String>,
    reply_to: Option<i64>,
    thread: Option<i64>,
    rev: i64,
    edited_at: Option<i64>,
    hop: i64,
}

/// The next messages of a room, with all that hangs on them.
async fn page(
    conn: &mut Conn,
    (room, after): (i64, i64),
    wanted: &mut Option<Vec<Beside>>,
) -> Result<Vec<MessageLine>, StoreError> {
    let rows = fetch_all!(
        conn,
        TextRow,
        "SELECT seq, n, author_id, cid, at, text, reply_to, thread, rev, edited_at, hop FROM message
          WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        room,
        after,
        PAGE
    )?;
    let Some(last) = rows.last().map(|row| row.seq) else { return Ok(Vec::new()) };
    let mut texts = earlier(conn, (room, after, last), &rows).await?;
    let reactions = fetch_all!(
        conn,
        (i64, i64, String),
        "SELECT message_seq, user_id, emoji FROM reaction
          WHERE room_id = $1 AND message_seq > $2 AND message_seq <= $3 ORDER BY message_seq, seq",
        room,
        after,
        last
    )?;
    let mut reacted: HashMap<i64, Vec<ReactionLine>> = HashMap::new();
    for (seq, by, emoji) in reactions {
        reacted.entry(seq).or_default().push(ReactionLine { by, emoji });
    }
    let pins = fetch_all!(
        conn,
        (i64, i64, i64),
        "SELECT message_seq, by_id, at FROM pin
          WHERE room_id = $1 AND message_seq > $2 AND message_seq <= $3",
        room,
        after,
        last
    )?;
    let mut pins: HashMap<i64, PinLine> =
        pins.into_iter().map(|(seq, by, at)| (seq, PinLine { by, at })).collect();
    let mut files = match wanted {
        Some(found) => beside::files(conn, (room, after, last), found).await?,
        None => HashMap::new(),
    };
    let line = |row: TextRow| MessageLine {
        seq: row.seq,
        n: row.n,
        by: row.author_id,
        cid: row.cid,
        at: row.at,
        text: row.text,
        reply_to: row.reply_to,
        thread: row.thread,
        edited_at: row.edited_at,
        earlier: texts.remove(&row.seq).unwrap_or_default(),
        reactions: reacted.remove(&row.seq).unwrap_or_default(),
        pin: pins.remove(&row.seq),
        files: files.remove(&row.seq).unwrap_or_default(),
        hop: Some(row.hop).filter(|hop| *hop > 0),
    };
    Ok(rows.into_iter().map(line).collect())
}

/// The texts that messages had before the one that they have.
async fn earlier(
    conn: &mut Conn,
    (room, after, last): (i64, i64, i64),
    rows: &[TextRow],
) -> Result<HashMap<i64, Vec<EarlierLine>>, StoreError> {
    let revs: HashMap<i64, i64> = rows.iter().map(|row| (row.seq, row.rev)).collect();
    let texts = fetch_all!(
        conn,
        (i64, i64, i64, Option<String>),
        "SELECT message_seq, rev, at, text FROM revision
          WHERE room_id = $1 AND message_seq > $2 AND message_seq <= $3
          ORDER BY message_seq, rev",
        room,
        after,
        last
    )?;
    let mut earlier: HashMap<i64, Vec<EarlierLine>> = HashMap::new();
    for (seq, rev, at, text) in texts {
        if let Some(text) = text.filter(|_text| revs.get(&seq).is_some_and(|now| rev < *now)) {
            earlier.entry(seq).or_default().push(EarlierLine { at, text });
        }
    }
    Ok(earlier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&USERS, &MAKERS]).await;
    }
}
