//! Files: coming in with an upload, going out to who may read their room.
//!
//! `upload.rs` takes them in, `serve.rs` gives them out, `key.rs` lets the page show them: a picture
//! in a page sends no token, so its address carries a key.

mod gate;
mod key;
mod ranges;
mod serve;
mod upload;

pub use self::gate::Uploads;
pub(super) use self::key::FileKeys;
pub(super) use self::key::keys;
pub(super) use self::serve::{original, preview};
pub(super) use self::upload::{FileBody, upload};
// What the description of the calls is made from lies beside each handler.
pub(super) use self::key::__path_keys;
pub(super) use self::serve::{__path_original, __path_preview};
pub(super) use self::upload::__path_upload;
