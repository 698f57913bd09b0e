//! Which Services may share an address
//! (cilium/cilium `operator/pkg/lbipam/service_store.go`, `isCompatible`).

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::resources::core::Service;

/// Annotations that share an address; the second is an alias.
const KEYS: [&str; 2] = ["lbipam.cilium.io/sharing-key", "io.cilium/lb-ipam-sharing-key"];
/// Annotations that allow it across namespaces.
const ACROSS: [&str; 2] =
    ["lbipam.cilium.io/sharing-cross-namespace", "io.cilium/lb-ipam-sharing-cross-namespace"];

/// The first of two annotations that is there.
pub(super) fn annotation<'a>(service: &'a Service, keys: [&str; 2]) -> Option<&'a str> {
    let found = keys.iter().find_map(|key| service.annotations.get(*key));
    found.map(String::as_str).filter(|value| !value.is_empty())
}

/// The key of a Service that shares.
pub(super) fn key(service: &Service) -> Option<&str> {
    annotation(service, KEYS)
}

/// Who has which address, in the order the addresses were given.
#[derive(Default)]
pub(super) struct Taken<'a> {
    holders: BTreeMap<IpAddr, Vec<&'a Service>>,
    order: Vec<IpAddr>,
}

impl<'a> Taken<'a> {
    pub(super) fn is_free(&self, address: IpAddr) -> bool {
        !self.holders.contains_key(&address)
    }

    pub(super) fn give(&mut self, address: IpAddr, service: &'a Service) {
        if self.is_free(address) {
            self.order.push(address);
        }
        self.holders.entry(address).or_default().push(service);
    }

    /// Why a Service that shares cannot share an address, if so.
    pub(super) fn obstacle(&self, address: IpAddr, service: &Service) -> Option<&'static str> {
        self.holders.get(&address)?.iter().find_map(|holder| obstacle(holder, service))
    }

    /// The first address of the same key that a Service can share.
    pub(super) fn shareable(
        &self,
        service: &Service,
        fits: impl Fn(IpAddr) -> bool,
    ) -> Option<IpAddr> {
        key(service)?;
        let mut addresses = self.order.iter().copied().filter(|address| fits(*address));
        addresses.find(|address| self.obstacle(*address, service).is_none())
    }
}

/// Why two Services cannot share an address, if so.
fn obstacle(one: &Service, other: &Service) -> Option<&'static str> {
    if key(one) != key(other) {
        return Some("different sharing key");
    }
    let lets = |service: &Service, namespace: &str| {
        annotation(service, ACROSS)
            .is_some_and(|list| list.split(',').any(|item| item == namespace || item == "*"))
    };
    let (first, second) = (&one.name.namespace, &other.name.namespace);
    if first != second && !(lets(one, second) && lets(other, first)) {
        return Some("different and not permitted namespace");
    }
    let same = one.spec.ports.iter().any(|port| {
        other
            .spec
            .ports
            .iter()
            .any(|found| found.port == port.port && found.transport() == port.transport())
    });
    if same {
        return Some("same port and protocol");
    }
    if one.traffic_policy() != other.traffic_policy() {
        return Some("different ExternalTrafficPolicy");
    }
    let is_local = one.traffic_policy() == "Local";
    let selector = &one.spec.selector;
    (is_local && (selector.is_empty() || *selector != other.spec.selector))
        .then_some("compatible ExternalTrafficPolicy local but selecting different set of pods")
}
