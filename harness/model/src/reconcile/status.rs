//! Conditions and statuses in Cilium's words
//! (cilium/cilium `operator/pkg/gateway-api/gateway_status.go`, `gateway_reconcile.go`).
//!
//! They come from Kubernetes objects alone: agents and Envoys have no say here.

use std::net::IpAddr;

use gateproof_core::cilium::HostNetwork;
use serde_json::{Value, json};

use crate::Input;
use crate::checks::listener::{Problem, Validity};
use crate::checks::route::{Acceptances, Attached, attached_routes};
use crate::facts::Behaviour;
use crate::resources::core::Service;
use crate::resources::gateway::{GROUP, Gateway};
use crate::resources::http_route::HttpRoute;
use crate::translation::names;
use crate::translation::objects::{ServiceType, service_type};

/// How reconciliation of a Gateway ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its own parameters are refused.
    ParametersRefused,
    /// No listener is accepted.
    NoValidListener,
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
    kind: &'static str,
    value: String,
}

/// Decides how far reconciliation gets.
pub(super) fn ending(input: &Input<'_>, gateway: &Gateway, validities: &[Validity]) -> Ending {
    if gateway.spec.infrastructure.parameters_ref.is_some()
        && input.holds(Behaviour::GatewayParametersRefused)
    {
        return Ending::ParametersRefused;
    }
    if input.holds(Behaviour::WaitsForAddress) && !validities.iter().any(Validity::is_valid) {
        return Ending::NoValidListener;
    }
    let live = input.resources.services.get(&names::service(&gateway.name));
    if input.holds(Behaviour::SpecAddresses) {
        for address in &gateway.spec.addresses {
            if address.kind != "IPAddress" {
                return Ending::UnsupportedAddress("address type is not supported");
            }
            if address.value.is_empty() {
                return Ending::UnsupportedAddress("address value is not set");
            }
            if address.value.parse::<IpAddr>().is_err() {
                return Ending::UnsupportedAddress("invalid ip address");
            }
        }
    }
    Ending::Reconciled {
        addresses: addresses(input, live),
        static_address: static_address(input, gateway, live),
    }
}

fn addresses(input: &Input<'_>, live: Option<&Service>) -> Vec<StatusAddress> {
    match service_type(input) {
        ServiceType::ClusterIp => Vec::new(),
        ServiceType::NodePort => node_addresses(input),
        ServiceType::LoadBalancer => live
            .into_iter()
            .flat_map(|service| &service.ingress)
            .flat_map(|ingress| [("IPAddress", &ingress.ip), ("Hostname", &ingress.hostname)])
            .filter(|(_, value)| !value.is_empty())
            .map(|(kind, value)| StatusAddress { kind, value: value.clone() })
            .collect(),
    }
}

/// The first address of every node, in byte order, at most sixteen; nodes whose first address is
/// no IP address are left out.
fn node_addresses(input: &Input<'_>) -> Vec<StatusAddress> {
    let honours = input.holds(Behaviour::NodeAddressesHonourSelector);
    let selected = |labels| match &input.config.host_network {
        on @ HostNetwork::On { .. } if honours => on.selects(labels),
        HostNetwork::On { .. } | HostNetwork::Off => true,
    };
    let mut addresses: Vec<IpAddr> = input
        .resources
        .nodes
        .values()
        .filter(|node| selected(&node.labels))
        .filter_map(|node| node.addresses.first()?.address.parse().ok())
        .collect();
    addresses.sort_unstable();
    addresses.truncate(16);
    addresses
        .into_iter()
        .map(|address| StatusAddress { kind: "IPAddress", value: address.to_string() })
        .collect()
}

fn static_address(input: &Input<'_>, gateway: &Gateway, live: Option<&Service>) -> StaticAddress {
    let assigned = live.map(Service::ingress_addresses).unwrap_or_default();
    let nothing_yet = live.is_none_or(|service| service.ingress.is_empty());
    if nothing_yet || !input.holds(Behaviour::SpecAddresses) {
        return StaticAddress::Fine;
    }
    let given =
        |value: &str| value.parse().is_ok_and(|address: IpAddr| assigned.contains(&address));
    if gateway.spec.addresses.iter().all(|address| given(&address.value)) {
        StaticAddress::Fine
    } else {
        StaticAddress::Unusable
    }
}

/// A condition; `generation` goes into `observedGeneration`.
struct Condition<'a> {
    kind: &'a str,
    status: &'a str,
    reason: &'a str,
    message: &'a str,
    generation: Option<i64>,
}

impl Condition<'_> {
    fn to_json(&self) -> Value {
        let mut value = json!({
            "type": self.kind,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
        });
        if let Some(generation) = self.generation {
            value["observedGeneration"] = json!(generation);
        }
        value
    }
}

/// Whether the parameters of a class can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClassParameters {
    Usable,
    Refused,
}

/// `Accepted` of a GatewayClass.
pub(super) fn class_accepted(generation: Option<i64>, parameters: ClassParameters) -> Value {
    let (status, reason, message) = match parameters {
        ClassParameters::Usable => ("True", "Accepted", "Valid GatewayClass"),
        ClassParameters::Refused => ("False", "InvalidParameters", "Invalid GatewayClass"),
    };
    Condition { kind: "Accepted", status, reason, message, generation }.to_json()
}

/// The status of an HTTPRoute: Cilium's parents only.
pub(super) fn route(
    route: &HttpRoute,
    acceptances: &Acceptances,
    unresolved: Option<&Problem>,
) -> Value {
    let generation = route.generation;
    let resolved = match unresolved {
        None => Condition {
            kind: "ResolvedRefs",
            status: "True",
            reason: "ResolvedRefs",
            message: "Service reference is valid",
            generation,
        },
        Some(problem) => Condition {
            kind: "ResolvedRefs",
            status: "False",
            reason: problem.reason,
            message: &problem.message,
            generation,
        },
    };
    let parents = acceptances.iter().map(|(index, acceptance)| {
        let accepted = match acceptance {
            Ok(()) => Condition {
                kind: "Accepted",
                status: "True",
                reason: "Accepted",
                message: "Accepted HTTPRoute",
                generation,
            },
            Err(problem) => Condition {
                kind: "Accepted",
                status: "False",
                reason: problem.reason,
                message: &problem.message,
                generation,
            },
        };
        json!({
            "conditions": [accepted.to_json(), resolved.to_json()],
            "controllerName": super::CONTROLLER,
            "parentRef": route.spec.parent_refs[*index].to_json(),
        })
    });
    json!({"parents": parents.collect::<Vec<_>>()})
}

/// The status of a Gateway.
pub(super) fn gateway(
    input: &Input<'_>,
    gateway: &Gateway,
    ending: &Ending,
    validities: &[Validity],
    routes: &[Attached<'_>],
) -> Value {
    let (accepted, programmed) = gateway_conditions(input, gateway, ending);
    let mut status = json!({"conditions": [accepted, programmed]});
    if let Ending::Reconciled { addresses, .. } = ending
        && !addresses.is_empty()
    {
        let list =
            addresses.iter().map(|address| json!({"type": address.kind, "value": address.value}));
        status["addresses"] = json!(list.collect::<Vec<_>>());
    }
    if *ending != Ending::ParametersRefused {
        let listeners =
            gateway.spec.listeners.iter().zip(validities).map(|(listener, validity)| {
                let kinds = validity.kinds.iter().map(|kind| json!({"group": GROUP, "kind": kind}));
                json!({
                    "name": listener.name,
                    "attachedRoutes": attached_routes(input, gateway, listener, routes),
                    "conditions": listener_conditions(input, gateway, validity, ending),
                    "supportedKinds": kinds.collect::<Vec<_>>(),
                })
            });
        status["listeners"] = json!(listeners.collect::<Vec<_>>());
    }
    status
}

fn gateway_conditions(input: &Input<'_>, gateway: &Gateway, ending: &Ending) -> (Value, Value) {
    let generation = gateway.generation;
    let condition = |kind, status, reason, message: &str| {
        Condition { kind, status, reason, message, generation }.to_json()
    };
    let scheduled = condition("Accepted", "True", "Accepted", "Gateway successfully scheduled");
    match ending {
        Ending::ParametersRefused => (
            condition(
                "Accepted",
                "False",
                "InvalidParameters",
                "Invalid Gateway parameters: spec.infrastructure.parametersRef is not supported",
            ),
            condition(
                "Programmed",
                "Unknown",
                "Pending",
                "Waiting for Accepted condition to be True",
            ),
        ),
        Ending::NoValidListener => (
            condition("Accepted", "False", "ListenersNotValid", "No Accepted Listeners"),
            condition("Programmed", "False", "ListenersNotValid", "No Accepted Listeners"),
        ),
        Ending::UnsupportedAddress(why) => (
            condition(
                "Accepted",
                "False",
                "UnsupportedAddress",
                &format!("Unsupported Gateway address, {why}"),
            ),
            condition("Programmed", "False", "ListenersNotReady", "Address is not ready"),
        ),
        Ending::Reconciled { static_address: StaticAddress::Unusable, .. } => (
            scheduled,
            condition("Programmed", "False", "AddressNotUsable", "StaticAddress can't be used"),
        ),
        Ending::Reconciled { addresses, .. } => {
            let programmed = if !input.holds(Behaviour::WaitsForAddress) {
                condition("Programmed", "True", "Programmed", "Gateway successfully reconciled")
            } else if addresses.is_empty() {
                condition(
                    "Programmed",
                    "False",
                    "AddressNotAssigned",
                    "Gateway waiting for address",
                )
            } else {
                condition("Programmed", "True", "Programmed", "Gateway Programmed")
            };
            (scheduled, programmed)
        }
    }
}

fn listener_conditions(
    input: &Input<'_>,
    gateway: &Gateway,
    validity: &Validity,
    ending: &Ending,
) -> Vec<Value> {
    if !input.holds(Behaviour::WaitsForAddress) {
        return early_listener_conditions(gateway, validity);
    }
    let generation = gateway.generation;
    let refs = match &validity.refs {
        None => Condition {
            kind: "ResolvedRefs",
            status: "True",
            reason: "ResolvedRefs",
            message: "Resolved Refs",
            generation,
        },
        Some(problem) => Condition {
            kind: "ResolvedRefs",
            status: "False",
            reason: problem.reason,
            message: &problem.message,
            generation: generation.filter(|_| input.holds(Behaviour::FailedRefsObserved)),
        },
    };
    let message = format!("Listener not valid. {}", validity.messages.join(" "));
    let accepted = if validity.is_valid() {
        Condition {
            kind: "Accepted",
            status: "True",
            reason: "Accepted",
            message: "Listener Accepted",
            generation,
        }
    } else {
        Condition {
            kind: "Accepted",
            status: "False",
            reason: "Invalid",
            message: &message,
            generation,
        }
    };
    let has_address =
        matches!(ending, Ending::Reconciled { addresses, .. } if !addresses.is_empty());
    let programmed = if validity.is_valid() && has_address {
        Condition {
            kind: "Programmed",
            status: "True",
            reason: "Programmed",
            message: "Listener Programmed",
            generation,
        }
    } else {
        Condition {
            kind: "Programmed",
            status: "False",
            reason: "Pending",
            message: "Address not ready yet",
            generation,
        }
    };
    vec![refs.to_json(), accepted.to_json(), programmed.to_json()]
}

/// Up to 1.18.2 a listener is always accepted; a bad certificate only leaves it not programmed.
fn early_listener_conditions(gateway: &Gateway, validity: &Validity) -> Vec<Value> {
    let generation = gateway.generation;
    let programmed = if validity.is_valid() {
        Condition {
            kind: "Programmed",
            status: "True",
            reason: "Programmed",
            message: "Listener Programmed",
            generation,
        }
    } else {
        Condition {
            kind: "Programmed",
            status: "False",
            reason: "Invalid",
            message: "Invalid CertificateRef",
            generation: None,
        }
    };
    let accepted = Condition {
        kind: "Accepted",
        status: "True",
        reason: "Accepted",
        message: "Listener Accepted",
        generation,
    };
    let refs = match &validity.refs {
        None => Condition {
            kind: "ResolvedRefs",
            status: "True",
            reason: "ResolvedRefs",
            message: "Resolved Refs",
            generation: None,
        },
        Some(problem) => Condition {
            kind: "ResolvedRefs",
            status: "False",
            reason: problem.reason,
            message: &problem.message,
            generation: None,
        },
    };
    vec![programmed.to_json(), accepted.to_json(), refs.to_json()]
}
