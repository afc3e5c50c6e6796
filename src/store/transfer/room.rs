//! A room that is being made of a file: its log is written anew, message by message, each with what
//! was done to it.

use std::collections::BTreeMap;

use super::assistant::waking;
use super::beside::Placed;
use super::import::{Odd, odd, unknown, word};
use super::line::{MarkLine, MessageLine, RoomLine};
use super::people::{Users, who};
use super::thread::Thread;
use crate::domain::{
    ASSISTANT, Addresses, Cid, Emoji, History, Millis, Notify, RoomId, RoomKind, RoomName, Text,
    UserId, Writers, limits,
};
use crate::store::act::{ActEvent, Happened};
use crate::store::append::NewMessage;
use crate::store::db::{Conn, execute, fetch_one};
use crate::store::files::File;
use crate::store::writer::EventWriter;

/// A room, and how far its log is.
pub(super) struct Room {
    /// Its number in the file.
    old: i64,
    id: RoomId,
    head: i64,
    n: i64,
    /// Where the messages of the file stand here: their old seq and ordinal, and the new seq. Both
    /// rise, so that one is found by halves; the new ordinal is the place.
    places: Vec<(i64, i64, i64)>,
    threads: BTreeMap<i64, Thread>,
    pins: i64,
}

impl Room {
    pub(super) async fn make(
        conn: &mut Conn,
        (club, line): (i64, &RoomLine),
        users: &Users,
    ) -> Result<Self, Odd> {
        let kind = word::<RoomKind>("kind", &line.kind)?;
        if !matches!(kind, RoomKind::Member | RoomKind::Manager) {
            return Err(odd("kind", "a club has rooms for members and for managers"));
        }
        let name = RoomName::parse(&line.name).map_err(|why| odd("name", why))?;
        let by = line.created_by;
        let by = by.map(|by| users.get(&by).copied().ok_or_else(|| unknown("the user", by)));
        if !(0..=limits::SLOW_MODE_S).contains(&line.slow_mode_s) {
            return Err(odd("slow_mode_s", "out of its limits"));
        }
        if line.retention_days.is_some_and(|days| !(1..=limits::RETENTION_DAYS).contains(&days)) {
            return Err(odd("retention_days", "out of its limits"));
        }
        let said = waking(&line.assistant)?;
        let (room,): (i64,) = fetch_one!(
            conn,
            (i64,),
            "INSERT INTO room (kind, club_id, name, name_key, topic, is_general, slow_mode_s, write,
                               history, permissions, notify, retention_days, created_by, created_at,
                               has_own_waking, persona, ai_language, ai_model, assistant, has_own_bots,
                               assistant_bots)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                     coalesce($19, (SELECT club.assistant FROM club WHERE club.club_id = $2)), $20,
                     coalesce($21, (SELECT club.assistant_bots FROM club WHERE club.club_id = $2)))
             RETURNING room_id",
            kind.word(),
            club,
            name.as_str(),
            name.key(),
            line.topic.as_str(),
            line.general,
            line.slow_mode_s,
            word::<Writers>("write", &line.write)?.word(),
            word::<History>("history", &line.history)?.word(),
            line.permissions.as_str(),
            word::<Notify>("notify", &line.notify)?.word(),
            line.retention_days,
            by.transpose()?,
            line.created_at,
            said.is_some(),
            line.assistant.persona.as_str(),
            line.assistant.ai_language.as_str(),
            line.assistant.ai_model.as_str(),
            said,
            line.assistant.assistant_bots.is_some(),
            line.assistant.assistant_bots
        )?;
        let (places, threads) = (Vec::new(), BTreeMap::new());
        Ok(Self { old: line.id, id: RoomId(room), head: 0, n: 0, places, threads, pins: 0 })
    }

    /// The place of the next message.
    pub(super) const fn next(&self) -> (RoomId, i64) {
        (self.id, self.head + 1)
    }

    /// The place of a message of the file.
    pub(super) fn here(&self, old: i64) -> Option<(RoomId, i64)> {
        Some((self.id, self.place(old)?))
    }

    /// Writes a message, and behind it what was done to it.
    pub(super) async fn message(
        &mut self,
        conn: &mut Conn,
        line: MessageLine,
        (users, writer): (&Users, &dyn EventWriter),
        files: &[File],
    ) -> Result<(), Odd> {
        if self.places.last().is_some_and(|(seq, n, _)| line.seq <= *seq || line.n <= *n) {
            return Err(odd("seq", "messages come in their order"));
        }
        let author = who(users, line.by)?;
        // The runs here have their own numbers.
        let own = (author == ASSISTANT.0).then(|| format!("file-{}", line.seq));
        let cid = Cid::parse(own.as_ref().unwrap_or(&line.cid)).map_err(|why| odd("cid", why))?;
        let reply_to = line.reply_to.and_then(|seq| self.place(seq));
        let thread = line.thread.and_then(|seq| self.place(seq));
        let texts = texts(&line, UserId(author))?;
        let at = Millis(line.at);
        (self.head, self.n) = (self.head + 1, self.n + 1);
        let seq = self.head;
        self.places.push((line.seq, line.n, seq));
        let (first, later) = texts.split_first().ok_or_else(|| odd("text", "there is none"))?;
        let message = NewMessage::new(self.id, UserId(author), cid, first.1.clone(), at);
        let hop = line.hop.unwrap_or(0).max(0);
        let message = NewMessage { reply_to, thread, hop, ..message };
        let mut body = writer.message(&message, seq, self.n, &[], files);
        if line.text.is_none() {
            body = writer.erased_event(&body);
        }
        self.event(conn, seq, at.0, body).await?;
        self.row(conn, &message, (&line, &texts)).await?;
        if let Some(root) = thread {
            self.threads.entry(root).or_default().add(author, seq, at.0);
        }
        if line.text.is_none() {
            self.head += 1;
            let what = Happened::Deleted;
            return self.act(conn, (seq, author, at.0, what), writer).await;
        }
        if !later.is_empty() {
            self.revision(conn, seq, (1, seq), first).await?;
        }
        for (rev, text) in (2..).zip(later) {
            self.head += 1;
            let (mentions, group) = (&[][..], None);
            let what = Happened::Edited { text: Some(&text.1), rev, mentions, group };
            self.act(conn, (seq, author, text.0, what), writer).await?;
            self.revision(conn, seq, (rev, self.head), text).await?;
        }
        self.reactions(conn, (seq, &line), (users, writer)).await?;
        self.pin(conn, (seq, &line), (users, writer)).await
    }

    async fn reactions(
        &mut self,
        conn: &mut Conn,
        (seq, line): (i64, &MessageLine),
        (users, writer): (&Users, &dyn EventWriter),
    ) -> Result<(), Odd> {
        let mut counts: BTreeMap<Emoji, (i64, i64)> = BTreeMap::new();
        for reaction in &line.reactions {
            let emoji = Emoji::parse(&reaction.emoji).map_err(|why| odd("emoji", why))?;
            let by = who(users, reaction.by)?;
            self.head += 1;
            let (count, _first) = counts.entry(emoji).or_insert((0, self.head));
            *count += 1;
            let what = Happened::Reacted { emoji, count: *count };
            self.act(conn, (seq, by, line.at, what), writer).await?;
            execute!(
                conn,
                "INSERT INTO reaction (room_id, message_seq, user_id, emoji, seq)
                 VALUES ($1, $2, $3, $4, $5)",
                self.id.0,
                seq,
                by,
                emoji.as_str(),
                self.head
            )?;
        }
        if counts.len() > limits::REACTION_EMOJI {
            return Err(odd("reactions", "too many different ones"));
        }
        for (emoji, (count, first_seq)) in counts {
            execute!(
                conn,
                "INSERT INTO reaction_count (room_id, message_seq, emoji, count, first_seq)
                 VALUES ($1, $2, $3, $4, $5)",
                self.id.0,
                seq,
                emoji.as_str(),
                count,
                first_seq
            )?;
        }
        Ok(())
    }

    async fn pin(
        &mut self,
        conn: &mut Conn,
        (seq, line): (i64, &MessageLine),
        (users, writer): (&Users, &dyn EventWriter),
    ) -> Result<(), Odd> {
        let Some(pin) = &line.pin else { return Ok(()) };
        let by = who(users, pin.by)?;
        (self.head, self.pins) = (self.head + 1, self.pins + 1);
        if self.pins > limits::PINS {
            return Err(odd("pin", "the room has too many"));
        }
        self.act(conn, (seq, by, pin.at, Happened::Pinned), writer).await?;
        execute!(
            conn,
            "INSERT INTO pin (room_id, message_seq, by_id, seq, at) VALUES ($1, $2, $3, $4, $5)",
            self.id.0,
            seq,
            by,
            self.head,
            pin.at
        )?;
        Ok(())
    }

    /// Writes what was done to a message, at the head.
    async fn act(
        &self,
        conn: &mut Conn,
        (message, by, at, what): (i64, i64, i64, Happened<'_>),
        writer: &dyn EventWriter,
    ) -> Result<(), Odd> {
        let (room, seq) = (self.id, self.head);
        let act = ActEvent { room, message, by: UserId(by), seq, at: Millis(at), what };
        self.event(conn, seq, at, writer.act(&act)).await
    }

    /// How far somebody has read: so many messages of the file, which may have lost its first ones; from
    /// where on they see the log of a room that shows a newcomer nothing of what was before; and what
    /// they want to hear of it.
    pub(super) async fn mark(
        &self,
        conn: &mut Conn,
        user: i64,
        mark: &MarkLine,
    ) -> Result<(), Odd> {
        let read = self.places.partition_point(|(_seq, n, _new)| *n <= mark.read_n);
        let last = read.checked_sub(1).and_then(|last| self.places.get(last));
        // What was done to a message stands right behind it, and is hidden with it.
        let seen = self.places.partition_point(|(seq, ..)| *seq <= mark.since);
        let notify = mark.notify.as_deref().map(|notify| word::<Notify>("notify", notify));
        let floor = self.places.get(seen).map_or(self.head, |(.., new)| new - 1);
        execute!(
            conn,
            "INSERT INTO room_member (room_id, user_id, join_seq, read_n, read_seq, is_opened, notify)
             VALUES ($1, $2, $3, $4, $5, $4 > 0, $6)",
            self.id.0,
            user,
            if mark.since > 0 { floor } else { 0 },
            i64::try_from(read).unwrap_or(i64::MAX),
            last.map_or(0, |(.., seq)| *seq),
            notify.transpose()?.map(Notify::word)
        )?;
        Ok(())
    }

    /// Writes what is known when all messages are.
    pub(super) async fn end(self, conn: &mut Conn) -> Result<(i64, Placed), Odd> {
        execute!(
            conn,
            "UPDATE room SET head = $2, n = $3,
                    is_watched = EXISTS (SELECT 1 FROM room_member seen
                                          WHERE seen.room_id = $1 AND seen.notify = 'all')
              WHERE room_id = $1",
            self.id.0,
            self.head,
            self.n
        )?;
        for (root, thread) in &self.threads {
            thread.write(conn, (self.id, *root)).await?;
        }
        let places = self.places.into_iter().map(|(old, _n, new)| (old, new)).collect();
        Ok((self.old, Placed { room: self.id, places }))
    }

    /// Where a message of the file stands here. One that the file does not have was forgotten.
    fn place(&self, old: i64) -> Option<i64> {
        let at = self.places.binary_search_by_key(&old, |(seq, ..)| *seq).ok()?;
        self.places.get(at).map(|(.., new)| *new)
    }

    async fn event(&self, conn: &mut Conn, seq: i64, at: i64, body: String) -> Result<(), Odd> {
        execute!(
            conn,
            "INSERT INTO room_event (room_id, seq, at, n, body) VALUES ($1, $2, $3, $4, $5)",
            self.id.0,
            seq,
            at,
            self.n,
            body
        )?;
        Ok(())
    }

    async fn row(
        &self,
        conn: &mut Conn,
        message: &NewMessage,
        (line, texts): (&MessageLine, &[(i64, Text)]),
    ) -> Result<(), Odd> {
        let last = texts.last().filter(|_text| line.text.is_some());
        let is_edited = texts.len() > 1 && line.text.is_some();
        let rev = if is_edited { i64::try_from(texts.len()).unwrap_or(1) } else { 1 };
        execute!(
            conn,
            "INSERT INTO message (room_id, seq, n, author_id, cid, text, html, reply_to, thread, rev,
                                  at, edited_at, is_deleted, hop)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            self.id.0,
            self.head,
            self.n,
            message.author.0,
            message.cid.as_str(),
            last.map(|text| text.1.as_str()),
            last.and_then(|text| text.1.html()),
            message.reply_to,
            message.thread,
            rev,
            line.at,
            if is_edited { line.edited_at.or(Some(line.at)) } else { None },
            line.text.is_none(),
            message.hop
        )?;
        Ok(())
    }

    async fn revision(
        &self,
        conn: &mut Conn,
        message: i64,
        (rev, seq): (i64, i64),
        text: &(i64, Text),
    ) -> Result<(), Odd> {
        execute!(
            conn,
            "INSERT INTO revision (room_id, message_seq, rev, seq, at, text)
             VALUES ($1, $2, $3, $4, $5, $6)",
            self.id.0,
            message,
            rev,
            seq,
            text.0,
            text.1.as_str()
        )?;
        Ok(())
    }
}

/// The texts that a message had and has, with when. Of a tombstone something that is erased at once.
/// What the assistant said has no links: what it was told is not in the file.
fn texts(line: &MessageLine, author: UserId) -> Result<Vec<(i64, Text)>, Odd> {
    let parse = |text: &str| match Text::parse_beside_files(text)? {
        said if author == ASSISTANT && !said.as_str().is_empty() => {
            Text::of_assistant(said.as_str(), &Addresses::default())
        }
        said => Ok(said),
    };
    let Some(now) = &line.text else {
        return Ok(vec![(line.at, Text::parse("-").map_err(|why| odd("text", why))?)]);
    };
    let kept = usize::try_from(limits::REVISIONS).unwrap_or(usize::MAX);
    let earlier = line.earlier.iter().rev().take(kept.saturating_sub(1)).rev();
    let earlier = earlier.map(|earlier| (earlier.at, earlier.text.as_str()));
    let last_at = line.edited_at.unwrap_or(line.at);
    earlier
        .chain([(last_at, now.as_str())])
        .map(|(at, text)| Ok((at, parse(text).map_err(|why| odd("text", why))?)))
        .collect()
}
