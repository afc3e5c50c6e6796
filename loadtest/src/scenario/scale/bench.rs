//! Measures one axis after the other.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::places::Places;
use super::point::Point;
use super::{Axis, BYTES, Options, Row};
use crate::check::Faults;
use crate::proc::Process;
use crate::progress::Progress;

/// Where the axes are measured, one after the other.
pub(super) struct Bench<'a> {
    pub options: &'a Options,
    pub places: Places<'a>,
    pub process: Process,
    pub faults: Faults,
    pub trouble: Vec<String>,
    /// Sends that a rate limit put off.
    pub put_off: u64,
}

impl Bench<'_> {
    pub(super) async fn measure(&mut self, axis: Axis) -> Result<Vec<Row>> {
        if axis == Axis::Idle {
            return self.beside_idle().await;
        }
        let mut points = self.points(axis).await?;
        quiet(self.process).await?;
        let mut rows: Vec<Row> = points.iter().map(Point::row).collect();
        let progress = Progress::new(axis.name(), points.len() * (self.options.rounds + 1));
        // The first turn warms up and is not counted.
        for round in 0..=self.options.rounds {
            for (point, row) in points.iter_mut().zip(&mut rows) {
                let spent = point.round(self.options.messages, self.process).await?;
                if round > 0 {
                    row.costs.push(spent.cost(0.0));
                }
                progress.step(1);
            }
        }
        progress.done();
        for point in &mut points {
            self.judge(axis, point);
        }
        Ok(rows)
    }

    /// What all sessions of a point saw, and what went wrong besides.
    fn judge(&mut self, axis: Axis, point: &mut Point) {
        for crowd in &mut point.crowds {
            self.faults.add(crowd.verdict());
            self.trouble.extend(crowd.refused());
            self.trouble.extend(crowd.dropped());
        }
        if point.stalled > 0 {
            let at = format!("{} {}", axis.name(), point.size);
            self.trouble.push(format!("{at}: messages stopped getting through"));
        }
        self.put_off += point.put_off;
    }

    async fn points(&self, axis: Axis) -> Result<Vec<Point>> {
        let (base, places) = (self.options.base, &self.places);
        let sizes = self.options.sizes(axis);
        let mut points = Vec::new();
        // On the axis of members a room of one shows what a message costs without deliveries.
        let alone = (axis == Axis::Members).then_some(&1);
        for size in alone.into_iter().chain(sizes) {
            points.push(match axis {
                Axis::Bytes => places.rooms(1, base, *size).await?.of_size(*size),
                Axis::Members => places.rooms(1, *size, BYTES).await?.of_size(*size),
                Axis::Rooms => places.rooms(*size, self.options.room_size, BYTES).await?,
                Axis::History | Axis::Idle => {
                    let mut point = places.rooms(1, base, BYTES).await?.of_size(*size);
                    point.fill(*size).await?;
                    point
                }
            });
        }
        Ok(points)
    }

    /// Idle connections only grow in number, so the sizes come one after the other; what the idle
    /// ones cost by themselves is measured in silence and taken away.
    async fn beside_idle(&mut self) -> Result<Vec<Row>> {
        let Options { base, messages, rounds, silence, .. } = *self.options;
        let mut point = self.places.rooms(1, base, BYTES).await?;
        let (mut rows, mut idle) = (Vec::new(), self.places.idle());
        for size in &self.options.idle {
            idle.grow_to(*size).await?;
            quiet(self.process).await?;
            let before = self.process.cpu()?;
            sleep(Duration::from_secs_f64(silence)).await;
            let silent = self.process.cpu()?.since(&before).as_secs_f64() / silence;
            let mut row = Row { size: *size, members: base, costs: Vec::new() };
            let progress = Progress::new("idle", rounds + 1);
            for round in 0..=rounds {
                let spent = point.round(messages, self.process).await?;
                if round > 0 {
                    row.costs.push(spent.cost(silent));
                }
                progress.step(1);
            }
            progress.done();
            rows.push(row);
        }
        let dropped = idle.dropped();
        self.judge(Axis::Idle, &mut point);
        self.trouble.extend(dropped);
        Ok(rows)
    }
}

/// Waits until the server does next to nothing, at most half a minute: what went before must not be
/// counted in what comes.
pub(super) async fn quiet(process: Process) -> Result<()> {
    for _ in 0..30 {
        let before = process.cpu()?;
        sleep(Duration::from_secs(1)).await;
        if process.cpu()?.since(&before) < Duration::from_millis(20) {
            break;
        }
    }
    Ok(())
}
