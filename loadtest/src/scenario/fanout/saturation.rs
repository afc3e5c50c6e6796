//! How much gets through at most: rates are raised until goodput no longer follows.

use std::time::Duration;

use anyhow::Result;

use super::{Side, Sides};
use crate::baseline::Kind;
use crate::chart::{Axis, Chart, Line};
use crate::crowd::{Crowd, Load};
use crate::progress::Progress;
use crate::report::Report;
use crate::table::Table;

/// From one rate to the next.
const GROWTH: f64 = 1.3;
const MOST_STEPS: usize = 40;
/// A side that gets less than this through of what it is offered is past its limit.
const FOLLOWS: f64 = 0.9;
/// Less growth than this is none.
const GROWS: f64 = 1.02;
/// Above this share of its core, in percent, the load tester is the limit.
const OUR_LIMIT: f64 = 85.0;
/// Nobody calls that a chat.
const TOO_LATE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy)]
pub(super) struct Climb {
    /// How long each rate is held.
    pub step: Duration,
}

/// One rate, held for a while.
pub(super) struct Step {
    /// Messages a second that were offered, and that got through to everybody.
    pub rate: f64,
    pub goodput: f64,
    pub deliveries_per_second: f64,
    pub p99_ms: f64,
    pub cpu_per_delivery: Option<f64>,
    /// Of one core.
    pub our_cpu_percent: f64,
    limited: u64,
    is_stalled: bool,
}

/// Climbs with the sides that matter: all of them, or the server and the bare writer.
pub(super) async fn find(
    sides: &mut Sides,
    climb: Climb,
    everyone: bool,
    report: &mut Report,
) -> Result<()> {
    for side in sides.all_mut() {
        if everyone || side.label == "server" || side.label == Kind::Raw.name() {
            side.steps = side.crowd.climb(climb, side.label).await?;
        }
    }
    for side in sides.all().filter(|side| !side.steps.is_empty()) {
        if side.steps.iter().any(|step| step.limited > 0) {
            report.note(format!(
                "{}: the climb ended at the rate limit of the users (20/s each): take more members",
                side.label
            ));
        }
        if side.our_most() > OUR_LIMIT {
            report.note(format!(
                "{}: the load tester used {:.0} % of its core in the climb and was the limit of this \
                 saturation: it is what the clients can read, and the side itself may do more",
                side.label,
                side.our_most()
            ));
        }
    }
    report.table(table(sides));
    for chart in charts(sides) {
        report.chart(chart);
    }
    for side in sides.all().filter(|side| !side.steps.is_empty()) {
        let name = match side.label {
            "server" => "saturation".to_owned(),
            label => format!("saturation_{}", label.replace('-', "_")),
        };
        let ours = format!("{name}_tester_cpu");
        report.figure(name, side.best(), "1/s", "most messages a second that got through");
        let about = "of one core, the most in the climb: near 100, the clients were its limit";
        report.figure(ours, side.our_most(), "%", about);
    }
    Ok(())
}

/// What the weaker of server and bare writer can take, in messages a second.
pub(super) fn lowest(sides: &Sides) -> f64 {
    let climbed = sides.all().filter(|side| !side.steps.is_empty());
    climbed.map(Side::best).fold(f64::INFINITY, f64::min).min(1e6)
}

impl Side {
    /// The most messages a second that got through.
    pub(super) fn best(&self) -> f64 {
        self.steps.iter().map(|step| step.goodput).fold(0.0, f64::max)
    }

    /// The load tester's share of a core at the busiest rate.
    fn our_most(&self) -> f64 {
        self.steps.iter().map(|step| step.our_cpu_percent).fold(0.0, f64::max)
    }
}

impl Crowd {
    async fn climb(&mut self, climb: Climb, label: &'static str) -> Result<Vec<Step>> {
        // A few at once tell about where to begin.
        let first = self.round(Load { messages: 64, window: 16, rate: None }).await?;
        let mut rate = (64.0 / first.took.as_secs_f64().max(1e-3) / 4.0).max(1.0);
        let progress = Progress::new("climbing", MOST_STEPS);
        let (mut steps, mut flat) = (Vec::<Step>::new(), 0);
        for _ in 0..MOST_STEPS {
            progress.say(format!("{label}: {rate:.0} messages a second"));
            let step = self.step(rate, climb.step).await?;
            progress.step(1);
            let follows = step.goodput >= FOLLOWS * rate;
            let is_late = step.p99_ms > TOO_LATE.as_secs_f64() * 1e3;
            let is_end = step.is_stalled || step.limited > 0;
            let best = steps.iter().map(|step| step.goodput).fold(0.0, f64::max);
            // One bad step may be somebody else's noise.
            flat = if follows || step.goodput > GROWS * best { 0 } else { flat + 1 };
            steps.push(step);
            if is_end || is_late || flat == 2 {
                break;
            }
            rate *= GROWTH;
        }
        progress.done();
        Ok(steps)
    }

    async fn step(&mut self, rate: f64, length: Duration) -> Result<Step> {
        let messages = (rate * length.as_secs_f64()).ceil().max(8.0) as usize;
        let outcome = self.round(Load { messages, window: messages, rate: Some(rate) }).await?;
        let took = outcome.took.as_secs_f64().max(1e-9);
        Ok(Step {
            rate,
            // The last one is due a beat before the end of the step.
            goodput: (messages as f64 / took.max((messages - 1) as f64 / rate)).min(rate),
            deliveries_per_second: outcome.deliveries_per_second(),
            p99_ms: outcome.p99_ms(),
            cpu_per_delivery: outcome.cpu_per_delivery(),
            our_cpu_percent: outcome.our_cpu_percent(),
            limited: outcome.noted.limited,
            is_stalled: outcome.is_stalled,
        })
    }
}

fn table(sides: &Sides) -> Table {
    let columns = [
        "side, messages/s offered",
        "got through/s",
        "deliveries/s",
        "p99 ms",
        "CPU µs per delivery",
        "tester CPU %",
    ];
    let mut table = Table::new("climb", "Rate by rate", &columns);
    for side in sides.all() {
        for step in &side.steps {
            let numbers = [
                Some(step.goodput),
                Some(step.deliveries_per_second),
                Some(step.p99_ms),
                step.cpu_per_delivery,
                Some(step.our_cpu_percent),
            ];
            table.row(format!("{} {:.0}", side.label, step.rate), numbers);
        }
    }
    table
}

fn charts(sides: &Sides) -> [Chart; 2] {
    let lines = |value: fn(&Step) -> f64| {
        let line = |side: &Side| {
            Line::new(side.label, side.steps.iter().map(|step| (step.rate, value(step))).collect())
        };
        sides.all().filter(|side| !side.steps.is_empty()).map(line).collect()
    };
    let chart = |name, title: &str, y, lines| Chart {
        name,
        title: title.to_owned(),
        x: Axis::log("offered", "messages/s"),
        y,
        lines,
    };
    [
        chart(
            "climb_deliveries",
            "Deliveries by offered rate",
            Axis::linear("deliveries", "1/s"),
            lines(|step| step.deliveries_per_second),
        ),
        chart(
            "climb_latency",
            "Latency p99 by offered rate",
            Axis::log("latency p99", "ms"),
            lines(|step| step.p99_ms),
        ),
    ]
}
