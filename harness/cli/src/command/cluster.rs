//! `gateproof cluster`: clusters that stay up for other clients.
//!
//! Embedded clusters live in a process and are known by the [registry]; kind clusters are known by
//! the labels on their containers.

use std::time::Duration;

use gateproof_core::source::nearest::nearest;
use gateproof_runner::registry::{self, ClusterRecord, RegistryError};

use super::{CommandError, print};
use crate::arguments::ProviderChoice;
use crate::arguments::cluster::{ClusterCommand, KubeconfigArguments};
use crate::environment::Environment;

mod detach;
mod kind;
mod kind_up;
mod list;
mod up;

/// How long a cluster is given to stop.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(command: &ClusterCommand, environment: &Environment) -> Result<u8, CommandError> {
    match command {
        ClusterCommand::Up(arguments) if arguments.provider == ProviderChoice::Kind => {
            kind_up::run(arguments, environment)
        }
        ClusterCommand::Up(arguments) if arguments.provider == ProviderChoice::Existing => {
            Err(CommandError::Usage(
                "--provider existing: a cluster that exists is up already; `gateproof check` looks \
                 at it"
                    .to_owned(),
            ))
        }
        ClusterCommand::Up(arguments) if arguments.detach => detach::run(arguments, environment),
        ClusterCommand::Up(arguments) => up::run(arguments, environment),
        ClusterCommand::List => list::run(environment),
        ClusterCommand::Kubeconfig(arguments) => match embedded(&arguments.name, environment)? {
            Some(record) => kubeconfig_of_embedded(arguments, &record),
            None => kind::kubeconfig(arguments, environment),
        },
        ClusterCommand::Logs { name, folder } => match embedded(name, environment)? {
            Some(_) => Err(CommandError::Usage(format!(
                "cluster {name} is embedded: its nodes are sockets of a process and keep no logs; \
                 `kubectl logs` reads those of its components"
            ))),
            None => kind::logs(name, folder, environment),
        },
        ClusterCommand::Down { name, force } => match embedded(name, environment)? {
            Some(record) => {
                registry::stop(&environment.state, &record, PATIENCE).map_err(infrastructure)?;
                print(&format!("cluster {name} is down\n"))?;
                Ok(0)
            }
            None => kind::down(
                name,
                if *force { kind::Force::Yes } else { kind::Force::No },
                environment,
            ),
        },
    }
}

fn kubeconfig_of_embedded(
    arguments: &KubeconfigArguments,
    record: &ClusterRecord,
) -> Result<u8, CommandError> {
    if arguments.export || arguments.merge_into.is_some() {
        return Err(CommandError::Usage(format!(
            "cluster {} is embedded and goes with its process, so it is not put into a kubeconfig \
             that stays; its own one is {}",
            record.name,
            record.kubeconfig.display()
        )));
    }
    print(&format!("{}\n", record.kubeconfig.display()))?;
    Ok(0)
}

/// The embedded cluster of this name that is up.
fn embedded(name: &str, environment: &Environment) -> Result<Option<ClusterRecord>, CommandError> {
    let clusters = registry::living(&environment.state).map_err(infrastructure)?;
    Ok(clusters.into_iter().find(|cluster| cluster.name == name))
}

/// There is no cluster of this name among these.
fn unknown(name: &str, known: &[String], beside: &str) -> CommandError {
    let up = match known {
        [] => "no cluster is up".to_owned(),
        names => match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`? up are: {}", names.join(", ")),
            None => format!("up are: {}", names.join(", ")),
        },
    };
    CommandError::Usage(format!("no cluster named `{name}` is up; {up}{beside}"))
}

fn infrastructure(error: RegistryError) -> CommandError {
    CommandError::Infrastructure(error.into())
}
