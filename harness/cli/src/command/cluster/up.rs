//! `gateproof cluster up`: the cluster lives in this process until it is told to stop.

use std::path::PathBuf;

use anyhow::Context;
use gateproof_core::setup::{self, GivenFile};
use gateproof_runner::interrupt::Interrupt;
use gateproof_runner::leftovers::Reach;
use gateproof_runner::registry::{ClusterRecord, Registration, RegistryError};
use gateproof_runner::standing::{Standing, StandingPlan};
use gateproof_runner::{clock, descriptors, discover, with_causes};

use super::super::run::leave_at_once;
use super::super::{CommandError, clean, print, tell};
use super::detach;
use crate::arguments::cluster::UpArguments;
use crate::environment::Environment;

/// The longest name; it becomes part of file names and of a kubeconfig's context.
const LONGEST_NAME: usize = 40;

pub(super) fn run(arguments: &UpArguments, environment: &Environment) -> Result<u8, CommandError> {
    let plan = plan(arguments)?;
    clean::before_start(environment, Reach::Journals)?;
    let mut registration =
        Registration::open(&environment.state, &arguments.name).map_err(registry_error)?;
    if arguments.detached {
        let log = detach::log_of(environment, &arguments.name);
        registration.note_file(&log).map_err(registry_error)?;
    }
    descriptors::raise_limit();
    let runtime = crate::command::threaded_runtime()?;
    let done = runtime.block_on(stand(arguments, plan, &mut registration));
    // Tasks that still run must not keep the process: the cluster is gone.
    runtime.shutdown_background();
    registration.close().map_err(registry_error)?;
    done.map(|()| 0)
}

/// Brings the cluster up, tells of it, and takes it down when the process is told to stop.
async fn stand(
    arguments: &UpArguments,
    plan: StandingPlan,
    registration: &mut Registration,
) -> Result<(), CommandError> {
    let interrupt = Interrupt::new();
    interrupt.listen(leave_at_once).context("failed to listen for signals")?;
    let (cilium, topology) = (plan.cilium.version.to_string(), plan.topology.clone());
    let standing = Standing::up(plan)
        .await
        .map_err(|error| CommandError::Infrastructure(anyhow::anyhow!(with_causes(&error))))?;
    let access = standing.access();
    let wished = arguments.kubeconfig.as_deref().map(absolute);
    let kubeconfig = registration
        .write_kubeconfig(&access.kubeconfig(), wished.as_deref())
        .map_err(registry_error)?;
    let record = ClusterRecord {
        name: arguments.name.clone(),
        pid: i32::try_from(std::process::id()).context("process ids are positive numbers")?,
        url: access.url.clone(),
        kubeconfig,
        cilium,
        nodes: topology.nodes.len(),
        topology: topology.name,
        since: clock::now_rfc3339(),
    };
    registration.publish(&record).map_err(registry_error)?;
    if arguments.detached {
        detach::announce(&record)?;
    } else {
        print(&greeting(&record, arguments, "press Ctrl-C to take it down"))?;
    }
    tell_of_findings(&standing, &interrupt).await;
    standing.down().await.map_err(|error| CommandError::Infrastructure(error.into()))
}

/// Tells what the reference model does not cover and what went wrong, whenever that changes, until
/// the process is told to stop.
async fn tell_of_findings(standing: &Standing, interrupt: &Interrupt) {
    use gateproof_kubernetes::Cluster;
    let cluster = standing.cluster();
    let mut changes = cluster.store().changes();
    let mut told: Vec<String> = Vec::new();
    loop {
        let settled = tokio::select! {
            () = interrupt.triggered() => return,
            settled = cluster.settled() => settled,
        };
        let mut findings: Vec<String> =
            cluster.not_covered().into_iter().map(|what| format!("not covered: {what}")).collect();
        findings.extend(cluster.problems().into_iter().map(|what| format!("problem: {what}")));
        for finding in findings.iter().filter(|finding| !told.contains(finding)) {
            tell(&format!("{finding}\n"));
        }
        told = findings;
        if settled.is_err() {
            interrupt.triggered().await;
            return;
        }
        tokio::select! {
            () = interrupt.triggered() => return,
            news = changes.changed() => if news.is_err() { return },
        }
    }
}

/// How to use the cluster.
pub(super) fn greeting(record: &ClusterRecord, arguments: &UpArguments, stop: &str) -> String {
    let ClusterRecord { name, cilium, nodes, url, .. } = record;
    let kubeconfig = record.kubeconfig.display();
    let plural = if *nodes == 1 { "node" } else { "nodes" };
    let mut text = format!(
        "cluster {name} is up: {nodes} {plural}, reference model of Cilium {cilium}, API at {url}\n\n  \
         export KUBECONFIG={kubeconfig}\n  \
         kubectl get gatewayclass,nodes\n  \
         kubectl apply -f my-gateway.yaml\n  \
         curl http://$(kubectl get gateway NAME -o jsonpath='{{.status.addresses[0].value}}')/\n\n"
    );
    let foreign: Vec<&str> = arguments
        .pools
        .iter()
        .map(String::as_str)
        .filter(|pool| !pool.starts_with("127."))
        .collect();
    if !foreign.is_empty() {
        let foreign = foreign.join(", ");
        let line = format!(
            "addresses of {foreign} are not this machine's, so curl cannot reach them; without \
             --pool it can\n"
        );
        text.push_str(&line);
    }
    text += stop;
    text.push('\n');
    text
}

/// What was typed, read and checked; every mistake together.
pub(super) fn plan(arguments: &UpArguments) -> Result<StandingPlan, CommandError> {
    let mut mistakes = Vec::new();
    if !is_name(&arguments.name) {
        mistakes.push(format!(
            "--name: `{}` is no name for a cluster; expected at most {LONGEST_NAME} lower-case letters, digits and `-`, with a letter or digit at both ends",
            arguments.name
        ));
    }
    for pool in &arguments.pools {
        if let Err(expected) = setup::address_pool(pool) {
            mistakes.push(format!("--pool: `{pool}` is no range of addresses; {expected}"));
        }
    }
    let nodes = match discover::topology(&arguments.nodes) {
        Ok(file) => Some(file),
        Err(error) => {
            mistakes.push(format!("--nodes: {error}"));
            None
        }
    };
    if !mistakes.is_empty() {
        return Err(CommandError::Usage(mistakes.join("\nerror: ")));
    }
    let files: Vec<GivenFile> = arguments.values.iter().map(|path| discover::given(path)).collect();
    let input = |problems| CommandError::Input(Box::new(problems));
    let cilium = setup::cilium(&arguments.cilium, &setup::gateway_values(), &files);
    let nodes = nodes.expect("a missing topology was refused above");
    Ok(StandingPlan {
        name: arguments.name.clone(),
        cilium: cilium.map_err(input)?,
        topology: setup::topology(&nodes).map_err(input)?,
        address_pools: arguments.pools.clone(),
    })
}

fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= LONGEST_NAME
        && text.starts_with(inner)
        && text.ends_with(inner)
        && text.chars().all(|c| inner(c) || c == '-')
}

pub(super) fn absolute(path: &std::path::Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A taken name and an existing file are the user's to change.
fn registry_error(error: RegistryError) -> CommandError {
    match error {
        RegistryError::NameTaken(_) | RegistryError::KubeconfigExists(_) => {
            CommandError::Usage(error.to_string())
        }
        error => CommandError::Infrastructure(error.into()),
    }
}
