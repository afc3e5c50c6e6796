//! Many rows in one statement.
//!
//! PostgreSQL takes one array per column (`UNNEST`), SQLite one JSON text (`jsonb_each`). [`bulk!`]
//! writes both texts around the same SQL; in it the rows are a table named `given`.

use std::fmt::Write as _;

use sqlx::postgres::PgArguments;
use sqlx::{Arguments, Postgres};

use super::StoreError;
use super::db::{Conn, Either, Row, Sql};

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

    fn with(mut self, len: usize, column: Column<'a>) -> Self {
        debug_assert!(self.columns.is_empty() || self.len == len, "columns of unequal length");
        self.len = len;
        self.columns.push(column);
        self
    }

    /// The rows as a JSON array of arrays. Each begins with a zero, so that `->> 1` is `$1`.
    fn json(&self) -> String {
        let texts = |column: &Column<'_>| match column {
            Column::Text(values) => values.iter().map(|text| text.len() + 8).sum(),
            Column::Int(_) | Column::MaybeInt(_) => 0,
        };
        let texts: usize = self.columns.iter().map(texts).sum();
        let mut json = String::with_capacity(16 + self.len * self.columns.len() * 16 + texts);
        json.push('[');
        for row in 0..self.len {
            json.push_str(if row == 0 { "[0" } else { ",[0" });
            for column in &self.columns {
                json.push(',');
                match column {
                    Column::Int(values) => push_int(&mut json, values.get(row).copied()),
                    Column::MaybeInt(values) => {
                        push_int(&mut json, values.get(row).copied().flatten());
                    }
                    Column::Text(values) => {
                        push_text(&mut json, values.get(row).copied().unwrap_or(""));
                    }
                }
            }
            json.push(']');
        }
        json.push(']');
        json
    }

    fn arrays(self) -> Result<PgArguments, StoreError> {
        let mut arguments = PgArguments::default();
        for column in self.columns {
            match column {
                Column::Int(values) => arguments.add(values),
                Column::MaybeInt(values) => arguments.add(values),
                Column::Text(values) => arguments.add(values),
            }
            .map_err(|why| StoreError::Statement(sqlx::Error::Encode(why)))?;
        }
        Ok(arguments)
    }
}

fn push_int(json: &mut String, value: Option<i64>) {
    match value {
        // Writing into a string cannot fail.
        Some(value) => drop(write!(json, "{value}")),
        None => json.push_str("null"),
    }
}

/// Appends a JSON string: quotes, back-slashes and control characters are escaped, the rest stands
/// as it is.
fn push_text(json: &mut String, text: &str) {
    json.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\') || c < ' ') {
        let (plain, tail) = rest.split_at(at);
        json.push_str(plain);
        let mut tail = tail.chars();
        if let Some(odd) = tail.next() {
            if odd < ' ' {
                json.push_str(&format!("\\u{:04x}", u32::from(odd)));
            } else {
                json.extend(['\\', odd]);
            }
        }
        rest = tail.as_str();
    }
    json.push_str(rest);
    json.push('"');
}

impl Conn {
    /// The rows that a bulk query gives for the rows it is given.
    pub(super) async fn given_all<R: Row>(
        &mut self,
        sql: &Sql,
        given: Given<'_>,
    ) -> Result<Vec<R>, StoreError> {
        Ok(match self.either() {
            Either::Sqlite(conn) => {
                sqlx::query_as(sql.sqlite).bind(given.json()).fetch_all(conn).await?
            }
            Either::Postgres(conn) => {
                let arrays = given.arrays()?;
                sqlx::query_as_with::<Postgres, R, _>(sql.postgres, arrays).fetch_all(conn).await?
            }
        })
    }

    /// Runs a bulk statement; a statement for no rows is not run.
    pub(super) async fn given_execute(
        &mut self,
        sql: &Sql,
        given: Given<'_>,
    ) -> Result<(), StoreError> {
        if given.len == 0 {
            return Ok(());
        }
        match self.either() {
            Either::Sqlite(conn) => {
                sqlx::query(sql.sqlite).bind(given.json()).execute(conn).await.map(drop)?;
            }
            Either::Postgres(conn) => {
                let arrays = given.arrays()?;
                sqlx::query_with::<Postgres, _>(sql.postgres, arrays)
                    .execute(conn)
                    .await
                    .map(drop)?;
            }
        }
        Ok(())
    }
}

/// Writes a statement over given rows for both engines:
/// `bulk!("SELECT … FROM ", (1 room_id bigint, 2 cid text), " CROSS JOIN …")`.
///
/// Join to `given` with `CROSS JOIN … WHERE`: it means the same on both engines, and SQLite then
/// begins with the given rows and looks the others up. A last `postgres "…"` is appended for that
/// engine alone: the row locks that SQLite does not need.
macro_rules! bulk {
    (
        $before:expr,
        ($place0:literal $name0:ident $type0:ident $(, $place:literal $name:ident $type:ident)* $(,)?),
        $after:expr $(, postgres $lock:literal)? $(,)?
    ) => {
        $crate::store::db::Sql {
            sqlite: concat!(
                $before, "(SELECT value ->> ", $place0, " AS ", stringify!($name0),
                $(", value ->> ", $place, " AS ", stringify!($name),)*
                " FROM jsonb_each($1)) AS given", $after
            ),
            postgres: concat!(
                $before, "UNNEST($", $place0, "::", stringify!($type0), "[]",
                $(", $", $place, "::", stringify!($type), "[]",)*
                ") AS given (", stringify!($name0), $(", ", stringify!($name),)* ")", $after
                $(, $lock)?
            ),
        }
    };
}

pub(super) use bulk;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_as_json_that_keeps_every_character() {
        let given = Given::new()
            .ints([7, -8])
            .maybe_ints([None, Some(i64::MAX)])
            .texts(["a\"b\\c\n\u{1}", "가/🙂"]);
        assert_eq!(
            given.json(),
            r#"[[0,7,null,"a\"b\\c\u000a\u0001"],[0,-8,9223372036854775807,"가/🙂"]]"#
        );
        assert_eq!(Given::new().ints([]).json(), "[]");
    }

    #[test]
    fn both_texts_name_the_same_columns() {
        let sql = bulk!("SELECT * FROM ", (1 a bigint, 2 b text), " WHERE true");
        assert_eq!(
            sql.sqlite,
            "SELECT * FROM (SELECT value ->> 1 AS a, value ->> 2 AS b FROM jsonb_each($1)) AS given \
             WHERE true"
        );
        assert_eq!(
            sql.postgres,
            "SELECT * FROM UNNEST($1::bigint[], $2::text[]) AS given (a, b) WHERE true"
        );
    }
}
