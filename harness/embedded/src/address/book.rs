//! The address book: from an address and port of the cluster to the socket to dial.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use gateproof_kubernetes::cluster::AddressBook;

use super::block::AddressBlock;

/// The address book of an embedded cluster.
///
/// - A port that is served, or silent, resolves to the socket that the data plane bound for it.
/// - Any other port of an address of the cluster resolves to a socket that refuses, so that what
///   else runs on this machine (a process on `0.0.0.0:80`) cannot be mistaken for the cluster.
/// - Any other address resolves to nothing.
#[derive(Debug)]
pub struct LoopbackBook {
    block: Arc<AddressBlock>,
    entries: RwLock<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    sockets: BTreeMap<(IpAddr, u16), SocketAddr>,
    ranges: Vec<(IpAddr, u8)>,
}

impl LoopbackBook {
    /// A book of a block in which nothing is served yet.
    pub fn new(block: Arc<AddressBlock>) -> Self {
        Self { block, entries: RwLock::default() }
    }

    /// Counts a range of logical addresses outside the block, such as a LB-IPAM pool
    /// `172.18.255.0/28`, among the cluster's own: its unserved ports are refused instead of
    /// being foreign.
    pub fn admit(&self, network: IpAddr, prefix_length: u8) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if !entries.ranges.contains(&(network, prefix_length)) {
            entries.ranges.push((network, prefix_length));
        }
    }

    /// Records the socket that stands for an address and port.
    pub(crate) fn insert(&self, address: IpAddr, port: u16, socket: SocketAddr) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.sockets.insert((address, port), socket);
    }

    /// Forgets the socket of an address and port. The address stays the cluster's own.
    pub(crate) fn remove(&self, address: IpAddr, port: u16) {
        self.admit(address, if address.is_ipv4() { 32 } else { 128 });
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.sockets.remove(&(address, port));
    }
}

impl AddressBook for LoopbackBook {
    fn resolve(&self, address: IpAddr, port: u16) -> Option<SocketAddr> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = entries.sockets.get(&(address, port)) {
            return Some(*socket);
        }
        let own = self.block.contains(address)
            || entries.sockets.keys().any(|(known, _)| *known == address)
            || entries.ranges.iter().any(|range| in_range(*range, address));
        own.then(|| self.block.refused())
    }
}

fn in_range((network, prefix_length): (IpAddr, u8), address: IpAddr) -> bool {
    let differs = match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    differs >= u32::from(prefix_length)
}
