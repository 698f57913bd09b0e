//! Which addresses belong to the cluster, and what to dial for them from here.
//!
//! Answers for the addresses of nodes and of Gateways and for nothing else, so that no probe goes
//! to a stranger. Where nodes are reached at other addresses than those they know themselves by,
//! the book leads there. Addresses that a load balancer gave are put in when they are read; a name
//! among them is resolved as clients would resolve it, and what it leads to is put in.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gateproof_core::entry::Address;
use gateproof_kubernetes::AddressBook;

/// How long the answer to a name may take.
const RESOLVED_WITHIN: Duration = Duration::from_secs(3);

/// How long an answer holds, also that there is none: claims are looked at again and again.
const REMEMBERED: Duration = Duration::from_secs(15);

/// The addresses of a cluster, each with the one to dial; every clone is the same book.
#[derive(Debug, Clone, Default)]
pub struct ClusterBook {
    known: Arc<Mutex<BTreeMap<IpAddr, IpAddr>>>,
    names: Arc<Mutex<BTreeMap<String, Resolved>>>,
}

/// What a name led to, and when.
#[derive(Debug, Clone)]
struct Resolved {
    at: Instant,
    addresses: Vec<IpAddr>,
}

impl ClusterBook {
    /// Puts in an address that is dialled as it is.
    pub fn admit(&mut self, address: IpAddr) {
        self.lead(address, address);
    }

    /// Puts in an address that is reached at another one.
    pub fn lead(&mut self, address: IpAddr, at: IpAddr) {
        self.known().insert(address, at);
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<IpAddr, IpAddr>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what a load balancer gave a Service of the cluster: addresses as they are, names as
    /// what they resolve to. A name that does not resolve stays one.
    pub(crate) async fn admit_balanced(&self, given: &[Address]) -> Vec<Address> {
        let mut all = Vec::new();
        for address in given {
            match address {
                Address::Ip(address) => all.push(*address),
                Address::HostName(name) => all.extend(self.resolved(name).await),
            }
        }
        let mut book = self.known();
        for address in &all {
            // Where a node's address leads is not a load balancer's to say.
            book.entry(*address).or_insert(*address);
        }
        drop(book);
        if all.is_empty() {
            return given.to_vec();
        }
        all.into_iter().map(Address::Ip).collect()
    }

    async fn resolved(&self, name: &str) -> Vec<IpAddr> {
        let remembered =
            self.names.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(remembered) = remembered
            && remembered.at.elapsed() < REMEMBERED
        {
            return remembered.addresses;
        }
        let asked = tokio::time::timeout(RESOLVED_WITHIN, tokio::net::lookup_host((name, 0))).await;
        let mut addresses: Vec<IpAddr> = match asked {
            Ok(Ok(found)) => found.map(|socket| socket.ip()).collect(),
            Ok(Err(error)) => {
                tracing::debug!(name, %error, "a load balancer's name is not resolved");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        addresses.sort_unstable();
        addresses.dedup();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let resolved = Resolved { at: Instant::now(), addresses: addresses.clone() };
        names.insert(name.to_owned(), resolved);
        addresses
    }
}

impl AddressBook for ClusterBook {
    fn resolve(&self, address: IpAddr, port: u16) -> Option<SocketAddr> {
        self.known().get(&address).map(|at| SocketAddr::new(*at, port))
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::entry::Address;
    use gateproof_kubernetes::AddressBook;

    use super::ClusterBook;

    #[tokio::test]
    async fn names_of_load_balancers_lead_to_what_they_resolve_to_and_others_stay_names() {
        let book = ClusterBook::default();
        let shared = book.clone();
        let name = |name: &str| Address::HostName(name.to_owned());
        let given = book.admit_balanced(&[name("localhost")]).await;
        assert!(given.iter().all(|address| address.ip().is_some_and(|ip| ip.is_loopback())));
        let first = given.first().and_then(Address::ip).expect("this machine");
        assert!(shared.resolve(first, 80).is_some(), "every clone is the same book");
        let none = book.admit_balanced(&[name("nobody.invalid")]).await;
        assert_eq!(none, [name("nobody.invalid")]);
    }

    #[tokio::test]
    async fn a_load_balancer_does_not_say_where_a_node_is() {
        let mut book = ClusterBook::default();
        let node = "10.0.0.3".parse().expect("an address");
        book.lead(node, "203.0.113.3".parse().expect("an address"));
        book.admit_balanced(&[Address::Ip(node)]).await;
        let dialled = book.resolve(node, 80).map(|socket| socket.to_string());
        assert_eq!(dialled.as_deref(), Some("203.0.113.3:80"));
    }

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
