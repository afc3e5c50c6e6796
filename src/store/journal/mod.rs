//! The journal's transaction: a batch of appends becomes numbered log entries.
//!
//! *Belongs here:* everything that must be decided together with the numbers: repeated sends, the
//! answered message, who is named, read marks, notices, membership; and once more what the live room
//! decided on what it knew (mutes, slow mode). *Does not belong here:* telling anyone.
//!
//! One transaction serves the whole batch, with a few statements for many messages and marks: on
//! PostgreSQL as many for a thousand as for one, on SQLite one more of a kind for every 128. What
//! the messages leave is written by one script (`given.rs`). Read in this order: `plain.rs` is the short
//! way of batches that hold nothing else; `places.rs` takes the locks (`inboxes.rs` those of inboxes, step by step), `talk.rs` turns messages,
//! reactions and marks into rows with the help of `facts.rs`, `attached.rs` (files), `screen.rs` (their names), `reactions.rs`,
//! `threads.rs`, `mentions.rs`, `watchers.rs`, `notices.rs`, `marks.rs` and `reads.rs`; `rows.rs` writes.
//! What is rare is done one by one: `acts.rs` hands edits, deletions and pins to `edits.rs`, `deletes.rs`
//! and `pins.rs`, and what goes for good to `erasures.rs` and `sweeps.rs`; `previews.rs` adds what was
//! found behind links, `fanouts.rs` tells many of one message, and `members.rs` handles who comes, goes
//! and rises, by the rules in `clubs.rs`, `roles.rs`, `measures.rs` (moderators), and for single rooms in
//! `doors.rs`, `groups.rs`, `lobbies.rs` and `room_measures.rs`; `bots.rs` has their bots come and go
//! with people; `letters.rs` tells those concerned, and
//! `closings.rs` the members of a club that has closed. `runs.rs` has the assistant's
//! questions and answers; `hops.rs` says how far from a human bots speak.
//!
//! **Invariant:** an append whose statement fails (a defect, or a value that cannot be kept) costs
//! itself and nobody else: the batch is done again in pieces, inside one transaction, until the
//! culprit is alone. **Invariant:** `Err` means that nothing of the batch is kept.

mod acts;
mod attached;
mod bots;
mod cause;
mod closings;
mod clubs;
mod counts;
mod deletes;
mod doors;
mod edits;
mod erasures;
mod facts;
mod fanouts;
mod groups;
mod hops;
mod inboxes;
mod letters;
mod lobbies;
mod marks;
mod measures;
mod members;
mod mentions;
mod newer;
mod notices;
mod pace;
mod pins;
mod places;
mod plain;
mod previews;
mod quotes;
mod reactions;
mod reads;
mod removals;
mod roles;
mod room_measures;
mod rows;
mod runs;
mod screen;
mod sweeps;
mod talk;
mod threads;
mod unread;
mod watchers;

use std::error::Error;
use std::fmt;

use self::inboxes::Inboxes;
use self::places::Places;
use super::act::Deed;
use super::append::{Append, Appended};
use super::db::Conn;
use super::writer::EventWriter;
use super::{Store, StoreError};
use crate::faults::{Faults, Part};

/// A batch that the database rolled back for the sake of another is tried so often.
const TRIES: u32 = 5;

impl Store {
    /// Appends a batch and answers each of it in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached, is full or fails to read or
    /// write. Nothing is stored then, unless the connection was lost within the commit itself.
    pub async fn append(
        &self,
        batch: &[Append],
        writer: &dyn EventWriter,
    ) -> Result<Vec<Appended>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        #[cfg(feature = "bench")]
        if let Some(null) = &self.null {
            return Ok(null.append(batch, writer));
        }
        // The fault needs a commit apart from the rest.
        if self.faults.acks_before_commit().is_none()
            && let Some(done) = plain::write(&self.db, batch, writer, &self.faults).await?
        {
            return Ok(done);
        }
        let (mut tries, mut inboxes) = (1, Inboxes::default());
        loop {
            match self.append_once(batch, writer, &mut inboxes).await {
                Err(why) if tries < TRIES && why.is_rolled_back() => tries += 1,
                done => return done,
            }
        }
    }

    async fn append_once(
        &self,
        batch: &[Append],
        writer: &dyn EventWriter,
        inboxes: &mut Inboxes,
    ) -> Result<Vec<Appended>, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = run(&mut tx, batch, writer, inboxes).await;
        for append in batch {
            if let Append::Message(message) = append {
                self.faults.taste(Part::Journal, message.text.as_str());
            }
        }
        if let (Some(early), Ok(_)) = (self.faults.acks_before_commit(), &done)
            && batch.iter().all(is_talk)
        {
            Faults::beside(async move {
                tokio::time::sleep(early).await;
                let _nobody_waits = tx.end(Ok(())).await;
            });
            return done;
        }
        match tx.end(done).await {
            Err(why) if is_own_fault(&why) => {
                tracing::warn!(error = %Told(&why), "a batch failed; trying it in pieces");
                self.append_in_pieces(batch, writer, inboxes).await
            }
            done => done,
        }
    }

    async fn append_in_pieces(
        &self,
        batch: &[Append],
        writer: &dyn EventWriter,
        inboxes: &mut Inboxes,
    ) -> Result<Vec<Appended>, StoreError> {
        let mut tx = self.db.begin().await?;
        let done = run_in_pieces(&mut tx, batch, writer, inboxes).await;
        tx.end(done).await
    }
}

/// Whether an append is to blame that the batch failed, and not the database or another batch.
fn is_own_fault(why: &StoreError) -> bool {
    !matches!(why, StoreError::Unavailable(_)) && !why.is_rolled_back()
}

/// One attempt at some appends: all of them, or an error.
async fn run(
    conn: &mut Conn,
    batch: &[Append],
    writer: &dyn EventWriter,
    inboxes: &mut Inboxes,
) -> Result<Vec<Appended>, StoreError> {
    let places = places::lock(conn, batch).await?;
    inboxes.begin(conn).await?;
    run_in(conn, places, (batch, inboxes), writer).await
}

/// The same when all is locked that is to be locked before.
async fn run_in(
    conn: &mut Conn,
    mut places: Places,
    (batch, inboxes): (&[Append], &mut Inboxes),
    writer: &dyn EventWriter,
) -> Result<Vec<Appended>, StoreError> {
    places.inboxes = std::mem::take(inboxes);
    let done = steps(conn, &mut places, batch, writer).await;
    // The next try begins with those that this one has come to.
    *inboxes = places.inboxes;
    let done = done?;
    places.ledger.write(conn).await?;
    Ok(done)
}

async fn steps(
    conn: &mut Conn,
    places: &mut Places,
    batch: &[Append],
    writer: &dyn EventWriter,
) -> Result<Vec<Appended>, StoreError> {
    let mut done = Vec::with_capacity(batch.len());
    for step in batch.chunk_by(|one, next| is_talk(one) && is_talk(next)) {
        match step {
            [one] if !is_talk(one) => done.push(single(conn, places, one, writer).await?),
            talk => done.extend(talk::write(conn, places, talk, writer).await?),
        }
    }
    Ok(done)
}

/// Halves what fails until the culprits stand alone.
async fn run_in_pieces(
    conn: &mut Conn,
    batch: &[Append],
    writer: &dyn EventWriter,
    inboxes: &mut Inboxes,
) -> Result<Vec<Appended>, StoreError> {
    // All locks first: the pieces would take them in another order than other nodes do.
    places::lock(conn, batch).await?;
    inboxes.begin(conn).await?;
    inboxes.in_pieces();
    let mut done = Vec::with_capacity(batch.len());
    let mut waiting = vec![batch];
    while let Some(piece) = waiting.pop() {
        conn.command("SAVEPOINT piece".into()).await?;
        let places = places::lock(conn, piece).await?;
        match run_in(conn, places, (piece, &mut *inboxes), writer).await {
            Ok(appended) => done.extend(appended),
            Err(why) if !is_own_fault(&why) => return Err(why),
            Err(why) => {
                conn.command("ROLLBACK TO SAVEPOINT piece".into()).await?;
                if let [_culprit] = piece {
                    tracing::error!(error = %Told(&why), "an append cannot be stored");
                    done.push(Appended::Failed);
                } else {
                    let (first, second) = piece.split_at(piece.len() / 2);
                    waiting.extend([second, first]);
                }
            }
        }
        conn.command("RELEASE SAVEPOINT piece".into()).await?;
    }
    Ok(done)
}

/// An error with its source, for the log. Never by `Debug`: PostgreSQL adds the row that it refused,
/// and texts of people do not belong into a log.
struct Told<'a>(&'a StoreError);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        self.0.source().map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

/// Messages, reactions and marks are written many at a time; everything else singly, in its turn.
const fn is_talk(append: &Append) -> bool {
    match append {
        Append::Message(_) | Append::Mark { .. } => true,
        Append::Act(act) => matches!(act.deed, Deed::React { .. } | Deed::Unreact { .. }),
        _single => false,
    }
}

/// Does one of those that are done singly.
async fn single(
    conn: &mut Conn,
    places: &mut Places,
    append: &Append,
    writer: &dyn EventWriter,
) -> Result<Appended, StoreError> {
    match append {
        Append::Act(act) => acts::act(conn, places, act, writer).await,
        Append::FanOut { room, message } => {
            fanouts::next(conn, places, (*room, *message), writer).await
        }
        Append::Previews(new) => previews::write(conn, places, new, writer).await,
        Append::Run(step) => runs::step(conn, places, step, writer).await,
        _membership => members::change(conn, places, append, writer).await,
    }
}
