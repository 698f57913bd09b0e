//! How many settings agents say they differ in: one line of the metrics of each, read through the
//! API server (`get` on `pods/proxy`) where the ConfigMap says that metrics are served and the reader
//! may. Why not at the nodes' addresses: `docs/decisions/0020-drift-metrics-are-read-through-the-api.md`.

use std::time::Duration;

use futures_util::future::join_all;
use gateproof_core::dossier::{Component, text};
use gateproof_core::name::NamespacedName;
use gateproof_kubernetes::PodPort;
use serde_json::Value;

use super::objects::Read;
use super::reader::{Failure, Reader};
use crate::component;
use crate::evidence::{CILIUM_CONFIG, DRIFT, Evidence, drift, name};

/// How long one agent may take. Where a firewall keeps the API server from the port, it would wait
/// for half a minute.
const WITHIN: Duration = Duration::from_secs(3);
/// Where agents serve metrics (cilium/cilium 1.16 to 1.21-dev, `pkg/metrics/registry.go`); empty is
/// nowhere, as by default.
const SETTING: &str = "prometheus-serve-addr";
const HIDES: &str = "how many settings agents count that differ from the ConfigMap";

/// What was read of metrics.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    drifts: Vec<(NamespacedName, u32)>,
    unread: Read,
}

impl Metrics {
    /// Hands everything over.
    pub(super) fn into_evidence(self, evidence: &mut Evidence) {
        for (pod, count) in self.drifts {
            evidence.add_drift(pod, count);
        }
        self.unread.into_evidence(evidence);
    }
}

/// Asks agents, at most so many. The first is asked alone: what it may not, or the API server
/// cannot, holds for the others as well.
pub(super) async fn read(reader: &Reader<'_>, evidence: &Evidence, most: usize) -> Metrics {
    let mut metrics = Metrics::default();
    let Some(port) = port(evidence) else { return metrics };
    let agents: Vec<NamespacedName> = evidence
        .list("", "Pod")
        .filter(|pod| component::of(pod) == Some(Component::CiliumAgent))
        .filter(|pod| text(pod, "/status/phase") == Some("Running"))
        .filter_map(name)
        .take(most)
        .collect();
    let Some((first, others)) = agents.split_first() else { return metrics };
    let ask = |agent: NamespacedName| async move {
        let place = PodPort { namespace: &agent.namespace, pod: &agent.name, port };
        let answer = reader.metric(place, DRIFT, WITHIN).await;
        (agent, answer)
    };
    let mut answers = vec![ask(first.clone()).await];
    if answers[0].1.is_ok() {
        answers.extend(join_all(others.iter().cloned().map(ask)).await);
    }
    let mut silent: Vec<(NamespacedName, Failure)> = Vec::new();
    for (agent, answer) in answers {
        match answer {
            Ok(line) => {
                // Without the line the metric is switched off, or of a release that has it not.
                let count = line.as_deref().and_then(drift);
                metrics.drifts.extend(count.map(|count| (agent, count)));
            }
            Err(failure) => silent.push((agent, failure)),
        }
    }
    if let Some((agent, failure)) = silent.first() {
        let what = if metrics.drifts.is_empty() && silent.len() < 2 {
            "metrics of agents".to_owned()
        } else {
            format!("metrics of {} of {} agents", silent.len(), agents.len())
        };
        let permission = format!("get pods/proxy in namespace {}", agent.namespace);
        metrics.unread.miss(what, failure.why(&permission), HIDES);
    }
    metrics
}

/// The port at which agents serve metrics so that others than themselves can ask.
fn port(evidence: &Evidence) -> Option<u16> {
    let config = evidence
        .list("", "ConfigMap")
        .find(|map| text(map, "/metadata/name") == Some(CILIUM_CONFIG))?;
    let address = config.get("data")?.get(SETTING).and_then(Value::as_str)?;
    let (host, port) = address.trim().rsplit_once(':')?;
    let for_itself = host.starts_with("127.") || host == "localhost" || host.contains("::1");
    if for_itself { None } else { port.parse().ok() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::port;
    use crate::evidence::Evidence;

    #[test]
    fn metrics_are_asked_for_where_others_can() {
        for (address, expected) in [
            (":9962", Some(9962)),
            ("0.0.0.0:9090", Some(9090)),
            ("[::]:9962", Some(9962)),
            ("127.0.0.1:9962", None),
            ("[::1]:9962", None),
            ("localhost:9962", None),
            ("", None),
        ] {
            let mut evidence = Evidence::default();
            evidence.add(json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"namespace": "kube-system", "name": "cilium-config"},
                "data": {"prometheus-serve-addr": address}}));
            assert_eq!(port(&evidence), expected, "{address}");
        }
        assert_eq!(port(&Evidence::default()), None);
    }
}
