//! Opening: every wrong database is refused in one clear line.

use std::collections::BTreeSet;
use std::path::Path;

use moim::store::{DatabaseTarget, OpenError, Store};

use crate::harness::{Engine, World, on_both, run};
use crate::postgres::Cluster;

on_both!(
    opening_again_changes_nothing,
    a_database_of_a_newer_program_is_refused,
    a_database_of_another_build_is_refused,
    it_answers_until_it_is_closed,
);

async fn refused(target: &DatabaseTarget) -> OpenError {
    let error = Store::open(target).await.map(drop).expect_err("refused");
    let line = error.to_string();
    assert!(!line.contains('\n') && !line.is_empty(), "{line:?}");
    error
}

fn sqlite(test: impl AsyncFnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(folder.path()));
}

async fn opening_again_changes_nothing(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.store.rooms_of(&[mina]).await.unwrap();
    let again = world.again().await;
    assert_eq!(again.rooms_of(&[mina]).await.unwrap(), lobby, "one lobby, the same epoch");
    assert_eq!(again.engine(), format!("{:?}", world.engine).to_lowercase());
}

async fn a_database_of_a_newer_program_is_refused(world: World) {
    world
        .sql(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             SELECT 9999, 'future', success, checksum, execution_time FROM _sqlx_migrations
              WHERE version = 1",
        )
        .await;
    let error = Store::open(&world.target).await.unwrap().migrate().await.unwrap_err();
    assert!(matches!(error, OpenError::Newer(9_999)), "{error:?}");
    assert!(error.to_string().contains("newer"), "{error}");
}

async fn a_database_of_another_build_is_refused(world: World) {
    world
        .sql(
            "UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM _sqlx_migrations
              WHERE version = 1) WHERE version = 2",
        )
        .await;
    let error = world.store.migrate().await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign(2)), "{error:?}");
}

async fn it_answers_until_it_is_closed(world: World) {
    world.store.ping().await.unwrap();
    world.store.close().await;
    let closed = world.store.ping().await;
    assert!(matches!(closed, Err(moim::store::StoreError::Unavailable(_))), "{closed:?}");
}

#[test]
fn a_file_of_another_kind_is_refused() {
    sqlite(async |folder| {
        let path = folder.join("letter.txt");
        std::fs::write(&path, "Dear reader, this is not a database.\n".repeat(50)).unwrap();
        let error = refused(&DatabaseTarget::Sqlite(path.clone())).await;
        assert!(matches!(&error, OpenError::NotADatabase { path: it } if *it == path), "{error:?}");
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(kept.starts_with("Dear reader"), "and left as it was");
    });
}

#[test]
fn a_path_that_cannot_be_written_is_refused() {
    sqlite(async |folder| {
        let file = folder.join("file");
        std::fs::write(&file, "x").unwrap();
        for path in [
            file.join("moim.db"),
            Path::new("/proc/moim/moim.db").to_path_buf(),
            folder.to_path_buf(),
        ] {
            let error = refused(&DatabaseTarget::Sqlite(path.clone())).await;
            assert!(matches!(&error, OpenError::File { .. }), "{error:?}");
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    });
}

#[test]
fn the_data_file_is_private_and_its_folder_is_made() {
    use std::os::unix::fs::PermissionsExt;

    sqlite(async |folder| {
        let path = folder.join("new").join("folder").join("moim.db");
        let store = Store::open(&DatabaseTarget::Sqlite(path.clone())).await.unwrap();
        store.migrate().await.unwrap();
        for name in ["moim.db", "moim.db-wal", "moim.db-shm"] {
            let file = path.with_file_name(name);
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        store.close().await;
        assert!(!path.with_file_name("moim.db-wal").exists(), "folded into the file");
    });
}

#[test]
fn a_server_that_is_not_there_is_refused() {
    sqlite(async |folder| {
        let url = format!("postgres://me:hunter2@localhost/moim?host={}", folder.display());
        let error = refused(&DatabaseTarget::Postgres(url)).await;
        assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let error = refused(&DatabaseTarget::Postgres("postgres://h:port/x".to_owned())).await;
        assert!(matches!(error, OpenError::Url(_)), "{error:?}");
    });
}

#[test]
fn a_server_that_says_no_is_quoted() {
    run(Engine::Postgres, async |world: World| {
        let DatabaseTarget::Postgres(url) = &world.target else { unreachable!() };
        let error = refused(&DatabaseTarget::Postgres(url.replace("moim_", "absent_"))).await;
        assert!(matches!(error, OpenError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("does not exist"), "{error}");
    });
}

#[test]
fn a_server_with_another_encoding_is_refused() {
    run(Engine::Postgres, async |world: World| {
        world.sql("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0").await;
        let DatabaseTarget::Postgres(url) = &world.target else { unreachable!() };
        let (before, after) = url.split_once("moim_").unwrap();
        let host = after.split_once('?').unwrap().1;
        let error = refused(&DatabaseTarget::Postgres(format!("{before}ascii?{host}"))).await;
        assert!(matches!(&error, OpenError::Encoding(found) if found == "SQL_ASCII"), "{error:?}");
        assert!(Cluster::of_this_process().is_some());
    });
}

#[test]
fn both_engines_have_the_same_migrations() {
    let names = |engine: &str| -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let sqlite = names("sqlite");
    assert_eq!(sqlite, names("postgres"));
    let numbers: Vec<usize> = sqlite.iter().map(|name| name[..4].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "no number is missing");
}
