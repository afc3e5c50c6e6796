//! Watching a server from the terminal, here or elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::{StartError, open, tokens};
use crate::config::{Config, Database, Secret};
use crate::domain::Millis;
use crate::top::{Credentials, Server, TopError, Watch};

/// Which server, by what right, and how.
#[derive(Debug)]
pub struct TopOrder {
    /// Where it is; else where the settings say that it listens.
    pub url: Option<String>,
    /// A token of an admin.
    pub token: Option<Secret>,
    /// A file with one, read for each look: it may be renewed there.
    pub token_file: Option<PathBuf>,
    /// How to watch.
    pub watch: Watch,
}

/// Watches. Without a token and on the server's own machine the key in its database opens the
/// door: whoever may read that file may read everything anyway.
///
/// # Errors
/// When no server answers, or it does not let us in.
pub async fn top(config: &Config, order: TopOrder) -> Result<(), StartError> {
    let TopOrder { url, token, token_file, watch } = order;
    let url = url.unwrap_or_else(|| format!("http://{}", reachable(config.edge.listen)));
    let server = Server::find(&url).await?;
    let credentials: Credentials = if let Some(file) = token_file {
        Box::new(move || match std::fs::read_to_string(&file) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(why) => Err(format!("{}: {why}", file.display())),
        })
    } else if let Some(token) = token {
        Box::new(move || Ok(token.expose().to_owned()))
    } else if server.is_here() {
        with_key(config).await?
    } else {
        let why = "a server elsewhere wants a token of an admin, in MOIM_TOKEN or --token-file";
        return Err(TopError::NoToken(why.to_owned()).into());
    };
    Ok(server.watch(credentials, watch).await?)
}

/// Passes made with the key of the instance, a fresh one for each look.
async fn with_key(config: &Config) -> Result<Credentials, StartError> {
    if let Database::Sqlite(path) = &config.storage.database
        && !path.exists()
    {
        let why = format!(
            "there is no database at {}: use the settings of the server, or a token of an admin in \
             MOIM_TOKEN or --token-file",
            path.display()
        );
        return Err(TopError::NoToken(why).into());
    }
    let store = open(config).await?;
    let tokens = tokens(config, &store).await;
    store.close().await;
    let tokens = tokens?;
    Ok(Box::new(move || {
        tokens.pass(Millis::now()).map_err(|_why| "no pass could be signed".to_owned())
    }))
}

/// Where to reach who listens there: on all addresses means on this machine too.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_reached_here() {
        let reach = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(reach("127.0.0.1:8080"), "127.0.0.1:8080");
        assert_eq!(reach("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reach("[::]:80"), "[::1]:80");
        assert_eq!(reach("192.0.2.7:80"), "192.0.2.7:80");
    }
}
