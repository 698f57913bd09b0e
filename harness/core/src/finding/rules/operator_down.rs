//! GP0080: Cilium's operator is down.

use crate::dossier::{ComponentPod, Dossier, Readiness, text};
use crate::finding::reading::{could_read, gateways, trouble};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0080",
    title: "Cilium's operator is down",
    explanation: "\
The operator makes of a Gateway and its routes what agents and Envoy need (the Service, its endpoint, the \
CiliumEnvoyConfig), copies its Secrets, and writes every status. While no operator runs, what was made goes \
on carrying traffic, statuses stay as they were, and nothing that is new or changed comes into force: a \
Gateway that was never looked at has no Service and no ports.

One ready operator is enough: the others wait for its lease. Its pods show why they do not run: an image \
that cannot be pulled, a crash after its start (definitions of the Gateway API that it wants and that are \
not there, a configuration that it refuses), too little memory, or a Deployment of no replicas.",
    remedy: &[
        "look at the pods: kubectl -n kube-system describe pods -l io.cilium/app=operator, and kubectl -n kube-system logs deployment/cilium-operator --previous",
        "when the Deployment has no replicas: kubectl -n kube-system scale deployment/cilium-operator --replicas=2",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/gateway_reconcile.go 1.16 to 1.20: what the operator makes and writes",
        "cilium/cilium operator/main.go and operator/cmd/root.go 1.16 to 1.20: replicas wait for the lease cilium-operator-resource-lock",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let gateways = gateways(dossier);
    let operators = &dossier.cilium.operators;
    let seen: Vec<(String, String)> = if operators.is_empty() {
        none_wanted(dossier).into_iter().collect()
    } else if operators.iter().all(|pod| pod.ready == Readiness::NotReady) {
        operators.iter().map(|pod| (state(dossier, pod), format!("pod {}", pod.pod))).collect()
    } else {
        Vec::new()
    };
    if gateways.is_empty() || seen.is_empty() {
        return Vec::new();
    }
    let waiting: Vec<_> =
        gateways.iter().filter(|one| !one.has_been_seen() && one.service().is_none()).collect();
    let role = if waiting.is_empty() { Role::Contributing } else { Role::Cause };
    let mut firing = Firing::new(role, Confidence::Certain).about("Cilium's operator");
    for gateway in waiting.iter().take(3) {
        firing = firing
            .about(gateway.to_string())
            .seen("no condition by a controller, and no Service", format!("status of {gateway}"));
    }
    for (what, source) in seen {
        firing = firing.seen(what, source);
    }
    vec![firing.inferred(if waiting.is_empty() {
        "what was made before goes on; what is new or changed does not come into force"
    } else {
        "nobody makes anything of the Gateway, so it has no ports"
    })]
}

/// What is wrong with a pod: in the words of its status where it is there.
fn state(dossier: &Dossier, pod: &ComponentPod) -> String {
    let object = dossier.get("", "Pod", Some(&pod.pod.namespace), &pod.pod.name);
    let why = object.and_then(trouble).or_else(|| pod.reason.clone());
    let why = why.map(|why| format!(", {why}")).unwrap_or_default();
    format!("not ready{why}, {} restarts", pod.restarts)
}

/// A Deployment of no replicas, where pods could have been seen.
fn none_wanted(dossier: &Dossier) -> Option<(String, String)> {
    if !could_read(dossier, "Pod") {
        return None;
    }
    let deployment = dossier.list("apps", "Deployment").find(|deployment| {
        text(deployment, "/metadata/labels/io.cilium~1app") == Some("operator")
            || text(deployment, "/metadata/name") == Some("cilium-operator")
    })?;
    let replicas = deployment.pointer("/spec/replicas")?.as_u64()?;
    let name = text(deployment, "/metadata/name")?;
    let namespace = text(deployment, "/metadata/namespace")?;
    let what = format!("no pods, and spec.replicas is {replicas}");
    Some((what, format!("Deployment {namespace}/{name}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::RULE;
    use crate::dossier::{Dossier, Readiness};
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};
    use crate::finding::{Confidence, Role};

    fn down(mut dossier: Dossier) -> Dossier {
        assert!(!dossier.cilium.operators.is_empty());
        for pod in &mut dossier.cilium.operators {
            pod.ready = Readiness::NotReady;
            pod.reason = Some("CrashLoopBackOff".to_owned());
            pod.restarts = 5;
        }
        dossier
    }

    fn unseen(dossier: Dossier) -> Dossier {
        dossier.without("Service", "cilium-gateway-shared-gateway").set(
            "Gateway",
            "shared-gateway",
            "/status",
            &json!({"conditions": []}),
        )
    }

    #[test]
    fn an_operator_that_is_down_is_the_cause_of_gateways_that_nobody_looked_at() {
        let firing = fires(&RULE, &down(unseen(dedicated())));
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Certain));
        assert!(words(&firing).contains("not ready, CrashLoopBackOff, 5 restarts"));
    }

    #[test]
    fn what_was_made_before_goes_on_without_it() {
        assert_eq!(fires(&RULE, &down(dedicated())).role, Role::Contributing);
    }

    #[test]
    fn one_ready_operator_is_enough() {
        silent(&RULE, &unseen(dedicated()));
        let mut two = down(unseen(dedicated()));
        let mut ready = two.cilium.operators[0].clone();
        ready.ready = Readiness::Ready;
        two.cilium.operators.push(ready);
        silent(&RULE, &two);
    }

    #[test]
    fn a_deployment_of_no_replicas_is_told_where_pods_could_be_seen() {
        let scaled = |replicas: u32| -> Value {
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"namespace": "kube-system", "name": "cilium-operator"},
                "spec": {"replicas": replicas}})
        };
        let mut none = unseen(dedicated());
        none.cilium.operators.clear();
        let firing = fires(&RULE, &none.clone().with(scaled(0)));
        assert!(words(&firing).contains("spec.replicas is 0"), "{}", words(&firing));
        silent(&RULE, &none.clone());
        silent(&RULE, &none.with(scaled(0)).unread("Pod objects in kube-system"));
    }
}
