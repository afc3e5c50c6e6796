//! Where the bytes of files lie. Now in a folder; what is asked of it fits a bucket as well.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, try_unfold};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::FileError;

/// A file is read in pieces of so many bytes: each is a way to another thread and back.
const PIECE: u64 = 128 << 10;

/// The bytes of a file as they are read; an error ends them.
pub type Chunks = BoxStream<'static, Result<Bytes, FileError>>;

/// Keeps bytes under keys of our own making. A key is written once and never changes.
pub(super) trait Blobs: Send + Sync {
    /// Takes a file of this machine over; it is durable when this is done.
    fn keep<'a>(&'a self, from: &'a Path, key: &'a str) -> BoxFuture<'a, Result<(), FileError>>;

    /// Reads a part.
    fn read<'a>(
        &'a self,
        key: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Chunks, FileError>>;

    /// Removes; what is not there is no error.
    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), FileError>>;
}

/// A folder. What comes in lies in it too, so that taking over is a change of name.
pub(super) struct Folder {
    root: PathBuf,
    store: LocalFileSystem,
}

impl Folder {
    /// The folder must be there.
    pub(super) fn open(root: PathBuf) -> Result<Self, FileError> {
        let store = LocalFileSystem::new_with_prefix(&root)?.with_fsync(true);
        Ok(Self { root, store })
    }

    fn inside(&self, path: &Path) -> Result<Key, FileError> {
        let relative = path.strip_prefix(&self.root).ok().and_then(Path::to_str);
        relative.map(Key::from).ok_or(FileError::Missing)
    }
}

impl Blobs for Folder {
    fn keep<'a>(&'a self, from: &'a Path, key: &'a str) -> BoxFuture<'a, Result<(), FileError>> {
        Box::pin(async move {
            // The bytes were synced by whoever wrote them; the folders are by this.
            self.store.rename(&self.inside(from)?, &Key::from(key)).await?;
            Ok(())
        })
    }

    fn read<'a>(
        &'a self,
        key: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Chunks, FileError>> {
        Box::pin(async move {
            let part =
                GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
            let got = self.store.get_opts(&Key::from(key), part).await?;
            let range = got.range.clone();
            Ok(match got.payload {
                GetResultPayload::File(file, _path) => pieces(file, range).await?,
                GetResultPayload::Stream(stream) => {
                    stream.map(|chunk| chunk.map_err(FileError::from)).boxed()
                }
            })
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), FileError>> {
        Box::pin(async move {
            match self.store.delete(&Key::from(key)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(why) => Err(why.into()),
            }
        })
    }
}

/// A part of an open file, piece by piece. A file that was removed meanwhile is read to its end.
async fn pieces(file: std::fs::File, range: Range<u64>) -> Result<Chunks, FileError> {
    let mut file = tokio::fs::File::from_std(file);
    file.seek(io::SeekFrom::Start(range.start)).await?;
    let rest = (file, range.end - range.start);
    let stream = try_unfold(rest, |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(left.min(PIECE)).unwrap_or(usize::MAX);
        let mut piece = BytesMut::with_capacity(wanted);
        // `take` keeps what grows the buffer from reading on.
        let read = (&mut file).take(wanted as u64).read_buf(&mut piece).await?;
        if read == 0 {
            return Err(FileError::Missing);
        }
        Ok(Some((piece.freeze(), (file, left - read as u64))))
    });
    Ok(stream.boxed())
}
