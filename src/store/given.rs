//! Many rows in one statement; `script.rs` runs several in one call.
//!
//! A statement is written once with [`bulk!`]; in it the rows are a table named `given`. PostgreSQL
//! takes one array per column (`UNNEST`), SQLite a list of rows with a parameter for each value:
//! bound values cost a small part of what a JSON text costs to write and to take apart again.
//!
//! The text for SQLite depends on the number of rows. So that few texts stay prepared, a list has a
//! power of two of rows and the last ones may be empty; and many rows are several lists.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;

use super::StoreError;
pub(super) use super::script::Script;

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
    pub(super) fn push_postgres(&self, text: &mut String, before: usize) {
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
    MaybeText(Vec<Option<&'a str>>),
}

/// Rows to hand to a statement, column by column in the order of its `bulk!` list.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    columns: Vec<Column<'a>>,
    pub(super) len: usize,
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

    /// Adds a column of texts that may be null.
    pub(super) fn maybe_texts(self, values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        self.with(values.len(), Column::MaybeText(values))
    }

    /// Binds a stretch of the rows; those behind the end are null.
    pub(super) fn bind_sqlite(
        &self,
        arguments: &mut SqliteArguments,
        rows: Range<usize>,
    ) -> Result<(), StoreError> {
        arguments.reserve(rows.len() * self.columns.len(), 0);
        for row in rows {
            for column in &self.columns {
                match column {
                    Column::Int(values) => arguments.add(values.get(row).copied()),
                    Column::MaybeInt(values) => arguments.add(values.get(row).copied().flatten()),
                    Column::Text(values) => arguments.add(values.get(row).copied().map(kept)),
                    Column::MaybeText(values) => {
                        arguments.add(values.get(row).copied().flatten().map(kept))
                    }
                }
                .map_err(unbindable)?;
            }
        }
        Ok(())
    }

    /// Binds the columns.
    pub(super) fn bind_postgres(self, arguments: &mut PgArguments) -> Result<(), StoreError> {
        for column in self.columns {
            match column {
                Column::Int(values) => arguments.add(values),
                Column::MaybeInt(values) => arguments.add(values),
                Column::Text(values) => arguments.add(values),
                Column::MaybeText(values) => arguments.add(values),
            }
            .map_err(unbindable)?;
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

/// A text as the driver keeps it: of a borrowed one it would make a copy in a box in a box.
fn kept(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn unbindable(why: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Statement(sqlx::Error::Encode(why))
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
