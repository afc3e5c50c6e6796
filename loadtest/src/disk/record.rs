//! The record that `disk.c` writes: one entry for each call that changed a file, as steps in time.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// Bytes of `struct record`.
const HEAD: usize = 40;

/// What a call did. Times are nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Another process begins: its handles are new.
    Start,
    /// A file that was not there was made and opened.
    Create { handle: u32, path: String },
    /// A file or folder that was there was opened.
    Open { handle: u32, path: String },
    /// These bytes of the record were written at an offset.
    Write { handle: u32, at: u64, bytes: Range<usize> },
    /// The file has this size now.
    Truncate { handle: u32, size: u64 },
    /// A sync begins: it covers what was written before.
    SyncBegins { call: usize, handle: u32 },
    /// It ends, well or not.
    SyncEnds { call: usize, is_ok: bool },
    /// A name was removed.
    Unlink { path: String },
    /// A name was moved over another.
    Rename { from: String, to: String },
    /// A folder was made.
    MakeFolder { path: String },
}

/// All steps in the order of time.
pub(crate) struct Record {
    bytes: Vec<u8>,
    pub steps: Vec<(u64, Step)>,
}

impl Record {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("nothing was recorded in {}", path.display()))?;
        Self::parse(bytes)
    }

    /// What was written counts from the beginning of the call: from then on some of it may be on
    /// the disk. What was synced counts from the end.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self> {
        let mut steps = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let head = bytes.get(at..at + HEAD).context("the record ends within an entry")?;
            let entry = Entry::parse(head)?;
            let body = at + HEAD..at + HEAD + entry.length;
            ensure!(body.end <= bytes.len(), "the record ends within an entry");
            at = body.end;
            entry.steps(body, &bytes, &mut steps)?;
        }
        // Stable: what has one time keeps the order in which it was recorded.
        steps.sort_by_key(|(time, _)| *time);
        Ok(Self { bytes, steps })
    }

    /// The bytes of a write.
    pub(super) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }
}

/// `struct record` of `disk.c`.
struct Entry {
    kind: u32,
    is_failed: bool,
    handle: u32,
    length: usize,
    begin: u64,
    end: u64,
    at: u64,
}

impl Entry {
    fn parse(head: &[u8]) -> Result<Self> {
        let word = |at: usize| -> Result<u32> {
            let bytes = head.get(at..).and_then(|rest| rest.first_chunk());
            Ok(u32::from_ne_bytes(*bytes.context("a short entry")?))
        };
        let long = |at: usize| -> Result<u64> {
            let bytes = head.get(at..).and_then(|rest| rest.first_chunk());
            Ok(u64::from_ne_bytes(*bytes.context("a short entry")?))
        };
        Ok(Self {
            kind: word(0)?,
            is_failed: word(4)? != 0,
            handle: word(8)?,
            length: usize::try_from(word(12)?)?,
            begin: long(16)?,
            end: long(24)?,
            at: long(32)?,
        })
    }

    fn steps(self, body: Range<usize>, bytes: &[u8], steps: &mut Vec<(u64, Step)>) -> Result<()> {
        let Self { kind, is_failed, handle, begin, end, at, .. } = self;
        let path = || -> Result<String> {
            let path = bytes.get(body.clone()).unwrap_or_default();
            Ok(String::from_utf8(path.to_vec())?)
        };
        let step = match kind {
            0 => Step::Start,
            1 => Step::Create { handle, path: path()? },
            2 => Step::Open { handle, path: path()? },
            3 => Step::Write { handle, at, bytes: body },
            4 => Step::Truncate { handle, size: at },
            5 => {
                let call = body.start;
                steps.push((begin, Step::SyncBegins { call, handle }));
                steps.push((end, Step::SyncEnds { call, is_ok: !is_failed }));
                return Ok(());
            }
            6 => Step::Unlink { path: path()? },
            7 => {
                let both = path()?;
                let (from, to) = both.split_once('\0').context("a rename without two names")?;
                Step::Rename { from: from.to_owned(), to: to.to_owned() }
            }
            8 => Step::MakeFolder { path: path()? },
            other => bail!("the record holds an entry of the unknown kind {other}"),
        };
        steps.push((begin, step));
        Ok(())
    }
}
