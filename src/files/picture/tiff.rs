//! The one thing that is kept of the EXIF data (which are a TIFF file): which side is up. Without it
//! every portrait of a phone would lie on its side.

/// A TIFF file that says nothing else; `None` when the picture stands as it is stored.
pub(super) fn side_up(orientation: u8) -> Option<Vec<u8>> {
    if !(2..=8).contains(&orientation) {
        return None;
    }
    let mut out = Vec::with_capacity(26);
    // Little endian; the first directory follows at once; it has one entry.
    out.extend_from_slice(b"II*\0\x08\0\0\0\x01\0");
    // Orientation, a short, one of them, and its value.
    out.extend_from_slice(&[0x12, 0x01, 0x03, 0, 0x01, 0, 0, 0, orientation, 0, 0, 0]);
    // No further directory.
    out.extend_from_slice(&[0; 4]);
    Some(out)
}
