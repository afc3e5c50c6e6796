//! A power cut: which of the unsynced writes made it to the disk is drawn by lot.

use std::fs;
use std::path::Path;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::SmallRng;

use super::image::{File, Image, Node, PAGE, Version};

/// Which of the writes that were not synced are on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// None.
    Nothing,
    /// All, as after an ordinary crash of the program.
    Everything,
    /// Those up to this one, which itself may be torn.
    Until(u64),
    /// Any, each sector for itself.
    Any,
}

/// One way in which a disk may lose power.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(super) keep: Keep,
    /// What the disk writes whole or not at all.
    pub(super) sector: usize,
    /// New room in a file may hold whatever was there before, instead of zeros.
    pub(super) is_dirty: bool,
}

impl Cut {
    /// Half of the time nothing that was not synced is kept: the cruellest to who forgot a sync.
    pub(crate) fn draw(random: &mut SmallRng, image: &Image) -> Self {
        let keep = match random.random_range(0..8) {
            0..4 => Keep::Nothing,
            4 => Keep::Everything,
            5 => Keep::Until(image.oldest_unsynced(random)),
            _ => Keep::Any,
        };
        let sector = if random.random_bool(0.5) { 512 } else { PAGE };
        Self { keep, sector, is_dirty: random.random_bool(0.5) }
    }

    fn keeps(self, random: &mut SmallRng) -> bool {
        match self.keep {
            Keep::Nothing => false,
            Keep::Everything => true,
            Keep::Until(_) | Keep::Any => random.random_bool(0.5),
        }
    }

    /// The state of one sector: so many of the versions of its page have passed.
    fn passed(self, versions: &[Version], random: &mut SmallRng) -> usize {
        let before = |write| versions.iter().take_while(|version| version.write < write).count();
        match self.keep {
            Keep::Nothing => 0,
            Keep::Everything => versions.len(),
            Keep::Until(write) => {
                let whole = before(write);
                let torn = usize::from(versions.get(whole).is_some_and(|v| v.write == write));
                whole + if random.random_bool(0.5) { torn } else { 0 }
            }
            Keep::Any => random.random_range(0..=versions.len()),
        }
    }
}

impl Image {
    /// A write that was not synced, drawn by lot.
    fn oldest_unsynced(&self, random: &mut SmallRng) -> u64 {
        let versions = self.files.iter().flat_map(|file| file.dirty.values().flatten());
        let first = versions.map(|version| version.write).min().unwrap_or(self.writes);
        random.random_range(first..=self.writes)
    }

    /// Writes the folder as the disk holds it after a cut at this moment.
    ///
    /// # Errors
    /// When `folder` cannot be written to.
    pub(crate) fn write_out(&self, folder: &Path, cut: Cut, random: &mut SmallRng) -> Result<()> {
        // A folder stands before what is in it, so those that are gone take their files with them.
        let all = self.names.keys().chain(self.kept_names.keys());
        let all: std::collections::BTreeSet<&String> = all.collect();
        for name in all {
            let (new, old) = (self.names.get(name), self.kept_names.get(name));
            let node = if new == old || cut.keeps(random) { new } else { old };
            let path = folder.join(name);
            if !path.parent().is_some_and(Path::is_dir) {
                continue;
            }
            match node {
                None => {}
                Some(Node::Folder) => fs::create_dir(path)?,
                Some(Node::File(file)) => {
                    let file = self.files.get(*file).map(|file| file.after(cut, random));
                    fs::write(path, file.unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }
}

impl File {
    fn after(&self, cut: Cut, random: &mut SmallRng) -> Vec<u8> {
        let passed = match cut.keep {
            Keep::Nothing => 0,
            Keep::Everything => self.sizes.len(),
            Keep::Until(write) => self.sizes.iter().take_while(|(at, _)| *at <= write).count(),
            Keep::Any => random.random_range(0..=self.sizes.len()),
        };
        let newest = passed.checked_sub(1).and_then(|last| self.sizes.get(last));
        let size = newest.map_or(self.disk.len(), |(_write, size)| *size);
        let mut bytes = self.disk.clone();
        let kept = bytes.len().min(size);
        bytes.resize(size, 0);
        if cut.is_dirty {
            random.fill(bytes.get_mut(kept..).unwrap_or_default());
        }
        for (page, versions) in &self.dirty {
            for begin in (0..PAGE).step_by(cut.sector) {
                let passed = cut.passed(versions, random);
                let version = passed.checked_sub(1).and_then(|last| versions.get(last));
                let Some(version) = version else { continue };
                let sector = version.page.get(begin..begin + cut.sector).unwrap_or_default();
                let at = (page * PAGE + begin).min(size);
                let end = (at + cut.sector).min(size);
                let target = bytes.get_mut(at..end).unwrap_or_default();
                let length = target.len();
                target.copy_from_slice(sector.get(..length).unwrap_or_default());
            }
        }
        bytes
    }
}
