//! A PostgreSQL that speaks TLS alone: how much of it is checked, the URL says.

use std::net::TcpListener;

use moim::store::{DatabaseTarget, OpenError, Store};

use crate::postgres::Cluster;

/// An authority, a certificate of it for `localhost`, another authority, and a server that nobody
/// reaches over the network unencrypted.
const PREPARE: &str = r#"
cd "$dir"
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$1.key" -out "$1.pem"
}
authority ours && authority theirs || exit 1
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
    -keyout server.key -out server.csr || exit 1
printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' >server.ext
openssl x509 -req -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -days 2 \
    -extfile server.ext -out server.pem || exit 1
chmod 600 server.key
printf 'local all all trust\nhostssl all all all trust\n' >data/pg_hba.conf
"#;

async fn open(url: &str) -> Result<(), OpenError> {
    let store = Store::open(&DatabaseTarget::Postgres(url.to_owned())).await?;
    store.ping().await.expect("reads go the same way");
    store.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn how_much_is_checked_the_url_says() {
    let Some(plain) = Cluster::of_this_process() else { return };
    if std::process::Command::new("openssl").arg("version").output().is_err() {
        println!("SKIP no openssl to make certificates with");
        return;
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let options = ["listen_addresses=127.0.0.1", "ssl=on"];
    let files = ["ssl_cert_file=../server.pem", "ssl_key_file=../server.key"];
    let options: Vec<_> = options.iter().chain(&files).flat_map(|option| ["-c", *option]).collect();
    let cluster = Cluster::start(PREPARE, Some(port), &options).unwrap();
    let folder = cluster.folder().display();
    let url = |host: &str, asked: &str| {
        let asked = asked.replace("OURS", &format!("{folder}/ours.pem"));
        let asked = asked.replace("THEIRS", &format!("{folder}/theirs.pem"));
        format!("postgres://postgres@{host}:{port}/postgres?{asked}")
    };
    for (host, asked) in [
        ("localhost", ""),
        ("localhost", "sslmode=prefer"),
        ("localhost", "sslmode=require"),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert=OURS"),
        ("localhost", "sslmode=verify-full&sslrootcert=OURS"),
    ] {
        open(&url(host, asked)).await.unwrap_or_else(|why| panic!("{host} {asked}: {why}"));
    }
    for (host, asked) in [
        ("localhost", "sslmode=disable"),
        ("localhost", "sslmode=verify-full"),
        ("localhost", "sslmode=verify-ca&sslrootcert=THEIRS"),
        ("localhost", "sslmode=verify-full&sslrootcert=THEIRS"),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=OURS"),
    ] {
        match open(&url(host, asked)).await {
            Err(OpenError::Refused { why, .. }) => assert!(!why.is_empty()),
            other => panic!("{host} {asked}: {other:?}"),
        }
    }
    // A server without it is not asked in the clear instead.
    let plain = plain.fresh_database().await;
    open(&plain).await.unwrap();
    let refused = open(&format!("{plain}&sslmode=require")).await.unwrap_err();
    assert!(matches!(refused, OpenError::Refused { .. }), "{refused:?}");
}
