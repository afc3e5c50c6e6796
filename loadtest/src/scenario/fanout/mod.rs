//! One room, every message to every member, beside baselines of the same frames in the same run.

mod beside;
mod figures;
mod pictures;
mod saturation;

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use self::beside::Beside;
use self::saturation::{Climb, Step};
use crate::baseline::Against;
use crate::check::Kind as Fault;
use crate::crowd::{Crowd, Load, Outcome, Seats};
use crate::endpoint::Endpoint;
use crate::pace::Epoch;
use crate::progress::{Progress, note};
use crate::report::Report;
use crate::sample::SERVER;
use crate::scenario::{Stage, need_files};
use crate::setup::{self, Club};

pub(crate) const GOALS: &[&str] =
    &["ratio", "pressed_ratio", "p99_ratio", "latency_p50", "asleep_memory"];
/// From a send to the receipts of a room of 1,000, with the sync of a disk in between.
const LATENCY_GOAL_MS: f64 = 50.0;
const WARM_UP: usize = 20;
/// Below the share of a session's outbox at which the server begins to hold back.
const PRESSED_WINDOW: usize = 256;

#[derive(Args)]
pub(crate) struct Options {
    /// Members of the room, each with one session that has it open
    #[arg(long, default_value_t = 1_000)]
    members: usize,
    /// Messages of one round [default: 200; with --pressed: 2000]
    #[arg(long)]
    messages: Option<usize>,
    /// Rounds of the server, each followed by one of every baseline
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Bytes of a message's text
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(32..=4_000))]
    bytes: u16,
    /// Baselines that take turns with the server: raw, raw-tokio, raw-coalesced, actix-ws, textbook, or all
    #[arg(long, default_value = "raw", value_name = "NAMES")]
    against: Against,
    #[command(flatten)]
    mode: ModeOptions,
    #[command(flatten)]
    beside: beside::Others,
    /// Messages on their way at the same time [default: 1; with --pressed: 256]
    #[arg(long, conflicts_with_all = ["rate", "load", "saturate"])]
    window: Option<usize>,
    /// With --load and --saturate: how long each rate is held
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    step: f64,
}

#[derive(Args)]
#[group(multiple = false)]
struct ModeOptions {
    /// Send on while messages are on their way, as fast as they get through
    #[arg(long)]
    pressed: bool,
    /// Messages a second, whatever happens to those before
    #[arg(long)]
    rate: Option<f64>,
    /// Find the rate at which server and bare writer are saturated, then send at this share of it
    #[arg(long, value_name = "SHARE")]
    load: Option<f64>,
    /// Raise the rate of every side until no more gets through
    #[arg(long)]
    saturate: bool,
}

/// How the messages follow each other.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Alone,
    Pressed,
    Window,
    Rate,
    Load(f64),
    Saturate,
}

impl Options {
    fn mode(&self) -> Mode {
        match (&self.mode, self.window) {
            (ModeOptions { saturate: true, .. }, _) => Mode::Saturate,
            (ModeOptions { load: Some(share), .. }, _) => Mode::Load(*share),
            (ModeOptions { rate: Some(_), .. }, _) => Mode::Rate,
            (ModeOptions { pressed: true, .. }, _) => Mode::Pressed,
            (_, Some(_)) => Mode::Window,
            (_, None) => Mode::Alone,
        }
    }

    /// The load of one round, at `rate` where the mode has one.
    fn load(&self, rate: Option<f64>) -> Load {
        let pressed = self.mode.pressed;
        let messages = self.messages.unwrap_or(if pressed { 2_000 } else { 200 });
        let window = match (self.window, rate) {
            (_, Some(_)) => messages,
            (Some(window), None) => window.max(1),
            (None, None) if pressed => PRESSED_WINDOW,
            (None, None) => 1,
        };
        Load { messages, window, rate }
    }

    fn check(&self) -> Result<()> {
        let messages = self.messages.unwrap_or(1);
        ensure!(self.members > 0 && messages > 0, "--members and --messages start at 1");
        ensure!(self.pairs > 0, "--pairs starts at 1");
        ensure!(self.step > 0.0, "--step must be above zero");
        ensure!(self.mode.rate.is_none_or(|rate| rate > 0.0), "--rate must be above zero");
        let is_share = |share: f64| share > 0.0 && share <= 1.0;
        ensure!(self.mode.load.is_none_or(is_share), "--load is a share: above 0, at most 1");
        Ok(())
    }

    fn report(&self, report: &mut Report) {
        report.option("members", self.members);
        report.option("messages", self.load(None).messages);
        report.option("pairs", self.pairs);
        report.option("bytes", self.bytes);
        report.option("against", names(&self.against).join(","));
        let mode = match self.mode() {
            Mode::Alone => "one at a time",
            Mode::Pressed => "pressed",
            Mode::Window => "window",
            Mode::Rate => "rate",
            Mode::Load(_) => "load",
            Mode::Saturate => "saturate",
        };
        report.option("mode", mode);
        report.option("asleep", self.beside.asleep);
        match self.mode() {
            Mode::Pressed | Mode::Window => report.option("window", self.load(None).window),
            Mode::Rate => report.option("rate", self.mode.rate),
            Mode::Load(share) => report.option("load", share),
            Mode::Alone | Mode::Saturate => {}
        }
    }
}

fn names(against: &Against) -> Vec<&'static str> {
    against.0.iter().map(|kind| kind.name()).collect()
}

/// The server or a baseline, and what its rounds found.
struct Side {
    label: &'static str,
    crowd: Crowd,
    outcomes: Vec<Outcome>,
    steps: Vec<Step>,
}

impl Side {
    fn new(label: &'static str, crowd: Crowd) -> Self {
        Self { label, crowd, outcomes: Vec::new(), steps: Vec::new() }
    }
}

/// The server first, then the baselines.
struct Sides {
    server: Side,
    baselines: Vec<Side>,
    /// With `--load`: the server again, at this share of its own saturation.
    own: Option<Own>,
}

/// The server at a rate that is its own, and not one for all sides.
struct Own {
    rate: f64,
    outcomes: Vec<Outcome>,
}

impl Sides {
    fn all(&self) -> impl Iterator<Item = &Side> {
        std::iter::once(&self.server).chain(&self.baselines)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Side> {
        std::iter::once(&mut self.server).chain(&mut self.baselines)
    }
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    options.check()?;
    need_files((1 + options.against.0.len()) * (options.members + 1) + options.beside.asleep)?;
    options.report(report);
    let target = stage.target(report).await?;
    let epoch = Epoch::now();
    let name = stage.name();
    let (server, hello, club) = members(options, &name, &target.endpoint, epoch).await?;
    report.server = hello;
    let beside = Beside::arrive(&options.beside, &target, &name, &club).await?;
    let mut server = Side::new("server", server);
    server.crowd.measure(target.process);
    let warm_up = Load { messages: WARM_UP, window: 1, rate: None };
    server.crowd.round(warm_up).await?;
    let bytes = server.crowd.line_bytes()?;
    note(&format!("a delivery has {bytes} bytes"));
    let mut sides = Sides { server, baselines: Vec::new(), own: None };
    for kind in &options.against.0 {
        let size = (bytes, options.members);
        let mut crowd = Crowd::of_baseline(epoch, *kind, size, stage.pins.as_ref()).await?;
        crowd.round(warm_up).await?;
        sides.baselines.push(Side::new(kind.name(), crowd));
    }

    let beside_it = sides.baselines.iter();
    let beside_it = beside_it.filter_map(|side| Some((side.label, side.crowd.process()?)));
    let followed: Vec<_> =
        beside_it.map(|(label, process)| stage.sampler.follow(label, process)).collect();
    let begin = stage.sampler.begin();
    sides.all().for_each(|side| side.crowd.count_time_from(begin));
    let mut rate = options.mode.rate;
    let mode = options.mode();
    if matches!(mode, Mode::Load(_) | Mode::Saturate) {
        let climb = Climb { step: Duration::from_secs_f64(options.step) };
        saturation::find(&mut sides, climb, mode == Mode::Saturate, report).await?;
    }
    if let Mode::Load(share) = mode {
        let chosen = chosen_rate(share, &sides, report);
        sides.own = Some(Own { rate: share * sides.server.best(), outcomes: Vec::new() });
        rate = Some(chosen);
    }
    if mode != Mode::Saturate {
        rounds(options, &mut sides, rate, report).await?;
    }
    report.figure("delivery_bytes", bytes as f64, "B", "one event on the wire, without header");
    figures::all(report, &sides, mode);
    drop(followed);
    pictures::all(report, &sides, stage.sampler.most_memory(SERVER, begin))?;
    report.goal_of("latency_p50", LATENCY_GOAL_MS);
    beside.judge(report, target.process)?;
    judge(report, &mut sides);
    drop(sides);
    target.finish(report).await;
    Ok(())
}

/// The rate of all sides: a share of the lower saturation.
fn chosen_rate(share: f64, sides: &Sides, report: &mut Report) -> f64 {
    let chosen = share * saturation::lowest(sides);
    let about = "messages a second to every side: the share of the lower saturation";
    report.figure("rate", chosen, "1/s", about);
    let of_server = 100.0 * chosen / sides.server.best().max(1e-9);
    let about = "that rate, of the server's own saturation";
    report.figure("load_of_server", of_server, "%", about);
    chosen
}

/// A fresh room with all its members signed in.
async fn members(
    options: &Options,
    name: &str,
    endpoint: &Endpoint,
    epoch: Epoch,
) -> Result<(Crowd, String, Club)> {
    let users = setup::register(endpoint, name, options.members).await?;
    let owner = setup::register(endpoint, &format!("{name}-owner"), 1).await?;
    let owner = owner.first().ok_or_else(|| anyhow::anyhow!("no owner"))?;
    let club = setup::make_club(endpoint, owner, name, 1).await?;
    let id = club.id.clone();
    setup::join(endpoint, &users, move |_| id.clone()).await?;
    let room = club.rooms.first().map_or("", String::as_str);
    let text_bytes = usize::from(options.bytes);
    let seats = Seats { users: &users, listeners: users.len(), room, text_bytes };
    let (crowd, hello) = Crowd::of_server(epoch, endpoint, seats).await?;
    Ok((crowd, hello, club))
}

/// A round of each side, again and again, so that all see the same machine.
async fn rounds(
    options: &Options,
    sides: &mut Sides,
    rate: Option<f64>,
    report: &mut Report,
) -> Result<()> {
    let all = 1 + sides.baselines.len() + usize::from(sides.own.is_some());
    let progress = Progress::new("rounds", all * options.pairs);
    for _ in 0..options.pairs {
        let mut is_stalled = false;
        for side in sides.all_mut() {
            let outcome = side.crowd.round(options.load(rate)).await?;
            is_stalled |= outcome.is_stalled;
            side.outcomes.push(outcome);
            progress.step(1);
        }
        if let Some(own) = &mut sides.own {
            // As long as the others, so that one stop of the machine weighs the same.
            let by = (own.rate / rate.unwrap_or(own.rate).max(1e-9)).max(1.0);
            let messages = (options.load(rate).messages as f64 * by).ceil() as usize;
            let load = Load { messages, window: messages, rate: Some(own.rate) };
            let outcome = sides.server.crowd.round(load).await?;
            is_stalled |= outcome.is_stalled;
            own.outcomes.push(outcome);
            progress.step(1);
        }
        if is_stalled {
            report.note("messages stopped getting through; the run ended early");
            break;
        }
    }
    progress.done();
    Ok(())
}

fn judge(report: &mut Report, sides: &mut Sides) {
    let server = &mut sides.server.crowd;
    let kinds =
        [("lost", Fault::Lost), ("doubled", Fault::Doubled), ("reordered", Fault::Reordered)];
    report.faults(&kinds, server.verdict());
    report.none_of("refused", server.refused());
    report.none_of("dropped", server.dropped());
    if server.lagged() > 0 {
        report.note(format!("{} sessions were turned from push to pull", server.lagged()));
    }
    // The comparison stands only if the baselines did their part.
    let mut faults = Vec::new();
    for side in &mut sides.baselines {
        let verdict = side.crowd.verdict();
        let broken = verdict.lost + verdict.doubled + verdict.reordered;
        if broken > 0 {
            faults.push(format!(
                "{}: {broken} faults, {}",
                side.label,
                verdict.examples.join("; ")
            ));
        }
        faults.extend(side.crowd.dropped().iter().map(|end| format!("{}: {end}", side.label)));
    }
    report.none_of("baseline", faults);
}
