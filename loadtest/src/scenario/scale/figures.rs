//! What a unit costs at each point, and the largest point by the smallest.

use serde_json::{Value, json};

use super::{Axis, Row};
use crate::chart::{Axis as ChartAxis, Chart, Line};
use crate::report::{Report, median};
use crate::table::Table;

const GOAL: f64 = 1.15;
/// A point whose deliveries are a smaller part of its cost says nothing about a delivery.
const JUDGED: f64 = 0.2;

/// One size, ready to be shown.
struct Place<'r> {
    row: &'r Row,
    /// What a unit costs, by rounds: a message; on the axis of members a delivery, less what a
    /// message costs in a room of one.
    units: Vec<f64>,
    /// Whether its units can be compared.
    is_judged: bool,
}

impl<'r> Place<'r> {
    fn of(row: &'r Row, alone: Option<&Row>) -> Self {
        let Some(alone) = alone else {
            return Self { row, units: row.costs.clone(), is_judged: true };
        };
        let further = row.members.saturating_sub(1).max(1) as f64;
        let pairs = row.costs.iter().zip(&alone.costs);
        let units = pairs.map(|(cost, alone)| (cost - alone) / further).collect();
        let (cost, fixed) = (median(&row.costs), median(&alone.costs));
        let share = |cost: f64| (cost - fixed.unwrap_or(0.0)) / cost;
        Self { row, units, is_judged: cost.is_some_and(|cost| share(cost) >= JUDGED) }
    }

    /// Round by round, the unit by that of another place.
    fn by(&self, other: &Self) -> Vec<f64> {
        let pairs = self.units.iter().zip(&other.units);
        pairs.filter(|(_, other)| **other > 0.0).map(|(unit, other)| unit / other).collect()
    }
}

pub(super) fn tell(report: &mut Report, axis: Axis, rows: &[Row]) {
    let (alone, others) = match rows.split_first() {
        Some((alone, others)) if axis == Axis::Members => (Some(alone), others),
        _ => (None, rows),
    };
    let places: Vec<Place<'_>> = others.iter().map(|row| Place::of(row, alone)).collect();
    let smallest = places.iter().find(|place| place.is_judged);
    let ratios = |place: &Place<'_>| match smallest {
        Some(smallest) if place.is_judged => place.by(smallest),
        _ => Vec::new(),
    };

    let unit = if alone.is_some() { "µs per further delivery" } else { "µs per message" };
    let columns = [axis.name(), "CPU µs per message", "per delivery", unit, "by smallest ×"];
    let mut table = Table::new(axis.name(), axis.title(), &columns);
    if let Some(alone) = alone {
        table.row(alone.size, [median(&alone.costs), median(&alone.costs), None, None]);
    }
    for place in &places {
        let cost = median(&place.row.costs);
        let per_delivery = cost.map(|cost| cost / place.row.members.max(1) as f64);
        let ratio = median(&ratios(place));
        table.row(place.row.size, [cost, per_delivery, median(&place.units), ratio]);
    }
    report.table(table);
    report.chart(chart(axis, &places, unit));
    let row = |row: &Row| json!({"size": row.size, "cpu_us_per_message": row.costs});
    report.series(axis.name(), rows.iter().map(row).collect::<Vec<Value>>());

    let largest = places.last().filter(|largest| largest.is_judged).map(ratios);
    let Some((ratio, ratios)) = largest.and_then(|ratios| Some((median(&ratios)?, ratios))) else {
        let name = axis.name();
        return report.note(format!("{name}: too small to tell the cost of a unit from noise"));
    };
    let about = "cost of a unit, largest by smallest, median of the rounds";
    let end = |pick: fn(f64, f64) -> f64| ratios.iter().copied().reduce(pick).unwrap_or(ratio);
    report.figure(format!("{}_ratio", axis.name()), ratio, "×", about);
    report.figure(format!("{}_ratio_least", axis.name()), end(f64::min), "×", "of the rounds");
    report.figure(format!("{}_ratio_most", axis.name()), end(f64::max), "×", "of the rounds");
    report.goal(axis.name(), ratio, GOAL, "×");
}

fn chart(axis: Axis, places: &[Place<'_>], unit: &'static str) -> Chart {
    // Nothing has no place on a logarithmic axis, and one idle connection is next to nothing.
    let at = |place: &Place<'_>| (place.row.size as f64).max(1.0);
    // A difference may come out below zero: it shows how much of it is noise.
    let points = places.iter().filter_map(|place| Some((at(place), median(&place.units)?)));
    Chart {
        name: axis.name(),
        title: axis.title().to_owned(),
        x: ChartAxis::log(axis.name(), ""),
        y: ChartAxis::linear("CPU", unit),
        lines: vec![Line::new("server", points.collect())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(size: usize, costs: &[f64]) -> Row {
        Row { size, members: size, costs: costs.to_vec() }
    }

    #[test]
    fn a_delivery_is_judged_without_the_cost_that_every_message_has() {
        let rows = [
            row(1, &[500.0, 510.0]),
            row(10, &[530.0, 540.0]),
            row(100, &[896.0, 906.0]),
            row(1_000, &[4_496.0, 4_506.0]),
        ];
        let mut report = Report::new("scale", super::super::GOALS, &[], 1).unwrap();
        tell(&mut report, Axis::Members, &rows);
        let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        let unit = |row: usize, column: usize| {
            json.pointer(&format!("/tables/0/rows/{row}/{column}")).unwrap().as_f64()
        };
        assert_eq!(unit(1, 4), None, "ten deliveries drown in what a message costs");
        assert_eq!((unit(2, 3), unit(3, 3)), (Some(4.0), Some(4.0)));
        assert_eq!(json.pointer("/goals/members/value"), Some(&json!(1.0)));
    }

    #[test]
    fn the_largest_is_compared_with_the_smallest_round_by_round() {
        let rows = [row(1, &[100.0, 200.0, 100.0]), row(9, &[120.0, 240.0, 130.0])];
        let mut report = Report::new("scale", super::super::GOALS, &[], 1).unwrap();
        tell(&mut report, Axis::History, &rows);
        let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json.pointer("/goals/history/value"), Some(&json!(1.2)));
        assert_eq!(json.pointer("/goals/history/is_met"), Some(&json!(false)));
        assert_eq!(json.pointer("/figures/history_ratio_most/value"), Some(&json!(1.3)));
    }
}
