//! Rows of runs, apart from the steps that the journal writes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Manifest;
use crate::domain::{Finish, InvalidWord, Millis, Mode, RoomId, RunId, UserId};
use crate::store::db::{Conn, Sql, execute, fetch_all, fetch_optional};
use crate::store::{Store, StoreError};

/// Questions of one room that may wait or be answered at a time.
pub(in crate::store) const OPEN_RUNS: i64 = 2;

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// It waits.
    Queued,
    /// Its answer is being written.
    Running,
    /// It is over.
    Done,
}

/// A question, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Id.
    pub id: RunId,
    /// Where.
    pub room: RoomId,
    /// The seq of the question.
    pub question: i64,
    /// 1, and one more each time it is asked again.
    pub attempt: i64,
    /// Who asks.
    pub asker: UserId,
    /// When.
    pub asked_at: Millis,
    /// How far the asker had read.
    pub read_seq: i64,
    /// The broken run that this one goes on with.
    pub goes_on: Option<RunId>,
    /// How far it has come.
    pub status: RunStatus,
    /// Who looks after it.
    pub node: i64,
    /// When it was last seen to.
    pub seen_at: Millis,
    /// The seq of the answer.
    pub message: Option<i64>,
    /// What was said when that was noted last.
    pub text: String,
    /// What answers.
    pub provider: String,
    /// The model.
    pub model: String,
    /// First and last message that it reads.
    pub range: Option<(i64, i64)>,
    /// What it is to be, from its beginning on.
    pub mode: Option<Mode>,
    /// What it reads, from its beginning on.
    pub manifest: Option<Manifest>,
    /// What it left out and why; before its beginning what was left out when it was asked first.
    pub left_out: BTreeMap<String, i64>,
    /// Seqs of the messages that the answer names as its sources, when it is over.
    pub cites: Vec<i64>,
    /// How it ended, if its answer had begun.
    pub finish: Option<Finish>,
    /// Why there is no answer, or no more of it.
    pub error: Option<String>,
    /// Tokens read and written.
    pub tokens: (i64, i64),
    /// What that cost.
    pub micro_usd: i64,
    /// From the question to the first word.
    pub first_ms: Option<i64>,
    /// When the answer began.
    pub started_at: Option<Millis>,
    /// When it was over.
    pub ended_at: Option<Millis>,
}

/// What came of asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedAgain {
    /// It waits for its answer.
    Run(RunId),
    /// Too many wait in the room.
    Busy,
    /// It is not over yet, or there is nothing to go on with.
    NotNow,
}

macro_rules! run_columns {
    () => {
        "run_id, room_id, question_seq, attempt, asker_id, asked_at, read_seq, goes_on, status, node,
         seen_at, message_seq, text, provider, model, from_seq, to_seq, finish, error, input, output,
         micro_usd, first_ms, started_at, ended_at, mode, used, left_out, cites"
    };
}

#[derive(Debug, sqlx::FromRow)]
struct RunRow {
    run_id: i64,
    room_id: i64,
    question_seq: i64,
    attempt: i64,
    asker_id: i64,
    asked_at: i64,
    read_seq: i64,
    goes_on: Option<i64>,
    status: String,
    node: i64,
    seen_at: i64,
    message_seq: Option<i64>,
    text: String,
    provider: String,
    model: String,
    from_seq: Option<i64>,
    to_seq: Option<i64>,
    finish: Option<String>,
    error: Option<String>,
    input: i64,
    output: i64,
    micro_usd: i64,
    first_ms: Option<i64>,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    mode: Option<String>,
    used: Option<i64>,
    left_out: Option<String>,
    cites: Option<String>,
}

impl TryFrom<RunRow> for Run {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self, StoreError> {
        let status = match row.status.as_str() {
            "queued" => RunStatus::Queued,
            "running" => RunStatus::Running,
            "done" => RunStatus::Done,
            _odd => return Err(InvalidWord(&["queued", "running", "done"]).into()),
        };
        let range = row.from_seq.zip(row.to_seq);
        let left_out: Option<BTreeMap<String, i64>> =
            row.left_out.as_deref().map(from_json).transpose()?;
        let noted = range.zip(row.used).zip(left_out.clone());
        Ok(Self {
            id: RunId(row.run_id),
            room: RoomId(row.room_id),
            question: row.question_seq,
            attempt: row.attempt,
            asker: UserId(row.asker_id),
            asked_at: Millis(row.asked_at),
            read_seq: row.read_seq,
            goes_on: row.goes_on.map(RunId),
            status,
            node: row.node,
            seen_at: Millis(row.seen_at),
            message: row.message_seq,
            text: row.text,
            provider: row.provider,
            model: row.model,
            range,
            mode: row.mode.map(|mode| mode.parse()).transpose()?,
            manifest: noted.map(|((range, used), left_out)| Manifest { range, used, left_out }),
            left_out: left_out.unwrap_or_default(),
            cites: row.cites.as_deref().map_or(Ok(Vec::new()), from_json)?,
            finish: row.finish.map(|finish| finish.parse()).transpose()?,
            error: row.error,
            tokens: (row.input, row.output),
            micro_usd: row.micro_usd,
            first_ms: row.first_ms,
            started_at: row.started_at.map(Millis),
            ended_at: row.ended_at.map(Millis),
        })
    }
}

/// What an answer says of its run.
#[derive(Debug, Deserialize)]
struct Told {
    r#use: Option<Cost>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cost {
    micro_usd: Option<i64>,
    guessed: bool,
}

/// What was noted of a run as JSON.
fn from_json<T: DeserializeOwned>(noted: &str) -> Result<T, StoreError> {
    serde_json::from_str(noted).map_err(|why| StoreError::Corrupt(format!("a run: {why}")))
}

impl Store {
    /// A run.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn run(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        let mut conn = self.db.read().await?;
        find(&mut conn, run).await
    }

    /// What a run cost, where a price is known, and whether its tokens are guessed: as its answer says
    /// that is over.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn run_cost(&self, run: &Run) -> Result<(Option<i64>, bool), StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (Option<String>,),
            "SELECT ai FROM message WHERE room_id = $1 AND seq = $2",
            run.room.0,
            run.message
        )?;
        let told: Option<Told> = row.and_then(|(ai,)| ai).as_deref().map(from_json).transpose()?;
        let cost = told.and_then(|told| told.r#use).unwrap_or_default();
        Ok((cost.micro_usd, cost.guessed))
    }

    /// The last run of a question.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn run_of(&self, room: RoomId, question: i64) -> Result<Option<Run>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            RunRow,
            concat!(
                "SELECT ",
                run_columns!(),
                " FROM ai_run WHERE room_id = $1 AND question_seq = $2
                  ORDER BY attempt DESC LIMIT 1"
            ),
            room.0,
            question
        )?;
        row.map(Run::try_from).transpose()
    }

    /// All runs that are not over.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            RunRow,
            concat!(
                "SELECT ",
                run_columns!(),
                " FROM ai_run WHERE status <> 'done' ORDER BY run_id LIMIT 1000"
            )
        )?;
        rows.into_iter().map(Run::try_from).collect()
    }

    /// Gives a run up whose answer has not begun; true if there was one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn drop_run(&self, run: RunId, error: &str, at: Millis) -> Result<bool, StoreError> {
        let mut conn = self.db.write().await?;
        let count = execute!(
            conn,
            "UPDATE ai_run SET status = 'done', error = $2, ended_at = $3
              WHERE run_id = $1 AND status = 'queued'",
            run.0,
            error,
            at.0
        )?;
        Ok(count > 0)
    }

    /// Gives a run up whose answer has begun in a room that is gone: there is no log to end it in.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn abandon_run(&self, run: RunId, at: Millis) -> Result<bool, StoreError> {
        let mut conn = self.db.write().await?;
        let count = execute!(
            conn,
            "UPDATE ai_run SET status = 'done', text = '', error = 'gone', ended_at = $2
              WHERE run_id = $1 AND status = 'running'
                AND NOT EXISTS (SELECT 1 FROM room WHERE room.room_id = ai_run.room_id
                                   AND room.deleted_at IS NULL)",
            run.0,
            at.0
        )?;
        Ok(count > 0)
    }

    /// Notes that somebody wants a run to stop, wherever it is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn wish_stop(&self, run: RunId, by: UserId) -> Result<(), StoreError> {
        let mut conn = self.db.write().await?;
        execute!(
            conn,
            "UPDATE ai_run SET stop_by = $2 WHERE run_id = $1 AND status <> 'done'",
            run.0,
            by.0
        )?;
        Ok(())
    }

    /// Asks the question of a run once more, with the same messages to read; or to go on where it
    /// broke off.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ask_again(
        &self,
        run: RunId,
        (goes_on, asker): (bool, UserId),
        at: Millis,
    ) -> Result<AskedAgain, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = again(&mut tx, run, (goes_on, asker), at).await;
        tx.end(done).await
    }
}

async fn find(conn: &mut Conn, run: RunId) -> Result<Option<Run>, StoreError> {
    let row = fetch_optional!(
        conn,
        RunRow,
        concat!("SELECT ", run_columns!(), " FROM ai_run WHERE run_id = $1"),
        run.0
    )?;
    row.map(Run::try_from).transpose()
}

async fn again(
    conn: &mut Conn,
    run: RunId,
    (goes_on, asker): (bool, UserId),
    at: Millis,
) -> Result<AskedAgain, StoreError> {
    /// The room, locked as the journal locks it: two who ask at once are counted.
    const LOCK: Sql = Sql {
        sqlite: "SELECT count(*) FROM ai_run WHERE room_id = $1 AND status <> 'done'",
        postgres: "WITH held AS (SELECT room_id FROM room WHERE room_id = $1 FOR NO KEY UPDATE)
                   SELECT count(*) FROM ai_run, held
                    WHERE ai_run.room_id = held.room_id AND status <> 'done'",
    };
    let Some(known) = find(conn, run).await? else {
        return Ok(AskedAgain::NotNow);
    };
    let is_broken = known.finish.is_some_and(|finish| finish != Finish::Stop);
    if known.status != RunStatus::Done || (goes_on && !is_broken) {
        return Ok(AskedAgain::NotNow);
    }
    let open = fetch_optional!(conn, (i64,), LOCK, known.room.0)?;
    if open.is_some_and(|(open,)| open >= OPEN_RUNS) {
        return Ok(AskedAgain::Busy);
    }
    let row = fetch_optional!(
        conn,
        (i64,),
        "INSERT INTO ai_run (room_id, question_seq, attempt, asker_id, asked_at, read_seq, goes_on,
                             status, seen_at, from_seq, to_seq, left_out)
         SELECT room_id, question_seq,
                (SELECT max(every.attempt) + 1 FROM ai_run every
                  WHERE every.room_id = ai_run.room_id
                    AND every.question_seq = ai_run.question_seq),
                $3, $4, read_seq, $2, 'queued', $4, from_seq, to_seq, left_out
           FROM ai_run WHERE run_id = $1
         ON CONFLICT DO NOTHING RETURNING run_id",
        run.0,
        goes_on.then_some(run.0),
        asker.0,
        at.0
    )?;
    Ok(row.map_or(AskedAgain::Busy, |(run,)| AskedAgain::Run(RunId(run))))
}
