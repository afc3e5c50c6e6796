//! Checks that bulk statements begin with the rows they are given and look the rest up by index, and that
//! pages of long lists begin at their place in one.
//!
//! That PostgreSQL does the same, `tests/store/plans.rs` finds out in large tables. Without statistics, or
//! with those of a table that was small, it takes whatever a partial index holds for a few rows and reads
//! all of them. Three things keep it from that. A condition which such an index has, and which is not what
//! leads to the rows, is written with a plus (`+room.deleted_at IS NULL`): the index does not fit then. An
//! `EXISTS` for each row has an offset: without it PostgreSQL may ask for all rows at once and compare. And
//! what is looked up for each row may be a `LATERAL` table with an offset, for PostgreSQL alone: what leads
//! to what is no more for it to choose then.

use super::db::Pools;
use super::given::Bulk;
use super::{DatabaseTarget, Store};

/// Fails with the plan when one of the statements reads a whole table.
pub(super) async fn check(statements: &[&Bulk]) {
    for statement in statements {
        let mut text = String::new();
        statement.push_sqlite(&mut text, 2);
        for step in plan(&text).await {
            // The list of given rows has no name.
            let is_given = ["SCAN given", "SCAN asker"].contains(&step.what.as_str())
                || step.what.ends_with("-ROW VALUES CLAUSE")
                || step.what.ends_with(" CONSTANT ROWS")
                // FTS5, by the rowid.
                || step.what.ends_with(" VIRTUAL TABLE INDEX 0:=")
                || !step.what.starts_with("SCAN ");
            assert!(is_given, "{step:?}\n{text}");
        }
    }
}

/// Fails with the plan when a statement does not read its page by the step that stands beside it, or
/// puts more than the page in order.
pub(super) async fn check_page(statements: &[(&str, &str)]) {
    for (text, page) in statements {
        let steps = plan(text).await;
        let is_page = |step: &Step| step.what.replace("COVERING ", "") == *page;
        assert!(steps.iter().any(is_page), "{steps:#?}\n{text}");
        let is_sorted = |step: &Step| step.what.starts_with("USE TEMP B-TREE") && step.below != 0;
        assert!(!steps.iter().any(is_sorted), "{steps:#?}\n{text}");
        // The page itself is a table without a name.
        let is_whole = |step: &Step| step.what.starts_with("SCAN ") && step.what != "SCAN page";
        assert!(!steps.iter().any(is_whole), "{steps:#?}\n{text}");
    }
}

/// A step of a plan, and the number of the one that it belongs to.
#[derive(Debug)]
struct Step {
    below: i64,
    what: String,
}

/// What SQLite does for a statement in an empty database.
async fn plan(statement: &str) -> Vec<Step> {
    let folder = tempfile::tempdir().unwrap();
    let target = DatabaseTarget::Sqlite(folder.path().join("plans.db"));
    let store = Store::open(&target).await.unwrap();
    store.migrate().await.unwrap();
    let Pools::Sqlite { writer, .. } = &store.db.pools else { unreachable!() };
    let explain = format!("EXPLAIN QUERY PLAN {statement}");
    let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explain.as_str()))
        .fetch_all(writer.pool())
        .await
        .unwrap();
    store.close().await;
    steps.into_iter().map(|(_id, below, _unused, what)| Step { below, what }).collect()
}
