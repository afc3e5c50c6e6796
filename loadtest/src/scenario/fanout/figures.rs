//! What the rounds come to: costs, ratios by pairs, goals.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::{Mode, Own, Side, Sides};
use crate::baseline::Kind;
use crate::crowd::Outcome;
use crate::report::{OUR_LIMIT, Report, median, microseconds};
use crate::table::Table;

/// 0.80 of the bare writer's deliveries per CPU-second.
const RATIO_GOAL: f64 = 1.25;
/// Five times the deliveries of one write each.
const PRESSED_GOAL: f64 = 0.2;
const P99_GOAL: f64 = 1.5;

pub(super) fn all(report: &mut Report, sides: &Sides, mode: Mode) {
    if sides.server.outcomes.is_empty() {
        return;
    }
    of_the_server(report, &sides.server);
    if let Some(own) = &sides.own {
        at_own_load(report, &sides.server, own);
    }
    report.table(table(sides));
    ratios(report, sides, mode);
    let row = |side: &Side| {
        let rows = side.outcomes.iter().map(row).collect::<Vec<Value>>();
        (side.label.to_owned(), Value::from(rows))
    };
    report.series("rounds", sides.all().map(row).collect::<Value>());
    if let Some(own) = &sides.own {
        let rows = own.outcomes.iter().map(self::row).collect::<Vec<Value>>();
        report.series("rounds_at_own_load", rows);
    }
    let busy = |side: &&Side| our_cpu(side) > OUR_LIMIT;
    for side in sides.baselines.iter().filter(busy) {
        let share = our_cpu(side);
        let label = side.label;
        report.note(format!("the load tester was the limit of {label}: {share:.0} % of a core"));
    }
}

fn our_cpu(side: &Side) -> f64 {
    side.middle(|outcome| Some(outcome.our_cpu_percent())).unwrap_or(0.0)
}

/// The server at two loads: at the rate that all sides have in common, which may be next to nothing
/// for it, and at the same share of what it can do itself.
fn at_own_load(report: &mut Report, server: &Side, own: &Own) {
    let p99 =
        |outcomes: &[Outcome]| median(&outcomes.iter().map(Outcome::p99_ms).collect::<Vec<f64>>());
    let about = "of the server at `rate`, median of the rounds";
    report.figure("p99_at_common_rate", p99(&server.outcomes).unwrap_or(0.0), "ms", about);
    let about = "messages a second: the share of the server's own saturation";
    report.figure("rate_of_own", own.rate, "1/s", about);
    let about = "of the server at `rate_of_own`, median of the rounds";
    report.figure("p99_at_own_share", p99(&own.outcomes).unwrap_or(0.0), "ms", about);
    let ours: Vec<f64> = own.outcomes.iter().map(Outcome::our_cpu_percent).collect();
    let about = "of one core, in those rounds";
    report.figure("load_tester_cpu_at_own_share", median(&ours).unwrap_or(0.0), "%", about);
    let limited: u64 = own.outcomes.iter().map(|outcome| outcome.noted.limited).sum();
    if limited > 0 {
        report.note(format!(
            "{limited} sends at the server's own share were put off by the rate limit of the users \
             (20/s each): take more members"
        ));
    }
}

impl Outcome {
    /// Microseconds.
    pub(super) fn cpu_per_delivery(&self) -> Option<f64> {
        let deliveries = self.noted.deliveries;
        (deliveries > 0).then_some(self.cpu?.as_secs_f64() * 1e6 / deliveries as f64)
    }

    pub(super) fn deliveries_per_second(&self) -> f64 {
        self.noted.deliveries as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// Of one core.
    pub(super) fn our_cpu_percent(&self) -> f64 {
        100.0 * self.our_cpu.as_secs_f64() / self.took.as_secs_f64().max(1e-9)
    }

    pub(super) fn p99_ms(&self) -> f64 {
        self.noted.receipts.total().value_at_quantile(0.99) as f64 / 1e3
    }

    fn deliveries_per_read(&self) -> f64 {
        self.noted.deliveries as f64 / self.noted.reads.max(1) as f64
    }
}

impl Side {
    /// The median over the rounds.
    pub(super) fn middle(&self, value: impl Fn(&Outcome) -> Option<f64>) -> Option<f64> {
        median(&self.outcomes.iter().filter_map(value).collect::<Vec<f64>>())
    }

    /// All receipts of all rounds.
    fn receipts(&self) -> Option<Histogram<u64>> {
        let mut all = microseconds().ok()?;
        for outcome in &self.outcomes {
            all.add(outcome.noted.receipts.total()).ok()?;
        }
        Some(all)
    }
}

fn of_the_server(report: &mut Report, server: &Side) {
    if let Some(cpu) = server.middle(Outcome::cpu_per_delivery) {
        report.figure("cpu_per_delivery", cpu, "µs", "of the server, median of the rounds");
        report.figure("deliveries_per_cpu_second", 1e6 / cpu.max(1e-9), "1/s", "the same");
    }
    if let Some(receipts) = server.receipts() {
        let names = ["latency_p50", "latency_p99", "latency_p999", "latency_max"];
        report.latency(names, &receipts, "from due to each receipt");
    }
    let (Ok(mut whole), Ok(mut late)) = (microseconds(), microseconds()) else {
        return;
    };
    for outcome in &server.outcomes {
        let _ = whole.add(&outcome.noted.whole);
        if let Some(times) = &outcome.late {
            let _ = late.add(times);
        }
    }
    let names = ["whole_room_p50", "whole_room_p99", "whole_room_p999", "whole_room_max"];
    report.latency(names, &whole, "until the last member has it");
    if !late.is_empty() {
        let late = late.value_at_quantile(0.99) as f64 / 1e3;
        report.figure("send_late_p99", late, "ms", "the tester's own delay, inside the latencies");
    }
    let about = "of one core: near 100, the clients limit";
    report.figure("load_tester_cpu", our_cpu(server), "%", about);
    let count = |value: fn(&Outcome) -> u64| server.outcomes.iter().map(value).sum::<u64>();
    let put_off = count(|outcome| outcome.noted.put_off);
    let limited = count(|outcome| outcome.noted.limited);
    if put_off > 0 {
        report.note(format!(
            "the server put off {put_off} sends, {limited} of them by its rate limit (20/s of a \
             user): its CPU and latency include that; take more members or a lower rate"
        ));
    }
}

fn table(sides: &Sides) -> Table {
    let columns = [
        "side",
        "CPU µs per delivery",
        "deliveries per CPU-second",
        "p50 ms",
        "p99 ms",
        "max ms",
        "deliveries/s",
        "per read",
        "tester CPU %",
    ];
    let mut table = Table::new("sides", "Side by side, median of the rounds", &columns);
    for side in sides.all() {
        let cpu = side.middle(Outcome::cpu_per_delivery);
        let receipts = side.receipts();
        let at = |quantile| Some(receipts.as_ref()?.value_at_quantile(quantile) as f64 / 1e3);
        let numbers = [
            cpu,
            cpu.map(|cpu| 1e6 / cpu.max(1e-9)),
            at(0.5),
            at(0.99),
            at(1.0),
            side.middle(|outcome| Some(outcome.deliveries_per_second())),
            side.middle(|outcome| Some(outcome.deliveries_per_read())),
            side.middle(|outcome| Some(outcome.our_cpu_percent())),
        ];
        table.row(side.label, numbers);
    }
    table
}

/// The server by a baseline, round by round.
struct Ratios(Vec<f64>);

impl Ratios {
    fn of(server: &Side, baseline: &Side, value: impl Fn(&Outcome) -> Option<f64>) -> Option<Self> {
        let pairs = server.outcomes.iter().zip(&baseline.outcomes);
        let ratio = |(ours, theirs)| {
            let theirs = value(theirs).filter(|theirs| *theirs > 0.0)?;
            Some(value(ours)? / theirs)
        };
        let ratios: Vec<f64> = pairs.filter_map(ratio).collect();
        (!ratios.is_empty()).then_some(Self(ratios))
    }

    /// Median, least and most.
    fn spread(&self) -> [f64; 3] {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(0.0, f64::max);
        [median(&self.0).unwrap_or(0.0), least, most]
    }
}

fn ratios(report: &mut Report, sides: &Sides, mode: Mode) {
    let columns = ["server by", "CPU ×", "least", "most", "p99 ×", "least", "most"];
    let mut table = Table::new("ratios", "Ratios, median of the pairs and their spread", &columns);
    for baseline in &sides.baselines {
        let cpu = Ratios::of(&sides.server, baseline, Outcome::cpu_per_delivery);
        let late = Ratios::of(&sides.server, baseline, |outcome| Some(outcome.p99_ms()));
        let (cpu, late) = (cpu.map(|cpu| cpu.spread()), late.map(|late| late.spread()));
        let cells = [cpu, late].into_iter().flat_map(|spread| match spread {
            Some(spread) => spread.map(Some),
            None => [None; 3],
        });
        table.row(baseline.label, cells);
        ratio_figures(report, baseline.label, cpu, late);
        if baseline.label == Kind::Raw.name() {
            match (mode, cpu, late) {
                (Mode::Alone, Some([ratio, ..]), _) => {
                    report.goal("ratio", ratio, RATIO_GOAL, "×");
                }
                (Mode::Pressed, Some([ratio, ..]), _) => {
                    report.goal("pressed_ratio", ratio, PRESSED_GOAL, "×");
                }
                (Mode::Load(_), _, Some([ratio, ..])) => {
                    report.goal("p99_ratio", ratio, P99_GOAL, "×");
                    let text = "at one rate for both: see load_of_server, and p99_at_own_share";
                    report.beside_goal("p99_ratio", text);
                }
                _ => {}
            }
        }
    }
    if !sides.baselines.is_empty() {
        report.table(table);
    }
}

/// The medians of each baseline; of the bare writer the spread too, since goals hang on it.
fn ratio_figures(
    report: &mut Report,
    label: &'static str,
    cpu: Option<[f64; 3]>,
    late: Option<[f64; 3]>,
) {
    const CPU: &str = "CPU per delivery, server by baseline, median of the pairs";
    const LATE: &str = "latency p99, server by baseline, median of the pairs";
    for (name, about, spread) in [("ratio", CPU, cpu), ("p99_ratio", LATE, late)] {
        let Some([middle, least, most]) = spread else { continue };
        if label == Kind::Raw.name() {
            report.figure(name, middle, "×", about);
            report.figure(format!("{name}_least"), least, "×", "of the pairs");
            report.figure(format!("{name}_most"), most, "×", "of the pairs");
        } else {
            report.figure(format!("{name}_{}", label.replace('-', "_")), middle, "×", about);
        }
    }
}

fn row(outcome: &Outcome) -> Value {
    json!({
        "cpu_per_delivery_us": outcome.cpu_per_delivery(),
        "deliveries": outcome.noted.deliveries,
        "deliveries_per_read": outcome.deliveries_per_read(),
        "took_s": outcome.took.as_secs_f64(),
        "load_tester_cpu_s": outcome.our_cpu.as_secs_f64(),
        "put_off": outcome.noted.put_off,
        "rate_limited": outcome.noted.limited,
        "p50_us": outcome.noted.receipts.total().value_at_quantile(0.5),
        "p99_us": outcome.noted.receipts.total().value_at_quantile(0.99),
    })
}
