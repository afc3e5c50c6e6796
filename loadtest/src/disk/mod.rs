//! A disk of our own between a server and its folder: it records what is written and synced, lets
//! calls fail on demand, and rebuilds the folder as a power cut at any moment would have left it.
//!
//! * `disk.c` (in `loadtest/disk/`) stands in the server's process, between it and libc.
//! * `record` reads what that wrote down, `image` plays it back, `cut` takes the power away.
//! * `faults` makes calls fail while the server runs.

mod cut;
mod faults;
mod image;
mod record;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::time::sleep;

pub(crate) use self::cut::Cut;
pub(crate) use self::faults::Faults;
pub(crate) use self::image::Image;
pub(crate) use self::record::Record;

const SOURCE: &str = include_str!("../../disk/disk.c");
const HALT_LIMIT: Duration = Duration::from_secs(10);

/// Nanoseconds on the clock of the record.
pub(crate) fn now() -> u64 {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(at.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(at.tv_nsec).unwrap_or(0)
}

/// The library that a server is started with, and the files through which it is watched.
pub(crate) struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Compiles the library.
    ///
    /// # Errors
    /// When there is no C compiler, or it does not take the source.
    pub(crate) fn make() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("moim-loadtest-disk-").tempdir()?;
        let disk = Self { folder };
        fs::write(disk.file("disk.c"), SOURCE)?;
        let compiled = Command::new("cc")
            .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .args([disk.file("disk.so"), disk.file("disk.c")])
            .args(["-ldl", "-lpthread"])
            .output()
            .context("this needs a C compiler, called as `cc`")?;
        if !compiled.status.success() {
            bail!("disk.c does not compile:\n{}", String::from_utf8_lossy(&compiled.stderr));
        }
        Faults::default().write(&disk.control())?;
        Ok(disk)
    }

    /// What a process must find in its environment so that its calls below `root` are seen.
    pub(crate) fn environment(&self, root: &Path) -> Vec<(String, String)> {
        let set = |name: &str, path: &Path| (name.to_owned(), path.display().to_string());
        vec![
            set("LD_PRELOAD", &self.file("disk.so")),
            set("DISK_ROOT", root),
            set("DISK_TRACE", &self.file("record")),
            set("DISK_CONTROL", &self.control()),
        ]
    }

    /// Sets what fails from now on.
    pub(crate) fn set(&self, faults: Faults) -> Result<()> {
        faults.write(&self.control())
    }

    /// How many calls were refused so far: writes, syncs.
    pub(crate) fn refused(&self) -> Result<(u32, u32)> {
        faults::refused(&self.control())
    }

    /// Lets nothing be changed any more, and waits until every change is in the record: a program
    /// that is killed now leaves no hole there.
    ///
    /// # Errors
    /// When a call does not return.
    pub(crate) async fn halt(&self) -> Result<()> {
        faults::halt(&self.control(), true)?;
        let begin = Instant::now();
        while faults::under_way(&self.control())? > 0 {
            ensure!(begin.elapsed() < HALT_LIMIT, "a call did not return in {HALT_LIMIT:?}");
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Takes `halt` back.
    pub(crate) fn go_on(&self) -> Result<()> {
        faults::halt(&self.control(), false)
    }

    /// Everything that was recorded so far.
    pub(crate) fn record(&self) -> Result<Record> {
        Record::read(&self.file("record"))
    }

    fn control(&self) -> PathBuf {
        self.file("control")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
