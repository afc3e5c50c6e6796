//! Where a call comes from when proxies stand between.
//!
//! Each proxy appends to `X-Forwarded-For` whom it was called by. What a proxy of ours wrote is
//! believed, and what stands before that is the word of whoever called it: anybody can write there. So
//! the address that counts is the last one that is no proxy of ours. No other header is read: a proxy
//! that sets one of them hands the others through as they came.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

const HEADER: &str = "x-forwarded-for";

/// The proxies that are believed.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Believes what comes from these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Where a call comes from that this peer brought. A header that cannot be read is as good as none.
    pub(super) fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if self.believes(peer) { self.told(headers).unwrap_or(peer) } else { peer }
    }

    /// The last address that is no proxy of ours, or the first, when all are.
    fn told(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut from = None;
        let values: Vec<_> = headers.get_all(HEADER).collect();
        for value in values.into_iter().rev() {
            for hop in value.to_str().ok()?.rsplit(',') {
                let address = address(hop.trim())?;
                from = Some(address);
                if !self.believes(address) {
                    return from;
                }
            }
        }
        from
    }

    fn believes(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let alone = bare.parse::<IpAddr>().ok();
    let address = alone.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn origin(trusted: &str, peer: &str, headers: &[&str]) -> String {
        let networks = trusted.split_whitespace().map(|one| one.parse().unwrap());
        let mut map = HeaderMap::new();
        for value in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            map.append(HeaderName::from_static(HEADER), value);
        }
        Proxies::new(networks.collect()).origin(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn the_last_that_is_no_proxy_of_ours_counts() {
        let ours = "127.0.0.0/8 10.1.0.0/16 fd00::/8";
        for (peer, headers, expected) in [
            ("127.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("::ffff:127.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            // What the client wrote itself stands further to the left.
            ("127.0.0.1", &["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
            ("127.0.0.1", &["1.1.1.1", "203.0.113.7"], "203.0.113.7"),
            ("127.0.0.1", &["nonsense,,, 203.0.113.7"], "203.0.113.7"),
            ("127.0.0.1", &["127.0.0.1, 203.0.113.7"], "203.0.113.7"),
            // Through several of ours.
            ("10.1.2.3", &["1.1.1.1, 203.0.113.7, 10.1.9.9,fd00::1"], "203.0.113.7"),
            ("fd00::2", &["1.1.1.1, 203.0.113.7", "10.1.9.9"], "203.0.113.7"),
            // From within.
            ("127.0.0.1", &["10.1.0.5, 10.1.0.6"], "10.1.0.5"),
            // As some write it.
            ("127.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("127.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("127.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("127.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            // Who is no proxy of ours tells nothing.
            ("203.0.113.9", &["1.1.1.1"], "203.0.113.9"),
            ("10.2.0.1", &["1.1.1.1"], "10.2.0.1"),
        ] {
            assert_eq!(origin(ours, peer, headers), expected, "{peer} {headers:?}");
        }
        assert_eq!(
            origin("", "127.0.0.1", &["1.1.1.1"]),
            "127.0.0.1",
            "nobody is believed unasked"
        );
    }

    #[test]
    fn what_cannot_be_read_is_as_good_as_none() {
        for odd in ["", " ", ",", "unknown", "_hidden", "203.0.113.7,", "203.0.113.256", "1.1", "é"]
        {
            assert_eq!(origin("127.0.0.1/32", "127.0.0.1", &[odd]), "127.0.0.1", "{odd:?}");
        }
        let hidden = "203.0.113.7, unknown, 127.0.0.1";
        assert_eq!(origin("127.0.0.1/32", "127.0.0.1", &[hidden]), "127.0.0.1");
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_writes_changes_who_it_is(said in "[ -~]{0,60}") {
            let header = format!("{said}, 203.0.113.7");
            prop_assert_eq!(origin("127.0.0.1/32", "127.0.0.1", &[&header]), "203.0.113.7");
            prop_assert_eq!(origin("127.0.0.1/32", "198.51.100.1", &[&said]), "198.51.100.1");
        }
    }
}
