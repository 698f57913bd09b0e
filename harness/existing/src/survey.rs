//! Which nodes a cluster has, and how they are reached from here.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use futures_util::StreamExt;
use gateproof_core::cluster::Node;
use gateproof_core::dossier::Dossier;
use gateproof_core::name::NodeName;
use serde_json::Value;

use crate::address_book::ClusterBook;
use crate::prober::RememberingProber;

/// How many nodes are tried at the same time.
const SIDE_BY_SIDE: usize = 64;

/// What was found out about the way to the nodes.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Where they are reached.
    pub way: Way,
    /// Nodes of which nothing answered.
    pub silent: Vec<NodeName>,
    /// The addresses that may be probed, and where they are reached from here.
    pub book: ClusterBook,
    /// The same as the cluster itself reaches them.
    pub own_book: ClusterBook,
    /// Asks them, and remembers which answered.
    pub prober: RememberingProber,
}

/// Where nodes are reached from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// At the addresses they know themselves by.
    Internal,
    /// At their external addresses: none of the internal ones answers.
    External,
    /// Nowhere.
    None,
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.nodes.len();
        let there = all - self.silent.len();
        match self.way {
            _ if all == 0 => f.write_str("no node is known, so no socket can be asked"),
            Way::Internal => {
                write!(f, "{there} of {all} nodes answer from here, at their InternalIP")
            }
            Way::External => write!(
                f,
                "{there} of {all} nodes answer from here, at their ExternalIP (their InternalIP \
                 does not)"
            ),
            Way::None => write!(
                f,
                "none of {all} nodes answers from here: no connection to its kubelet's port that \
                 is its own, and no refusal; what traffic does cannot be decided from here"
            ),
        }
    }
}

/// Looks at the nodes of a dossier and tries the way to each.
pub async fn survey(dossier: &Dossier) -> Survey {
    let prober = RememberingProber::default();
    let nodes = dossier.nodes.clone();
    let mut book = ClusterBook::default();
    for address in nodes.iter().flat_map(|node| &node.addresses) {
        book.admit(*address);
    }
    for address in gateway_addresses(dossier) {
        book.admit(address);
    }
    let internal = |node: &Node| node.primary_address();
    let silent = silent(&prober, &nodes, internal).await;
    if silent.len() < nodes.len() || nodes.is_empty() {
        return Survey { nodes, way: Way::Internal, silent, own_book: book.clone(), book, prober };
    }
    let external = external_addresses(dossier);
    let outside = |node: &Node| external.get(&node.name).copied();
    let silent_outside = self::silent(&prober, &nodes, outside).await;
    if silent_outside.len() == nodes.len() {
        return Survey { nodes, way: Way::None, silent, own_book: book.clone(), book, prober };
    }
    let own_book = book.clone();
    for node in &nodes {
        let at = external.get(&node.name);
        for (address, at) in node.addresses.iter().zip(at.into_iter().cycle()) {
            // An address of the other family has no counterpart.
            if address.is_ipv4() == at.is_ipv4() {
                book.lead(*address, *at);
            }
        }
    }
    Survey { nodes, way: Way::External, silent: silent_outside, book, own_book, prober }
}

impl Survey {
    /// Tries the way to each node from a pod of the cluster: whoever answers there may be taken at
    /// their word, silence included. Gives those that do not.
    pub async fn silent_inside(&self, prober: &RememberingProber) -> Vec<NodeName> {
        silent(prober, &self.nodes, Node::primary_address).await
    }
}

/// The nodes of which nothing answers at an address.
async fn silent(
    prober: &RememberingProber,
    nodes: &[Node],
    address: impl Fn(&Node) -> Option<IpAddr>,
) -> Vec<NodeName> {
    let places: Vec<(NodeName, Option<IpAddr>)> =
        nodes.iter().map(|node| (node.name.clone(), address(node))).collect();
    let tried = places.into_iter().map(async |(name, address)| match address {
        Some(address) if prober.reaches(address).await => None,
        Some(_) | None => Some(name),
    });
    let tried: Vec<Option<NodeName>> =
        futures_util::stream::iter(tried).buffered(SIDE_BY_SIDE).collect().await;
    tried.into_iter().flatten().collect()
}

/// The first external address of each node that has one.
fn external_addresses(dossier: &Dossier) -> BTreeMap<NodeName, IpAddr> {
    let of = |node: &Value| {
        let name = node["metadata"]["name"].as_str()?;
        let addresses = node["status"]["addresses"].as_array()?;
        let external = addresses.iter().find(|address| address["type"] == "ExternalIP")?;
        Some((NodeName::new(name), external["address"].as_str()?.parse().ok()?))
    };
    dossier.list("", "Node").filter_map(of).collect()
}

/// The addresses of Gateways and of the Services that were made for them.
fn gateway_addresses(dossier: &Dossier) -> Vec<IpAddr> {
    let of_gateways = dossier
        .list("gateway.networking.k8s.io", "Gateway")
        .flat_map(|gateway| gateway["status"]["addresses"].as_array().into_iter().flatten())
        .filter_map(|address| address["value"].as_str());
    let owned = |service: &&Value| {
        let owners = service["metadata"]["ownerReferences"].as_array();
        owners.into_iter().flatten().any(|owner| owner["kind"] == "Gateway")
    };
    let of_services = dossier
        .list("", "Service")
        .filter(owned)
        .flat_map(|service| {
            service["status"]["loadBalancer"]["ingress"].as_array().into_iter().flatten()
        })
        .filter_map(|ingress| ingress["ip"].as_str());
    of_gateways.chain(of_services).filter_map(|address| address.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use gateproof_core::cluster::{Node, NodeRole};
    use gateproof_core::dossier::Dossier;
    use gateproof_core::name::NodeName;
    use gateproof_kubernetes::AddressBook;
    use serde_json::{Value, json};

    use super::{Way, survey};

    fn dossier(internal: &str, external: Option<&str>) -> Dossier {
        let node = Node {
            name: NodeName::new("a"),
            role: NodeRole::Worker,
            labels: [].into(),
            addresses: vec![internal.parse().expect("an address")],
        };
        let external: Vec<Value> = external
            .iter()
            .map(|address| json!({"type": "ExternalIP", "address": address}))
            .collect();
        let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"},
            "status": {"addresses": external}});
        let gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"namespace": "g", "name": "g"},
            "status": {"addresses": [{"type": "IPAddress", "value": "198.51.100.7"}]}});
        Dossier { nodes: vec![node], objects: vec![object, gateway], ..Dossier::default() }
    }

    // Nobody can connect to the address of all hosts, whatever network this machine is in.
    #[tokio::test]
    async fn internal_addresses_come_first_and_external_ones_when_those_are_silent() {
        for (internal, external, way) in [
            ("127.0.0.1", Some("127.0.0.2"), Way::Internal),
            ("255.255.255.255", Some("127.0.0.2"), Way::External),
            ("255.255.255.255", None, Way::None),
        ] {
            let found = survey(&dossier(internal, external)).await;
            assert_eq!(found.way, way, "{internal} {external:?}");
            let dialled = found.book.resolve(internal.parse().expect("an address"), 80);
            let at = if way == Way::External { "127.0.0.2" } else { internal };
            assert_eq!(dialled.map(|socket| socket.ip().to_string()).as_deref(), Some(at));
            let gateway = "198.51.100.7".parse().expect("an address");
            assert!(found.book.resolve(gateway, 80).is_some(), "a Gateway's address is its own");
        }
    }
}
