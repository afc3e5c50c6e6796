//! Statements over given rows (`given.rs`) that are run together: one call for all of them, and, if
//! they are all that is to be done, with the transaction around them in the same call.

use std::fmt::Write as _;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Error, Postgres};

use super::StoreError;
use super::db::{Conn, Either, Row};
use super::given::{Bulk, Given};

/// Rows of one list at most, on SQLite.
const LIST: usize = 128;
/// Rows of each statement up to which a script is one call on SQLite.
const ONE_CALL: usize = 32;

/// Statements that are run together: one call for all of them, in this order.
#[derive(Debug, Default)]
pub(super) struct Script<'a>(Vec<(&'static Bulk, Given<'a>)>);

impl<'a> Script<'a> {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a statement; one for no rows is not run. PostgreSQL runs them side by side on what
    /// was there before: no two of a script may touch the same row, or read what another writes.
    pub(super) fn add(&mut self, bulk: &'static Bulk, given: Given<'a>) {
        if given.len > 0 {
            self.0.push((bulk, given));
        }
    }

    /// Runs what was added.
    pub(super) async fn run(self, conn: &mut Conn) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        conn.counts(self.0.len() - 1);
        let done = match conn.either() {
            Either::Sqlite(conn) => execute_all(conn, self.for_sqlite()?).await,
            Either::Postgres(conn) => {
                let (text, arguments) = self.for_postgres()?;
                sqlx::query_with(AssertSqlSafe(text), arguments).execute(conn).await.map(drop)
            }
        };
        conn.heard(done)
    }

    /// Runs what was added as a transaction of its own; see [`super::db::Db::commit`].
    pub(super) async fn run_as_transaction<R: Row>(
        self,
        conn: &mut Conn,
        rows: (&str, &str),
    ) -> Result<Vec<R>, StoreError> {
        conn.counts(self.0.len() - 1);
        let done = match conn.either() {
            Either::Sqlite(conn) => {
                let mut calls = self.for_sqlite()?;
                if let Some((first, _values)) = calls.first_mut() {
                    first.insert_str(0, "BEGIN IMMEDIATE;");
                }
                if let Some((last, _values)) = calls.last_mut() {
                    last.push_str(";COMMIT");
                }
                fetch_all(conn, calls).await
            }
            Either::Postgres(conn) => {
                let (text, arguments) = self.named_for_postgres(rows)?;
                sqlx::query_as_with::<Postgres, R, _>(AssertSqlSafe(text), arguments)
                    .fetch_all(conn)
                    .await
            }
        };
        conn.heard(done)
    }

    /// Small scripts are one call. Large ones gain nothing by that, and each text of each size that
    /// is kept prepared costs memory: they are a call for each list.
    fn for_sqlite(self) -> Result<Vec<Call>, StoreError> {
        let is_one_call = self.0.iter().all(|(_bulk, given)| given.len <= ONE_CALL);
        let mut calls: Vec<Call> = Vec::new();
        for (bulk, given) in self.0 {
            for begin in (0..given.len).step_by(LIST) {
                let (mut text, mut arguments) =
                    if is_one_call { calls.pop().unwrap_or_default() } else { Default::default() };
                if !text.is_empty() {
                    text.push(';');
                }
                let rows = (given.len.min(begin + LIST) - begin).next_power_of_two();
                bulk.push_sqlite(&mut text, rows);
                given.bind_sqlite(&mut arguments, begin..begin + rows)?;
                calls.push((text, arguments));
            }
        }
        Ok(calls)
    }

    /// All statements as one: the last, with those before as its common table expressions.
    fn for_postgres(self) -> Result<(String, PgArguments), StoreError> {
        let (mut text, mut arguments) = (String::new(), PgArguments::default());
        let last = self.0.len() - 1;
        for (place, (bulk, given)) in self.0.into_iter().enumerate() {
            if place < last {
                let with = if place == 0 { "WITH" } else { "," };
                let _infallible = write!(text, "{with} step{place} AS (");
            }
            bulk.push_postgres(&mut text, arguments.len());
            if place < last {
                text.push_str(if place + 1 == last { ") " } else { ")" });
            }
            given.bind_postgres(&mut arguments)?;
        }
        Ok((text, arguments))
    }

    /// All statements as common table expressions, the first by its name, of the query behind them.
    fn named_for_postgres(
        self,
        (first, query): (&str, &str),
    ) -> Result<(String, PgArguments), StoreError> {
        let (mut text, mut arguments) = (String::new(), PgArguments::default());
        for (place, (bulk, given)) in self.0.into_iter().enumerate() {
            let _infallible = match place {
                0 => write!(text, "WITH {first} AS ("),
                _ => write!(text, ", step{place} AS ("),
            };
            bulk.push_postgres(&mut text, arguments.len());
            text.push(')');
            given.bind_postgres(&mut arguments)?;
        }
        text.push(' ');
        text.push_str(query);
        Ok((text, arguments))
    }
}

/// A text for SQLite and its values.
type Call = (String, SqliteArguments);

async fn execute_all(conn: &mut SqliteConnection, calls: Vec<Call>) -> Result<(), Error> {
    for (text, arguments) in calls {
        sqlx::query_with(AssertSqlSafe(text), arguments).execute(&mut *conn).await?;
    }
    Ok(())
}

async fn fetch_all<R: Row>(conn: &mut SqliteConnection, calls: Vec<Call>) -> Result<Vec<R>, Error> {
    let mut rows = Vec::new();
    for (text, arguments) in calls {
        let call = sqlx::query_as_with(AssertSqlSafe(text), arguments);
        rows.extend(call.fetch_all(&mut *conn).await?);
    }
    Ok(rows)
}

impl Conn {
    /// The rows that a bulk query gives for the rows it is given.
    pub(super) async fn given_all<R: Row>(
        &mut self,
        bulk: &'static Bulk,
        given: Given<'_>,
    ) -> Result<Vec<R>, StoreError> {
        let mut script = Script::new();
        script.add(bulk, given);
        if script.0.is_empty() {
            return Ok(Vec::new());
        }
        let rows = match self.either() {
            Either::Sqlite(conn) => fetch_all(conn, script.for_sqlite()?).await,
            Either::Postgres(conn) => {
                let (text, arguments) = script.for_postgres()?;
                sqlx::query_as_with::<Postgres, R, _>(AssertSqlSafe(text), arguments)
                    .fetch_all(conn)
                    .await
            }
        };
        self.heard(rows)
    }

    /// Runs a bulk statement; a statement for no rows is not run.
    pub(super) async fn given_execute(
        &mut self,
        bulk: &'static Bulk,
        given: Given<'_>,
    ) -> Result<(), StoreError> {
        let mut script = Script::new();
        script.add(bulk, given);
        script.run(self).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::given::bulk;

    const HEADS: Bulk =
        bulk!("SELECT * FROM ", (a bigint, b text), " WHERE true", postgres " FOR UPDATE");
    const NAMES: Bulk = bulk!("DELETE FROM t USING ", (name text), "");

    #[test]
    fn a_list_of_sqlite_has_a_power_of_two_of_rows() {
        let mut script = Script::new();
        script.add(&HEADS, Given::new().ints([7, -8, 9]).texts(["a\"b", "가", "🙂"]));
        script.add(&HEADS, Given::new().ints([]).texts([]));
        script.add(&NAMES, Given::new().texts(["x"]));
        let calls = script.for_sqlite().unwrap();
        let [(text, arguments)] = &calls[..] else { panic!("{} calls", calls.len()) };
        assert_eq!(
            text,
            "SELECT * FROM (SELECT column1 AS a, column2 AS b FROM (VALUES (?, ?), (?, ?), (?, ?), \
             (?, ?)) WHERE column1 IS NOT NULL) AS given WHERE true;\
             DELETE FROM t USING (SELECT column1 AS name FROM (VALUES (?)) WHERE column1 IS NOT \
             NULL) AS given"
        );
        assert_eq!(arguments.len(), 4 * 2 + 1);
    }

    #[test]
    fn many_rows_are_several_lists_and_calls() {
        let mut script = Script::new();
        script.add(&NAMES, Given::new().texts(["x"; 2 * LIST + 3]));
        script.add(&NAMES, Given::new().texts(["y"]));
        let calls = script.for_sqlite().unwrap();
        let rows: Vec<usize> = calls.iter().map(|(_text, arguments)| arguments.len()).collect();
        assert_eq!(rows, [LIST, LIST, 4, 1]);
        assert!(calls.iter().all(|(text, _arguments)| !text.contains(';')));
    }

    #[test]
    fn a_script_is_one_statement_of_postgres() {
        let mut script = Script::new();
        script.add(&NAMES, Given::new().texts(["x"]));
        script.add(&NAMES, Given::new().texts(["y"]));
        script.add(&HEADS, Given::new().ints([1]).texts(["z"]));
        let (text, arguments) = script.for_postgres().unwrap();
        assert_eq!(
            text,
            "WITH step0 AS (DELETE FROM t USING UNNEST($1::text[]) AS given (name)), \
             step1 AS (DELETE FROM t USING UNNEST($2::text[]) AS given (name)) \
             SELECT * FROM UNNEST($3::bigint[], $4::text[]) AS given (a, b) WHERE true FOR UPDATE"
        );
        assert_eq!(arguments.len(), 4);
    }

    #[test]
    fn a_script_that_is_a_transaction_names_its_first_rows_on_postgres() {
        let mut script = Script::new();
        script.add(&NAMES, Given::new().texts(["x"]));
        script.add(&HEADS, Given::new().ints([1]).texts(["z"]));
        let (text, arguments) = script.named_for_postgres(("gone", "SELECT a FROM gone")).unwrap();
        assert_eq!(
            text,
            "WITH gone AS (DELETE FROM t USING UNNEST($1::text[]) AS given (name)), \
             step1 AS (SELECT * FROM UNNEST($2::bigint[], $3::text[]) AS given (a, b) WHERE true \
             FOR UPDATE) SELECT a FROM gone"
        );
        assert_eq!(arguments.len(), 3);
    }
}
