//! Checks that bulk statements begin with the rows they are given and look the rest up by index.
//!
//! That PostgreSQL does the same, `tests/store/plans.rs` finds out in large tables. Without statistics, or
//! with those of a table that was small, it takes whatever a partial index holds for a few rows and reads
//! all of them. Two things keep it from that. A condition which such an index has, and which is not what
//! leads to the rows, is written with a plus (`+room.deleted_at IS NULL`): the index does not fit then. And
//! an `EXISTS` for each row has an offset: without it PostgreSQL may ask for all rows at once and compare.

use super::db::Pools;
use super::given::Bulk;
use super::{DatabaseTarget, Store};

/// Fails with the plan when one of the statements reads a whole table.
pub(super) async fn check(statements: &[&Bulk]) {
    let folder = tempfile::tempdir().unwrap();
    let target = DatabaseTarget::Sqlite(folder.path().join("plans.db"));
    let store = Store::open(&target).await.unwrap();
    store.migrate().await.unwrap();
    let Pools::Sqlite { writer, .. } = &store.db.pools else { unreachable!() };
    for statement in statements {
        let mut explain = "EXPLAIN QUERY PLAN ".to_owned();
        statement.push_sqlite(&mut explain, 2);
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(explain.as_str()))
                .fetch_all(writer.pool())
                .await
                .unwrap();
        for (_id, _parent, _unused, step) in &plan {
            // The list of given rows has no name.
            let is_given = ["SCAN given", "SCAN asker"].contains(&step.as_str())
                || step.ends_with("-ROW VALUES CLAUSE")
                || step.ends_with(" CONSTANT ROWS")
                // FTS5, by the rowid.
                || step.ends_with(" VIRTUAL TABLE INDEX 0:=")
                || !step.starts_with("SCAN ");
            assert!(is_given, "{step}\n{explain}\n{plan:#?}");
        }
    }
    store.close().await;
}
