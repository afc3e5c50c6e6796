//! A fresh database per test, on either engine, and short ways to fill it.

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};

use moim::domain::{
    Cid, ClubId, ClubName, DisplayName, History, Millis, RoomId, RoomKind, RoomName, Text, UserId,
    Username, Writers,
};
use moim::store::{
    Append, Appended, Club, DatabaseTarget, FirstUser, Message, NewClub, NewMessage, NewRoom,
    NewUser, Page, Reach, Reading, RoomMade, Store, StoreError, StoredEvent, User, Window,
};

mod writer;

pub(crate) use self::writer::Plain;

/// Where a test runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A database of one test.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) target: DatabaseTarget,
    clock: AtomicI64,
    _folder: tempfile::TempDir,
}

/// Defines each test twice: as `sqlite::name` and as `postgres::name`.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() {
                $crate::harness::run($crate::harness::Engine::Sqlite, super::$name);
            })+
        }
        mod postgres {
            $(#[test] fn $name() {
                $crate::harness::run($crate::harness::Engine::Postgres, super::$name);
            })+
        }
    };
}
pub(crate) use on_both;

/// Runs a test against a fresh database.
pub(crate) fn run<F, Fut>(engine: Engine, test: F)
where
    F: FnOnce(World) -> Fut,
    Fut: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime");
    runtime.block_on(async {
        if let Some(world) = World::new(engine).await {
            let target = world.target.clone();
            test(world).await;
            if let DatabaseTarget::Postgres(url) = target {
                crate::postgres::drop_database(&url).await;
            }
        }
    });
}

impl World {
    async fn new(engine: Engine) -> Option<Self> {
        let folder = tempfile::tempdir().expect("folder");
        let target = match engine {
            Engine::Sqlite => {
                let file = folder.path().join("moim.db");
                crate::ready::sqlite(&file).await;
                DatabaseTarget::Sqlite(file)
            }
            Engine::Postgres => DatabaseTarget::Postgres(crate::ready::postgres().await?),
        };
        let store = Store::open(&target).await.expect("open");
        let clock = AtomicI64::new(1_766_000_000_000);
        Some(Self { engine, store, target, clock, _folder: folder })
    }

    /// Opens the same database once more, as a second node or after a restart.
    pub(crate) async fn again(&self) -> Store {
        let store = Store::open(&self.target).await.expect("open again");
        store.migrate().await.expect("migrate again");
        store
    }

    /// A moment later than all before.
    pub(crate) fn now(&self) -> Millis {
        Millis(self.clock.fetch_add(1, Ordering::Relaxed))
    }

    /// Registers a user.
    pub(crate) async fn account(&self, name: &str) -> User {
        register(&self.store, name, FirstUser::User, self.now()).await.expect("register")
    }

    /// Registers a user, for the id alone.
    pub(crate) async fn user(&self, name: &str) -> UserId {
        self.account(name).await.id
    }

    /// The lobby that everyone comes into.
    pub(crate) async fn lobby(&self) -> RoomId {
        let anyone = self.account("lobby-seeker").await.id;
        let rooms = self.store.rooms_of(&[anyone]).await.expect("rooms");
        rooms.first().expect("a lobby").1.room
    }

    /// What users are told when they come is what they are told when they ask for each part.
    pub(crate) async fn tells_arrivals_the_same(&self, users: &[UserId]) {
        // Some come twice.
        let twice: Vec<_> = users.iter().chain(users).copied().collect();
        let mut arrivals = self.store.arrivals(&twice).await.expect("arrivals");
        arrivals.sort_by_key(|arrival| arrival.user);
        let mut accounts = self.store.users(users).await.expect("users");
        accounts.sort_by_key(|account| account.id);
        let heads = self.store.inbox_heads(users).await.expect("inboxes");
        let views = self.store.rooms_of(users).await.expect("rooms");
        assert_eq!(arrivals.len(), accounts.len());
        for (arrival, account) in arrivals.iter().zip(&accounts) {
            assert_eq!(arrival.user, account.id);
            assert_eq!(arrival.username, account.username);
            assert_eq!(arrival.display_name, account.display_name);
            assert_eq!(arrival.status_text, account.status_text);
            assert!(heads.contains(&(account.id, arrival.inbox.clone())));
            let views = views.iter().filter(|(user, _)| *user == account.id);
            let views: Vec<_> = views.map(|(_, view)| view.clone()).collect();
            assert_eq!(arrival.rooms, views);
        }
    }

    /// Makes an open club; also gives its room `general`.
    pub(crate) async fn club(&self, name: &str, owner: UserId) -> (Club, RoomId) {
        self.club_of(name, owner, |_new| {}).await
    }

    /// Makes a club with some settings.
    pub(crate) async fn club_of(
        &self,
        name: &str,
        owner: UserId,
        set: impl FnOnce(&mut NewClub<'_>),
    ) -> (Club, RoomId) {
        let name = ClubName::parse(name).expect("name");
        let mut new = NewClub {
            name: &name,
            greeting: "hi",
            description: "about",
            kind: "community",
            category: "other",
            visibility: "public",
            join_policy: "open",
            capacity: None,
        };
        set(&mut new);
        self.store.create_club(&new, owner, self.now()).await.expect("club")
    }

    /// Makes a room of a club.
    pub(crate) async fn room(
        &self,
        club: ClubId,
        name: &str,
        by: UserId,
        kind: RoomKind,
    ) -> RoomId {
        let name = RoomName::parse(name).expect("name");
        match self.store.create_room(club_room(club, &name, kind, by, self.now())).await {
            Ok(RoomMade::Done(view)) => view.room,
            other => panic!("no room: {other:?}"),
        }
    }

    /// Appends a batch.
    pub(crate) async fn append(&self, batch: &[Append]) -> Vec<Appended> {
        let done = self.store.append(batch, &Plain).await.expect("append");
        assert_eq!(done.len(), batch.len());
        done
    }

    /// Appends one thing.
    pub(crate) async fn one(&self, append: Append) -> Appended {
        self.append(&[append]).await.remove(0)
    }

    /// Sends a message and gives its event.
    pub(crate) async fn say(&self, room: RoomId, author: UserId, text: &str) -> StoredEvent {
        let cid = format!("c{}", self.now().0);
        match self.one(message(room, author, &cid, text)).await {
            Appended::Message { event, .. } => event,
            other => panic!("not stored: {other:?}"),
        }
    }

    /// Lets a user enter a club.
    pub(crate) async fn join(&self, club: ClubId, user: UserId) -> Appended {
        self.one(Append::JoinClub { club, user, at: self.now() }).await
    }

    /// Lets a user leave a club.
    pub(crate) async fn leave(&self, club: ClubId, user: UserId) -> Appended {
        self.one(Append::LeaveClub { club, user, at: self.now() }).await
    }

    /// Marks a room as read.
    pub(crate) async fn mark(&self, room: RoomId, user: UserId, seq: i64) -> moim::store::ReadMark {
        match self.one(Append::Mark { room, user, seq, at: self.now() }).await {
            Appended::Marked(mark, _read) => mark,
            other => panic!("not marked: {other:?}"),
        }
    }

    /// Messages of a room, as nobody in particular reads them.
    pub(crate) async fn messages(&self, room: RoomId, window: Window, limit: i64) -> Vec<Message> {
        let of = Reading { reach: whole(room), reader: UserId(0), thread: None };
        self.store.messages(of, window, limit).await.expect("messages")
    }

    /// The whole log of a room.
    pub(crate) async fn log(&self, room: RoomId) -> Vec<StoredEvent> {
        self.store.events_after(room, 0, 1_000_000).await.expect("log")
    }

    /// The number that a statement gives, asked behind the store's back.
    pub(crate) async fn count(&self, statement: &str) -> i64 {
        use sqlx::Connection;
        let sql = sqlx::AssertSqlSafe(statement.to_owned());
        let (count,): (i64,) = match &self.target {
            DatabaseTarget::Sqlite(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut conn =
                    sqlx::SqliteConnection::connect_with(&options).await.expect("connect");
                sqlx::query_as(sql).fetch_one(&mut conn).await.expect("count")
            }
            DatabaseTarget::Postgres(url) => {
                let mut conn = sqlx::PgConnection::connect(url).await.expect("connect");
                sqlx::query_as(sql).fetch_one(&mut conn).await.expect("count")
            }
        };
        count
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn sql(&self, statement: &str) {
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()));
        match &self.target {
            DatabaseTarget::Sqlite(path) => {
                use sqlx::Connection;
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut conn =
                    sqlx::SqliteConnection::connect_with(&options).await.expect("connect");
                sql.execute(&mut conn).await.expect("statement");
                conn.close().await.expect("close");
            }
            DatabaseTarget::Postgres(url) => {
                use sqlx::Connection;
                let mut conn = sqlx::PgConnection::connect(url).await.expect("connect");
                sql.execute(&mut conn).await.expect("statement");
                conn.close().await.expect("close");
            }
        }
    }
}

/// A room of a club with the settings that it has unasked.
pub(crate) fn club_room(
    club: ClubId,
    name: &RoomName,
    kind: RoomKind,
    by: UserId,
    at: Millis,
) -> NewRoom<'_> {
    NewRoom { club, name, kind, topic: "", history: History::All, write: Writers::All, by, at }
}

/// All of a room.
pub(crate) const fn whole(room: RoomId) -> Reach {
    Reach { room, after: 0 }
}

/// Registers a user with a store.
pub(crate) async fn register(
    store: &Store,
    name: &str,
    first: FirstUser,
    at: Millis,
) -> Result<User, StoreError> {
    let username = Username::parse(name).expect("username");
    let display_name = DisplayName::parse(name).expect("display name");
    let new = NewUser {
        username: &username,
        display_name: &display_name,
        password_hash: "hash",
        locale: "en",
        at,
    };
    store.create_user(&new, first).await
}

/// A message to append.
pub(crate) fn message(room: RoomId, author: UserId, cid: &str, text: &str) -> Append {
    Append::Message(draft(room, author, cid, text))
}

/// An answer to append.
pub(crate) fn reply(room: RoomId, author: UserId, cid: &str, to: i64) -> Append {
    Append::Message(NewMessage { reply_to: Some(to), ..draft(room, author, cid, "yes") })
}

fn draft(room: RoomId, author: UserId, cid: &str, text: &str) -> NewMessage {
    let (cid, text) = (Cid::parse(cid).expect("cid"), Text::parse(text).expect("text"));
    NewMessage::new(room, author, cid, text, Millis(1_766_000_000_000))
}

/// The first page of anything.
pub(crate) fn first<Key>() -> Page<Key> {
    Page::first(100)
}
