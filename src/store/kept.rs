//! Connections that are kept at hand between two uses.
//!
//! The pool asks a connection whether it is alive when it is given back, and one to PostgreSQL once
//! more when it is taken: two round trips around a transaction that may need only one of its own.
//! So what was used a moment ago, and did nothing but succeed, skips the pool. Everything else goes
//! through it: a connection that failed, whose use was cut short, or that has rested for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use scopeguard::ScopeGuard;
use sqlx::pool::PoolConnection;
use sqlx::{Database, Error, Pool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool, and those of its connections that are kept at hand. Cheap to clone.
#[derive(Debug)]
pub(super) struct Kept<DB: Database>(Arc<Shelf<DB>>);

#[derive(Debug)]
struct Shelf<DB: Database> {
    pool: Pool<DB>,
    /// The last one used is the first to be taken.
    idle: Mutex<Vec<Idle<DB>>>,
    /// As many as the pool has connections: whoever gets none waits here, in turn.
    permits: Arc<Semaphore>,
    /// After so long without a use the other end may be gone without a word.
    rest: Duration,
}

#[derive(Debug)]
struct Idle<DB: Database> {
    conn: PoolConnection<DB>,
    since: Instant,
}

/// A connection in use; it finds its way back when it is dropped.
pub(super) type Held<DB> = ScopeGuard<Busy<DB>, fn(Busy<DB>)>;

/// What a user of a connection holds.
#[derive(Debug)]
pub(super) struct Busy<DB: Database> {
    conn: PoolConnection<DB>,
    /// Nothing is under way on it, and the last thing succeeded.
    is_sound: bool,
    home: Arc<Shelf<DB>>,
    _permit: OwnedSemaphorePermit,
}

impl<DB: Database> Clone for Kept<DB> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<DB: Database> Kept<DB> {
    /// Keeps connections of `pool`, each until it has done nothing for `rest`; none at all for zero.
    pub(super) fn new(pool: Pool<DB>, rest: Duration) -> Self {
        let most = usize::try_from(pool.options().get_max_connections()).unwrap_or(1);
        let permits = Arc::new(Semaphore::new(most));
        Self(Arc::new(Shelf { pool, idle: Mutex::default(), permits, rest }))
    }

    /// The pool itself; what takes a connection from it does not take one that is kept.
    pub(super) fn pool(&self) -> &Pool<DB> {
        &self.0.pool
    }

    /// A connection, after those who wait already, for as long as the pool would wait.
    ///
    /// # Errors
    /// Those of the pool.
    pub(super) async fn acquire(&self) -> Result<Held<DB>, Error> {
        let patience = self.0.pool.options().get_acquire_timeout();
        let turn = Arc::clone(&self.0.permits).acquire_owned();
        let permit = match tokio::time::timeout(patience, turn).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_closed)) => return Err(Error::PoolClosed),
            Err(_elapsed) => return Err(Error::PoolTimedOut),
        };
        let conn = match self.0.take() {
            Some(conn) => conn,
            // On the heap, as it may have to connect, with TLS and all: every read and write would
            // carry the room for that along.
            None => Box::pin(self.0.pool.acquire()).await?,
        };
        let home = Arc::clone(&self.0);
        let busy = Busy { conn, is_sound: true, home, _permit: permit };
        Ok(scopeguard::guard(busy, give_back))
    }

    /// Waits for what is running and closes every connection.
    pub(super) async fn close(&self) {
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.0.idle());
        drop(idle);
        self.0.pool.close().await;
    }
}

impl<DB: Database> Shelf<DB> {
    fn idle(&self) -> MutexGuard<'_, Vec<Idle<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that rested least. If even that rested long, the pool gets all of them to ask.
    fn take(&self) -> Option<PoolConnection<DB>> {
        let mut idle = self.idle();
        let newest = idle.pop()?;
        if newest.since.elapsed() < self.rest {
            return Some(newest.conn);
        }
        idle.clear();
        None
    }
}

impl<DB: Database> Drop for Shelf<DB> {
    /// On its own a connection goes back to the pool by a task; nobody may be there to run it now.
    fn drop(&mut self) {
        for Idle { conn, .. } in std::mem::take(&mut *self.idle()) {
            drop(conn.detach());
        }
    }
}

impl<DB: Database> Busy<DB> {
    /// Lends it for one use; until [`Self::ended`] says otherwise that use did not succeed.
    pub(super) fn lend(&mut self) -> &mut DB::Connection {
        self.is_sound = false;
        &mut self.conn
    }

    /// How its last use ended.
    pub(super) fn ended(&mut self, is_well: bool) {
        self.is_sound = is_well;
    }

    /// It must not be used again.
    pub(super) fn close_on_drop(&mut self) {
        self.is_sound = false;
        self.conn.close_on_drop();
    }
}

/// Keeps a sound connection. From another one the pool hears whether it is alive; and what struck it
/// may have struck those that are kept.
fn give_back<DB: Database>(busy: Busy<DB>) {
    let Busy { conn, is_sound, home, _permit } = busy;
    let mut idle = home.idle();
    if !is_sound {
        idle.clear();
    } else if !(home.rest.is_zero() || home.permits.is_closed()) {
        idle.push(Idle { conn, since: Instant::now() });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use sqlx::Sqlite;
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    async fn kept(rest: Duration) -> Kept<Sqlite> {
        let options = SqlitePoolOptions::new().max_connections(2);
        let options = options.acquire_timeout(Duration::from_millis(50));
        Kept::new(options.connect("sqlite::memory:").await.unwrap(), rest)
    }

    async fn use_one(kept: &Kept<Sqlite>, is_well: bool) {
        let mut held = kept.acquire().await.unwrap();
        sqlx::raw_sql("SELECT 1").execute(held.lend()).await.unwrap();
        held.ended(is_well);
    }

    #[tokio::test]
    async fn a_sound_connection_is_kept_and_another_is_not() {
        let kept = kept(Duration::MAX).await;
        use_one(&kept, true).await;
        assert_eq!(kept.0.idle().len(), 1);
        drop(kept.acquire().await.unwrap());
        assert_eq!(kept.0.idle().len(), 1, "the same one");
        let (one, two) = (kept.acquire().await.unwrap(), kept.acquire().await.unwrap());
        assert!(matches!(kept.acquire().await, Err(Error::PoolTimedOut)));
        drop((one, two));
        assert_eq!(kept.0.idle().len(), 2);
        use_one(&kept, false).await;
        assert_eq!(kept.0.idle().len(), 0, "those beside it are suspect too");
        use_one(&kept, true).await;
        kept.acquire().await.unwrap().close_on_drop();
        assert_eq!(kept.0.idle().len(), 0);
        use_one(&kept, true).await;
    }

    #[tokio::test]
    async fn what_has_rested_long_goes_through_the_pool() {
        let kept = kept(Duration::from_nanos(1)).await;
        use_one(&kept, true).await;
        assert_eq!(kept.0.idle().len(), 1);
        assert!(kept.0.take().is_none());
        use_one(&kept, true).await;
        let through_the_pool = Kept::new(kept.0.pool.clone(), Duration::ZERO);
        use_one(&through_the_pool, true).await;
        assert_eq!(through_the_pool.0.idle().len(), 0);
    }

    #[tokio::test]
    async fn closing_waits_for_those_in_use_and_leaves_none() {
        let kept = kept(Duration::MAX).await;
        use_one(&kept, true).await;
        let held = kept.acquire().await.unwrap();
        let mut closing = std::pin::pin!(kept.close());
        assert!(closing.as_mut().now_or_never().is_none());
        drop(held);
        closing.await;
        assert!(matches!(kept.acquire().await, Err(Error::PoolClosed)));
        assert_eq!(kept.0.pool.size(), 0);
    }

    #[test]
    fn dropping_it_outside_of_a_runtime_is_harmless() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let kept = runtime.block_on(async {
            let kept = kept(Duration::MAX).await;
            use_one(&kept, true).await;
            kept
        });
        drop(runtime);
        drop(kept);
    }
}
