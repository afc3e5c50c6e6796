//! Databases with the whole schema, for tests that are about something else: made once by a process of
//! tests, by the migrations themselves, and copied from then on, which costs a small part.

use std::path::Path;

use moim::store::{DatabaseTarget, Store};
use tokio::sync::OnceCell;

use crate::postgres::Cluster;

/// The URL of a database of PostgreSQL that nobody has used; none where there is no PostgreSQL.
pub(crate) async fn postgres() -> Option<String> {
    static MODEL: OnceCell<String> = OnceCell::const_new();

    let cluster = Cluster::of_this_process()?;
    let model = MODEL.get_or_init(async || {
        let url = cluster.fresh_database().await;
        migrate(&DatabaseTarget::Postgres(url.clone())).await;
        url
    });
    Some(cluster.copy_of(model.await).await)
}

/// Puts a file of SQLite that nobody has used at a path.
#[expect(clippy::unwrap_used, reason = "a test that has no database stops there")]
pub(crate) async fn sqlite(path: &Path) {
    static MODEL: OnceCell<Vec<u8>> = OnceCell::const_new();

    let model = MODEL.get_or_init(async || {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.db");
        migrate(&DatabaseTarget::Sqlite(file.clone())).await;
        std::fs::read(file).unwrap()
    });
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, model.await).unwrap();
}

#[expect(clippy::expect_used, reason = "a test that has no database stops there")]
async fn migrate(target: &DatabaseTarget) {
    let store = Store::open(target).await.expect("open");
    store.migrate().await.expect("migrate");
    store.close().await;
}
