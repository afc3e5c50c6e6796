//! CPU and memory of processes, read again and again while a run lasts.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::chart::{Axis, Chart, Line};
use crate::proc::{CpuMark, Process};
use crate::report::rounded;

/// Reads until it is stopped or dropped. A process that has ended is read no more.
pub(crate) struct Sampler {
    tracks: Rc<RefCell<Vec<Track>>>,
    task: AbortHandle,
}

struct Track {
    label: String,
    process: Process,
    before: Option<(Instant, CpuMark)>,
    rows: Vec<Sample>,
}

/// One reading.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    /// Since the sampler started.
    pub at_s: f64,
    /// Of one core, since the reading before.
    pub cpu_percent: f64,
    pub rss_bytes: u64,
}

/// What was read, one list per process.
pub(crate) struct Samples(Vec<(String, Vec<Sample>)>);

impl Sampler {
    /// Must be called on a `LocalSet`.
    pub(crate) fn start<L: Into<String>>(
        processes: impl IntoIterator<Item = (L, Process)>,
        every: Duration,
    ) -> Self {
        let track = |(label, process): (L, Process)| Track {
            label: label.into(),
            process,
            before: None,
            rows: Vec::new(),
        };
        let tracks = Rc::new(RefCell::new(processes.into_iter().map(track).collect::<Vec<_>>()));
        let read = tracks.clone();
        let task = tokio::task::spawn_local(async move {
            let begin = Instant::now();
            let mut clock = interval(every);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                clock.tick().await;
                read.borrow_mut().iter_mut().for_each(|track| track.read(begin));
            }
        });
        Self { tracks, task: task.abort_handle() }
    }

    pub(crate) fn stop(self) -> Samples {
        let tracks = std::mem::take(&mut *self.tracks.borrow_mut());
        Samples(tracks.into_iter().map(|track| (track.label, track.rows)).collect())
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Track {
    fn read(&mut self, begin: Instant) {
        let now = Instant::now();
        let (Ok(mark), Ok(rss_bytes)) = (self.process.cpu(), self.process.resident()) else {
            return;
        };
        if let Some((then, before)) = &self.before {
            let passed = now.duration_since(*then).as_secs_f64().max(1e-9);
            let cpu_percent = 100.0 * mark.since(before).as_secs_f64() / passed;
            let at_s = now.duration_since(begin).as_secs_f64();
            let (at_s, cpu_percent) = (rounded(at_s), rounded(cpu_percent));
            self.rows.push(Sample { at_s, cpu_percent, rss_bytes });
        }
        self.before = Some((now, mark));
    }
}

impl Samples {
    /// The readings of the process with this label; none if there is no such process.
    pub(crate) fn of(&self, label: &str) -> &[Sample] {
        self.0.iter().find(|(name, _)| name == label).map_or(&[], |(_, rows)| rows)
    }

    pub(crate) fn most_memory(&self, label: &str) -> Option<u64> {
        self.of(label).iter().map(|sample| sample.rss_bytes).max()
    }

    pub(crate) fn cpu_chart(&self, name: &'static str) -> Chart {
        let lines = self.lines(|sample| sample.cpu_percent);
        self.chart(name, "CPU over time", Axis::linear("CPU of one core", "%"), lines)
    }

    pub(crate) fn memory_chart(&self, name: &'static str) -> Chart {
        let lines = self.lines(|sample| sample.rss_bytes as f64 / f64::from(1 << 20));
        self.chart(name, "Memory over time", Axis::linear("resident memory", "MiB"), lines)
    }

    /// The raw rows, for a report's `series`.
    pub(crate) fn rows(&self) -> Value {
        self.0.iter().map(|(label, rows)| (label.clone(), json!(rows))).collect()
    }

    fn chart(&self, name: &'static str, title: &str, y: Axis, lines: Vec<Line>) -> Chart {
        Chart { name, title: title.to_owned(), x: Axis::linear("time", "s"), y, lines }
    }

    fn lines(&self, value: impl Fn(&Sample) -> f64) -> Vec<Line> {
        let points = |rows: &[Sample]| rows.iter().map(|row| (row.at_s, value(row))).collect();
        self.0.iter().map(|(label, rows)| Line::new(label.clone(), points(rows))).collect()
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn a_process_is_read_until_the_sampler_stops() {
        let read = async {
            let me = Process::ours();
            let sampler = Sampler::start([("us", me)], Duration::from_millis(1));
            // Readings come by themselves; three of them must come.
            while sampler.tracks.borrow().iter().any(|track| track.rows.len() < 3) {
                tokio::task::yield_now().await;
            }
            sampler.stop()
        };
        let samples = LocalSet::new().run_until(read).await;
        let rows = samples.of("us");
        assert!(rows.len() >= 3);
        assert!(rows.windows(2).all(|pair| pair[0].at_s <= pair[1].at_s));
        assert!(samples.most_memory("us") > Some(100_000));
        assert_eq!(samples.of("nobody").len(), 0);
        assert_eq!(samples.memory_chart("memory").lines[0].points.len(), rows.len());
        assert_eq!(samples.rows().pointer("/us/0/at_s"), Some(&json!(rows[0].at_s)));
    }
}
