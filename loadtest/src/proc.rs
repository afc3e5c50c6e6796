//! What Linux tells about a process: CPU time, memory, threads; and the limits of our own.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;
use tokio::time::{Instant, sleep};

/// Processes that are one server together, at most.
pub(crate) const MOST_NODES: usize = 8;

/// A process whose figures are read; it need not be our child. Of a server of several nodes: all of
/// them, whose figures are sums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    /// Behind the last one are zeros.
    pids: [u32; MOST_NODES],
}

/// CPU time of a process at one moment, in two resolutions.
pub(crate) struct CpuMark {
    /// User and system time of the whole process, ended threads included; steps of 10 ms.
    coarse: Duration,
    /// Nanoseconds on a CPU of each living thread; empty where the kernel does not count them.
    fine: HashMap<u32, u64>,
}

impl CpuMark {
    /// The time used since `earlier`: the fine sum, unless threads that ended took time with them.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let coarse = self.coarse.saturating_sub(earlier.coarse);
        let fine = self.fine.iter().map(|(thread, time)| {
            time.saturating_sub(earlier.fine.get(thread).copied().unwrap_or(0))
        });
        let fine = Duration::from_nanos(fine.sum());
        let tolerance = Duration::from_millis(30);
        if fine.is_zero() || fine + tolerance < coarse { coarse } else { fine }
    }
}

impl std::ops::AddAssign for CpuMark {
    /// That of another process.
    fn add_assign(&mut self, other: Self) {
        self.coarse += other.coarse;
        self.fine.extend(other.fine);
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    pub rss_bytes: u64,
    pub anon_bytes: u64,
}

impl Process {
    pub(crate) fn of(pid: u32) -> Self {
        let mut pids = [0; MOST_NODES];
        pids[0] = pid;
        Self { pids }
    }

    /// The first so many of these together; none without any.
    pub(crate) fn all(nodes: &[u32]) -> Option<Self> {
        let mut pids = [0; MOST_NODES];
        pids.iter_mut().zip(nodes).for_each(|(place, pid)| *place = *pid);
        (!nodes.is_empty()).then_some(Self { pids })
    }

    /// This program.
    pub(crate) fn ours() -> Self {
        Self::of(std::process::id())
    }

    fn pids(&self) -> impl Iterator<Item = u32> {
        self.pids.into_iter().take_while(|pid| *pid != 0)
    }

    /// Its id, if it is one.
    pub(crate) fn only(&self) -> Option<u32> {
        let mut pids = self.pids();
        pids.next().filter(|_| pids.next().is_none())
    }

    /// One by one.
    pub(crate) fn each(&self) -> impl Iterator<Item = Self> {
        self.pids().map(Self::of)
    }

    pub(crate) fn cpu(&self) -> Result<CpuMark> {
        let mut mark = CpuMark { coarse: Duration::ZERO, fine: HashMap::new() };
        for pid in self.pids() {
            mark.coarse += coarse(pid)?;
            mark.fine.extend(thread_times(pid));
        }
        Ok(mark)
    }

    /// The most memory that the process ever had, in bytes.
    pub(crate) fn peak_rss(&self) -> Result<u64> {
        self.pids().map(peak_rss).sum()
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        let mut sum = Memory { rss_bytes: 0, anon_bytes: 0 };
        for pid in self.pids() {
            let Memory { rss_bytes, anon_bytes } = memory(pid)?;
            sum.rss_bytes += rss_bytes;
            sum.anon_bytes += anon_bytes;
        }
        Ok(sum)
    }

    /// Resident memory in bytes as the kernel's counters have it: cheap enough to read often, and
    /// some pages off where `memory` is exact.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.pids().map(resident).sum()
    }

    /// How much of it others have, too.
    pub(crate) fn shared(&self) -> Result<u64> {
        self.pids().map(|pid| pages(pid, 2)).sum()
    }

    /// Waits until the memory has stopped moving (under 0.5 % within two seconds), at most `limit`.
    pub(crate) async fn settled_memory(&self, limit: Duration) -> Result<Memory> {
        let deadline = Instant::now() + limit;
        let mut before = self.memory()?;
        loop {
            sleep(Duration::from_secs(2)).await;
            let now = self.memory()?;
            let moved = now.rss_bytes.abs_diff(before.rss_bytes);
            if moved * 200 < now.rss_bytes || Instant::now() >= deadline {
                return Ok(now);
            }
            before = now;
        }
    }

    /// Open files and sockets.
    pub(crate) fn descriptors(&self) -> usize {
        self.pids().map(|pid| entries(pid, "fd")).sum()
    }

    pub(crate) fn threads(&self) -> usize {
        self.pids().map(|pid| entries(pid, "task")).sum()
    }
}

fn coarse(pid: u32) -> Result<Duration> {
    let stat = read(pid, "stat")?;
    // The name in brackets may hold blanks.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_micros(ticks * 1_000_000 / per_second))
}

fn thread_times(pid: u32) -> HashMap<u32, u64> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return HashMap::new();
    };
    let time = |entry: fs::DirEntry| {
        let thread = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read_to_string(entry.path().join("schedstat")).ok()?;
        Some((thread, line.split_whitespace().next()?.parse().ok()?))
    };
    threads.flatten().filter_map(time).collect()
}

fn peak_rss(pid: u32) -> Result<u64> {
    let text = read(pid, "status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("no peak of memory in /proc")? * 1024)
}

fn memory(pid: u32) -> Result<Memory> {
    // `smaps_rollup` is exact; `status` is what is left without the right to read it.
    let text = read(pid, "smaps_rollup").or_else(|_| read(pid, "status"))?;
    let field = |names: &[&str]| {
        let line = text.lines().find(|line| names.iter().any(|name| line.starts_with(name)))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    let rss = field(&["Rss:", "VmRSS:"]).context("no resident size in /proc")?;
    let anon = field(&["Anonymous:", "RssAnon:"]).unwrap_or(0);
    Ok(Memory { rss_bytes: rss * 1024, anon_bytes: anon * 1024 })
}

fn resident(pid: u32) -> Result<u64> {
    pages(pid, 1)
}

/// Bytes by a field of `statm`: 1 is what is resident, 2 what of that is shared with others.
fn pages(pid: u32, field: usize) -> Result<u64> {
    let count = read(pid, "statm")?.split_whitespace().nth(field).and_then(|p| p.parse().ok());
    let count: u64 = count.context("no resident size in /proc")?;
    Ok(count * rustix::param::page_size() as u64)
}

fn entries(pid: u32, folder: &str) -> usize {
    fs::read_dir(format!("/proc/{pid}/{folder}")).map_or(0, Iterator::count)
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
}

/// Raises our limit of open files to what the system allows, and returns it. Children inherit it.
pub(crate) fn raise_file_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised,
        Err(_) => limit,
    };
    limit.current.unwrap_or(u64::MAX)
}

/// The CPUs for the process under test and for ourselves, when the two are kept apart.
pub(crate) struct Pins {
    ours: CpuSet,
    theirs: CpuSet,
}

impl Pins {
    /// The first allowed CPU for them, the others for us. `None` with a single CPU.
    pub(crate) fn split() -> Result<Option<Self>> {
        let allowed = sched_getaffinity(None)?;
        let mut cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let Some(first) = cpus.next() else {
            return Ok(None);
        };
        let (mut ours, mut theirs) = (allowed, CpuSet::new());
        ours.unset(first);
        theirs.set(first);
        Ok(cpus.next().is_some().then_some(Self { ours, theirs }))
    }

    /// Runs `spawn` on their CPUs, so that the child inherits them, then goes back to ours.
    pub(crate) fn spawn_apart<T>(&self, spawn: impl FnOnce() -> T) -> Result<T> {
        sched_setaffinity(None, &self.theirs)?;
        let child = spawn();
        sched_setaffinity(None, &self.ours)?;
        Ok(child)
    }
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub cores: usize,
    pub cpu: String,
    pub kernel: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
        let cpu = model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, cpu)| cpu);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: cpu.to_owned(),
            kernel: kernel.trim().to_owned(),
        }
    }

    pub(crate) fn text(&self) -> String {
        let Self { cores, cpu, kernel } = self;
        format!("{cores} × {cpu} · Linux {kernel}")
    }

    /// A short name for a folder, like `xeon-2core`: what is left of the processor's name without
    /// its maker and its frequency.
    pub(crate) fn short_name(&self) -> String {
        const EMPTY: &[&str] =
            &["intel", "amd", "r", "tm", "cpu", "processor", "with", "gen", "core"];
        let name = self.cpu.split('@').next().unwrap_or_default().to_lowercase();
        let words = name.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<&str> =
            words.filter(|word| !word.is_empty() && !EMPTY.contains(word)).take(3).collect();
        let name = if words.is_empty() { "unknown".to_owned() } else { words.join("-") };
        format!("{name}-{}core", self.cores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_used_time_and_memory() {
        let me = Process::ours();
        let before = me.cpu().unwrap();
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_millis(60) {
            std::hint::black_box(0);
        }
        let used = me.cpu().unwrap().since(&before);
        assert!(used > Duration::from_millis(5), "{used:?}");
        assert!(me.memory().unwrap().rss_bytes > 100_000);
        assert!(me.threads() >= 1);
    }

    #[test]
    fn several_processes_are_the_sum_of_each() {
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let both = Process::all(&[std::process::id(), other.id()]).unwrap();
        let each: Vec<u64> = both.each().map(|one| one.resident().unwrap()).collect();
        let (sum, threads) = (both.resident().unwrap(), both.threads());
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(each.len() == 2 && each.iter().all(|rss| *rss > 0 && *rss < sum), "{each:?} {sum}");
        assert!(threads >= 2, "{threads}");
        assert!(both.cpu().is_err(), "one of them is gone");
        assert!(Process::all(&[]).is_none());
    }

    #[test]
    fn a_machine_has_a_short_name() {
        let named = |cpu: &str| {
            Machine { cores: 2, cpu: cpu.to_owned(), kernel: String::new() }.short_name()
        };
        assert_eq!(named("Intel(R) Xeon(R) Processor"), "xeon-2core");
        assert_eq!(named("Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz"), "i7-8700-2core");
        assert_eq!(named("AMD Ryzen 9 7950X 16-Core Processor"), "ryzen-9-7950x-2core");
        assert_eq!(named("unknown"), "unknown-2core");
    }

    #[test]
    fn time_of_ended_threads_is_not_lost() {
        let mark = |ms, fine: &[(u32, u64)]| CpuMark {
            coarse: Duration::from_millis(ms),
            fine: fine.iter().copied().collect(),
        };
        let before = mark(100, &[(1, 50_000_000), (2, 50_000_000)]);
        let steady = mark(200, &[(1, 90_000_000), (2, 105_000_000)]);
        assert_eq!(steady.since(&before), Duration::from_millis(95));
        let ended = mark(200, &[(1, 90_000_000)]);
        assert_eq!(ended.since(&before), Duration::from_millis(100));
    }
}
