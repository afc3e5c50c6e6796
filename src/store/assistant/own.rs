//! What somebody has asked and used, for their own eyes.

use serde_json::{Value, json};

use super::spend::DAY_MS;
use crate::domain::{MessageId, Millis, RoomId, RunId, UserId};
use crate::store::StoreError;
use crate::store::db::{Conn, fetch_all};

#[derive(Debug, sqlx::FromRow)]
struct QuestionRow {
    run_id: i64,
    room_id: i64,
    question_seq: i64,
    message_seq: Option<i64>,
    attempt: i64,
    status: String,
    finish: Option<String>,
    model: String,
    input: i64,
    output: i64,
    micro_usd: i64,
    asked_at: i64,
    ended_at: Option<i64>,
}

/// The next questions of somebody to the assistant behind a run, with the last of them.
pub(in crate::store) async fn questions(
    conn: &mut Conn,
    (user, after): (UserId, i64),
    most: i64,
) -> Result<(Vec<Value>, Option<i64>), StoreError> {
    let rows = fetch_all!(
        conn,
        QuestionRow,
        "SELECT run_id, room_id, question_seq, message_seq, attempt, status, finish, model, input,
                output, micro_usd, asked_at, ended_at FROM ai_run
          WHERE asker_id = $1 AND run_id > $2 ORDER BY run_id LIMIT $3",
        user.0,
        after,
        most
    )?;
    let last = rows.last().map(|row| row.run_id);
    let question = |row: QuestionRow| {
        let id = |seq| MessageId { room: RoomId(row.room_id), seq };
        json!({ "run": RunId(row.run_id), "question": id(row.question_seq),
                "answer": row.message_seq.map(id), "attempt": row.attempt, "status": row.status,
                "finish": row.finish, "model": row.model, "in": row.input, "out": row.output,
                "micro_usd": row.micro_usd, "at": Millis(row.asked_at),
                "ended_at": row.ended_at.map(Millis) })
    };
    Ok((rows.into_iter().map(question).collect(), last))
}

/// What somebody has used of the assistant on the next days behind one, with the last of them.
pub(in crate::store) async fn days(
    conn: &mut Conn,
    (user, after): (UserId, i64),
    most: i64,
) -> Result<(Vec<Value>, Option<i64>), StoreError> {
    let rows = fetch_all!(
        conn,
        (i64, i64, i64, i64),
        "SELECT day, tokens, micro_usd, runs FROM ai_spend
          WHERE what = 'user' AND id = $1 AND day > $2 ORDER BY day LIMIT $3",
        user.0,
        after,
        most
    )?;
    let last = rows.last().map(|row| row.0);
    let day = |(day, tokens, micro_usd, runs): (i64, i64, i64, i64)| {
        json!({ "at": Millis(day * DAY_MS), "tokens": tokens, "micro_usd": micro_usd,
                "runs": runs })
    };
    Ok((rows.into_iter().map(day).collect(), last))
}
