//! Claims about a Service: type, annotations, labels, addresses.
//!
//! Endpoints are not looked at: the Service of a Gateway carries a placeholder endpoint in every
//! mode, healthy or not, so they decide nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::condition::{self, Conditions};
use super::gateway::addresses;
use super::{hints, refuted};
use crate::scenario::{ConditionStatus, ServiceClaim, ServiceRef};
use crate::verdict::{Failure, Judgement};

/// Judges a Service as it is now; `None` when there is none.
pub fn service(claim: &ServiceClaim, object: Option<&Value>) -> Judgement {
    let place = match &claim.service {
        ServiceRef::Name(name) => format!("Service {name}"),
        ServiceRef::OfGateway(gateway) => format!("Service of Gateway {gateway}"),
    };
    let Some(object) = object else {
        let hints = match &claim.service {
            ServiceRef::Name(_) => hints(&["is the name right, and the namespace?"]),
            ServiceRef::OfGateway(_) => hints(&[
                "look at the Gateway's conditions: with Accepted False ListenersNotValid, Cilium 1.18.3 and newer stops before it makes the Service",
                "without any condition, no operator has reconciled the Gateway: look at its GatewayClass and at the operator's log",
            ]),
        };
        return vec![refuted(place, "a Service", "no such object", hints)].into();
    };
    let mut failures = Vec::new();
    if let Some(wanted) = &claim.service_type {
        let seen = object.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP");
        if seen != wanted {
            let hints = hints(&[
                "Cilium makes a LoadBalancer Service; in host-network mode a ClusterIP up to 1.19.5 and a NodePort from 1.19.6 and 1.20 on; CiliumGatewayClassConfig may ask for NodePort (1.18+)",
            ]);
            failures.push(refuted(&place, format!("type {wanted}"), format!("type {seen}"), hints));
        }
    }
    let entries = |path| object.pointer(path).and_then(Value::as_object);
    let (labels, annotations) = (entries("/metadata/labels"), entries("/metadata/annotations"));
    failures.extend(compare(&place, "annotation", &claim.annotations, annotations));
    failures.extend(compare(&place, "label", &claim.labels, labels));
    if let Some(wanted) = &claim.addresses {
        let ingress = object.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
        let address = |ingress: &Value| {
            let of = |key| ingress.get(key).and_then(Value::as_str);
            of("ip").or_else(|| of("hostname")).map(str::to_owned)
        };
        let seen = ingress.into_iter().flatten().filter_map(address).collect();
        failures.extend(addresses(&place, wanted, seen, lb_ipam(object).as_deref()));
    }
    failures.into()
}

/// What LB-IPAM says where it did not give what was asked for (cilium/cilium 1.15 to 1.20:
/// `operator/pkg/lbipam`).
fn lb_ipam(service: &Value) -> Option<String> {
    const CONDITION: &str = "cilium.io/IPAMRequestSatisfied";
    let conditions = Conditions::of(service, service.get("status"));
    let found = conditions.get(CONDITION)?;
    (found.status == ConditionStatus::False)
        .then(|| format!("; {CONDITION} is {}", condition::told(&found)))
}

fn compare(
    place: &str,
    what: &str,
    claims: &BTreeMap<String, Option<String>>,
    found: Option<&serde_json::Map<String, Value>>,
) -> Vec<Failure> {
    let told = |value: Option<&str>| {
        value.map_or_else(|| "absent".to_owned(), |value| format!("\"{value}\""))
    };
    claims
        .iter()
        .filter_map(|(key, wanted)| {
            let seen = found.and_then(|found| found.get(key)).and_then(Value::as_str);
            (seen != wanted.as_deref()).then(|| {
                let hints = if wanted.is_some() {
                    hints(&[
                        "Cilium copies spec.infrastructure labels and annotations of the Gateway (1.15+), never those of its metadata; CRDs of the standard channel of Gateway API 1.0 and 1.1 drop that field",
                    ])
                } else {
                    hints(&["Cilium merges: what was there before is not taken away"])
                };
                refuted(
                    place,
                    format!("{what} {key} {}", told(wanted.as_deref())),
                    format!("{what} {key} {}", told(seen)),
                    hints,
                )
            })
        })
        .collect()
}
