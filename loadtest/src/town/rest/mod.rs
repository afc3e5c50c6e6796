//! Calls over HTTP beside the sockets, over a few kept-alive connections. What comes is held against
//! what is known; times count from when the call was due.

mod aside;
mod own;
mod pairs;
mod question;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::task::spawn_local;

pub(crate) use self::aside::pins;
pub(crate) use self::pairs::Pairs;

use super::book::{Known, Part, Shown};
use super::hunt::{Flaw, Hunt};
use super::parcel::{Contents, Parcel};
use super::{Deed, Folk, Room};
use crate::endpoint::Endpoint;
use crate::http::Http;

/// Messages of a page when nothing else is asked for.
const PAGE: usize = 50;
/// More pages than the word of one message can have.
const MOST_PAGES: usize = 50;

/// Connections that are free now; a call takes one, or makes one.
pub(crate) struct Rest {
    endpoint: Endpoint,
    free: RefCell<Vec<Http>>,
    /// Calls under way.
    busy: Cell<usize>,
    /// Who is about to say something of themselves.
    speaking: RefCell<HashSet<usize>>,
}

impl Rest {
    pub(crate) fn new(endpoint: &Endpoint) -> Rc<Self> {
        let (free, busy, speaking) = (RefCell::default(), Cell::new(0), RefCell::default());
        Rc::new(Self { endpoint: endpoint.clone(), free, busy, speaking })
    }

    /// Whether no call is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.busy.get() == 0
    }

    /// Does something in the background; what fails is held against the server.
    fn start(self: &Rc<Self>, folk: &Rc<Folk>, work: impl Work) {
        let (rest, folk) = (self.clone(), folk.clone());
        rest.busy.update(|busy| busy + 1);
        spawn_local(async move {
            let taken = rest.free.borrow_mut().pop();
            let mut http = taken.unwrap_or_else(|| Http::new(rest.endpoint.clone()));
            if let Err(error) = work(&mut http, &folk).await {
                folk.tally().refuse(|| format!("{error:#}"));
            }
            rest.free.borrow_mut().push(http);
            rest.busy.update(|busy| busy - 1);
        });
    }

    /// Reads the newest messages of a room.
    pub(crate) fn history(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        index: usize,
        room: &Rc<Room>,
        due: Instant,
    ) {
        let room = room.clone();
        self.start(folk, async move |http, folk| {
            let path = format!("/v1/rooms/{}/messages", room.id);
            // What happened before it is asked for must be in it.
            let upto = room.end();
            let page = http.get(&path, Some(&folk.token(index))).await?;
            let items = items(&page).with_context(|| format!("{path}: {page}"))?;
            folk.tally().done(Deed::History, due);
            if let (Some(book), Some(session)) = (room.book(), folk.session(index)) {
                let shown = Shown::newest(items, PAGE, session.me.get());
                let wrongs = book.compare(shown, Known { upto, is_exact: false });
                wrongs.into_iter().for_each(|wrong| folk.tally().wrong(wrong));
            }
            Ok(())
        });
    }

    /// Looks for a message, on all pages.
    pub(crate) fn search(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        token: String,
        hunt: Hunt,
        due: Instant,
    ) {
        self.start(folk, async move |http, folk| {
            let path = format!("/v1/search?q={}", hunt.word());
            let (mut found, mut page) = (Vec::new(), http.get(&path, Some(&token)).await?);
            for _ in 0..MOST_PAGES {
                found.extend_from_slice(items(&page).with_context(|| format!("{path}: {page}"))?);
                let Some(next) = page.get("next").and_then(Value::as_str) else { break };
                page = http.get(&format!("{path}&cursor={next}"), Some(&token)).await?;
            }
            ensure!(page.get("next").is_some_and(Value::is_null), "{path} has no end");
            folk.tally().done(Deed::Search, due);
            for flaw in hunt.judge(&found) {
                match flaw {
                    Flaw::Wrong(wrong) => folk.tally().wrong(wrong),
                    Flaw::Leaked(what) => folk.tally().leak(|| what),
                }
            }
            Ok(())
        });
    }

    /// Uploads a file and posts it. The message is a send of its own, timed as one.
    pub(crate) fn upload(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        index: usize,
        (room, contents): (&Rc<Room>, Contents),
        due: Instant,
    ) {
        let room = room.clone();
        self.start(folk, async move |http, folk| {
            let path = format!("/v1/rooms/{}/files?name={}", room.id, contents.name());
            let file = http.upload(&path, &folk.token(index), &contents.bytes()).await?;
            folk.tally().done(Deed::Upload, due);
            match Parcel::uploaded(contents, &file) {
                Ok(parcel) => {
                    let parcel = Some(Rc::new(parcel));
                    folk.send_with(index, &room, parcel, Instant::now()).await;
                }
                Err(wrong) => folk.tally().wrong(wrong),
            }
            Ok(())
        });
    }

    /// Gets a file that was posted in a room of the session's user, or the preview and the file.
    pub(crate) fn fetch(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        index: usize,
        parcel: Rc<Parcel>,
        due: Instant,
    ) {
        self.start(folk, async move |http, folk| {
            let token = folk.token(index);
            fetch(http, folk, (&token, &parcel), Some(due)).await
        });
    }

    /// Gets parts of a file, and a preview in two, as somebody does who goes on with a download.
    pub(crate) fn ranges(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        index: usize,
        (parcel, part): (Rc<Parcel>, (usize, usize)),
        due: Instant,
    ) {
        self.start(folk, async move |http, folk| {
            let token = folk.token(index);
            let range = format!("{}-{}", part.0, part.1.saturating_sub(1));
            let (status, range, bytes) = http.part(&parcel.url, &token, &range).await?;
            folk.tally().done(Deed::Range, due);
            let mut wrongs: Vec<_> =
                parcel.compare_part(part, (status, &range, &bytes)).into_iter().collect();
            if let Some(preview) = &parcel.preview_url {
                let (status, _, whole) = http.part(preview, &token, "0-").await?;
                let (rest_status, _, rest) = http.part(preview, &token, "100-").await?;
                let is_part =
                    status == 206 && rest_status == 206 && whole.get(100..) == Some(&*rest);
                wrongs.extend(parcel.compare_preview(if is_part { 200 } else { status }, &whole));
                let how = || format!("{preview}: {status} and {rest_status} for its parts");
                wrongs.extend((!is_part).then(|| Part::File.wrong(how())));
            }
            wrongs.into_iter().for_each(|wrong| folk.tally().wrong(wrong));
            Ok(())
        });
    }

    /// Somebody who may not read the room of a file tries to get it.
    pub(crate) fn pry(self: &Rc<Self>, folk: &Rc<Folk>, token: String, parcel: Rc<Parcel>) {
        self.start(folk, async move |http, folk| pry(http, folk, (&token, &parcel)).await);
    }
}

trait Work: AsyncFnOnce(&mut Http, &Rc<Folk>) -> Result<()> + 'static {}
impl<W: AsyncFnOnce(&mut Http, &Rc<Folk>) -> Result<()> + 'static> Work for W {}

/// A member gets a file, the preview of a picture first, as a page would.
pub(crate) async fn fetch(
    http: &mut Http,
    folk: &Folk,
    (token, parcel): (&str, &Parcel),
    due: Option<Instant>,
) -> Result<()> {
    let mut due = due;
    let mut done = || {
        if let Some(due) = due.take() {
            folk.tally().done(Deed::Fetch, due);
        }
    };
    if let Some(preview) = &parcel.preview_url {
        let (status, bytes) = http.fetch(preview, token).await?;
        done();
        parcel
            .compare_preview(status, &bytes)
            .into_iter()
            .for_each(|wrong| folk.tally().wrong(wrong));
    }
    let (status, bytes) = http.fetch(&parcel.url, token).await?;
    done();
    parcel.compare(status, &bytes).into_iter().for_each(|wrong| folk.tally().wrong(wrong));
    Ok(())
}

/// Somebody who is no member tries to get a file: for them there is none.
pub(crate) async fn pry(
    http: &mut Http,
    folk: &Folk,
    (token, parcel): (&str, &Parcel),
) -> Result<()> {
    for url in [Some(&parcel.url), parcel.preview_url.as_ref()].into_iter().flatten() {
        let (status, _) = http.fetch(url, token).await?;
        match status {
            404 => {}
            200..=299 => folk.tally().leak(|| format!("{url} was given to a stranger")),
            _ => {
                let how = format!("{url}: a stranger was answered with {status}");
                folk.tally().wrong(Part::File.wrong(how));
            }
        }
    }
    Ok(())
}

fn items(page: &Value) -> Option<&[Value]> {
    Some(page.get("items")?.as_array()?)
}
