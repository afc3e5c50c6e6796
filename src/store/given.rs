//! Many rows in one statement, and several statements in one call.
//!
//! A statement is written once with [`bulk!`]; in it the rows are a table named `given`. PostgreSQL
//! takes one array per column (`UNNEST`), SQLite a list of rows with a parameter for each value:
//! bound values cost a small part of what a JSON text costs to write and to take apart again.
//!
//! The text for SQLite depends on the number of rows. So that few texts stay prepared, a list has a
//! power of two of rows and the last ones may be empty; and many rows are several lists.

use std::fmt::Write as _;
use std::ops::Range;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Postgres};

use super::StoreError;
use super::db::{Conn, Either, Row};

/// Rows of one list at most, on SQLite.
const LIST: usize = 128;
/// Rows of each statement up to which a script is one call on SQLite.
const ONE_CALL: usize = 32;

/// How SQLite calls the columns of a list, ready to be given their names.
const VALUES: [&str; 11] = [
    "column1 AS ",
    "column2 AS ",
    "column3 AS ",
    "column4 AS ",
    "column5 AS ",
    "column6 AS ",
    "column7 AS ",
    "column8 AS ",
    "column9 AS ",
    "column10 AS ",
    "column11 AS ",
];

/// A statement over given rows; [`bulk!`] makes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bulk {
    /// What stands before the table `given`.
    pub(super) before: &'static str,
    /// Names of its columns, at most eleven, and their types on PostgreSQL. The first is never null.
    pub(super) columns: &'static [(&'static str, &'static str)],
    /// What stands behind it.
    pub(super) after: &'static str,
    /// Appended on PostgreSQL alone.
    pub(super) lock: &'static str,
}

impl Bulk {
    /// Appends the text for SQLite with a list of so many rows.
    pub(super) fn push_sqlite(&self, text: &mut String, rows: usize) {
        text.reserve(self.before.len() + self.after.len() + (rows + 10) * 3 * self.columns.len());
        text.push_str(self.before);
        for (place, (value, (name, _type))) in VALUES.iter().zip(self.columns).enumerate() {
            text.push_str(if place == 0 { "(SELECT " } else { ", " });
            text.push_str(value);
            text.push_str(name);
        }
        text.push_str(" FROM (VALUES ");
        for row in 0..rows {
            text.push_str(if row == 0 { "(?" } else { ", (?" });
            text.extend(self.columns.iter().skip(1).map(|_column| ", ?"));
            text.push(')');
        }
        text.push_str(") WHERE column1 IS NOT NULL) AS given");
        text.push_str(self.after);
    }

    /// Appends the text for PostgreSQL, with parameters that begin behind `before` others.
    fn push_postgres(&self, text: &mut String, before: usize) {
        text.push_str(self.before);
        for (number, (_name, kind)) in (before + 1..).zip(self.columns) {
            text.push_str(if number == before + 1 { "UNNEST(" } else { ", " });
            let _infallible = write!(text, "${number}::{kind}[]");
        }
        for (place, (name, _type)) in self.columns.iter().enumerate() {
            text.push_str(if place == 0 { ") AS given (" } else { ", " });
            text.push_str(name);
        }
        text.push(')');
        text.push_str(self.after);
        text.push_str(self.lock);
    }
}

/// One column of the rows.
#[derive(Debug)]
enum Column<'a> {
    Int(Vec<i64>),
    MaybeInt(Vec<Option<i64>>),
    Text(Vec<&'a str>),
}

/// Rows to hand to a statement, column by column in the order of its `bulk!` list.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    columns: Vec<Column<'a>>,
    len: usize,
}

impl<'a> Given<'a> {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a column of numbers.
    pub(super) fn ints(self, values: impl IntoIterator<Item = i64>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        self.with(values.len(), Column::Int(values))
    }

    /// Adds a column of numbers that may be null.
    pub(super) fn maybe_ints(self, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        self.with(values.len(), Column::MaybeInt(values))
    }

    /// Adds a column of texts.
    pub(super) fn texts(self, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        self.with(values.len(), Column::Text(values))
    }

    /// Binds a stretch of the rows; those behind the end are null.
    fn bind_sqlite(
        &self,
        arguments: &mut SqliteArguments,
        rows: Range<usize>,
    ) -> Result<(), StoreError> {
        for row in rows {
            for column in &self.columns {
                match column {
                    Column::Int(values) => arguments.add(values.get(row).copied()),
                    Column::MaybeInt(values) => arguments.add(values.get(row).copied().flatten()),
                    Column::Text(values) => arguments.add(values.get(row).copied()),
                }
                .map_err(unbindable)?;
            }
        }
        Ok(())
    }

    fn with(mut self, len: usize, column: Column<'a>) -> Self {
        debug_assert!(self.columns.is_empty() || self.len == len, "columns of unequal length");
        self.len = len;
        self.columns.push(column);
        self
    }
}

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
        match conn.either() {
            Either::Sqlite(conn) => {
                for (text, arguments) in self.for_sqlite()? {
                    let call = sqlx::query_with(AssertSqlSafe(text), arguments);
                    call.execute(&mut *conn).await?;
                }
            }
            Either::Postgres(conn) => {
                let (text, arguments) = self.for_postgres()?;
                sqlx::query_with(AssertSqlSafe(text), arguments).execute(conn).await.map(drop)?;
            }
        }
        Ok(())
    }

    /// Small scripts are one call. Large ones gain nothing by that, and each text of each size that
    /// is kept prepared costs memory: they are a call for each list.
    fn for_sqlite(self) -> Result<Vec<(String, SqliteArguments)>, StoreError> {
        let is_one_call = self.0.iter().all(|(_bulk, given)| given.len <= ONE_CALL);
        let mut calls: Vec<(String, SqliteArguments)> = Vec::new();
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
            for column in given.columns {
                match column {
                    Column::Int(values) => arguments.add(values),
                    Column::MaybeInt(values) => arguments.add(values),
                    Column::Text(values) => arguments.add(values),
                }
                .map_err(unbindable)?;
            }
        }
        Ok((text, arguments))
    }
}

fn unbindable(why: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Statement(sqlx::Error::Encode(why))
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
        Ok(match self.either() {
            Either::Sqlite(conn) => {
                let mut rows = Vec::new();
                for (text, arguments) in script.for_sqlite()? {
                    let call = sqlx::query_as_with(AssertSqlSafe(text), arguments);
                    rows.extend(call.fetch_all(&mut *conn).await?);
                }
                rows
            }
            Either::Postgres(conn) => {
                let (text, arguments) = script.for_postgres()?;
                sqlx::query_as_with::<Postgres, R, _>(AssertSqlSafe(text), arguments)
                    .fetch_all(conn)
                    .await?
            }
        })
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

/// Writes a statement over given rows for both engines:
/// `bulk!("SELECT … FROM ", (room_id bigint, cid text), " CROSS JOIN …")`.
///
/// Each given row must count for itself: SQLite may get them in several lists. Join to `given` with
/// `CROSS JOIN … WHERE`: it means the same on both engines, and SQLite then begins with the given
/// rows and looks the others up. A last `postgres "…"` is appended for that engine alone: the row
/// locks that SQLite does not need.
macro_rules! bulk {
    (
        $before:expr,
        ($($name:ident $type:ident),* $(,)?),
        $after:expr $(, postgres $lock:literal)? $(,)?
    ) => {
        $crate::store::given::Bulk {
            before: $before,
            columns: &[$((stringify!($name), stringify!($type))),*],
            after: $after,
            lock: concat!($($lock)?),
        }
    };
}

pub(super) use bulk;

#[cfg(test)]
mod tests {
    use super::*;

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
}
