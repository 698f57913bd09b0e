//! GP0043: Layer-2 announcements are on, and no policy lets the Gateway's address be announced.

use std::collections::BTreeMap;

use crate::announcement::{Policy, SETTING, foreign_class};
use crate::dossier::Dossier;
use crate::finding::reading::{
    Addressed, Reach, addressed, agents_labels, cited, config_map, entry, policies_in_use,
};
use crate::finding::releases::{Releases, before};
use crate::finding::{Confidence, Firing, Role, Rule};

/// Releases that answer ARP alone.
const ARP_ALONE: Releases = Releases(&[before(19, 0)]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0043",
    title: "no policy lets the Gateway's address be announced on Layer 2",
    explanation: "\
An address is announced only where a CiliumL2AnnouncementPolicy says so: with loadBalancerIPs: true \
(a policy that leaves it out announces no load-balancer address), with a serviceSelector that chooses \
the Service (by its own labels, which come from the Gateway's spec.infrastructure.labels, or by \
io.kubernetes.service.namespace and io.kubernetes.service.name), and with a nodeSelector that chooses \
a node by the labels of its CiliumNode. A Service of another loadBalancerClass than \
io.cilium/l2-announcer is left alone. Up to 1.18 only ARP is answered, so IPv6 addresses are never \
announced.

Something else may announce the address: BGP, MetalLB, or a router with a route to the nodes. An \
address that answers needs no remedy.",
    remedy: &[
        "make a CiliumL2AnnouncementPolicy with loadBalancerIPs: true whose selectors choose the Gateway's Service and a node",
    ],
    sources: &[
        "cilium/cilium pkg/l2announcer/l2announcer.go 1.16 to 1.21-dev: when a policy counts",
        "cilium/cilium pkg/k8s/apis/cilium.io/v2alpha1/l2announcement_types.go 1.20: loadBalancerIPs is false unless set",
        "cilium/cilium Documentation/network/l2-announcements.rst 1.18 and 1.19: IPv6",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let Some(policies) = policies_in_use(dossier) else { return Vec::new() };
    let labels: Vec<_> = agents_labels(dossier).into_values().collect();
    addressed(dossier)
        .iter()
        .filter(|one| one.reach != Reach::Reached)
        // Where nothing was asked, an address that somebody else gave is somebody else's to announce.
        .filter(|one| one.is_by_lb_ipam() || one.reach != Reach::Unasked)
        .filter_map(|one| left_out(dossier, one, &policies, &labels))
        .collect()
}

fn left_out(
    dossier: &Dossier,
    one: &Addressed<'_>,
    policies: &[Policy],
    labels: &[BTreeMap<String, String>],
) -> Option<Firing> {
    let mut firing = Firing::new(Role::Contributing, Confidence::Likely)
        .about(&one.gateway)
        .seen(format!("address {}", one.in_words()), cited(one.service))
        .seen(format!("{SETTING}: true"), config_map(dossier));
    let cited_as = |policy: &Policy| format!("CiliumL2AnnouncementPolicy {}", policy.name);
    let why: Vec<_> = policies.iter().map(|policy| policy.denies(one.service, labels)).collect();
    let class = foreign_class(one.service);
    if let Some(class) = class {
        firing = firing
            .seen(format!("spec.loadBalancerClass: {class}"), cited(one.service))
            .inferred("agents leave Services of this class alone; whoever it belongs to is to announce them")
            .remedy("where Cilium is to announce it on Layer 2: spec.service.loadBalancerClass io.cilium/l2-announcer in the CiliumGatewayClassConfig, or none");
        firing.confidence = Confidence::Possible;
    } else if policies.is_empty() {
        firing = firing.seen("there is none", "CiliumL2AnnouncementPolicies");
    } else if why.iter().all(Option::is_some) {
        for (policy, why) in policies.iter().zip(why.into_iter().flatten()).take(4) {
            firing = firing.seen(why, cited_as(policy));
        }
    } else {
        let only_ipv6 = one.addresses.iter().all(|address| address.contains(':'));
        let version = dossier.versions.cilium.as_ref()?;
        if !only_ipv6 || !ARP_ALONE.hold(version) {
            return None;
        }
        firing = firing.seen(format!("Cilium {version}"), "images of Cilium").inferred(
            "this release answers ARP alone, so an IPv6 address is not announced whatever policies say",
        );
    }
    if let Reach::Missed(missed) = &one.reach {
        firing.role = Role::Cause;
        firing = firing.seen_all(missed.iter().cloned());
    }
    if entry(dossier, "enable-bgp-control-plane") == Some("true") {
        firing.confidence = firing.confidence.less();
        firing = firing
            .seen("enable-bgp-control-plane: true", config_map(dossier))
            .inferred("the address may be announced by BGP instead");
    }
    Some(firing.inferred(
        "no agent answers for the address on its network; the node ports work without that",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::fixture::{Change, announced, asked, dedicated, fires, silent, words};
    use crate::finding::{Confidence, Role};
    use crate::observation::TcpOutcome;

    const POLICY: &str = "CiliumL2AnnouncementPolicy";
    const SERVICE: &str = "cilium-gateway-shared-gateway";

    fn with(field: &str, value: &serde_json::Value) -> Dossier {
        announced().edit(POLICY, "l2", |policy| policy["spec"][field] = value.clone())
    }

    #[test]
    fn each_way_to_leave_a_service_out_is_told() {
        let class = announced().edit("Service", SERVICE, |service| {
            service["spec"]["loadBalancerClass"] = json!("io.cilium/bgp-control-plane");
        });
        for (dossier, told) in [
            (with("loadBalancerIPs", &json!(null)), "loadBalancerIPs is not true"),
            (
                with("serviceSelector", &json!({"matchLabels": {"a": "b"}})),
                "spec.serviceSelector (a=b)",
            ),
            (
                with("nodeSelector", &json!({"matchLabels": {"role": "edge"}})),
                "spec.nodeSelector (role=edge)",
            ),
            (announced().without(POLICY, "l2"), "there is none"),
            (class, "spec.loadBalancerClass: io.cilium/bgp-control-plane"),
        ] {
            let firing = fires(&RULE, &dossier);
            assert_eq!(firing.role, Role::Contributing);
            assert!(words(&firing).contains(told), "{told}: {firing:#?}");
            assert_eq!(fires(&RULE, &asked(dossier, &TcpOutcome::TimedOut)).role, Role::Cause);
        }
    }

    #[test]
    fn ipv6_is_announced_from_1_19_on() {
        let address = json!([{"ip": "fd00::1"}]);
        let six = announced().set("Service", SERVICE, "/status/loadBalancer/ingress", &address);
        fires(&RULE, &six.clone().version("1.18.10"));
        silent(&RULE, &six.version("1.19.0"));
    }

    #[test]
    fn a_policy_that_announces_it_and_an_address_that_answers_are_well() {
        silent(&RULE, &announced());
        silent(&RULE, &dedicated());
        let left_out = with("loadBalancerIPs", &json!(false));
        silent(&RULE, &asked(left_out.clone(), &TcpOutcome::Accepted));
        silent(&RULE, &left_out.unread("CiliumL2AnnouncementPolicy objects"));
    }

    #[test]
    fn an_address_that_another_controller_gave_is_its_own_to_announce() {
        let given = with("loadBalancerIPs", &json!(false)).set(
            "Service",
            SERVICE,
            "/status/conditions",
            &json!([]),
        );
        silent(&RULE, &given);
        let missed = fires(&RULE, &asked(given, &TcpOutcome::TimedOut));
        assert_eq!((missed.role, missed.confidence), (Role::Cause, Confidence::Likely));
    }
}
