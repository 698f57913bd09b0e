//! `gateproof run --provider existing`: what must be known and allowed before anything is made on
//! somebody's cluster. Every problem is told at once, and nothing is made while there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gateproof_core::cluster::EMBEDDED;
use gateproof_core::dossier::Dossier;
use gateproof_core::plan::Plan;
use gateproof_existing::inside::Inside;
use gateproof_existing::provider::{Errand, Found, Purpose};
use gateproof_existing::versions::{self, AtVersion, Tolerance};
use gateproof_existing::{Connected, belongings, fit, rights, survey};
use gateproof_runner::intent;
use gateproof_runner::provider::Setup;
use serde_json::Value;

use super::super::check::look;
use super::super::standpoint::{self, Wish};
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
    let wish = Wish {
        vantage: arguments.kind.vantage.as_deref(),
        image: arguments.kind.images.image.as_deref(),
        writes: arguments.allow_writes.into(),
    };
    wish.vantage()?;
    let (connected, dossier) = look(&arguments.existing, &[], LOOK_WITHIN).await?;
    let tolerance =
        if arguments.any_version { Tolerance::AnyVersion } else { Tolerance::SameBehaviour };
    let unreadable = fit::unreadable(&dossier);
    if !unreadable.is_empty() {
        return Err(CommandError::Infrastructure(anyhow::anyhow!(
            "nothing was made on {}:\n  {}\n  next: give the account the role that `gateproof check \
             --print-role` prints, or use another context",
            connected.place,
            unreadable.join("\n  ")
        )));
    }
    let plan = fitting(plan, &dossier, tolerance)?;
    let plan = intent::labelled_plan(plan, run);
    let survey = survey(&dossier).await;
    tell(&format!("{survey}\n"));
    let inside = wish.inside(&survey, run)?;
    let intent =
        Intent { arguments, connected: &connected, plan: &plan, dossier: &dossier, inside, run };
    let errand = intent.errand().await?;
    let found = Box::new(Found::new(connected, survey, &dossier));
    Ok((plan, Setup::Existing { found, purpose: Purpose::Run(errand) }))
}

/// The trials that want what is there; the others are told with what they want.
fn fitting(plan: Plan, dossier: &Dossier, tolerance: Tolerance) -> Result<Plan, CommandError> {
    let AtVersion { plan, notes } = match &dossier.versions.cilium {
        Some(runs) => versions::at(&plan, runs, tolerance),
        None => AtVersion { plan, notes: Vec::new() },
    };
    let mut left_out = Vec::new();
    let mut clusters = Vec::new();
    for mut cluster in plan.clusters {
        cluster.trials.retain(|trial| {
            let misfits = fit::misfits(trial, dossier);
            if !misfits.is_empty() {
                left_out.push(format!("{}:\n    {}", trial.name, misfits.join("\n    ")));
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
    for note in notes {
        tell(&format!("note: {note}\n"));
    }
    Ok(Plan { clusters, ..plan })
}

/// What a run would make, and where.
struct Intent<'a> {
    arguments: &'a RunArguments,
    connected: &'a Connected,
    plan: &'a Plan,
    dossier: &'a Dossier,
    inside: Option<Inside>,
    run: &'a str,
}

impl Intent<'_> {
    /// What the run will make, once it is known that it may and that nothing is in its way.
    async fn errand(self) -> Result<Errand, CommandError> {
        let client = &self.connected.client;
        let image = self.arguments.kind.images.image.clone();
        let (mut problems, mut namespaces) = (Vec::new(), BTreeMap::new());
        let mut all: Vec<Value> = Vec::new();
        for cluster in &self.plan.clusters {
            let mut own = BTreeSet::new();
            for trial in &cluster.trials {
                let made = intent::objects(trial, image.as_deref().unwrap_or_default());
                let shared: BTreeSet<String> =
                    intent::shares_cert_managers_namespace(trial).into_iter().collect();
                problems.extend(fit::touched(trial, &made));
                problems.extend(fit::missing_classes(&made, self.dossier));
                problems.extend(belongings::taken(client, &made, &shared).await.map_err(unasked)?);
                own.extend(belongings::namespaces(&made).difference(&shared).cloned());
                if !trial.definition.backends.is_empty()
                    && image.is_none()
                    && !is_model(self.dossier)
                {
                    problems.push(
                        "backends run the gateproof program: name an image of it that the nodes \
                         can pull with --image"
                            .to_owned(),
                    );
                }
                all.extend(made);
            }
            namespaces.insert(cluster.name.clone(), own);
        }
        all.extend(self.inside.as_ref().map(|inside| inside.pod(self.run)));
        let besides = self.inside.as_ref().map(Inside::permissions).unwrap_or_default();
        problems.extend(rights::missing(client, &all, &besides).await.map_err(unasked)?);
        if !self.arguments.allow_writes {
            let mut names: BTreeSet<&str> =
                namespaces.values().flatten().map(String::as_str).collect();
            names.extend(self.inside.as_ref().map(|inside| inside.namespace.as_str()));
            let names: Vec<&str> = names.into_iter().collect();
            problems.push(format!(
                "the run would make namespaces {} with what is in them, and remove them again; \
                 allow it with --allow-writes",
                names.join(", ")
            ));
        }
        let mut told = BTreeSet::new();
        problems.retain(|problem| told.insert(problem.clone()));
        standpoint::refuse(&problems, self.connected)?;
        let access = standpoint::to_come_back(&self.arguments.existing.access(), self.connected);
        Ok(Errand { access, namespaces, image, inside: self.inside })
    }
}

fn unasked(problem: String) -> CommandError {
    CommandError::from(anyhow::anyhow!(problem))
}

/// Whether nodes run the model, whose backends need no image.
fn is_model(dossier: &Dossier) -> bool {
    dossier.list("", "Node").any(|node| {
        node["status"]["nodeInfo"]["osImage"]
            .as_str()
            .is_some_and(|image| image.starts_with(EMBEDDED))
    })
}
