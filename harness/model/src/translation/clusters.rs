//! Clusters: one for each port of a Service that rules send to
//! (cilium/cilium `operator/pkg/model/translation/envoy_cluster.go`; before 1.18 `cec_translator.go`).

use std::collections::BTreeMap;

use super::config::Served;
use super::envoy::{Cluster, UpstreamProtocol, UpstreamTls};
use super::names;
use crate::Input;
use crate::ingestion::{Backend, HttpRule, RuleProtocol};

/// The clusters of all rules, mirrors and routes that pass TLS through, by name. One that TLS is
/// passed through to speaks nothing of its own, whatever rules send to it too.
pub(super) fn of(input: &Input<'_>, served: Served<'_>) -> BTreeMap<String, Cluster> {
    let rules: Vec<&HttpRule> = served.http.iter().flat_map(|listener| &listener.rules).collect();
    let mut clusters = BTreeMap::new();
    for rule in &rules {
        let mirrors = rule.treatment.mirrors.iter().map(|(backend, _)| backend);
        for backend in rule.backends.iter().chain(mirrors) {
            clusters.entry(backend.cluster()).or_insert_with(|| cluster(input, &rules, backend));
        }
    }
    let passed = served.passthrough.iter().flat_map(|listener| &listener.routes);
    for backend in passed.flat_map(|route| &route.backends) {
        let cluster = Cluster {
            name: backend.cluster(),
            service: backend.service.clone(),
            port: backend.port,
            protocol: UpstreamProtocol::Tcp,
            tls: None,
        };
        clusters.insert(backend.cluster(), cluster);
    }
    clusters
}

fn cluster(input: &Input<'_>, rules: &[&HttpRule], backend: &Backend) -> Cluster {
    Cluster {
        name: backend.cluster(),
        service: backend.service.clone(),
        port: backend.port,
        protocol: protocol(input, rules, backend),
        tls: tls(input, rules, backend),
    }
}

/// TLS of a cluster, if a rule that has it as backend asks for it and says with which authority.
fn tls(input: &Input<'_>, rules: &[&HttpRule], backend: &Backend) -> Option<UpstreamTls> {
    let same = |other: &&Backend| other.service == backend.service && other.port == backend.port;
    let of_backends = rules.iter().flat_map(|rule| &rule.backends);
    let asked = of_backends.filter(same).find_map(|other| other.tls.as_ref())?;
    let authority = asked.authority.as_ref()?;
    (!asked.server_name.is_empty()).then(|| UpstreamTls {
        server_name: asked.server_name.clone(),
        authority: authority.clone(),
        sds_name: names::authority_copy(input, authority).to_string(),
    })
}

/// What is spoken to a cluster, by the rules that have it as backend: HTTP/2 when one is for gRPC;
/// with application protocols on, HTTP/2 for `kubernetes.io/h2c` and HTTP/1.1 for everything else,
/// also for a cluster that only gets copies.
fn protocol(input: &Input<'_>, rules: &[&HttpRule], backend: &Backend) -> UpstreamProtocol {
    let same = |other: &&Backend| other.service == backend.service && other.port == backend.port;
    let has_it = |rule: &&&HttpRule| rule.backends.iter().any(|other| same(&other));
    if rules.iter().filter(has_it).any(|rule| rule.protocol == RuleProtocol::Grpc) {
        return UpstreamProtocol::Http2;
    }
    if !(input.config.app_protocol || input.config.alpn) {
        return UpstreamProtocol::AsDownstream;
    }
    let of_backends = rules.iter().flat_map(|rule| &rule.backends);
    let declared = of_backends.filter(same).find_map(|other| other.app_protocol.as_deref());
    match declared {
        Some("kubernetes.io/h2c") => UpstreamProtocol::Http2,
        _ => UpstreamProtocol::Http1,
    }
}
