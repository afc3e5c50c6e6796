//! Searching a million messages, beside the same questions asked of the database directly; and
//! opening a room that holds them, beside one with a thousand.

mod bare;
mod fill;
mod words;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

use self::bare::Bare;
use self::fill::{Expected, Place};
use self::words::{Query, Words};
use crate::chart::Chart;
use crate::client::{Client, SignIn};
use crate::database::Database;
use crate::http::Http;
use crate::metrics::Metrics;
use crate::progress::{Progress, note};
use crate::report::{Report, microseconds};
use crate::scenario::Stage;
use crate::server::Target;
use crate::setup::{self, User, text_at};
use crate::timeline::Timeline;

pub(crate) const GOALS: &[&str] = &["search_ratio", "open_ratio"];
const RATIO_GOAL: f64 = 1.5;
const OPEN_GOAL: f64 = 1.1;
/// Messages of a page; the statement asks for one more, as who pages must.
const PAGE: usize = 50;
const ASKED: i64 = 51;
/// The server takes a hundred calls a second of one user.
const READERS: usize = 20;
const STATEMENTS: &str = "moim_sql_statements_total";
/// How long the server may take to put the messages into its index, in seconds for a million.
const INDEX_LIMIT: f64 = 1_200.0;

#[derive(Args)]
pub(crate) struct Options {
    /// Messages in the large room
    #[arg(long, default_value_t = 1_000_000)]
    messages: usize,
    /// Different searches of each kind
    #[arg(long, default_value_t = 25)]
    queries: usize,
    /// Times that each is asked
    #[arg(long, default_value_t = 4)]
    rounds: usize,
    /// Times that each of the two rooms is opened
    #[arg(long, default_value_t = 300)]
    opens: usize,
}

/// Who looks, and where.
struct Readers {
    users: Vec<User>,
    /// The number of the first one's id.
    first: i64,
    large: String,
    small: String,
    place: i64,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let Options { messages, queries, rounds, opens } = *options;
    ensure!(messages >= 1_000, "--messages starts at 1,000");
    ensure!(queries > 0 && rounds > 0 && opens > 0, "nothing to ask");
    for (name, value) in
        [("messages", messages), ("queries", queries), ("rounds", rounds), ("opens", opens)]
    {
        report.option(name, value);
    }
    let mut target = stage.target(report).await?;
    let readers = readers(&target, stage).await?;
    let words = Words::make(stage.seed);
    let asked = words.queries(queries, &mut SmallRng::seed_from_u64(stage.seed));
    let expected = fill(&mut target, (&readers, messages), &words, (stage, &asked)).await?;
    stage.sampler.begin();
    index(&target, messages, report).await?;

    let bare = Bare::open(target.database.as_ref().context("no database")?).await?;
    let mut times = ask(&target, &readers, &bare, (&asked, &expected, rounds), report).await?;
    let ratio = times.ratio();
    times.tell(report)?;
    report.goal("search_ratio", ratio, RATIO_GOAL, "");
    open(&target, &readers, opens, report).await?;
    drop(bare);
    target.finish(report).await;
    Ok(())
}

/// People, a club of theirs with a large and a small room, and a club of somebody else.
async fn readers(target: &Target, stage: &Stage<'_>) -> Result<Readers> {
    let users = setup::register(&target.endpoint, &stage.name(), READERS).await?;
    let owner = users.first().context("no users")?;
    let club = setup::make_club(&target.endpoint, owner, &stage.name(), 2).await?;
    let id = club.id.clone();
    setup::join(&target.endpoint, users.get(1..).unwrap_or_default(), move |_| id.clone()).await?;
    let [large, small] = club.rooms.as_slice() else { bail!("two rooms were asked for") };
    let mut http = Http::new(target.endpoint.clone());
    let me = http.get("/v1/me", Some(&owner.token)).await?;
    let first = number(&text_at(&me, "/user/id")?)?;
    let place = number(large)?;
    Ok(Readers { users, first, large: large.clone(), small: small.clone(), place })
}

fn number(id: &str) -> Result<i64> {
    let digits = id.split_once('_').context("an id without a prefix")?.1;
    digits.parse().context("an id without a number")
}

async fn fill(
    target: &mut Target,
    (readers, messages): (&Readers, usize),
    words: &Words,
    (stage, asked): (&Stage<'_>, &[Query]),
) -> Result<Expected> {
    let database =
        target.database.clone().context("search fills a database of a server of its own")?;
    let server = target.server.as_mut().context("search needs a server of its own: no --url")?;
    server.stop().await?;
    let place = |room, messages, pace| Place { room, author: readers.first, messages, pace };
    // The large room first: what is said there is what is looked for.
    let places =
        [place(readers.place, messages, 2_000), place(number(&readers.small)?, 1_000, 60_000)];
    let seed = stage.seed;
    let expected = match &database {
        Database::Sqlite(file) => fill::sqlite(file, (words, seed), &places, (asked, PAGE))?,
        Database::Postgres { url, .. } => {
            fill::postgres(url, (words, seed), &places, (asked, PAGE)).await?
        }
    };
    server.start(stage.pins.as_ref()).await?;
    target.process = server.process();
    Ok(expected)
}

/// Waits until the server has everything in its index.
async fn index(target: &Target, messages: usize, report: &mut Report) -> Result<()> {
    let mut http = Http::new(target.endpoint.clone());
    let (begin, wanted) = (Instant::now(), messages + 1_000);
    let progress = Progress::new("indexed", wanted);
    let mut seen = 0;
    loop {
        let indexed = Metrics::read(&mut http).await?.get("moim_search_indexed_total") as usize;
        progress.step(indexed - seen);
        seen = indexed;
        if indexed >= wanted {
            break;
        }
        let limit = INDEX_LIMIT * (messages as f64 / 1e6).max(0.1);
        ensure!(
            begin.elapsed().as_secs_f64() < limit,
            "{indexed} of {wanted} indexed in {limit} s"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    progress.done();
    let rate = wanted as f64 / begin.elapsed().as_secs_f64();
    report.figure(
        "indexed_per_second",
        rate,
        "1/s",
        "messages put into the index, nothing else done",
    );
    Ok(())
}

/// What the same questions cost on the two ways.
struct Times {
    call: Histogram<u64>,
    bare: Histogram<u64>,
    over_time: Timeline,
    kinds: Vec<(&'static str, Histogram<u64>, Histogram<u64>)>,
    wrong: Vec<String>,
    /// SQL statements of the server for each search.
    statements: f64,
}

impl Times {
    fn ratio(&self) -> f64 {
        let p95 = |times: &Histogram<u64>| times.value_at_quantile(0.95) as f64;
        p95(&self.call) / p95(&self.bare).max(1.0)
    }

    fn tell(&mut self, report: &mut Report) -> Result<()> {
        let millis = |times: &Histogram<u64>, at| times.value_at_quantile(at) as f64 / 1e3;
        for (name, times, about) in [
            ("search", &self.call, "GET /v1/search, a page of 50"),
            ("bare", &self.bare, "one statement with the rights, 51 rows, a connection of its own"),
        ] {
            report.figure(format!("{name}_p50"), millis(times, 0.5), "ms", about);
            report.figure(format!("{name}_p95"), millis(times, 0.95), "ms", about);
            report.figure(format!("{name}_max"), times.max() as f64 / 1e3, "ms", about);
        }
        let about =
            "SQL statements of the server for each search, with those of its chores meanwhile";
        report.figure("statements_per_search", self.statements, "", about);
        let row = |(kind, call, bare): &(&'static str, Histogram<u64>, Histogram<u64>)| {
            json!({
                "kind": kind,
                "call_p50_ms": millis(call, 0.5), "call_p95_ms": millis(call, 0.95),
                "bare_p50_ms": millis(bare, 0.5), "bare_p95_ms": millis(bare, 0.95),
            })
        };
        for kind in &self.kinds {
            note(&row(kind).to_string());
        }
        report.series("kinds", self.kinds.iter().map(row).collect::<Vec<_>>());
        report.chart(Chart::percentiles(
            "search",
            "One search",
            [("call".to_owned(), &self.call), ("bare".to_owned(), &self.bare)],
        ));
        report.chart(self.over_time.chart("search_over_time", "Calls of a search over time"));
        report.series("search_over_time", self.over_time.series());
        report.none_of("wrong_answers", std::mem::take(&mut self.wrong));
        Ok(())
    }
}

async fn ask(
    target: &Target,
    readers: &Readers,
    bare: &Bare,
    (asked, expected, rounds): (&[Query], &Expected, usize),
    report: &mut Report,
) -> Result<Times> {
    let mut times = Times {
        call: microseconds()?,
        bare: microseconds()?,
        over_time: Timeline::new(target.sampler.zero(), Duration::from_millis(500))?,
        kinds: Vec::new(),
        wrong: Vec::new(),
        statements: 0.0,
    };
    let mut http = Http::new(target.endpoint.clone());
    let tokens = readers.users.iter().map(|user| user.token.as_str()).collect::<Vec<_>>();
    let mut turn = tokens.iter().cycle();
    let searches = asked.len() * (rounds + 1);
    let progress = Progress::new("searches", searches);
    let before = Metrics::read(&mut http).await?.get(STATEMENTS);
    // The round before the first warms up what both sides read.
    for round in 0..=rounds {
        for (query, wanted) in asked.iter().zip(expected) {
            let mut path = format!("/v1/search?q={}", query.escaped());
            if query.in_room {
                path.push_str("&room=");
                path.push_str(&readers.large);
            }
            let token = turn.next().copied().context("no users")?;
            let asked_at = Instant::now();
            let (page, took) = http.timed(&path, token).await?;
            let (bare_took, _rows) = bare.ask(query, (readers.first, readers.place), ASKED).await?;
            progress.step(1);
            let (seqs, others) = seqs(&page, &readers.large);
            let is_right = seqs.iter().eq(wanted.iter().take(seqs.len()));
            let is_whole = seqs.len() + others >= wanted.len();
            if !(is_right && is_whole) && times.wrong.len() < 5 {
                let (seen, wanted) = (seqs.len(), wanted.len());
                times.wrong.push(format!("{:?}: {seen} of {wanted}", query.words));
            }
            if round > 0 {
                let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                times.over_time.record(asked_at, took)?;
                times.call.record(micros(took))?;
                times.bare.record(micros(bare_took))?;
                let at = times.kinds.iter().position(|(kind, ..)| *kind == query.kind);
                let at = at.unwrap_or(times.kinds.len());
                if at == times.kinds.len() {
                    times.kinds.push((query.kind, microseconds()?, microseconds()?));
                }
                if let Some((_, call, bare)) = times.kinds.get_mut(at) {
                    call.record(micros(took))?;
                    bare.record(micros(bare_took))?;
                }
            }
        }
    }
    progress.done();
    let after = Metrics::read(&mut http).await?.get(STATEMENTS);
    times.statements = (after - before) / searches as f64;
    report.option("searches", asked.len() * rounds);
    Ok(times)
}

/// What was found in a room, and how much elsewhere: the small room has the same words.
fn seqs(page: &Value, room: &str) -> (Vec<i64>, usize) {
    let items = page.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let messages = items.iter().filter_map(|item| item.get("message"));
    let here = messages.filter(|message| message.get("room").and_then(Value::as_str) == Some(room));
    let seqs: Vec<_> = here.filter_map(|message| message.get("seq")?.as_i64()).collect();
    let others = items.len() - seqs.len();
    (seqs, others)
}

/// Opens the large and the small room in turns.
async fn open(target: &Target, readers: &Readers, opens: usize, report: &mut Report) -> Result<()> {
    let token = &readers.users.last().context("no users")?.token;
    let (mut client, welcome) =
        Client::connect(&target.endpoint, token, SignIn::FirstFrame).await?;
    report.server = welcome.server;
    let (mut large, mut small) = (microseconds()?, microseconds()?);
    let rooms = [(&readers.large, &mut large, "large"), (&readers.small, &mut small, "small")];
    let mut rooms = rooms.map(|(room, times, name)| (room, times, name, true));
    let mut id = 10;
    for _ in 0..opens {
        for (room, times, name, is_first) in &mut rooms {
            id += 1;
            let begin = Instant::now();
            let opened = client.open(id, room).await?;
            let took = begin.elapsed();
            ensure!(opened.get("snapshot").is_some(), "{opened}");
            if std::mem::take(is_first) {
                let about = "of a room that slept, first of all";
                report.figure(format!("open_{name}_asleep"), took.as_secs_f64() * 1e3, "ms", about);
            } else {
                times.record(u64::try_from(took.as_micros())?)?;
            }
            // One op more a round than the server takes of a user would be refused.
            tokio::time::sleep(Duration::from_millis(12)).await;
        }
    }
    let millis = |times: &Histogram<u64>, at| times.value_at_quantile(at) as f64 / 1e3;
    for (name, times) in [("large", &large), ("small", &small)] {
        let about = "from op to reply, with the last 50 messages";
        report.figure(format!("open_{name}_p50"), millis(times, 0.5), "ms", about);
        report.figure(format!("open_{name}_p95"), millis(times, 0.95), "ms", about);
    }
    let ratio = millis(&large, 0.5) / millis(&small, 0.5).max(1e-3);
    report.goal("open_ratio", ratio, OPEN_GOAL, "");
    report.chart(Chart::percentiles(
        "open",
        "Opening a room",
        [("large".to_owned(), &large), ("small".to_owned(), &small)],
    ));
    Ok(())
}
