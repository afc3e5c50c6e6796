//! Checks that bulk statements begin with the rows they are given and look the rest up by index.

use super::db::{Pools, Sql};
use super::{DatabaseTarget, Store};

/// Fails with the plan when one of the statements reads a whole table.
pub(super) async fn check(statements: &[&Sql]) {
    let folder = tempfile::tempdir().unwrap();
    let target = DatabaseTarget::Sqlite(folder.path().join("plans.db"));
    let store = Store::open(&target).await.unwrap();
    store.migrate().await.unwrap();
    let Pools::Sqlite { writer, .. } = &store.db.pools else { unreachable!() };
    for statement in statements {
        let explain = format!("EXPLAIN QUERY PLAN {}", statement.sqlite);
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explain))
            .bind("[[0,1,1,1,1,1,1,1,1,1,1,1]]")
            .fetch_all(writer)
            .await
            .unwrap();
        for (_id, _parent, _unused, step) in &plan {
            let scanned = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
            let is_given = matches!(scanned, None | Some("jsonb_each" | "given" | "asker"));
            assert!(is_given, "{step}\n{}\n{plan:#?}", statement.sqlite);
        }
    }
    store.close().await;
}
