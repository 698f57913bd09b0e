//! How far the reconciliation of a Gateway gets, and with which addresses.

use std::net::IpAddr;

use gateproof_core::cilium::HostNetwork;

use crate::checks::listener::Validity;
use crate::facts::Behaviour;
use crate::resources::class_config::ServiceParameters;
use crate::resources::core::{Node, Service};
use crate::resources::gateway::{Gateway, GatewayClass, Protocol};
use crate::translation::names;
use crate::translation::objects::{ServiceType, service_type};
use crate::{Input, Unmodelled};

/// How reconciliation of a Gateway ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// Parameters are refused before anything else is looked at.
    Refused(Refusal),
    /// No listener is accepted.
    NoValidListener,
    /// No listener speaks anything that becomes part of an Envoy configuration.
    NothingToTranslate,
    /// A requested address cannot be one.
    UnsupportedAddress(&'static str),
    /// To the end, with these addresses.
    Reconciled {
        /// Addresses for the status.
        addresses: Vec<StatusAddress>,
        /// Whether a requested address is not among those the load balancer gave.
        static_address: StaticAddress,
    },
}

/// Whose parameters are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The Gateway's own.
    GatewayParameters,
    /// The class's are of a kind that is none.
    ClassParametersKind,
    /// The class's lack a name or a namespace.
    ClassParametersName,
}

/// What became of requested addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StaticAddress {
    /// None is missing, or nothing was assigned yet.
    Fine,
    /// The load balancer gave others.
    Unusable,
}

/// An address in a Gateway's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatusAddress {
    pub(super) kind: &'static str,
    pub(super) value: String,
}

/// Decides how far reconciliation gets. `Err` when the status cannot be told.
pub(super) fn ending(
    input: &Input<'_>,
    gateway: &Gateway,
    class: &GatewayClass,
    parameters: Option<&ServiceParameters>,
    validities: &[Validity],
) -> Result<Ending, Unmodelled> {
    if let Some(refusal) = refusal(input, gateway, class) {
        return Ok(Ending::Refused(refusal));
    }
    if input.holds(Behaviour::WaitsForAddress) && !validities.iter().any(Validity::is_valid) {
        return Ok(Ending::NoValidListener);
    }
    let translates = |protocol: Protocol| match protocol {
        Protocol::Http | Protocol::Https | Protocol::Tls => true,
        Protocol::Tcp | Protocol::Udp => input.holds(Behaviour::LayerFourRoutes),
        Protocol::Other => false,
    };
    if !gateway.spec.listeners.iter().any(|listener| translates(listener.speaks())) {
        return Ok(Ending::NothingToTranslate);
    }
    if input.holds(Behaviour::SpecAddresses) {
        for address in &gateway.spec.addresses {
            if address.kind != "IPAddress" {
                return Ok(Ending::UnsupportedAddress("address type is not supported"));
            }
            if address.value.is_empty() {
                return Ok(Ending::UnsupportedAddress("address value is not set"));
            }
            if address.value.parse::<IpAddr>().is_err() {
                return Ok(Ending::UnsupportedAddress("invalid ip address"));
            }
        }
    }
    let live = input.resources.services.get(&names::service(&gateway.name));
    Ok(Ending::Reconciled {
        addresses: addresses(input, gateway, parameters, live)?,
        static_address: static_address(input, gateway, live),
    })
}

/// Whether parameters are refused, which ends everything.
pub(super) fn refusal(
    input: &Input<'_>,
    gateway: &Gateway,
    class: &GatewayClass,
) -> Option<Refusal> {
    if gateway.spec.infrastructure.parameters_ref.is_some()
        && input.holds(Behaviour::GatewayParametersRefused)
    {
        return Some(Refusal::GatewayParameters);
    }
    let parameters = class.parameters.as_ref()?;
    if !input.holds(Behaviour::ClassParametersChecked) {
        return None;
    }
    if !parameters.is_class_config() {
        return Some(Refusal::ClassParametersKind);
    }
    parameters.full_name().is_none().then_some(Refusal::ClassParametersName)
}

fn addresses(
    input: &Input<'_>,
    gateway: &Gateway,
    parameters: Option<&ServiceParameters>,
    live: Option<&Service>,
) -> Result<Vec<StatusAddress>, Unmodelled> {
    match service_type(input, parameters) {
        ServiceType::ClusterIp => Ok(Vec::new()),
        ServiceType::NodePort if !input.holds(Behaviour::HostNetworkNodePort) => Ok(Vec::new()),
        ServiceType::NodePort => node_addresses(input, gateway),
        ServiceType::LoadBalancer => Ok(live
            .into_iter()
            .flat_map(|service| &service.ingress)
            .flat_map(|ingress| [("IPAddress", &ingress.ip), ("Hostname", &ingress.hostname)])
            .filter(|(_, value)| !value.is_empty())
            .map(|(kind, value)| StatusAddress { kind, value: value.clone() })
            .collect()),
    }
}

/// The first address of every node, in byte order, at most sixteen. Since 1.21-dev nodes whose
/// first address is no IP address are left out; before, they made a status no API server takes.
fn node_addresses(input: &Input<'_>, gateway: &Gateway) -> Result<Vec<StatusAddress>, Unmodelled> {
    let honours = input.holds(Behaviour::NodeAddressesHonourSelector);
    let parses = input.holds(Behaviour::AddressesCompareParsed);
    let selected = |node: &&Node| match &input.config.host_network {
        on @ HostNetwork::On { .. } if honours => on.selects(&node.labels),
        HostNetwork::On { .. } | HostNetwork::Off => true,
    };
    let mut addresses: Vec<IpAddr> = Vec::new();
    for node in input.resources.nodes.values().filter(selected) {
        let Some(first) = node.addresses.first() else { continue };
        match first.address.parse() {
            Ok(address) => addresses.push(address),
            Err(_) if parses => {}
            Err(_) => {
                return Err(Unmodelled::new(
                    gateway.object(),
                    format!(
                        "a status with the first address of node {}, {}, which is no IP address",
                        node.name, first.address
                    ),
                ));
            }
        }
    }
    addresses.sort_unstable_by_key(|address| match address {
        // Before addresses were parsed by family, IPv4 sorted as the IPv6 address it maps to.
        IpAddr::V4(address) if !parses => IpAddr::V6(address.to_ipv6_mapped()),
        other => *other,
    });
    addresses.truncate(16);
    Ok(addresses
        .into_iter()
        .map(|address| StatusAddress { kind: "IPAddress", value: address.to_string() })
        .collect())
}

fn static_address(input: &Input<'_>, gateway: &Gateway, live: Option<&Service>) -> StaticAddress {
    let given: &[_] = live.map_or(&[], |service| &service.ingress);
    if given.is_empty() || !input.holds(Behaviour::SpecAddresses) {
        return StaticAddress::Fine;
    }
    let parses = input.holds(Behaviour::AddressesCompareParsed);
    let is_given = |wanted: &str| {
        given.iter().any(|ingress| {
            let (wanted_address, address) =
                (wanted.parse::<IpAddr>(), ingress.ip.parse::<IpAddr>());
            if parses { address.is_ok() && wanted_address == address } else { ingress.ip == wanted }
        })
    };
    if gateway.spec.addresses.iter().all(|address| is_given(&address.value)) {
        StaticAddress::Fine
    } else {
        StaticAddress::Unusable
    }
}
