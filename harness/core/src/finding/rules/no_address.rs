//! GP0016: nothing gives the Gateway's Service an address.

use serde_json::Value;

use super::issue;
use crate::dossier::{Dossier, text};
use crate::finding::reading::{cited, condition, could_read, gateways, items};
use crate::finding::releases::{Releases, since};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::scenario::ConditionStatus;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0016",
    title: "nothing gives the Gateway's Service an address",
    explanation: "\
A Service of type LoadBalancer gets its address from somebody else: a cloud's controller, MetalLB, \
or Cilium's LB-IPAM. Where none of them answers, the address stays pending. The node ports work all \
the same. Up to 1.18.2 the Gateway is Programmed without an address; from 1.18.3 on Programmed stays \
False (AddressNotAssigned).

LB-IPAM says why in the Service's condition cilium.io/IPAMRequestSatisfied: no_pool (no pool, or none \
with such an address), pool_selector_mismatch, already_allocated, out_of_ips. A pool whose ranges \
overlap another's has cilium.io/PoolConflict True and gives nothing. Pools written with `cidrs` are \
empty from 1.16 on, when the field became `blocks`: the old one is dropped without a word.",
    remedy: &[
        "make a CiliumLoadBalancerIPPool with spec.blocks, whose serviceSelector (if any) matches the labels of the Service; labels from the Gateway's spec.infrastructure.labels reach it",
        "look at what the Service says: kubectl -n NAMESPACE get service cilium-gateway-NAME -o yaml (status.conditions), and at its events",
    ],
    sources: &[
        "cilium/cilium operator/pkg/lbipam/lbipam.go 1.18.10: conditions and reasons",
        "cilium/cilium pkg/k8s/apis/cilium.io 1.14 to 1.20: cidrs and blocks",
        "cilium/cilium operator/pkg/gateway-api/gateway_reconcile.go 1.18.2 and 1.18.3: Programmed and the address",
    ],
    issues: &[issue("cilium/cilium#38123", Releases(&[since(16, 0)]))],
    examine,
};

const BLOCKS: Releases = Releases(&[since(16, 0)]);
const PROGRAMMED_WAITS: Releases = Releases(&[since(18, 3)]);

fn examine(dossier: &Dossier) -> Vec<Firing> {
    gateways(dossier)
        .iter()
        .filter_map(|gateway| {
            let service = gateway.service()?;
            let pending = text(service, "/spec/type") == Some("LoadBalancer")
                && items(service, "/status/loadBalancer/ingress").is_empty();
            if !pending {
                return None;
            }
            let source = cited(service);
            let (confidence, mut firing) = because(dossier, service, &source);
            firing.confidence = confidence;
            if let Some(programmed) = gateway.condition("Programmed") {
                firing = firing.seen(programmed, format!("status of {gateway}"));
            }
            let waits = dossier
                .versions
                .cilium
                .as_ref()
                .is_none_or(|version| PROGRAMMED_WAITS.hold(version));
            let follows = if waits {
                "the Gateway is not Programmed until its Service has an address; its node ports work without one"
            } else {
                "this Cilium calls the Gateway Programmed without an address; its node ports work without one"
            };
            Some(firing.about(gateway).inferred(follows))
        })
        .collect()
}

/// Why there is none, as far as it can be seen.
fn because(dossier: &Dossier, service: &Value, source: &str) -> (Confidence, Firing) {
    let firing = Firing::new(Role::Cause, Confidence::Certain)
        .seen("no address in status.loadBalancer", source);
    let told = service
        .get("status")
        .and_then(|status| condition(status, "cilium.io/IPAMRequestSatisfied"));
    if let Some(told) = told.filter(|told| told.status != ConditionStatus::True) {
        return (Confidence::Certain, pools(dossier, firing.seen(told, source)));
    }
    let class = text(service, "/spec/loadBalancerClass");
    if let Some(class) = class.filter(|class| !class.starts_with("io.cilium/")) {
        let firing = firing.seen(format!("spec.loadBalancerClass: {class}"), source);
        let asks = format!("look at the controller of the class {class}, which is not Cilium's");
        return (Confidence::Likely, firing.remedy(asks));
    }
    let pools_read = could_read(dossier, "CiliumLoadBalancerIPPool");
    if pools_read && dossier.list("cilium.io", "CiliumLoadBalancerIPPool").next().is_none() {
        let firing = firing
            .seen("there is none", "CiliumLoadBalancerIPPools")
            .inferred("without a pool LB-IPAM gives nothing; whether a cloud's controller or MetalLB should is not seen here");
        return (Confidence::Likely, firing);
    }
    (Confidence::Possible, pools(dossier, firing))
}

/// Pools that give nothing, with the reason.
fn pools(dossier: &Dossier, mut firing: Firing) -> Firing {
    for pool in dossier.list("cilium.io", "CiliumLoadBalancerIPPool") {
        let source = cited(pool);
        let status = pool.get("status");
        if let Some(conflict) = status
            .and_then(|status| condition(status, "cilium.io/PoolConflict"))
            .filter(|conflict| conflict.status == ConditionStatus::True)
        {
            firing = firing
                .seen(conflict, &source)
                .remedy(format!("take the overlap with the other pool out of {source}"));
        }
        if pool.pointer("/spec/disabled") == Some(&Value::Bool(true)) {
            firing = firing.seen("spec.disabled: true", &source);
        }
        let blocks = dossier.versions.cilium.as_ref().is_none_or(|version| BLOCKS.hold(version));
        if blocks && items(pool, "/spec/blocks").is_empty() {
            let written =
                if pool.pointer("/spec/cidrs").is_some() { "spec.cidrs" } else { "no spec.blocks" };
            firing = firing
                .seen(written, &source)
                .remedy(format!("write the ranges of {source} as spec.blocks"));
        }
        if let Some(selector) = pool.pointer("/spec/serviceSelector") {
            firing = firing.seen(format!("spec.serviceSelector: {selector}"), &source);
        }
    }
    firing
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, Variant, dedicated, fires, healthy, silent, words};

    const SERVICE: &str = "cilium-gateway-shared-gateway";

    fn pending(conditions: &Value) -> Dossier {
        dedicated().set("Service", SERVICE, "/status/loadBalancer/ingress", &json!([])).set(
            "Service",
            SERVICE,
            "/status/conditions",
            conditions,
        )
    }

    #[test]
    fn lb_ipams_own_reason_is_certain() {
        let firing = fires(
            &RULE,
            &pending(&json!([{"type": "cilium.io/IPAMRequestSatisfied",
            "status": "False", "reason": "out_of_ips", "message": "exhausted"}])),
        );
        assert_eq!(firing.confidence, Confidence::Certain);
        assert!(words(&firing).contains("out_of_ips"), "{firing:#?}");
    }

    #[test]
    fn no_pool_is_likely_and_unread_pools_are_not_missing() {
        let none = pending(&json!([])).without("CiliumLoadBalancerIPPool", "pool");
        assert_eq!(fires(&RULE, &none).confidence, Confidence::Likely);
        let unread = none.unread("ciliumloadbalancerippools");
        assert_eq!(fires(&RULE, &unread).confidence, Confidence::Possible);
    }

    #[test]
    fn pools_that_give_nothing_are_named_with_the_reason() {
        let old = pending(&json!([])).set(
            "CiliumLoadBalancerIPPool",
            "pool",
            "/spec",
            &json!({"cidrs": [{"cidr": "172.18.255.0/28"}]}),
        );
        assert!(words(&fires(&RULE, &old)).contains("spec.cidrs"));
        let conflict = pending(&json!([])).set(
            "CiliumLoadBalancerIPPool",
            "pool",
            "/status/conditions/0",
            &json!({"type": "cilium.io/PoolConflict", "status": "True",
            "reason": "cidr_overlap", "message": "overlaps"}),
        );
        assert!(words(&fires(&RULE, &conflict)).contains("cidr_overlap"));
    }

    #[test]
    fn an_address_or_a_service_that_asks_for_none_is_no_finding() {
        silent(&RULE, &dedicated());
        silent(&RULE, &healthy(Variant::HostNetwork));
    }
}
