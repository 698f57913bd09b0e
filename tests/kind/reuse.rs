//! A cluster that is up is used where it fits, and is as it was before when the run is done.

use std::num::NonZeroUsize;
use std::sync::Arc;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::plan::{ClusterPlan, Plan};
use gateproof_core::report::{ExitCode, exit_code};
use gateproof_kind::provider::KindProvider;
use gateproof_kubernetes::{Cluster, Provider, Surroundings};
use gateproof_runner::engines::Engines;
use gateproof_runner::process;
use gateproof_runner::reuse::Reusing;
use gateproof_runner::{Options, clock};
use libtest_mimic::Failed;

use crate::Work;
use crate::bench::{self, Bench, plan_of};

/// Of these kinds trials bring objects that are in no namespace of theirs.
const KINDS: [(&str, &str); 2] = [("v1", "Namespace"), ("cert-manager.io/v1", "ClusterIssuer")];

pub(crate) fn tests() -> Vec<(String, Work)> {
    vec![(
        "a_cluster_that_fits_is_used_and_left_as_it_was".to_owned(),
        Box::new(|bench| {
            let mut planned = plan_of("redirect-to-https", &["/cilium-1.20"])?.clusters.remove(0);
            let of_user = ClusterPlan {
                name: gateproof_core::name::ClusterName::new(format!("{}-mine", planned.name)),
                ..planned.clone()
            };
            planned.topology.name.push_str("-of-another-name");
            let up = raised(bench, &of_user)?;
            let used = used(bench, up.as_ref(), planned);
            let engine = bench.engine();
            let found =
                bench.block_on(gateproof_kind::discovery::find(engine, of_user.name.as_str()))?;
            bench.block_on(found.delete(engine, std::time::Duration::from_mins(1)))?;
            used
        }),
    )]
}

/// A cluster that belongs to the user, with a stack.
fn raised(bench: &Bench, plan: &ClusterPlan) -> Result<Arc<dyn Cluster>, Failed> {
    let provider = KindProvider::new(bench.workplace(bench.image()));
    let surroundings = Surroundings { owner: process::owner(), ..Surroundings::none("suite") };
    let up = bench.block_on(provider.provision(plan, &surroundings))?;
    bench.block_on(up.keep())?;
    Ok(up)
}

fn used(bench: &Bench, up: &dyn Cluster, planned: ClusterPlan) -> Result<(), Failed> {
    let plan = Plan { provider: ProviderKind::Kind, clusters: vec![planned] };
    let run = |count| -> Result<(), Failed> {
        let workplace = bench.workplace(bench.image());
        let reusing = Reusing {
            engines: Engines { usual: bench::endpoint()?, search_path: None },
            state: bench.folder().join("reuse-state"),
            node_image: workplace.settings.node_image.clone(),
            provider: Arc::new(KindProvider::new(workplace)),
        };
        let options = Options::new(clock::run_id(), NonZeroUsize::MIN);
        let ran = bench.run_watched(&plan, Arc::new(reusing), options, |_| {})?;
        if exit_code(&ran.report) != ExitCode::Passed {
            return Err(gateproof_report::failures(&ran.report).into());
        }
        // Whatever was created anew would have another address.
        let mut addresses: Vec<_> =
            ran.report.clusters[0].nodes.iter().flat_map(|node| node.addresses.clone()).collect();
        let mut expected: Vec<_> = up.nodes().iter().flat_map(|it| it.addresses.clone()).collect();
        addresses.sort();
        expected.sort();
        if addresses != expected {
            let actions = &ran.report.clusters[0].actions;
            return Err(format!("run {count} used another cluster: {actions:?}").into());
        }
        Ok(())
    };
    run(1)?;
    let once = objects(bench, up)?;
    run(2)?;
    let again = objects(bench, up)?;
    let brought = ["ClusterIssuer gateproof", "Namespace site"];
    if once != again || once.iter().any(|name| brought.contains(&name.as_str())) {
        return Err(format!("left behind: {once:?}, then {again:?}").into());
    }
    Ok(())
}

/// What is there of the kinds of which trials bring objects.
fn objects(bench: &Bench, up: &dyn Cluster) -> Result<Vec<String>, Failed> {
    let mut all = Vec::new();
    for (version, kind) in KINDS {
        for object in bench.block_on(up.client().list(version, kind, None))? {
            all.push(format!("{kind} {}", object["metadata"]["name"].as_str().unwrap_or_default()));
        }
    }
    all.sort();
    Ok(all)
}
