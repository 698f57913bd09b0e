//! `gateproof run --provider existing`: what must be known and allowed before anything is made on
//! somebody's cluster. Every problem is told at once, and nothing is made while there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gateproof_core::cluster::EMBEDDED;
use gateproof_core::dossier::Dossier;
use gateproof_core::plan::Plan;
use gateproof_existing::provider::{Errand, Found, Purpose};
use gateproof_existing::{Connected, belongings, connect, fit, rights, survey};
use gateproof_kubernetes::Access;
use gateproof_runner::provider::Setup;
use gateproof_runner::{clock, intent};
use serde_json::Value;

use super::super::check::not_connected;
use super::super::{CommandError, tell};
use crate::arguments::RunArguments;

/// How long looking at the cluster may take.
const LOOK_WITHIN: Duration = Duration::from_secs(30);

/// Connects, compares and asks; gives the trials that fit and what runs them.
pub(super) async fn prepare(
    arguments: &RunArguments,
    plan: Plan,
    run: &str,
) -> Result<(Plan, Setup), CommandError> {
    let access = arguments.existing.access();
    let connected = connect(&access, |place| tell(&format!("{place}\n"))).await;
    let connected = connected.map_err(not_connected)?;
    let taken = clock::now_rfc3339().parse().ok();
    let options = gateproof_inspect::Options { taken, within: LOOK_WITHIN, ..Default::default() };
    let dossier = gateproof_inspect::live(&connected.client, &options).await;
    let plan = fitting(plan, &dossier)?;
    let plan = intent::labelled_plan(plan, run);
    let errand = errand(arguments, &access, &connected, &plan, &dossier).await?;
    let survey = survey(&dossier).await;
    tell(&format!("{survey}\n"));
    let found = Box::new(Found::new(connected, survey, &dossier));
    Ok((plan, Setup::Existing { found, purpose: Purpose::Run(errand) }))
}

/// The trials that want what is there; the others are told with what they want.
fn fitting(plan: Plan, dossier: &Dossier) -> Result<Plan, CommandError> {
    let mut left_out = Vec::new();
    let mut clusters = Vec::new();
    for mut cluster in plan.clusters {
        cluster.trials.retain(|trial| {
            let misfits = fit::misfits(trial, dossier);
            for misfit in &misfits {
                left_out.push(format!("{}: {misfit}", trial.name));
            }
            misfits.is_empty()
        });
        if !cluster.trials.is_empty() {
            clusters.push(cluster);
        }
    }
    if clusters.is_empty() {
        return Err(CommandError::Usage(format!(
            "no trial wants what this cluster has, and nothing is installed on it:\n  {}",
            left_out.join("\n  ")
        )));
    }
    for line in left_out {
        tell(&format!("left out: {line}\n"));
    }
    Ok(Plan { clusters, ..plan })
}

/// What the run will make, once it is known that it may and that nothing is in its way.
async fn errand(
    arguments: &RunArguments,
    access: &Access,
    connected: &Connected,
    plan: &Plan,
    dossier: &Dossier,
) -> Result<Errand, CommandError> {
    let client = &connected.client;
    let image = arguments.kind.image.clone();
    let (mut problems, mut namespaces) = (Vec::new(), BTreeMap::new());
    let mut all: Vec<Value> = Vec::new();
    for cluster in &plan.clusters {
        let mut own = BTreeSet::new();
        for trial in &cluster.trials {
            let made = intent::objects(trial, image.as_deref().unwrap_or_default());
            let shared: BTreeSet<String> =
                intent::shares_cert_managers_namespace(trial).into_iter().collect();
            problems.extend(fit::touched(trial, &made));
            let taken = belongings::taken(client, &made, &shared).await;
            problems.extend(taken.map_err(|problem| CommandError::from(anyhow::anyhow!(problem)))?);
            own.extend(belongings::namespaces(&made).difference(&shared).cloned());
            if !trial.definition.backends.is_empty() && image.is_none() && !is_model(dossier) {
                problems.push(
                    "backends run the gateproof program: name an image of it that the nodes can \
                     pull with --image"
                        .to_owned(),
                );
            }
            all.extend(made);
        }
        namespaces.insert(cluster.name.clone(), own);
    }
    let missing = rights::missing(client, &all).await;
    problems.extend(missing.map_err(|problem| CommandError::from(anyhow::anyhow!(problem)))?);
    if !arguments.allow_writes {
        let names: BTreeSet<&String> = namespaces.values().flatten().collect();
        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        problems.push(format!(
            "the run would make namespaces {} with what is in them, and remove them again; allow \
             it with --allow-writes",
            names.join(", ")
        ));
    }
    let mut told = BTreeSet::new();
    problems.retain(|problem| told.insert(problem.clone()));
    if !problems.is_empty() {
        return Err(CommandError::Usage(format!(
            "nothing was made on {}:\n  {}",
            connected.place,
            problems.join("\n  ")
        )));
    }
    let context = Some(connected.place.context.clone()).filter(|_| {
        // Inside a pod there is no context to come back by.
        access.kubeconfig.is_some()
            || access.context.is_some()
            || !connected.place.context.starts_with('(')
    });
    let kubeconfig = access
        .kubeconfig
        .as_ref()
        .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    Ok(Errand { access: Access { kubeconfig, context }, namespaces, image })
}

/// Whether nodes run the model, whose backends need no image.
fn is_model(dossier: &Dossier) -> bool {
    dossier.list("", "Node").any(|node| {
        node["status"]["nodeInfo"]["osImage"]
            .as_str()
            .is_some_and(|image| image.starts_with(EMBEDDED))
    })
}
