//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::baseline::{self, groupcommit};
use crate::chaos;
#[cfg(feature = "actors")]
use crate::scenario::actors;
use crate::scenario::{
    ai, catchup, crash, cuts, disk, durable, fanout, idle, mixed, overload, power, presence, rooms,
    scale, search, slow, soak, start, storm,
};

/// Puts load on a Moim server, checks what it delivers, and reports what it costs.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Many signed-in sessions that do nothing: memory of each, CPU of all
    Idle(idle::Options),
    /// One room, every message to every member: CPU per delivery and latency, beside baselines
    Fanout(fanout::Options),
    /// SIGKILL again and again under senders: nothing acknowledged may be lost, doubled, reordered
    Crash(crash::Options),
    /// The disk is full, fails to write, fails to sync, is slow: no false promise, and service returns
    Disk(disk::Options),
    /// The power goes at thousands of moments: nothing acknowledged may be lost (SQLite)
    Power(power::Options),
    /// Connections broken at any byte and moment, under senders: resume must be exact
    Cuts(cuts::Options),
    /// Three times more than gets through: what still does, what the rest is told, the way back
    Overload(overload::Options),
    /// Many small rooms at a fixed rate, even or by Zipf's law: cost, latency, nothing leaked
    Rooms(rooms::Options),
    /// Clients some hundred messages behind come back at once: time until level, CPU per event
    Catchup(catchup::Options),
    /// Thousands join one room within seconds: presence frames, beside telling each of each
    Presence(presence::Options),
    /// Ten thousand clients lose the server and resume at once, beside accept and upgrade alone
    Storm(storm::Options),
    /// A room in which some never read: latency of the others, memory of the server
    Slow(slow::Options),
    /// What a unit costs at the small and at the large end of each axis
    Scale(scale::Options),
    /// Closed-loop senders: acknowledged messages a second, beside a bare group commit of the same rows
    Durable(durable::Options),
    /// A million messages: searches beside bare SQL; opening a room that holds them
    Search(search::Options),
    /// From spawn to ready: on an empty folder, on a large database, and after SIGKILL
    Start(start::Options),
    /// Half of a load for half an hour while sessions come and go: growth and drift
    Soak(soak::Options),
    /// A day of a club in short: latency of each action, users a core carries
    Mixed(mixed::Options),
    /// The assistant: answers that many watch, what they cost, or every fault of a model and a server
    Ai(ai::Options),
    /// Rooms, journal and relays inside this process, without sockets and database
    #[cfg(feature = "actors")]
    Actors(actors::Options),
    /// No scenario: a TCP proxy that delays, breaks up, cuts, resets and swallows, until interrupted
    Proxy(chaos::Options),
    /// What the server is compared with; started by the scenarios
    #[command(hide = true)]
    Baseline(baseline::Options),
    #[command(hide = true)]
    UpgradeServer,
    #[command(hide = true)]
    GroupCommit(groupcommit::Options),
}

/// Options that every scenario takes.
#[derive(Args)]
#[command(next_help_heading = "For every scenario")]
pub(crate) struct Common {
    /// The server's binary [default: `moim` next to this program]
    #[arg(long, global = true, value_name = "PATH")]
    pub server: Option<PathBuf>,
    /// Drive a running server instead of starting one; its nodes, with commas between them, in turn
    #[arg(long, global = true, conflicts_with = "server")]
    pub url: Option<String>,
    /// With --url: the process whose CPU and memory are read, or those of all nodes, with commas; they
    /// are never ended
    #[arg(long, global = true, requires = "url", value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// The database of the started server [default: SQLite in its empty data folder]
    #[arg(long, global = true, value_name = "URL", conflicts_with = "url")]
    pub database_url: Option<String>,
    /// The engine of the started server; `postgres` without an URL starts a cluster of its own
    #[arg(long, global = true, value_enum, default_value_t, conflicts_with = "url")]
    pub database: Engine,
    /// One more setting of the started server; may be repeated
    #[arg(long, global = true, value_name = "NAME=VALUE", conflicts_with = "url", value_parser = pair)]
    pub server_env: Vec<(String, String)>,
    /// Hold the started server to so much memory, in a cgroup, as a container would; needs root
    #[arg(long, global = true, value_name = "MIB", conflicts_with = "url", value_parser = clap::value_parser!(u64).range(16..))]
    pub memory_mib: Option<u64>,
    /// Keep the server on the first CPU and the load on the others
    #[arg(long, global = true)]
    pub pin: bool,
    /// Seed of all that is random [default: another one each time; it is in the report]
    #[arg(long, global = true)]
    pub seed: Option<u64>,
    /// Print the report as JSON; the summary goes to stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// Keep the report in this folder: raw data as JSON, and a page to look at
    #[arg(long, global = true, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Keep it in `loadtest/results/<date>-<machine>/`, from the project's own folder
    #[arg(long, global = true, conflicts_with = "out")]
    pub keep: bool,
    /// Fail when this goal is missed; `all` names every goal of the scenario; may be repeated
    #[arg(long, global = true, value_name = "GOAL[=LIMIT]", value_parser = requirement)]
    pub require: Vec<Requirement>,
}

/// Where the started server keeps its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    #[default]
    Sqlite,
    Postgres,
}

/// A goal that must be met, perhaps with another limit than its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Requirement {
    pub goal: String,
    pub limit: Option<f64>,
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let Some((goal, limit)) = text.split_once('=') else {
        return Ok(Requirement { goal: text.to_owned(), limit: None });
    };
    let limit = limit.parse().map_err(|error| format!("{limit:?} is not a number: {error}"))?;
    Ok(Requirement { goal: goal.to_owned(), limit: Some(limit) })
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it must read NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// The flags of a text: `--fill`.
    fn flags(text: &str) -> impl Iterator<Item = &str> {
        text.match_indices("--").filter_map(|(at, dashes)| {
            let rest = text.get(at + dashes.len()..)?;
            let is_of_it = |c: char| c.is_ascii_lowercase() || c == '-';
            let flag = rest.get(..rest.find(|c| !is_of_it(c)).unwrap_or(rest.len()))?;
            let is_new = text.get(..at).is_none_or(|before| !before.ends_with(['-', '|']));
            (is_new && flag.len() > 1).then_some(flag.trim_end_matches('-'))
        })
    }

    /// What cargo, and not this tool, is told.
    const OF_CARGO: &[&str] = &["release", "features", "workspace", "all-features"];
    const README: &str = include_str!("../README.md");

    #[test]
    fn the_readme_knows_every_scenario_and_its_flags() {
        let cli = Cli::command();
        let named = |command: &clap::Command| -> Vec<String> {
            command.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned).collect()
        };
        let common = named(&cli);
        let scenarios: Vec<_> = cli.get_subcommands().filter(|sub| !sub.is_hide_set()).collect();
        let all: Vec<_> =
            scenarios.iter().flat_map(|sub| named(sub)).chain(common.clone()).collect();
        for flag in flags(README) {
            let is_known = all.iter().any(|known| known == flag) || OF_CARGO.contains(&flag);
            assert!(is_known, "--{flag} is in the README and nowhere else");
        }
        for flag in common.iter().filter(|flag| *flag != "help" && *flag != "version") {
            assert!(flags(README).any(|known| known == flag), "--{flag} is not in the README");
        }
        for scenario in scenarios.iter().filter(|scenario| scenario.get_name() != "proxy") {
            let begin = format!("**`{}`**", scenario.get_name());
            let at = README.find(&begin).unwrap_or_else(|| panic!("{begin} is not in the README"));
            // Up to the next scenario or heading.
            let about = &README[at + begin.len()..];
            let end = ["\n**`", "\n## "].iter().filter_map(|next| about.find(next)).min();
            let own = named(scenario);
            for flag in flags(&about[..end.unwrap_or(about.len())]) {
                let is_own = own.iter().chain(&common).any(|known| known == flag);
                assert!(is_own || OF_CARGO.contains(&flag), "{begin} has no --{flag}");
            }
        }
    }

    /// Those of `scale` are its axes, which go by words there.
    #[test]
    fn the_readme_knows_every_goal() {
        let goals = [
            ai::GOALS,
            catchup::GOALS,
            crash::GOALS,
            cuts::GOALS,
            disk::GOALS,
            durable::GOALS,
            fanout::GOALS,
            idle::GOALS,
            mixed::GOALS,
            overload::GOALS,
            presence::GOALS,
            rooms::GOALS,
            search::GOALS,
            slow::GOALS,
            soak::GOALS,
            start::GOALS,
            storm::GOALS,
        ];
        for goal in goals.into_iter().flatten() {
            assert!(README.contains(&format!("`{goal}`")), "the goal {goal} is not in the README");
        }
    }

    #[test]
    fn a_requirement_may_carry_its_own_limit() {
        let plain = Requirement { goal: "ratio".to_owned(), limit: None };
        assert_eq!(requirement("ratio"), Ok(plain));
        let tighter = Requirement { goal: "ratio".to_owned(), limit: Some(1.2) };
        assert_eq!(requirement("ratio=1.2"), Ok(tighter));
        assert!(requirement("ratio=fast").is_err());
    }
}
