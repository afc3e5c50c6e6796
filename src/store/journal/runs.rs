//! Questions to the assistant and its answers. The row of a question stands with the question; an
//! answer begins as an empty message and ends by getting its text.

use std::collections::HashMap;

use serde_json::json;

use crate::domain::{
    ASSISTANT, ClubId, Finish, Millis, RoomId, RunId, Text, UserId, Wakes, limits,
};
use crate::store::StoreError;
use crate::store::append::{AppendRefusal, Appended, StoredEvent};
use crate::store::assistant::{
    Asked, OPEN_RUNS, Reserved, RunBegin, RunBegun, RunEnd, RunEnded, RunStep, RunStepped,
    Spending, Wanted,
};
use crate::store::db::{Conn, execute, fetch_optional};
use crate::store::given::Script;
use crate::store::rooms::may_read;
use crate::store::search;
use crate::store::writer::EventWriter;

use super::cause::Cause;
use super::newer::has_newer;
use super::places::Places;
use super::talk::Draft;
use super::{notices, quotes, rows};

/// What became of each question, by room and seq.
pub(super) type Questions = HashMap<(RoomId, i64), Asked>;

/// Writes a row for each draft that asks the assistant; before the read marks of their authors move.
/// Runs no statement where none does.
pub(super) async fn ask(conn: &mut Conn, drafts: &[Draft<'_>]) -> Result<Questions, StoreError> {
    let mut questions = Questions::new();
    for draft in drafts {
        let is_meant = match draft.message.wakes {
            None => continue,
            Some(Wakes::IfAnswer) => draft.is_answer_to(ASSISTANT),
            Some(Wakes::Surely | Wakes::InVain) => true,
        };
        if !is_meant {
            continue;
        }
        let place = (draft.message.room, draft.cause.seq);
        let asked = match draft.message.wakes {
            Some(Wakes::InVain) => Some(Asked::InVain),
            Some(wakes) => ask_one(conn, place, draft, wakes).await?,
            None => None,
        };
        if let Some(asked) = asked {
            questions.insert(place, asked);
        }
    }
    Ok(questions)
}

/// One question; none when its author is neither human nor bot. Bots ask where the room lets them, and
/// not far from a human, so that no two machines talk for ever.
async fn ask_one(
    conn: &mut Conn,
    (room, seq): (RoomId, i64),
    draft: &Draft<'_>,
    wakes: Wakes,
) -> Result<Option<Asked>, StoreError> {
    let (asker, at) = (draft.message.author, draft.message.at);
    let known: Option<(String, bool, i64, i64)> = fetch_optional!(
        conn,
        (String, bool, i64, i64),
        "SELECT account.kind,
                (SELECT room.assistant_bots FROM room WHERE room.room_id = $1),
                (SELECT count(*) FROM ai_run WHERE room_id = $1 AND status <> 'done'),
                coalesce((SELECT seen.read_seq FROM room_member seen
                           WHERE seen.room_id = $1 AND seen.user_id = $2), 0)
           FROM account WHERE account.user_id = $2",
        room.0,
        asker.0
    )?;
    let Some((kind, lets_bots, open, read_seq)) = known else { return Ok(None) };
    match kind.as_str() {
        "human" => {}
        "bot" if !lets_bots => return Ok((wakes == Wakes::Surely).then_some(Asked::NoBots)),
        "bot" if draft.hop > limits::HOPS => return Ok(Some(Asked::TooFar)),
        "bot" => {}
        _nobody => return Ok(None),
    }
    if open >= OPEN_RUNS {
        return Ok(Some(Asked::Busy));
    }
    let row = fetch_optional!(
        conn,
        (i64,),
        "INSERT INTO ai_run (room_id, question_seq, attempt, asker_id, asked_at, read_seq, status,
                             seen_at)
         VALUES ($1, $2, 1, $3, $4, $5, 'queued', $4) RETURNING run_id",
        room.0,
        seq,
        asker.0,
        at.0,
        read_seq
    )?;
    Ok(row.map(|(run,)| Asked::Run(RunId(run))))
}

/// Takes one step of a run.
pub(super) async fn step(
    conn: &mut Conn,
    places: &mut Places,
    step: &RunStep,
    writer: &dyn EventWriter,
) -> Result<Appended, StoreError> {
    if !places.rooms.contains_key(&step.room()) {
        return Ok(Appended::Refused(AppendRefusal::Gone));
    }
    Ok(Appended::Run(match step {
        RunStep::Begin(new) => begin(conn, places, new, writer).await?,
        RunStep::End(over) => end(conn, places, over, writer).await?,
    }))
}

/// A run as a step finds it.
#[derive(Debug, sqlx::FromRow)]
struct Standing {
    status: String,
    question_seq: i64,
    asker_id: i64,
    /// Whose budget it is: of a bot, its maker's.
    payer_id: i64,
    message_seq: Option<i64>,
    day: i64,
    reserved: i64,
    reserved_usd: i64,
    /// Of the question.
    thread: Option<i64>,
    /// Of the question.
    hop: i64,
    /// Whether another run of the room is being answered.
    is_busy: bool,
    /// Whether the asker may read the room.
    is_inside: bool,
}

const STANDING: &str = concat!(
    "SELECT run.status, run.question_seq, run.asker_id,
            coalesce((SELECT bot.maker_id FROM bot WHERE bot.user_id = run.asker_id), run.asker_id)
                AS payer_id, run.message_seq, run.day, run.reserved,
            run.reserved_usd,
            (SELECT m.thread FROM message m
              WHERE m.room_id = run.room_id AND m.seq = run.question_seq) AS thread,
            coalesce((SELECT m.hop FROM message m
              WHERE m.room_id = run.room_id AND m.seq = run.question_seq), 0) AS hop,
            EXISTS (SELECT 1 FROM ai_run other WHERE other.room_id = run.room_id
                       AND other.status = 'running') AS is_busy, ",
    may_read!("run.asker_id"),
    " AS is_inside
       FROM ai_run run JOIN room ON room.room_id = run.room_id
      WHERE run.run_id = $1 AND run.room_id = $2"
);

fn spending(standing: &Standing, room: RoomId, club: Option<ClubId>) -> Spending {
    Spending { user: UserId(standing.payer_id), room: Some(room), club }
}

async fn begin(
    conn: &mut Conn,
    places: &mut Places,
    new: &RunBegin,
    writer: &dyn EventWriter,
) -> Result<RunStepped, StoreError> {
    let standing = fetch_optional!(conn, Standing, STANDING, new.run.0, new.room.0)?;
    let Some(standing) = standing.filter(|run| run.status == "queued" && run.is_inside) else {
        return Ok(RunStepped::Stale);
    };
    if standing.is_busy {
        return Ok(RunStepped::Busy);
    }
    let Some(head) = places.rooms.get_mut(&new.room) else { return Ok(RunStepped::Stale) };
    let wanted = (Wanted { input: new.input, output: new.output, price: new.price }, &new.budgets);
    let who = spending(&standing, new.room, head.club);
    let Some(reserved) = places.ledger.reserve(conn, who, wanted, new.day).await? else {
        return Ok(RunStepped::NoBudget);
    };
    head.head += 1;
    head.n += 1;
    let (seq, n, question) = (head.head, head.n, standing.question_seq);
    let begun = RunBegun {
        run: new.run,
        room: new.room,
        seq,
        n,
        at: new.at,
        question,
        thread: standing.thread,
        hop: standing.hop + 1,
        asker: UserId(standing.asker_id),
        model: &new.model,
    };
    let (body, ai) = writer.run_begun(&begun);
    let event = StoredEvent { seq, n, at: new.at, body: body.into() };
    let stored = [(new.room, event.clone())];
    let mut script = Script::new();
    rows::events(&mut script, places, &stored);
    script.run(conn).await?;
    execute!(
        conn,
        "INSERT INTO message (room_id, seq, n, author_id, cid, text, reply_to, thread, at, ai, hop)
         VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8, $9, $10)",
        new.room.0,
        seq,
        n,
        ASSISTANT.0,
        new.run.to_string(),
        question,
        standing.thread,
        new.at.0,
        ai,
        standing.hop + 1
    )?;
    note_thread(conn, (new.room, standing.thread), seq, new.at).await?;
    note_begin(conn, new, seq, reserved).await?;
    Ok(RunStepped::Begun { event, output: reserved.output })
}

/// An answer in a thread is one of its messages.
async fn note_thread(
    conn: &mut Conn,
    (room, thread): (RoomId, Option<i64>),
    seq: i64,
    at: Millis,
) -> Result<(), StoreError> {
    let Some(root) = thread else { return Ok(()) };
    execute!(
        conn,
        "UPDATE thread SET count = count + 1, last_seq = $3, last_at = $4
          WHERE room_id = $1 AND root_seq = $2",
        room.0,
        root,
        seq,
        at.0
    )?;
    Ok(())
}

async fn note_begin(
    conn: &mut Conn,
    new: &RunBegin,
    seq: i64,
    reserved: Reserved,
) -> Result<(), StoreError> {
    execute!(
        conn,
        "UPDATE ai_run SET status = 'running', node = $2, seen_at = $3, started_at = $3,
                message_seq = $4, model = $5, from_seq = $6, to_seq = $7, day = $8, reserved = $9,
                reserved_usd = $10, input = $11, mode = $12, used = $13, left_out = $14
          WHERE run_id = $1",
        new.run.0,
        new.node,
        new.at.0,
        seq,
        new.model.as_str(),
        new.manifest.range.0,
        new.manifest.range.1,
        reserved.day,
        reserved.tokens,
        reserved.micro_usd,
        new.input,
        new.mode.word(),
        new.manifest.used,
        json!(new.manifest.left_out).to_string()
    )?;
    Ok(())
}

async fn end(
    conn: &mut Conn,
    places: &mut Places,
    over: &RunEnd,
    writer: &dyn EventWriter,
) -> Result<RunStepped, StoreError> {
    let standing = fetch_optional!(conn, Standing, STANDING, over.run.0, over.room.0)?;
    let standing = standing.filter(|run| run.status == "running");
    let Some((message, standing)) = standing.and_then(|run| Some((run.message_seq?, run))) else {
        return Ok(RunStepped::Stale);
    };
    let is_deleted = is_deleted(conn, over.room, message).await?;
    let noted = quotes::note(conn, over, message).await?;
    let over = noted.as_ref();
    let Some(head) = places.rooms.get_mut(&over.room) else { return Ok(RunStepped::Stale) };
    head.head += 1;
    let (seq, n, club) = (head.head, head.n, head.club);
    let asker = UserId(standing.asker_id);
    let is_withheld = has_newer(conn, (over.room, message)).await?;
    let ended = RunEnded { end: over, message, seq, asker, is_deleted, is_withheld };
    let (body, ai) = writer.run_ended(&ended);
    let event = StoredEvent { seq, n, at: over.at, body: body.into() };
    let stored = [(over.room, event.clone())];
    let mut script = Script::new();
    rows::events(&mut script, places, &stored);
    script.run(conn).await?;
    if is_deleted {
        set_ai(conn, over.room, message, ai.as_str()).await?;
    } else {
        set_text(conn, over, (message, seq), ai.as_str()).await?;
    }
    note_end(conn, over).await?;
    let receipt = &over.receipt;
    let used = (receipt.input + receipt.output, receipt.micro_usd.unwrap_or(0));
    let aside = (standing.day, standing.reserved, standing.reserved_usd);
    places.ledger.settle(spending(&standing, over.room, club), aside, used);
    let mut told = Vec::new();
    // Who stopped it knows; whoever else ended it, the asker went and waits for it.
    let is_news = !is_deleted && over.finish != Finish::Cancel && standing.is_inside;
    if is_news && !writer.is_listening(over.room, asker) {
        let text = over.text.as_ref().map_or("", Text::as_str);
        let cause = Cause::told(over.room, ASSISTANT, (text, message), over.at);
        let cause = Cause { answered: vec![asker], ..cause };
        told = notices::write(conn, places, &[&cause], writer).await?;
    }
    let notices = told.into_iter().flatten().collect();
    Ok(RunStepped::Ended { event, message, notices })
}

async fn is_deleted(conn: &mut Conn, room: RoomId, seq: i64) -> Result<bool, StoreError> {
    let row = fetch_optional!(
        conn,
        (bool,),
        "SELECT is_deleted FROM message WHERE room_id = $1 AND seq = $2",
        room.0,
        seq
    )?;
    Ok(row.is_none_or(|(is_deleted,)| is_deleted))
}

/// That an answer is over which was deleted meanwhile.
async fn set_ai(conn: &mut Conn, room: RoomId, message: i64, ai: &str) -> Result<(), StoreError> {
    execute!(
        conn,
        "UPDATE message SET ai = $3 WHERE room_id = $1 AND seq = $2",
        room.0,
        message,
        ai
    )?;
    Ok(())
}

/// The text of an answer. Its row among the revisions has none: it only says which event brought the
/// text, for when that is erased.
async fn set_text(
    conn: &mut Conn,
    over: &RunEnd,
    (message, seq): (i64, i64),
    ai: &str,
) -> Result<(), StoreError> {
    let (text, html) = over.text.as_ref().map_or(("", None), |text| (text.as_str(), text.html()));
    execute!(
        conn,
        "UPDATE message SET text = $3, html = $4, ai = $5 WHERE room_id = $1 AND seq = $2",
        over.room.0,
        message,
        text,
        html,
        ai
    )?;
    execute!(
        conn,
        "INSERT INTO revision (room_id, message_seq, rev, seq, at) VALUES ($1, $2, 1, $3, $4)",
        over.room.0,
        message,
        seq,
        over.at.0
    )?;
    search::renew(conn, &[crate::domain::MessageId { room: over.room, seq: message }]).await
}

async fn note_end(conn: &mut Conn, over: &RunEnd) -> Result<(), StoreError> {
    let (receipt, read) = (&over.receipt, &over.receipt.manifest);
    execute!(
        conn,
        "UPDATE ai_run SET status = 'done', text = '', finish = $2, error = $3, provider = $4,
                model = $5, input = $6, output = $7, micro_usd = $8, first_ms = $9, ended_at = $10,
                from_seq = $11, to_seq = $12, used = $13, left_out = $14, cites = $15
          WHERE run_id = $1",
        over.run.0,
        over.finish.word(),
        over.reason.as_deref(),
        receipt.provider.as_str(),
        receipt.model.as_str(),
        receipt.input,
        receipt.output,
        receipt.micro_usd.unwrap_or(0),
        receipt.first_ms,
        over.at.0,
        read.range.0,
        read.range.1,
        read.used,
        json!(read.left_out).to_string(),
        json!(receipt.cites).to_string()
    )?;
    Ok(())
}
