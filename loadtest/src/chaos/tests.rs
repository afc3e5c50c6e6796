use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(10);

/// A client and a server with the proxy between them, under one rule.
async fn between(rules: &str, work: impl AsyncFnOnce(TcpStream, TcpStream, &Tally)) {
    let body = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (server, free) = (listener.local_addr().unwrap(), "127.0.0.1:0".parse().unwrap());
        let proxy = Proxy::start(free, server, rules.parse().unwrap(), None, 1).await.unwrap();
        let near = TcpStream::connect(proxy.listen).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        work(near, far, proxy.tally()).await;
    };
    soon(LocalSet::new().run_until(body)).await;
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(SOON, work).await.expect("it takes too long")
}

async fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn bytes_pass_both_ways_and_so_does_an_end() {
    for rules in ["pass", "split", "drip=3/1", "delay=2~2", "limit=100000"] {
        between(rules, async |mut near, mut far, tally| {
            near.write_all(b"from the client").await.unwrap();
            assert_eq!(read(&mut far, 15).await, b"from the client", "{rules}");
            far.write_all(b"from the server").await.unwrap();
            assert_eq!(read(&mut near, 15).await, b"from the server", "{rules}");
            near.shutdown().await.unwrap();
            assert_eq!(far.read(&mut [0; 9]).await.unwrap(), 0, "{rules}");
            far.write_all(b"bye").await.unwrap();
            assert_eq!(read(&mut near, 3).await, b"bye", "half closed, not closed: {rules}");
            assert_eq!((tally.connections(), tally.all_ended()), (1, 0));
        })
        .await;
    }
}

#[tokio::test]
async fn a_cut_comes_at_its_byte() {
    between("cut@10:up", async |mut near, mut far, tally| {
        far.write_all(b"this way does not count").await.unwrap();
        assert_eq!(read(&mut near, 23).await, b"this way does not count");
        near.write_all(b"0123456789 and what is never seen").await.unwrap();
        let mut seen = Vec::new();
        far.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, b"0123456789");
        assert_eq!(tally.ended(Ending::Cut), 1);
    })
    .await;
}

#[tokio::test]
async fn a_reset_is_felt_as_one() {
    between("reset@4:down", async |mut near, mut far, tally| {
        far.write_all(b"1234").await.unwrap();
        let felt = async |stream: &mut TcpStream| {
            let mut seen = Vec::new();
            stream.read_to_end(&mut seen).await.unwrap_err().kind()
        };
        assert_eq!(felt(&mut far).await, ErrorKind::ConnectionReset);
        assert_eq!(felt(&mut near).await, ErrorKind::ConnectionReset);
        assert_eq!(tally.ended(Ending::Reset), 1);
    })
    .await;
}

#[tokio::test]
async fn a_half_close_leaves_the_other_way_open() {
    between("half-close@5:up", async |mut near, mut far, tally| {
        near.write_all(b"hello").await.unwrap();
        let mut seen = Vec::new();
        far.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, b"hello");
        far.write_all(b"still here").await.unwrap();
        assert_eq!(read(&mut near, 10).await, b"still here");
        assert_eq!(tally.ended(Ending::HalfClose), 1);
    })
    .await;
}

#[tokio::test]
async fn a_blackhole_swallows_and_tells_nobody() {
    between("blackhole@5:up", async |mut near, mut far, tally| {
        near.write_all(b"hello").await.unwrap();
        assert_eq!(read(&mut far, 5).await, b"hello");
        // More than any buffer holds: it is read, or this would wait for ever.
        for _ in 0..64 {
            near.write_all(&[0; 256 * 1024]).await.unwrap();
        }
        near.shutdown().await.unwrap();
        far.write_all(b"hello").await.unwrap();
        assert_eq!(read(&mut near, 5).await, b"hello", "the other way goes on");
        let silence = timeout(Duration::from_millis(50), far.read(&mut [0; 9])).await;
        assert!(silence.is_err(), "neither bytes nor an end: {silence:?}");
        assert_eq!(tally.ended(Ending::Blackhole), 1);
    })
    .await;
}

#[tokio::test]
async fn after_the_last_ending_everything_passes() {
    let body = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (server, free) = (listener.local_addr().unwrap(), "127.0.0.1:0".parse().unwrap());
        let rules = "cut@5:up".parse().unwrap();
        let proxy = Proxy::start(free, server, rules, Some(1), 1).await.unwrap();
        for is_cut in [true, false] {
            let mut near = TcpStream::connect(proxy.listen).await.unwrap();
            let (mut far, _) = listener.accept().await.unwrap();
            near.write_all(b"0123456789").await.unwrap();
            near.shutdown().await.unwrap();
            let mut seen = Vec::new();
            far.read_to_end(&mut seen).await.unwrap();
            assert_eq!(seen, if is_cut { &b"01234"[..] } else { b"0123456789" });
        }
        assert_eq!((proxy.tally().connections(), proxy.tally().all_ended()), (2, 1));
    };
    soon(LocalSet::new().run_until(body)).await;
}
