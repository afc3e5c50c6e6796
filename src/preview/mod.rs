//! Looks at the pages that people link to, for what they say about themselves.
//!
//! *Belongs here:* finding links, asking their servers, reading their answers. *Does not belong
//! here:* rooms, the store, when to look.
//!
//! The links come from anybody and this server stands in somebody's network, so it is careful where
//! it lets itself be led. **Invariant:** the address that was checked is the one that is connected
//! to: names are resolved by our own resolver, which gives the client nothing but what it checked,
//! and an address in a link or in a redirect is checked before it is asked. So a name that leads
//! elsewhere the second time leads nowhere. No proxy of the environment is used: it would resolve
//! names by itself. No cookie, no referrer, no picture; a page is read to the end of its head.

mod guard;
mod page;

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

pub use self::guard::is_public;
use crate::domain::{LinkPreview, Text, limits};
use crate::faults::Faults;

/// Redirects that are followed.
const REDIRECTS: usize = 3;
/// Bytes of a page that are read.
const BYTES: usize = 512 << 10;
/// From the first question to the last byte, redirects included.
const WITHIN: Duration = Duration::from_secs(5);
/// Ports of the web.
const PORTS: [u16; 2] = [80, 443];
/// Characters of a link that is looked at.
const LINK: usize = 2_000;
/// How we say who asks.
const AGENT: &str = concat!("moim/", env!("CARGO_PKG_VERSION"), " (link preview)");

/// Why there is no preview of a link. Not told to anyone; the log has it.
#[derive(Debug, thiserror::Error)]
pub enum NoPreview {
    /// Not a link that is looked at: another scheme or port, a password, an odd host.
    #[error("the link is not one that is looked at")]
    Odd,
    /// It leads to an address that is not of the public internet.
    #[error("the link leads to an address that is not public")]
    Closed,
    /// It leads on too often.
    #[error("too many redirects")]
    Redirects,
    /// It took too long.
    #[error("no answer in time")]
    Late,
    /// The answer was not a page.
    #[error("the answer is no page")]
    NoPage,
    /// The page says nothing about itself.
    #[error("the page has no title")]
    Untitled,
    /// Its server does not answer, or not as it should.
    #[error("the server of the link does not answer")]
    Unreachable(#[source] reqwest::Error),
}

/// Where names lead. The system's in service, a made-up one in tests.
pub trait Names: Send + Sync + 'static {
    /// The addresses of a name now.
    fn look_up(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

/// What the system says.
#[derive(Debug, Clone, Copy)]
pub struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || (name.as_str(), 0).to_socket_addrs());
            let found = found.await.map_err(std::io::Error::other)??;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Resolves for the client, and lets nothing through that is not public.
struct Guarded {
    names: Arc<dyn Names>,
    faults: Faults,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        if let Some(planted) = self.faults.leads_to(name.as_str()) {
            return Box::pin(async move { Ok(Box::new(planted.into_iter()) as Addrs) });
        }
        let found = self.names.look_up(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await?;
            // One that is closed spoils them all: no honest name has both.
            if found.is_empty() || !found.iter().all(|address| is_public(*address)) {
                return Err(Box::new(NoPreview::Closed) as _);
            }
            Ok(Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

/// Looks at pages. Cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    client: Client,
    faults: Faults,
}

impl Fetcher {
    /// One that asks the system for names.
    ///
    /// # Errors
    /// When the system has no certificates to trust.
    pub fn new(faults: &Faults) -> Result<Self, reqwest::Error> {
        Self::with_names(Arc::new(SystemNames), faults)
    }

    /// One that asks somebody else for names.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_names(names: Arc<dyn Names>, faults: &Faults) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .user_agent(AGENT)
            .dns_resolver(Guarded { names, faults: faults.clone() })
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(WITHIN)
            .timeout(WITHIN)
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { client, faults: faults.clone() })
    }

    /// What the page behind a link says about itself.
    ///
    /// # Errors
    /// [`NoPreview`], for all that goes wrong on the way.
    pub async fn look(&self, link: &str) -> Result<LinkPreview, NoPreview> {
        match tokio::time::timeout(WITHIN, self.follow(link)).await {
            Ok(looked) => looked,
            Err(_elapsed) => Err(NoPreview::Late),
        }
    }

    async fn follow(&self, link: &str) -> Result<LinkPreview, NoPreview> {
        let mut url = Url::parse(link).map_err(|_odd| NoPreview::Odd)?;
        for _step in 0..=REDIRECTS {
            self.check(&url)?;
            let ask = self.client.get(url.clone());
            let ask = ask.header(ACCEPT, "text/html").header(ACCEPT_ENCODING, "identity");
            let answer = ask.send().await.map_err(refused)?;
            if answer.status().is_redirection() {
                let place = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok());
                url = place.and_then(|place| url.join(place).ok()).ok_or(NoPreview::NoPage)?;
                continue;
            }
            return read(link, answer).await;
        }
        Err(NoPreview::Redirects)
    }

    /// What can be said of a link before it is asked. A name is checked when it is resolved.
    fn check(&self, url: &Url) -> Result<(), NoPreview> {
        let is_web = matches!(url.scheme(), "http" | "https");
        if !is_web || !url.username().is_empty() || url.password().is_some() {
            return Err(NoPreview::Odd);
        }
        let host = url.host_str().ok_or(NoPreview::Odd)?;
        if self.faults.leads_to(host).is_some() {
            return Ok(());
        }
        if !url.port_or_known_default().is_some_and(|port| PORTS.contains(&port)) {
            return Err(NoPreview::Odd);
        }
        if url.domain().is_some() {
            return Ok(());
        }
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        let address = address.map_err(|_odd| NoPreview::Odd)?;
        if is_public(address) { Ok(()) } else { Err(NoPreview::Closed) }
    }
}

/// A client that was not given an address says so as the cause of its error.
fn refused(why: reqwest::Error) -> NoPreview {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&why);
    while let Some(error) = cause {
        if matches!(error.downcast_ref::<NoPreview>(), Some(NoPreview::Closed)) {
            return NoPreview::Closed;
        }
        cause = error.source();
    }
    if why.is_timeout() { NoPreview::Late } else { NoPreview::Unreachable(why) }
}

async fn read(link: &str, mut answer: Response) -> Result<LinkPreview, NoPreview> {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let kind = header(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let is_plain = header(CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    let is_html = kind.split(';').next().is_some_and(|essence| essence.trim() == "text/html");
    if !answer.status().is_success() || !is_html || !is_plain {
        return Err(NoPreview::NoPage);
    }
    let charset = kind.split_once("charset=").map(|(_, label)| label.trim_matches(['"', ' ']));
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(refused)? {
        let room = BYTES - bytes.len();
        let looked_at = bytes.len().saturating_sub(END_OF_HEAD.len());
        bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        let news = bytes.get(looked_at..).unwrap_or_default();
        if bytes.len() >= BYTES || has_end_of_head(news) {
            break;
        }
    }
    page::read(link, charset, &bytes).ok_or(NoPreview::Untitled)
}

/// Behind this a page says nothing more about itself.
const END_OF_HEAD: &[u8] = b"</head";

fn has_end_of_head(bytes: &[u8]) -> bool {
    bytes.windows(END_OF_HEAD.len()).any(|window| window.eq_ignore_ascii_case(END_OF_HEAD))
}

/// The links of a text that are worth a look: the first few that its readers see, each once. Asking for
/// what a spoiler hides would tell it, and what stands in code is an example.
#[must_use]
pub fn links(text: &Text) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for link in text.links() {
        let is_web = ["http://", "https://"].iter().any(|scheme| {
            link.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        if is_web && link.len() <= LINK && !found.contains(&link) {
            found.push(link);
        }
        if found.len() == limits::LINK_PREVIEWS {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_links_of_a_text_are_found_once() {
        let text = "see https://e.org/a, (http://e.org/b) ftp://e.org mailto:a@e.org \
                    https://e.org/a HTTPS://E.ORG/c https://e.org/d";
        let links = |text: &str| links(&Text::parse(text).unwrap());
        assert_eq!(links(text), ["https://e.org/a", "http://e.org/b", "HTTPS://E.ORG/c"]);
        assert_eq!(
            links("`https://e.org/a` ||see https://e.org/b here|| https://e.org/c"),
            ["https://e.org/c"]
        );
        assert!(links("no link, no http, javascript:alert(1)").is_empty());
        assert!(links(&format!("https://e.org/{}", "x".repeat(LINK))).is_empty());
    }

    #[tokio::test]
    async fn what_leads_nowhere_good_is_not_asked() {
        let fetcher = Fetcher::new(&Faults::default()).unwrap();
        for (link, is_closed) in [
            ("http://127.0.0.1/", true),
            ("http://127.0.0.1:22/", false),
            ("http://[::1]/", true),
            ("http://[::ffff:169.254.169.254]/latest/meta-data", true),
            ("https://169.254.169.254/", true),
            // The ways to write an address that browsers know.
            ("http://0x7f.1/", true),
            ("http://2130706433/", true),
            ("http://017700000001/", true),
            ("http://0/", true),
            ("http://①②⑦.0.0.1/", true),
            ("http://localhost/", true),
            ("http://user:word@1.1.1.1/", false),
            ("https://1.1.1.1:6379/", false),
            ("file:///etc/passwd", false),
            ("gopher://1.1.1.1/", false),
            ("nonsense", false),
        ] {
            let why = fetcher.look(link).await.unwrap_err();
            let is_as_told = match &why {
                NoPreview::Closed => is_closed,
                NoPreview::Odd => !is_closed,
                _asked => false,
            };
            assert!(is_as_told, "{link}: {why:?}");
        }
    }
}
