//! GP0040: a policy lets the Gateway's address be announced, and no node has taken it on.

use std::collections::BTreeMap;

use super::issue;
use crate::announcement::{Lease, Policy, foreign_class, lease_name};
use crate::dossier::{Component, Dossier, Readiness, text};
use crate::finding::reading::{
    Addressed, Reach, addressed, agents_labels, cited, config_map, could_read, listed, name_of,
    policies_in_use,
};
use crate::finding::releases::{Releases, between};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::name::NodeName;

/// Releases whose agents announce a Service with the policy Local only beside one of its backends.
const LOCAL_NEEDS_BACKEND: Releases = Releases(&[between((20, 2), (21, 0))]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0040",
    title: "no node announces the Gateway's address, although a policy lets them",
    explanation: "\
With Layer-2 announcements, agents on the nodes that a CiliumL2AnnouncementPolicy chooses elect one of \
themselves for each Service, and that one answers ARP (and from 1.19 on NDP) for its addresses. The \
election is a lease in Cilium's namespace, cilium-l2announce-NAMESPACE-SERVICE, whose holder is the \
node. Where there is none, nobody answers for the address: connections to it time out or end in no \
route to host, while the node ports work and every condition is green.

Agents make the lease a moment after the Service has an address. When none comes: the agents on the \
chosen nodes are down or older than the setting (announcing is decided at their start), or they may \
not write leases, which the chart allows them with l2announcements.enabled and nobody else does. In \
1.20.2 an agent takes no part for a Service with externalTrafficPolicy Local unless one of its backends \
is on the node, and a Gateway's Service has none but the placeholder: it is announced by nobody.

Which devices an agent knows is not seen in the API: a policy whose interfaces match none gets a \
lease all the same, and announces nothing.",
    remedy: &[
        "look for the lease and for what agents say of it: kubectl -n kube-system get leases; kubectl -n kube-system logs daemonset/cilium | grep -i 'resource lock\\|l2'",
        "set l2announcements.enabled=true in Cilium's Helm values, which also gives the agents the right to write leases, and restart them: kubectl -n kube-system rollout restart daemonset/cilium",
        "with 1.20.2: gatewayAPI.externalTrafficPolicy=Cluster in Cilium's Helm values",
    ],
    sources: &[
        "cilium/cilium pkg/l2announcer/l2announcer.go 1.16 to 1.21-dev: election, name and namespace of the lease",
        "cilium/cilium Documentation/network/l2-announcements.rst 1.16 to 1.21-dev: troubleshooting, right to write leases, NDP from 1.19 on",
    ],
    issues: &[issue("cilium/cilium#48799", LOCAL_NEEDS_BACKEND)],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if !could_read(dossier, "Lease") {
        return Vec::new();
    }
    let Some(policies) = policies_in_use(dossier) else { return Vec::new() };
    let labels = agents_labels(dossier);
    addressed(dossier)
        .iter()
        .filter(|one| one.reach != Reach::Reached && foreign_class(one.service).is_none())
        .filter_map(|one| unheld(dossier, one, &policies, &labels))
        .collect()
}

fn unheld(
    dossier: &Dossier,
    one: &Addressed<'_>,
    policies: &[Policy],
    labels: &BTreeMap<String, BTreeMap<String, String>>,
) -> Option<Firing> {
    let of_nodes: Vec<_> = labels.values().cloned().collect();
    let policy = policies.iter().find(|policy| policy.denies(one.service, &of_nodes).is_none())?;
    let lease = one.lease(dossier);
    let seen = match &lease {
        None => "there is none of this name".to_owned(),
        Some(Lease { holder: None, .. }) => "it has no holder".to_owned(),
        Some(_) => return None,
    };
    let name = lease_name(&name_of(one.service)?);
    let mut firing = Firing::new(Role::Cause, Confidence::Likely)
        .about(&one.gateway)
        .seen(format!("address {}", one.in_words()), cited(one.service))
        .seen(format!("{}: true", crate::announcement::SETTING), config_map(dossier))
        .seen(
            "loadBalancerIPs: true, and its selectors choose the Service",
            format!("CiliumL2AnnouncementPolicy {}", policy.name),
        )
        .seen(seen, format!("lease {name}"));
    if let Reach::Missed(missed) = &one.reach {
        firing = firing.seen_all(missed.iter().cloned());
        firing.confidence = Confidence::Certain;
    }
    let version = dossier.versions.cilium.as_ref();
    if text(one.service, "/spec/externalTrafficPolicy") == Some("Local")
        && version.is_some_and(|version| LOCAL_NEEDS_BACKEND.hold(version))
    {
        firing = firing
            .seen("spec.externalTrafficPolicy: Local", cited(one.service))
            .inferred("agents of this release announce such a Service only where one of its backends is, and a Gateway's Service has none on any node");
    }
    let chosen: Vec<&str> = labels
        .iter()
        .filter(|(_, labels)| policy.selects_node(labels))
        .map(|(name, _)| name.as_str())
        .collect();
    Some(
        because(dossier, firing, &name, &chosen).inferred(
            "nobody answers for the address on its network, so clients cannot reach it; the Gateway's node ports work without that",
        ),
    )
}

/// What keeps agents from taking the lease, as far as it can be seen.
fn because(dossier: &Dossier, mut firing: Firing, lease: &str, chosen: &[&str]) -> Firing {
    let refused = dossier
        .log(Component::CiliumAgent)
        .find(|line| line.text.contains(lease) && line.text.contains("forbidden"));
    if let Some(line) = refused {
        firing = firing
            .seen(&line.text, format!("log {}", line.source))
            .inferred("agents may not write leases")
            .remedy("install Cilium's ClusterRole again with l2announcements.enabled=true (helm upgrade): agents lack the right to leases.coordination.k8s.io");
    }
    let agent = |name: &str| {
        let is_on = |node: &NodeName| node.as_str() == name;
        dossier.cilium.agents.iter().find(move |pod| pod.node.as_ref().is_some_and(is_on))
    };
    let down: Vec<&str> = chosen
        .iter()
        .copied()
        .filter(|name| agent(name).is_some_and(|pod| pod.ready == Readiness::NotReady))
        .collect();
    if !down.is_empty() {
        firing = firing.seen(
            format!("agents on {} are not ready", listed(&down)),
            "pods of agents on the nodes that the policy chooses",
        );
    }
    let written = dossier.cilium.config_map.as_ref().and_then(|map| map.written);
    let older: Vec<&str> = chosen
        .iter()
        .copied()
        .filter(|name| {
            let started = agent(name).and_then(|pod| pod.started);
            started.zip(written).is_some_and(|(started, written)| started < written)
        })
        .collect();
    if !older.is_empty() {
        firing = firing
            .seen(
                format!("agents on {} started before it was last written", listed(&older)),
                config_map(dossier),
            )
            .inferred("these agents may not know yet that they are to announce");
    }
    firing
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Component, Dossier};
    use crate::finding::Confidence;
    use crate::finding::fixture::{
        Change, LEASE, announced, asked, dedicated, fires, moment, silent, words,
    };
    use crate::observation::TcpOutcome;

    const POLICY: &str = "CiliumL2AnnouncementPolicy";

    fn unheld() -> Dossier {
        announced().without("Lease", LEASE)
    }

    #[test]
    fn without_a_lease_nobody_announces() {
        let firing = fires(&RULE, &unheld());
        assert_eq!(firing.confidence, Confidence::Likely);
        assert!(words(&firing).contains(LEASE), "{firing:#?}");
        let missed = fires(&RULE, &asked(unheld(), &TcpOutcome::Unreachable));
        assert_eq!(missed.confidence, Confidence::Certain);
        assert!(words(&missed).contains("unreachable: 172.18.255.0:80"), "{missed:#?}");
        let given_up = announced().set("Lease", LEASE, "/spec/holderIdentity", &json!(""));
        assert!(words(&fires(&RULE, &given_up)).contains("no holder"));
    }

    #[test]
    fn what_keeps_agents_from_it_is_told() {
        let line = r#"time="2026-11-21T02:30:00Z" level=error msg="error retrieving resource lock kube-system/cilium-l2announce-gateway-cilium-gateway-shared-gateway: leases.coordination.k8s.io is forbidden" subsys=klog"#;
        let forbidden = unheld().log(Component::CiliumAgent, Some("worker"), line);
        assert!(words(&fires(&RULE, &forbidden)).contains("may not write leases"));
        let mut stale = unheld();
        stale.cilium.config_map.as_mut().expect("one").written =
            Some(moment("2026-11-21T02:30:00Z"));
        let firing = fires(&RULE, &stale);
        assert!(words(&firing).contains("agents on worker and worker2 started before"));
    }

    #[test]
    fn the_policy_local_is_told_only_of_the_release_that_minds_it() {
        let local = |version: &str| {
            let set = unheld().edit("Service", "cilium-gateway-shared-gateway", |service| {
                service["spec"]["externalTrafficPolicy"] = json!("Local");
            });
            words(&fires(&RULE, &set.version(version)))
        };
        assert!(local("1.20.2").contains("externalTrafficPolicy: Local"));
        assert!(!local("1.20.1").contains("externalTrafficPolicy: Local"));
        assert!(!words(&fires(&RULE, &unheld().version("1.20.2"))).contains("Local"));
    }

    #[test]
    fn a_lease_an_address_that_answers_and_one_of_somebody_else_are_well() {
        silent(&RULE, &announced());
        silent(&RULE, &dedicated());
        silent(&RULE, &asked(unheld(), &TcpOutcome::Accepted));
        silent(
            &RULE,
            &unheld().set(
                "Service",
                "cilium-gateway-shared-gateway",
                "/spec/loadBalancerClass",
                &json!("io.cilium/bgp-control-plane"),
            ),
        );
        silent(&RULE, &unheld().set(POLICY, "l2", "/spec/loadBalancerIPs", &json!(false)));
    }

    #[test]
    fn leases_that_were_not_read_are_not_missing() {
        silent(&RULE, &unheld().unread("Lease objects"));
        silent(&RULE, &unheld().unread("CiliumL2AnnouncementPolicy objects"));
    }
}
