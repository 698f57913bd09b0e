//! GP0051: requests or connections fail now and then.

use std::collections::BTreeSet;

use crate::dossier::Dossier;
use crate::event::CheckResult;
use crate::finding::reading::{failed_requests, listed};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::verdict::Verdict;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0051",
    title: "what the Gateway does comes and goes although nothing is changed",
    explanation: "\
The same request, through the same node, is carried in some looks and fails in others, while nothing on \
the cluster is changed. So there are several of something, and one of them fails: endpoints behind the \
Service, of which one gives no answer although its pod counts as ready; weighted backends; an address that \
two machines claim; or a component that restarts again and again.

What fails through all nodes alike lies behind Envoy, at the backends. What fails through one node alone \
lies at that node: its Envoy, its agent, or its way to the backends.

A load balancer whose health checks only connect takes all targets for healthy meanwhile.",
    remedy: &[
        "ask each endpoint of the backend by itself: kubectl get endpointslices -l kubernetes.io/service-name=SERVICE, then curl from a pod",
        "give the backend's pods a readiness probe that asks what clients ask",
        "look for restarts among agents, Envoys and backends: kubectl get pods -A",
    ],
    sources: &[
        "envoyproxy/envoy docs/root/intro/arch_overview/upstream/load_balancing: a host of a cluster is chosen anew for each request",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let unsteady: Vec<&CheckResult> = dossier
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Failed && check.evidence.comes_and_goes.is_some())
        .collect();
    if unsteady.is_empty() {
        return Vec::new();
    }
    let mut firing = Firing::new(Role::Cause, Confidence::Possible);
    for check in &unsteady {
        if let Some(told) = check.evidence.comes_and_goes {
            let what = format!("{} of {} looks did not hold", told.misfits, told.looks);
            firing = firing.seen(what, format!("check `{}`", check.check));
        }
    }
    let (mut all, mut lost) = (BTreeSet::new(), BTreeSet::new());
    for (check, fared) in failed_requests(dossier) {
        if check.evidence.comes_and_goes.is_none() {
            continue;
        }
        all.extend(fared.iter().map(|fared| fared.node));
        for fared in fared.iter().filter(|fared| !fared.is_carried()) {
            lost.insert(fared.node);
            firing = firing.seen(fared.in_words(), fared.place);
        }
    }
    let nodes: Vec<&str> = lost.iter().copied().collect();
    firing = match nodes.as_slice() {
        [] => firing.about("connections to the Gateway"),
        [node] if all.len() > 1 => firing
            .about(format!("node {node}"))
            .inferred("it was seen through this node alone, so look at its Envoy and its way to the backends first"),
        nodes => firing
            .about(format!("requests through {}", listed(nodes)))
            .inferred("it was seen through several nodes, so look at the backends' endpoints first"),
    };
    vec![firing]
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::Dossier;
    use crate::event::{ComesAndGoes, PlacedHttp};
    use crate::finding::fixture::{Change, answer, dedicated, fires, silent, words};

    fn through(node: &str, status: u16) -> PlacedHttp {
        let upstream: &[(&str, &str)] =
            if status < 400 { &[("x-envoy-upstream-service-time", "1")] } else { &[] };
        let mut placed = answer(status, "", upstream);
        placed.place = format!("{node} 172.18.0.3:31080 (node port of 80)");
        placed
    }

    fn unsteady(answers: Vec<PlacedHttp>) -> Dossier {
        let mut dossier = dedicated().failed("http", answers);
        let check = dossier.checks.last_mut().expect("a check");
        check.evidence.comes_and_goes = Some(ComesAndGoes { misfits: 3, looks: 14 });
        dossier
    }

    #[test]
    fn what_comes_and_goes_points_to_the_node_or_to_the_backends() {
        let one = unsteady(vec![through("worker", 503), through("worker2", 200)]);
        let firing = fires(&RULE, &one);
        assert_eq!(firing.subjects, ["node worker"]);
        assert!(words(&firing).contains("3 of 14 looks"), "{}", words(&firing));
        let both = unsteady(vec![through("worker", 503), through("worker2", 503)]);
        let firing = fires(&RULE, &both);
        assert!(words(&firing).contains("endpoints first"), "{}", words(&firing));
    }

    #[test]
    fn what_always_fails_or_never_is_steady() {
        silent(&RULE, &dedicated());
        silent(&RULE, &dedicated().failed("http", vec![through("worker", 503)]));
    }
}
