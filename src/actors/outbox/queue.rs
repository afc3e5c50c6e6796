//! What waits in one outbox: pieces of bytes in their order, and how much of the first is out.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;
use tokio::net::TcpStream;

/// Pieces that one system call takes.
const SLICES: usize = 64;
/// Room for more is not kept from one flush to the next.
const KEPT: usize = 256;
/// For how many pieces a queue makes room when so many wait: who signs in has a few, and where more
/// wait, a whole gathering of the relay is likely to follow.
const ROOM: [usize; 3] = [4, SLICES, KEPT];

/// One piece waits most of the time, so the first needs no allocation.
#[derive(Debug, Default)]
pub(super) struct Queue {
    first: Option<Piece>,
    /// Bytes of the first that are out.
    written: usize,
    /// Whether the first ends a frame that began in a piece which is out.
    is_begun: bool,
    rest: VecDeque<Piece>,
}

/// A frame, or the beginning or end of one.
#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    /// Whether the frame ends in the next piece.
    goes_on: bool,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Adds a frame.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.add(Piece { bytes, goes_on: false });
    }

    /// Adds a frame of two pieces.
    pub(super) fn push_pieces(&mut self, begin: Bytes, end: Bytes) {
        self.add(Piece { bytes: begin, goes_on: true });
        self.add(Piece { bytes: end, goes_on: false });
    }

    fn add(&mut self, piece: Piece) {
        if self.first.is_none() {
            self.first = Some(piece);
        } else {
            let waiting = self.rest.len();
            if waiting == self.rest.capacity() {
                let room = ROOM.into_iter().find(|room| *room > waiting);
                self.rest.reserve(room.map_or(1, |room| room - waiting));
            }
            self.rest.push_back(piece);
        }
    }

    /// One system call with up to [`SLICES`] pieces.
    pub(super) fn write_to(&self, socket: &TcpStream) -> std::io::Result<usize> {
        let first = self.first.as_ref().and_then(|first| first.bytes.get(self.written..));
        let first = first.unwrap_or_default();
        if self.rest.is_empty() {
            return socket.try_write(first);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let pieces = std::iter::once(first).chain(self.rest.iter().map(|piece| &*piece.bytes));
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        socket.try_write_vectored(slices.get(..count).unwrap_or_default())
    }

    /// So many more bytes are out.
    pub(super) fn advance(&mut self, mut count: usize) {
        while let Some(first) = &self.first {
            let left = first.bytes.len() - self.written;
            if count < left {
                self.written += count;
                return;
            }
            count -= left;
            self.written = 0;
            self.is_begun = first.goes_on;
            self.first = self.rest.pop_front();
        }
        if self.rest.capacity() > KEPT {
            self.rest = VecDeque::new();
        }
    }

    /// Everything, joined. Of streams alone: their pieces are whole.
    pub(super) fn take_all(&mut self) -> Option<Bytes> {
        let first = self.first.take()?.bytes;
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return Some(first);
        }
        let mut joined =
            Vec::with_capacity(first.len() + rest.iter().map(|p| p.bytes.len()).sum::<usize>());
        joined.extend_from_slice(&first);
        rest.iter().for_each(|piece| joined.extend_from_slice(&piece.bytes));
        Some(joined.into())
    }

    /// Each frame whole, in order.
    #[cfg(feature = "bench")]
    pub(super) fn each_frame(self, mut take: impl FnMut(&Bytes)) {
        let mut begun = Vec::new();
        for piece in self.first.into_iter().chain(self.rest) {
            if !begun.is_empty() || piece.goes_on {
                begun.extend_from_slice(&piece.bytes);
            }
            match (piece.goes_on, begun.is_empty()) {
                (true, _) => {}
                (false, true) => take(&piece.bytes),
                (false, false) => take(&std::mem::take(&mut begun).into()),
            }
        }
    }

    /// Drops all but the frame that is partly out; says how many bytes are left.
    pub(super) fn forget_unwritten(&mut self) -> usize {
        if self.written == 0 && !self.is_begun {
            *self = Self::default();
            return 0;
        }
        let goes_on = self.first.as_ref().is_some_and(|first| first.goes_on);
        self.rest.truncate(usize::from(goes_on));
        self.rest.shrink_to_fit();
        let pieces = self.first.iter().chain(&self.rest);
        pieces.map(|piece| piece.bytes.len()).sum::<usize>().saturating_sub(self.written)
    }

    /// Gives back the room for what waits when nothing does.
    pub(super) fn tidy(&mut self) {
        if self.rest.is_empty() && self.rest.capacity() > 0 {
            self.rest = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A short frame, one of two pieces, and another short one.
    fn three() -> Queue {
        let mut queue = Queue::default();
        queue.push(Bytes::from_static(b"aaa"));
        queue.push_pieces(Bytes::from_static(b"bb"), Bytes::from_static(b"BBBB"));
        queue.push(Bytes::from_static(b"cc"));
        queue
    }

    fn left(queue: &Queue) -> Vec<u8> {
        let all = queue.first.iter().chain(&queue.rest);
        let mut all: Vec<u8> = all.flat_map(|piece| piece.bytes.to_vec()).collect();
        all.drain(..queue.written);
        all
    }

    #[test]
    fn what_is_forgotten_never_cuts_a_frame_that_has_begun() {
        let whole = b"aaabbBBBBcc";
        for out in 0..=whole.len() {
            let mut queue = three();
            queue.advance(out);
            assert_eq!(left(&queue), whole[out..]);
            // Where the frame ends that has begun.
            let end = match out {
                0 | 3 | 9 | 11 => out,
                1..3 => 3,
                4..9 => 9,
                _ => 11,
            };
            assert_eq!(queue.forget_unwritten(), end - out, "after {out}");
            assert_eq!(left(&queue), whole[out..end], "after {out}");
        }
    }

    #[test]
    fn a_frame_of_two_pieces_counts_once_it_is_out() {
        let mut queue = three();
        queue.advance(3);
        queue.advance(2);
        queue.advance(4);
        assert!(!queue.is_begun);
        assert_eq!(queue.take_all().as_deref(), Some(&b"cc"[..]));
        assert!(queue.is_empty());
    }
}
