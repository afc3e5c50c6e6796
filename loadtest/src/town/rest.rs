//! Calls over HTTP beside the sockets, over a few kept-alive connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use serde_json::Value;
use tokio::task::spawn_local;

use super::{Deed, Folk};
use crate::http::{Endpoint, Http};

/// Connections that are free now; a call takes one, or makes one.
pub(crate) struct Rest {
    endpoint: Endpoint,
    free: RefCell<Vec<Http>>,
}

impl Rest {
    pub(crate) fn new(endpoint: &Endpoint) -> Rc<Self> {
        Rc::new(Self { endpoint: endpoint.clone(), free: RefCell::default() })
    }

    /// Reads the newest messages of a room in the background, timed from `due`.
    pub(crate) fn history(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        token: String,
        room: &str,
        due: Instant,
    ) {
        let path = format!("/v1/rooms/{room}/messages");
        let (rest, folk) = (self.clone(), folk.clone());
        spawn_local(async move {
            let taken = rest.free.borrow_mut().pop();
            let mut http = taken.unwrap_or_else(|| Http::new(rest.endpoint.clone()));
            match http.get(&path, Some(&token)).await {
                Ok(page) if page.get("items").is_some_and(Value::is_array) => {
                    folk.tally().done(Deed::History, due);
                }
                Ok(other) => folk.tally().refuse(|| format!("{path}: {other}")),
                Err(error) => folk.tally().refuse(|| format!("{error:#}")),
            }
            rest.free.borrow_mut().push(http);
        });
    }
}
