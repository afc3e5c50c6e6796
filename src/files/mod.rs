//! The bytes of attachments: how they come in, what they are, where they lie.
//!
//! *Belongs here:* files, pictures, what a content is and whether a browser may show it. *Does not
//! belong here:* whose a file is and who may read it (`store`), URLs and headers (`http`).
//!
//! An upload is written to `incoming/`, looked at, and then takes its place under a key that nobody
//! can guess and that never changes. The rows that know the keys are in the database, and they are
//! there first: so what lies here is known, or is an upload that was cut off.

mod blobs;
mod incoming;
mod picture;
mod sniff;

use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::blobs::Chunks;
use self::blobs::{Blobs, Folder};
pub use self::incoming::Incoming;
use self::incoming::{Guest, Hall};
pub use self::picture::BadPicture;
use self::picture::{Format, Header};
pub use self::sniff::is_shown;
use self::sniff::{Kind, sniff};
use crate::faults::Faults;

/// Uploads stop while the disk has less than this: the database needs room too.
const SPARE: u64 = 256 << 20;
/// Whoever waits longer for memory for a picture is sent away.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can go wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no room for it.
    #[error("the disk is full")]
    Full,
    /// It is not there.
    #[error("a file is missing")]
    Missing,
    /// Too many pictures wait to be looked at.
    #[error("too many pictures at once")]
    Busy,
    /// It is a picture that is not taken.
    #[error(transparent)]
    Picture(#[from] BadPicture),
    /// The disk failed.
    #[error("the disk failed")]
    Disk(#[source] io::Error),
    /// What keeps the files failed.
    #[error("the files cannot be reached")]
    Store(#[source] Box<object_store::Error>),
}

impl From<tokio::sync::AcquireError> for FileError {
    fn from(_closed: tokio::sync::AcquireError) -> Self {
        Self::Busy
    }
}

impl From<io::Error> for FileError {
    fn from(why: io::Error) -> Self {
        match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::NotFound => Self::Missing,
            _other => Self::Disk(why),
        }
    }
}

impl From<object_store::Error> for FileError {
    fn from(why: object_store::Error) -> Self {
        if matches!(why, object_store::Error::NotFound { .. }) {
            return Self::Missing;
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&why);
        while let Some(error) = cause {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
                return Self::Full;
            }
            cause = error.source();
        }
        Self::Store(Box::new(why))
    }
}

/// An upload that was looked at and can be kept.
#[derive(Debug)]
pub struct Looked {
    /// What it is.
    pub mime: &'static str,
    /// Bytes of what is kept.
    pub size: u64,
    /// Width and height of a picture, upright.
    pub sides: Option<(u32, u32)>,
    /// Type and bytes of the small copy, if one was made.
    pub preview: Option<(&'static str, u64)>,
    original: Guest,
    small: Option<Guest>,
}

/// The files of a node. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    root: Arc<PathBuf>,
    blobs: Arc<dyn Blobs>,
    hall: Arc<Hall>,
    /// MiB that pictures may take while they are worked on, all together.
    memory: Arc<Semaphore>,
    most_memory: u32,
    /// Threads that work on pictures at a time: half of the cores, the rest is for the talk.
    hands: Arc<Semaphore>,
}

impl Files {
    /// The files in a folder, which is made if need be. What a life before left half done is
    /// removed. `life` is random, `picture_mib` the memory for pictures.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path, life: u64, picture_mib: u32, faults: &Faults) -> io::Result<Self> {
        // What people upload is for nobody else on this machine.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let root = folder.canonicalize()?;
        let hall = Arc::new(Hall::open(&root, life, faults.clone())?);
        let blobs = Folder::open(root.clone()).map_err(io::Error::other)?;
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self {
            root: Arc::new(root),
            blobs: Arc::new(blobs),
            hall,
            memory: Arc::new(Semaphore::new(usize::try_from(picture_mib).unwrap_or(0))),
            most_memory: picture_mib,
            hands: Arc::new(Semaphore::new((cores / 2).max(1))),
        })
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// [`FileError::Full`] when the disk has nothing to spare.
    pub async fn receive(&self) -> Result<Incoming, FileError> {
        let root = Arc::clone(&self.root);
        let free = beside(move || free(&root)).await??;
        if free < SPARE {
            return Err(FileError::Full);
        }
        Incoming::begin(&self.hall).await
    }

    /// Looks at an upload that has come in whole.
    ///
    /// # Errors
    /// [`FileError::Picture`] for a picture that is not taken, [`FileError::Busy`] when too many
    /// wait, or what the disk says.
    pub async fn look(&self, incoming: Incoming) -> Result<Looked, FileError> {
        let size = incoming.size;
        match sniff(&incoming.head) {
            Kind::Picture(format) => {
                let guest = incoming.end(false).await?;
                self.look_at_picture(format, guest, size).await
            }
            Kind::Other(mime) => {
                let original = incoming.end(true).await?;
                Ok(Looked { mime, size, sides: None, preview: None, original, small: None })
            }
        }
    }

    async fn look_at_picture(
        &self,
        format: Format,
        guest: Guest,
        size: u64,
    ) -> Result<Looked, FileError> {
        let (guest, header) = beside(move || {
            let mut file = io::BufReader::new(std::fs::File::open(guest.path())?);
            Ok::<_, FileError>((guest, format.header(&mut file)?))
        })
        .await??;
        let permits = self.permits(header.memory(size)).await?;
        beside(move || {
            let looked = work(format, header, &guest);
            // Held by the work, not by the caller: one who hangs up does not make room early.
            drop(permits);
            looked
        })
        .await?
    }

    /// Memory and a hand for a picture.
    async fn permits(&self, bytes: u64) -> Result<[OwnedSemaphorePermit; 2], FileError> {
        let mib = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX);
        if mib > self.most_memory {
            return Err(BadPicture::TooMuch.into());
        }
        let memory = Arc::clone(&self.memory).acquire_many_owned(mib);
        let permits = async { Ok([memory.await?, Arc::clone(&self.hands).acquire_owned().await?]) };
        let permits = tokio::time::timeout(PATIENCE, permits).await;
        permits.unwrap_or(Err(FileError::Busy))
    }

    /// Keeps what was looked at under a key; durable when done.
    ///
    /// # Errors
    /// What the disk says; then nothing is kept, or is removed with [`Self::remove`].
    pub async fn keep(&self, looked: &Looked, key: &str) -> Result<(), FileError> {
        if let Some(small) = &looked.small {
            self.blobs.keep(small.path(), &preview_key(key)).await?;
        }
        self.blobs.keep(looked.original.path(), &original_key(key)).await
    }

    /// Takes over a copy of a file of this machine, of an original or of its small copy.
    ///
    /// # Errors
    /// What the disk says; then nothing is kept, or is removed with [`Self::remove`].
    pub async fn bring(&self, from: &Path, key: &str, is_preview: bool) -> Result<(), FileError> {
        let mut source = tokio::fs::File::open(from).await?;
        let mut incoming = self.receive().await?;
        let mut piece = BytesMut::new();
        loop {
            piece.clear();
            piece.reserve(128 << 10);
            if source.read_buf(&mut piece).await? == 0 {
                break;
            }
            incoming.write(&piece).await?;
        }
        let guest = incoming.end(true).await?;
        let key = if is_preview { preview_key(key) } else { original_key(key) };
        self.blobs.keep(guest.path(), &key).await
    }

    /// Writes a copy into a file of this machine.
    ///
    /// # Errors
    /// [`FileError::Missing`] when it is not there, or what the disk says.
    pub async fn copy(
        &self,
        (key, is_preview): (&str, bool),
        size: u64,
        to: &Path,
    ) -> Result<(), FileError> {
        let mut chunks = self.read(key, is_preview, 0..size).await?;
        let mut file = tokio::fs::File::create(to).await?;
        while let Some(chunk) = chunks.next().await {
            file.write_all(&chunk?).await?;
        }
        file.sync_all().await?;
        Ok(())
    }

    /// Reads a part of an original, or of its small copy.
    ///
    /// # Errors
    /// [`FileError::Missing`] when it is not there, or what the disk says.
    pub async fn read(
        &self,
        key: &str,
        is_preview: bool,
        range: Range<u64>,
    ) -> Result<Chunks, FileError> {
        if range.is_empty() {
            return Ok(Box::pin(futures_util::stream::empty()));
        }
        let key = if is_preview { preview_key(key) } else { original_key(key) };
        self.blobs.read(&key, range).await
    }

    /// Removes an original and its small copy; what is not there is no error.
    ///
    /// # Errors
    /// What the disk says.
    pub async fn remove(&self, key: &str) -> Result<(), FileError> {
        self.blobs.remove(&preview_key(key)).await?;
        self.blobs.remove(&original_key(key)).await
    }
}

fn work(format: Format, header: Header, guest: &Guest) -> Result<Looked, FileError> {
    let bytes = std::fs::read(guest.path())?;
    let picture = picture::work(format, header, bytes)?;
    let original = guest.another();
    original.write(&picture.bytes)?;
    let small = match &picture.preview {
        Some(preview) => {
            let small = guest.another();
            small.write(&preview.bytes)?;
            Some(small)
        }
        None => None,
    };
    Ok(Looked {
        mime: format.mime(),
        size: picture.bytes.len() as u64,
        sides: Some((picture.width, picture.height)),
        preview: picture.preview.map(|preview| (preview.mime, preview.bytes.len() as u64)),
        original,
        small,
    })
}

/// Work that waits for the disk or takes the processor, off the workers. A decoder that panics has
/// met a broken picture.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, FileError> {
    tokio::task::spawn_blocking(work).await.map_err(|why| {
        tracing::error!("a file could not be looked at: {why}");
        FileError::Picture(BadPicture::Broken)
    })
}

/// Bytes that the disk of a folder has for us.
fn free(folder: &Path) -> Result<u64, FileError> {
    let disk = rustix::fs::statvfs(folder).map_err(io::Error::from)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Spread over folders, so that none has too many.
fn original_key(key: &str) -> String {
    format!("kept/{}/{key}", key.get(..2).unwrap_or("00"))
}

fn preview_key(key: &str) -> String {
    format!("{}.preview", original_key(key))
}

#[cfg(test)]
mod tests;
