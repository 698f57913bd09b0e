//! GP0082: a component ends and starts again and again.

use crate::dossier::{Component, ComponentPod, Dossier, Readiness};
use crate::finding::reading::{gateways, keeps_ending};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0082",
    title: "a component of Cilium ends and starts again and again",
    explanation: "\
Between two ends a container runs and its pod is ready, so a look at the right moment sees nothing wrong. \
Each time Envoy ends, the connections through its node break off, and new ones are refused until it is back; \
each time an agent ends, nothing that changes reaches Envoy on its node; each time the operator ends, \
nothing is made of Gateways until it has its lease again. The status of the container says how it ended: \
OOMKilled is a limit of memory that is too low, exit code 137 alone a failed liveness probe as a rule, \
anything else is in the log of its life before.

Restarts that are over, such as those after an upgrade or an eviction an hour ago, are no finding.",
    remedy: &[
        "look at how it ended: kubectl -n kube-system describe pod POD, and kubectl -n kube-system logs POD --previous",
        "when it is OOMKilled, raise the limit: resources, envoy.resources or operator.resources in Cilium's Helm values",
    ],
    sources: &[
        "cilium/charts templates/cilium-agent/daemonset.yaml, cilium-envoy/daemonset.yaml and cilium-operator/deployment.yaml 1.16 to 1.20: restart policy, probes and resources",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let Some(taken) = dossier.taken else { return Vec::new() };
    if gateways(dossier).is_empty() {
        return Vec::new();
    }
    let cilium = &dossier.cilium;
    let of = |component: Component, pods: &[ComponentPod]| -> Option<Firing> {
        let seen: Vec<(String, String)> = pods
            .iter()
            // What is down now is another finding.
            .filter(|pod| pod.ready != Readiness::NotReady)
            .filter_map(|pod| {
                let object = dossier.get("", "Pod", Some(&pod.pod.namespace), &pod.pod.name)?;
                let node = pod.node.as_ref().map(|node| format!(" on {node}")).unwrap_or_default();
                Some((keeps_ending(object, taken)?, format!("pod {}{node}", pod.pod)))
            })
            .collect();
        let (name, follows) = match component {
            Component::CiliumAgent => {
                ("agents", "what changes reaches Envoy on these nodes late or not at all")
            }
            Component::CiliumOperator | Component::CertManager => {
                ("Cilium's operator", "what is new or changed comes into force late or not at all")
            }
            Component::Envoy => (
                "Envoy",
                "connections through these nodes break off, and are refused until it is back",
            ),
        };
        let first = Firing::new(Role::Contributing, Confidence::Likely).about(name);
        let is_none = seen.is_empty();
        let firing =
            seen.into_iter().fold(first, |firing, (what, source)| firing.seen(what, source));
        (!is_none).then(|| firing.inferred(follows))
    };
    [
        of(Component::Envoy, &cilium.envoys),
        of(Component::CiliumAgent, &cilium.agents),
        of(Component::CiliumOperator, &cilium.operators),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Dossier, Readiness};
    use crate::finding::Role;
    use crate::finding::fixture::{Change, dedicated, fires, moment, silent, words};

    fn restarted(restarts: u32, at: &str) -> Dossier {
        let mut dossier = dedicated();
        dossier.taken = Some(moment("2026-11-21T03:00:00Z"));
        let pod = dossier.cilium.envoys[1].pod.clone();
        dossier.with(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": pod.namespace, "name": pod.name},
            "status": {"conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "cilium-envoy", "restartCount": restarts,
                    "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled",
                        "finishedAt": at}}}]}}))
    }

    #[test]
    fn an_envoy_that_keeps_being_killed_takes_part_although_it_is_ready() {
        let firing = fires(&RULE, &restarted(6, "2026-11-21T02:58:00Z"));
        assert_eq!(firing.role, Role::Contributing);
        let told = words(&firing);
        assert!(told.contains("6 restarts, the last end OOMKilled (exit code 137)"), "{told}");
    }

    #[test]
    fn a_crash_that_is_over_is_no_finding() {
        silent(&RULE, &restarted(6, "2026-11-21T02:00:00Z"));
        silent(&RULE, &restarted(1, "2026-11-21T02:58:00Z"));
    }

    #[test]
    fn what_is_down_now_is_another_finding() {
        let mut down = restarted(6, "2026-11-21T02:58:00Z");
        down.cilium.envoys[1].ready = Readiness::NotReady;
        silent(&RULE, &down);
    }
}
