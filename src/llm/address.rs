//! A server must not ask itself.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use reqwest::Url;

/// Whether a base URL leads to one of these addresses, or to the public URL of this server. Looks a
/// name up and may take as long as that does: for the start of a server, not for a call.
#[must_use]
pub fn points_at(base_url: &str, listens: &[SocketAddr], public_url: Option<&str>) -> bool {
    let Some((host, port)) = place(base_url) else {
        return false;
    };
    if public_url.and_then(place).is_some_and(|own| own == (host.clone(), port)) {
        return true;
    }
    if !listens.iter().any(|own| own.port() == port) {
        return false; // Nobody needs to be asked for the name.
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = (bare, port).to_socket_addrs();
    found.is_ok_and(|mut found| found.any(|found| is_own(found, listens)))
}

/// Whether a peer is one of these addresses.
pub(super) fn is_own(peer: SocketAddr, listens: &[SocketAddr]) -> bool {
    let ip = peer.ip().to_canonical();
    listens.iter().any(|own| {
        let listen = own.ip().to_canonical();
        let is_here = ip == listen
            || (listen.is_unspecified() && (ip.is_loopback() || ip.is_unspecified()))
            || (ip.is_unspecified() && is_loopback(listen));
        own.port() == peer.port() && is_here
    })
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.is_loopback()
}

fn place(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    Some((url.host_str()?.to_ascii_lowercase(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_the_own_address_is_seen() {
        let listens = ["127.0.0.1:8080".parse().unwrap(), "[::1]:8081".parse().unwrap()];
        let public = Some("https://chat.example.org");
        for own in [
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080/v1",
            "http://user:pass@127.0.0.1:8080/v1",
            "http://2130706433:8080/v1",
            "http://0x7f.1:8080",
            "http://[::ffff:127.0.0.1]:8080",
            "http://0.0.0.0:8080",
            "http://localhost:8080/v1",
            "http://[::1]:8081/v1",
            "https://Chat.Example.org/v1",
            "https://chat.example.org:443",
        ] {
            assert!(points_at(own, &listens, public), "{own}");
        }
        for other in
            ["http://127.0.0.1:11434/v1", "http://127.0.0.2:8080", "https://example.org", "nowhere"]
        {
            assert!(!points_at(other, &listens, public), "{other}");
        }
        let all = ["0.0.0.0:8080".parse().unwrap()];
        assert!(points_at("http://127.0.0.1:8080", &all, None));
        assert!(!points_at("http://127.0.0.1:8081", &all, None));
    }
}
