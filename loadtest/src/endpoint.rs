//! Where a server is: one address, or those of its nodes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use tokio::net::TcpStream;

/// Where the server listens, resolved once. Of several nodes each gets a connection in turn.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Of the first node.
    pub addr: SocketAddr,
    /// What goes into the `Host` header.
    pub authority: String,
    /// A path in front of `/v1`, mostly empty.
    pub prefix: String,
    /// Where there are several nodes: all of them.
    nodes: Option<Arc<Nodes>>,
}

#[derive(Debug)]
struct Nodes {
    all: Vec<SocketAddr>,
    turn: AtomicUsize,
}

impl Endpoint {
    pub(crate) fn local(addr: SocketAddr) -> Self {
        Self { addr, authority: addr.to_string(), prefix: String::new(), nodes: None }
    }

    /// Nodes have commas between them. What stands in a request is of the first.
    pub(crate) async fn resolve(urls: &str) -> Result<Self> {
        let (mut first, mut all) = (None, Vec::new());
        for url in urls.split(',') {
            let node = Self::resolve_one(url).await?;
            all.push(node.addr);
            first.get_or_insert(node);
        }
        let mut first = first.context("no address")?;
        if all.len() > 1 {
            first.nodes = Some(Arc::new(Nodes { all, turn: AtomicUsize::new(0) }));
        }
        Ok(first)
    }

    /// The same elsewhere.
    pub(crate) fn at(&self, addr: SocketAddr) -> Self {
        Self { addr, nodes: None, ..self.clone() }
    }

    /// Whether there are several.
    pub(crate) fn has_nodes(&self) -> bool {
        self.nodes.is_some()
    }

    /// Its nodes, one by one.
    pub(crate) fn each(&self) -> Vec<Self> {
        let all = self.nodes.as_ref().map_or(std::slice::from_ref(&self.addr), |nodes| &nodes.all);
        all.iter().map(|addr| self.at(*addr)).collect()
    }

    async fn resolve_one(url: &str) -> Result<Self> {
        let Some(rest) = url.strip_prefix("http://") else {
            bail!("{url}: only http:// addresses can be driven");
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host =
            if authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
                authority.to_owned()
            } else {
                format!("{authority}:80")
            };
        let addr = tokio::net::lookup_host(&host)
            .await
            .with_context(|| format!("cannot resolve {host}"))?
            .next()
            .with_context(|| format!("{host} has no address"))?;
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { addr, authority: authority.to_owned(), prefix, nodes: None })
    }

    pub(crate) async fn connect(&self) -> std::io::Result<TcpStream> {
        let next = |nodes: &Arc<Nodes>| {
            let turn = nodes.turn.fetch_add(1, Ordering::Relaxed);
            nodes.all.get(turn % nodes.all.len()).copied()
        };
        let addr = self.nodes.as_ref().and_then(next).unwrap_or(self.addr);
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_may_carry_a_port_and_a_prefix() {
        let plain = Endpoint::resolve("http://127.0.0.1:8080").await.unwrap();
        assert_eq!((plain.addr.port(), plain.prefix.as_str()), (8080, ""));
        let behind = Endpoint::resolve("http://127.0.0.1/chat/").await.unwrap();
        assert_eq!((behind.addr.port(), behind.prefix.as_str()), (80, "/chat"));
        assert!(Endpoint::resolve("https://127.0.0.1").await.is_err());
    }

    #[tokio::test]
    async fn several_nodes_are_connected_to_in_turn() {
        let nodes = ["127.0.0.1:0"; 2].map(|addr| std::net::TcpListener::bind(addr).unwrap());
        let addrs = nodes.each_ref().map(|node| node.local_addr().unwrap());
        let both = format!("http://{},http://{}", addrs[0], addrs[1]);
        let both = Endpoint::resolve(&both).await.unwrap();
        assert_eq!(both.each().iter().map(|node| node.addr).collect::<Vec<_>>(), addrs);
        for turn in 0..4 {
            let stream = both.connect().await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), addrs[turn % 2]);
        }
        let elsewhere = both.at(addrs[1]).connect().await.unwrap();
        assert_eq!(elsewhere.peer_addr().unwrap(), addrs[1]);
    }
}
