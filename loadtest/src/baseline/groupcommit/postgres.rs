//! The bare group commit on PostgreSQL: as many lanes as the server has, each with one transaction
//! in flight and rooms of its own, all on one thread. A transaction is two round trips: the heads,
//! because the database gives the numbers, then all rows and the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::runtime::Runtime;
use tokio::task::LocalSet;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::rows::{Rows, Seat, by_room, now_ms, places};
use super::{SEATS, Written};
use crate::database;

/// Transactions in flight, as in the server's journal.
const LANES: usize = 4;

const HEADS: &str = "UPDATE room SET head = room.head + given.k, n = room.n + given.k
                       FROM UNNEST($1::bigint[], $2::bigint[]) AS given (room_id, k)
                      WHERE room.room_id = given.room_id
                  RETURNING room.room_id, room.head, room.n";
const EVENTS: &str = "INSERT INTO room_event (room_id, seq, at, n, body)
                      SELECT room_id, seq, $3::bigint, n, $4::text
                        FROM UNNEST($1::bigint[], $2::bigint[], $5::bigint[])
                          AS given (room_id, seq, n)";
const MESSAGES: &str = "INSERT INTO message (room_id, seq, n, author_id, cid, text, at)
                        SELECT room_id, seq, n, author_id, cid, $6::text, $7::bigint
                          FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
                                      $5::text[])
                            AS given (room_id, seq, n, author_id, cid)";
const MARKS: &str = "INSERT INTO room_member (room_id, user_id, read_n, read_seq)
                     SELECT room_id, user_id, read_n, read_seq
                       FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
                         AS given (room_id, user_id, read_n, read_seq)
                     ON CONFLICT (room_id, user_id) DO UPDATE
                        SET read_n = greatest(excluded.read_n, room_member.read_n),
                            read_seq = greatest(excluded.read_seq, room_member.read_seq)";

/// A parameter of a statement.
type Given<'g> = &'g (dyn ToSql + Sync);

pub(super) struct Writer {
    runtime: Runtime,
    local: LocalSet,
    lanes: Vec<Lane>,
}

struct Lane {
    client: Client,
    rows: Rows,
    heads: Statement,
    events: Statement,
    messages: Statement,
    marks: Statement,
}

impl Writer {
    pub(super) fn open(url: &str, name: Option<&str>, filler: (usize, usize)) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = LocalSet::new();
        let lanes = local.block_on(&runtime, async {
            let config = database::config(url, name)?;
            let mut lanes = Vec::new();
            for lane in 0..LANES {
                lanes.extend(Lane::open(&config, lane, filler).await?);
            }
            anyhow::Ok(lanes)
        })?;
        ensure!(!lanes.is_empty(), "nobody may write in this database");
        Ok(Self { runtime, local, lanes })
    }

    pub(super) fn run(&mut self, time: Duration, batch: usize) -> Result<Written> {
        let begin = Instant::now();
        let lanes = self.lanes.iter_mut().map(|lane| lane.run(begin + time, batch));
        let all = futures_util::future::try_join_all(lanes);
        let parts = self.local.block_on(&self.runtime, all)?;
        Ok(Written {
            messages: parts.iter().map(|part| part.messages).sum(),
            commits: parts.iter().map(|part| part.commits).sum(),
            micros: u64::try_from(begin.elapsed().as_micros())?,
        })
    }
}

impl Lane {
    /// `None` when no room falls to this lane.
    async fn open(
        config: &tokio_postgres::Config,
        lane: usize,
        filler: (usize, usize),
    ) -> Result<Option<Self>> {
        let client = database::connect(config).await?;
        let mut seats = Vec::new();
        for row in client.query(SEATS, &[]).await? {
            let seat = Seat { room: row.try_get(0)?, user: row.try_get(1)? };
            seats.push(seat);
        }
        let rooms: BTreeSet<i64> = seats.iter().map(|seat| seat.room).collect();
        let ours: BTreeSet<i64> = rooms.into_iter().skip(lane).step_by(LANES).collect();
        seats.retain(|seat| ours.contains(&seat.room));
        if seats.is_empty() {
            return Ok(None);
        }
        let heads = client.prepare(HEADS).await?;
        let events = client.prepare(EVENTS).await?;
        let messages = client.prepare(MESSAGES).await?;
        let marks = client.prepare(MARKS).await?;
        Ok(Some(Self { rows: Rows::new(seats, filler), heads, events, messages, marks, client }))
    }

    async fn run(&mut self, end: Instant, batch: usize) -> Result<Written> {
        let mut written = Written::default();
        while Instant::now() < end {
            written.messages += self.commit(batch.max(1)).await?;
            written.commits += 1;
        }
        Ok(written)
    }

    async fn commit(&mut self, batch: usize) -> Result<u64> {
        let Self { client, rows, heads, events, messages, marks } = self;
        let drafts = rows.batch(batch);
        let at = now_ms();
        let (touched, counts): (Vec<i64>, Vec<i64>) = by_room(&drafts).into_iter().unzip();
        // Requests that are polled together leave in one write and are answered in their order.
        let given: [Given<'_>; 2] = [&touched, &counts];
        let (_begun, locked) = tokio::try_join!(
            biased;
            client.batch_execute("BEGIN"),
            client.query(&*heads, &given)
        )?;
        let heads = locked
            .iter()
            .map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?))))
            .collect::<Result<BTreeMap<i64, (i64, i64)>>>()?;
        let (seqs, ns): (Vec<i64>, Vec<i64>) = places(&drafts, &heads).into_iter().unzip();
        let rooms: Vec<i64> = drafts.iter().map(|draft| draft.seat.room).collect();
        let users: Vec<i64> = drafts.iter().map(|draft| draft.seat.user).collect();
        let cids: Vec<&str> = drafts.iter().map(|draft| draft.cid.as_str()).collect();
        let event: [Given<'_>; 5] = [&rooms, &seqs, &at, &rows.event, &ns];
        let message: [Given<'_>; 7] = [&rooms, &seqs, &ns, &users, &cids, &rows.text, &at];
        let mark: [Given<'_>; 4] = [&rooms, &users, &ns, &seqs];
        tokio::try_join!(
            biased;
            client.execute(&*events, &event),
            client.execute(&*messages, &message),
            client.execute(&*marks, &mark),
            client.batch_execute("COMMIT")
        )?;
        Ok(drafts.len() as u64)
    }
}
