//! What the system holds of a folder, and what of that is on the disk, played back step by step.
//!
//! The model is the strictest that POSIX allows with sectors that are written whole or not at all:
//!
//! * The bytes and the size of a file are kept from the end of a successful sync of that file on,
//!   as they were when it began. A name is kept when its folder was synced, and not before: that
//!   holds for folders too.
//! * Whatever was not synced may be on the disk or not, in any order, sector by sector, in any of
//!   the states that it went through.
//! * A sync that fails leaves its pages clean in memory and missing on the disk, as Linux does: a
//!   later sync that succeeds does not bring them, unless they are written again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result};

use super::record::{Record, Step};

/// The unit in which the system keeps files in memory.
pub(super) const PAGE: usize = 4096;

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    File(usize),
    Folder,
}

/// One file.
#[derive(Default)]
pub(super) struct File {
    /// As programs see it.
    memory: Vec<u8>,
    /// As it is kept.
    pub disk: Vec<u8>,
    /// Pages that were written since they were last synced, in each state, oldest first.
    pub dirty: BTreeMap<usize, Vec<Version>>,
    /// The sizes since the last sync, oldest first.
    pub sizes: Vec<(u64, usize)>,
}

/// A page after the write of that number.
pub(super) struct Version {
    pub write: u64,
    pub page: Box<[u8]>,
}

/// How much of a file, or which names of a folder, a sync covers.
enum Covered {
    File { file: usize, pages: Vec<(usize, usize)>, sizes: usize },
    Folder { path: String, names: BTreeMap<String, Node> },
}

/// A folder at one moment.
#[derive(Default)]
pub(crate) struct Image {
    pub(super) files: Vec<File>,
    /// By path; as programs see them, and as they are kept.
    pub(super) names: BTreeMap<String, Node>,
    pub(super) kept_names: BTreeMap<String, Node>,
    /// What each open handle leads to.
    handles: HashMap<u32, (Node, String)>,
    syncs: HashMap<usize, Covered>,
    /// Writes so far.
    pub(super) writes: u64,
}

impl Image {
    /// Does one step.
    ///
    /// # Errors
    /// When the step does not fit those before: then the record is not whole.
    pub(crate) fn step(&mut self, record: &Record, step: &Step) -> Result<()> {
        match step {
            Step::Start => self.handles.clear(),
            Step::Create { handle, path } => {
                let node = Node::File(self.files.len());
                self.files.push(File::default());
                self.names.insert(path.clone(), node);
                self.handles.insert(*handle, (node, path.clone()));
            }
            Step::Open { handle, path } => {
                let node = if path.is_empty() { Some(&Node::Folder) } else { self.names.get(path) };
                let node = *node.with_context(|| format!("{path:?} was opened, but never made"))?;
                self.handles.insert(*handle, (node, path.clone()));
            }
            Step::Write { handle, at, bytes } => {
                self.writes += 1;
                let (number, at) = (self.writes, usize::try_from(*at)?);
                self.file(*handle)?.write(number, at, record.bytes(bytes));
            }
            Step::Truncate { handle, size } => {
                self.writes += 1;
                let (number, size) = (self.writes, usize::try_from(*size)?);
                self.file(*handle)?.resize(number, size);
            }
            Step::SyncBegins { call, handle } => {
                let covered = self.cover(*handle)?;
                self.syncs.insert(*call, covered);
            }
            Step::SyncEnds { call, is_ok } => {
                let covered = self.syncs.remove(call).context("a sync ended that never began")?;
                self.sync(covered, *is_ok);
            }
            Step::Unlink { path } => {
                self.names.remove(path);
            }
            Step::Rename { from, to } => {
                let node = self.names.remove(from).context("a name was moved that never was")?;
                self.names.insert(to.clone(), node);
            }
            Step::MakeFolder { path } => {
                self.names.insert(path.clone(), Node::Folder);
            }
        }
        Ok(())
    }

    fn file(&mut self, handle: u32) -> Result<&mut File> {
        match self.handles.get(&handle) {
            Some((Node::File(file), _path)) => self.files.get_mut(*file),
            _other => None,
        }
        .context("a write to what is no open file")
    }

    fn cover(&self, handle: u32) -> Result<Covered> {
        let (node, path) = self.handles.get(&handle).context("a sync of what is not open")?;
        Ok(match node {
            Node::Folder => {
                let inside = self.names.iter().filter(|(name, _)| is_inside(path, name));
                let names = inside.map(|(name, node)| (name.clone(), *node)).collect();
                Covered::Folder { path: path.clone(), names }
            }
            Node::File(file) => {
                let held = self.files.get(*file).context("a file that never was")?;
                let pages = held.dirty.iter().map(|(page, versions)| (*page, versions.len()));
                Covered::File { file: *file, pages: pages.collect(), sizes: held.sizes.len() }
            }
        })
    }

    fn sync(&mut self, covered: Covered, is_ok: bool) {
        match covered {
            Covered::Folder { path, names } if is_ok => {
                self.kept_names.retain(|name, _node| !is_inside(&path, name));
                self.kept_names.extend(names);
            }
            Covered::Folder { .. } => {}
            Covered::File { file, pages, sizes } => {
                if let Some(file) = self.files.get_mut(file) {
                    file.sync(&pages, sizes, is_ok);
                }
            }
        }
    }

    /// How many writes there were so far.
    pub(crate) const fn writes(&self) -> u64 {
        self.writes
    }

    /// Names of files whose bytes differ from the real ones below `folder`: calls that were missed.
    pub(crate) fn differences(&self, folder: &Path) -> Vec<String> {
        let mut differing = Vec::new();
        for (name, node) in &self.names {
            let Node::File(file) = node else { continue };
            let real = std::fs::read(folder.join(name)).ok();
            let played = self.files.get(*file).map(|file| &file.memory);
            if real.as_ref() != played {
                let sizes = (played.map(Vec::len), real.map(|bytes| bytes.len()));
                differing.push(format!("{name}: {sizes:?} bytes played back and found"));
            }
        }
        differing
    }
}

/// Whether a name lies directly in a folder.
fn is_inside(folder: &str, name: &str) -> bool {
    name.rsplit_once('/').map_or("", |(parent, _)| parent) == folder
}

impl File {
    fn write(&mut self, number: u64, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        let old = self.memory.len();
        if end > old {
            self.memory.resize(end, 0);
            self.sizes.push((number, end));
        }
        if let Some(target) = self.memory.get_mut(at..end) {
            target.copy_from_slice(bytes);
        }
        // What lies between the old end and the new bytes reads as zeros now.
        self.touch(number, at.min(old), end);
    }

    fn resize(&mut self, number: u64, size: usize) {
        let old = self.memory.len();
        self.memory.resize(size, 0);
        self.sizes.push((number, size));
        self.touch(number, size.min(old), size.max(old).min(size.next_multiple_of(PAGE)));
    }

    /// Keeps the state of every page in a range.
    fn touch(&mut self, write: u64, from: usize, to: usize) {
        for page in from / PAGE..to.div_ceil(PAGE) {
            let mut bytes = vec![0; PAGE];
            let held = self.memory.get(page * PAGE..).unwrap_or_default();
            let held = held.get(..PAGE).unwrap_or(held);
            if let Some(target) = bytes.get_mut(..held.len()) {
                target.copy_from_slice(held);
            }
            let version = Version { write, page: bytes.into_boxed_slice() };
            self.dirty.entry(page).or_default().push(version);
        }
    }

    fn sync(&mut self, pages: &[(usize, usize)], sizes: usize, is_ok: bool) {
        let before = self.disk.len();
        for (page, count) in pages {
            let Some(versions) = self.dirty.get_mut(page) else { continue };
            let newest = versions.drain(..*count).next_back();
            if versions.is_empty() {
                self.dirty.remove(page);
            }
            if let (true, Some(newest)) = (is_ok, newest) {
                put_page(&mut self.disk, *page, &newest.page);
            }
        }
        // The size is metadata: that the bytes could not be written does not take it back.
        let newest = self.sizes.drain(..sizes).next_back();
        self.disk.resize(newest.map_or(before, |(_write, size)| size), 0);
    }
}

/// Puts a page into its place and makes room for it.
fn put_page(bytes: &mut Vec<u8>, page: usize, content: &[u8]) {
    let begin = page * PAGE;
    if bytes.len() < begin + PAGE {
        bytes.resize(begin + PAGE, 0);
    }
    if let Some(target) = bytes.get_mut(begin..begin + PAGE) {
        target.copy_from_slice(content);
    }
}
