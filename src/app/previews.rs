//! Looks at the pages that messages link to, off everybody's path: a message is out long before.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_lc_rs::hmac;
use futures_util::stream::{self, StreamExt};
use futures_util::{FutureExt, future};
use tokio::sync::mpsc::Receiver;

use super::{StartError, fresh_key};
use crate::actors::{LinkAsk, RoomsHandle};
use crate::config::Config;
use crate::domain::{LinkPreview, MessageId, Millis};
use crate::preview::{Fetcher, NoPreview, links};
use crate::store::{NewPreviews, Store, StoreError};

/// Messages whose links are looked at side by side.
const AT_ONCE: usize = 4;
/// What a page said holds for so long.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// That a page said nothing holds for so long.
const NOTHING_KEPT: Duration = Duration::from_secs(60 * 60);

/// The one who looks; idle where the operator did not ask for it.
pub(super) struct Previews(Option<(Receiver<LinkAsk>, Looker)>);

struct Looker {
    fetcher: Fetcher,
    store: Store,
    rooms: RoomsHandle,
    keys: LinkKeys,
}

/// What links are kept under: who has the table alone does not find out where somebody led.
struct LinkKeys(hmac::Key);

impl LinkKeys {
    async fn open(store: &Store) -> Result<Self, StartError> {
        let secret = store.keep_secret("links", &fresh_key()?).await?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    fn of(&self, link: &str) -> String {
        let seal = hmac::sign(&self.0, link.as_bytes());
        seal.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Previews {
    pub(super) async fn new(
        config: &Config,
        store: &Store,
        rooms: &RoomsHandle,
    ) -> Result<Self, StartError> {
        if !config.attachments.link_preview {
            return Ok(Self(None));
        }
        let fetcher = match Fetcher::new(&config.faults) {
            Ok(fetcher) => fetcher,
            Err(why) => {
                tracing::error!("links have no previews: no certificates to trust: {why}");
                return Ok(Self(None));
            }
        };
        let keys = LinkKeys::open(store).await?;
        let looker = Looker { fetcher, store: store.clone(), rooms: rooms.clone(), keys };
        Ok(Self(rooms.links.open().map(|asks| (asks, looker))))
    }

    /// Looks until it is dropped.
    pub(super) async fn run(self) {
        let Some((mut asks, looker)) = self.0 else {
            return future::pending().await;
        };
        let asks = stream::poll_fn(move |context| asks.poll_recv(context));
        asks.for_each_concurrent(AT_ONCE, |ask| async {
            // A page that makes its reader panic costs itself.
            if AssertUnwindSafe(looker.look(ask)).catch_unwind().await.is_err() {
                tracing::error!("looking at a page panicked");
            }
        })
        .await;
        // The queue belongs to the rooms, which outlive this.
        future::pending::<()>().await;
    }
}

impl Looker {
    async fn look(&self, ask: LinkAsk) {
        let LinkAsk { message: MessageId { room, seq }, text_seq, text } = ask;
        match self.previews(links(&text)).await {
            Ok(previews) if previews.is_empty() => {}
            Ok(previews) => {
                let at = Millis::now();
                self.rooms.previewed(NewPreviews {
                    room,
                    message_seq: seq,
                    text_seq,
                    previews,
                    at,
                });
            }
            Err(why) => tracing::warn!("links were not looked at: {why}"),
        }
    }

    async fn previews(&self, links: Vec<String>) -> Result<Vec<LinkPreview>, StoreError> {
        let keys: Vec<String> = links.iter().map(|link| self.keys.of(link)).collect();
        let mut known = self.store.known_links(&keys, Millis::now()).await?;
        let mut previews = Vec::with_capacity(links.len());
        for (link, key) in links.into_iter().zip(keys) {
            let preview = match known.remove(&key) {
                Some(known) => known.map(|page| LinkPreview { url: link, ..page }),
                None => self.fetch(&link, &key).await?,
            };
            previews.extend(preview);
        }
        Ok(previews)
    }

    async fn fetch(&self, link: &str, key: &str) -> Result<Option<LinkPreview>, StoreError> {
        let preview = match self.fetcher.look(link).await {
            Ok(preview) => Some(preview),
            Err(why) => {
                // Not the link: it is part of what somebody said.
                if matches!(why, NoPreview::Closed) {
                    tracing::info!("a link was not looked at: {why}");
                } else {
                    tracing::debug!("a link has no preview: {why}");
                }
                None
            }
        };
        let life = if preview.is_some() { KEPT } else { NOTHING_KEPT };
        self.store.keep_link(key, preview.as_ref(), Millis::now().plus(life)).await?;
        Ok(preview)
    }
}
