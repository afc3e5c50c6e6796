//! Positions and ids.

use std::fmt::Display;
use std::str::FromStr;

use crate::domain::{ClubId, DeviceId, MessageId, NoticeId, Position, RoomId, UserId};

/// Any text: a position that is read and written is the same position, and an id has one spelling.
pub fn positions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(position) = text.parse::<Position>() {
        assert!(position.seq >= 0, "{text:?}");
        assert_eq!(position.to_string().parse(), Ok(position.clone()), "{text:?}");
        let json = serde_json::to_string(&position).unwrap_or_default();
        assert_eq!(serde_json::from_str(&json).ok(), Some(position), "{json}");
    }
    spelt_once::<UserId>(text);
    spelt_once::<ClubId>(text);
    spelt_once::<RoomId>(text);
    spelt_once::<NoticeId>(text);
    spelt_once::<DeviceId>(text);
    spelt_once::<MessageId>(text);
}

fn spelt_once<T: FromStr + Display>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string(), text);
    }
}
