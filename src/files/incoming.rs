//! Uploads while they come in: a folder for each life of a node, emptied when that life is over.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::FileError;
use super::sniff::HEAD;
use crate::faults::Faults;

/// The lock of a life: whoever can take it finds the life over.
const LOCK: &str = "lock";

/// Where uploads come in. The folder and what is left in it go with the last clone.
#[derive(Debug)]
pub(super) struct Hall {
    folder: PathBuf,
    next: AtomicU64,
    faults: Faults,
    _lock: File,
}

impl Hall {
    /// Opens a folder for this life, and removes those of lives that are over.
    pub(super) fn open(root: &Path, life: u64, faults: Faults) -> io::Result<Self> {
        let lives = root.join("incoming");
        std::fs::create_dir_all(&lives)?;
        sweep(&lives)?;
        let folder = lives.join(format!("{life:016x}"));
        std::fs::create_dir(&folder)?;
        let lock = File::create_new(folder.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self { folder, next: AtomicU64::new(1), faults, _lock: lock })
    }

    /// A place for a file that is about to come in.
    pub(super) fn place(self: &Arc<Self>) -> Guest {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Guest { path: self.folder.join(number.to_string()), hall: Arc::clone(self) }
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        let _left_for_the_next_life = std::fs::remove_dir_all(&self.folder);
    }
}

fn sweep(lives: &Path) -> io::Result<()> {
    for life in std::fs::read_dir(lives)? {
        let life = life?.path();
        let is_over = match File::open(life.join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            // Ended between making its folder and its lock, or is just about to.
            Err(why) if why.kind() == io::ErrorKind::NotFound => is_old(&life),
            Err(why) => return Err(why),
        };
        if is_over {
            tracing::info!("uploads that were cut off are removed");
            std::fs::remove_dir_all(&life)?;
        }
    }
    Ok(())
}

/// Whether a folder is older than any start takes.
fn is_old(path: &Path) -> bool {
    let changed = path.metadata().and_then(|meta| meta.modified());
    let age = changed.ok().and_then(|changed| changed.elapsed().ok());
    age.is_some_and(|age| age.as_secs() > 60)
}

/// A file on its way in. Dropped, it is gone, unless it was taken over.
#[derive(Debug)]
pub(super) struct Guest {
    path: PathBuf,
    hall: Arc<Hall>,
}

impl Guest {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A place beside this one.
    pub(super) fn another(&self) -> Self {
        self.hall.place()
    }

    /// Writes a whole file, synced. For a thread that may wait.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create_new(&self.path)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Of what was taken over nothing is here any more.
        let _gone = std::fs::remove_file(&self.path);
    }
}

/// An upload while it is written.
#[derive(Debug)]
pub struct Incoming {
    pub(super) guest: Guest,
    file: tokio::fs::File,
    pub(super) head: Vec<u8>,
    pub(super) size: u64,
}

impl Incoming {
    pub(super) async fn begin(hall: &Arc<Hall>) -> Result<Self, FileError> {
        let guest = hall.place();
        let file = tokio::fs::File::create_new(guest.path()).await?;
        Ok(Self { guest, file, head: Vec::new(), size: 0 })
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Writes the next piece.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), FileError> {
        if !self.guest.hall.faults.has_room_for(piece.len()) {
            return Err(FileError::Full);
        }
        let wanted = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(piece.get(..wanted).unwrap_or_default());
        tokio::io::AsyncWriteExt::write_all(&mut self.file, piece).await?;
        self.size += piece.len() as u64;
        Ok(())
    }

    /// All of it is written; what is not to be changed any more is synced.
    pub(super) async fn end(mut self, sync: bool) -> Result<Guest, FileError> {
        tokio::io::AsyncWriteExt::flush(&mut self.file).await?;
        if sync {
            self.file.sync_all().await?;
        }
        Ok(self.guest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn what_is_not_taken_over_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let hall = Arc::new(Hall::open(root.path(), 7, Faults::default()).unwrap());
        let mut incoming = Incoming::begin(&hall).await.unwrap();
        incoming.write(b"half of").await.unwrap();
        let path = incoming.guest.path().to_owned();
        assert!(path.exists() && incoming.size() == 7);
        drop(incoming);
        assert!(!path.exists());
        drop(hall);
        assert!(names(&root.path().join("incoming")).is_empty());
    }

    #[test]
    fn what_a_crash_left_goes_and_what_another_node_writes_stays() {
        let root = tempfile::tempdir().unwrap();
        let lives = root.path().join("incoming");
        let other = Hall::open(root.path(), 1, Faults::default()).unwrap();
        std::fs::write(other.folder.join("1"), b"under way").unwrap();
        // A life that ended without a word: its lock is free.
        let dead = lives.join("00000000000000ff");
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join(LOCK), b"").unwrap();
        std::fs::write(dead.join("1"), b"cut off").unwrap();
        let hall = Hall::open(root.path(), 2, Faults::default()).unwrap();
        assert_eq!(names(&lives), ["0000000000000001", "0000000000000002"]);
        assert!(other.folder.join("1").exists());
        drop(hall);
    }
}
