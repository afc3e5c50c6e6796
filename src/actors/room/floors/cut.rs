//! A shared snapshot for a reader who may see a part of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::actors::relay::LiveEvent;
use crate::protocol::SharedSnapshot;

/// What a reader with a floor gets instead of a snapshot that reaches back behind it.
pub(in crate::actors::room) struct Cut {
    /// Everything up to this seq is in it.
    pub(in crate::actors::room) upto: i64,
    /// Messages up to there.
    pub(in crate::actors::room) n: i64,
    /// The messages that are left.
    pub(in crate::actors::room) body: SharedSnapshot,
}

impl Cut {
    /// A snapshot without what lies up to `floor`; `missed` are the events behind it. `None` when
    /// it cannot be taken apart, which it always can.
    pub(in crate::actors::room) fn of(
        (upto, n, body): (i64, i64, &SharedSnapshot),
        missed: &[Arc<LiveEvent>],
        floor: i64,
    ) -> Option<Self> {
        #[derive(Deserialize)]
        struct Whole<'a> {
            #[serde(borrow)]
            items: Vec<&'a RawValue>,
        }
        #[derive(Deserialize)]
        struct Placed {
            seq: i64,
        }
        #[derive(Serialize)]
        struct Left<'a> {
            upto: i64,
            items: Vec<&'a RawValue>,
        }
        let whole: Whole<'_> = serde_json::from_slice(body.json()).ok()?;
        let is_left = |item: &&RawValue| {
            serde_json::from_str::<Placed>(item.get()).is_ok_and(|placed| placed.seq > floor)
        };
        let items = whole.items.into_iter().filter(is_left).collect();
        let last = missed.iter().rev().find(|event| event.seq <= floor);
        let n = last.map_or(n, |event| event.n);
        let upto = upto.max(floor);
        let body = SharedSnapshot::new(&Left { upto, items })?;
        Some(Self { upto, n, body })
    }
}
