//! The tool against a real server, through its own proxy: connections that break, and such as never
//! bring more than a byte.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the settings miss helper functions"
)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use self::support::Run;

#[test]
fn everybody_resumes_exactly_whatever_breaks() {
    let run = Run::passes("cuts --cuts 30 --senders 8 --listeners 3 --streams 3");
    let endings = ["cut", "reset", "half_closed", "swallowed"];
    assert_eq!(endings.iter().map(|name| run.figure(name)).sum::<f64>(), 30.0);
    assert!(run.figure("resumes") > 0.0);
    assert!(run.figure("opened_afresh") > 0.0);
    assert!(run.figure("stream_connects") > 3.0);
    run.shows(&[("server", 1)], &["latency_over_time", "latency", "per_cpu_second"]);
}

#[test]
fn bytes_that_come_one_by_one_are_the_same_bytes() {
    let run = Run::passes(
        "cuts --cuts 0 --rules split --seconds 1 --senders 4 --rate 4 --listeners 1 --streams 1",
    );
    assert!(run.figure("acknowledged") > 0.0);
}

#[test]
fn bytes_that_drip_are_the_same_bytes() {
    let run = Run::passes(
        "cuts --cuts 0 --rules drip=7/1+delay=3~3 --seconds 1 --senders 4 --rate 4 --listeners 1 \
         --streams 1",
    );
    assert!(run.figure("acknowledged") > 0.0);
}

#[test]
fn a_proxy_alone_says_where_it_listens() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(["proxy", "--to", "127.0.0.1:9", "--rules", "split,cut@0..9", "--seed", "4"]);
    let mut proxy = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut line).unwrap();
    proxy.kill().unwrap();
    proxy.wait().unwrap();
    assert!(line.starts_with("http://127.0.0.1:"), "{line}");
    assert!(line.ends_with("→ http://127.0.0.1:9 · seed 4\n"), "{line}");
}
