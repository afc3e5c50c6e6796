//! A memory cgroup of a run's own: the kernel holds the server to so many bytes, the pages of its files
//! and what its sockets hold included, as it would in a container.
//!
//! Needs the rights of root, or a group that was handed over to this user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::report::Report;

/// Where cgroups are mounted, by each of the two versions.
const FIRST: &str = "/sys/fs/cgroup/memory";
const SECOND: &str = "/sys/fs/cgroup";
/// How often the folder is tried to be taken away, while the kernel forgets the process.
const TRIES: u32 = 50;

/// The group, gone with this.
#[derive(Debug)]
pub(crate) struct Cage {
    folder: PathBuf,
    files: Files,
}

/// What the files of a group are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Files {
    First,
    Second,
}

impl Cage {
    /// A group of this name that holds at most so many MiB, below the one that this process is in.
    pub(crate) fn new(name: &str, mib: u64) -> Result<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").context("no cgroups here")?;
        let cage = match place(&own) {
            Some((Files::First, own))
                if Path::new(FIRST).join("memory.limit_in_bytes").exists() =>
            {
                Self { folder: Path::new(FIRST).join(own).join(name), files: Files::First }
            }
            Some((Files::Second, own)) => {
                // Beside our own: a group with processes in it may not divide its memory.
                let own = Path::new(SECOND).join(own);
                let above = own.parent().filter(|above| above.starts_with(SECOND));
                let folder = above.unwrap_or(&own).join(name);
                Self { folder, files: Files::Second }
            }
            _none => {
                bail!("no memory controller of cgroups is mounted here; leave --memory-mib out")
            }
        };
        let how = "it takes the rights of root, or leave --memory-mib out";
        fs::create_dir(&cage.folder)
            .with_context(|| format!("cannot make the cgroup {}: {how}", cage.folder.display()))?;
        let bytes = (mib << 20).to_string();
        for (file, value) in cage.files.limits(&bytes) {
            let path = cage.folder.join(file);
            // Without swap there is no such file.
            if !(file.contains("swap") || file.contains("memsw")) || path.exists() {
                let said = format!("cannot write {value} to {}: {how}", path.display());
                fs::write(&path, value).context(said)?;
            }
        }
        Ok(cage)
    }

    /// A command that goes into the group and becomes this program: all that it takes is counted.
    pub(crate) fn command(&self, binary: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$1\""]);
        command.arg(self.folder.join("cgroup.procs")).arg(binary);
        command
    }

    /// What the kernel counted: the most that was held, and how often it did not suffice.
    pub(crate) fn report(&self, report: &mut Report) -> Result<()> {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let most = self.number(self.files.most())?;
        report.figure("cage_most", mib(most), "MiB", "of the group of the server, by the kernel");
        if self.files == Files::First {
            // Apart in this version, and none of the above; in the other one they are inside.
            let sockets = self.number("memory.kmem.tcp.max_usage_in_bytes")?;
            report.figure("cage_sockets", mib(sockets), "MiB", "buffers of its sockets, at most");
        }
        let killed = match self.files {
            Files::First => field(&self.text("memory.oom_control")?, "oom_kill"),
            Files::Second => field(&self.text("memory.events")?, "oom_kill"),
        };
        let killed = (killed > 0).then(|| format!("the kernel killed {killed} processes"));
        report.none_of("out_of_memory", killed.into_iter().collect());
        Ok(())
    }

    fn number(&self, file: &str) -> Result<u64> {
        Ok(self.text(file)?.trim().parse()?)
    }

    fn text(&self, file: &str) -> Result<String> {
        let path = self.folder.join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

impl Drop for Cage {
    #[expect(clippy::disallowed_methods, reason = "the run is over, and nothing can be awaited")]
    fn drop(&mut self) {
        // Taken away when nothing is in it any more; what was in it has just ended.
        for _try in 0..TRIES {
            if fs::remove_dir(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Files {
    /// What is written into which file. The bound of both memory and swap comes behind that of memory.
    fn limits(self, bytes: &str) -> Vec<(&'static str, &str)> {
        match self {
            Self::First => vec![
                ("memory.limit_in_bytes", bytes),
                ("memory.memsw.limit_in_bytes", bytes),
                ("memory.kmem.tcp.limit_in_bytes", bytes),
            ],
            Self::Second => vec![("memory.max", bytes), ("memory.swap.max", "0")],
        }
    }

    const fn most(self) -> &'static str {
        match self {
            Self::First => "memory.max_usage_in_bytes",
            Self::Second => "memory.peak",
        }
    }
}

/// Which version counts memory, and the group of a process: a line of `/proc/self/cgroup` is
/// `4:memory:/group`, or `0::/group` in the second version.
fn place(text: &str) -> Option<(Files, &str)> {
    let lines = || {
        text.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.split_once(':')
        })
    };
    let first = lines().find(|(held, _)| held.split(',').any(|held| held == "memory"));
    let second = || lines().find(|(held, _)| held.is_empty());
    let found = first.map(|(_, group)| (Files::First, group));
    let found = found.or_else(|| second().map(|(_, group)| (Files::Second, group)));
    found.map(|(files, group)| (files, group.trim_start_matches('/')))
}

/// A number behind its name: `oom_kill 3`.
fn field(text: &str, name: &str) -> u64 {
    let found = text.lines().filter_map(|line| line.split_once(' ')).find(|(of, _)| *of == name);
    found.and_then(|(_, number)| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_that_counts_memory_is_found_in_both_versions() {
        let first = "9:name=systemd:/\n4:memory:/some/group\n0::/\n";
        assert_eq!(place(first), Some((Files::First, "some/group")));
        assert_eq!(place("5:cpu,memory:/a\n"), Some((Files::First, "a")));
        assert_eq!(place("0::/user.slice/x\n"), Some((Files::Second, "user.slice/x")));
        assert_eq!(place("3:cpuset:/\n"), None);
    }

    #[test]
    fn numbers_are_found_by_their_names() {
        assert_eq!(field("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"), 3);
        assert_eq!(field("low 0\n", "oom_kill"), 0);
    }
}
