//! `moim top`: watches a server from the terminal, as `top` watches a machine.
//!
//! *Belongs here:* asking a server for its actors, and showing them. *Does not belong here:*
//! anything of the server itself. This is a client: it knows the wire and nothing else, and so can
//! watch a server of another version on another machine.

mod client;
mod picture;
mod screen;
mod view;

use std::io::{IsTerminal, Write};
use std::time::Duration;

use self::client::Client;
use self::screen::{Keys, Screen};

/// Rates are over a second at least; a second look before that has none.
const SECOND_LOOK: Duration = Duration::from_millis(1_050);
/// Rows and columns of a page that goes nowhere in particular.
const PLAIN: usize = 1_000;

/// Makes a token for each request: it may have run out since the last.
pub type Credentials = Box<dyn Fn() -> Result<String, String> + Send + Sync>;

/// How to watch.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// Time between two looks.
    pub every: Duration,
    /// Show one picture and end.
    pub once: bool,
    /// Print what the server says, one line a look.
    pub json: bool,
}

/// Why watching ended.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// Not a place that can be asked.
    #[error("{url} cannot be watched: {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nobody there.
    #[error("no server answers at {url}: {why}")]
    Silent {
        /// Where.
        url: String,
        /// What the system said.
        why: String,
    },
    /// The server says no.
    #[error("the server at {url} refuses: {status} {why}{hint}")]
    Refused {
        /// Where.
        url: String,
        /// Status code.
        status: u16,
        /// What it said.
        why: String,
        /// What may help.
        hint: &'static str,
    },
    /// The answer is not what it should be.
    #[error("what {url} answers was not understood: {why}")]
    Unreadable {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// No token could be had.
    #[error("{0}")]
    NoToken(String),
    /// The terminal refused.
    #[error("the terminal: {0}")]
    Terminal(#[from] std::io::Error),
}

/// A server that may be watched.
pub struct Server(Client);

impl Server {
    /// The server at `url`, if one answers there.
    ///
    /// # Errors
    /// When `url` is none, or nobody answers.
    pub async fn find(url: &str) -> Result<Self, TopError> {
        let client = Client::new(url)?;
        client.greet().await?;
        Ok(Self(client))
    }

    /// Whether it is on this machine, so that a key of this machine may be shown to it.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.0.is_loopback()
    }

    /// Shows the actors until the user has seen enough.
    ///
    /// # Errors
    /// When the server is gone or refuses. One that is away for a moment is waited for.
    pub async fn watch(self, credentials: Credentials, watch: Watch) -> Result<(), TopError> {
        let Self(client) = self;
        let is_screen = std::io::stdout().is_terminal() && !watch.once && !watch.json;
        if is_screen {
            live(&client, &credentials, watch).await
        } else {
            plain(&client, &credentials, watch).await
        }
    }
}

/// Redraws the terminal until a key ends it.
async fn live(client: &Client, credentials: &Credentials, watch: Watch) -> Result<(), TopError> {
    let mut latest = client.look(credentials).await?;
    // Before the terminal is taken over, so that nothing can end the program and leave it so.
    let mut keys = Keys::listen()?;
    let screen = Screen::open()?;
    let (mut before, mut trouble) = (None, None);
    loop {
        let (columns, rows) = Screen::size();
        let title = || format!("{} · every {:?} · q quits", client.url(), watch.every);
        let title = trouble.take().unwrap_or_else(title);
        let lines = view::page(&title, &latest, before.as_ref(), rows, columns);
        screen.draw(&lines, rows)?;
        if keys.quit_within(watch.every).await {
            return Ok(());
        }
        let looked = tokio::select! {
            looked = client.look(credentials) => looked,
            () = keys.quit() => return Ok(()),
        };
        match looked {
            Ok(picture) => before = Some(std::mem::replace(&mut latest, picture)),
            // A server that restarts comes back; its last picture stays meanwhile.
            Err(why @ TopError::Silent { .. }) => trouble = Some(view::alarm(&why.to_string())),
            Err(why) => return Err(why),
        }
    }
}

/// Prints a page, or a line of JSON, for each look.
async fn plain(client: &Client, credentials: &Credentials, watch: Watch) -> Result<(), TopError> {
    // The first look only makes the rates of the second possible.
    let mut before = client.look(credentials).await?;
    let mut wait = SECOND_LOOK;
    loop {
        tokio::time::sleep(wait).await;
        wait = watch.every;
        let latest = client.look(credentials).await?;
        let text = if watch.json {
            format!("{}\n", latest.text)
        } else {
            let lines = view::page(client.url(), &latest, Some(&before), PLAIN, PLAIN);
            let lines = lines.iter().map(|line| view::without_colour(line));
            format!("{}\n\n", lines.collect::<Vec<_>>().join("\n"))
        };
        let mut out = std::io::stdout().lock();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() || watch.once {
            // Whoever read this has seen enough.
            return Ok(());
        }
        before = latest;
    }
}
