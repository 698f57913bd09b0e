//! GP0057: a node holds the lease for the Gateway's address, and nobody is reached there.

use crate::announcement::{Lease, Policy, foreign_class};
use crate::dossier::Dossier;
use crate::finding::reading::{
    Addressed, Reach, Socket, addressed, agents_labels, cited, condition, policies_in_use, sockets,
    told,
};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::scenario::ConditionStatus;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0057",
    title: "a node is to announce the Gateway's address, and nobody is reached there",
    explanation: "\
A node holds the lease of the Gateway's Service and renews it, the node is ready, its ports of the \
Gateway work, and connections to the Gateway's address get no answer at all. The lease says who is to \
announce, not that anything is announced: a policy whose interfaces match none of the node's devices gets \
a lease all the same, and announces nothing. Agents take part only with the devices that they use \
themselves (devices in the configuration, else those with a default route or a node address), so an \
interface may exist and still not count. Which devices those are is not seen in the API.

The other reason is outside of Cilium: an address is announced on the network of the nodes alone. From \
another network it answers only where a router leads to it.",
    remedy: &[
        "compare the policy's interfaces, which are regular expressions, with what the holder's agent announces: kubectl -n kube-system exec POD -c cilium-agent -- cilium-dbg shell -- db/show l2-announce (with 1.17 and before: cilium-dbg statedb l2-announce), and with its devices: the same with db/show devices",
        "ask from a machine on the nodes' own network: arping -c 3 ADDRESS, then curl; when that answers, what is missing is a route from elsewhere",
    ],
    sources: &[
        "cilium/cilium pkg/l2announcer/l2announcer.go 1.16 to 1.21-dev: devices choose what is announced, not who holds the lease",
        "cilium/cilium Documentation/network/l2-announcements.rst 1.20: interfaces, troubleshooting",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let Some(policies) = policies_in_use(dossier) else { return Vec::new() };
    addressed(dossier)
        .iter()
        .filter(|one| foreign_class(one.service).is_none())
        .filter_map(|one| unheard(dossier, one, &policies))
        .collect()
}

fn unheard(dossier: &Dossier, one: &Addressed<'_>, policies: &[Policy]) -> Option<Firing> {
    let Reach::Missed(missed) = &one.reach else { return None };
    let lease = one.lease(dossier)?;
    let holder = lease.holder.as_deref()?;
    if !is_well(dossier, &lease, holder) {
        return None;
    }
    let labels = agents_labels(dossier).remove(holder)?;
    let counting: Vec<&Policy> = policies
        .iter()
        .filter(|policy| policy.denies(one.service, std::slice::from_ref(&labels)).is_none())
        .collect();
    if counting.is_empty() {
        return None;
    }
    let theirs: Vec<_> = sockets(dossier)
        .into_iter()
        .filter(Socket::is_traffic)
        .filter(|socket| socket.node.as_ref().is_some_and(|node| node.as_str() == holder))
        .collect();
    // What is dead on the node itself has a rule of its own.
    if theirs.iter().any(Socket::is_dead) {
        return None;
    }
    let mut firing = Firing::new(Role::Cause, Confidence::Possible)
        .about(&one.gateway)
        .about(format!("node {holder}"))
        .seen(format!("address {}", one.in_words()), cited(one.service))
        .seen(format!("holder {holder}"), format!("lease {}", lease.name))
        .seen_all(missed.iter().cloned());
    let open: Vec<_> = theirs.into_iter().filter(Socket::is_open).collect();
    let works = !open.is_empty();
    firing = firing.seen_all(told(&open));
    if counting.iter().all(|policy| !policy.interfaces.is_empty()) {
        for policy in counting {
            firing = firing.seen(
                format!("interfaces: {}", policy.interfaces.join(", ")),
                format!("CiliumL2AnnouncementPolicy {}", policy.name),
            );
        }
        if works {
            firing.confidence = Confidence::Likely;
        }
        firing = firing.inferred(
            "none of these matches a device that the agent uses, so it announces nothing; or the address is asked from another network than the nodes'",
        );
    } else {
        firing = firing.inferred("the address is asked from another network than the nodes'");
    }
    Some(firing)
}

/// Whether the holder is a node that is ready, and goes on renewing.
fn is_well(dossier: &Dossier, lease: &Lease, holder: &str) -> bool {
    let ready = |node: &serde_json::Value| {
        let ready = node.get("status").and_then(|status| condition(status, "Ready"));
        ready.is_some_and(|ready| ready.status == ConditionStatus::True)
    };
    let abandoned = dossier.taken.and_then(|now| lease.abandoned_for(now));
    abandoned.is_none() && dossier.get("", "Node", None, holder).is_some_and(ready)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::finding::fixture::{Change, LEASE, announced, asked, fires, lease, silent, words};
    use crate::finding::{Confidence, Role};
    use crate::observation::TcpOutcome;

    #[test]
    fn interfaces_are_suspected_where_a_node_holds_the_lease_and_nobody_answers() {
        let firing = fires(&RULE, &asked(announced(), &TcpOutcome::Unreachable));
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Likely));
        assert!(words(&firing).contains("interfaces: ^eth0$"), "{firing:#?}");
    }

    #[test]
    fn without_interfaces_the_way_there_is_suspected() {
        let all = announced().edit("CiliumL2AnnouncementPolicy", "l2", |policy| {
            policy["spec"]["interfaces"] = json!(null);
        });
        let firing = fires(&RULE, &asked(all, &TcpOutcome::TimedOut));
        assert!(words(&firing).contains("another network"), "{firing:#?}");
        assert!(!words(&firing).contains("interfaces:"), "{firing:#?}");
    }

    #[test]
    fn an_address_that_answers_or_was_not_asked_is_well() {
        silent(&RULE, &announced());
        silent(&RULE, &asked(announced(), &TcpOutcome::Accepted));
        silent(&RULE, &asked(announced(), &TcpOutcome::Refused));
    }

    #[test]
    fn a_holder_that_is_lost_and_an_address_that_nobody_is_to_announce_are_other_rules() {
        let silent_if = |dossier| silent(&RULE, &asked(dossier, &TcpOutcome::TimedOut));
        let held = |holder: &str, renewed: &str| {
            announced().without("Lease", LEASE).with(lease(holder, renewed))
        };
        silent_if(announced().without("Lease", LEASE));
        silent_if(held("worker9", "2026-11-21T02:59:58Z"));
        silent_if(held("worker", "2026-11-21T02:30:00Z"));
        silent_if(announced().without("CiliumL2AnnouncementPolicy", "l2"));
        silent_if(announced().set(
            "Node",
            "worker",
            "/status/conditions",
            &json!([{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]),
        ));
    }
}
