//! `gateproof plan --show kind`: the clusters of a plan as kind clusters, in full.

use std::path::Path;

use gateproof_core::plan::{ClusterPlan, Plan};
use gateproof_core::topology::fit::StackNeeds;
use gateproof_kind::engine_facts::EngineFacts;
use gateproof_kind::images::needed::pulled_by_nodes;
use gateproof_kind::plan as planning;
use gateproof_kind::plan::show::show;
use gateproof_kind::settings::Settings;
use gateproof_kubernetes::Owner;

use crate::arguments::kind::KindArguments;
use crate::command::{CommandError, workplace};

/// Every cluster of the plan; every problem of all of them together.
pub(super) fn shown(plan: &Plan, arguments: &KindArguments) -> Result<String, CommandError> {
    let workplace = workplace(arguments)?;
    let mut pages = Vec::new();
    let mut problems = Vec::new();
    for cluster in &plan.clusters {
        match page(cluster, &workplace.settings, &workplace.folder) {
            Ok(page) => pages.push(page),
            Err(problem) => problems.push(format!("cluster {}: {problem}", cluster.name)),
        }
    }
    if problems.is_empty() {
        Ok(pages.join("\n"))
    } else {
        Err(CommandError::Usage(problems.join("\nerror: ")))
    }
}

fn page(cluster: &ClusterPlan, settings: &Settings, folder: &Path) -> Result<String, String> {
    let trial = cluster.trials.first().expect("a planned cluster has a trial");
    let made = planning::make(&planning::Request {
        name: &cluster.name,
        run: "",
        owner: &Owner::nobody(),
        topology: &cluster.topology,
        needs: StackNeeds::of(&trial.config),
        settings,
        images: &pulled_by_nodes(cluster, settings),
        engine: &EngineFacts::usual(),
        folder,
    });
    let plan = made.map_err(|problems| problems.to_string())?;
    let trials: Vec<String> =
        cluster.trials.iter().map(|trial| format!("`{}`", trial.name)).collect();
    let about = [
        format!("For {}, on the topology `{}`.", trials.join(", "), cluster.topology.name),
        "No engine was asked: this is for Docker as root on Linux, with cgroup v2 and overlay2."
            .to_owned(),
    ];
    show(&plan, &about).map_err(|error| error.to_string())
}
