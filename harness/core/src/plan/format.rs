//! A plan as text: a table for people, JSON for programs, a matrix for GitHub Actions.
//!
//! Makes text only; printing it is the command line's work.

use serde_json::{Value, json};

use super::{ClusterPlan, Plan, TrialPlan};

/// A table with a line for each trial.
pub fn table(plan: &Plan) -> String {
    let header = ["TRIAL", "CILIUM", "TOPOLOGY", "CLUSTER"].map(str::to_owned);
    let mut rows = vec![header];
    for (cluster, trial) in trials(plan) {
        rows.push([
            trial.name.to_string(),
            trial.cilium.to_string(),
            cluster.topology.name.clone(),
            cluster.name.to_string(),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2, 3].map(|column| width(column).unwrap_or_default());
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    let count = rows.len() - 1;
    let word = if count == 1 { "trial" } else { "trials" };
    format!("{out}{count} {word}, provider {}\n", plan.provider)
}

/// JSON: `{"version": 1, "provider": …, "trials": [{"trial", "scenario", "variant", "cilium",
/// "topology", "nodes", "cluster", "values"}]}`. Keys are only ever added while `version` stays.
pub fn json(plan: &Plan) -> String {
    let trials: Vec<Value> = trials(plan)
        .map(|(cluster, trial)| {
            json!({
                "trial": trial.name,
                "scenario": trial.scenario,
                "variant": trial.variant,
                "cilium": trial.cilium,
                "topology": cluster.topology.name,
                "nodes": cluster.topology.nodes.len(),
                "cluster": cluster.name,
                "values": trial.values,
            })
        })
        .collect();
    let whole = json!({"version": 1, "provider": plan.provider, "trials": trials});
    let mut text = format!("{whole:#}");
    text.push('\n');
    text
}

/// A matrix on one line, for `matrix=` in `GITHUB_OUTPUT`:
/// `{"include":[{"trial","scenario","variant","cilium"}]}`.
pub fn github(plan: &Plan) -> String {
    let include: Vec<Value> = trials(plan)
        .map(|(_, trial)| {
            json!({
                "trial": trial.name,
                "scenario": trial.scenario,
                "variant": trial.variant,
                "cilium": trial.cilium,
            })
        })
        .collect();
    json!({"include": include}).to_string()
}

fn trials(plan: &Plan) -> impl Iterator<Item = (&ClusterPlan, &TrialPlan)> {
    plan.clusters
        .iter()
        .flat_map(|cluster| cluster.trials.iter().map(move |trial| (cluster, trial)))
}
