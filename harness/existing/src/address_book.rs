//! Which addresses belong to the cluster, and what to dial for them from here.
//!
//! Answers for the addresses of nodes and of Gateways and for nothing else, so that no probe goes
//! to a stranger. Where nodes are reached at other addresses than those they know themselves by,
//! the book leads there.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use gateproof_kubernetes::AddressBook;

/// The addresses of a cluster, each with the one to dial.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterBook {
    known: BTreeMap<IpAddr, IpAddr>,
}

impl ClusterBook {
    /// Puts in an address that is dialled as it is.
    pub fn admit(&mut self, address: IpAddr) {
        self.lead(address, address);
    }

    /// Puts in an address that is reached at another one.
    pub fn lead(&mut self, address: IpAddr, at: IpAddr) {
        self.known.insert(address, at);
    }
}

impl AddressBook for ClusterBook {
    fn resolve(&self, address: IpAddr, port: u16) -> Option<SocketAddr> {
        self.known.get(&address).map(|at| SocketAddr::new(*at, port))
    }
}

#[cfg(test)]
mod tests {
    use gateproof_kubernetes::AddressBook;

    use super::ClusterBook;

    #[test]
    fn only_addresses_of_the_cluster_are_dialled() {
        let address = |text: &str| text.parse().expect("an address");
        let mut book = ClusterBook::default();
        book.admit(address("10.0.0.2"));
        book.lead(address("10.0.0.3"), address("203.0.113.3"));
        let dialled = |text| book.resolve(address(text), 80).map(|socket| socket.to_string());
        assert_eq!(dialled("10.0.0.2").as_deref(), Some("10.0.0.2:80"));
        assert_eq!(dialled("10.0.0.3").as_deref(), Some("203.0.113.3:80"));
        assert_eq!(dialled("10.0.0.4"), None);
        assert_eq!(dialled("203.0.113.3"), None, "nobody of the cluster knows itself by it");
    }
}
