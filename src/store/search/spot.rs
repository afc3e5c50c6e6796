//! The order of what is found.

use crate::domain::{Millis, RoomId};

/// Bits of a point below the time.
const ROOM_BITS: u32 = 10;

/// Where a message stands in time: searches go from high to low. Messages of one moment are told
/// apart by their room and seq, so no two stand at the same spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// Its time, above the lowest bits of its room: what the index counts by.
    pub point: i64,
    /// Its room.
    pub room: RoomId,
    /// Seq of the event that brought it.
    pub seq: i64,
}

/// The point of a row of `message`, in SQL.
macro_rules! point {
    ($message:literal) => {
        concat!("((", $message, ".at << 10) | (", $message, ".room_id & 1023))")
    };
}
pub(super) use point;

impl Spot {
    /// Above all.
    pub(super) const MAX: Self = Self { point: i64::MAX, room: RoomId(i64::MAX), seq: i64::MAX };

    /// Where a message stands.
    pub(super) fn of(at: Millis, room: RoomId, seq: i64) -> Self {
        Self { point: point_of(at, room), room, seq }
    }

    /// Right below everything at a point.
    pub(super) const fn below(point: i64) -> Self {
        Self { point: point - 1, room: RoomId(i64::MAX), seq: i64::MAX }
    }

    /// Right below everything that was taken at this time or later.
    pub(super) fn before(at: Millis) -> Self {
        Self { point: least_point(at), room: RoomId(i64::MIN), seq: i64::MIN }
    }
}

/// The point of a message.
pub(super) fn point_of(at: Millis, room: RoomId) -> i64 {
    least_point(at) | room_bits(room)
}

/// The lowest bits of the points of a room.
pub(super) const fn room_bits(room: RoomId) -> i64 {
    room.0 & ((1 << ROOM_BITS) - 1)
}

/// The least point of a time. Times that no clock shows are the ends of what fits.
pub(super) fn least_point(at: Millis) -> i64 {
    at.0.clamp(0, i64::MAX >> ROOM_BITS) << ROOM_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_is_higher_and_a_room_keeps_its_order() {
        let at = Millis(1_766_000_000_123);
        let (one, two) = (Spot::of(at, RoomId(5_000), 7), Spot::of(at, RoomId(5_000), 8));
        assert!(one < two && one.point == two.point);
        assert!(Spot::of(Millis(at.0 + 1), RoomId(0), 0) > two);
        assert!(Spot::before(at) < one && Spot::before(Millis(at.0 + 1)) > two);
        assert!(Spot::before(Millis(i64::MAX)) < Spot::MAX);
        assert_eq!(Spot::before(Millis(i64::MIN)).point, 0);
        let below = Spot::below(one.point);
        assert!(below < one && below > Spot::before(at));
        assert_eq!(room_bits(RoomId(5_000)), one.point & 1_023);
    }
}
