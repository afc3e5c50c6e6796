//! What a message costs, counted: writes, allocations, encodings, statements, hops. None of it
//! depends on how fast or how busy the machine is.
//!
//! A room of a thousand sessions, each on a socket of its own; the clients are one thread that
//! reads into one buffer, so that whatever is allocated, the server did it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod crowd;
mod pulls;
mod server;

use std::alloc::System;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use self::crowd::Crowd;
use self::server::Server;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations are counted for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

const SESSIONS: usize = 1_000;
/// Those of a small room, to know what a message costs without its deliveries.
const FEW: usize = 40;
/// Messages that come together: fewer than would be refused as too much.
const WAVE: usize = 250;
const WAVES: usize = 8;

/// What some messages cost.
struct Cost {
    deliveries: f64,
    messages: f64,
    allocations: f64,
    writes: f64,
    encodings: f64,
    statements: f64,
    hops: f64,
}

/// Counts while `work` sends `messages`.
fn cost(server: &Server, messages: usize, work: impl FnOnce()) -> Cost {
    let counted = || {
        let text = server.metrics();
        let of = |name| metric(&text, name);
        [
            of("moim_deliveries_total"),
            of("moim_socket_writes_total"),
            of("moim_events_encoded_total"),
            of("moim_sql_statements_total"),
            // What a session is woken for is a hop as well.
            of("moim_session_wakes_total") + handled(&server.actors()["root"]),
        ]
    };
    let before = counted();
    let allocated = ALLOCATOR.stats();
    work();
    let during = ALLOCATOR.stats() - allocated;
    let after = counted();
    let [deliveries, writes, encodings, statements, hops] =
        std::array::from_fn(|at| after[at] - before[at]);
    let allocations = (during.allocations + during.reallocations) as f64;
    let messages = messages as f64;
    Cost { deliveries, messages, allocations, writes, encodings, statements, hops }
}

/// Messages that an actor and those below it have handled: each is one hop.
fn handled(actor: &Value) -> f64 {
    let below = actor["children"].as_array().into_iter().flatten().map(handled);
    actor["handled"].as_f64().unwrap_or(0.0) + below.sum::<f64>()
}

fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

#[test]
fn a_message_alone_costs_one_write_a_member_and_next_to_nothing_else() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start();
    let mut crowd = Crowd::gather(&server, SESSIONS);
    let (warm_up, frames) = (crowd.messages(20), crowd.messages(100));
    crowd.one_at_a_time(&warm_up);
    let cost = cost(&server, 100, || crowd.one_at_a_time(&frames));
    assert_eq!(cost.deliveries, 100.0 * SESSIONS as f64);
    assert_eq!(cost.encodings / cost.messages, 1.0);
    let per_delivery = |count: f64| count / cost.deliveries;
    assert!(per_delivery(cost.writes) <= 1.05, "{} writes", per_delivery(cost.writes));
    let allocations = per_delivery(cost.allocations);
    assert!(allocations <= 0.14, "{allocations} allocations per delivery");
    // Nearly all of it is the SQL driver's, for a commit of its own for one message: the same for few
    // members. What is allocated for a delivery is what more members take more.
    drop((crowd, server));
    let server = Server::start();
    let mut crowd = Crowd::gather(&server, FEW);
    let (warm_up, frames) = (crowd.messages(20), crowd.messages(100));
    crowd.one_at_a_time(&warm_up);
    let few = self::cost(&server, 100, || crowd.one_at_a_time(&frames));
    let further = cost.deliveries - few.deliveries;
    let allocations = (cost.allocations - few.allocations) / further;
    assert!(allocations <= 0.05, "{allocations} allocations per further delivery");
    assert!(per_delivery(cost.hops) <= 0.02, "{} hops", per_delivery(cost.hops));
    // Begin, the head, the event, the message, the author's mark, commit. Four times a second the index
    // of the search takes what is new, which falls on few of the messages: on more, the slower they come.
    let mut statements: Vec<f64> =
        (0..41).map(|_| statements_of_one(&server, &mut crowd)).collect();
    statements.sort_by(f64::total_cmp);
    assert_eq!(statements[20], 6.0, "{statements:?}");
}

fn statements_of_one(server: &Server, crowd: &mut Crowd) -> f64 {
    let message = crowd.messages(1);
    let before = metric(&server.metrics(), "moim_sql_statements_total");
    crowd.one_at_a_time(&message);
    metric(&server.metrics(), "moim_sql_statements_total") - before
}

#[test]
fn under_pressure_messages_share_writes_and_statements() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start();
    let mut crowd = Crowd::gather(&server, SESSIONS);
    let warm_up = crowd.messages(WAVE);
    crowd.all_at_once(&warm_up);
    let waves: Vec<_> = (0..WAVES).map(|_| crowd.messages(WAVE)).collect();
    let cost = cost(&server, WAVES * WAVE, || {
        waves.iter().for_each(|messages| crowd.all_at_once(messages));
    });
    assert_eq!(cost.deliveries, (WAVES * WAVE * SESSIONS) as f64);
    assert_eq!(cost.encodings / cost.messages, 1.0);
    let writes = cost.writes / cost.deliveries;
    assert!(writes <= 0.15, "{writes} writes per delivery");
    let allocations = cost.allocations / cost.deliveries;
    assert!(allocations <= 0.05, "{allocations} allocations per delivery");
    let statements = cost.statements / cost.messages;
    assert!(statements <= 0.5, "{statements} statements per message");
    let hops = cost.hops / cost.deliveries;
    assert!(hops <= 0.02, "{hops} hops per delivery");
}

#[test]
fn clients_that_come_back_at_once_cost_few_writes_and_statements_and_share_hops() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start();
    let mut crowd = Crowd::gather(&server, 400);
    crowd.come_back(&server);
    let cost = cost(&server, 400, || crowd.come_back(&server));
    let per_client = |count: f64| count / 400.0;
    // The handshake with all that follows a sign-in; the answers of two rooms; who is online. On a
    // busy machine some answers come too late to leave with the others.
    let (writes, hops) = (per_client(cost.writes), per_client(cost.hops));
    assert!(writes <= 4.0, "{writes} writes");
    assert!(hops <= 4.0, "{hops} hops");
    let (statements, allocations) = (per_client(cost.statements), per_client(cost.allocations));
    assert!(statements <= 0.1, "{statements} statements");
    assert!(allocations <= 170.0, "{allocations} allocations");
}

#[test]
fn a_snapshot_is_in_memory_once_however_many_open_the_room() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start();
    let mut crowd = Crowd::gather(&server, 200);
    let messages = crowd.messages(50);
    crowd.one_at_a_time(&messages);
    crowd.open_again();
    let before = ALLOCATOR.stats();
    let answered = crowd.open_again();
    let during = ALLOCATOR.stats() - before;
    assert!(answered > 200 * 10_000, "{answered} bytes of answers");
    let allocated = during.bytes_allocated + during.bytes_reallocated.unsigned_abs();
    assert!(allocated < answered / 2, "{allocated} bytes for {answered} bytes of answers");
}
