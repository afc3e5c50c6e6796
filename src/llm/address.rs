//! A server must not ask itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

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
    listens.iter().filter(|own| own.port() == peer.port()).any(|own| {
        let listen = own.ip().to_canonical();
        ip == listen
            || (listen.is_unspecified() && is_of_machine(ip))
            || (ip.is_unspecified() && listen.is_loopback())
    })
}

/// Whether an address is one of this machine: nothing else can be bound to. Where everything can, as
/// some machines that stand in for others allow, it is not known.
fn is_of_machine(ip: IpAddr) -> bool {
    /// Of documents; no machine has them.
    const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    let can_bind = |ip: IpAddr| UdpSocket::bind((ip, 0)).is_ok();
    let nobodys = if ip.is_ipv4() { V4 } else { V6 };
    ip.is_loopback() || ip.is_unspecified() || (can_bind(ip) && !can_bind(nobodys))
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
        let own = own_address();
        assert!(points_at(&format!("http://{own}:8080/v1"), &all, None), "{own}");
        assert!(!points_at(&format!("http://{own}:8081/v1"), &all, None), "{own}");
        assert!(!points_at("http://192.0.2.7:8080", &all, None));
        if !own.is_loopback() {
            assert!(!points_at(&format!("http://{own}:8080"), &listens, None), "{own}");
        }
    }

    /// By which this machine would be seen from outside, if it has such an address.
    fn own_address() -> IpAddr {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let seen = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
        seen.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |seen| seen.ip())
    }
}
