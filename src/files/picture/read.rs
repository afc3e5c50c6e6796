//! Taking bytes apart without ever reaching beyond them.

use std::io::{Read, Seek};

/// The first `N` bytes, and the rest.
pub(super) fn take<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk::<N>().map(|(first, rest)| (*first, rest))
}

/// The first bytes, and the rest.
pub(super) fn split(bytes: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(at)
}

/// The next `N` bytes of a file.
pub(super) fn next<const N: usize>(file: &mut impl Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// Leaves out the next bytes of a file.
pub(super) fn skip(file: &mut impl Seek, bytes: u16) -> Option<()> {
    file.seek_relative(i64::from(bytes)).ok()
}
