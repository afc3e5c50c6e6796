//! Asks the server.

use std::time::Duration;

use reqwest::{Response, Url};

use super::picture::{Actors, Picture};
use super::{Credentials, TopError};

/// A server that takes longer is as good as gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Rooms to hear of: more than any screen has lines.
const ROOMS: &str = "200";

pub(super) struct Client {
    base: Url,
    shown: String,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(url: &str) -> Result<Self, TopError> {
        let bad = |why| TopError::Url { url: url.to_owned(), why };
        let base =
            Url::parse(url).map_err(|_odd| bad("it is no URL like http://127.0.0.1:8080"))?;
        match base.scheme() {
            "http" => {}
            "https" => {
                return Err(bad("no TLS here; use a tunnel: ssh -L 8080:127.0.0.1:8080 HOST"));
            }
            _other => return Err(bad("it is no URL like http://127.0.0.1:8080")),
        }
        // A token must not travel on to wherever an answer points.
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_certs_only([]) // None are needed here, and some systems have none.
            .build()
            .map_err(|_why| bad("no client could be made"))?;
        let shown = url.trim_end_matches('/').to_owned();
        Ok(Self { base, shown, http })
    }

    /// The address as it was given.
    pub(super) fn url(&self) -> &str {
        &self.shown
    }

    pub(super) fn is_loopback(&self) -> bool {
        let host = self.base.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether anybody is there, before a token is shown.
    pub(super) async fn greet(&self) -> Result<(), TopError> {
        let url = self.place("/healthz")?;
        let answer = self.http.get(url).send().await.map_err(|why| self.silent(&why))?;
        if answer.status().is_success() { Ok(()) } else { Err(self.refused(answer).await) }
    }

    /// The actors as they are now.
    pub(super) async fn look(&self, credentials: &Credentials) -> Result<Picture, TopError> {
        let token = credentials().map_err(TopError::NoToken)?;
        let mut url = self.place("/v1/admin/actors")?;
        url.query_pairs_mut().append_pair("limit", ROOMS);
        let asked = self.http.get(url).bearer_auth(token).send();
        let answer = asked.await.map_err(|why| self.silent(&why))?;
        if !answer.status().is_success() {
            return Err(self.refused(answer).await);
        }
        let text = answer.text().await.map_err(|why| self.silent(&why))?;
        let actors: Actors = serde_json::from_str(&text).map_err(|why| TopError::Unreadable {
            url: self.shown.clone(),
            why: why.to_string(),
        })?;
        Ok(Picture { actors, text })
    }

    fn place(&self, path: &str) -> Result<Url, TopError> {
        let url = format!("{}{path}", self.shown);
        let why = "it is no URL like http://127.0.0.1:8080";
        Url::parse(&url).map_err(|_odd| TopError::Url { url: self.shown.clone(), why })
    }

    fn silent(&self, why: &reqwest::Error) -> TopError {
        let mut deepest: &dyn std::error::Error = why;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        TopError::Silent { url: self.shown.clone(), why: deepest.to_string() }
    }

    async fn refused(&self, answer: Response) -> TopError {
        let status = answer.status().as_u16();
        let problem: serde_json::Value = answer.json().await.unwrap_or_default();
        let why = problem.get("detail").and_then(|detail| detail.as_str()).unwrap_or("no");
        let hint = match status {
            401 => "; use the settings of the server, or a token in MOIM_TOKEN or --token-file",
            403 => "; `moim admin grant USERNAME` makes an admin",
            _other => "",
        };
        TopError::Refused { url: self.shown.clone(), status, why: why.to_owned(), hint }
    }
}
