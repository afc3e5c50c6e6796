//! What the actors cannot do, or the store will not, as the wire says it.

use std::time::Duration;

use crate::domain::Denied;
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{AppendRefusal, OwnBan};

/// The answer of an actor that crashed.
pub(super) fn lost() -> Refusal {
    Refusal::new(ErrorCode::Unavailable, "the answer was lost; try again")
        .retry_in(Duration::from_millis(200))
}

/// There is no place.
pub(super) fn overloaded() -> Refusal {
    Refusal::new(ErrorCode::Overloaded, "too much at once").retry_in(Duration::from_secs(1))
}

/// The answer to somebody who stays out of a club, or of a room of none.
pub(super) fn banned(ban: OwnBan) -> Refusal {
    let refusal = Refusal::new(ErrorCode::Banned, "you are banned from here");
    refusal.until(ban.until.map(|until| until.0)).banned_for(ban.reason)
}

/// A refusal of what somebody else may do, or somewhere else.
fn forbidden(msg: &str, reason: &'static str) -> Refusal {
    Refusal::new(ErrorCode::Forbidden, msg).because(reason)
}

/// What the store refuses, as the wire says it.
pub(super) fn refused(why: AppendRefusal) -> Refusal {
    match why {
        AppendRefusal::Gone | AppendRefusal::NotMember => {
            Refusal::new(ErrorCode::NotFound, "no such club or room")
        }
        AppendRefusal::NoSuchMessage => {
            Refusal::new(ErrorCode::Invalid, "no such message").because("no_such_message")
        }
        AppendRefusal::NoSuchFile => {
            Refusal::new(ErrorCode::Invalid, "no such file").because("no_such_file")
        }
        AppendRefusal::NoSuchMember => Refusal::new(ErrorCode::NotFound, "was never here"),
        AppendRefusal::Decided => {
            Refusal::new(ErrorCode::Conflict, "this report is decided").because("decided")
        }
        // No change of a membership is refused for these.
        AppendRefusal::Muted { .. }
        | AppendRefusal::Slow { .. }
        | AppendRefusal::Filtered
        | AppendRefusal::NoSuchThread
        | AppendRefusal::NotThere
        | AppendRefusal::Deleted
        | AppendRefusal::NotAuthor
        | AppendRefusal::ReactionLimit
        | AppendRefusal::PinLimit => Refusal::new(ErrorCode::Internal, "this could not be done"),
        AppendRefusal::Banned { until, reason } => banned(OwnBan { until, reason }),
        AppendRefusal::MakerOutside => {
            forbidden("a bot may only be where its maker is", "maker_outside")
        }
        AppendRefusal::Bot => forbidden("this is not for bots", "bot"),
        AppendRefusal::NotOpen => forbidden("this club is not joined openly", "not_open"),
        AppendRefusal::Full => {
            Refusal::new(ErrorCode::Conflict, "the club is full").because("club_full")
        }
        AppendRefusal::OwnerStays => {
            Refusal::new(ErrorCode::Conflict, "the owner cannot leave").because("owner_stays")
        }
        AppendRefusal::NameTaken => {
            Refusal::new(ErrorCode::Conflict, "a room has this name").because("name_taken")
        }
        AppendRefusal::NoSuchUser => {
            Refusal::new(ErrorCode::Invalid, "somebody of these does not exist")
                .because("no_such_user")
        }
        AppendRefusal::KeptOut => {
            Refusal::new(ErrorCode::Conflict, "somebody of these is banned from the room")
                .because("kept_out")
        }
        AppendRefusal::Blocked => Denied::Blocked.into(),
        AppendRefusal::PrivateRoom => {
            Refusal::new(ErrorCode::Conflict, "two people have a private room for ever")
                .because("private_room")
        }
        AppendRefusal::NotGroup => forbidden("this is not for rooms of this kind", "not_group"),
        AppendRefusal::Role => forbidden("this takes another role", "role"),
        AppendRefusal::NotActive => {
            Refusal::new(ErrorCode::Conflict, "is not here now").because("not_active")
        }
    }
}
