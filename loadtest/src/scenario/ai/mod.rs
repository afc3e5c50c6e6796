//! The assistant under load: answers that are watched by many, what they cost, whether anybody else
//! notices, and how soon a question is with the model. With `--faults`: however a model fails and the
//! server dies, every question comes to one end.

mod board;
mod chat;
mod faults;
mod figures;
mod provider;
mod rounds;
mod viewers;

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::board::{Board, asked_otherwise};
use self::chat::{Chat, Talk};
use self::provider::{Provider, TOKEN};
use self::rounds::{Hall, Pair};
use self::viewers::Viewers;
use crate::baseline::Kind as Baseline;
use crate::check::Kind;
use crate::crowd::{Crowd, Load};
use crate::pace::Epoch;
use crate::progress::note;
use crate::report::Report;
use crate::scenario::{Stage, need_files};
use crate::setup;

pub(crate) const GOALS: &[&str] =
    &["frames_per_second", "added_delay_p99", "cpu_ratio", "chat_p99_ratio", "first_token_p99"];
/// Characters that an answer may have, at most.
const MOST_BYTES: usize = 4_000;
/// Bytes of a frame that brings one token, header and all, as the server would write it.
const FRAME_OF_A_TOKEN: usize = 96;

#[derive(Args)]
pub(crate) struct Options {
    /// Answers at a time, each in a room of its own
    #[arg(long, default_value_t = 50)]
    answers: usize,
    /// Sessions that have each of these rooms open
    #[arg(long, default_value_t = 200)]
    viewers: usize,
    /// Tokens a second of each answer
    #[arg(long, default_value_t = 60.0)]
    tokens_per_second: f64,
    /// Seconds that an answer takes
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Turns of silence, answers, a frame for each token, talk alone, and talk beside answers
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Questions one after the other, for the time to the provider
    #[arg(long, default_value_t = 500)]
    questions: usize,
    /// Sockets of the bare writer, which writes a frame for each token; 0 leaves it out
    #[arg(long, default_value_t = 1_000)]
    bare: usize,
    /// How far behind everything else, as by nice(1), the thread stands that reads for the viewers:
    /// they live elsewhere, and take no turn of the server or of who talks
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(0..=19))]
    viewers_nice: i32,
    #[command(flatten)]
    talk: Talk,
    #[command(flatten)]
    failing: faults::Failing,
}

impl Options {
    fn check(&self) -> Result<()> {
        self.talk.check()?;
        ensure!(self.answers > 0 && self.viewers > 0, "--answers and --viewers start at 1");
        ensure!(self.pairs > 0 && self.questions > 0, "--pairs and --questions start at 1");
        ensure!(
            self.tokens_per_second > 0.0 && self.seconds > 1.0,
            "--tokens-per-second must be above 0 and --seconds above 1"
        );
        let bytes = self.tokens_per_second * self.seconds * TOKEN as f64;
        ensure!(
            bytes <= MOST_BYTES as f64,
            "an answer has at most {MOST_BYTES} characters, {TOKEN} a token: fewer --seconds"
        );
        need_files(self.answers * self.viewers + self.talk.users() + self.bare)
    }

    fn note(&self, report: &mut Report) {
        for (name, value) in [
            ("answers", self.answers),
            ("viewers", self.viewers),
            ("pairs", self.pairs),
            ("questions", self.questions),
            ("bare", self.bare),
            ("chat_rooms", self.talk.chat_rooms),
            ("chat_members", self.talk.chat_members),
        ] {
            report.option(name, value);
        }
        report.option("tokens_per_second", self.tokens_per_second);
        report.option("seconds", self.seconds);
        report.option("viewers_nice", self.viewers_nice);
        report.option("chat_rate", self.talk.chat_rate);
    }

    /// What the server must allow for all this.
    fn settings(&self, provider: &Provider) -> Vec<(&'static str, String)> {
        let mut settings = unlimited();
        settings.extend([
            ("MOIM_LLM_PROVIDER", "openai".to_owned()),
            ("MOIM_LLM_BASE_URL", provider.url()),
            ("MOIM_LLM_MODEL", "load".to_owned()),
            ("MOIM_AI_CONCURRENCY", self.answers.min(1_000).to_string()),
            ("MOIM_SESSIONS_PER_USER", (2 * self.answers + 10).to_string()),
        ]);
        settings
    }
}

/// No budget of tokens, and as many questions as may be.
fn unlimited() -> Vec<(&'static str, String)> {
    let budgets = [
        "MOIM_AI_USER_TOKENS_PER_DAY",
        "MOIM_AI_ROOM_TOKENS_PER_DAY",
        "MOIM_AI_CLUB_TOKENS_PER_DAY",
        "MOIM_AI_TOKENS_PER_DAY",
    ];
    let mut settings: Vec<_> = budgets.into_iter().map(|name| (name, "0".to_owned())).collect();
    settings.push(("MOIM_AI_QUESTIONS_PER_MINUTE", "1000".to_owned()));
    settings
}

pub(crate) async fn run(options: &Options, stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    ensure!(stage.common.url.is_none(), "the server must ask our own provider: no --url");
    if options.failing.faults {
        return faults::run(&options.failing, stage, report).await;
    }
    options.check()?;
    options.note(report);
    let epoch = Epoch::now();
    let mut provider = Provider::bind(epoch)?;
    let target = stage.target_with(report, &options.settings(&provider)).await?;
    provider.start()?;
    let (provider, board) = (Rc::new(provider), Rc::new(Board::new(epoch)?));
    let (name, endpoint) = (stage.name(), &target.endpoint);
    let users = setup::register(endpoint, &name, options.viewers).await?;
    let owner = users.first().context("nobody is there")?;
    let club = setup::make_club(endpoint, owner, &name, options.answers).await?;
    let id = club.id.clone();
    setup::join(endpoint, users.get(1..).unwrap_or_default(), move |_| id.clone()).await?;
    let pace = (options.tokens_per_second, Duration::from_secs_f64(options.seconds));
    // One by one first, while nobody else reads: the moment of an acknowledgement is then the moment
    // at which it comes.
    let one = users.get(..1).unwrap_or_default();
    let asker = Viewers::arrive(endpoint, one, &club.rooms, &board, &provider).await?;
    let mut hall = Hall::new(asker, provider.clone(), target.process, pace);
    hall.warm_up().await?;
    let starts = hall.one_by_one(options.questions).await?;
    hall.viewers = Viewers::arrive(endpoint, &users, &club.rooms, &board, &provider).await?;
    report.server.clone_from(&hall.viewers.server);
    let chat = Chat::start(endpoint, &name, options.talk, stage.seed).await?;
    // Threads begin with the rank of who starts them: the server, the provider and who talks have theirs.
    rustix::process::nice(options.viewers_nice).context("cannot stand back")?;

    hall.warm_up().await?;
    stage.sampler.begin();
    let (mut pairs, mut bare) = (Vec::new(), Vec::new());
    for number in 1..=options.pairs {
        note(&format!("turn {number} of {}", options.pairs));
        pairs.push(hall.pair(&chat).await?);
        bare.extend(bare_writer(options, epoch, stage).await?);
        if !pairs.last().is_some_and(Pair::is_whole) {
            report.note("answers stopped getting through; the run ended early");
            break;
        }
    }
    figures::all(report, &starts, &pairs, &bare)?;
    judge(report, &mut hall);
    chat.judge(report).await?;
    drop((hall, chat));
    target.finish(report).await;
    Ok(())
}

/// Microseconds that the bare writer takes to write one frame to one socket.
async fn bare_writer(options: &Options, epoch: Epoch, stage: &Stage<'_>) -> Result<Option<f64>> {
    if options.bare == 0 {
        return Ok(None);
    }
    let size = (FRAME_OF_A_TOKEN, options.bare);
    let mut crowd = Crowd::of_baseline(epoch, Baseline::Raw, size, stage.pins.as_ref()).await?;
    crowd.round(Load { messages: 20, window: 1, rate: None }).await?;
    let messages = (200_000 / options.bare).clamp(20, 2_000);
    let outcome = crowd.round(Load { messages, window: 1, rate: None }).await?;
    let frames = (messages * options.bare) as f64;
    Ok(outcome.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / frames))
}

fn judge(report: &mut Report, hall: &mut Hall) {
    let board = hall.viewers.board.clone();
    let mut faults = board.faults.take();
    for answer in board.answers() {
        let (unheard, told) = answer.unheard();
        if unheard > 0 {
            faults.lost += unheard as u64;
            faults.example(|| told);
        }
    }
    let kinds = [
        ("lost", Kind::Lost),
        ("doubled", Kind::Doubled),
        ("reordered", Kind::Reordered),
        ("differing", Kind::Differing),
    ];
    report.faults(&kinds, faults);
    let asked = board.answers();
    report.none_of("asked_otherwise", asked.iter().filter_map(|a| asked_otherwise(a)).collect());
    report.none_of("broken", board.broken.take());
    report.none_of("dropped", hall.viewers.dropped());
}
