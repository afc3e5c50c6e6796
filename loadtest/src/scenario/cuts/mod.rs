//! Connections that break at any byte and any moment, under senders. Every client comes back and
//! goes on where it was; each must have seen exactly the log, and what was acknowledged must be in it.

mod stream;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use tokio::time::sleep;

use self::stream::{Audience, Place};
use super::crash::company::{Company, Habits};
use super::crash::pictures;
use super::crash::player::Memory;
use super::crash::verdict::{self, Talk};
use crate::chaos::{Ending, Proxy, Rules};
use crate::check::{Faults, Kind, compare};
use crate::client::{Client, SignIn};
use crate::http::Http;
use crate::progress::Progress;
use crate::report::Report;
use crate::scenario::{Stage, need_files};
use crate::setup;

pub(crate) const GOALS: &[&str] = &[];
/// All that networks do, at any byte of a session and at any moment of its first seconds.
const RULES: &str = "3*cut@0..20000,2*cut@0..1500ms,3*reset@0..20000,2*reset@0..1500ms,\
    2*half-close@0..20000,half-close@0..1500ms,2*blackhole@0..20000,blackhole@0..1500ms,\
    split+cut@0..6000,split+reset@0..6000:down,drip=40/1+half-close@0..6000,\
    delay=5~5+cut@0..20000:up,limit=20000+reset@0..10000,cut@0..600,blackhole";
/// Short, so that a connection that has fallen silent is given up soon, on both sides.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Sends of one client that may be unanswered at the same time.
const IN_FLIGHT: usize = 4;
const FINISH_LIMIT: Duration = Duration::from_secs(60);
/// Without a cut for so long something hangs.
const STANDSTILL: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(crate) struct Options {
    /// How many connections are broken
    #[arg(long, default_value_t = 300)]
    cuts: usize,
    /// What is done to connections, in the words of `proxy` [default: everything there is]
    #[arg(long, value_name = "RULE,…")]
    rules: Option<String>,
    /// Clients that send
    #[arg(long, default_value_t = 20)]
    senders: usize,
    /// Clients that only listen
    #[arg(long, default_value_t = 5)]
    listeners: usize,
    /// Clients that listen to the room's event stream
    #[arg(long, default_value_t = 5)]
    streams: usize,
    /// Messages a second of each sender; the server takes 20 of a user
    #[arg(long, default_value_t = 5.0)]
    rate: f64,
    /// Share of the sends that are made twice at once, as after a lost reply
    #[arg(long, default_value_t = 0.05)]
    repeat: f64,
    /// Share of the connects at which a client has forgotten where it was and opens afresh
    #[arg(long, default_value_t = 0.1)]
    forget: f64,
    /// Send so long at least, whatever was broken, in seconds
    #[arg(long, default_value_t = 0.0)]
    seconds: f64,
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let Options { cuts, senders, listeners, streams, rate, repeat, forget, .. } = *options;
    ensure!(senders > 0, "--senders starts at 1");
    ensure!(rate > 0.0, "--rate must be above zero");
    let is_share = |value| (0.0..=1.0).contains(&value);
    ensure!(is_share(repeat) && is_share(forget), "--repeat and --forget are shares: 0 to 1");
    let clients = senders + listeners + streams;
    // Each connection passes through the proxy: three ends of it are here.
    need_files(clients * 6)?;
    let words = options.rules.as_deref().unwrap_or(RULES);
    let rules: Rules = words.parse().map_err(anyhow::Error::msg)?;
    note(options, words, report);
    let heartbeat = ("MOIM_HEARTBEAT_MS", HEARTBEAT.as_millis().to_string());
    let target = stage.target_with(report, &[heartbeat]).await?;

    let name = stage.name();
    let mut users = setup::register(&target.endpoint, &name, clients).await?;
    let owner = users.first().context("no users")?.clone();
    let club = setup::make_club(&target.endpoint, &owner, &name, 1).await?;
    let id = club.id.clone();
    setup::join(&target.endpoint, &users, move |_| id.clone()).await?;
    let room = club.rooms.first().context("no room")?.clone();
    let (mut first, welcome) =
        Client::connect(&target.endpoint, &owner.token, SignIn::Header).await?;
    report.server = welcome.server;
    let opened = first.open(2, &room).await?;
    let start = opened.get("head").and_then(Value::as_u64).context("open told no head")?;
    drop(first);

    let free = "127.0.0.1:0".parse()?;
    let proxy = Proxy::start(free, target.endpoint.addr, rules, Some(cuts), stage.seed).await?;
    let through = target.endpoint.at(proxy.listen);
    let patience = HEARTBEAT * 3;
    let epoch = setup::text_at(&opened, "/epoch")?;
    let place = Place { room: room.clone(), epoch, seq: start, patience };
    let readers = users.split_off(senders + listeners).into_iter().map(|user| user.token);
    let mut audience = Audience::start(&through, readers.collect(), &place);
    let habits = Habits { senders, rate, repeat, in_flight: IN_FLIGHT, patience, forget };
    let begin = stage.sampler.begin();
    let company = Company::start(&through, users, &room, habits, stage.seed);
    let mut talk = Talk { company, room, start, log: Vec::new() };
    let stood_still = break_them(options, &proxy, &talk.company).await;

    let all_acked = talk.company.finish(FINISH_LIMIT).await;
    talk.read(&mut Http::new(target.endpoint.clone()), &owner.token).await?;
    let head = talk.head();
    let all_there = talk.company.reach(head, FINISH_LIMIT).await;
    let all_heard = audience.reach(head, FINISH_LIMIT).await;
    figures(report, &proxy, &talk, &audience);
    pictures::draw(report, &stage.sampler, talk.company.players().iter(), begin)?;
    let is_finished = all_acked && all_there && all_heard;
    verdict::judge(report, std::slice::from_ref(&talk), is_finished);
    judge(report, &talk, &audience);
    report.check("stood_still", u64::from(stood_still), Vec::new());
    target.finish(report).await;
    Ok(())
}

fn note(options: &Options, words: &str, report: &mut Report) {
    let Options { cuts, senders, listeners, streams, rate, repeat, forget, .. } = *options;
    for (name, value) in
        [("cuts", cuts), ("senders", senders), ("listeners", listeners), ("streams", streams)]
    {
        report.option(name, value);
    }
    for (name, value) in [("rate", rate), ("repeat", repeat), ("forget", forget)] {
        report.option(name, value);
    }
    report.option("rules", words);
}

/// Until so many connections were broken, and the time is over; true when nothing broke any more.
async fn break_them(options: &Options, proxy: &Proxy, company: &Company) -> bool {
    let progress = Progress::new("cuts", options.cuts);
    let began = Instant::now();
    let (mut broken, mut moved_at) = (0, Instant::now());
    let is_over =
        |broken| broken >= options.cuts as u64 && began.elapsed().as_secs_f64() >= options.seconds;
    while !is_over(broken) {
        sleep(Duration::from_millis(20)).await;
        let now = proxy.tally().all_ended();
        if now > broken {
            progress.step(usize::try_from(now - broken).unwrap_or(0));
            progress.say(format!("{} acknowledged", company.acked()));
            (broken, moved_at) = (now, Instant::now());
        } else if now < options.cuts as u64 && moved_at.elapsed() > STANDSTILL {
            return true;
        }
    }
    progress.done();
    false
}

fn figures(report: &mut Report, proxy: &Proxy, talk: &Talk, audience: &Audience) {
    let Talk { company, log, .. } = talk;
    let tally = proxy.tally();
    let names = [("cut", Ending::Cut), ("reset", Ending::Reset)];
    let silent = [("half_closed", Ending::HalfClose), ("swallowed", Ending::Blackhole)];
    for (name, ending) in names.into_iter().chain(silent) {
        report.figure(name, tally.ended(ending) as f64, "", "connections that ended so");
    }
    report.figure("connections", tally.connections() as f64, "", "taken by the proxy");
    let memories = || company.players().iter().map(|player| player.memory.borrow());
    let sum = |of: fn(&Memory) -> u64| memories().map(|m| of(&m)).sum::<u64>() as f64;
    report.figure("in_the_log", log.len() as f64, "", "messages in the room's history");
    report.figure("acknowledged", company.acked() as f64, "", "sends");
    report.figure("answered_as_dup", sum(|m| m.dups), "", "durable, and the reply was lost");
    report.figure("resumes", sum(|m| m.resumes), "", "open with since that was resumed");
    report.figure("replayed", sum(|m| m.replayed), "", "events sent again on resume");
    report.figure("opened_afresh", sum(|m| m.shown.len() as u64), "", "snapshots that were shown");
    let streams = audience.streams.iter().map(|stream| stream.connects.get()).sum::<u64>();
    report.figure("stream_connects", streams as f64, "", "event streams that were opened");
}

/// What only this scenario has: event streams, snapshots, and what was seen before forgetting.
fn judge(report: &mut Report, talk: &Talk, audience: &Audience) {
    let Talk { company, log, start, .. } = talk;
    let start = *start;
    let part = |after: u64, upto: u64| {
        let part = log.iter().filter(|message| (after + 1..=upto).contains(&message.seq));
        part.cloned().collect::<Vec<_>>()
    };
    let (mut by_streams, mut by_seq, mut broken) =
        (Faults::default(), Faults::default(), Vec::new());
    for stream in &audience.streams {
        by_streams.add(compare(&stream.name, &part(start, u64::MAX), &stream.seen.borrow()));
        by_seq.add(stream.watch.borrow().verdict(log.last().map_or(start, |last| last.seq)));
        broken.extend(stream.broken.borrow().iter().map(|what| format!("{}: {what}", stream.name)));
    }
    let kinds = [
        ("stream_lost", Kind::Lost),
        ("stream_doubled", Kind::Doubled),
        ("stream_reordered", Kind::Reordered),
        ("stream_differs", Kind::Differing),
    ];
    report.faults(&kinds, by_streams);
    let odd = by_seq.lost + by_seq.doubled + by_seq.reordered;
    report.check("stream_seqs_broken", odd, by_seq.examples);
    report.none_of("stream_contract_broken", broken);

    let (mut shown, mut past) = (Faults::default(), Faults::default());
    for player in company.players() {
        let memory = player.memory.borrow();
        for snapshot in &memory.shown {
            let upto = part(0, snapshot.upto);
            let newest = upto.get(upto.len().saturating_sub(SNAPSHOT)..).unwrap_or_default();
            shown.add(compare(&memory.name, newest, &snapshot.items));
        }
        for before in &memory.past {
            past.add(compare(&memory.name, &part(before.start, before.end), &before.seen));
        }
    }
    let all = |faults: &Faults| faults.lost + faults.doubled + faults.reordered + faults.differing;
    report.check("snapshots_wrong", all(&shown), shown.examples);
    report.check("seen_before_wrong", all(&past), past.examples);
}

/// Messages of a snapshot, by the protocol.
const SNAPSHOT: usize = 50;
