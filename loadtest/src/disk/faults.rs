//! The switches that `disk.c` reads at every call, in a file that both sides map or write.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Where it is said that nothing is to be changed.
const HALTED: u64 = 5 * 4;
/// Where the counters begin: `disk.c` counts, we only read.
const COUNTERS: u64 = HALTED + 4;
const UNDER_WAY: u64 = COUNTERS + 3 * 4;
const SIZE: u64 = 4096;

/// What fails. The default is a sound disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// No file can grow: `ENOSPC`.
    pub full: bool,
    /// No write succeeds: `EIO`.
    pub write_fails: bool,
    /// Every n-th sync fails with `EIO`, and what it should have kept never reaches the disk unless
    /// it is written again; 0 for none.
    pub sync_fails: u32,
    /// Microseconds that every sync takes longer.
    pub sync_delay: u32,
    /// Syncs of a write-ahead log do nothing and say nothing of it.
    pub sync_lies: bool,
}

impl Faults {
    pub(super) fn write(self, control: &Path) -> Result<()> {
        let file = File::options().create(true).truncate(false).write(true).open(control)?;
        file.set_len(SIZE)?;
        let words = [
            u32::from(self.full),
            u32::from(self.write_fails),
            self.sync_fails,
            self.sync_delay,
            u32::from(self.sync_lies),
        ];
        file.write_all_at(&words.map(u32::to_ne_bytes).concat(), 0)?;
        Ok(())
    }
}

pub(super) fn refused(control: &Path) -> Result<(u32, u32)> {
    Ok((word(control, COUNTERS)?, word(control, COUNTERS + 4)?))
}

pub(super) fn halt(control: &Path, is_halted: bool) -> Result<()> {
    let file = File::options().write(true).open(control)?;
    Ok(file.write_all_at(&u32::from(is_halted).to_ne_bytes(), HALTED)?)
}

/// How many calls may be done and not written down yet.
pub(super) fn under_way(control: &Path) -> Result<u32> {
    word(control, UNDER_WAY)
}

fn word(control: &Path, at: u64) -> Result<u32> {
    let mut bytes = [0; 4];
    File::open(control)?.read_exact_at(&mut bytes, at).context("the control file is short")?;
    Ok(u32::from_ne_bytes(bytes))
}
