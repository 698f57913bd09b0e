//! A dossier of a running cluster, with reads alone: get and list, never a watch, never a write,
//! not even a question for one's own permissions, which would be one.
//!
//! Everything is asked for side by side, in pages, within one span of time; what failed is asked
//! for again while there is time. What the reader may not see is told with what it hides.

mod backends;
mod logs;
mod metrics;
mod objects;
mod reader;
mod secrets;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use gateproof_core::dossier::{Dossier, Why, text};
use gateproof_kubernetes::Client;

use crate::assemble::{assemble, home};
use crate::evidence::{CERT_MANAGER, CILIUM_CONFIG, Evidence};
use crate::options::Options;
use crate::reading::{self, FIRST, LEASES, REST};
use reader::{Failure, Reader};

/// Where a kind is looked for when the reader may not look everywhere.
#[derive(Debug, Default)]
struct Places {
    /// Where Gateways, their routes and backends are.
    gateways: BTreeSet<String>,
    /// Where components run.
    components: BTreeSet<String>,
}

impl Places {
    fn of(namespaces: &[String]) -> Self {
        let usual = USUAL.iter().copied().chain([CERT_MANAGER]);
        Self {
            gateways: namespaces.iter().cloned().collect(),
            components: usual.map(str::to_owned).collect(),
        }
    }

    /// Once Cilium was seen, it is looked for where it is.
    fn learn(&mut self, mentioned: BTreeSet<String>, home: Option<&str>) {
        self.gateways.extend(mentioned);
        if let Some(home) = home {
            self.components = [home, CERT_MANAGER].map(str::to_owned).into();
        }
    }
}

/// The namespaces that Cilium is installed into as a rule; looked at when its agents cannot be
/// looked for everywhere.
const USUAL: &[&str] = &["kube-system", "cilium", "cilium-system"];

/// Reads what there is to know about a cluster. Never fails: what could not be read is told in
/// the dossier.
pub async fn live(client: &Client, options: &Options) -> Dossier {
    // Many reads are under way at a time, which makes for a large future.
    Box::pin(collect(client, options)).await
}

async fn collect(client: &Client, options: &Options) -> Dossier {
    let reader = Reader::new(client, options);
    let mut evidence = Evidence::default();
    evidence.taken = options.taken;
    let mut places = Places::of(&options.namespaces);

    let (api_versions, groups) = (reading::api_versions(), reading::groups());
    let (version, first, ..) = tokio::join!(
        reader.kubernetes_version(),
        objects::read(&reader, FIRST, &places),
        join_all(api_versions.iter().map(|one| reader.learn(one))),
        join_all(groups.iter().map(|one| reader.learn_group(one))),
    );
    match version {
        Ok(version) => evidence.kubernetes = Some(version),
        Err(failure) => evidence.miss(
            "the version of Kubernetes",
            failure.why("get /version"),
            "which Kubernetes this is",
        ),
    }
    first.into_evidence(&mut evidence);

    let home = home(&evidence);
    places.learn(mentioned(&evidence), home.as_deref());
    let (rest, config_maps, definitions, secrets, logs) = tokio::join!(
        objects::read(&reader, REST, &places),
        config_maps(&reader, home.as_deref()),
        objects::definitions(&reader),
        secrets::of_listeners(&reader, &evidence),
        logs::read(&reader, &evidence, options.logs_of),
    );
    rest.into_evidence(&mut evidence);
    config_maps.into_evidence(&mut evidence);
    definitions.into_evidence(&mut evidence);
    secrets.into_evidence(&mut evidence);
    logs.into_evidence(&mut evidence);

    let cilium = home.as_deref().unwrap_or(USUAL[0]);
    let announces = evidence.announces();
    let leases = async {
        if !announces {
            return objects::Read::default();
        }
        objects::read_in(&reader, &LEASES, cilium).await
    };
    let (copies, releases, leases, metrics, backends) = tokio::join!(
        secrets::copies(&reader, &evidence),
        secrets::releases(&reader, cilium),
        leases,
        metrics::read(&reader, &evidence, options.logs_of),
        backends::read(&reader, &evidence),
    );
    copies.into_evidence(&mut evidence);
    releases.into_evidence(&mut evidence);
    leases.into_evidence(&mut evidence);
    metrics.into_evidence(&mut evidence);
    backends.into_evidence(&mut evidence);
    assemble(evidence)
}

/// Namespaces of Gateways, routes and ListenerSets: where to look for what belongs to them.
fn mentioned(evidence: &Evidence) -> BTreeSet<String> {
    const GROUP: &str = "gateway.networking.k8s.io";
    evidence
        .list(GROUP, "Gateway")
        .chain(evidence.list(GROUP, "HTTPRoute"))
        .chain(evidence.list(GROUP, "ListenerSet"))
        .filter_map(|object| text(object, "/metadata/namespace"))
        .map(str::to_owned)
        .collect()
}

/// The ConfigMap of Cilium, and that of cert-manager where there is one.
async fn config_maps(reader: &Reader<'_>, home: Option<&str>) -> objects::Read {
    let mut read = objects::Read::default();
    let candidates: Vec<&str> = home.map_or_else(|| USUAL.to_vec(), |home| vec![home]);
    let mut forbidden: Vec<(String, Failure)> = Vec::new();
    let mut found = 0;
    let asked = candidates.iter().map(|namespace| async move {
        (*namespace, reader.get("v1", "ConfigMap", Some(namespace), CILIUM_CONFIG).await)
    });
    for (namespace, answer) in join_all(asked).await {
        match answer {
            Ok(Some(object)) => {
                found += 1;
                read.objects.push(object);
            }
            Ok(None) => {}
            Err(failure) => forbidden.push((namespace.to_owned(), failure)),
        }
    }
    if found == 0 {
        // What is certain to be elsewhere hides nothing; where the agents are is not certain here.
        for (namespace, failure) in forbidden.into_iter().take(1) {
            read.miss(
                format!("ConfigMap {namespace}/{CILIUM_CONFIG}"),
                failure.why(&format!("get configmaps in namespace {namespace}")),
                "how Cilium is configured, and when that was last changed",
            );
        }
    }
    match reader.get("v1", "ConfigMap", Some(CERT_MANAGER), CERT_MANAGER).await {
        Ok(object) => read.objects.extend(object),
        Err(failure) => read.miss(
            format!("ConfigMap {CERT_MANAGER}/{CERT_MANAGER}"),
            failure.why(&format!("get configmaps in namespace {CERT_MANAGER}")),
            "whether cert-manager supports the Gateway API, where that is configured in a file",
        ),
    }
    read
}

/// Why a read failed, where nothing else is known.
fn failed(words: &str) -> Why {
    Why::Failed(words.to_owned())
}
