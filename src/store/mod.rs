//! Everything durable: accounts, clubs, rooms, logs, inboxes, on SQLite or PostgreSQL; and the
//! link between nodes, which is not.
//!
//! *Belongs here:* SQL, and what only a transaction can decide: numbers, uniqueness, repeated
//! sends, who may read. *Does not belong here:* clocks (times are arguments), JSON shapes (an
//! [`EventWriter`] makes them), who is online.
//!
//! * Both engines run the same SQL with `$1` wherever they can (`db.rs`); bulk statements take
//!   their rows by `given.rs`; the migrations have equal numbers and one suite tests both.
//! * **Invariant:** the log of a room is written by [`Store::append`] alone, under the lock of the
//!   room's head; so commit order is seq order. Whatever hangs on a room and is written by the journal
//!   alone needs no lock of its own.
//! * **Invariant:** rows are locked in one order everywhere, so that PostgreSQL never finds two
//!   transactions waiting for each other (`tests/it/locks.rs` counts): accounts by id; clubs by id;
//!   rooms by id; clubs that have closed; places of the search by room; the queue of those who make
//!   groups; inboxes by user; entries of inboxes, reports by id, files; last, what runs have spent, by
//!   day, kind and id, the row of all first. Where the order cannot be kept nobody waits who holds
//!   something: what is not free is left out and taken later (`SKIP LOCKED`: sweeps, marks of the
//!   inbox, erasures), or all is rolled back and begun anew with it (`journal/inboxes.rs`).
//! * **Invariant:** what is `Ok` is on the disk. What is [`StoreError::Unavailable`] was rolled
//!   back, unless COMMIT itself broke (the connection, or the sync of the disk): then nobody knows,
//!   and the repeated `cid` answers it.
//! * **Invariant:** nothing is built on what may not be on the disk: after a failed sync SQLite's
//!   log is not read back within one life of the process (`open.rs`), and written again in the next
//!   before it is used (`settle.rs`).

mod accounts;
mod act;
mod admins;
mod answers;
mod append;
mod arrivals;
mod assistant;
mod blocks;
mod bots;
mod classify;
mod clubs;
mod db;
mod erasures;
mod error;
mod exports;
mod families;
mod files;
mod given;
mod inbox;
mod jobs;
mod journal;
mod kept;
mod link;
mod log;
mod messages;
mod moderation;
mod moves;
#[cfg(feature = "bench")]
mod null;
mod open;
mod page;
#[cfg(test)]
mod plans;
mod redis;
mod rooms;
mod script;
mod search;
mod secrets;
mod settle;
mod snapshot;
mod threads;
mod tickets;
mod traces;
mod transfer;
mod wal;
mod writer;

use db::{Db, Pools, fetch_one};

use crate::faults::Faults;

pub use self::redis::{Redis, UnusableRedis};
pub use accounts::{FirstUser, NewUser, User};
pub use act::{Act, ActEvent, Acted, Deed, DroppedNotices, Happened, Whose};
pub use answers::{Before, Named};
pub use append::{
    Append, AppendRefusal, Appended, Called, NewMessage, NoticesRead, ReadMark, StoredEvent,
    StoredNotice,
};
pub use arrivals::Arrival;
pub use assistant::{
    Asked, AskedAgain, Budget, Budgets, Context, ContextLine, Manifest, Prospect, Receipt,
    Reserved, Run, RunBegin, RunBegun, RunEnd, RunEnded, RunStatus, RunStep, RunStepped, Spent,
};
pub use blocks::{Block, Blocked};
pub use bots::{Bot, BotMade, BotToken, NewBot};
pub use clubs::{
    Club, ClubAssistant, ClubAssistantChange, ClubAssistantPatch, ClubChange, ClubDeleted,
    ClubMember, ClubPatch, ClubQuery, ClubSort, Inherited, Membership, MyMembership, NewClub,
};
pub use erasures::{Erasure, ErasureStage, Haunts, Remains, Shut};
pub use error::{OpenError, StoreError};
pub use exports::{ExportMark, ExportPart};
pub use families::{Device, NewFamily, Rotation};
pub use files::{File, FileLimits, FileRoom, KeptFile, NewFile, NewPreviews, NoRoomForFile};
pub use inbox::{
    InboxHead, InboxMarks, LoggedNotice, Notice, NoticeFilter, ReadSelection, ShownNotices,
};
pub use jobs::JobEnd;
pub use link::{Heard, Link, Unsent};
pub use log::{LogHead, RoomPlace};
pub use messages::{Message, Pinned, Reaction, Reading, Revision, ThreadPlace, Window};
pub use moderation::{
    AuditEntry, Ban, FilterAdded, FilterRemoved, FilterScope, Measure, Moderation, Mute, NewFilter,
    NewReport, OwnBan, OwnMute, PermissionChange, Report, Reported, RoomStanding, Settling, Within,
};
pub use moves::{Move, Moves, NewGroup, Passage, RoomChange};
#[cfg(feature = "bench")]
pub(crate) use null::Call;
pub use open::DatabaseTarget;
pub use page::Page;
pub use rooms::{
    FilterStamp, Listed, ListedQuery, Manner, NewRoom, Reach, ReactedBy, RoomChanged, RoomInfo,
    RoomMade, RoomMember, RoomPatch, RoomView, RosterRow, Seen, SeenBy,
};
pub use search::{Behind, Carried, Followed, FoundPage, Search, Spot};
pub use snapshot::{Reactors, Snapshot};
pub use threads::{Thread, ThreadMark};
pub use transfer::{Beside, Exported, FileKey, Imported, TransferError};
pub use writer::{EventWriter, Line, N_HOLE, NewNotice, Removal, SEQ_HOLE, WrittenNotice};

/// The store of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    faults: Faults,
    #[cfg(feature = "bench")]
    null: Option<std::sync::Arc<null::Null>>,
}

impl Store {
    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut conn = self.db.read().await?;
        // BIGINT on both engines, which a bare `1` is not.
        let (_one,): (i64,) = fetch_one!(conn, (i64,), "SELECT CAST(1 AS BIGINT)")?;
        Ok(())
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub const fn engine(&self) -> &'static str {
        match self.db.pools {
            Pools::Sqlite { .. } => "sqlite",
            Pools::Postgres { .. } => "postgres",
        }
    }

    /// Statements sent to the database since the start, those of transactions included.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.db.statements()
    }
}
