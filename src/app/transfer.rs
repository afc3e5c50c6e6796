//! What an operator does with whole clubs, and with backups, from the command line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use super::{StartError, attachments, open, random};
use crate::actors::unheard;
use crate::config::Config;
use crate::domain::{ClubId, Millis};
use crate::files::Files;
use crate::store::{Beside, EventWriter, Exported, FileKey, Imported, Store, TransferError};
use crate::telemetry::Metrics;

/// Bytes of the longest line that is read.
const LINE_BYTES: u64 = 16 << 20;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moving {
    /// Write clubs to standard output.
    Export {
        /// Which; all of them if none.
        club: Option<String>,
        /// The folder that takes the files of messages; they are left out without.
        files: Option<PathBuf>,
    },
    /// Make clubs of a file.
    Import {
        /// Which; `-` is standard input.
        file: PathBuf,
        /// Another name for the only club of it.
        name: Option<String>,
        /// The folder that the export has put the files of messages into.
        files: Option<PathBuf>,
    },
    /// Give each log a new life.
    RenewEpochs,
}

/// Does it; says what was done.
///
/// # Errors
/// When the database or the file cannot be used.
pub async fn transfer(config: &Config, what: Moving) -> Result<String, StartError> {
    let store = open(config).await?;
    store.migrate().await?;
    let beside = |folder: Option<PathBuf>| {
        let Some(folder) = folder else { return Ok::<_, StartError>(Folder(None)) };
        Ok(Folder(Some((folder, attachments(config, random()?)?))))
    };
    let done = match what {
        Moving::Export { club, files } => export(&store, club.as_deref(), beside(files)?).await,
        Moving::Import { file, name, files } => {
            import(&store, (&file, name.as_deref()), beside(files)?).await
        }
        Moving::RenewEpochs => {
            let logs = store.renew_epochs().await;
            logs.map(|logs| format!("{logs} logs have a new life")).map_err(TransferError::from)
        }
    };
    store.close().await;
    Ok(done?)
}

/// The folder beside the lines, and the files of this server; nothing where files are not wanted.
struct Folder(Option<(PathBuf, Files)>);

impl Folder {
    /// Where an original or its small copy lies beside the lines.
    fn path(folder: &Path, number: i64, is_preview: bool) -> PathBuf {
        folder.join(if is_preview { format!("{number}.preview") } else { number.to_string() })
    }

    /// Copies what the lines name out of this server, or into it.
    async fn carry(&self, files: &[Beside], is_out: bool) -> Result<(), TransferError> {
        let Some((folder, here)) = &self.0 else { return Ok(()) };
        if is_out {
            tokio::fs::create_dir_all(folder).await?;
        }
        for file in files {
            for (is_preview, size) in [(false, Some(file.size)), (true, file.preview)] {
                let Some(size) = size else { continue };
                let path = Self::path(folder, file.number, is_preview);
                let size = u64::try_from(size).unwrap_or(0);
                let carried = if is_out {
                    here.copy((&file.blob, is_preview), size, &path).await
                } else {
                    here.bring(&path, &file.blob, is_preview).await
                };
                carried.map_err(|why| io::Error::other(format!("{}: {why}", path.display())))?;
            }
        }
        Ok(())
    }

    /// The key of a file whose bytes lie there whole.
    fn key(&self, number: i64, size: i64, preview: Option<i64>) -> Option<String> {
        let (folder, _here) = self.0.as_ref()?;
        let is_whole = |is_preview: bool, size: i64| {
            let path = Self::path(folder, number, is_preview);
            let there = path.metadata().ok().filter(std::fs::Metadata::is_file);
            there.is_some_and(|there| i64::try_from(there.len()).is_ok_and(|len| len == size))
        };
        let is_whole = is_whole(false, size) && preview.is_none_or(|size| is_whole(true, size));
        let key = || Some(format!("{:016x}{:016x}", random().ok()?, random().ok()?));
        is_whole.then(key).flatten()
    }
}

async fn export(
    store: &Store,
    club: Option<&str>,
    folder: Folder,
) -> Result<String, TransferError> {
    let club: Option<Result<ClubId, _>> = club.map(str::parse);
    let club = club.transpose().map_err(|_odd| TransferError::NoClub)?;
    let mut out = BufWriter::new(io::stdout());
    let to = (&mut out as &mut dyn io::Write, Millis::now());
    let Exported { lines, files } = store.export_clubs(club, to, folder.0.is_some()).await?;
    folder.carry(&files, true).await?;
    Ok(format!("wrote {lines} lines and {} files", files.len()))
}

async fn import(
    store: &Store,
    (file, name): (&Path, Option<&str>),
    folder: Folder,
) -> Result<String, TransferError> {
    let source: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(file)?) };
    let mut source = BufReader::new(source);
    let mut lines = std::iter::from_fn(move || next(&mut source).transpose());
    let metrics = Metrics::new();
    let mut brought = Vec::new();
    let mut key = |number: i64, size: i64, preview: Option<i64>| {
        let blob = folder.key(number, size, preview)?;
        brought.push(Beside { number, blob: blob.clone(), size, preview });
        Some(blob)
    };
    let writer = unheard(&metrics);
    let with: (&dyn EventWriter, FileKey<'_>) = (&writer, &mut key);
    let done = store.import_clubs(&mut lines, (name, Millis::now()), with).await?;
    // The rows are there first: bytes that no row knows would never go.
    folder.carry(&brought, false).await?;
    let Imported { clubs, rooms, messages, files, files_missing, reports, placeholders } = done;
    Ok(format!(
        "made {clubs} clubs with {rooms} rooms, {messages} messages, {files} files and {reports} \
         reports; {files_missing} files were not found; {placeholders} accounts were made for people \
         who are not known here: they need a password of `moim admin reset-password`"
    ))
}

/// The next line, without its end; none at the end of the file.
fn next(source: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut text = String::new();
    if source.take(LINE_BYTES).read_line(&mut text)? == 0 {
        return Ok(None);
    }
    if !text.ends_with('\n') && text.len() as u64 >= LINE_BYTES {
        return Err(io::Error::other("a line is too long"));
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(Some(text))
}
