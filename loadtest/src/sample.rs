//! CPU and memory of processes, read again and again from the first moment of a run to its last, over
//! all lives of each.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::chart::{Axis, Chart, Line};
use crate::proc::CpuMark;
use crate::report::{Report, rounded};
use crate::subject::Subject;
use crate::timeline::Counts;

pub(crate) const SERVER: &str = "server";
pub(crate) const LOAD_TESTER: &str = "load tester";
const EVERY: Duration = Duration::from_millis(100);
/// What is read sooner after the reading before goes into its row.
const SOON: Duration = Duration::from_millis(20);
/// A longer run has longer rows, and a row more for each life.
const MOST_ROWS: usize = 600;
/// Less CPU time than this says nothing about what a thing costs.
const TELLING: f64 = 0.005;

/// Reads while any clone of it lives.
#[derive(Clone)]
pub(crate) struct Sampler {
    tracks: Tracks,
    zero: Rc<Cell<Instant>>,
    _clock: Rc<Clock>,
}

type Tracks = Rc<RefCell<Vec<Track>>>;

struct Clock(AbortHandle);

impl Drop for Clock {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A life of a process. It is read a last time when this is dropped, which must be before the process
/// is ended from here.
pub(crate) struct Follow {
    tracks: Tracks,
    at: usize,
}

impl Follow {
    /// Reads it now.
    pub(crate) fn look(&self) {
        if let Some(track) = self.tracks.borrow_mut().get_mut(self.at) {
            track.read();
        }
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        if let Some(track) = self.tracks.borrow_mut().get_mut(self.at) {
            track.end();
        }
    }
}

/// What goes by one name in pictures: one process after the other.
struct Track {
    label: String,
    /// Nothing between two lives.
    subject: Option<Subject>,
    before: Option<(Instant, CpuMark)>,
    births: Vec<Instant>,
    rows: Vec<Row>,
    width: Duration,
}

/// One reading, or some of one life.
#[derive(Clone, Copy)]
struct Row {
    life: usize,
    pid: Option<u32>,
    end: Instant,
    span: Duration,
    /// CPU time within the span.
    used: Duration,
    /// The most.
    rss_bytes: u64,
}

/// A row as it is kept.
#[derive(Clone, Copy, Debug, Serialize)]
struct Sample {
    /// When it was read, on the clock of the pictures; below zero while the run was prepared.
    at_s: f64,
    /// Of one core, since the reading before.
    cpu_percent: f64,
    rss_bytes: u64,
    /// Nothing when several processes are read as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
}

impl Sampler {
    /// Must be called on a `LocalSet`.
    pub(crate) fn start() -> Self {
        let tracks = Tracks::default();
        let read = Rc::clone(&tracks);
        let task = tokio::task::spawn_local(async move {
            let mut clock = interval(EVERY);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                clock.tick().await;
                read.borrow_mut().iter_mut().for_each(Track::read);
            }
        });
        let clock = Rc::new(Clock(task.abort_handle()));
        Self { tracks, zero: Rc::new(Cell::new(Instant::now())), _clock: clock }
    }

    /// Reads it from now on, as the next life of what had this name before. Where that still lives, a
    /// number tells the two apart.
    pub(crate) fn follow(&self, label: &str, subject: impl Into<Subject>) -> Follow {
        let mut tracks = self.tracks.borrow_mut();
        let names = (2..).map(|number| format!("{label} {number}"));
        for name in std::iter::once(label.to_owned()).chain(names) {
            let known = tracks.iter().position(|track| track.label == name);
            let at = known.unwrap_or(tracks.len());
            if known.is_none() {
                tracks.push(Track::new(name));
            }
            let Some(track) = tracks.get_mut(at).filter(|track| track.subject.is_none()) else {
                continue;
            };
            track.begin(subject.into());
            return Follow { tracks: Rc::clone(&self.tracks), at };
        }
        unreachable!("names do not run out")
    }

    /// Pictures begin here: what was before was preparation. Returns this moment.
    pub(crate) fn begin(&self) -> Instant {
        self.zero.set(Instant::now());
        self.zero.get()
    }

    pub(crate) fn zero(&self) -> Instant {
        self.zero.get()
    }

    /// The most memory since a moment; nothing when none was read.
    pub(crate) fn most_memory(&self, label: &str, since: Instant) -> Option<u64> {
        let tracks = self.tracks.borrow();
        let rows = tracks.iter().filter(|track| track.label == label).flat_map(|one| &one.rows);
        rows.filter(|row| row.end >= since).map(|row| row.rss_bytes).max()
    }

    /// What came by the CPU time that the server used meanwhile.
    pub(crate) fn efficiency(&self, what: &str, counts: &Counts) -> Chart {
        let (zero, tracks) = (self.zero.get(), self.tracks.borrow());
        let server = tracks.iter().find(|track| track.label == SERVER);
        let point = |(begin, width, count): (Instant, Duration, u64)| {
            let used = server?.used(begin, begin + width);
            (used >= TELLING).then(|| (seconds(zero, begin), count as f64 / used))
        };
        Chart {
            name: "per_cpu_second",
            title: format!("{what} per CPU-second of the server"),
            x: Axis::linear("time", "s"),
            y: Axis::linear(what.to_lowercase(), "1/CPU-s"),
            lines: vec![Line::new(SERVER, counts.iter().filter_map(point).collect())],
        }
    }

    /// The pictures of CPU and memory, and all rows.
    pub(crate) fn report(&self, report: &mut Report) {
        let cpu = Axis::linear("CPU of one core", "%");
        let lines = self.lines(|_| true, |sample| sample.cpu_percent);
        report.chart(self.chart("cpu", "CPU over time", cpu, lines));
        // Ours has its own reasons, and would press the others to the ground.
        let is_alone = self.tracks.borrow().len() == 1;
        let memory = Axis::linear("resident memory", "MiB");
        let is_shown = |label: &str| is_alone || label != LOAD_TESTER;
        let lines = self.lines(is_shown, |sample| sample.rss_bytes as f64 / f64::from(1 << 20));
        report.chart(self.chart("memory", "Memory over time", memory, lines));
        report.series("processes", self.rows());
    }

    fn rows(&self) -> Value {
        let (zero, tracks) = (self.zero.get(), self.tracks.borrow());
        let rows = |track: &Track| json!(track.samples(zero).collect::<Vec<_>>());
        tracks.iter().map(|track| (track.label.clone(), rows(track))).collect()
    }

    fn chart(&self, name: &'static str, title: &str, y: Axis, lines: Vec<Line>) -> Chart {
        let is_born_again = lines.iter().any(|line| !line.starts.is_empty());
        let title = title.to_owned() + if is_born_again { " (¦ started again)" } else { "" };
        Chart { name, title, x: Axis::linear("time", "s"), y, lines }
    }

    /// Ours last: the others are what it is about.
    fn lines(&self, shown: impl Fn(&str) -> bool, value: impl Fn(&Sample) -> f64) -> Vec<Line> {
        let (zero, tracks) = (self.zero.get(), self.tracks.borrow());
        let line = |track: &Track| {
            let samples = track.samples(zero).filter(|sample| sample.at_s >= 0.0);
            let points = samples.map(|sample| (sample.at_s, value(&sample))).collect();
            let births = track.births.iter().skip(1).map(|birth| seconds(zero, *birth));
            let starts = births.filter(|at| *at >= 0.0).collect();
            Line { starts, ..Line::new(track.label.clone(), points) }
        };
        let (ours, others): (Vec<&Track>, Vec<&Track>) =
            tracks.iter().partition(|track| track.label == LOAD_TESTER);
        let all = others.into_iter().chain(ours).filter(|track| shown(&track.label));
        all.map(line).filter(|line| !line.points.is_empty()).collect()
    }
}

impl Track {
    fn new(label: String) -> Self {
        let (births, rows) = (Vec::new(), Vec::new());
        Self { label, subject: None, before: None, births, rows, width: EVERY }
    }

    fn begin(&mut self, subject: Subject) {
        let now = Instant::now();
        self.births.push(now);
        self.before = subject.cpu().ok().map(|mark| (now, mark));
        self.subject = Some(subject);
    }

    fn end(&mut self) {
        self.read();
        (self.subject, self.before) = (None, None);
    }

    fn read(&mut self) {
        let Some((subject, (then, before))) = self.subject.as_ref().zip(self.before.as_ref())
        else {
            return;
        };
        let end = Instant::now();
        let (Ok(mark), Ok(rss_bytes)) = (subject.cpu(), subject.resident()) else { return };
        // A process that has ended, and whose end nobody has noticed yet.
        if rss_bytes == 0 {
            return;
        }
        let (span, used) = (end.duration_since(*then), mark.since(before));
        let (life, pid) = (self.births.len(), subject.pid());
        self.before = Some((end, mark));
        self.add(Row { life, pid, end, span, used, rss_bytes });
    }

    fn add(&mut self, row: Row) {
        match self.rows.last_mut() {
            Some(last) if last.takes(&row, self.width) => last.join(&row),
            _ => self.rows.push(row),
        }
        if self.rows.len() > MOST_ROWS + self.births.len() {
            self.width *= 2;
            std::mem::take(&mut self.rows).into_iter().for_each(|row| self.add(row));
        }
    }

    /// CPU seconds between two moments.
    fn used(&self, from: Instant, to: Instant) -> f64 {
        let share = |row: &Row| {
            let begin = row.end.checked_sub(row.span)?;
            let both = row.end.min(to).saturating_duration_since(begin.max(from));
            Some(row.used.as_secs_f64() * both.as_secs_f64() / row.span.as_secs_f64().max(1e-9))
        };
        self.rows.iter().filter_map(share).sum()
    }

    fn samples(&self, zero: Instant) -> impl Iterator<Item = Sample> {
        self.rows.iter().map(move |row| Sample {
            at_s: rounded(seconds(zero, row.end)),
            cpu_percent: rounded(100.0 * row.used.as_secs_f64() / row.span.as_secs_f64().max(1e-9)),
            rss_bytes: row.rss_bytes,
            pid: row.pid,
        })
    }
}

impl Row {
    /// Readings are never exactly as far apart as they should be.
    fn takes(&self, next: &Self, width: Duration) -> bool {
        let fits = next.span < SOON || self.span + next.span <= width + width / 4;
        self.life == next.life && fits
    }

    fn join(&mut self, next: &Self) {
        self.end = next.end;
        self.span += next.span;
        self.used += next.used;
        self.rss_bytes = self.rss_bytes.max(next.rss_bytes);
    }
}

/// From zero to a moment, which may be before it.
fn seconds(zero: Instant, at: Instant) -> f64 {
    let before = zero.saturating_duration_since(at).as_secs_f64();
    at.saturating_duration_since(zero).as_secs_f64() - before
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::proc::Process;

    /// The readings of this name, as they are kept.
    fn kept(sampler: &Sampler, label: &str) -> Vec<Value> {
        let rows = sampler.rows();
        rows.get(label).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    async fn reads(sampler: &Sampler, label: &str, count: usize) {
        // Readings come by themselves.
        while kept(sampler, label).len() < count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn every_life_is_read_under_one_name() {
        let read = async {
            let sampler = Sampler::start();
            let begin = sampler.begin();
            let first = sampler.follow(SERVER, Process::ours());
            reads(&sampler, SERVER, 3).await;
            drop(first);
            let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
            let second = sampler.follow(SERVER, Process::of(child.id()));
            let beside = sampler.follow(SERVER, Process::ours());
            reads(&sampler, "server 2", 1).await;
            drop((second, beside));
            child.kill().unwrap();
            child.wait().unwrap();
            let rows = kept(&sampler, SERVER);
            let pids: Vec<_> = rows.iter().filter_map(|row| row["pid"].as_u64()).collect();
            assert_eq!(pids.first(), Some(&u64::from(std::process::id())));
            assert_eq!(pids.last(), Some(&u64::from(child.id())));
            let times: Vec<_> = rows.iter().filter_map(|row| row["at_s"].as_f64()).collect();
            assert!(times.is_sorted() && times.len() == rows.len(), "{times:?}");
            assert!(sampler.most_memory(SERVER, begin) > Some(100_000));
            assert_eq!(sampler.most_memory("nobody", begin), None);
            let lines = sampler.lines(|_| true, |sample| sample.cpu_percent);
            let starts: Vec<_> = lines.iter().map(|line| line.starts.len()).collect();
            assert_eq!(starts, [1, 0], "the server was started again once");
            assert_eq!(lines[0].points.len(), rows.len());
        };
        LocalSet::new().run_until(read).await;
    }

    #[test]
    fn a_long_run_has_longer_rows_and_loses_no_time_and_no_peak() {
        let (zero, tick) = (Instant::now(), Duration::from_millis(101));
        let mut track = Track::new(SERVER.to_owned());
        for life in 1..=3_u32 {
            track.births.push(zero);
            for number in 0..2_000 {
                let end = zero + tick * (life * 2_000 + number);
                let rss_bytes = if number == 77 { 900 } else { 100 };
                let used = Duration::from_millis(1);
                let life = life as usize;
                track.add(Row { life, pid: None, end, span: tick, used, rss_bytes });
            }
        }
        let count = track.rows.len();
        assert!((MOST_ROWS / 4..=MOST_ROWS + 3).contains(&count), "{count} rows");
        let used: Duration = track.rows.iter().map(|row| row.used).sum();
        assert_eq!(used, Duration::from_secs(6));
        assert_eq!(track.rows.iter().filter(|row| row.rss_bytes == 900).count(), 3);
        let half = track.used(zero + tick * 1_999, zero + tick * 4_999);
        assert!((half - 3.0).abs() < 0.02, "{half} of six seconds");
    }
}
