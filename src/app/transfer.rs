//! What an operator does with whole clubs, and with backups, from the command line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use super::{StartError, open};
use crate::actors::unheard;
use crate::config::Config;
use crate::domain::{ClubId, Millis};
use crate::store::{Store, TransferError};
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
    },
    /// Make clubs of a file.
    Import {
        /// Which; `-` is standard input.
        file: PathBuf,
        /// Another name for the only club of it.
        name: Option<String>,
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
    let done = match what {
        Moving::Export { club } => export(&store, club.as_deref()).await,
        Moving::Import { file, name } => import(&store, &file, name.as_deref()).await,
        Moving::RenewEpochs => {
            let logs = store.renew_epochs().await;
            logs.map(|logs| format!("{logs} logs have a new life")).map_err(TransferError::from)
        }
    };
    store.close().await;
    Ok(done?)
}

async fn export(store: &Store, club: Option<&str>) -> Result<String, TransferError> {
    let club: Option<Result<ClubId, _>> = club.map(str::parse);
    let club = club.transpose().map_err(|_odd| TransferError::NoClub)?;
    let mut out = BufWriter::new(io::stdout());
    let lines = store.export_clubs(club, (&mut out, Millis::now())).await?;
    Ok(format!("wrote {lines} lines"))
}

async fn import(store: &Store, file: &Path, name: Option<&str>) -> Result<String, TransferError> {
    let source: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(file)?) };
    let mut source = BufReader::new(source);
    let mut lines = std::iter::from_fn(move || next(&mut source).transpose());
    let metrics = Metrics::new();
    let done = store.import_clubs(&mut lines, (name, Millis::now()), &unheard(&metrics)).await?;
    let crate::store::Imported { clubs, rooms, messages, placeholders } = done;
    Ok(format!(
        "made {clubs} clubs with {rooms} rooms and {messages} messages; {placeholders} accounts \
         were made for people who are not known here: they need a password of `moim admin \
         reset-password`"
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
