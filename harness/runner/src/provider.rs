//! Which provider runs the clusters, and how many of them side by side.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::plan::Plan;
use gateproof_embedded::EmbeddedProvider;
use gateproof_existing::ExistingProvider;
use gateproof_existing::provider::{Found, Purpose};
use gateproof_kind::provider::{KindProvider, Workplace};
use gateproof_kubernetes::Provider;

use crate::engines::Engines;
use crate::reuse::Reusing;

/// A provider that this build does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("provider `{0}` is not built into this gateproof; available: embedded, kind, existing")]
pub struct NotAvailable(pub String);

/// Clusters in this process side by side when the machine has few processors: a trial mostly
/// waits.
const FEWEST_EMBEDDED: NonZeroUsize = NonZeroUsize::new(3).expect("three is not zero");

/// What a node of a kind cluster takes of memory: a control plane with etcd and Cilium's agent,
/// Envoy and operator. Inferred from their usual resident sizes; not a measurement of ours.
const MIB_PER_CONTROL_PLANE: u64 = 1500;

/// The same for a worker.
const MIB_PER_WORKER: u64 = 700;

/// Reads a provider's name, as in `GATEPROOF_PROVIDER`.
///
/// # Errors
///
/// When no available provider has that name.
pub fn named(name: &str) -> Result<ProviderKind, NotAvailable> {
    match name {
        "embedded" => Ok(ProviderKind::Embedded),
        "kind" => Ok(ProviderKind::Kind),
        "existing" => Ok(ProviderKind::Existing),
        other => Err(NotAvailable(other.to_owned())),
    }
}

/// What a provider is made of.
#[derive(Debug, Clone)]
pub enum Setup {
    /// Clusters in this process.
    Embedded,
    /// kind clusters.
    Kind(Box<Workplace>),
    /// kind clusters that are up already where they fit, else new ones.
    KindOrReused {
        /// Where they are made.
        workplace: Box<Workplace>,
        /// The state folder: who uses a cluster holds a lock there.
        state: PathBuf,
    },
    /// A cluster that somebody runs.
    Existing {
        /// What is known of it.
        found: Box<Found>,
        /// What it is taken for.
        purpose: Purpose,
    },
}

/// Makes the provider.
pub fn make(setup: Setup) -> Arc<dyn Provider> {
    match setup {
        Setup::Embedded => Arc::new(EmbeddedProvider::new()),
        Setup::Existing { found, purpose } => Arc::new(ExistingProvider::new(*found, purpose)),
        Setup::Kind(workplace) => Arc::new(KindProvider::new(*workplace)),
        Setup::KindOrReused { workplace, state } => Arc::new(Reusing {
            engines: Engines {
                usual: workplace.endpoint.clone(),
                search_path: workplace.search_path.clone(),
            },
            node_image: workplace.settings.node_image.clone(),
            provider: Arc::new(KindProvider::new(*workplace)),
            state,
        }),
    }
}

/// How many clusters of a plan may be up at the same time when nobody says. Clusters of nodes that
/// are containers have to fit into memory, of which `available_mib` is left, and a control plane
/// that comes up keeps two processors busy.
pub fn usual_jobs(plan: &Plan, cores: NonZeroUsize, available_mib: Option<u64>) -> NonZeroUsize {
    match plan.provider {
        ProviderKind::Embedded => return cores.max(FEWEST_EMBEDDED),
        // There is one, and trials follow each other on it.
        ProviderKind::Existing => return NonZeroUsize::MIN,
        ProviderKind::Kind => {}
    }
    let largest = plan.clusters.iter().map(memory_of).max().unwrap_or(MIB_PER_CONTROL_PLANE);
    let by_memory = available_mib.map_or(u64::MAX, |available| available / largest);
    let by_memory = usize::try_from(by_memory).unwrap_or(usize::MAX);
    NonZeroUsize::new(by_memory.min(cores.get() / 2)).unwrap_or(NonZeroUsize::MIN)
}

fn memory_of(cluster: &gateproof_core::plan::ClusterPlan) -> u64 {
    use gateproof_core::cluster::NodeRole;
    let of = |role| match role {
        NodeRole::ControlPlane => MIB_PER_CONTROL_PLANE,
        NodeRole::Worker => MIB_PER_WORKER,
    };
    cluster.topology.nodes.iter().map(|node| of(node.role)).sum()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::path::Path;

    use gateproof_core::cluster::ProviderKind;
    use gateproof_core::plan;
    use gateproof_core::plan::selection::Selection;
    use gateproof_core::scenario::catalog;

    use super::{named, usual_jobs};
    use crate::discover;

    #[test]
    fn providers_are_known_by_name() {
        assert_eq!(named("kind"), Ok(ProviderKind::Kind));
        let error = named("kinds").expect_err("there is none").to_string();
        assert!(error.contains("available: embedded, kind, existing"), "{error}");
    }

    #[test]
    fn kind_clusters_have_to_fit_into_memory_and_processors() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        // Its topology has one control plane and five workers.
        let scenario = root.join("scenarios/shared-gateway.yaml");
        let tree = discover::discover(&[scenario], None).expect("files");
        let catalog = catalog::load(&tree).expect("a scenario");
        let jobs = |provider, cores, available| {
            let plan = plan::make(&catalog, provider, &Selection::default()).expect("a plan");
            usual_jobs(&plan, NonZeroUsize::new(cores).expect("cores"), available).get()
        };
        for (provider, cores, available, expected) in [
            (ProviderKind::Embedded, 1, Some(100), 3),
            (ProviderKind::Embedded, 8, None, 8),
            (ProviderKind::Kind, 2, None, 1),
            (ProviderKind::Kind, 16, Some(11_000), 2),
            (ProviderKind::Kind, 16, Some(64_000), 8),
            (ProviderKind::Kind, 16, Some(1000), 1),
        ] {
            let found = jobs(provider, cores, available);
            assert_eq!(found, expected, "{provider}, {cores} cores, {available:?} MiB");
        }
    }
}
