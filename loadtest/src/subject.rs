//! Whose CPU and memory are read as one: a process, or one with its children.

use anyhow::Result;

use crate::proc::{CpuMark, Process};

/// A process and its children, which come and go: PostgreSQL has one for each connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family(pub u32);

impl Family {
    pub(crate) fn each(self) -> impl Iterator<Item = Process> {
        let file = format!("/proc/{0}/task/{0}/children", self.0);
        let children = std::fs::read_to_string(file).unwrap_or_default();
        let pids = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        let children: Vec<_> = pids.map(Process::of).collect();
        std::iter::once(Process::of(self.0)).chain(children)
    }

    /// Of those that live; what the others used is forgotten.
    fn cpu(self) -> Result<CpuMark> {
        let mut mark = Process::of(self.0).cpu()?;
        self.each().skip(1).filter_map(|child| child.cpu().ok()).for_each(|one| mark += one);
        Ok(mark)
    }

    /// What each has for itself, and once what they share.
    fn resident(self) -> Result<u64> {
        let parent = Process::of(self.0);
        let first = (parent.resident()?, parent.shared()?);
        let sizes =
            self.each().skip(1).map(|child| Some((child.resident().ok()?, child.shared().ok()?)));
        let all = std::iter::once(first).chain(sizes.flatten());
        let (own, shared) = all.fold((0, 0), |(own, most), (resident, shared)| {
            (own + resident.saturating_sub(shared), shared.max(most))
        });
        Ok(own + shared)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    Process(Process),
    Family(Family),
}

impl From<Process> for Subject {
    fn from(process: Process) -> Self {
        Self::Process(process)
    }
}

impl From<Family> for Subject {
    fn from(family: Family) -> Self {
        Self::Family(family)
    }
}

impl Subject {
    pub(crate) fn cpu(&self) -> Result<CpuMark> {
        match self {
            Self::Process(process) => process.cpu(),
            Self::Family(family) => family.cpu(),
        }
    }

    pub(crate) fn resident(&self) -> Result<u64> {
        match self {
            Self::Process(process) => process.resident(),
            Self::Family(family) => family.resident(),
        }
    }

    /// Nothing for several that are not one family.
    pub(crate) fn pid(&self) -> Option<u32> {
        match self {
            Self::Process(process) => process.only(),
            Self::Family(family) => Some(family.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_family_is_a_process_and_its_children() {
        let mut parent = Command::new("sh");
        let parent = parent.args(["-c", "sleep 60 & echo $!; wait"]);
        let mut parent = parent.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let child = Process::of(line.trim().parse().unwrap());
        let family = Family(parent.id());
        let pids: Vec<_> = family.each().filter_map(|one| one.only()).collect();
        let (all, alone) =
            (family.resident().unwrap(), Process::of(parent.id()).resident().unwrap());
        let is_read = family.cpu().is_ok();
        let killed = Command::new("kill").arg(line.trim()).status().unwrap();
        parent.wait().unwrap();
        assert!(killed.success() && is_read);
        assert_eq!(pids, [Some(parent.id()), child.only()].map(Option::unwrap));
        assert!(all >= alone && alone > 0, "{all} and {alone}");
    }
}
