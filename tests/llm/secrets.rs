//! A key, a password in an address and what people wrote are in no log and in no error.

use std::io::Write;
use std::sync::{Arc, Mutex};

use moim::llm::{Endpoint, HttpModel, InvalidEndpoint, Key};
use moim::mock::Mock;

use super::support::{BOTH, ask, chain, endpoint, mock, question, timing, with_key};

const KEY: &str = "sk-hunter2";
const PASSWORD: &str = "letmein3";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn secret(speaks: moim::llm::Speaks, mock: &Mock, name: &str) -> Endpoint {
    let base_url = Some(format!("http://moim:{PASSWORD}@{}/v1", mock.address()));
    with_key(Endpoint { base_url, ..endpoint(speaks, mock, name) }, KEY)
}

#[tokio::test]
async fn nothing_secret_is_logged_or_told() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // Only from here: whether another thread's events are wanted is remembered for all.
    tracing::info!("the log is read");
    let mock = mock().await;
    let mut told = String::new();
    for speaks in BOTH {
        for name in [
            "fast",
            "hang",
            "500",
            "429:9",
            "401",
            "404",
            "400",
            "half",
            "garbage",
            "301",
            "line:512KB",
        ] {
            let endpoint = secret(speaks, &mock, name);
            told += &format!("{endpoint:?} {:?}", Key::new(KEY));
            let chain = chain(vec![endpoint]);
            told += &format!("{:?} {chain:?} {:?}", ask(&chain, &question()).await.end, question());
            if let Err(why) = chain.ask(&question()).await {
                told += &format!("{why} {why:?} {}", why.error());
            }
        }
    }
    assert!(mock.calls().iter().all(|call| call.key.as_deref() == Some(KEY)));
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the log is read"), "the capture works");
    for secret in [KEY, PASSWORD, "What is up", "You are a test", "the mock says no"] {
        assert!(!told.contains(secret), "{secret} is told: {told}");
        assert!(!logged.contains(secret), "{secret} is logged: {logged}");
    }
}

#[tokio::test]
async fn what_cannot_be_set_up_is_said_without_the_value() {
    let mock = mock().await;
    let with = |base_url: &str, key: &str, model: &str| {
        let base_url = Some(base_url.to_owned());
        let endpoint = with_key(Endpoint { base_url, ..endpoint(BOTH[0], &mock, model) }, key);
        HttpModel::new(endpoint, timing().connect).err()
    };
    assert_eq!(with("http://a.b/v1", KEY, "m"), None);
    assert_eq!(with("file:///etc/passwd", KEY, "m"), Some(InvalidEndpoint::Url));
    assert_eq!(with("a.b", KEY, "m"), Some(InvalidEndpoint::Url));
    assert_eq!(with("http://a.b", "sk\nx: y", "m"), Some(InvalidEndpoint::Key));
    assert_eq!(with("http://a.b", KEY, " "), Some(InvalidEndpoint::NoModel));
}
