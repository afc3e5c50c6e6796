//! The same test on both engines.

/// Defines each test twice: as `sqlite::name` and as `postgres::name`.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let app = crate::support::TestApp::spawn().await;
                super::$name(&app).await;
                app.end().await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let Some(url) = crate::support::fresh().await else {
                    return;
                };
                let settings = [("MOIM_DATABASE_URL", url.as_str())];
                let app = crate::support::TestApp::spawn_with(&settings).await;
                super::$name(&app).await;
                app.end().await;
                crate::postgres::drop_database(&url).await;
            })+
        }
    };
}
pub(crate) use on_both;

/// A database of a test's own; none where there is no PostgreSQL.
pub(crate) async fn fresh() -> Option<String> {
    crate::ready::postgres().await
}
