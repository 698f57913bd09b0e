//! Addresses of load balancers: whether a Gateway's was reached, and who is to announce it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Gateway, condition, could_read, entry, gateways, name_of};
use crate::announcement::{self, Lease, Policy};
use crate::dossier::Dossier;
use crate::finding::Seen;
use crate::label_selector::labels_of;
use crate::observation::{HttpOutcome, TcpOutcome};
use crate::scenario::ConditionStatus;

/// A Gateway whose Service has an address that Cilium could announce.
#[derive(Debug, Clone)]
pub(in crate::finding) struct Addressed<'d> {
    pub(in crate::finding) gateway: Gateway<'d>,
    pub(in crate::finding) service: &'d Value,
    pub(in crate::finding) addresses: Vec<&'d str>,
    pub(in crate::finding) reach: Reach,
}

/// What came of connections to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::finding) enum Reach {
    /// Something answered, be it with a refusal: somebody has the address.
    Reached,
    /// Nothing did; what came of it.
    Missed(Vec<Seen>),
    /// None was made, or none that says anything.
    Unasked,
}

/// Gateways that wait at an address, each with what came of connections to it.
pub(in crate::finding) fn addressed(dossier: &Dossier) -> Vec<Addressed<'_>> {
    gateways(dossier)
        .into_iter()
        .filter_map(|gateway| {
            let service = gateway.service()?;
            let addresses = announcement::addresses(service);
            let reach = reach(dossier, &addresses);
            (!addresses.is_empty()).then_some(Addressed { gateway, service, addresses, reach })
        })
        .collect()
}

impl Addressed<'_> {
    /// Whether Cilium's LB-IPAM gave the address: then nobody else announces it as a rule.
    pub(in crate::finding) fn is_by_lb_ipam(&self) -> bool {
        let told = self
            .service
            .get("status")
            .and_then(|status| condition(status, "cilium.io/IPAMRequestSatisfied"));
        told.is_some_and(|told| told.status == ConditionStatus::True)
    }

    /// The lease that says who announces it.
    pub(in crate::finding) fn lease(&self, dossier: &Dossier) -> Option<Lease> {
        let name = announcement::lease_name(&name_of(self.service)?);
        let leases = dossier.list("coordination.k8s.io", "Lease");
        leases.filter_map(Lease::from_object).find(|lease| lease.name.name == name)
    }

    /// The addresses in a row.
    pub(in crate::finding) fn in_words(&self) -> String {
        self.addresses.join(", ")
    }
}

/// Whether agents are to announce addresses, as far as it was read.
pub(in crate::finding) fn announces(dossier: &Dossier) -> Option<bool> {
    let map = dossier.cilium.config_map.as_ref()?;
    (!map.entries.is_empty()).then(|| entry(dossier, announcement::SETTING) == Some("true"))
}

/// Policies, when all of them were read.
pub(in crate::finding) fn policies(dossier: &Dossier) -> Option<Vec<Policy>> {
    let all = dossier.list(announcement::GROUP, announcement::POLICY);
    could_read(dossier, announcement::POLICY).then(|| all.filter_map(Policy::from_object).collect())
}

/// Every policy of announcements where agents are to announce; `None` where they are not, or where
/// it was not read.
pub(in crate::finding) fn policies_in_use(dossier: &Dossier) -> Option<Vec<Policy>> {
    if announces(dossier) == Some(true) { policies(dossier) } else { None }
}

/// The labels that agents go by: of CiliumNodes, else of Nodes; none when neither was read.
pub(in crate::finding) fn agents_labels(
    dossier: &Dossier,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let nodes = dossier.nodes.iter();
    let mut all: BTreeMap<_, _> =
        nodes.map(|node| (node.name.as_str().to_owned(), node.labels.clone())).collect();
    for node in dossier.list("cilium.io", "CiliumNode") {
        if let Some(name) = crate::dossier::text(node, "/metadata/name") {
            all.insert(name.to_owned(), labels_of(node));
        }
    }
    all
}

fn reach(dossier: &Dossier, addresses: &[&str]) -> Reach {
    let mut missed: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let checks = dossier.checks.iter().map(|check| &check.evidence);
    let tcp = checks.clone().flat_map(|evidence| &evidence.tcp);
    let tcp = tcp.map(|placed| (placed.place.as_str(), Some(&placed.observation.outcome)));
    let http = checks.flat_map(|evidence| &evidence.http).chain(&dossier.http);
    let http = http.map(|placed| match &placed.observation.outcome {
        HttpOutcome::NotConnected(outcome) => (placed.place.as_str(), Some(outcome)),
        _ => (placed.place.as_str(), None),
    });
    for (place, outcome) in tcp.chain(http) {
        if !is_at(place, addresses) {
            continue;
        }
        match outcome {
            None | Some(TcpOutcome::Accepted | TcpOutcome::Refused | TcpOutcome::Reset) => {
                return Reach::Reached;
            }
            // Nobody knows whether there is a way from where it was asked.
            Some(TcpOutcome::Other(_)) => {}
            Some(outcome) => {
                let places = missed.entry(outcome.to_string()).or_default();
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }
    if missed.is_empty() {
        return Reach::Unasked;
    }
    let told = |(outcome, places): (String, Vec<&str>)| Seen {
        what: format!("{outcome}: {}", places.join(", ")),
        source: "TCP probes".to_owned(),
    };
    Reach::Missed(missed.into_iter().map(told).collect())
}

/// Whether a place, as entry points write it (`172.18.255.0:80 (load balancer address)`), is one of
/// these addresses.
fn is_at(place: &str, addresses: &[&str]) -> bool {
    let socket = place.split_whitespace().next().and_then(|word| word.rsplit_once(':'));
    let Some((address, _)) = socket.filter(|_| place.ends_with("(load balancer address)")) else {
        return false;
    };
    addresses.contains(&address.trim_matches(['[', ']']))
}

#[cfg(test)]
mod tests {
    use super::is_at;

    #[test]
    fn places_of_addresses_are_told_from_those_of_nodes() {
        let addresses = ["172.18.255.0", "fd00::1"];
        assert!(is_at("172.18.255.0:80 (load balancer address)", &addresses));
        assert!(is_at("[fd00::1]:443 (load balancer address)", &addresses));
        assert!(!is_at("172.18.255.1:80 (load balancer address)", &addresses));
        assert!(!is_at("worker 172.18.255.0:31080 (node port of 80)", &addresses));
    }
}
