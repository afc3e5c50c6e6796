//! Settings of files that people upload, and of pages that they link to.

use std::time::Duration;

use super::{InvalidConfig, Values, within};

/// Files that people upload, and pages that they link to.
#[derive(Debug, Clone)]
pub struct Attachments {
    /// Bytes of one file.
    pub max_bytes: u64,
    /// Bytes of one user in a day.
    pub day_bytes: i64,
    /// Bytes of all files.
    pub quota_bytes: i64,
    /// Uploads of one user in an hour; 0 is no limit.
    pub per_hour: u32,
    /// How long one upload may take.
    pub within: Duration,
    /// MiB for looking at pictures.
    pub picture_mib: u32,
    /// Whether linked pages are asked for their titles.
    pub link_preview: bool,
}

impl Attachments {
    pub(super) fn parse(values: &Values) -> Result<Self, InvalidConfig> {
        let bytes = |name: &str| {
            let number = within(values, name, 0..=i64::MAX.unsigned_abs())?;
            Ok(i64::try_from(number).unwrap_or(i64::MAX))
        };
        let picture_mib = within(values, "picture_mib", 16..=65_536)?;
        Ok(Self {
            max_bytes: within(values, "file_max_bytes", 1_024..=10 << 30)?,
            day_bytes: bytes("file_day_bytes")?,
            quota_bytes: bytes("file_quota_bytes")?,
            per_hour: values.parse("uploads_per_hour")?,
            within: Duration::from_secs(within(values, "upload_seconds", 1..=86_400)?),
            picture_mib: u32::try_from(picture_mib).unwrap_or(u32::MAX),
            link_preview: values.parse("link_preview")?,
        })
    }
}
