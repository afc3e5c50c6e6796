//! The moments at which the power goes, and what is left each time.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use super::promises::{Broken, Promises, examine_folder};
use crate::disk::{Cut, Image, Record};
use crate::progress::Progress;

/// Garbage of this size stands where the index of the write-ahead log was.
const INDEX: usize = 32 * 1024;

/// What all the cuts together showed.
#[derive(Default)]
pub(in crate::scenario) struct Findings {
    pub cuts: usize,
    /// Cuts after which something was lost or damaged.
    pub losing: usize,
    pub broken: Broken,
    /// Promises that were looked for, over all cuts.
    pub promises: u64,
    /// Writes in the record, and how many cuts found some that were not synced.
    pub writes: u64,
    /// A few folders as the cuts left them, with the moment.
    pub samples: Vec<(TempDir, u64)>,
}

/// Plays the record back and takes the power away so many times. `samples` of the folders are kept.
///
/// # Errors
/// When the record is not whole, or a folder cannot be written.
pub(in crate::scenario) fn cut_power(
    record: &Record,
    promises: &Promises,
    real: &Path,
    (points, samples, seed): (usize, usize, u64),
) -> Result<Findings> {
    let mut random = SmallRng::seed_from_u64(seed);
    let moments = moments(record, promises, points, &mut random)?;
    let progress = Progress::new("power cuts", moments.len());
    let (mut image, mut findings) = (Image::default(), Findings::default());
    let mut steps = record.steps.iter().peekable();
    for (number, moment) in moments.iter().copied().enumerate() {
        while let Some((_, step)) = steps.next_if(|(time, _)| *time <= moment) {
            image.step(record, step)?;
        }
        let folder = folder_in_memory()?;
        let cut = Cut::draw(&mut random, &image);
        image.write_out(folder.path(), cut, &mut random)?;
        let kept = folder.path().join("kept");
        if kept.is_dir() && random.random_bool(0.5) {
            let mut garbage = vec![0_u8; INDEX];
            random.fill(&mut garbage);
            std::fs::write(kept.join("moim.db-shm"), garbage)?;
        }
        // Looking at it changes it: a sample is taken before.
        let wants = samples > 0 && number % points.div_ceil(samples).max(1) == 0;
        let sample = if wants { Some(copy_of(folder.path())?) } else { None };
        let promised = promises.until(moment);
        let mut broken = examine_folder(&kept, promised)?;
        findings.cuts += 1;
        findings.promises += promised.len() as u64;
        if !broken.is_sound() {
            findings.losing += 1;
            let what = |text: &String| format!("cut {number} ({cut:?}): {text}");
            broken.examples = broken.examples.iter().map(what).collect();
            broken.damage = broken.damage.iter().map(what).collect();
            findings.broken.add(broken);
        }
        findings.samples.extend(sample.map(|sample| (sample, moment)));
        progress.step(1);
        progress.say(format!("{} lost something", findings.losing));
    }
    for (_, step) in steps {
        image.step(record, step)?;
    }
    progress.done();
    findings.writes = image.writes();
    let missed = image.differences(real);
    ensure!(missed.is_empty(), "the record is not whole: {}", missed.join("; "));
    Ok(findings)
}

/// Two in five right after a promise, when the least time was left to keep it; two in five around
/// the calls; the rest anywhere.
fn moments(
    record: &Record,
    promises: &Promises,
    points: usize,
    random: &mut SmallRng,
) -> Result<Vec<u64>> {
    let first = record.steps.first().context("nothing was recorded")?.0;
    let last = record.steps.last().map_or(first, |(time, _)| *time);
    let mut moments = Vec::with_capacity(points);
    for _ in 0..points {
        let promise = promises.all().get(random.random_range(0..promises.all().len().max(1)));
        let step = record.steps.get(random.random_range(0..record.steps.len()));
        let moment = match random.random_range(0..5) {
            0 | 1 => promise.map_or(last, |promise| promise.at),
            2 => step.map_or(last, |(time, _)| *time),
            3 => step.map_or(first, |(time, _)| time.saturating_sub(1)),
            _ => random.random_range(first..=last),
        };
        moments.push(moment);
    }
    moments.sort_unstable();
    Ok(moments)
}

/// Thousands of folders are written, read once and thrown away: in memory where there is such a
/// place.
fn folder_in_memory() -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("moim-loadtest-cut-");
    let memory = Path::new("/dev/shm");
    Ok(builder.tempdir_in(memory).or_else(|_none| builder.tempdir())?)
}

fn copy_of(folder: &Path) -> Result<TempDir> {
    let copy = folder_in_memory()?;
    let kept = folder.join("kept");
    if kept.is_dir() {
        std::fs::create_dir(copy.path().join("kept"))?;
        for entry in std::fs::read_dir(&kept)? {
            let entry = entry?;
            std::fs::copy(entry.path(), copy.path().join("kept").join(entry.file_name()))?;
        }
    }
    Ok(copy)
}
