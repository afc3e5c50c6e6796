//! What is read of a log for those who are behind.

use std::sync::PoisonError;
use std::time::Instant;

use super::crowd::Crowd;
use super::server::{SOON, Server};
use super::{ALONE, metric};

/// Messages of twelve kilobytes: as many as one user may send at once.
const MESSAGES: usize = 190;
const LETTERS: usize = 3_700;

/// Bytes that this process has read from files, in memory or not. Sockets are not among them.
fn read() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
    line.parse().unwrap()
}

/// The chores have nothing left to read.
fn rest(server: &Server) {
    let until = Instant::now() + SOON;
    while metric(&server.metrics(), "moim_search_behind") > 0.0 {
        assert!(Instant::now() < until, "the index does not come to its end");
        std::thread::yield_now();
    }
}

struct Pass {
    read: u64,
    sent: u64,
    pulls: usize,
}

/// Pulls everything from the beginning on.
fn pass(crowd: &mut Crowd) -> Pass {
    let (before, mut after, mut sent, mut pulls) = (read(), 0, 0, 0);
    while after < MESSAGES {
        let (events, bytes) = crowd.pull(after);
        after += events;
        sent += bytes as u64;
        pulls += 1;
    }
    Pass { read: read() - before, sent, pulls }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "what a process reads is counted by Linux")]
fn a_pull_reads_little_more_of_the_log_than_it_sends() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start();
    let mut crowd = Crowd::gather(&server, 20);
    let messages = crowd.messages_with(MESSAGES, &"\u{ac00}".repeat(LETTERS));
    crowd.one_at_a_time(&messages);
    rest(&server);
    // A chore that begins late reads, too: once.
    let passes = [(); 3].map(|()| pass(&mut crowd));
    let Pass { read, sent, pulls } = passes.into_iter().min_by_key(|pass| pass.read).unwrap();
    assert!(pulls > 10 && sent > 2_000_000, "{sent} bytes in {pulls} pulls");
    // A body lies on whole pages; to find the first one, some others are compared with what is looked
    // for; and a few may be read that do not fit any more.
    assert!(read < 4 * sent, "{read} bytes read for {sent} in {pulls} pulls");
    assert!(read >= sent, "{read} bytes read for {sent}: this counts something else");
}
