//! GP0046: endpoints are ready, and Envoy does not know them.

use crate::dossier::Dossier;
use crate::finding::reading::{Upstream, cited, could_read, gateways, items, routes, unanswered};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::name::NamespacedName;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0046",
    title: "Envoy does not know the endpoints of a backend, although they are ready",
    explanation: "\
The Service has the port, endpoints are ready, and Envoy answers 503 with no healthy upstream, or with an \
empty body where it does not even know the cluster that its route names. Envoy gets endpoints from the \
agent of its node, not from Kubernetes: the agent hands over those of the Services that a \
CiliumEnvoyConfig names. So what fails is between the agent and its Envoy, or the agent is behind.

Known to look like this: agents that started with another configuration, an agent or an Envoy that was \
restarted and is still being served, a resource that Envoy refused, and an answer that was older than the \
endpoints. This is inferred from who hands over what; the answer alone does not tell which.",
    remedy: &[
        "look again: endpoints that came a moment ago may not have arrived",
        "on the node that answered: kubectl -n kube-system exec POD -c cilium-agent -- cilium-dbg envoy admin clusters, and the agent's log for NACK and for the Service",
        "restart the agent of that node, and Envoy when that does not help",
    ],
    sources: &[
        "seen with Envoy 1.40: both answers",
        "cilium/cilium pkg/ciliumenvoyconfig/controller.go 1.18.10 and 1.20: agents hand over endpoints of the Services that are named",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let ours: Vec<NamespacedName> = gateways(dossier).into_iter().map(|one| one.name).collect();
    let failed = unanswered(dossier);
    // A backend that is wrong by what Kubernetes has is another finding.
    if failed.is_empty() || !(super::backend::RULE.examine)(dossier).is_empty() {
        return Vec::new();
    }
    routes(dossier)
        .into_iter()
        .filter(|route| route.parents().iter().any(|parent| ours.contains(&parent.gateway)))
        .filter_map(|route| {
            let found = failed.iter().find(|one| {
                matches!(one.upstream, Upstream::NoEndpoint | Upstream::NoCluster)
                    && one.concerns(&route)
            })?;
            let mut backends = route.backends();
            backends.sort();
            backends.dedup();
            let ready: Vec<String> = backends
                .iter()
                .map(|(name, _)| Some(format!("{} ready of Service {name}", ready(dossier, name)?)))
                .collect::<Option<_>>()?;
            (!ready.is_empty()).then(|| {
                Firing::new(Role::Cause, Confidence::Possible)
                    .about(cited(route.object))
                    .seen(
                        found.in_words(),
                        format!("HTTP probes of check `{}`", found.check.check),
                    )
                    .seen(ready.join(", "), "EndpointSlices")
                    .inferred("Envoy of the node that answered was not given these endpoints by its agent")
            })
        })
        .collect()
}

/// How many endpoints of a Service are ready, where that is known and not none.
fn ready(dossier: &Dossier, name: &NamespacedName) -> Option<usize> {
    if !could_read(dossier, "EndpointSlice") {
        return None;
    }
    let slices = dossier.list("discovery.k8s.io", "EndpointSlice").filter(|slice| {
        let label = slice.pointer("/metadata/labels/kubernetes.io~1service-name");
        crate::dossier::text(slice, "/metadata/namespace") == Some(&name.namespace)
            && label.and_then(serde_json::Value::as_str) == Some(&name.name)
    });
    let count = slices
        .flat_map(|slice| items(slice, "/endpoints"))
        .filter(|endpoint| {
            let ready = endpoint.pointer("/conditions/ready");
            ready.and_then(serde_json::Value::as_bool).unwrap_or(true)
        })
        .count();
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::fixture::{Change, answer, dedicated, fires, silent, words};

    fn answered(dossier: Dossier, body: &str, headers: &[(&str, &str)]) -> Dossier {
        let mut failed = dossier.failed("http", vec![answer(503, body, headers)]);
        let last = failed.checks.last_mut().expect("a check");
        last.claim = "HEAD http://hello.obs.example.test/ is carried".to_owned();
        failed
    }

    #[test]
    fn ready_endpoints_that_envoy_does_not_know_are_found_also_by_head() {
        for (body, headers) in
            [("no healthy upstream", &[][..]), ("", &[("content-length", "19")]), ("", &[])]
        {
            let firing = fires(&RULE, &answered(dedicated(), body, headers));
            assert!(words(&firing).contains("1 ready of Service apps/go-hello-world"));
        }
    }

    #[test]
    fn endpoints_that_are_not_ready_and_connections_that_fail_are_other_findings() {
        let unready = dedicated().set(
            "EndpointSlice",
            "go-hello-world-x",
            "/endpoints/0/conditions",
            &json!({"ready": false}),
        );
        silent(&RULE, &answered(unready, "no healthy upstream", &[]));
        let reset = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
        silent(&RULE, &answered(dedicated(), reset, &[]));
        silent(
            &RULE,
            &answered(
                dedicated(),
                "no healthy upstream",
                &[("x-envoy-upstream-service-time", "3")],
            ),
        );
        silent(&RULE, &answered(dedicated().unread("endpointslices"), "no healthy upstream", &[]));
    }
}
