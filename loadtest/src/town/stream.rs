//! A reader of a room's log by server-sent events: every event once, in order.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{AbortHandle, spawn_local};

use super::{Room, Tally};
use crate::check::{Faults, SeqWatch};
use crate::endpoint::Endpoint;
use crate::http::read_head;
use crate::report::{microseconds, record};
use crate::scan;

/// All streams of a run.
pub(crate) struct Streams {
    readers: Vec<Rc<Reader>>,
    tasks: Vec<AbortHandle>,
    times: Rc<RefCell<Histogram<u64>>>,
}

struct Reader {
    room: Rc<Room>,
    tally: Rc<Tally>,
    /// From the first event on; what came before the stream was open is not its business.
    watch: RefCell<Option<SeqWatch>>,
    is_open: Cell<bool>,
    failed: RefCell<Option<String>>,
}

impl Streams {
    pub(super) fn start(
        endpoint: &Endpoint,
        tally: &Rc<Tally>,
        whose: impl Iterator<Item = (String, Rc<Room>)>,
    ) -> Result<Self> {
        let times = Rc::new(RefCell::new(microseconds()?));
        let (mut readers, mut tasks) = (Vec::new(), Vec::new());
        for (token, room) in whose {
            let reader = Rc::new(Reader {
                room,
                tally: tally.clone(),
                watch: RefCell::default(),
                is_open: Cell::new(false),
                failed: RefCell::default(),
            });
            let (this, endpoint, times) = (reader.clone(), endpoint.clone(), times.clone());
            let life = spawn_local(async move {
                let ended = this.follow(&endpoint, &token, &times).await;
                let why =
                    ended.err().map_or("the stream ended".to_owned(), |why| format!("{why:#}"));
                this.failed.replace(Some(why));
            });
            tasks.push(life.abort_handle());
            readers.push(reader);
        }
        Ok(Self { readers, tasks, times })
    }

    /// Whether each has begun, or has failed to.
    pub(crate) fn are_open(&self) -> bool {
        let is_done =
            |reader: &Rc<Reader>| reader.is_open.get() || reader.failed.borrow().is_some();
        self.readers.iter().all(is_done)
    }

    /// Whether each that heard anything has all there is.
    pub(crate) fn are_level(&self) -> bool {
        self.readers.iter().all(|reader| {
            let watch = reader.watch.borrow();
            reader.failed.borrow().is_some()
                || watch.as_ref().is_none_or(|watch| watch.head() >= reader.room.end())
        })
    }

    /// From when a message was due to each receipt.
    pub(crate) fn times(&self) -> Histogram<u64> {
        self.times.borrow().clone()
    }

    pub(crate) fn verdict(&self) -> Faults {
        let mut faults = Faults::default();
        for reader in &self.readers {
            if let Some(watch) = &*reader.watch.borrow() {
                faults.add(watch.verdict(reader.room.end()));
            }
        }
        faults
    }

    pub(crate) fn failed(&self) -> Vec<String> {
        self.readers.iter().filter_map(|reader| reader.failed.borrow().clone()).collect()
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Reader {
    async fn follow(
        &self,
        endpoint: &Endpoint,
        token: &str,
        times: &RefCell<Histogram<u64>>,
    ) -> Result<()> {
        let mut stream = endpoint.connect().await.context("cannot connect")?;
        let Endpoint { authority, prefix, .. } = endpoint;
        let request = format!(
            "GET {prefix}/v1/rooms/{}/events HTTP/1.1\r\nHost: {authority}\r\n\
             Authorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n",
            self.room.id
        );
        stream.write_all(request.as_bytes()).await?;
        let mut buffer = Vec::new();
        let head = read_head(&mut stream, &mut buffer).await?;
        ensure!(head.status == 200, "the stream was answered with {}", head.status);
        loop {
            // Sizes of chunks stand on lines of their own and look like no field; no line of an
            // event is cut by them, because the server writes whole events.
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let rest = buffer.split_off(end + 1);
                let line = std::mem::replace(&mut buffer, rest);
                self.take(line.trim_ascii(), times);
            }
            ensure!(stream.read_buf(&mut buffer).await? > 0, "the server ended the stream");
        }
    }

    fn take(&self, line: &[u8], times: &RefCell<Histogram<u64>>) {
        if line.starts_with(b":") {
            self.is_open.set(true);
        }
        let Some(event) = line.strip_prefix(b"data: ") else { return };
        let Some(delivery) = scan::delivery(event) else {
            return self.tally.refuse(|| String::from_utf8_lossy(event).into_owned());
        };
        let mut watch = self.watch.borrow_mut();
        let watch = watch.get_or_insert_with(|| SeqWatch::after(delivery.seq - 1));
        let is_new = watch.see(delivery.seq);
        self.room.take(event, delivery, &self.tally);
        if let Some(stamp) = delivery.stamp
            && is_new
        {
            let due = self.tally.epoch.moment(stamp.due_us);
            record(&mut times.borrow_mut(), Instant::now().saturating_duration_since(due));
            self.tally.note(|_| {});
        }
    }
}
