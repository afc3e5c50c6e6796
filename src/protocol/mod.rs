//! The wire: what a client may say, what the server says, and the bytes of both.
//!
//! *Belongs here:* shapes of ops, replies and events; the tables of codes; frames.
//! *Does not belong here:* who may do what (rooms decide), HTTP status codes (`http/` maps them).
//! The contract in prose is `docs/protocol.md`.

mod code;
mod event;
mod frame;
mod op;
mod reply;

pub use code::{CloseCode, ErrorCode, Refusal};
pub use event::{
    Announced, Behind, CaughtUp, Drain, Hello, InboxRead, Lag, MemberData, MemberJoin, MemberKick,
    MemberLeave, MemberRole, MessageData, MessageNew, NoticeData, NoticeEvent, Presence,
    PresenceDiff, ReadEvent, RoleData, RoomAdd, RoomHead, RoomRemove, RoomUpdate, RoomUpdateData,
    Typing,
};
pub use frame::{Frame, HEARTBEAT, LongFrame, close_frame, control_frame};
pub use op::{BadLine, Heartbeat, Line, Op, Selection, Want, parse_line};
pub use reply::{
    AuthOk, Empty, InboxOpenOk, InboxPlace, MarkOk, MessageItem, OpenOk, PullOk, RoomEntry, SendOk,
    SharedSnapshot, SnapshotBody, UnreadOk, UserBody, err_line, ok_line, snapshot_line,
};
