//! The wire: what a client may say, what the server says, and the bytes of both.
//!
//! *Belongs here:* shapes of ops, replies and events; the tables of codes; frames.
//! *Does not belong here:* who may do what (rooms decide), HTTP status codes (`http/` maps them).
//! The contract in prose is `docs/protocol.md`.

mod act;
mod ai;
mod code;
mod data;
mod erase;
mod event;
mod frame;
mod op;
mod reply;

pub use act::{ActOp, DeedOp};
pub use ai::{
    AiDelta, AiDone, AiEnd, AiEndData, AiOver, AiRefused, AiRunning, AiStart, AiStartData, AiState,
    AiUnwait, AiWait, Cite, ContextRead, Use,
};
pub use code::{CloseCode, ErrorCode, Refusal};
pub use data::{
    ActData, EditData, MemberData, MessageData, NoticeData, PreviewData, ReactionData, RoleData,
    RoomUpdateData,
};
pub use erase::{Touched, erased_event, erased_notice, forgotten, touched};
pub use event::{
    Announced, Behind, CaughtUp, Drain, Hello, InboxDrop, InboxRead, Lag, MemberBan, MemberJoin,
    MemberKick, MemberLeave, MemberRole, MessageDelete, MessageEdit, MessageNew, MessagePin,
    MessagePreview, MessageReact, MessageUnpin, MessageUnreact, NoticeEvent, Presence,
    PresenceDiff, ReadEvent, RoomAdd, RoomHead, RoomRemove, RoomUpdate, States, ThreadRead, Typing,
};
pub use frame::{Frame, HEARTBEAT, LongFrame, close_frame, control_frame};
pub use op::{BadLine, Heartbeat, Line, Op, Selection, Want, parse_line};
pub use reply::{
    ActOk, AuthOk, Empty, FileItem, InboxOpenOk, InboxPlace, MarkOk, MessageItem, OpenOk, PullOk,
    Reaction, RoomEntry, SendOk, SharedSnapshot, SnapshotBody, ThreadPlace, UnreadOk, UserBody,
    err_line, ok_line, snapshot_line,
};
