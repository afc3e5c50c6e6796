//! Which lane of the journal takes what.

use crate::store::{Append, Within};

/// A room stays in its lane, so that its commits arrive in order. The ids of busy rooms come in
/// patterns (a club has its `general` first, so every second one is quiet); mixing their bits keeps
/// lanes from staying empty.
pub(super) fn lane_of(append: &Append, lanes: usize) -> usize {
    let key = match append {
        Append::Message(message) => message.room.0,
        Append::Act(act) => act.room.0,
        Append::Previews(new) => new.room.0,
        Append::Run(step) => step.room().0,
        Append::Mark { room, .. }
        | Append::Unread { room, .. }
        | Append::FanOut { room, .. }
        | Append::JoinRoom { room, .. }
        | Append::LeaveRoom { room, .. }
        | Append::Invite { room, .. } => room.0,
        Append::JoinClub { club, .. }
        | Append::LeaveClub { club, .. }
        | Append::SetRole { club, .. }
        | Append::TellClosed { club }
        | Append::HandOver { club, .. } => club.0,
        Append::Moderate(act) => match act.within {
            Within::Club(club) => club.0,
            Within::Room(room) => room.0,
        },
        Append::MakeGroup(new) => new.by.0,
    };
    let mixed = key.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    usize::try_from(mixed).unwrap_or(0) % lanes.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::journal::LANES;
    use crate::domain::{Millis, RoomId, UserId};

    #[test]
    fn every_lane_gets_its_share_of_rooms_whatever_their_stride() {
        for stride in [1, 2, 3, 4, 8, 12] {
            let mut rooms = [0; LANES];
            for number in 0..400 {
                let mark = Append::Mark {
                    room: RoomId(number * stride),
                    user: UserId(1),
                    seq: 0,
                    at: Millis(0),
                };
                rooms[lane_of(&mark, LANES)] += 1;
            }
            assert!(rooms.iter().all(|rooms| (50..=150).contains(rooms)), "{stride}: {rooms:?}");
        }
    }
}
