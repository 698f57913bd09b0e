//! `gateproof cluster`: embedded clusters that stay up for other clients.

use std::time::Duration;

use gateproof_core::source::nearest::nearest;
use gateproof_runner::registry::{self, ClusterRecord, RegistryError};

use super::{CommandError, print};
use crate::arguments::cluster::ClusterCommand;
use crate::environment::Environment;

mod detach;
mod up;

/// How long a cluster is given to stop.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(command: &ClusterCommand, environment: &Environment) -> Result<u8, CommandError> {
    match command {
        ClusterCommand::Up(arguments) if arguments.detach => detach::run(arguments, environment),
        ClusterCommand::Up(arguments) => up::run(arguments, environment),
        ClusterCommand::List => list(environment),
        ClusterCommand::Kubeconfig { name } => {
            let record = named(name, environment)?;
            print(&format!("{}\n", record.kubeconfig.display()))?;
            Ok(0)
        }
        ClusterCommand::Down { name } => {
            let record = named(name, environment)?;
            registry::stop(&environment.state, &record, PATIENCE).map_err(infrastructure)?;
            print(&format!("cluster {name} is down\n"))?;
            Ok(0)
        }
    }
}

fn list(environment: &Environment) -> Result<u8, CommandError> {
    let clusters = registry::living(&environment.state).map_err(infrastructure)?;
    if clusters.is_empty() {
        print("no cluster is up; `gateproof cluster up` brings one up\n")?;
        return Ok(0);
    }
    let header = ["NAME", "CILIUM", "TOPOLOGY", "NODES", "API", "KUBECONFIG"].map(str::to_owned);
    let mut rows = vec![header];
    for cluster in clusters {
        rows.push([
            cluster.name,
            cluster.cilium,
            cluster.topology,
            cluster.nodes.to_string(),
            cluster.url,
            cluster.kubeconfig.display().to_string(),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2, 3, 4, 5].map(|column| width(column).unwrap_or_default());
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            format!("{}\n", line.trim_end())
        })
        .collect();
    print(&lines.concat())?;
    Ok(0)
}

/// The cluster of this name that is up.
fn named(name: &str, environment: &Environment) -> Result<ClusterRecord, CommandError> {
    let clusters = registry::living(&environment.state).map_err(infrastructure)?;
    let names: Vec<String> = clusters.iter().map(|cluster| cluster.name.clone()).collect();
    clusters.into_iter().find(|cluster| cluster.name == name).ok_or_else(|| {
        let up = match &names[..] {
            [] => "no cluster is up".to_owned(),
            names => match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`? up are: {}", names.join(", ")),
                None => format!("up are: {}", names.join(", ")),
            },
        };
        CommandError::Usage(format!("no cluster named `{name}` is up; {up}"))
    })
}

fn infrastructure(error: RegistryError) -> CommandError {
    CommandError::Infrastructure(error.into())
}
