//! `gateproof cluster list`: what is up, who owns it, and in which state it is.

use gateproof_runner::kind_clusters::{self, KindCluster, Ownership};
use gateproof_runner::registry;

use super::super::{CommandError, engines, print, runtime, tell};
use super::infrastructure;
use crate::environment::Environment;

const HEADER: [&str; 8] =
    ["NAME", "PROVIDER", "OWNER", "STATE", "VERSION", "TOPOLOGY", "API", "KUBECONFIG"];

pub(super) fn run(environment: &Environment) -> Result<u8, CommandError> {
    let mut rows = vec![HEADER.map(str::to_owned)];
    for cluster in registry::living(&environment.state).map_err(infrastructure)? {
        rows.push([
            cluster.name,
            "embedded".to_owned(),
            format!("process {}", cluster.pid),
            "running".to_owned(),
            format!("Cilium {} (model)", cluster.cilium),
            cluster.topology,
            cluster.url,
            cluster.kubeconfig.display().to_string(),
        ]);
    }
    let engines = engines()?;
    match runtime()?.block_on(kind_clusters::list(&engines, &environment.state)) {
        Ok(clusters) => rows.extend(clusters.iter().map(row)),
        // Without Docker there are no kind clusters to be listed, and many have none.
        Err(problem) => tell(&format!("kind clusters are not listed: {problem}\n")),
    }
    if rows.len() == 1 {
        print("no cluster is up; `gateproof cluster up` brings one up\n")?;
        return Ok(0);
    }
    print(&table(&rows))?;
    Ok(0)
}

fn row(cluster: &KindCluster) -> [String; 8] {
    let dash = || "-".to_owned();
    [
        cluster.name.clone(),
        "kind".to_owned(),
        owner(&cluster.ownership),
        cluster.state.clone(),
        cluster.kubernetes.as_ref().map_or_else(dash, |version| format!("Kubernetes {version}")),
        match cluster.nodes {
            1 => "1 node".to_owned(),
            nodes => format!("{nodes} nodes"),
        },
        cluster.api.clone().unwrap_or_else(dash),
        dash(),
    ]
}

/// Whose a kind cluster is, in few words.
fn owner(ownership: &Ownership) -> String {
    match ownership {
        Ownership::User => "you".to_owned(),
        Ownership::OtherProgram => "kind program".to_owned(),
        Ownership::LivingRun { run } => format!("run {run}"),
        Ownership::DeadRun { run } => format!("dead run {run}"),
        Ownership::Unclear { run } => format!("run {run}, not seen from here"),
    }
}

/// Columns apart by two spaces.
fn table(rows: &[[String; 8]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..8).map(|column| width(column).unwrap_or_default()).collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            format!("{}\n", line.trim_end())
        })
        .collect();
    lines.concat()
}
