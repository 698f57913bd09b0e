//! GP0041: the node that is to announce the Gateway's address is gone, not ready, or has given up.

use serde_json::Value;

use crate::announcement::Lease;
use crate::dossier::Dossier;
use crate::finding::reading::{
    Addressed, Condition, Reach, addressed, announces, cited, condition, could_read,
};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::scenario::ConditionStatus;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0041",
    title: "the node that is to announce the Gateway's address is gone or not ready",
    explanation: "\
The holder of the lease cilium-l2announce-NAMESPACE-SERVICE is the one node that answers for the \
Service's addresses, and all their traffic enters there. It renews the lease every few seconds; when \
it does not, another node that the policy chooses takes over once the lease has run out \
(l2announcements.leaseDuration, 15 s unless set). A lease that nobody has renewed for long therefore \
means that no such node is left: the policy chooses the lost node alone, or the agents on the others \
are down or may not write.

Clients and switches may keep the old node's hardware address a while longer than that.",
    remedy: &[
        "let the policy's nodeSelector choose more than one node, and look at the agents there: kubectl -n kube-system get pods -l k8s-app=cilium -o wide",
        "bring the node back, or delete it and the lease: kubectl -n kube-system delete lease cilium-l2announce-NAMESPACE-SERVICE (made anew by whoever takes over)",
    ],
    sources: &[
        "cilium/cilium pkg/l2announcer/l2announcer.go 1.16 to 1.21-dev: the holder is the node's name; timings",
        "cilium/cilium Documentation/network/l2-announcements.rst 1.20: failover and what clients remember",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if announces(dossier) == Some(false) {
        return Vec::new();
    }
    addressed(dossier)
        .iter()
        .filter(|one| one.reach != Reach::Reached)
        .filter_map(|one| lost(dossier, one, &one.lease(dossier)?))
        .collect()
}

fn lost(dossier: &Dossier, one: &Addressed<'_>, lease: &Lease) -> Option<Firing> {
    let holder = lease.holder.as_deref()?;
    let source = format!("lease {}", lease.name);
    let is_gone = !dossier.nodes.is_empty()
        && could_read(dossier, "Node")
        && dossier.nodes.iter().all(|node| node.name.as_str() != holder);
    let abandoned = dossier.taken.and_then(|now| lease.abandoned_for(now));
    let unready = dossier.get("", "Node", None, holder).and_then(not_ready);
    let confidence = match (&one.reach, is_gone || abandoned.is_some(), unready.is_some()) {
        (_, false, false) => return None,
        (Reach::Missed(_), true, _) => Confidence::Certain,
        // An agent may go on where only the kubelet has trouble.
        (Reach::Missed(_), false, true) | (_, true, _) => Confidence::Likely,
        (_, false, true) => Confidence::Possible,
    };
    let role = if confidence == Confidence::Possible { Role::Contributing } else { Role::Cause };
    let mut firing = Firing::new(role, confidence)
        .about(&one.gateway)
        .about(format!("node {holder}"))
        .seen(format!("holder {holder}"), &source)
        .seen(format!("address {}", one.in_words()), cited(one.service));
    if is_gone {
        firing = firing.seen(format!("there is no node {holder}"), "Nodes");
    }
    if let (Some(since), Some(renewed)) = (abandoned, lease.renewed) {
        let minutes = since.as_secs() / 60;
        firing = firing.seen(
            format!("last renewed at {renewed}, {minutes} min before this was looked at, though it lasts {} s", lease.lasts.as_secs()),
            &source,
        );
    }
    if let Some(unready) = unready {
        firing = firing.seen(unready, format!("Node {holder}"));
    }
    if let Reach::Missed(missed) = &one.reach {
        firing = firing.seen_all(missed.iter().cloned());
    }
    Some(firing.inferred("traffic to the address goes to this node, or to nobody"))
}

/// The condition of a node that is not ready.
fn not_ready(node: &Value) -> Option<Condition<'_>> {
    condition(node.get("status")?, "Ready").filter(|ready| ready.status != ConditionStatus::True)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::finding::fixture::{Change, LEASE, announced, asked, fires, lease, silent, words};
    use crate::finding::{Confidence, Role};
    use crate::observation::TcpOutcome;

    fn held(holder: &str, renewed: &str) -> crate::dossier::Dossier {
        announced().without("Lease", LEASE).with(lease(holder, renewed))
    }

    #[test]
    fn a_holder_that_is_no_node_is_a_cause() {
        let gone = held("worker9", "2026-11-21T02:59:58Z");
        let firing = fires(&RULE, &gone);
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Likely));
        assert!(words(&firing).contains("there is no node worker9"), "{firing:#?}");
        let missed = fires(&RULE, &asked(gone, &TcpOutcome::TimedOut));
        assert_eq!(missed.confidence, Confidence::Certain);
    }

    #[test]
    fn a_lease_that_nobody_renews_is_a_cause() {
        let firing = fires(&RULE, &held("worker", "2026-11-21T02:30:00Z"));
        assert_eq!(firing.role, Role::Cause);
        assert!(words(&firing).contains("30 min before"), "{firing:#?}");
    }

    #[test]
    fn a_node_that_is_not_ready_is_suspected_where_nothing_was_asked() {
        let unready = announced().set(
            "Node",
            "worker",
            "/status/conditions",
            &json!([{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]),
        );
        let firing = fires(&RULE, &unready);
        assert_eq!((firing.role, firing.confidence), (Role::Contributing, Confidence::Possible));
        let missed = fires(&RULE, &asked(unready, &TcpOutcome::TimedOut));
        assert_eq!((missed.role, missed.confidence), (Role::Cause, Confidence::Likely));
    }

    #[test]
    fn a_lease_that_is_renewed_and_an_address_that_answers_are_well() {
        silent(&RULE, &announced());
        silent(&RULE, &asked(announced(), &TcpOutcome::TimedOut));
        silent(&RULE, &held("worker", "2026-11-21T02:59:30Z"));
        silent(&RULE, &held("worker2", "2026-11-21T03:05:00Z"));
        silent(&RULE, &asked(held("worker9", "2026-11-21T02:00:00Z"), &TcpOutcome::Accepted));
    }

    #[test]
    fn nodes_that_were_not_read_are_not_gone() {
        silent(&RULE, &held("worker9", "2026-11-21T02:59:58Z").unread("nodes"));
    }
}
