//! Another text for a message: its revision, who it names now, and who is told of that.

use std::collections::HashSet;

use crate::domain::{Cid, FilterId, MessageId, Millis, RoomId, Text, UserId, limits};
use crate::store::StoreError;
use crate::store::act::{Act, Acted, Happened};
use crate::store::append::{AppendRefusal, Appended, Called, StoredEvent};
use crate::store::db::{Conn, execute, fetch_all, fetch_optional};
use crate::store::given::{Bulk, Given, Script, bulk};
use crate::store::moderation::{Flagged, flag};
use crate::store::rooms::visible_after;
use crate::store::writer::EventWriter;
use crate::store::{files, search};

use super::acts::{Outcome, Target, UNCHANGED, number, target};
use super::cause::Cause;
use super::fanouts::{self, NewFanOut};
use super::newer::has_newer;
use super::places::Places;
use super::{counts, mentions, notices, rows};

/// What an edit brings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edit<'a> {
    pub(super) text: &'a Text,
    pub(super) cid: Option<&'a Cid>,
    pub(super) called: Option<&'a Called>,
    /// The rule of the club that found something in the text, and wants moderators to see it.
    pub(super) flagged: Option<FilterId>,
}

/// Of these users those whom the message names already.
const NAMED: Bulk = bulk!(
    "SELECT mention.user_id FROM ",
    (room_id bigint, n bigint, user_id bigint),
    " CROSS JOIN mention WHERE mention.user_id = given.user_id
         AND mention.room_id = given.room_id AND mention.n = given.n"
);

/// Of these readers those who see the message.
const SEEING: Bulk = bulk!(
    "SELECT given.user_id FROM ",
    (room_id bigint, message_seq bigint, user_id bigint),
    concat!(
        " CROSS JOIN room WHERE room.room_id = given.room_id AND given.message_seq > ",
        visible_after!("given.user_id")
    )
);

const MENTIONS: Bulk = bulk!(
    "INSERT INTO mention (user_id, room_id, n) SELECT user_id, room_id, n FROM ",
    (room_id bigint, n bigint, user_id bigint),
    ""
);

const FORGET: Bulk = bulk!(
    "DELETE FROM mention WHERE (user_id, room_id, n) IN (SELECT user_id, room_id, n FROM ",
    (room_id bigint, n bigint, user_id bigint),
    ")"
);

/// Edits a message.
pub(super) async fn edit(
    conn: &mut Conn,
    places: &mut Places,
    (act, message, edit): (&Act, i64, Edit<'_>),
    writer: &dyn EventWriter,
) -> Result<Outcome, StoreError> {
    let target = match target(conn, act, message).await? {
        Ok(target) => target,
        Err(why) => return Ok(Err(why)),
    };
    let Some(text) = target.text.as_deref() else { return Ok(Err(AppendRefusal::Deleted)) };
    if target.author_id != act.by.0 {
        return Ok(Err(AppendRefusal::NotAuthor));
    }
    if let Some(known) = known(conn, (act.room, message), edit.cid).await? {
        return Ok(Ok(known));
    }
    // The live room of another node may not have heard of it yet.
    if let Some(until) = target.muted_until.map(Millis).filter(|until| *until > act.at) {
        return Ok(Err(AppendRefusal::Muted { until }));
    }
    if text == edit.text.as_str() {
        return Ok(Ok(UNCHANGED));
    }
    let told = Cause::told(act.room, act.by, (edit.text.as_str(), message), act.at);
    let mut cause = Cause { html: edit.text.html(), spoken: edit.text.spoken(), ..told };
    mentions::resolve(conn, &mut [&mut cause]).await?;
    cause.mentions = seen_by(conn, (act.room, message), cause.mentions).await?;
    let group = edit.called.map(Called::group);
    let is_withheld = has_newer(conn, (act.room, message)).await?;
    let text = Some(edit.text).filter(|_text| !is_withheld);
    let (rev, mentions) = (target.rev + 1, cause.mentions.as_slice());
    let what = Happened::Edited { text, rev, mentions, group };
    let Some(event) = number(places, act, (message, what), writer) else {
        return Ok(Err(AppendRefusal::Gone));
    };
    set_text(conn, places, (act, &target, edit), &event).await?;
    if let (Some(filter), Some(head)) = (edit.flagged, places.rooms.get(&act.room)) {
        let (room, seq, text) = (act.room, message, edit.text.as_str());
        let (club, author, at) = (head.club, act.by, act.at);
        let flagged = [Flagged { club, room, seq, author, filter, text, at }];
        let mut script = Script::new();
        flag(&mut script, &flagged);
        script.run(conn).await?;
    }
    let (mut named, fresh) = name(conn, (act.room, &target), &cause, edit.called).await?;
    named.extend(&fresh);
    let mentions = counts::unread(conn, act.room, named.into_iter()).await?;
    cause.mentions = fanouts::untold(conn, (act.room, message), fresh).await?;
    let notices = notices::write(conn, places, &[&cause], writer).await?;
    let notices = notices.into_iter().flatten().collect();
    let has_fanout = call(conn, (act, message), edit.called).await?;
    let fanout = has_fanout.then_some(message);
    let acted = Acted { events: vec![event], mentions, notices, fanout, ..Acted::default() };
    Ok(Ok(Appended::Acted(acted)))
}

/// What the same `cid` did the first time.
async fn known(
    conn: &mut Conn,
    (room, message): (RoomId, i64),
    cid: Option<&Cid>,
) -> Result<Option<Appended>, StoreError> {
    let Some(cid) = cid else { return Ok(None) };
    let row = fetch_optional!(
        conn,
        (i64, i64),
        "SELECT seq, at FROM revision WHERE room_id = $1 AND message_seq = $2 AND cid = $3",
        room.0,
        message,
        cid.as_str()
    )?;
    Ok(row.map(|(seq, at)| Appended::Unchanged { seq: Some(seq), at: Some(Millis(at)) }))
}

/// The one place where a message that stands gets another text.
async fn set_text(
    conn: &mut Conn,
    places: &Places,
    (act, target, edit): (&Act, &Target, Edit<'_>),
    event: &StoredEvent,
) -> Result<(), StoreError> {
    let (room, message, rev) = (act.room.0, target.seq, target.rev + 1);
    if target.rev == 1 {
        execute!(
            conn,
            "INSERT INTO revision (room_id, message_seq, rev, seq, at, text)
             VALUES ($1, $2, 1, $2, $3, $4)",
            room,
            message,
            target.at,
            target.text.as_deref()
        )?;
    }
    execute!(
        conn,
        "INSERT INTO revision (room_id, message_seq, rev, seq, at, cid, text)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        room,
        message,
        rev,
        event.seq,
        act.at.0,
        edit.cid.map(Cid::as_str),
        edit.text.as_str()
    )?;
    if rev > limits::REVISIONS {
        execute!(
            conn,
            "UPDATE revision SET text = NULL WHERE room_id = $1 AND message_seq = $2 AND rev = $3",
            room,
            message,
            rev - limits::REVISIONS
        )?;
    }
    execute!(
        conn,
        "UPDATE message SET text = $3, html = $4, rev = $5, edited_at = $6
          WHERE room_id = $1 AND seq = $2",
        room,
        message,
        edit.text.as_str(),
        edit.text.html(),
        rev,
        act.at.0
    )?;
    files::forget_previews(conn, act.room, message).await?;
    let events = [(act.room, event.clone())];
    let mut script = Script::new();
    rows::events(&mut script, places, &events);
    script.run(conn).await?;
    search::renew(conn, &[MessageId { room: act.room, seq: message }]).await
}

/// Of these readers of the room those who see the message.
async fn seen_by(
    conn: &mut Conn,
    (room, message): (RoomId, i64),
    mut users: Vec<UserId>,
) -> Result<Vec<UserId>, StoreError> {
    let given = Given::new()
        .ints(users.iter().map(|_user| room.0))
        .ints(users.iter().map(|_user| message))
        .ints(users.iter().map(|user| user.0));
    let seeing: Vec<(i64,)> = conn.given_all(&SEEING, given).await?;
    let seeing: HashSet<i64> = seeing.into_iter().map(|(user,)| user).collect();
    users.retain(|user| seeing.contains(&user.0));
    Ok(users)
}

/// Sets right who is named: whom the text names no more, and whom it does now and did not before; of
/// the former it gives those who have not read it. A text that calls many lets nobody go.
async fn name(
    conn: &mut Conn,
    (room, target): (RoomId, &Target),
    cause: &Cause<'_>,
    called: Option<&Called>,
) -> Result<(Vec<UserId>, Vec<UserId>), StoreError> {
    let rows = |users: &[UserId]| {
        Given::new()
            .ints(users.iter().map(|_user| room.0))
            .ints(users.iter().map(|_user| target.n))
            .ints(users.iter().map(|user| user.0))
    };
    let known: Vec<(i64,)> = conn.given_all(&NAMED, rows(&cause.mentions)).await?;
    let known: HashSet<i64> = known.into_iter().map(|(user,)| user).collect();
    let mut fresh = cause.mentions.clone();
    fresh.retain(|user| !known.contains(&user.0));
    let mut gone = Vec::new();
    if called.is_none() {
        gone = fetch_all!(
            conn,
            (i64, bool),
            "SELECT mention.user_id, mention.n > coalesce(seat.read_n, 0) FROM mention
               LEFT JOIN room_member seat
                      ON seat.user_id = mention.user_id AND seat.room_id = mention.room_id
              WHERE mention.room_id = $1 AND mention.n = $2",
            room.0,
            target.n
        )?;
        gone.retain(|(user, _is_unread)| !cause.mentions.contains(&UserId(*user)));
    }
    let all: Vec<UserId> = gone.iter().map(|(user, _is_unread)| UserId(*user)).collect();
    conn.given_execute(&FORGET, rows(&all)).await?;
    conn.given_execute(&MENTIONS, rows(&fresh)).await?;
    // For the others the number is what it was.
    gone.retain(|(_user, is_unread)| *is_unread);
    Ok((gone.into_iter().map(|(user, _is_unread)| UserId(user)).collect(), fresh))
}

/// Notes whom the text calls at once now. True when they are to be told.
async fn call(
    conn: &mut Conn,
    (act, message): (&Act, i64),
    called: Option<&Called>,
) -> Result<bool, StoreError> {
    let Some(called) = called else {
        execute!(
            conn,
            "DELETE FROM fanout WHERE room_id = $1 AND message_seq = $2 AND what <> 'thread'",
            act.room.0,
            message
        )?;
        return Ok(false);
    };
    let new = [NewFanOut::of(act.room, message, called, act.at)];
    let mut script = Script::new();
    fanouts::note(&mut script, &new);
    script.run(conn).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&NAMED, &SEEING, &MENTIONS, &FORGET]).await;
    }
}
