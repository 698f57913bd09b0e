//! Which addresses belong to a cluster: those of its nodes, and those that its load balancers may
//! get. Everything else is somebody else's, and no probe goes there.
//!
//! The addresses are the real ones; where they cannot be reached from here, probes are sent by a
//! container beside the nodes, to the same addresses.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{PoisonError, RwLock};

use gateproof_core::cluster::Node;
use gateproof_kubernetes::AddressBook;

use crate::cidr::Cidr;

/// The addresses of one cluster.
#[derive(Debug)]
pub(crate) struct KindBook {
    nodes: BTreeSet<IpAddr>,
    pools: RwLock<Vec<Cidr>>,
}

impl KindBook {
    /// A book with the addresses of nodes and nothing else.
    pub(crate) fn new(nodes: &[Node]) -> Self {
        let nodes = nodes.iter().flat_map(|node| node.addresses.iter().copied()).collect();
        Self { nodes, pools: RwLock::default() }
    }

    /// Replaces the ranges of load balancers.
    pub(crate) fn set_pools(&self, pools: Vec<Cidr>) {
        *self.pools.write().unwrap_or_else(PoisonError::into_inner) = pools;
    }
}

impl AddressBook for KindBook {
    fn resolve(&self, address: IpAddr, port: u16) -> Option<SocketAddr> {
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        let own = self.nodes.contains(&address) || pools.iter().any(|pool| pool.contains(address));
        own.then_some(SocketAddr::new(address, port))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use gateproof_core::cluster::{Node, NodeRole};
    use gateproof_core::name::NodeName;
    use gateproof_kubernetes::AddressBook;

    use super::KindBook;

    #[test]
    fn only_nodes_and_pools_are_answered_for() {
        let node = Node {
            name: NodeName::new("worker"),
            role: NodeRole::Worker,
            labels: BTreeMap::new(),
            addresses: vec![[172, 18, 0, 3].into()],
        };
        let book = KindBook::new(&[node]);
        book.set_pools(vec!["172.18.200.16/28".parse().expect("a block")]);
        for (address, own) in [
            ("172.18.0.3", true),
            ("172.18.200.16", true),
            ("172.18.200.31", true),
            ("172.18.200.32", false),
            ("172.18.0.1", false),
            ("172.18.0.4", false),
            ("127.0.0.1", false),
            ("8.8.8.8", false),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            let resolved = book.resolve(address, 80);
            assert_eq!(resolved.is_some(), own, "{address}");
            assert!(resolved.is_none_or(|socket| socket.ip() == address && socket.port() == 80));
        }
        book.set_pools(Vec::new());
        assert_eq!(book.resolve([172, 18, 200, 16].into(), 80), None, "a pool can go again");
    }
}
