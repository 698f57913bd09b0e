//! Claims about a Gateway's status: conditions, addresses, listeners.
//!
//! Status says nothing about traffic: Cilium's operator writes it from Kubernetes objects alone,
//! and every node may be broken while all conditions are True (cilium/cilium:
//! `operator/pkg/gateway-api/gateway_reconcile.go`).

use serde_json::Value;

use super::condition::Conditions;
use super::everywhere::told_once;
use super::hint::condition::Owner;
use super::{hints, list, refuted};
use crate::name::ListenerName;
use crate::scenario::{GatewayClaim, ListenerClaim};
use crate::verdict::{Failure, Judgement};

/// Judges a Gateway as it is now; `None` when there is none of that name.
pub fn gateway(claim: &GatewayClaim, object: Option<&Value>) -> Judgement {
    let place = format!("Gateway {}", claim.gateway);
    let Some(object) = object else {
        let hints = hints(&["is it among the applied manifests, in this namespace?"]);
        return vec![refuted(place, "a Gateway", "no such object", hints)].into();
    };
    let conditions = Conditions::of(object, object.get("status"));
    let mut failures = conditions.judge(Owner::Gateway, &place, &claim.conditions);
    if let Some(wanted) = &claim.addresses {
        let listed = object.pointer("/status/addresses").and_then(Value::as_array);
        let value =
            |address: &Value| address.get("value").and_then(Value::as_str).map(str::to_owned);
        let seen = listed.into_iter().flatten().filter_map(value).collect();
        failures.extend(addresses(&place, wanted, seen, None));
    }
    for (name, wanted) in &claim.listeners {
        failures.extend(listener(&place, object, name, wanted));
    }
    told_once(&mut failures);
    failures.into()
}

/// Compares addresses as sets; `why` is what is known of their absence.
pub(super) fn addresses(
    place: &str,
    wanted: &[String],
    mut seen: Vec<String>,
    why: Option<&str>,
) -> Option<Failure> {
    let mut wanted = wanted.to_vec();
    wanted.sort();
    seen.sort();
    (wanted != seen).then(|| {
        let hints = hints(&[
            "which address is asked for stands in the annotation io.cilium/lb-ipam-ips under spec.infrastructure of the Gateway, or in its spec.addresses (1.17+)",
            "with LB-IPAM, look at the Service's condition cilium.io/IPAMRequestSatisfied and at the CiliumLoadBalancerIPPools",
            "in host-network mode the addresses are the nodes' from Cilium 1.19.6 and 1.20 on; until 1.20.1 they list every node, whatever its selector chooses (cilium#47456)",
        ]);
        refuted(
            place,
            format!("addresses {}", list(&wanted)),
            format!("addresses {}{}", list(&seen), why.unwrap_or_default()),
            hints,
        )
    })
}

fn listener(
    gateway: &str,
    object: &Value,
    name: &ListenerName,
    claim: &ListenerClaim,
) -> Vec<Failure> {
    let place = format!("{gateway}, listener {name}");
    let statuses = object.pointer("/status/listeners").and_then(Value::as_array);
    let named = |status: &&Value| status.get("name").and_then(Value::as_str) == Some(name.as_str());
    let Some(status) = statuses.into_iter().flatten().find(named) else {
        let hints = hints(&[
            "compare the name with spec.listeners",
            "without any listener status, no operator has reconciled this Gateway: look at its Accepted condition",
        ]);
        return vec![refuted(place, "a status for this listener", "none", hints)];
    };
    let conditions = Conditions::of(object, Some(status));
    let mut failures = conditions.judge(Owner::Listener, &place, &claim.conditions);
    if let Some(wanted) = claim.attached_routes {
        let seen = status.get("attachedRoutes").and_then(Value::as_u64);
        if seen != Some(u64::from(wanted)) {
            let seen = seen.map_or_else(|| "none told".to_owned(), |count| count.to_string());
            let hints = hints(&[
                "a route counts when it is allowed, its hostnames intersect the listener's and its parentRef names this listener: look at the routes' Accepted conditions",
            ]);
            failures.push(refuted(
                place,
                format!("attachedRoutes {wanted}"),
                format!("attachedRoutes {seen}"),
                hints,
            ));
        }
    }
    failures
}
