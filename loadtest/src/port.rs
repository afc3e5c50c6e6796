//! A port for a server of our own.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::server::fresh_seed;

/// A free port below the range from which the kernel takes the ports of outgoing connections: a
/// client that calls a port of that range while the server is down may meet itself.
pub(crate) fn free_port() -> Result<u16> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let lowest = range.split_whitespace().next().and_then(|port| port.parse().ok());
    let below = lowest.unwrap_or(32_768_u16).max(12_000);
    let mut random = SmallRng::seed_from_u64(fresh_seed());
    for _ in 0..200 {
        let port = random.random_range(10_000..below);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between 10000 and {below}")
}
