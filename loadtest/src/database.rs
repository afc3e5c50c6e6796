//! The database of the server under test, seen from outside: copying it, and counting its rows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use tokio_postgres::{Client, Config, NoTls};

/// Rows by table.
pub(crate) type Census = BTreeMap<String, i64>;

/// Where a server keeps everything.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    /// A server by URL, and a database there that the URL does not name, if it is another.
    Postgres {
        url: String,
        name: Option<String>,
    },
}

impl Database {
    /// What `--database` calls it.
    pub(crate) const fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres { .. } => "postgres",
        }
    }

    /// A copy of all rows beside the original: a file in `folder`, or a database called `name` on
    /// the same server. Nobody may use the original meanwhile.
    pub(crate) async fn copy(&self, folder: &Path, name: &str) -> Result<Self> {
        match self {
            Self::Sqlite(file) => {
                let copy = folder.join(format!("{name}.db"));
                let from = rusqlite::Connection::open(file)?;
                let into = copy.to_str().context("a path that is not text")?;
                from.execute("VACUUM INTO ?1", [into]).context("cannot copy the database")?;
                Ok(Self::Sqlite(copy))
            }
            Self::Postgres { url, name: other } => {
                let mut config = config(url, other.as_deref())?;
                let template = config.get_dbname().context("the URL names no database")?.to_owned();
                config.dbname("postgres");
                let make = format!(r#"CREATE DATABASE "{name}" TEMPLATE "{template}""#);
                connect(&config).await?.batch_execute(&make).await.context(make)?;
                Ok(Self::Postgres { url: url.clone(), name: Some(name.to_owned()) })
            }
        }
    }

    /// Removes a copy; a file goes with its folder.
    pub(crate) async fn discard(&self) -> Result<()> {
        if let Self::Postgres { url, name: Some(name) } = self {
            let mut config = config(url, None)?;
            config.dbname("postgres");
            let drop = format!(r#"DROP DATABASE "{name}" WITH (FORCE)"#);
            connect(&config).await?.batch_execute(&drop).await.context(drop)?;
        }
        Ok(())
    }

    /// Bytes of a message's event as it is kept, on average.
    pub(crate) async fn event_bytes(&self) -> Result<i64> {
        let average = "SELECT CAST(avg(octet_length(room_event.body)) AS BIGINT)
                         FROM room_event JOIN message ON message.room_id = room_event.room_id
                                                     AND message.seq = room_event.seq";
        let bytes: Option<i64> = match self {
            Self::Sqlite(file) => {
                rusqlite::Connection::open(file)?.query_row(average, [], |row| row.get(0))?
            }
            Self::Postgres { url, name } => {
                let client = connect(&config(url, name.as_deref())?).await?;
                client.query_one(average, &[]).await?.try_get(0)?
            }
        };
        bytes.context("there is no message in the database")
    }

    /// How many rows each table has.
    pub(crate) async fn census(&self) -> Result<Census> {
        let mut census = Census::new();
        match self {
            Self::Sqlite(file) => {
                let conn = rusqlite::Connection::open(file)?;
                let mut tables = conn.prepare(
                    "SELECT name FROM sqlite_schema
                      WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
                )?;
                for table in tables.query_map([], |row| row.get::<_, String>(0))? {
                    let table = table?;
                    let count = format!(r#"SELECT count(*) FROM "{table}""#);
                    census.insert(table, conn.query_row(&count, [], |row| row.get(0))?);
                }
            }
            Self::Postgres { url, name } => {
                let client = connect(&config(url, name.as_deref())?).await?;
                let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
                for row in client.query(tables, &[]).await? {
                    let table: String = row.try_get(0)?;
                    let count = format!(r#"SELECT count(*) FROM "{table}""#);
                    let count = client.query_one(&count, &[]).await?.try_get(0)?;
                    census.insert(table, count);
                }
            }
        }
        Ok(census)
    }
}

/// How to reach a database of a server.
pub(crate) fn config(url: &str, name: Option<&str>) -> Result<Config> {
    let mut config = Config::from_str(url).context("this is no URL of PostgreSQL")?;
    if let Some(name) = name {
        config.dbname(name);
    }
    Ok(config)
}

/// Connects without TLS. Call it within a `LocalSet`.
pub(crate) async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) =
        config.connect(NoTls).await.context("cannot connect to PostgreSQL")?;
    tokio::task::spawn_local(async move {
        // Whoever waits for an answer hears of the failure from the client.
        let _ended = connection.await;
    });
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_copy_has_the_rows_of_its_original() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("one.db");
        let conn = rusqlite::Connection::open(&file).unwrap();
        conn.execute_batch(
            "CREATE TABLE a (x); INSERT INTO a VALUES (1), (2);
             CREATE TABLE sqlitelike (x INTEGER PRIMARY KEY AUTOINCREMENT);",
        )
        .unwrap();
        drop(conn);
        let copy = Database::Sqlite(file).copy(folder.path(), "two").await.unwrap();
        let census = copy.census().await.unwrap();
        let expected = [("a".to_owned(), 2), ("sqlitelike".to_owned(), 0)];
        assert_eq!(census, Census::from(expected));
    }
}
