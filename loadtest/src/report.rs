//! What a run found: figures, checks, goals. One value, printed for people or as JSON.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::chart::Chart;
use crate::check::{Faults, Kind};
use crate::cli::Requirement;
use crate::date;
use crate::json;
use crate::page;
use crate::proc::Machine;
use crate::table::Table;

/// Figures that begin so are the tester's own CPU in percent of one core; it runs on one thread, but
/// for helpers that are idle most of the time.
const OUR_CPU: &str = "load_tester_";
/// Above this the tester was busy with itself.
pub(crate) const OUR_LIMIT: f64 = 90.0;

/// Changes when a field changes its meaning, so that old results are not misread.
const FORMAT: u32 = 2;

#[derive(Serialize)]
pub(crate) struct Report {
    format: u32,
    pub scenario: &'static str,
    pub passed: bool,
    /// UTC milliseconds.
    started_at: u64,
    pub seed: u64,
    pub server: String,
    pub machine: Machine,
    pub options: Map<String, Value>,
    pub figures: Named<Figure>,
    pub checks: Named<Check>,
    pub goals: Named<Goal>,
    /// Raw rows behind the figures, shaped as the scenario likes.
    series: Map<String, Value>,
    pub tables: Vec<Table>,
    pub charts: Vec<Chart>,
    pub notes: Vec<String>,
    #[serde(skip)]
    required: Vec<Requirement>,
}

#[derive(Serialize)]
pub(crate) struct Figure {
    pub value: f64,
    pub unit: &'static str,
    pub about: &'static str,
}

/// A count that must be zero.
#[derive(Serialize)]
pub(crate) struct Check {
    pub count: u64,
    pub examples: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Goal {
    pub value: f64,
    pub limit: f64,
    pub unit: &'static str,
    pub is_met: bool,
    pub is_required: bool,
    /// What being met does not say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub beside: String,
}

/// Keeps the order in which things were added; an object in JSON.
pub(crate) struct Named<T>(pub Vec<(Cow<'static, str>, T)>);

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Report {
    /// `goals` are the names that `--require` may use for this scenario.
    pub(crate) fn new(
        scenario: &'static str,
        goals: &[&str],
        required: &[Requirement],
        seed: u64,
    ) -> Result<Self> {
        for Requirement { goal, .. } in required {
            let is_known = goal == "all" || goals.contains(&goal.as_str());
            ensure!(is_known, "{scenario} has no goal {goal:?}; it has {}", goals.join(", "));
        }
        Ok(Self {
            format: FORMAT,
            scenario,
            passed: true,
            started_at: now_ms(),
            seed,
            server: String::new(),
            machine: Machine::here(),
            options: Map::new(),
            figures: Named(Vec::new()),
            checks: Named(Vec::new()),
            goals: Named(Vec::new()),
            series: Map::new(),
            tables: Vec::new(),
            charts: Vec::new(),
            notes: Vec::new(),
            required: required.to_vec(),
        })
    }

    pub(crate) fn option(&mut self, name: &str, value: impl Into<Value>) {
        self.options.insert(name.to_owned(), value.into());
    }

    pub(crate) fn figure(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: f64,
        unit: &'static str,
        about: &'static str,
    ) {
        self.figures.0.push((name.into(), Figure { value: rounded(value), unit, about }));
    }

    /// The percentiles of a histogram in microseconds, under names that begin with `names[..]`.
    pub(crate) fn latency(
        &mut self,
        names: [&'static str; 4],
        times: &Histogram<u64>,
        about: &'static str,
    ) {
        let [p50, p99, p999, max] = names;
        for (name, quantile) in [(p50, 0.5), (p99, 0.99), (p999, 0.999)] {
            self.figure(name, times.value_at_quantile(quantile) as f64 / 1e3, "ms", about);
        }
        self.figure(max, times.max() as f64 / 1e3, "ms", about);
    }

    /// A count above zero fails the run.
    pub(crate) fn check(&mut self, name: &'static str, count: u64, examples: Vec<String>) {
        self.passed &= count == 0;
        self.checks.0.push((name.into(), Check { count, examples }));
    }

    /// One check for each kind of fault, the examples with the first kind that has any.
    pub(crate) fn faults(&mut self, names: &[(&'static str, Kind)], faults: Faults) {
        let mut examples = faults.examples;
        for (name, kind) in names {
            let count = match kind {
                Kind::Lost => faults.lost,
                Kind::Doubled => faults.doubled,
                Kind::Reordered => faults.reordered,
                Kind::Differing => faults.differing,
            };
            let shown = if count > 0 { std::mem::take(&mut examples) } else { Vec::new() };
            self.check(name, count, shown);
        }
    }

    /// A check that nothing of a list happened; its first entries are the examples.
    pub(crate) fn none_of(&mut self, name: &'static str, mut what: Vec<String>) {
        let count = what.len() as u64;
        what.truncate(5);
        self.check(name, count, what);
    }

    /// A figure that should stay at or below `limit`; fails the run only when required.
    pub(crate) fn goal(&mut self, name: &'static str, value: f64, limit: f64, unit: &'static str) {
        let named = |wanted: &&Requirement| wanted.goal == name || wanted.goal == "all";
        let required = self.required.iter().filter(named).collect::<Vec<_>>();
        let own = required.iter().find_map(|wanted| wanted.limit.filter(|_| wanted.goal == name));
        let limit = own.unwrap_or(limit);
        let goal = Goal {
            value: rounded(value),
            limit,
            unit,
            is_met: value <= limit,
            is_required: !required.is_empty(),
            beside: String::new(),
        };
        self.passed &= goal.is_met || !goal.is_required;
        self.goals.0.push((name.into(), goal));
    }

    /// Says beside the verdict on a goal what that verdict leaves out.
    pub(crate) fn beside_goal(&mut self, name: &str, text: impl Into<String>) {
        if let Some((_, goal)) = self.goals.0.iter_mut().find(|(known, _)| *known == name) {
            goal.beside = text.into();
        }
    }

    /// The same for a figure that was reported before.
    pub(crate) fn goal_of(&mut self, name: &'static str, limit: f64) {
        let found = self.figures.0.iter().find(|(known, _)| *known == name);
        if let Some((value, unit)) = found.map(|(_, figure)| (figure.value, figure.unit)) {
            self.goal(name, value, limit, unit);
        }
    }

    /// A required goal that could not be measured is a missed one; of `all`, one must have been. And a
    /// tester that was busy with itself says so.
    pub(crate) fn close(&mut self) {
        let ours = self.figures.0.iter().filter(|(name, _)| name.starts_with(OUR_CPU));
        let busy = ours.filter(|(_, figure)| figure.unit == "%" && figure.value > OUR_LIMIT);
        let limit = |(name, figure): &(Cow<'static, str>, Figure)| {
            format!("the load tester was the limit: {name} is {:.0} % of a core", figure.value)
        };
        self.notes.extend(busy.map(limit).collect::<Vec<_>>());
        for wanted in &self.required {
            let counts = |name: &str| wanted.goal == "all" || wanted.goal == name;
            if !self.goals.0.iter().any(|(name, _)| counts(name)) {
                self.passed = false;
                self.notes.push(format!("the goal {} was required but not measured", wanted.goal));
            }
        }
    }

    pub(crate) fn series(&mut self, name: &str, rows: impl Into<Value>) {
        self.series.insert(name.to_owned(), rows.into());
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// A picture; one without a point is left out.
    pub(crate) fn chart(&mut self, chart: Chart) {
        if chart.lines.iter().any(|line| !line.points.is_empty()) {
            self.charts.push(chart);
        }
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Writes the report into `folder`, as JSON and as a page, and returns the page.
    pub(crate) fn keep(&self, folder: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let name = format!("{}-{}", self.scenario, self.started_at);
        let (raw, page) = (format!("{name}.json"), folder.join(format!("{name}.html")));
        let write = |file: &Path, text: String| {
            std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
        };
        write(&folder.join(&raw), self.json()?)?;
        write(&page, page::html(self, &raw))?;
        Ok(page)
    }

    /// The day of the run in UTC, like 2026-11-20.
    pub(crate) fn date(&self) -> String {
        date::of_day(self.started_at / 86_400_000)
    }

    pub(crate) fn json(&self) -> Result<String> {
        Ok(json::readable(self)?)
    }

    /// The summary for people.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{} · {} · seed {}", self.scenario, self.server, self.seed);
        let _ = writeln!(out, "{}", self.machine.text());
        let options = self.options.iter().map(|(name, value)| format!("{name}={value}"));
        let _ = writeln!(out, "{}\n", options.collect::<Vec<_>>().join(" "));
        for (name, Figure { value, unit, about }) in &self.figures.0 {
            let _ = writeln!(out, "  {name:<28} {:>12} {unit:<6} {about}", readable(*value));
        }
        for table in &self.tables {
            let _ = write!(out, "\n{}", table.text());
        }
        if !self.checks.0.is_empty() {
            let _ = writeln!(out, "\nChecks");
        }
        for (name, Check { count, examples }) in &self.checks.0 {
            let verdict = if *count == 0 { "ok" } else { "FAILED" };
            let _ = writeln!(out, "  {name:<28} {count:>12} {verdict}");
            for example in examples {
                let _ = writeln!(out, "      {example}");
            }
        }
        if !self.goals.0.is_empty() {
            let _ = writeln!(out, "\nGoals");
        }
        for (name, goal) in &self.goals.0 {
            let verdict = match (goal.is_met, goal.is_required) {
                (true, _) => "met",
                (false, true) => "MISSED (required)",
                (false, false) => "missed",
            };
            let (value, limit) = (readable(goal.value), readable(goal.limit));
            let line = format!("  {name:<28} {value:>12} ≤ {limit} {} {verdict}", goal.unit);
            let beside = Some(&goal.beside).filter(|beside| !beside.is_empty());
            let beside = beside.map(|beside| format!("; {beside}")).unwrap_or_default();
            let _ = writeln!(out, "{line}{beside}");
        }
        for note in &self.notes {
            let _ = writeln!(out, "\nNote: {note}");
        }
        let _ = writeln!(out, "\n{}", if self.passed { "PASSED" } else { "FAILED" });
        out
    }
}

/// A histogram of microseconds up to two minutes, exact to three digits.
pub(crate) fn microseconds() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 120_000_000, 3)?)
}

pub(crate) fn record(times: &mut Histogram<u64>, time: Duration) {
    times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
}

/// The middle of some values; of two middles, their mean.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (upper, lower) = (sorted.get(sorted.len() / 2)?, sorted.len().checked_sub(1)? / 2);
    sorted.get(lower).map(|lower| f64::midpoint(*lower, *upper))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64)
}

pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

pub(crate) fn readable(value: f64) -> String {
    match value.abs() {
        big if big >= 1e3 || value.fract() == 0.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests;
